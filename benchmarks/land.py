"""Which cells of the 23 km grid lie on land, by polygons of about 547 000 vertices: ours against GeoPandas and GEOS.

    python benchmarks/land.py

The polygons are contours of the packaged land mask. Three ways, in one process: ours (each parallel of the grid crossed
with all edges once), `geopandas.sjoin` of points within polygons, and `shapely.contains_xy` of one prepared
multipolygon. Each starts from what it is at home with (coordinates, points, coordinates) and makes its index anew in
every round. Then both that keep an index are shown with it kept: ours, as in all calls after the first on the same
polygons, and sjoin, whose tree of points serves only the same points again. Points come in the grid's order; sjoin is
also shown with them shuffled, which our grid never does. Prints points a second and ratios, medians, after checking
that all give the same answer for every point.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import contourpy
import geopandas as gpd
import numpy as np
import shapely

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import itertools

from greenup.sites import polygons
from greenup.sites.grid import grid_cells
from greenup.sites.packaged import is_land
from greenup.sites.polygons import covers

ROWS = 6500
"""Parallels at which the mask is sampled: as many as give contours of 547 000 vertices."""


def seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median wall time of each, taken in turns: a busy machine is then busy for all."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def coast(rows: int) -> gpd.GeoSeries:
    """Polygons of land with their holes, from the packaged mask sampled on a grid of ``rows`` x 2 ``rows``."""
    step = 180 / rows
    # Off the middle of a step, so that no coast runs along a parallel of the grid: what lies on a border is in for some
    # and out for others.
    lat, lon = -90 + (np.arange(rows) + 0.37) * step, -180 + (np.arange(2 * rows) + 0.37) * step
    # A frame of sea closes the rings at the date line and the poles.
    land = np.zeros((rows + 2, 2 * rows + 2))
    for i in range(rows):
        land[i + 1, 1:-1] = is_land(lon, np.full(len(lon), lat[i]))
    x, y = (np.concatenate([v[:1] - step / 3, v, v[-1:] + step / 3]) for v in (lon, lat))
    filled = contourpy.contour_generator(x, y, land, fill_type=contourpy.FillType.OuterOffset).filled(0.5, 2.0)
    rings = [[xy[a:b] for a, b in itertools.pairwise(cut)] for xy, cut in zip(*filled, strict=True)]
    series = gpd.GeoSeries([shapely.Polygon(outer, holes) for outer, *holes in rings], crs=4326)
    return series if series.is_valid.all() else series.make_valid()


def main() -> None:
    land = coast(ROWS)
    lon, lat = grid_cells(23).centres
    points, areas = shapely.points(lon, lat), land.to_numpy()
    whole = shapely.multipolygons(shapely.get_parts(areas))
    vertices = shapely.get_num_coordinates(areas).sum()
    print(f"{len(lon):,} points, {len(land):,} polygons of {vertices:,} vertices")

    def frame(geometries: np.ndarray) -> gpd.GeoDataFrame:
        """A new frame, without the spatial index that an old one keeps."""
        return gpd.GeoDataFrame(geometry=gpd.GeoSeries(geometries, crs=4326))

    def ours() -> np.ndarray:
        polygons.forget()
        return covers(lon, lat, land)

    def sjoin(points: gpd.GeoDataFrame) -> np.ndarray:
        inside = np.zeros(len(points), dtype=bool)
        inside[gpd.sjoin(points, frame(areas), predicate="within").index] = True
        return inside

    def contains_xy() -> np.ndarray:
        shapely.destroy_prepared(whole)
        shapely.prepare(whole)
        return shapely.contains_xy(whole, lon, lat)

    kept = frame(points)
    answer = ours()
    assert (answer == sjoin(kept)).all()
    assert (answer == contains_xy()).all()
    print(f"{np.count_nonzero(answer):,} points on land, the same by all three")

    shuffled = np.random.default_rng(0).permutation(points)
    ways = {
        "sjoin": lambda: sjoin(frame(points)),
        "sjoin, points shuffled": lambda: sjoin(frame(shuffled)),
        "sjoin, tree of points kept": lambda: sjoin(kept),
        "prepared contains_xy": contains_xy,
        "ours": ours,
        # Those that `ours` has just made.
        "ours, edges kept": lambda: covers(lon, lat, land),
    }
    taken = seconds(ways, 7)
    for name, time_s in taken.items():
        ratios = "".join(
            f", {taken[r] / time_s:.1f} x {r}" for r in ("sjoin", "prepared contains_xy") if "ours" in name
        )
        print(f"{name}: {time_s:.3f} s, {len(lon) / time_s / 1e6:.2f} M points/s{ratios}")


if __name__ == "__main__":
    main()
