"""A small study on disk, made by the fake source."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fake_source import FakeSource, scene_table, site_table
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.files import write_table
from greenup.imagery.patience import Patience
from greenup.patches.export import export_shard
from greenup.schemas import SITES

BANDS = ("B2", "B4", "B8", "B5", "B9")


class Study:
    """Folders and settings of one study with dataset ``d``; `export` runs the exporter on one of its shards."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.patches = Patches(size_px=26, bands=BANDS)

    def pixels(self, shard: int = 0) -> Path:
        return self.root / "patches" / "d" / f"{shard:04d}.h5"

    def ledger(self, shard: int = 0) -> Path:
        return self.root / "patches" / "d" / f"{shard:04d}.ledger.parquet"

    def work(self, shard: int = 0) -> Path:
        return self.root / "work" / "patches" / "d" / f"{shard:04d}"

    @property
    def index(self) -> Path:
        return self.root / "datasets" / "d" / "index.parquet"

    def export(self, sites: pd.DataFrame, scenes: pd.DataFrame, source: FakeSource, shard: int = 0, **other) -> None:
        settings = {"min_images": 1, "runtime": Runtime(requests=4), "patience": Patience(3, 0.0, 4), **other}
        patches = settings.pop("patches", self.patches)
        export_shard(
            sites,
            scenes,
            source,
            patches,
            work=self.work(shard),
            pixels=self.pixels(shard),
            ledger=self.ledger(shard),
            **settings,
        )

    def delete_outputs(self, shard: int = 0) -> None:
        """What Snakemake does before a rerun and after a failure."""
        self.pixels(shard).unlink(missing_ok=True)
        self.ledger(shard).unlink(missing_ok=True)

    def write_sites(self, sites: pd.DataFrame) -> Path:
        path = self.root / "sites" / "d.parquet"
        write_table(path, sites, SITES, simulated=False, attribution="test")
        return path


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "results" / "test")


@pytest.fixture
def finished(study: Study) -> Study:
    """A study with two finished shards of three sites each, two seasons, one hole."""
    sites = site_table(6, shards=2)
    study.write_sites(sites)
    for shard in (0, 1):
        part = sites[sites["shard"] == shard]
        study.export(sites, scene_table(part), FakeSource(holed=["s001-summer"]), shard)
    return study
