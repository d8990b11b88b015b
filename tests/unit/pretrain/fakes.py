"""A dataset in memory with the interface of a PatchStore; picklable, and cheap to open again in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from greenup.bands import SECO_ECO
from greenup.config import Model
from greenup.config.methods import VIT_METHODS
from greenup.files import write_json
from greenup.randomness import generator

SEASONS = ("spring", "summer", "autumn", "winter")


@dataclass(frozen=True)
class FakeStore:
    """``sites`` sites of four images; every site has a spectrum and a texture of its own, every season a greenness.

    ``read`` gives uint16 (C, size, size); one corner of the first site's images is invalid.
    """

    sites: int = 24
    size: int = 32
    seasons: tuple[str, ...] = SEASONS
    weights: tuple[float, ...] = (1.0,)

    @property
    def index(self) -> pd.DataFrame:
        pairs = [(f"s{i:04d}", s, self.weights[i % len(self.weights)]) for i in range(self.sites) for s in self.seasons]
        table = pd.DataFrame(pairs, columns=["site_id", "season", "weight"])
        number = table["site_id"].str[1:].astype(int)
        covers = ["forest", "grassland", "bare"]
        return table.assign(shard=number // 8, stratum="one", land_cover=[covers[n % 3] for n in number])

    def read(self, site_id: str, season: str, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        site = generator(0, "site", site_id)
        spectrum = site.uniform(500, 4000, size=len(channels)) * (1 + 0.3 * self.seasons.index(season))
        period, phase = site.uniform(3, 12, size=2)
        rows, columns = np.mgrid[: self.size, : self.size]
        texture = 1 + 0.4 * np.sin((rows + columns * phase / 6) * 2 * np.pi / period)
        noise = generator(0, "noise", site_id, season).normal(1, 0.05, size=(len(channels), self.size, self.size))
        valid = np.ones((self.size, self.size), bool)
        if site_id == "s0000":
            valid[:4, :4] = False
        return np.clip(spectrum[:, None, None] * texture * noise, 0, 65535).astype(np.uint16), valid

    def __call__(self) -> FakeStore:
        return self


_QUEUE = {"queue": 12, "temperature": 0.1, "key_momentum": 0.99}
_SMALL: dict[str, dict] = {
    "seco": _QUEUE,
    "moco": _QUEUE,
    "moco_tp": _QUEUE,
    "moco_seasonal": _QUEUE,
    "mocov3": {"hidden": 32, "dim": 16},
    "dino": {"out_dim": 64, "hidden": 32, "bottleneck": 16, "local_px": 8, "local_views": 2},
    "mae": {"decoder_dim": 32, "decoder_depth": 1, "decoder_heads": 2},
    "data2vec": {"block_min": 2, "block_max": 8, "target_blocks": 2},
}
METHODS = tuple(_SMALL)
"""Every method of pretraining; `tiny_model` has a small version of each."""


def write_statistics(path: Path, store: FakeStore, channels: tuple[str, ...] = SECO_ECO) -> Path:
    """statistics.json of the fake dataset."""
    stack = np.stack([store.read(f"s{i:04d}", s, channels)[0] for i in range(store.sites) for s in store.seasons])
    values = {c: {"mean": float(stack[:, j].mean()), "std": float(stack[:, j].std())} for j, c in enumerate(channels)}
    write_json(path, {"channels": values, "images": len(stack), "simulated": True, "attribution": "Invented."})
    return path


def tiny_model(**method: object) -> Model:
    """SeCo on views of 16 pixels: 18 training sites and 6 held out of `FakeStore`'s 24, four steps an epoch."""
    name = method.pop("name", "seco")
    settings = {"epochs": 3, "batch_size": 4, "crop_px": 16, **_SMALL[name]}
    settings["optimizer"] = {"name": "adamw", "lr": 1e-3, "weight_decay": 0.05, "schedule": "cosine", "warmup_steps": 2}
    return Model.model_validate(
        {
            "dataset": "tiny",
            "backbone": "vit_tiny" if name in VIT_METHODS else "resnet18",
            "patch_px": 4 if name in VIT_METHODS else 16,
            "channels": ("B2", "B8", "NDVI"),
            "size_px": 32,
            "method": {"name": name, **settings, **method},
        }
    )
