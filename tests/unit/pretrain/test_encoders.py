"""Encoders that timm does not have, against the libraries they are made from and arithmetic on their weights."""

import timm
import torch
import torchvision
from greenup.config import Model
from greenup.pretrain.backbones import architecture_of, build
from greenup.pretrain.encoders import CromaOptical, Dofa, Satlas, SatMae
from torch import nn

SATMAE = {"in_chans": 5, "img_size": 16, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 4}
GROUPS = [[0, 3], [1, 4], [2]]


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every learnt number drawn anew, so that none is at a start value that hides a mistake."""
    draws = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.data = torch.randn(p.shape, generator=draws) * 0.1
    return network.eval()


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def published(weights: str) -> dict:
    return architecture_of(Model.model_validate({"method": {"name": "published", "weights": weights}}))


def on_meta(weights: str) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a network at its true size, which takes no memory."""
    with torch.device("meta"):
        return {k: tuple(v.shape) for k, v in build(published(weights)).state_dict().items()}


def shapes(network: nn.Module, start: str = "") -> dict[str, tuple[int, ...]]:
    return {start + k: tuple(v.shape) for k, v in network.state_dict().items()}


class TestSatMae:
    def test_of_one_group_is_timms(self):
        """One group of all channels is a plain vision transformer, whose positions are both parts side by side."""
        mine = drawn(SatMae(**SATMAE, channel_dim=8, groups=[[0, 1, 2, 3, 4]]))
        plain = timm.models.VisionTransformer(**SATMAE, num_classes=0, global_pool="avg").eval()
        state = {k.replace("patch_embed.0.", "patch_embed."): v for k, v in mine.state_dict().items()}
        group, first = state.pop("channel_embed"), state.pop("channel_cls_embed")
        kinds = torch.cat([first, group.expand(-1, 4, -1)], dim=1)
        plain.load_state_dict({**state, "pos_embed": torch.cat([state["pos_embed"], kinds], dim=-1)})
        x = images(2, 5, 16, 16)
        torch.testing.assert_close(mine(x), plain(x), rtol=1e-4, atol=1e-5)

    def test_tokens_of_groups(self):
        """What enters the first block, token by token, in float64 from the weights: class token, then the groups."""
        mine = drawn(SatMae(**SATMAE, channel_dim=8, groups=GROUPS))
        seen = []
        mine.blocks.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].double()))
        x = images(1, 5, 16, 16)
        mine(x)
        w = {k: v.double() for k, v in mine.state_dict().items()}
        expected = [w["cls_token"][0, 0] + torch.cat([w["pos_embed"][0, 0], w["channel_cls_embed"][0, 0]])]
        for g, group in enumerate(GROUPS):
            for place in range(4):
                row, column = divmod(place, 2)
                patch = x[0, group, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].double()
                token = (w[f"patch_embed.{g}.proj.weight"] * patch).sum(dim=(1, 2, 3)) + w[f"patch_embed.{g}.proj.bias"]
                expected.append(token + torch.cat([w["pos_embed"][0, 1 + place], w["channel_embed"][0, g]]))
        torch.testing.assert_close(seen[0][0], torch.stack(expected), rtol=1e-4, atol=1e-5)

    def test_the_class_token_is_not_pooled(self):
        mine = drawn(SatMae(**{**SATMAE, "depth": 0}, channel_dim=8, groups=GROUPS))
        before = mine(images(1, 5, 16, 16))
        mine.cls_token.data += 5
        assert torch.equal(mine(images(1, 5, 16, 16)), before)

    def test_true_size(self):
        """As models_vit_group_channels.py builds vit_large_patch16 with 96 pixels and tokens of 8."""
        found = on_meta("satmae_vit_large")
        assert found["pos_embed"] == (1, 145, 768) and found["channel_embed"] == (1, 3, 256)
        assert found["cls_token"] == (1, 1, 1024) and found["channel_cls_embed"] == (1, 1, 256)
        assert [found[f"patch_embed.{g}.proj.weight"] for g in range(3)] == [(1024, n, 8, 8) for n in (4, 4, 2)]
        assert found["blocks.23.attn.qkv.weight"] == (3072, 1024) and "blocks.24.norm1.weight" not in found
        with torch.device("meta"):
            plain = timm.create_model("vit_large_patch16_224", num_classes=0, global_pool="avg", pretrained=False)
        theirs = {k: v for k, v in shapes(plain).items() if k.startswith(("blocks.", "fc_norm.", "cls_token"))}
        assert theirs.items() <= found.items()
        # B2 B3 B4 B8, B5 B6 B7 B8A, B11 B12.
        channels = Model.model_validate({"method": {"name": "published", "weights": "satmae_vit_large"}}).channels
        groups = published("satmae_vit_large")["arguments"]["groups"]
        assert [" ".join(channels[c] for c in g) for g in groups] == ["B2 B3 B4 B8", "B5 B6 B7 B8A", "B11 B12"]


