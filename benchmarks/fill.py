"""Gap filling from the nearest dated site: ours against scikit-learn's BallTree with haversine distances.

    python benchmarks/fill.py

The paper's sites (land cells of the 23 km grid north of 60 S, some 257 000), a quarter of them without dates, in the
order of the grid's rows, in spatial order as the stage before hands them out, and shuffled; then as many places spread
at random. Both sides get the same positions in one run, and must find donors equally near to a millimetre. Prints
medians of a few rounds and their ratio. Ours is timed from longitudes and latitudes to kilometres.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import BallTree

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from greenup.config.sites import GridSites
from greenup.phenology.fill import DATES, fill_dates, nearest
from greenup.sites.grid import sample_grid
from greenup.sites.order import hilbert_index
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM

MISSING = 0.25


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median wall time of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def ball_tree(lon: np.ndarray, lat: np.ndarray, donors: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the donors, and distances (km)."""
    radians = np.radians(np.stack([lat, lon], axis=1))
    distance, at = BallTree(radians[donors], metric="haversine").query(radians[gaps])
    return donors[at[:, 0]], distance[:, 0] * EARTH_KM


def compare(name: str, lon: np.ndarray, lat: np.ndarray, missing: np.ndarray) -> None:
    donors, gaps = np.flatnonzero(~missing), np.flatnonzero(missing)
    _, ours_km = nearest(lon, lat, donors, gaps)
    _, reference_km = ball_tree(lon, lat, donors, gaps)
    apart = np.abs(ours_km - reference_km).max()
    assert apart < 1e-6, f"donors differ by {apart} km"
    ours = seconds(lambda: nearest(lon, lat, donors, gaps), 7)
    reference = seconds(lambda: ball_tree(lon, lat, donors, gaps), 3)
    print(
        f"{name:42s} {len(lon):7,} sites: {ours:.3f} s, BallTree {reference:.2f} s, {reference / ours:3.0f} x; "
        f"distances differ by {apart * 1e6:.2g} mm at most",
        flush=True,
    )


def main() -> None:
    rng = np.random.default_rng(0)
    region = (-180.0, -60.0, 180.0, 90.0)
    sites = sample_grid("grid", GridSites(sampler="grid", region=region), SiteData(), seed=0)
    lon, lat = sites["lon"].to_numpy(), sites["lat"].to_numpy()
    missing = rng.random(len(lon)) < MISSING
    orders = {
        "grid, row by row": np.lexsort((lon, lat)),
        "grid, spatial order": np.argsort(hilbert_index(lon, lat)),
        "grid, shuffled": rng.permutation(len(lon)),
    }
    for name, order in orders.items():
        compare(name, lon[order], lat[order], missing[order])
    lon, lat = rng.uniform(-180, 180, len(lon)), np.degrees(np.arcsin(rng.uniform(-0.85, 0.97, len(lon))))
    order = np.argsort(hilbert_index(lon, lat))
    compare("random places, spatial order", lon[order], lat[order], missing)
    compare("random places, shuffled", lon, lat, missing)

    table = pd.DataFrame({"site_id": np.arange(len(lon)).astype(str), "lon": lon, "lat": lat})
    values = np.sort(rng.uniform(1, 366, (len(lon), 4)), axis=1)
    values[missing, 2] = np.nan
    dates = pd.DataFrame(values, columns=list(DATES)).assign(years=5, cause="incomplete")
    print(f"the whole table of {len(lon):,} sites: {seconds(lambda: fill_dates(table, dates), 3):.3f} s")


if __name__ == "__main__":
    main()
