"""SSL4EO-S12's sampler with its 1.98 km rule at 250 000 sites: ours against the released loops; and the other samplers.

    python benchmarks/samplers.py [sites of the reference, 20000] [layer of ecoregions]

The released downloader (zhu-xlab/SSL4EO-S12) draws a site at a time and looks for overlap in one of two ways, told
here in our own words: ``rtree``, the nearest stored place of a growing R-tree, in plane degrees, where the index is
also counted through at every insertion; and ``grid``, all places stored in the same cell of one degree. The city of a
site is drawn from a list, as they do. Overlapping places are drawn again, as they meant it. The loops run twice, on
half of the sites given and on all; the time at 250 000 is that of t = a n + b n^2 through both.

All are seconds of one processor, which a busy machine disturbs less than those of the clock; nothing here runs on more
than one. ``rtree`` needs the package of that name, which greenup does not install; without it the nearest place is
looked for by scanning an array, which is another loop than the released one, and the line says so.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from greenup.config.sites import CitySites, EcoregionSites, UniformSites
from greenup.sites.attributes import cities
from greenup.sites.cities import KM_PER_DEGREE, sample_cities
from greenup.sites.ecoregion import sample_ecoregion
from greenup.sites.sources import SiteData
from greenup.sites.sphere import unit_vectors
from greenup.sites.uniform import sample_uniform
from scipy.spatial import cKDTree

COUNT, MIN_KM, SIGMA_KM = 250_000, 1.98, 50.0
PACKAGED = SiteData()
Place = tuple[float, float]


class Scan:
    """The nearest stored place by scanning an array that grows."""

    def __init__(self) -> None:
        self._places, self._n = np.empty((COUNT, 2)), 0

    def nearest(self, place: Place) -> list[Place]:
        if not self._n:
            return []
        away = self._places[: self._n] - place
        return [tuple(self._places[np.einsum("ij,ij->i", away, away).argmin()])]

    def insert(self, place: Place) -> None:
        self._places[self._n] = place
        self._n += 1


class RTree:
    """The nearest stored place by the package rtree, called as the released code calls it."""

    def __init__(self) -> None:
        from rtree import index

        self._index = index.Index()

    def nearest(self, place: Place) -> list[Place]:
        return [tuple(found.bbox[2:]) for found in self._index.nearest(place, objects=True)]

    def insert(self, place: Place) -> None:
        # The length of an index is counted by a search over all of it.
        self._index.insert(len(self._index) - 1, (*place, *place))


class Cells:
    """The places stored in the same cell of one degree."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], set[Place]] = {}

    def _cell(self, place: Place) -> set[Place]:
        return self._cells.setdefault((math.floor(place[0] + 180), math.floor(place[1] + 90)), set())

    def nearest(self, place: Place) -> set[Place]:
        return self._cell(place)

    def insert(self, place: Place) -> None:
        self._cell(place).add(place)


def released(count: int, stored, points: list[list[float]]) -> float:
    """Processor seconds of the released loop for ``count`` sites."""
    scale, rng = SIGMA_KM / KM_PER_DEGREE, np.random.default_rng(0)
    start, found = time.process_time(), 0
    while found < count:
        # A generator a site, and the list of cities turned into an array a site, as released.
        city = np.random.default_rng().choice(points)
        lon, lat = rng.normal(loc=city, scale=[scale, scale])
        for other in stored.nearest((lon, lat)):
            if (
                np.sqrt((abs(lon - other[0]) * KM_PER_DEGREE) ** 2 + (abs(lat - other[1]) * KM_PER_DEGREE) ** 2)
                < MIN_KM
            ):
                break
        else:
            stored.insert((lon, lat))
            found += 1
    return time.process_time() - start


def scaled(make: Callable[[], object], count: int, points: list[list[float]]) -> tuple[float, str]:
    """Seconds at `COUNT` sites, and how they were found."""
    if count >= COUNT:
        return released(COUNT, make(), points), "measured"
    half, whole = released(count // 2, make(), points), released(count, make(), points)
    # t = a n + b n^2 through both; a loop that measures as less than linear counts as linear.
    square = max((whole - 2 * half) / (count**2 / 2), 0.0)
    linear = whole / count - square * count
    how = f"scaled from {half:.1f} s at {count // 2:,} and {whole:.1f} s at {count:,}"
    return linear * COUNT + square * COUNT**2, how


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median processor time of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def nearest_km(table) -> float:
    """Distance between the two nearest sites (km)."""
    points = unit_vectors(table["lon"], table["lat"])
    distance, _ = cKDTree(points, balanced_tree=False).query(points, k=2)
    return 2 * 6371.0088 * math.asin(distance[:, 1].min() / 2)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000

    def ours(**keys):
        block = CitySites(sampler="cities", count=COUNT, min_distance_km=MIN_KM, sigma_km=SIGMA_KM, **keys)
        return sample_cities("benchmark", block, PACKAGED, seed=1)

    start = time.process_time()
    apart = nearest_km(ours())
    print(f"{COUNT:,} sites, first call (reads the land mask and the cities): {time.process_time() - start:.2f} s")
    assert apart >= MIN_KM * (1 - 1e-9)
    quirks = ("sigma_in_degrees", "sea_allowed")
    taken = {
        "on land, true distances": seconds(ours, 5),
        "as released, great circle": seconds(lambda: ours(compat=quirks), 5),
        "as released, 1 degree cells": seconds(lambda: ours(compat=(*quirks, "overlap_in_degree_cells")), 5),
    }
    for what, ours_s in taken.items():
        print(f"{COUNT:,} sites {MIN_KM} km apart, {what}: {ours_s:.3f} s")

    points = cities(PACKAGED).head(10_000)[["lon", "lat"]].to_numpy().tolist()
    try:
        import rtree

        nearest, what = RTree, f"released loop, rtree {rtree.__version__}"
    except ImportError:
        nearest, what = Scan, "released loop with a scan in place of rtree (not installed)"
    for make, name, mine in (
        (nearest, what, "as released, great circle"),
        (Cells, "released loop, cells of 1 degree", "as released, 1 degree cells"),
    ):
        reference, how = scaled(make, count, points)
        ratio = reference / taken[mine]
        print(f"{COUNT:,} sites, {name}: {reference:,.0f} s ({how}); ours {taken[mine]:.3f} s, {ratio:,.0f} x")

    uniform = UniformSites(sampler="uniform", count=COUNT, min_distance_km=2.64)
    print(f"{COUNT:,} sites uniform, 2.64 km apart: "
          f"{seconds(lambda: sample_uniform('benchmark', uniform, PACKAGED, seed=1), 3):.2f} s")  # fmt: skip
    for data in (PACKAGED, *(SiteData(ecoregions=Path(p)) for p in sys.argv[2:3])):
        block = EcoregionSites(sampler="ecoregion", count=COUNT)
        start = time.process_time()
        table = sample_ecoregion("benchmark", block, data, seed=1)
        took, strata = time.process_time() - start, table["stratum"].nunique()
        source = data.ecoregions.name if data.ecoregions else "packaged data"
        print(f"{COUNT:,} sites over {strata} strata of {source}, 2.64 km apart: {took:.2f} s")


if __name__ == "__main__":
    main()
