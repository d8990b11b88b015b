"""A tiny task of images in memory: which of three patterns, in any place and any brightness, an image shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from greenup.config import Runtime, Task, parse
from greenup.config.finetune import FinetuneProtocol
from greenup.evaluate.finetune import finetune_model
from greenup.evaluate.finetune_images import Images
from greenup.pretrain.backbones import build
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.product import save_model

CHANNELS = ("B2", "B8")
NAMES = ("across", "along", "flat")
SIZE = 16
KINDS = {"classification": "accuracy", "multilabel": "micro_map", "regression": "r2_mean", "distribution": "r2_mean"}


@dataclass(frozen=True)
class PatternStore:
    """Image ``i###``: stripes across, stripes along, or noise alone, as ``i % 3`` says; mean and contrast tell nothing,
    so that a network has to learn the pattern. uint16 (C, 16, 16)."""

    size: int = SIZE
    broken: tuple[str, ...] = ()

    def read(self, site_id, season, channels):
        number = int(site_id[1:])
        rng = np.random.default_rng(number)
        rows, columns = np.mgrid[: self.size, : self.size]
        phase = rng.uniform(0, 2 * np.pi)
        waves = [np.sin(x * np.pi / 2 + phase) for x in (rows, columns)] + [rng.normal(0, 0.7, rows.shape)]
        noise = rng.normal(0, 150, (len(channels), *rows.shape)) + rng.uniform(-300, 300)
        image = 2000 + 600 * waves[number % 3] + noise
        valid = np.full(rows.shape, site_id not in self.broken)
        return np.clip(image, 0, 65535).astype(np.uint16), valid

    def __call__(self):
        return self


def labels_of(count: int = 120, kind: str = "classification") -> pd.DataFrame:
    numbers = np.arange(count)
    table = pd.DataFrame(
        {"site_id": [f"i{n:03d}" for n in numbers], "season": "summer", "lon": numbers * 1.0 - 60, "lat": 10.0}
    )
    which = np.eye(3)[numbers % 3]
    if kind == "classification":
        table["label"] = np.array(NAMES)[numbers % 3]
    elif kind == "multilabel":
        table["label"] = [("", "striped", "striped, upright")[2 - n % 3] for n in numbers]
    elif kind == "regression":
        table["depth"], table["height"] = 500 + 40 * which[:, 0], -3.0 + 2 * which[:, 1]
    else:
        table["low"], table["high"] = 0.2 + 0.6 * which[:, 0], 0.8 - 0.6 * which[:, 0]
    return table


def folds_of(labels: pd.DataFrame, count: int = 1, val: float = 0.2, test: float = 0.25) -> pd.DataFrame:
    tables = []
    for fold in range(count):
        order = np.random.default_rng(fold).permutation(len(labels))
        parts = np.full(len(labels), "train", dtype=object)
        tested, watched = int(test * len(labels)), int(val * len(labels))
        parts[order[:tested]] = "test"
        parts[order[tested : tested + watched]] = "val"
        tables.append(pd.DataFrame({"site_id": labels["site_id"], "folds": "random", "fold": fold, "part": parts}))
    return pd.concat(tables, ignore_index=True)


def task_of(kind: str = "classification", **more) -> Task:
    source = {"source": "file", "file": "x.csv", "columns": ["y"]}
    return parse(Task, {"dataset": "d", "labels": source, "kind": kind, "metric": KINDS[kind], **more})


def preprocess_of(size: int | None = SIZE, **more) -> Preprocess:
    return Preprocess(CHANNELS, "standardise", (2000.0, 2000.0), (500.0, 500.0), size, **more)


RESNET = {"name": "resnet18", "arguments": {"in_chans": 2, "num_classes": 0, "channels": [16, 16, 32, 32]}}
"""ResNet-18, but narrow."""
VIT = {
    "name": "vit_tiny_patch16_224",
    "arguments": {"in_chans": 2, "num_classes": 0, "img_size": SIZE, "patch_size": 4, "depth": 4, "embed_dim": 48},
}
"""Four blocks of width 48 on patches of 4 pixels."""


def network_of(architecture) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build(architecture)
    # timm starts the last scale of each block at 0: no gradient would reach its other layers in the first step.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    return network


def save_resnet(folder: Path) -> Path:
    """Random weights, batch-norm statistics of the images."""
    network, store, preprocess = network_of(RESNET), PatternStore(), preprocess_of()
    images = torch.stack([preprocess(store.read(f"i{n:03d}", "", CHANNELS)[0]) for n in range(60)])
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()(images)
    save_model(folder, network.eval(), preprocess, {"architecture": RESNET})
    return folder


def save_vit(folder: Path) -> Path:
    save_model(folder, network_of(VIT).eval(), preprocess_of(), {"architecture": VIT})
    return folder


def protocol_of(**over) -> FinetuneProtocol:
    optimizer = {"name": "adamw", "lr": 1e-3, "weight_decay": 0.05, "schedule": "cosine", **over.pop("optimizer", {})}
    return FinetuneProtocol(**{"epochs": 6, "batch_size": 8, "optimizer": optimizer, "patience": None, **over})


def run(model: Path, work: Path, protocol: FinetuneProtocol, labels=None, folds=None, task=None, store=None, **over):
    labels = labels_of() if labels is None else labels
    runtime = Runtime(**{"accelerator": "cpu", "workers": 0, **over.pop("runtime", {})})
    settings = {"count": 1, "seed": 5, "threads": 1, **over}
    return finetune_model(
        model,
        labels,
        folds_of(labels) if folds is None else folds,
        task or task_of(),
        protocol,
        images=Images(store or PatternStore(), CHANNELS, "first"),
        runtime=runtime,
        work=work,
        **settings,
    )
