"""Cells and names of the 23 km grid, and the site sampler around cities: ours against the loops one writes first.

    python benchmarks/grid.py

Prints seconds and their ratio, medians of a few rounds in one process, after checking that both give the same.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from greenup.sites.draw import thin
from greenup.sites.grid import RADIUS_KM, grid_cells
from greenup.sites.sphere import great_circle_km

SPACING_KM = 23.0
THINNED, MIN_KM = 20_000, 1.98


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall time of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def loop_over_rows(spacing_km: float) -> tuple[list[str], list[float], list[float]]:
    """Names and lower-left corners, a row and a name at a time; Major-TOM's package adds geometries to that."""
    rows = int(np.ceil(np.pi * RADIUS_KM / spacing_km))
    names, lons, lats = [], [], []
    for r in range(-(rows // 2), rows - rows // 2):
        lat = r * 180 / rows
        columns = int(np.ceil(2 * np.pi * RADIUS_KM * np.cos(np.radians(lat)) / spacing_km))
        row = f"{r}U" if r >= 0 else f"{-r}D"
        for c in range(-(columns // 2), columns - columns // 2):
            names.append(row + "_" + (f"{c}R" if c >= 0 else f"{-c}L"))
            lons.append(c * 360 / columns)
            lats.append(lat)
    return names, lons, lats


def loop_over_points(lon: np.ndarray, lat: np.ndarray, min_km: float) -> np.ndarray:
    """The distance rule point by point against all that stayed, each comparison one array operation."""
    kept: list[int] = []
    for i in range(len(lon)):
        if not kept or great_circle_km(lon[i], lat[i], lon[kept], lat[kept]).min() >= min_km:
            kept.append(i)
    keep = np.zeros(len(lon), dtype=bool)
    keep[kept] = True
    return keep


def main() -> None:
    names, lons, lats = loop_over_rows(SPACING_KM)
    cells = grid_cells(SPACING_KM)
    assert cells.names.tolist() == names
    assert np.allclose(cells.west, lons) and np.allclose(cells.south, lats)
    reference = seconds(lambda: loop_over_rows(SPACING_KM), 3)
    for what, work in (
        ("cells", lambda: grid_cells(SPACING_KM)),
        ("cells and names", lambda: grid_cells(SPACING_KM).names),
    ):
        ours = seconds(work, 7)
        print(f"{len(names):,} {what}: {ours:.3f} s, loop {reference:.2f} s, {reference / ours:.0f} x")

    rng = np.random.default_rng(0)
    centre = rng.uniform(-60, 60, (2, THINNED // 25)).repeat(25, axis=1)
    lon, lat = centre + 0.2 * rng.standard_normal(centre.shape)
    assert (thin(lon, lat, MIN_KM) == loop_over_points(lon, lat, MIN_KM)).all()
    ours = seconds(lambda: thin(lon, lat, MIN_KM), 5)
    reference = seconds(lambda: loop_over_points(lon, lat, MIN_KM), 1)
    print(f"{len(lon):,} sites {MIN_KM} km apart: {ours:.3f} s, loop {reference:.2f} s, {reference / ours:.0f} x")


if __name__ == "__main__":
    main()
