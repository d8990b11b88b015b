"""Released weights: files in the real key layouts, against networks built independently."""

import argparse
import os
import re
from collections import OrderedDict
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from greenup.bands import S2_L1C
from greenup.config import Model
from greenup.config.models import RELEASED_BACKBONES
from greenup.config.weights import ReleasedWeights, known, weights_named
from greenup.errors import UserError
from greenup.pretrain.checkpoint_files import read_checkpoint
from greenup.pretrain.product import load_model
from greenup.pretrain.released import import_weights, load_released
from greenup.sites.fetch import fetch_source
from torch import nn

from tests.standins.files import FileServer

ROWS = known()
VIT = {"name": "vit_tiny_patch16_224", "arguments": {"in_chans": 13, "num_classes": 0, "dynamic_img_size": True}}


def resnet(name: str = "resnet18", channels: int = 3, seed: int = 0) -> nn.Module:
    """torchvision's ResNet with statistics and scales that are not those it starts with."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = getattr(torchvision.models, name)()
        network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def vit(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = timm.create_model("vit_tiny_patch16_224", in_chans=13, num_classes=0)
        for p in network.parameters():
            nn.init.normal_(p, std=0.05)
    return network.eval()


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + k: v for k, v in state.items()}


def seco_file(network: nn.Module) -> dict:
    """A checkpoint of Lightning as models/moco2_module.py saves it; settings and heads beside the weights."""
    sequence = nn.Sequential(*list(network.children())[:-1], nn.Flatten())
    heads = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)) for _ in range(3)])
    state = prefixed(sequence.state_dict(), "encoder_q.")
    state |= prefixed({k: torch.zeros_like(v) for k, v in sequence.state_dict().items()}, "encoder_k.")
    state |= prefixed(heads.state_dict(), "heads_q.") | prefixed(heads.state_dict(), "heads_k.")
    state |= {"queue": torch.zeros(3, 4, 8), "queue_ptr": torch.zeros(3, 1, dtype=torch.long)}
    hyper = argparse.Namespace(base_encoder="resnet18", learning_rate=0.03)
    return {"epoch": 199, "global_step": 1, "state_dict": OrderedDict(state), "hyper_parameters": hyper}


def moco_file(network: nn.Module) -> dict:
    network.fc = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 128))
    state = prefixed(network.state_dict(), "module.encoder_q.")
    state |= prefixed({k: torch.zeros_like(v) for k, v in network.state_dict().items()}, "module.encoder_k.")
    state |= {"module.queue": torch.zeros(128, 16), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    return {"epoch": 100, "arch": "resnet18", "state_dict": state, "optimizer": {"state": {}, "param_groups": []}}


def mocov3_file(network: nn.Module) -> dict:
    head = {"head.0.weight": torch.zeros(16, 192), "head.1.running_mean": torch.zeros(16)}
    base = {**network.state_dict(), **head}
    state = prefixed(base, "module.base_encoder.") | {"module.predictor.0.weight": torch.zeros(16, 16)}
    state |= prefixed({k: torch.zeros_like(v) for k, v in base.items()}, "module.momentum_encoder.")
    return {"epoch": 100, "arch": "vit_small", "state_dict": state}


def dino_file(network: nn.Module) -> dict:
    head = {"head.mlp.0.weight": torch.zeros(8, 192), "head.last_layer.weight_g": torch.ones(8, 1)}
    teacher = prefixed(network.state_dict(), "backbone.") | head
    student = prefixed({k: torch.zeros_like(v) for k, v in teacher.items()}, "module.")
    return {"student": student, "teacher": teacher, "args": argparse.Namespace(arch="vit_small"), "epoch": 100}


def mae_file(network: nn.Module) -> dict:
    decoder = {
        "mask_token": torch.zeros(1, 1, 8),
        "decoder_pos_embed": torch.zeros(1, 197, 8),
        "decoder_embed.weight": torch.zeros(8, 192),
        "decoder_blocks.0.norm1.weight": torch.zeros(8),
    }
    return {"model": {**network.state_dict(), **decoder}, "args": argparse.Namespace(mask_ratio=0.7), "epoch": 99}


RESNET_ROWS = {
    "timm": ROWS["seco_resnet18"],
    "seco": ROWS["seco_resnet18_1m"],
    "moco": replace(ROWS["ssl4eo_moco_resnet18_ckpt"], channels=("B4", "B3", "B2")),
}
VIT_ROWS = {n: replace(ROWS[f"ssl4eo_{n}_vits_ckpt"], backbone="vit_tiny") for n in ("mocov3", "dino", "mae")}
FILES = {"seco": seco_file, "moco": moco_file, "mocov3": mocov3_file, "dino": dino_file, "mae": mae_file}


def architecture(row: ReleasedWeights) -> dict:
    return {"name": row.backbone, "arguments": {"in_chans": len(row.channels), "num_classes": 0}}


class TestReaders:
    @pytest.mark.parametrize("reader", sorted(RESNET_ROWS))
    def test_resnets_give_the_features_of_torchvisions(self, tmp_path, reader):
        network, path = resnet(), tmp_path / "w.pth"
        torch.save(FILES.get(reader, lambda n: n.state_dict())(network), path)
        network.fc = nn.Identity()
        loaded = load_released(RESNET_ROWS[reader], path, architecture(RESNET_ROWS[reader]))
        x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        assert not loaded.training
        torch.testing.assert_close(loaded(x), network(x), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("reader", sorted(VIT_ROWS))
    def test_transformers_give_the_features_of_timms(self, tmp_path, reader):
        network, path = vit(), tmp_path / "w.pth"
        torch.save(FILES[reader](network), path)
        x = torch.randn(1, 13, 224, 224, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            torch.testing.assert_close(load_released(VIT_ROWS[reader], path, VIT)(x), network(x), rtol=1e-4, atol=1e-4)

    def test_resnet50_of_dino(self, tmp_path):
        network, path = resnet("resnet50", 13), tmp_path / "w.pth"
        network.fc = nn.Identity()
        torch.save(dino_file(network), path)
        row = ROWS["ssl4eo_dino_resnet50_ckpt"]
        x = torch.randn(1, 13, 64, 64, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            torch.testing.assert_close(load_released(row, path, architecture(row))(x), network(x), rtol=1e-4, atol=1e-5)


class TestRefusals:
    def refused(self, path, row=RESNET_ROWS["timm"]) -> str:
        with pytest.raises(UserError) as caught:
            load_released(row, path, architecture(row))
        assert str(path) in str(caught.value) and row.source in caught.value.mend
        return caught.value.message

    def saved(self, tmp_path, content):
        torch.save(content, tmp_path / "w.pth")
        return tmp_path / "w.pth"

    def test_other_channels(self, tmp_path):
        told = self.refused(self.saved(tmp_path, resnet(channels=13).state_dict()))
        assert "'conv1.weight' takes 13 channels, not 3: (64, 13, 7, 7) instead of (64, 3, 7, 7)" in told

    def test_another_shape(self, tmp_path):
        state = resnet().state_dict() | {"layer2.0.bn1.weight": torch.zeros(7)}
        assert "'layer2.0.bn1.weight' is (7,) instead of (128,)" in self.refused(self.saved(tmp_path, state))

    def test_a_missing_tensor(self, tmp_path):
        state = resnet().state_dict()
        del state["layer4.1.bn2.running_var"]
        assert "'layer4.1.bn2.running_var' is missing" in self.refused(self.saved(tmp_path, state))

    def test_a_strange_tensor(self, tmp_path):
        state = resnet().state_dict() | {"layer5.weight": torch.zeros(2), "fc.weight": torch.zeros(2)}
        assert "'layer5.weight' is no part of resnet18 (nor are 0 others)" in self.refused(self.saved(tmp_path, state))

    def test_a_strange_tensor_beside_the_encoder(self, tmp_path):
        content = moco_file(resnet())
        content["state_dict"]["module.decoder.weight"] = torch.zeros(2)
        told = self.refused(self.saved(tmp_path, content), RESNET_ROWS["moco"])
        assert "'module.decoder.weight' is no part of resnet18" in told

    def test_a_file_of_another_layout(self, tmp_path):
        told = self.refused(self.saved(tmp_path, resnet().state_dict()), RESNET_ROWS["seco"])
        assert "key 'state_dict' is missing (it holds conv1.weight, bn1.weight" in told

    def test_a_truncated_file(self, tmp_path):
        path = self.saved(tmp_path, resnet().state_dict())
        path.write_bytes(path.read_bytes()[:100_000])
        assert "cut short or damaged" in self.refused(path)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"<!DOCTYPE html><html><title>Google Drive</title>", "is a web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS"),
            (b"", "the file is empty"),
            (b"\x00\x01 no weights", "no file of torch.save"),
        ],
    )
    def test_what_is_no_checkpoint(self, tmp_path, content, told):
        (tmp_path / "w.pth").write_bytes(content)
        assert told in self.refused(tmp_path / "w.pth")

    def test_a_missing_file(self, tmp_path):
        assert "cannot be read" in self.refused(tmp_path / "w.pth")

    @pytest.mark.parametrize(
        ("name", "mend"),
        [
            ("croma_vit_large", "`snakemake data/weights/CROMA_large-921e69ad.pt` fetches it"),
            ("ssl4eo_moco_resnet50_ckpt", "put B13_rn50_moco_0099_ckpt.pth of https://github.com/zhu-xlab/SSL4EO-S12"),
        ],
    )
    def test_the_mend_says_how_to_get_the_file(self, tmp_path, name, mend):
        row = weights_named(name)
        with pytest.raises(UserError) as caught:
            load_released(row, tmp_path / "w.pth", architecture(RESNET_ROWS["timm"]))
        assert mend in caught.value.mend and row.source in caught.value.mend

    def test_a_file_that_would_run_something(self, tmp_path):
        class Runs:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "ran"),)

        told = self.refused(self.saved(tmp_path, {"state_dict": {}, "callbacks": Runs()}))
        assert re.search(r"needs \w+\.mkdir to be read, which may run anything", told)
        assert not (tmp_path / "ran").exists()

    def test_a_list_is_no_checkpoint(self, tmp_path):
        assert "holds a list" in self.refused(self.saved(tmp_path, [1, 2]))


def test_settings_of_lightning_are_no_hindrance(tmp_path):
    """Old checkpoints name classes of Lightning, which need not be installed as they were."""
    path = tmp_path / "w.ckpt"
    from pytorch_lightning.callbacks import ModelCheckpoint
    from pytorch_lightning.utilities.parsing import AttributeDict

    settings = AttributeDict(moco_dim=128)
    content = {"hyper_parameters": settings, "hparams_type": AttributeDict, "callbacks": {ModelCheckpoint: {"best": 1}}}
    torch.save({**content, "state_dict": {"a": torch.ones(2)}}, path)
    found = read_checkpoint(path, "mend")
    assert dict(found["hyper_parameters"]) == {"moco_dim": 128} and torch.equal(found["state_dict"]["a"], torch.ones(2))
    assert found["hparams_type"] is not AttributeDict


class TestProduct:
    @pytest.fixture
    def folder(self, tmp_path):
        network = resnet("resnet50", 9)
        torch.save(seco_file(network), tmp_path / "seco-eco_e100.ckpt")
        model = Model.model_validate({"method": {"name": "published", "weights": "seco_eco_resnet50_ckpt"}})
        import_weights("eco", model, file=tmp_path / "seco-eco_e100.ckpt", out=tmp_path / "out")
        network.fc = nn.Identity()
        return tmp_path / "out", network

    def test_is_a_folder_like_any_other(self, folder):
        """A constant image arrives at the first convolution divided by 255; the features are the authors'."""
        out, network = folder
        assert {p.name for p in out.iterdir()} == {"weights.safetensors", "config.json", "curves.csv", "README.md"}
        backbone, preprocess, about = load_model(out)
        pixels = torch.full((9, 264, 264), 5100, dtype=torch.uint16).numpy()
        x = preprocess(pixels)[None]
        assert x.shape == (1, 9, 224, 224) and x.unique().tolist() == [20.0]
        with torch.inference_mode():
            torch.testing.assert_close(backbone(x), network(x), rtol=1e-4, atol=1e-4)
        assert about["released"]["file"] == "seco-eco_e100.ckpt" and about["dataset"] is None
        assert len((out / "curves.csv").read_text().splitlines()) == 1

    def test_its_card_says_where_it_comes_from_and_how_to_feed_it(self, folder):
        card = (folder[0] / "README.md").read_text()
        assert "Plekhanova et al. 2025" in card and "huggingface.co/eplekh/secoeco" in card and "Licence" in card
        assert "| NDVI | index x 10 000 | 0.00 | 255.00 |" in card
        assert "statistics that came with the weights" in card and "Level-2A" in card


