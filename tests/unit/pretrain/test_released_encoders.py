"""Files of SatMAE, Satlas, CROMA and DOFA in their released layouts, with random weights of small networks."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from greenup.config import Model
from greenup.config.weights import weights_named
from greenup.errors import UserError
from greenup.pretrain import encoders
from greenup.pretrain.product import load_model
from greenup.pretrain.released import import_weights
from torch import nn

SMALL = {
    "satmae_vit_large": {"embed_dim": 32, "depth": 2, "num_heads": 4, "channel_dim": 8},
    "satlas_swin_v2_base": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]},
    "croma_vit_large": {"embed_dim": 32, "depth": 1},
    "dofa_vit_large": {"embed_dim": 32, "depth": 1, "num_heads": 4},
}
NAMES = ["satmae_vit_large", "satmae_vit_large_pretrain", "satlas_swin_v2_base", "croma_vit_large", "dofa_vit_large"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The networks narrow and shallow; channels, sizes, tokens and groups as released."""
    for name, arguments in SMALL.items():
        monkeypatch.setitem(encoders._ARGUMENTS, name, {**encoders._ARGUMENTS[name], **arguments})


def model_of(weights: str) -> Model:
    return Model.model_validate({"method": {"name": "published", "weights": weights}})


def small_network(model: Model) -> nn.Module:
    architecture = encoders.encoder_architecture(model.backbone, model.channels, model.size_px, model.patch_px)
    network = encoders.build_encoder(architecture)
    draws = torch.Generator().manual_seed(3)
    for p in network.parameters():
        p.data = torch.randn(p.shape, generator=draws) * 0.05
    return network.eval()


def satmae_file(state: dict) -> dict:
    """util/misc.py, save_model: weights, optimiser, arguments."""
    args = argparse.Namespace(input_size=96, patch_size=8, channel_embed=256)
    return {
        "model": {**state, "head.weight": torch.zeros(62, 32), "head.bias": torch.zeros(62)},
        "optimizer": {"state": {}, "param_groups": []},
        "epoch": 7,
        "scaler": {},
        "args": args,
    }


def satmae_pretrain_file(state: dict) -> dict:
    """Of the autoencoder: the tokens' norm and a decoder, no norm of pooled features, no group of the class token."""
    encoder = {k: v for k, v in state.items() if not k.startswith(("fc_norm.", "channel_cls_embed"))}
    beside = {
        "norm.weight": torch.ones(32),
        "norm.bias": torch.zeros(32),
        "mask_token": torch.zeros(1, 1, 8),
        "decoder_embed.weight": torch.zeros(8, 32),
        "decoder_channel_embed": torch.zeros(1, 4, 2),
        "decoder_pred.0.weight": torch.zeros(256, 8),
    }
    return {"model": {**encoder, **beside}, "epoch": 199, "args": argparse.Namespace(mask_ratio=0.75)}


def satlas_file(state: dict) -> dict:
    head = {"head.weight": torch.zeros(1000, 64), "head.bias": torch.zeros(1000)}
    return {**state, "norm.weight": torch.ones(64), "norm.bias": torch.zeros(64), **head}


def croma_file(state: dict) -> dict:
    """Networks by name, each with its own tensors."""
    parts: dict = {n: {"norm_out.weight": torch.zeros(3)} for n in ("s1_encoder", "s1_GAP_FFN", "joint_encoder")}
    for key, value in state.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return {**parts, "epoch": 299}


def dofa_file(state: dict) -> dict:
    """As the README of DOFA lists what its own class misses in the file and finds beside it."""
    encoder = {k.removeprefix("network."): v for k, v in state.items() if "fc_norm" not in k}
    beside = {"mask_token": torch.zeros(1, 1, 16), "norm.weight": torch.ones(32), "norm.bias": torch.zeros(32)}
    return {**encoder, **beside, "projector.weight": torch.zeros(8, 32), "projector.bias": torch.zeros(8)}


FILES = dict(zip(NAMES, (satmae_file, satmae_pretrain_file, satlas_file, croma_file, dofa_file), strict=True))


def with_fresh_parts(name: str, network: nn.Module) -> nn.Module:
    """What a network starts from where its file says nothing: norms that scale by 1, and no position."""
    if name in ("satmae_vit_large_pretrain", "dofa_vit_large"):
        norm = network.fc_norm if name.startswith("satmae") else network.network.fc_norm
        norm.reset_parameters()
    if name == "satmae_vit_large_pretrain":
        network.channel_cls_embed.data.zero_()
    return network


