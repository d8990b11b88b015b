"""Time of the miniature Earth: milliseconds a site (its ground, once) and a date (12 bands), on one thread.

    python benchmarks/miniature_render.py [--sites 40]

The physical floor printed beside it is what the last step alone takes: mixing 12 endmembers into 12 bands at their
native resolutions and rounding them to uint16.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import cv2
import numpy as np
import pandas as pd
from greenup.bands import S2_L2A
from greenup.grids import grid_for_site
from greenup.imagery.miniature import MiniatureSource, ground
from greenup.imagery.miniature.render import render
from greenup.sites import packaged

DATES = 4


def floor(size: int) -> float:
    """Seconds of the mixing and rounding alone."""
    parts = {n: np.random.default_rng(0).random((12, (size // n) ** 2), dtype=np.float32) for n in (1, 2, 6)}
    weights = {n: np.ones((k, 12), np.float32) for n, k in ((1, 4), (2, 6), (6, 2))}
    return timed(lambda: [np.rint(weights[n] @ parts[n]).astype(np.uint16) for n in parts])


def timed(work, repeat: int = 9) -> float:
    """Median seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=40)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    source = MiniatureSource(2025)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, 20 * args.sites), np.degrees(np.arcsin(rng.uniform(-0.86, 0.98, 20 * args.sites)))
    land = np.flatnonzero(packaged.is_land(lon, lat))[: args.sites]
    sites = pd.DataFrame({"site_id": [f"s{i}" for i in range(len(land))], "lon": lon[land], "lat": lat[land]})
    intervals = sites[["site_id"]].assign(
        season="year", year=2019, first="2019-03-01", middle="2019-07-01", last="2019-10-31"
    )
    print(
        f"{'patch':>8} {'ms a site':>10} {'ms a date':>10} {'floor':>8}"
        f"   (median of {len(sites)} sites x {DATES} dates)"
    )
    for size in (80, 128, 264):
        grids = [grid_for_site(*p, size, (10, 20, 60)) for p in zip(sites["lon"], sites["lat"], strict=True)]
        found = source.search(sites, intervals, grids).sort_values("cloud").groupby("site_id").head(DATES)
        a_site, a_date = [], []
        for name, scenes in found.groupby("site_id")["scene_id"]:
            grid = grids[int(str(name)[1:])]
            a_site.append(timed(lambda grid=grid: ground.build(source.seed, grid), 1))
            built = ground.build(source.seed, grid)
            for scene in scenes:
                ready = source._sky.scene(scene, grid)
                a_date.append(timed(lambda b=built, r=ready, g=grid: render(source.seed, b, r, g, S2_L2A), 1))
        print(f"{size:>6}px {1e3 * np.median(a_site):10.1f} {1e3 * np.median(a_date):10.1f} {1e3 * floor(size):8.1f}")
    many = 5000
    lon, lat = rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-0.86, 0.98, 20_000)))
    land = np.flatnonzero(packaged.is_land(lon, lat))[:many]
    sites = pd.DataFrame({"site_id": np.arange(len(land)).astype(str), "lon": lon[land], "lat": lat[land]})
    rows = [
        sites[["site_id"]].assign(season=s, year=y, first=f"{y}-{m}-01", middle=f"{y}-{m}-15", last=f"{y}-{m}-28")
        for y in range(2017, 2025)
        for s, m in (("a", "02"), ("b", "05"), ("c", "08"), ("d", "11"))
    ]
    grids = [grid_for_site(*p, 264, (10, 20, 60)) for p in zip(sites["lon"], sites["lat"], strict=True)]
    intervals = pd.concat(rows, ignore_index=True)
    start = time.perf_counter()
    found = source.search(sites, intervals, grids)
    print(f"search: {len(sites)} sites x 32 intervals, {len(found)} scenes in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    source.phenology(sites, (2017, 2020))
    print(f"phenology: {len(sites)} sites x 4 years in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
