"""Sites without dates take those of the nearest site that has them (SSL4Eco, section 3.1)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from greenup.phenology.doy import in_order
from greenup.sites.sphere import arc_km, great_circle_km, unit_vectors

DATES: tuple[str, ...] = ("greenup", "maturity", "senescence", "dormancy")

Positions = NDArray[np.int64]
Floats = NDArray[np.float64]


def fill_dates(
    sites: pd.DataFrame, dates: pd.DataFrame, *, each_date: bool = False, planar: bool = False
) -> pd.DataFrame:
    """The `PHENOLOGY` table: observed dates, and for each other site all four dates of one donor.

    ``sites``: site_id, lon, lat (degrees). ``dates``: a row a site in the same order, with columns greenup, maturity,
    senescence, dormancy (day of year, NaN where unknown), years, and cause (why the site has no dates of its own; used
    for such sites only). A site is *observed* when all four dates exist and follow one another within one turn of the
    year; only such a site can be a donor, so filled dates are in order as well. The donor is the nearest one by
    great-circle distance. Without any donor a site's origin is *none* and its dates are empty.

    ``each_date`` (the paper's wording, a quirk): a site keeps the dates it has and takes each missing one from the
    nearest site that has that one. Sites whose dates are out of order then, or still not complete, are filled from one
    donor as above. ``donor_id`` and ``donor_km`` are those of the farthest of a site's up to four donors.

    ``planar`` (a quirk): the donor is nearest in plane degrees, which know neither the date line nor that meridians
    meet. ``donor_km`` is the great-circle distance (km) in any case.
    """
    lon, lat = (sites[axis].to_numpy(dtype=np.float64) for axis in ("lon", "lat"))
    values = dates[list(DATES)].to_numpy(dtype=np.float64)
    observed = in_order(values)
    donor = np.full(len(sites), -1, dtype=np.int64)
    km = np.full(len(sites), np.nan)
    filled = np.where(observed[:, None], values, np.nan)
    if each_date:
        filled, donor, km = _fill_each_date(lon, lat, values, planar=planar)
    gaps = np.flatnonzero(np.isnan(filled).any(axis=1))
    if observed.any() and len(gaps):
        donor[gaps], km[gaps] = nearest(lon, lat, np.flatnonzero(observed), gaps, planar=planar)
        filled[gaps] = values[donor[gaps]]
    dated = np.isfinite(filled).all(axis=1)
    names = sites["site_id"].to_numpy(dtype=object)
    table = pd.DataFrame({"site_id": names})
    for i, name in enumerate(DATES):
        table[name] = np.where(dated, filled[:, i], np.nan)
    has_donor = dated & ~observed
    return table.assign(
        years=np.where(observed, dates["years"].to_numpy(), 0),
        origin=np.select([observed, has_donor], ["observed", "filled"], "none"),
        donor_id=np.where(has_donor, names[donor], None),
        donor_km=np.where(has_donor, km, np.nan),
        cause=np.where(observed, None, dates["cause"].to_numpy(dtype=object)),
    )


def _fill_each_date(lon: Floats, lat: Floats, values: Floats, *, planar: bool) -> tuple[Floats, Positions, Floats]:
    """Each missing date from the nearest site that has it, with the farthest donor and its distance (km); NaN where the
    four dates are not in order after that."""
    filled = values.copy()
    donor, km = np.full(len(values), -1, dtype=np.int64), np.full(len(values), np.nan)
    for i in range(values.shape[1]):
        missing = np.isnan(values[:, i])
        if missing.all() or not missing.any():
            continue
        gaps = np.flatnonzero(missing)
        at, distance = nearest(lon, lat, np.flatnonzero(~missing), gaps, planar=planar)
        filled[gaps, i] = values[at, i]
        farther = ~(distance <= km[gaps])
        donor[gaps[farther]], km[gaps[farther]] = at[farther], distance[farther]
    filled[~in_order(filled)] = np.nan
    return filled, donor, km


def nearest(
    lon: ArrayLike, lat: ArrayLike, donors: Positions, gaps: Positions, *, planar: bool = False
) -> tuple[Positions, Floats]:
    """The nearest of ``donors`` to each of ``gaps`` (positions of points in degrees), and how far it is (great-circle
    km).

    Found among unit vectors, where the nearest in space is the nearest on the sphere: no distortion, date line or pole.
    With ``planar``, among longitudes and latitudes as if they were plane.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    points = np.stack([lon, lat], axis=-1) if planar else unit_vectors(lon, lat)
    # Cutting boxes in their middle builds a tree twice as fast as at medians, and points on Earth are spread evenly.
    tree = cKDTree(points[donors], balanced_tree=False, compact_nodes=False, leafsize=24)
    apart, at = tree.query(points[gaps], workers=-1)
    chosen = donors[at]
    return chosen, great_circle_km(lon[gaps], lat[gaps], lon[chosen], lat[chosen]) if planar else arc_km(apart)