class TestSatlas:
    def test_true_size_is_torchvisions(self):
        with torch.device("meta"):
            theirs = torchvision.models.swin_v2_b()
            theirs.features[0][0] = nn.Conv2d(9, 128, 4, 4)
        assert on_meta("satlas_swin_v2_base") == shapes(theirs.features, "features.")

    def test_is_the_maximum_over_places_of_the_last_stage(self):
        network = drawn(Satlas(9, 64, 4, 16, [1, 1, 1, 1], [1, 2, 4, 8], 8))
        stages = []
        for stage in network.features:
            stage.register_forward_hook(lambda _, __, out: stages.append(out))
        found = network(images(2, 9, 64, 64))
        assert found.shape == (2, 128) and network.num_features == 128
        assert stages[-1].shape == (2, 2, 2, 128)
        expected = stages[-1].numpy(force=True).reshape(2, 4, 128).max(axis=1)
        assert (found.numpy(force=True) == expected).all()


class TestCroma:
    def test_true_size_is_torchgeos(self, monkeypatch):
        from torchgeo.models import croma, croma_large

        # The biases, which no file holds, take their time where nothing else does.
        monkeypatch.setattr(croma, "get_2dalibi", lambda num_heads, num_patches: torch.zeros(1, 16, 225, 225))
        with torch.device("meta"):
            theirs = shapes(croma_large(modalities=["optical"]))
        assert theirs.pop("attn_bias") == (1, 16, 225, 225)
        assert on_meta("croma_vit_large") == theirs

    def test_gives_torchgeos_pooled_features(self):
        from torchgeo.models import CROMA

        theirs = drawn(CROMA(["sar", "optical"], 32, 2, 16, 8, 24))
        mine = CromaOptical(12, 24, 8, 32, 2, 16).eval()
        state = {k: v for k, v in theirs.state_dict().items() if k.startswith("s2_")}
        mine.load_state_dict(state)
        x = images(2, 12, 24, 24)
        expected = theirs(x_sar=images(2, 2, 24, 24), x_optical=x)["optical_GAP"]
        torch.testing.assert_close(mine(x), expected, rtol=1e-5, atol=1e-6)


class TestDofa:
    def test_true_size_is_torchgeos(self):
        from torchgeo.models import dofa_large_patch16_224

        with torch.device("meta"):
            theirs = dofa_large_patch16_224(num_classes=0)
        assert on_meta("dofa_vit_large") == shapes(theirs, "network.")

    def test_is_told_the_wavelengths_of_its_readme(self):
        told = published("dofa_vit_large")["arguments"]["wavelengths"]
        assert told == [0.665, 0.56, 0.49, 0.705, 0.74, 0.783, 0.842, 1.61, 2.19]

    def test_gives_torchgeos_features(self):
        from torchgeo.models import DOFA

        theirs = drawn(DOFA(32, 16, 0.0, 32, 2, 4, num_classes=0))
        mine = Dofa(3, 32, 16, 32, 2, 4, [0.665, 0.56, 0.49]).eval()
        mine.network.load_state_dict(theirs.state_dict())
        x = images(2, 3, 32, 32)
        assert torch.equal(mine(x), theirs(x, [0.665, 0.56, 0.49]))

    def test_a_channel_goes_with_its_wavelength(self):
        """Channels and wavelengths in another order together change nothing; channels alone do."""
        state = drawn(Dofa(3, 32, 16, 32, 2, 4, [0.665, 0.56, 2.19])).state_dict()
        one, two = (Dofa(3, 32, 16, 32, 2, 4, w).eval() for w in ([0.665, 0.56, 2.19], [2.19, 0.56, 0.665]))
        one.load_state_dict(state), two.load_state_dict(state)
        x = images(2, 3, 32, 32) * 100
        torch.testing.assert_close(two(x.flip(1)), one(x), rtol=1e-3, atol=1e-4)
        assert not torch.allclose(two(x), one(x), rtol=1e-3, atol=1e-4)
