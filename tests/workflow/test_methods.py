"""Every method of pretraining through the real rules: two epochs on the miniature Earth, and what comes of them."""

import json

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import yaml
from greenup.files import read_table
from greenup.pretrain.product import load_model
from greenup.schemas import EMBEDDINGS
from safetensors.torch import load_file

from .conftest import snakemake

ADAMW = {"name": "adamw", "lr": 1e-3, "weight_decay": 0.05, "warmup_steps": 2, "warmup_epochs": 0}
SHARED = {"epochs": 2, "batch_size": 8, "crop_px": 32, "held_out": 0.2, "optimizer": ADAMW}
QUEUE = {"queue": 16, "key_momentum": 0.9}
METHODS = {
    "seco": ("resnet18", QUEUE),
    "moco": ("resnet18", QUEUE),
    "moco_tp": ("resnet18", {**QUEUE, "colours": {"saturation": 0.0, "hue": 0.0}}),
    "moco_seasonal": ("resnet18", QUEUE),
    "mocov3": ("vit_tiny", {"hidden": 64, "dim": 32}),
    "dino": ("vit_tiny", {"out_dim": 64, "hidden": 64, "bottleneck": 32, "local_views": 1, "local_px": 16}),
    "mae": ("vit_tiny", {"decoder_dim": 32, "decoder_depth": 1, "decoder_heads": 2}),
    "data2vec": ("vit_tiny", {"masked": 0.5, "layer_scale": 0.1}),
}
STUDY = {
    "study": "methods",
    "seed": 3,
    "datasets": {
        "ssl4eco_calendar": {
            "sites": {"limit": 32},
            "seasons": {"year": 2020},
            "imagery": {"source": "miniature", "seed": 11},
            "patches": {"size_px": 48},
            "scenes": {"years": [2019, 2020]},
            "shards": 2,
        }
    },
    "models": {
        name: {
            "dataset": "ssl4eco_calendar",
            "backbone": backbone,
            "patch_px": 8,
            "input_scale": "standardise",
            "size_px": 48,
            "seed": 5,
            "method": {"name": name, **SHARED, **settings},
        }
        for name, (backbone, settings) in METHODS.items()
    },
    "evaluation": {"embed": ["ssl4eco_calendar"]},
    "runtime": {"workers": 0},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    embeddings = [f"results/methods/embeddings/{name}/ssl4eco_calendar.parquet" for name in METHODS]
    # A thread each, so that two train at a time: most of a training this short is torch being loaded.
    threads = ("--set-threads", "pretrain_model=1")
    snakemake(folder, *embeddings, *threads, config=folder / "study.yaml")
    return folder / "results/methods"


@pytest.mark.parametrize("name", METHODS)
def test_method_trains(results, name):
    curves = pd.read_csv(results / "models" / name / "curves.csv")
    assert curves["epoch"].tolist() == [1, 2]
    measured = curves[["loss", "held_out_loss", "lr", "embedding_std", "samples_per_second"]]
    assert np.isfinite(measured.to_numpy()).all() and (curves["embedding_std"] > 0.01).all()
    assert curves["held_out_loss"].nunique() == 2 and (curves["skipped"] == 0).all() and curves["simulated"].all()


@pytest.mark.parametrize("name", METHODS)
def test_product_is_a_network_of_timm(results, name):
    ours, preprocess, about = load_model(results / "models" / name)
    assert about["seed"] == 5
    architecture = json.loads((results / "models" / name / "config.json").read_text())["architecture"]
    theirs = timm.create_model(architecture["name"], pretrained=False, **architecture["arguments"]).eval()
    theirs.load_state_dict(load_file(results / "models" / name / "weights.safetensors"))
    x = torch.randn(2, len(preprocess.channels), 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("name", METHODS)
def test_embeddings_tell_images_apart(results, name):
    table = read_table(results / "embeddings" / name / "ssl4eco_calendar.parquet", EMBEDDINGS)
    vectors = np.stack(table["embedding"].to_numpy())
    width = 512 if METHODS[name][0] == "resnet18" else 192
    assert vectors.shape == (len(table), width) and len(table) >= 32 * 3
    assert np.isfinite(vectors).all() and (vectors.std(axis=0) > 0).mean() > 0.9