class TestTable:
    def test_rows_of_torchgeo_are_torchgeos(self):
        """Address, number and order of channels; not the scale, which is that of the pretraining."""
        models = pytest.importorskip("torchgeo.models")
        enums = (models.ResNet18_Weights, models.ResNet50_Weights, models.ViTSmall16_Weights)
        theirs = {w.url: w for e in enums for w in e}
        mine = [w for w in known().values() if w.reader == "timm"]
        assert len(mine) == 14
        for row in mine:
            weights = theirs[row.url]
            bands = tuple(b.upper() for b in weights.meta["bands"])
            assert (row.channels, len(row.channels)) == (bands, weights.meta["in_chans"]), row.name
            assert weights.meta["model"].startswith(
                {"vit_small": "vit_small_patch16_224"}.get(row.backbone, row.backbone)
            )
            digits = re.search(r"-([0-9a-f]{8})\.pth$", row.url)
            assert row.checksum == (f"sha256:{digits[1]}" if digits else "")

    def test_scales_are_those_of_the_pretraining(self):
        for row in known().values():
            if row.backbone in RELEASED_BACKBONES or row.name.endswith("_in_ssl4eco"):
                continue  # as fed by SSL4Eco's evaluation: test_scales.py
            if row.channels == ("VV", "VH"):
                assert row.input_scale == "two_sigma"
            elif "seco_eco" in row.name:
                assert row.input_scale == "published_255"
            elif row.name.startswith("seco_"):
                assert row.input_scale == "rgb_quantiles_imagenet" and row.channels == ("B4", "B3", "B2")
            else:
                assert row.input_scale == "reflectance_8bit" and row.product == "s2_l1c"
                assert row.channels in (S2_L1C, ("B4", "B3", "B2"))

    def test_every_row_is_a_model(self):
        for name in known():
            model = Model.model_validate({"method": {"name": "published", "weights": name}})
            assert model.channels == weights_named(name).channels and model.has_weights
            assert model.interpolation == "bicubic"
            assert model.zero_when_missing == (("B1", "B9", "B10") if "B10" in model.channels else ())

    def test_encoders_of_torchgeo_are_torchgeos(self):
        models = pytest.importorskip("torchgeo.models")
        theirs = {
            "satlas_swin_v2_base": models.Swin_V2_B_Weights.SENTINEL2_SI_MS_SATLAS,
            "croma_vit_large": models.CROMALarge_Weights.CROMA_VIT,
            "dofa_vit_large": models.DOFALarge16_Weights.DOFA_MAE,
        }
        for name, weights in theirs.items():
            row = weights_named(name)
            assert row.url == weights.url and row.file == row.download
            assert row.checksum == f"sha256:{re.search(r'-([0-9a-f]{8})[.]pth?$', row.url)[1]}"
        bands = theirs["satlas_swin_v2_base"].meta["bands"]
        assert weights_named("satlas_swin_v2_base").channels == tuple(b.replace("B0", "B") for b in bands)

    @pytest.mark.parametrize(
        ("keys", "told"),
        [
            ({"size_px": 224}, "satmae_vit_large has positions for 96 px only"),
            ({"input_scale": "reflectance"}, "were trained with 'two_sigma_fmow'"),
            ({"zero_when_missing": ["B1"]}, "'B1' is none of the channels"),
            ({"method": "seco", "dataset": "d", "backbone": "croma_vit_large"}, "not trained here"),
        ],
    )
    def test_what_does_not_fit_an_encoder(self, keys, told):
        published = {"method": {"name": "published", "weights": "satmae_vit_large"}}
        method = {"method": {"name": keys.pop("method")}} if "method" in keys else published
        with pytest.raises(ValueError, match=told):
            Model.model_validate({**method, **keys})

    @pytest.mark.parametrize(
        ("column", "value", "told"),
        [
            ("size_px", "big", "'big' is no number of pixels"),
            ("reader", "pickle", "choose from: timm"),
            ("channels", "B4 B99", "unknown band 'B99'"),
            ("channels", "B10", "s2_l2a has no band 'B10'"),
            ("zero_when_missing", "B8", "'B8' is none of the channels"),
            ("url", "ftp://x/seco_resnet18_1m.ckpt", "is no address"),
            ("url", "https://x/other.ckpt", "does not end in"),
            ("checksum", "sha256:abc", "checksum 'sha256:abc' is none"),
        ],
    )
    def test_rows_that_cannot_be_right(self, tmp_path, monkeypatch, column, value, told):
        from greenup.config.weights import TABLE

        head, *lines = TABLE.read_text().splitlines()
        line = next(x for x in lines if x.startswith("seco_resnet18_1m,"))
        import csv
        import io

        row = next(csv.reader(io.StringIO(line)))
        row[head.split(",").index(column)] = value
        with (tmp_path / "weights.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([head.split(","), row])
        monkeypatch.setenv("GREENUP_WEIGHTS", str(tmp_path / "weights.csv"))
        with pytest.raises(UserError, match=r"line 2") as caught:
            known()
        assert told in str(caught.value)


class TestFetching:
    def test_what_the_digits_known_promise(self, tmp_path):
        import hashlib

        body = b"weights" * 1000
        digits = hashlib.sha256(body).hexdigest()
        row = replace(ROWS["seco_resnet18"], file="w.pth")
        with FileServer() as server:
            server.files["/w.pth"] = body
            good = replace(row, url=f"{server.url}/w.pth", checksum=f"sha256:{digits[:8]}")
            fetch_source(good, tmp_path / "w.pth")
            assert (tmp_path / "w.pth").read_bytes() == body
            (tmp_path / "w.pth").unlink()
            bad = replace(good, checksum="sha256:" + "0" * 8)
            with pytest.raises(UserError, match=r"(?s)checksum is sha256:.*config/weights.csv says sha256:00000000"):
                fetch_source(bad, tmp_path / "w.pth")
            with pytest.raises(UserError, match=r"(?s)404.*mend: .*put it at data/weights/w.pth.*GREENUP_WEIGHTS"):
                fetch_source(replace(good, url=f"{server.url}/gone/w.pth"), tmp_path / "w.pth")
        assert not (tmp_path / "w.pth").exists()
