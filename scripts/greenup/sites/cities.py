"""Sites around large cities, as SeCo (2021) and SSL4EO-S12 (2023) draw theirs.

The correct rule is the default; ``compat`` names quirks of the released downloaders (SeCo's `seco_downloader.py`,
SSL4EO-S12's `ssl4eo_s12_downloader.py` and `ssl4eo_downloader.py`) that could move where sites lie.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from greenup.config.sites import CitySites
from greenup.errors import UserError
from greenup.sites import attributes
from greenup.sites.draw import Bools, Floats, draw_until, thin, thin_in_degree_cells
from greenup.sites.land import on_land
from greenup.sites.region import bounds_of, in_region
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM, offset, wrap_lon

KM_PER_DEGREE = 2 * 6371 * np.pi / 360
"""Kilometres a degree by which the released downloaders turn distances into degrees, of longitude too (111.19)."""

_REACH = 8.0  # standard deviations: a site farther from its city comes once in 1e14 draws


def sample_cities(name: str, sites: CitySites, data: SiteData, *, seed: int) -> pd.DataFrame:
    """Normally distributed around the largest cities, on land: site_id, lon, lat.

    A city is drawn uniformly among the ``cities`` largest, then a distance east and one north of it, each normal with
    standard deviation ``sigma_km``. Both are true distances on the sphere, places at sea are drawn again, and with
    ``min_distance_km`` no two sites are nearer than that (great circle). ``compat`` takes parts of this back:

    - ``sigma_in_degrees``: the offsets are sigma_km / 111.19 degrees, of longitude as of latitude, so that the spread
      east and west shrinks by cos(lat). The released code leaves longitudes beyond 180 degrees; here they are wrapped,
      which is the same place. Latitudes beyond a pole are no place, and are drawn again.
    - ``sea_allowed``: places at sea are kept (there they fail later, since no image is found).
    - ``overlap_in_degree_cells``: see `thin_in_degree_cells`.
    - ``overlap_check_ineffective``: ``min_distance_km`` is not applied: as released, an overlapping place is replaced,
      but then downloaded all the same.

    Raises `UserError` when no city lies near the region, when region or distance leave no room for ``count`` sites, and
    for an overlap quirk without ``min_distance_km``.
    """
    quirks = set(sites.compat)
    overlap = sorted(q for q in quirks if q.startswith("overlap"))
    if overlap and sites.min_distance_km is None:
        raise UserError(
            f"dataset {name}: sites.compat has {overlap[0]}, but there is no sites.min_distance_km",
            "write min_distance_km: 1.98 (SSL4EO-S12), or leave the switch out",
        )
    largest = attributes.cities(data).head(sites.cities)
    at_lon, at_lat = largest["lon"].to_numpy(dtype=np.float64), largest["lat"].to_numpy(dtype=np.float64)
    near = _within_reach(at_lon, at_lat, sites)
    at_lon, at_lat = at_lon[near], at_lat[near]
    if not len(at_lon):
        raise UserError(
            f"dataset {name}: none of the {sites.cities} largest cities lies within reach of its region",
            "raise sites.cities or sites.sigma_km, widen sites.region, or use the sampler uniform",
        )

    def draw(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        city = rng.integers(len(at_lon), size=n)
        east, north = sites.sigma_km * rng.standard_normal((2, n))
        if "sigma_in_degrees" in quirks:
            return wrap_lon(at_lon[city] + east / KM_PER_DEGREE), at_lat[city] + north / KM_PER_DEGREE
        return offset(at_lon[city], at_lat[city], east, north)

    def accept(lon: Floats, lat: Floats) -> Bools:
        ok = np.abs(lat) <= 90.0
        ok[ok] = in_region(lon[ok], lat[ok], sites.region)
        if "sea_allowed" not in quirks:
            ok[ok] = on_land(lon[ok], lat[ok], data)
        return ok

    keep = None
    if sites.min_distance_km is not None and "overlap_check_ineffective" not in quirks:
        keep = partial(thin, min_km=sites.min_distance_km)
        if "overlap_in_degree_cells" in quirks:
            keep = partial(thin_in_degree_cells, min_degrees=sites.min_distance_km / KM_PER_DEGREE)
    lon, lat = draw_until(
        draw,
        accept,
        count=sites.count,
        seed=seed,
        purpose="cities",
        name=name,
        keep=keep,
        mend="lower sites.count or sites.min_distance_km, raise sites.cities or sites.sigma_km, or widen sites.region",
    )
    return pd.DataFrame({"site_id": [f"city_{i:06d}" for i in range(len(lon))], "lon": lon, "lat": lat})


def _within_reach(lon: Floats, lat: Floats, sites: CitySites) -> Bools:
    """Cities from which a site may fall into the region's bounds: the others are a waste of draws."""
    if sites.region is None:
        return np.ones(len(lon), dtype=bool)
    west, south, east, north = bounds_of(sites.region)
    reach = np.degrees(_REACH * sites.sigma_km / EARTH_KM)
    tallest = max(abs(south - reach), abs(north + reach))
    if tallest >= 90.0:
        return (lat >= south - reach) & (lat <= north + reach)
    # How far a circle of that radius reaches east at the latitude where meridians are closest.
    ratio = np.sin(np.radians(min(reach, 90.0))) / np.cos(np.radians(tallest))
    wide = 180.0 if ratio >= 1 else np.degrees(np.arcsin(ratio))
    from_west = (lon - (west - wide)) % 360.0
    across = min(east - west + 2 * wide, 360.0)
    return (lat >= south - reach) & (lat <= north + reach) & ((from_west <= across) | (across >= 360.0))
