"""Gap filling from the nearest dated site: ours against scikit-learn's BallTree with haversine distances.

    python benchmarks/fill.py

255 000 sites, a quarter without dates. Prints seconds and their ratio, medians of a few rounds in one process, after
checking that both find donors equally near.
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
from greenup.phenology.fill import DATES, fill_dates, nearest
from greenup.sites.order import hilbert_index
from greenup.sites.sphere import EARTH_KM

SITES, MISSING = 255_000, 0.25


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


def main() -> None:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, SITES), np.degrees(np.arcsin(rng.uniform(-0.85, 0.97, SITES)))
    # As the stage before gives them: in spatial order.
    order = np.argsort(hilbert_index(lon, lat))
    lon, lat = lon[order], lat[order]
    missing = rng.random(SITES) < MISSING
    donors, gaps = np.flatnonzero(~missing), np.flatnonzero(missing)
    _, ours_km = nearest(lon, lat, donors, gaps)
    _, reference_km = ball_tree(lon, lat, donors, gaps)
    assert np.allclose(ours_km, reference_km, rtol=1e-6, atol=1e-6)
    ours = seconds(lambda: nearest(lon, lat, donors, gaps), 5)
    reference = seconds(lambda: ball_tree(lon, lat, donors, gaps), 3)
    print(f"donors of {len(gaps):,} sites: {ours:.3f} s, BallTree {reference:.2f} s, {reference / ours:.0f} x")

    sites = pd.DataFrame({"site_id": np.arange(SITES).astype(str), "lon": lon, "lat": lat})
    values = np.sort(rng.uniform(1, 366, (SITES, 4)), axis=1)
    values[missing, 2] = np.nan
    dates = pd.DataFrame(values, columns=list(DATES)).assign(years=5)
    print(f"the whole table of {SITES:,} sites: {seconds(lambda: fill_dates(sites, dates), 3):.3f} s")


if __name__ == "__main__":
    main()