@pytest.fixture
def imported(tmp_path, request):
    """Folder of the imported model, and the network whose weights the file was made of."""
    model = model_of(request.param)
    network = small_network(model)
    torch.save(FILES[request.param](network.state_dict()), tmp_path / "released.pth")
    import_weights("m", model, file=tmp_path / "released.pth", out=tmp_path / "out")
    return request.param, tmp_path / "out", with_fresh_parts(request.param, network)


@pytest.mark.parametrize("imported", NAMES, indirect=True)
class TestImport:
    def test_features_of_a_patch_of_6_pixels_are_those_of_the_network(self, imported):
        name, folder, network = imported
        backbone, preprocess, about = load_model(folder)
        row = weights_named(name)
        pixels = np.random.default_rng(5).integers(0, 9000, (len(row.channels), 6, 6)).astype(np.uint16)
        x = preprocess(pixels)[None]
        assert x.shape == (1, len(row.channels), row.size_px, row.size_px)
        with torch.inference_mode():
            found, expected = backbone(x), network(x)
        assert found.isfinite().all() and found.shape == (1, about["features"])
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)

    def test_the_folder_says_how_it_is_loaded_and_fed(self, imported):
        name, folder, _ = imported
        _, preprocess, about = load_model(folder)
        assert list(about["how_to_load"]) == ["greenup"] and about["released"]["file"] == weights_named(name).file
        assert about["architecture"]["name"] == model_of(name).backbone
        assert preprocess.interpolation == "bicubic" and preprocess.channels == weights_named(name).channels
        card = (folder / "README.md").read_text()
        assert "bicubic resize up" in card and "timm alone" not in card and weights_named(name).citation in card
        if name == "dofa_vit_large":
            assert "cut to 0 .. 1 in 255 steps" in card
        if "satlas" not in name:
            assert f"images of {preprocess.size_px} pixels, and it takes no other size" in card


class TestRefusals:
    def refused(self, tmp_path: Path, name: str, content: dict) -> str:
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(UserError) as caught:
            import_weights("m", model_of(name), file=tmp_path / "w.pth", out=tmp_path / "out")
        assert not (tmp_path / "out" / "weights.safetensors").exists()
        return caught.value.message

    @pytest.mark.parametrize("name", NAMES)
    def test_a_missing_part(self, tmp_path, name):
        state = small_network(model_of(name)).state_dict()
        lost = next(k for k in state if k.endswith(("attn.qkv.weight", "to_qkv.weight")))
        del state[lost]
        assert f"{lost!r} is missing" in self.refused(tmp_path, name, FILES[name](state))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_part_that_nobody_knows(self, tmp_path, name):
        content = FILES[name](small_network(model_of(name)).state_dict())
        tensors = content["s2_encoder"] if name.startswith("croma") else content.get("model", content)
        tensors["adapter.weight"] = torch.zeros(2)
        assert "adapter.weight' is no part of" in self.refused(tmp_path, name, content)

    def test_fresh_parts_are_those_alone_that_the_authors_lack(self, tmp_path):
        """SatMAE's class token and DOFA's positions are learnt or fixed in pretraining and must be there."""
        for name, lost in (("satmae_vit_large_pretrain", "pos_embed"), ("dofa_vit_large", "network.pos_embed")):
            state = small_network(model_of(name)).state_dict()
            del state[lost]
            assert f"{lost!r} is missing" in self.refused(tmp_path, name, FILES[name](state))

    def test_satlas_on_three_bands(self, tmp_path):
        network = small_network(model_of("satlas_swin_v2_base"))
        network.features[0][0] = nn.Conv2d(3, 8, 4, 4)
        told = self.refused(tmp_path, "satlas_swin_v2_base", satlas_file(network.state_dict()))
        assert "(8, 3, 4, 4) instead of (8, 9, 4, 4)" in told


def test_satlas_in_torchvisions_own_layout(tmp_path, monkeypatch):
    """The true depth and names, of torchvision's Swin-v2-T with nine channels."""
    small = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]}
    monkeypatch.setitem(encoders._ARGUMENTS, "satlas_swin_v2_base", {**small, "window_size": 8})
    theirs = torchvision.models.swin_v2_t().eval()
    theirs.features[0][0] = nn.Conv2d(9, 96, 4, 4)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    import_weights("m", model_of("satlas_swin_v2_base"), file=tmp_path / "w.pth", out=tmp_path / "out")
    backbone, _, _ = load_model(tmp_path / "out")
    x = torch.randn(1, 9, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(backbone(x), theirs.features(x).permute(0, 3, 1, 2).flatten(2).max(dim=2).values)
