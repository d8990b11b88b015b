"""The dataset class for PyTorch: samples, workers, collation, transforms, pictures."""

import numpy as np
import pytest
import torch
from greenup.errors import UserError
from greenup.patches.dataset import PatchDataset
from matplotlib.figure import Figure
from test_layout_export import Made
from torch.utils.data import DataLoader, default_collate


@pytest.fixture
def made(study) -> Made:
    return Made(study, count=3)


@pytest.fixture
def folder(made):
    return made.index.parent


def stack_samples(samples):
    """What torchgeo's collate function of that name does: tensors are stacked, all else is listed."""
    return {
        name: torch.stack([s[name] for s in samples])
        if isinstance(samples[0][name], torch.Tensor)
        else [s[name] for s in samples]
        for name in samples[0]
    }


def test_three_lines(folder, made):
    dataset = PatchDataset(folder, bands=("B4", "B3", "B2"))
    sample = dataset[0]
    assert len(dataset) == 11
    assert set(sample) == {"image", "valid", "bounds", "transform", "time", "crs", "site_id", "season"}
    truth, valid = made.store.read("s000", "winter", ("B4", "B3", "B2"))
    assert sample["image"].dtype == torch.float32
    np.testing.assert_allclose(sample["image"].numpy(), truth / 10_000, rtol=1e-6)
    assert sample["valid"].dtype == torch.bool
    np.testing.assert_array_equal(sample["valid"].numpy(), valid)
    row = made.store.row("s000", "winter")
    assert sample["bounds"].tolist() == list(row.grid.bounds())
    assert sample["transform"].tolist() == list(row.grid.transform(10))[:6]
    assert sample["time"].item() == int(row.time.timestamp())
    assert (sample["site_id"], sample["season"], sample["crs"]) == ("s000", "winter", f"EPSG:{row.grid.epsg}")


def test_invalid_pixels_are_0_and_said_to_be(folder, made):
    dataset = PatchDataset(folder, seasons=["summer"])
    sample = next(s for s in dataset if s["site_id"] == "s002")
    assert not sample["valid"].all()
    assert (sample["image"][:, ~sample["valid"]] == 0).all()
    assert torch.isfinite(sample["image"]).all()
    assert dataset.bands == dataset.all_bands == made.store.bands
    assert dataset.rgb_bands == ("B4", "B3", "B2")


def test_sites_with_all_their_seasons(folder):
    dataset = PatchDataset(folder, bands=["B8", "NDVI"], item="site", seasons=("summer", "winter", "autumn"))
    # s001 has no autumn.
    assert [s["site_id"] for s in dataset] == ["s000", "s002"]
    sample = dataset[1]
    assert sample["image"].shape == (3, 2, 24, 24)
    assert sample["valid"].shape == (3, 24, 24)
    assert sample["bounds"].shape == (3, 4)
    assert sample["transform"].shape == (3, 6)
    assert sample["time"].shape == (3,)
    assert sample["season"] == ["summer", "winter", "autumn"]
    alone = PatchDataset(folder, bands=["B8", "NDVI"], seasons=["winter"])
    torch.testing.assert_close(sample["image"][1], alone[2]["image"])


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("item", ["image", "site"])
@pytest.mark.parametrize("collate", [default_collate, stack_samples])
def test_workers_give_what_one_process_gives(folder, start, item, collate):
    dataset = PatchDataset(folder, bands=("B4", "B3", "B2"), item=item)
    dataset[0]  # files are open before the workers are forked
    loader = DataLoader(dataset, batch_size=2, num_workers=2, multiprocessing_context=start, collate_fn=collate)
    batches = list(loader)
    singly = [dataset[i] for i in range(len(dataset))]
    for name in ("image", "valid", "bounds", "transform", "time"):
        torch.testing.assert_close(torch.cat([b[name] for b in batches]), torch.stack([s[name] for s in singly]))
    assert [i for b in batches for i in b["site_id"]] == [s["site_id"] for s in singly]
    if item == "image":
        assert [i for b in batches for i in b["season"]] == [s["season"] for s in singly]


def test_transforms_take_and_give_the_dict(folder):
    def flip(sample):
        # As Kornia's and torchgeo's augmentations of dicts do: image and mask are changed together, the rest kept.
        return {**sample, "image": sample["image"].flip(-1), "valid": sample["valid"].flip(-1)}

    plain, flipped = PatchDataset(folder), PatchDataset(folder, transforms=flip)
    for i in (0, 6):
        torch.testing.assert_close(flipped[i]["image"].flip(-1), plain[i]["image"])
        torch.testing.assert_close(flipped[i]["valid"].flip(-1), plain[i]["valid"])
        assert flipped[i]["site_id"] == plain[i]["site_id"]


@pytest.mark.parametrize(("item", "panels"), [("image", 1), ("site", 4)])
@pytest.mark.parametrize("bands", [("B8", "B4", "B3", "B2"), ("NDVI",)])
def test_pictures(folder, item, panels, bands, tmp_path):
    dataset = PatchDataset(folder, bands=bands, item=item)
    figure = dataset.plot(dataset[0], suptitle="a site")
    assert isinstance(figure, Figure)
    assert len(figure.axes) == panels
    assert figure.axes[0].get_title() == "s000, winter"
    assert figure.get_suptitle() == "a site, simulated"
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == ((24, 24, 3) if len(bands) > 1 else (24, 24))
    assert 0.2 < float(shown.mean()) < 0.8
    figure.savefig(tmp_path / "a.png")
    assert not dataset.plot(dataset[0], show_titles=False).axes[0].get_title()


def test_refusals(folder, made):
    with pytest.raises(UserError, match=r"no index\.parquet"):
        PatchDataset(folder.parent)
    with pytest.raises(UserError, match="write B4"):
        PatchDataset(folder, bands=["B04"])
    with pytest.raises(UserError, match="'VV' is not stored"):
        PatchDataset(folder, bands=["VV"])
    with pytest.raises(UserError, match="no image of season 'rainy'"):
        PatchDataset(folder, seasons=["rainy"])
    with pytest.raises(ValueError, match="choose image or site"):
        PatchDataset(folder, item="season")
    with pytest.raises(IndexError):
        PatchDataset(folder)[11]
