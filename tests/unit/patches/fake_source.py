"""An image source for tests: pixels follow from scene id and grid, failures are programmed, every read is noted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from greenup.bands import bands_at, native_resolutions
from greenup.imagery.base import Pixels
from greenup.randomness import generator

ATTRIBUTION = "made up for a test"


class FakeSource:
    """``fails``: scene id -> exceptions raised by its reads, one after the other, before the pixels come.

    ``empty``: scenes without a valid pixel; ``holed``: scenes with some. ``reads`` counts by scene id; with ``journal``
    each finished read is also appended to that file, for processes that are killed.
    """

    simulated = True
    attribution = ATTRIBUTION

    def __init__(self, fails=None, empty=(), holed=(), journal: Path | None = None, delay_s: float = 0.0) -> None:
        self.fails = {scene: list(errors) for scene, errors in (fails or {}).items()}
        self.empty, self.holed, self.journal, self.delay_s = set(empty), set(holed), journal, delay_s
        self.reads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def read(self, scene_id, grid, bands):
        with self._lock:
            self.reads[scene_id] += 1
            if self.fails.get(scene_id):
                raise self.fails[scene_id].pop(0)
        time.sleep(self.delay_s)
        pixels = fake_pixels(scene_id, grid, bands, empty=scene_id in self.empty, holed=scene_id in self.holed)
        if self.journal is not None:
            with self.journal.open("a") as handle:
                handle.write(f"{scene_id}\n")
        return pixels


def fake_pixels(scene_id, grid, bands, *, empty=False, holed=False) -> Pixels:
    """The pixels that `FakeSource` gives for a scene and a grid."""
    rng = generator(0, scene_id, grid.key)
    values, valid = {}, {}
    for m in native_resolutions(bands):
        side = grid.shape(m)
        valid[m] = np.full((side, side), not empty)
        if holed:
            valid[m] &= rng.random((side, side)) > 0.2
        values[m] = rng.integers(1, 12_000, (len(bands_at(bands, m)), side, side)).astype(np.uint16) * valid[m]
    return Pixels(values, valid)


def site_table(count: int, shards: int = 1) -> pd.DataFrame:
    """``count`` sites along a parallel, in ``shards`` runs."""
    i = np.arange(count)
    return pd.DataFrame(
        {
            "site_id": [f"s{k:03d}" for k in i],
            "lon": 5.0 + 0.3 * i,
            "lat": 47.0 - 0.1 * i,
            "stratum": "Cfb forest",
            "climate_zone": "Cfb",
            "land": True,
            "ecoregion": None,
            "realm": None,
            "mountain": False,
            "land_cover": ["mixed_forest" if k % 2 else None for k in i],
            "biome": "temperate",
            "weight": 1.0,
            "shard": i * shards // count,
        }
    )


def scene_table(sites: pd.DataFrame, seasons=("spring", "summer"), other=None) -> pd.DataFrame:
    """One chosen scene a site and season; ``other``: (site_id, season) -> status of those that have none."""
    rows = []
    for number, site in enumerate(sites["site_id"]):
        for k, season in enumerate(seasons):
            status = (other or {}).get((site, season), "chosen")
            chosen = status == "chosen"
            rows.append(
                {
                    "site_id": site,
                    "season": season,
                    "status": status,
                    "scene_id": f"{site}-{season}" if chosen else None,
                    "time": pd.Timestamp(2020, 3 + 3 * k, 1 + number % 28, 10, tz="UTC") if chosen else pd.NaT,
                    "cloud": 1.5 if chosen else None,
                    "cloud_of": "tile" if chosen else None,
                    "days_from_middle": 0.0 if chosen else None,
                    "candidates": 3 if chosen else 0,
                    "reason": "least cloud" if chosen else f"because {status}",
                }
            )
    return pd.DataFrame(rows)
