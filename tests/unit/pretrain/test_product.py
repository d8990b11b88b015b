import os

import pytest
import torch
from greenup.errors import UserError
from greenup.pretrain.backbones import architecture_of, backbone_of, build_backbone
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.product import how_to_load, load_model, save_model
from learners import model_of
from safetensors import safe_open

RESNET = {"name": "resnet18", "arguments": {"in_chans": 3, "num_classes": 0}}
PREPROCESS = Preprocess(("B2", "B8", "NDVI"), "reflectance", (0.0,) * 3, (1e4,) * 3, 32)


@pytest.fixture
def saved(tmp_path):
    backbone = build_backbone("resnet18", 3, seed=4)
    backbone.train()(torch.randn(4, 3, 32, 32))
    save_model(tmp_path, backbone, PREPROCESS, {"architecture": RESNET, "name": "m"})
    return tmp_path, backbone.eval()


def test_what_is_saved_comes_back(saved):
    folder, backbone = saved
    loaded, preprocess, about = load_model(folder)
    assert preprocess == PREPROCESS and about["name"] == "m" and not loaded.training
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded(x), backbone(x)) and loaded(x).shape == (2, 512)


@pytest.mark.parametrize("library", ["greenup", "timm", "torchvision"])
def test_lines_of_the_card_load_the_weights(saved, library, monkeypatch):
    folder, backbone = saved
    monkeypatch.chdir(folder)
    names = {}
    exec(how_to_load(RESNET)[library], names)
    x = torch.randn(2, 3, 32, 32)
    assert torch.allclose(names["backbone"](x), backbone(x), atol=1e-5)


@pytest.mark.parametrize("method", ["dino", "mae", "data2vec", "mocov3"])
@pytest.mark.parametrize("library", ["greenup", "timm"])
def test_lines_load_a_vit_of_any_method(tmp_path, monkeypatch, method, library):
    model = model_of(method, "vit_tiny", channels=("B2", "B8", "NDVI"), crop_px=32)
    backbone = backbone_of(model, seed=4).eval()
    save_model(tmp_path, backbone, PREPROCESS, {"architecture": architecture_of(model), "name": "m"})
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(how_to_load(architecture_of(model))[library], names)
    for size in (32, 48):
        x = torch.randn(2, 3, size, size)
        assert torch.allclose(names["backbone"](x), backbone(x), atol=1e-5)


def test_the_same_weights_are_the_same_file(saved, tmp_path):
    _, backbone = saved
    for i in range(20):
        save_model(tmp_path / str(i), backbone, PREPROCESS, {"architecture": RESNET, "name": "m"})
    assert len({(tmp_path / str(i) / "weights.safetensors").read_bytes() for i in range(20)}) == 1
    with safe_open(tmp_path / "0/weights.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "channels": "B2,B8,NDVI"}
        assert set(file.keys()) == set(backbone.state_dict())


def test_others_may_read_the_weights(saved):
    umask = os.umask(0)
    os.umask(umask)
    assert (saved[0] / "weights.safetensors").stat().st_mode & 0o777 == 0o666 & ~umask


def test_damaged_and_missing_files_are_named(saved):
    folder, _ = saved
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"weights.safetensors: its checksum"):
        load_model(folder)
    weights.unlink()
    with pytest.raises(UserError, match=r"weights.safetensors: cannot be read"):
        load_model(folder)
    with pytest.raises(UserError, match=r"config.json"):
        load_model(folder / "nowhere")


def test_backbones_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = build_backbone("resnet18", 9, seed=7).state_dict()
    torch.manual_seed(2)
    again, other = (
        build_backbone("resnet18", 9, seed=7).state_dict(),
        build_backbone("resnet18", 9, seed=8).state_dict(),
    )
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_initial_weights_are_he_normal_and_no_block_is_switched_off():
    net = build_backbone("resnet18", 9, seed=1)
    weight = net.layer3[0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert all((m.weight == 1).all() for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert build_backbone("resnet50", 2, seed=1).num_features == 2048
