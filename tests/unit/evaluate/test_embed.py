"""Embedding against the same steps written out, on a store in memory and a real saved network."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from greenup.bands import SECO_ECO
from greenup.config import Model, Runtime, parse
from greenup.errors import UserError
from greenup.evaluate.embed import channel_statistics, embed_to_file
from greenup.evaluate.images import DatasetImages
from greenup.files import read_table
from greenup.pretrain.backbones import build_backbone
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.pretrain.product import save_model
from greenup.schemas import EMBEDDINGS

SITES = [f"s{i}" for i in range(70)]


class Store:
    """`PatchStore` without files; site s3 has a gap, `dark` has nothing."""

    dark = ()
    sites = SITES

    def __init__(self, index):
        self.index = pd.DataFrame({"site_id": self.sites, "season": "summer"})
        self.index.attrs = {"simulated": True, "attribution": "nobody"}

    def read(self, site_id, season, channels):
        assert season == "summer"
        rng = np.random.default_rng(int(site_id[1:]))
        image = rng.integers(1, 5000, (len(channels), 40, 40)).astype("uint16")
        valid = np.ones((40, 40), bool)
        if site_id == "s3":
            valid[:10] = False
        if site_id in self.dark:
            valid[:] = False
        image[:, ~valid] = 0
        return image, valid


@pytest.fixture
def embed(tmp_path, monkeypatch):
    monkeypatch.setattr("greenup.evaluate.images.PatchStore", Store)
    statistics = {"channels": {c: {"mean": 2000.0 + 10 * i, "std": 900.0} for i, c in enumerate(SECO_ECO)}}
    (tmp_path / "statistics.json").write_text(json.dumps(statistics))

    def embed(model, folder, **how):
        out, images = tmp_path / "out.parquet", DatasetImages("index.parquet", tmp_path / "statistics.json")
        embed_to_file(out, model, folder, images, **({"threads": 1, "runtime": Runtime()} | how))
        return read_table(out, EMBEDDINGS)

    return embed


@pytest.fixture
def network(tmp_path, embed):
    model = parse(Model, {"method": {"name": "random_init"}, "dataset": "d", "backbone": "resnet18", "size_px": 32})
    preprocess = Preprocess.from_model(model, json.loads((tmp_path / "statistics.json").read_text()))
    backbone = build_backbone("resnet18", len(SECO_ECO), seed=4)
    architecture = {"name": "resnet18", "arguments": {"in_chans": len(SECO_ECO), "num_classes": 0}}
    save_model(tmp_path / "model", backbone, preprocess, {"architecture": architecture})
    return model, tmp_path / "model", backbone.eval(), preprocess


BASELINE = parse(Model, {"method": {"name": "band_statistics"}})


@pytest.mark.parametrize("workers", [0, 2])
def test_network_vectors(embed, network, monkeypatch, workers):
    model, folder, backbone, preprocess = network
    monkeypatch.setattr(Store, "sites", SITES[::-1])
    sites = SITES[::-1]
    got = embed(model, folder, runtime=Runtime(workers=workers))
    assert got["site_id"].tolist() == sites
    assert set(got["season"]) == {"summer"}
    vectors = np.stack(got["embedding"])
    assert vectors.shape == (70, 512) and vectors.dtype == np.float32
    # One image at a time in plain memory order.
    for site in ("s3", "s0", "s69"):
        image, valid = Store("").read(site, "summer", SECO_ECO)
        with torch.inference_mode():
            alone = backbone(preprocess(fill_invalid(image, valid))[None])[0].numpy()
        np.testing.assert_allclose(vectors[sites.index(site)], alone, rtol=2e-4, atol=1e-5)
    about = json.loads((folder / "config.json").read_text())
    assert got.attrs["weights_checksum"] == about["weights_checksum"] and got.attrs["precision"] == "float32"


def test_threads_change_nothing_and_bfloat16_little(embed, network):
    model, folder, *_ = network
    one, two, low = (
        np.stack(embed(model, folder, **how)["embedding"]) for how in ({}, {"threads": 3}, {"precision": "bfloat16"})
    )
    np.testing.assert_array_equal(one, two)
    error = np.linalg.norm(low - one, axis=1) / np.linalg.norm(one, axis=1)
    assert 0 < error.max() < 0.02


def test_band_statistics(embed, monkeypatch):
    monkeypatch.setattr(Store, "sites", ["s3", "s1"])
    got = embed(BASELINE, "nowhere")
    assert got["site_id"].tolist() == ["s3", "s1"]
    image, valid = Store("").read("s3", "summer", SECO_ECO)
    pixels = np.array([band[valid] / 10_000 for band in image.astype(float)])
    expected = np.concatenate([pixels.mean(1), pixels.std(1)])
    np.testing.assert_allclose(got["embedding"][0], expected, rtol=1e-6)
    assert got["embedding"][0].dtype == np.float32


def test_gaps_do_not_darken_the_statistics():
    image = np.full((2, 4, 4), 3000, "uint16")
    valid = np.ones((4, 4), bool)
    valid[0] = False
    image[:, ~valid] = 0
    np.testing.assert_allclose(channel_statistics(image, valid, ("B4", "NDVI")), [0.3, 0.3, 0, 0], atol=1e-7)


def test_statistics_of_backscatter_are_decibels():
    decibels = np.random.default_rng(1).normal(-15, 3, (2, 20, 20))
    stored = np.rint((decibels + 80) * 500).astype("uint16")
    got = channel_statistics(stored, np.ones((20, 20), bool), ("VV", "VH"))
    expected = [*decibels.mean(axis=(1, 2)), *decibels.std(axis=(1, 2))]
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_a_vector_that_is_not_finite_names_its_site(embed, monkeypatch):
    monkeypatch.setattr(Store, "dark", ("s5",))
    monkeypatch.setattr(Store, "sites", ["s1", "s5", "s6"])
    with pytest.raises(UserError, match="1 of 3 vectors are not finite, the first is that of site s5"):
        embed(BASELINE, "")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_without_data_is_named_once_without_a_traceback(embed, network, monkeypatch, workers):
    monkeypatch.setattr(Store, "dark", ("s5",))
    with pytest.raises(UserError) as error:
        embed(network[0], network[1], runtime=Runtime(workers=workers))
    assert str(error.value).startswith("the image of site s5, summer has no valid pixel")
    assert "Traceback" not in str(error.value) and error.value.mend


def test_a_channel_that_was_not_exported_is_refused(embed):
    model = parse(Model, {"method": {"name": "band_statistics"}, "channels": ["B2", "B11"]})
    with pytest.raises(UserError, match="no channel 'B11'"):
        embed(model, "")


def test_the_trivial_baseline_imports_no_torch():
    code = "import sys; import greenup.evaluate.embed; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(p for p in sys.path if p)})
