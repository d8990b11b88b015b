"""The siamese head: shapes, what is frozen, learning, and metrics of pixels against scikit-learn."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from greenup.config.evaluation import SiameseProtocol
from greenup.errors import UserError
from greenup.evaluate.siamese import STRIDES, FrozenStages, SiameseNetwork
from greenup.evaluate.siamese_tiles import Pair, cut, oscd_quantiles, tiles_of, training_order, training_turns
from greenup.evaluate.siamese_training import Counts, run_siamese
from greenup.pretrain.preprocess import Preprocess
from sklearn.metrics import precision_recall_fscore_support
from torch import nn

WIDTHS = {"resnet18": (64, 64, 128, 256, 512), "resnet50": (64, 256, 512, 1024, 2048)}
QUICK = SiameseProtocol(tile_px=32, epochs=8, batch_size=4, lr=1e-2, lr_decay=0.9, dropout=0.0)


class Tiny(nn.Module):
    """A ResNet in name: a stage is one convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.maxpool = nn.Identity()
        for i in (1, 2, 3, 4):
            setattr(self, f"layer{i}", nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1)))


@pytest.fixture
def tiny() -> nn.Module:
    torch.manual_seed(5)
    return Tiny(2)


def reflectance(channels: tuple[str, ...]) -> Preprocess:
    n = len(channels)
    return Preprocess(channels, "reflectance", (0.0,) * n, (1e4,) * n)


def pairs(seed: int, count: int, shape: tuple[int, int] = (64, 80)) -> list[Pair]:
    """Noise that is the same at both dates, but for squares that become bright; the last columns hold no data."""
    draws = np.random.default_rng(seed)
    out = []
    for number in range(count):
        before = draws.integers(900, 1100, (2, *shape)).astype(np.uint16)
        after, changed = before.copy(), np.zeros(shape, dtype=bool)
        for row, column in draws.integers(0, (shape[0] - 16, shape[1] - 20), (4, 2)):
            changed[row : row + 16, column : column + 16] = True
        after[:, changed] = 6000
        valid = np.ones(shape, dtype=bool)
        valid[:, -3:] = False
        out.append(Pair(f"city{number}", before, after, changed, valid))
    return out


# -------------------------------------------------------------------------------------------------------------- network
@pytest.mark.parametrize("channels", [3, 12, 13])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_shapes_of_every_stage(name: str, channels: int) -> None:
    network = SiameseNetwork(timm.create_model(name, in_chans=channels, num_classes=0))
    assert network.encoder.widths == WIDTHS[name]
    images = torch.rand(1, channels, 64, 96)
    for width, stride, feature in zip(WIDTHS[name], STRIDES, network.encoder(images), strict=True):
        assert feature.shape == (1, width, 64 // stride, 96 // stride)
    with torch.inference_mode():
        assert network.eval()(images, images).shape == (1, 1, 64, 96)


@pytest.mark.parametrize("first_stage", ["convolution", "relu"])
def test_features_are_the_children_that_the_papers_take(first_stage: str) -> None:
    """Children 0 (SeCo) or 2 (SSL4EO-S12), and 4 to 7, of torchvision's ResNet run one after the other."""
    backbone = torchvision.models.resnet18().eval()
    x, expected = torch.rand(2, 3, 64, 64), []
    ours = FrozenStages(backbone, first_stage)(x)
    with torch.no_grad():
        for i, module in enumerate(list(backbone.children())[:8]):
            x = module(x)
            if i in (0 if first_stage == "convolution" else 2, 4, 5, 6, 7):
                expected.append(x.clone())
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_identical_dates_differ_nowhere_and_order_is_irrelevant() -> None:
    torch.manual_seed(1)
    network = SiameseNetwork(timm.create_model("resnet18", in_chans=3, num_classes=0)).eval()
    a, b = torch.rand(2, 1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(a, b), network(b, a))
        same = network(a, a)
        torch.testing.assert_close(same, network(b, b))


def test_the_encoder_stays_as_it_is_unless_it_adapts() -> None:
    for adapts in (False, True):
        network = SiameseNetwork(timm.create_model("resnet18", in_chans=3, num_classes=0), adapts=adapts)
        before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
        network.train()
        network(torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)).sum().backward()
        after = network.encoder.state_dict()
        changed = {k.rsplit(".", 1)[1] for k in before if not torch.equal(before[k], after[k])}
        assert changed == ({"running_mean", "running_var", "num_batches_tracked"} if adapts else set())
        assert all(p.grad is None for p in network.encoder.parameters())
        assert all(p.grad is not None for p in network.decoder.parameters())


