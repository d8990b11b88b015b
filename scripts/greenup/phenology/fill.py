"""Sites without dates take those of the nearest site that has them (SSL4Eco, section 3.1)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from greenup.phenology.doy import in_order
from greenup.sites.sphere import arc_km, unit_vectors

DATES: tuple[str, ...] = ("greenup", "maturity", "senescence", "dormancy")


def fill_dates(sites: pd.DataFrame, dates: pd.DataFrame) -> pd.DataFrame:
    """The `PHENOLOGY` table: observed dates, and for each other site all four dates of one donor.

    ``sites``: site_id, lon, lat (degrees). ``dates``: a row a site in the same order, with columns greenup, maturity,
    senescence, dormancy (day of year, NaN where unknown) and years. A site is *observed* when all four dates exist and
    follow one another within one turn of the year; only such a site can be a donor, so filled dates are in order as
    well. The donor is the nearest one by great-circle distance. Without any donor a site's origin is *none* and its
    dates are empty.
    """
    values = dates[list(DATES)].to_numpy(dtype=np.float64)
    observed = in_order(values)
    origin = np.where(observed, "observed", "filled" if observed.any() else "none")
    donor_id = np.full(len(sites), None, dtype=object)
    donor_km = np.full(len(sites), np.nan)
    out = np.where(observed[:, None], values, np.nan)
    gaps = np.flatnonzero(~observed)
    if observed.any() and len(gaps):
        chosen, donor_km[gaps] = nearest(sites["lon"], sites["lat"], np.flatnonzero(observed), gaps)
        out[gaps] = values[chosen]
        donor_id[gaps] = sites["site_id"].to_numpy(dtype=object)[chosen]
    table = pd.DataFrame({"site_id": sites["site_id"].to_numpy(dtype=object)})
    for i, name in enumerate(DATES):
        table[name] = out[:, i]
    table["years"] = np.where(observed, dates["years"].to_numpy(), 0)
    return table.assign(origin=origin, donor_id=donor_id, donor_km=donor_km)


def nearest(
    lon: ArrayLike, lat: ArrayLike, donors: NDArray[np.int64], gaps: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest of ``donors`` to each of ``gaps`` (positions of points in degrees), and how far it is (km).

    Found among unit vectors, where the nearest in space is the nearest on the sphere: no distortion, date line or pole.
    """
    points = unit_vectors(lon, lat)
    tree = cKDTree(points[donors], balanced_tree=False, compact_nodes=False)
    chord, at = tree.query(points[gaps])
    return donors[at], arc_km(chord)
