"""Cells of the 23 km grid: ours against the loop over rows and cells one writes first.

    python benchmarks/grid.py

The loop makes what Major-TOM's own class makes of every cell: name, lower-left corner, UTM zone and a Point, in one
GeoDataFrame. Ours makes names, corners and UTM zones in arrays; a Point is what two numbers say already, and is timed
for who wants it. Prints seconds and ratios, medians of some rounds in one process, after checking that both give the
same.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from greenup.sites.grid import RADIUS_KM, cell_of, grid_cells

SPACING_KM = 23.0


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall time of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def zone_of(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone of one point."""
    zone = math.floor((lon + 180) / 6) % 60 + 1
    if 56 <= lat < 64 and 3 <= lon < 12:
        zone = 32
    elif 72 <= lat <= 84 and 0 <= lon < 42:
        zone = 31 if lon < 9 else 33 if lon < 21 else 35 if lon < 33 else 37
    return (32600 if lat >= 0 else 32700) + zone


def loop(spacing_km: float) -> gpd.GeoDataFrame:
    """A row and a cell at a time."""
    rows = math.ceil(math.pi * RADIUS_KM / spacing_km)
    names, row_names, col_names, lons, lats, zones, points = [], [], [], [], [], [], []
    for r in range(-(rows // 2), rows - rows // 2):
        lat = r * 180 / rows
        columns = math.ceil(2 * math.pi * RADIUS_KM * math.cos(math.radians(lat)) / spacing_km)
        row = f"{r}U" if r >= 0 else f"{-r}D"
        for c in range(-(columns // 2), columns - columns // 2):
            lon = c * 360 / columns
            col = f"{c}R" if c >= 0 else f"{-c}L"
            names.append(f"{row}_{col}")
            row_names.append(row)
            col_names.append(col)
            lons.append(lon)
            lats.append(lat)
            zones.append(zone_of(lon, lat))
            points.append(shapely.Point(lon, lat))
    table = {"name": names, "row": row_names, "col": col_names, "lon": lons, "lat": lats, "utm_zone": zones}
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry=points, crs=4326)


def main() -> None:
    reference = loop(SPACING_KM)
    cells = grid_cells(SPACING_KM)
    assert cells.names.tolist() == reference["name"].tolist()
    assert np.allclose(cells.west, reference["lon"])
    assert np.allclose(cells.south, reference["lat"])
    # Where a corner lies on the border of two zones, the last bit of its longitude decides.
    border = np.abs(cells.west / 6 - np.round(cells.west / 6)) < 1e-9
    assert (cells.epsg == reference["utm_zone"])[~border].all()
    number = len(reference)
    del reference
    taken = seconds(lambda: loop(SPACING_KM), 3)
    print(f"{number:,} cells, the loop: {taken:.2f} s")

    def with_names() -> None:
        _ = grid_cells(SPACING_KM).names

    def with_zones() -> None:
        cells = grid_cells(SPACING_KM)
        _ = cells.names, cells.epsg

    def with_points() -> None:
        cells = grid_cells(SPACING_KM)
        _ = cells.names, cells.epsg, shapely.points(cells.west, cells.south)

    for what, work in (
        ("corners", lambda: grid_cells(SPACING_KM)),
        ("corners and names", with_names),
        ("corners, names and UTM zones", with_zones),
        ("corners, names, UTM zones and Points", with_points),
    ):
        ours = seconds(work, 9)
        print(f"{what}: {ours:.3f} s, {taken / ours:.0f} x")
    lon, lat = cells.centres
    print(f"cells of {number:,} points: {seconds(lambda: cell_of(lon, lat, SPACING_KM), 5):.3f} s")


if __name__ == "__main__":
    main()