def test_only_resnets_have_stages() -> None:
    with pytest.raises(UserError, match="VisionTransformer has no conv1"):
        FrozenStages(timm.create_model("vit_tiny_patch16_224", num_classes=0))


# ---------------------------------------------------------------------------------------------------------------- tiles
def test_padded_tiles_cover_every_pixel_once_and_dropped_ones_none_twice() -> None:
    both = pairs(1, 2, (70, 96))
    for borders, covered in (("pad", 70 * 96), ("drop", 64 * 96)):
        seen = [np.zeros(p.changed.shape, dtype=int) for p in both]
        for tile in tiles_of(both, 32, borders):
            seen[tile.pair][tile.row : tile.row + 32, tile.column : tile.column + 32] += 1
        assert all(s.max() == 1 and s.sum() == covered for s in seen)


def test_a_batch_is_scaled_padded_and_turned_as_one() -> None:
    both, preprocess = pairs(2, 1, (40, 40)), reflectance(("B2", "B3"))
    tiles = tiles_of(both, 32, "pad")
    batch = cut(both, tiles, 32, preprocess)
    np.testing.assert_allclose(batch.before[0], both[0].before[:, :32, :32] / 1e4, rtol=1e-6)
    # The tile at the lower right holds 8 x 8 pixels of the image, the last three columns of which have no data.
    assert (
        batch.counts[3].sum() == 8 * 5 and (batch.before[3, :, 8:] == 0).all() and (batch.after[3, :, :, 8:] == 0).all()
    )
    everything = cut(both, tiles, 32, preprocess, padding_counts=True)
    assert everything.counts[3].sum() == 32 * 32 - 8 * 3
    turned = batch.turned(np.array([True, False, True, False]), np.array([0, 1, 2, 3]))
    for name in ("before", "after", "changed", "counts"):
        original, now = getattr(batch, name).numpy(), getattr(turned, name).numpy()
        for i, (flip, quarters) in enumerate([(True, 0), (False, 1), (True, 2), (False, 3)]):
            expected = original[i][..., ::-1] if flip else original[i]
            np.testing.assert_array_equal(now[i], np.rot90(expected, quarters, (-2, -1)))


def test_training_order_and_turns_are_drawn_of_the_seed() -> None:
    batches = training_order(3, 0, 11, 4)
    assert [len(b) for b in batches] == [4, 4] and len(set(np.concatenate(batches))) == 8
    assert [len(b) for b in training_order(3, 0, 3, 4)] == [3]
    assert not np.array_equal(np.concatenate(batches), np.concatenate(training_order(3, 1, 11, 4)))
    flips, quarters = training_turns(3, 0, 4000)
    assert abs(flips.mean() - 0.5) < 0.05 and np.all(np.abs(np.bincount(quarters) / 4000 - 0.25) < 0.05)


def test_quantiles_of_oscd_are_the_papers_arithmetic() -> None:
    stored = np.random.default_rng(0).integers(0, 6000, (3, 7, 9)).astype(np.uint16)
    ours = oscd_quantiles(("B4", "B3", "B2")).scale(torch.from_numpy(stored.astype(np.float32)))
    for plane, result, (low, high) in zip(
        stored, ours, ((426.0, 3698.0), (667.0, 2969.0), (885.0, 2620.0)), strict=True
    ):
        theirs = (np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8) / 255
        np.testing.assert_allclose(result, theirs, atol=1e-6)
    with pytest.raises(UserError, match="NDVI"):
        oscd_quantiles(("B4", "NDVI"))


