"""Export a shard in a process of its own: ``exporting.py <study folder> <seconds a read> [nobody]``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fake_source import FakeSource, scene_table, site_table
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import job
from greenup.imagery.patience import Patience
from greenup.patches.export import export_shard

SITES = site_table(8)
SCENES = scene_table(SITES, ("spring", "summer", "autumn"))
PATCHES = Patches(size_px=26, bands=("B2", "B4", "B8", "B5", "B9"))

if __name__ == "__main__":
    root = Path(sys.argv[1])
    if "nobody" in sys.argv:
        os.setgid(65534)
        os.setuid(65534)
    with job():
        export_shard(
            SITES,
            SCENES,
            FakeSource(journal=root / "journal.txt", delay_s=float(sys.argv[2])),
            PATCHES,
            min_images=1,
            runtime=Runtime(),
            patience=Patience(3, 0.0, 4),
            work=root / "work" / "patches" / "d" / "0000",
            pixels=root / "patches" / "d" / "0000.h5",
            ledger=root / "patches" / "d" / "0000.ledger.parquet",
        )