# ------------------------------------------------------------------------------------------------------------- training
def test_it_learns_what_has_changed(tiny: nn.Module) -> None:
    test = pairs(7, 2)
    scores, predictions = run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 6), test, QUICK, seed=1)
    value = scores.set_index("metric")["value"]
    assert value["f1"] > 0.8
    assert scores["n_train"].unique().tolist() == [6] and scores["n_test"].unique().tolist() == [2]
    # Once over all pixels with data, as scikit-learn has it.
    valid = np.concatenate([p.valid.ravel() for p in test])
    observed = np.concatenate([p.changed.ravel() for p in test])[valid]
    probability = np.concatenate(predictions["probability"].to_list())[valid]
    precision, recall, f1, _ = precision_recall_fscore_support(observed, probability >= 0.5, average="binary")
    assert value[["precision", "recall", "f1"]].tolist() == pytest.approx([precision, recall, f1], abs=1e-12)
    assert (
        predictions[["true_positive", "false_positive", "false_negative", "true_negative"]].sum().sum() == valid.sum()
    )
    np.testing.assert_array_equal(predictions["observed"][0], (test[0].changed & test[0].valid).ravel())


def test_the_same_seed_gives_the_same_map_and_leaves_torchs_generator_alone(tiny: nn.Module) -> None:
    quick = QUICK.model_copy(update={"epochs": 1, "dropout": 0.3})
    state = torch.random.get_rng_state()
    runs = [run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 2), pairs(7, 1), quick, seed=s)[1] for s in (1, 1, 2)]
    assert torch.equal(state, torch.random.get_rng_state())
    maps = [r["probability"][0] for r in runs]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


def test_dropped_borders_are_not_judged(tiny: nn.Module) -> None:
    quick = QUICK.model_copy(update={"epochs": 1, "borders": "drop"})
    _, predictions = run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 2), pairs(7, 1, (40, 64)), quick, seed=1)
    probability = predictions["probability"][0].reshape(40, 64)
    assert np.isnan(probability[32:]).all() and not np.isnan(probability[:32]).any()
    with pytest.raises(UserError, match="no training image is as large as a tile of 96 px"):
        run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 1), pairs(7, 1), SiameseProtocol(borders="drop"), seed=1)


def test_the_papers_f1_is_the_mean_over_full_batches(tiny: nn.Module) -> None:
    quick = QUICK.model_copy(update={"epochs": 2})
    test = pairs(7, 1, (64, 96))
    scores, predictions = run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 2), test, quick, seed=1)
    said = predictions["probability"][0].reshape(64, 96) >= 0.5
    tiles = tiles_of(test, 32, "pad")[:4]  # six tiles; the second batch has two and is left out

    def of(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array[t.row : t.row + 32, t.column : t.column + 32].ravel() for t in tiles])

    valid = of(test[0].valid)
    *_, f1, _ = precision_recall_fscore_support(
        of(test[0].changed)[valid], of(said)[valid], average="binary", zero_division=0
    )
    assert scores.set_index("metric")["value"]["f1_batch_mean"] == pytest.approx(f1, abs=1e-12)


def test_counts_of_nothing_are_zero_and_not_a_division() -> None:
    none = np.zeros(5, dtype=bool)
    assert Counts.of(none, none).metrics() == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert Counts.of(none, ~none).metrics()["precision"] == 0.0
    assert Counts.of(~none, ~none).metrics() == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_no_change_anywhere_is_an_error(tiny: nn.Module) -> None:
    same = [Pair("flat", *(np.full((2, 32, 32), 5, np.uint16),) * 2, np.zeros((32, 32), bool), np.ones((32, 32), bool))]
    with pytest.raises(UserError, match="no pixel of the test images has changed"):
        run_siamese(tiny, reflectance(("B2", "B3")), pairs(6, 1), same, QUICK, seed=1)


def test_tiles_must_be_whole_strides() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        SiameseProtocol(tile_px=100)
