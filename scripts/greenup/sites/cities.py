"""Sites around large cities, as SeCo (2021) and SSL4EO-S12 (2023) draw theirs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.config.sites import CitySites
from greenup.sites import packaged
from greenup.sites.draw import draw_until
from greenup.sites.sphere import inside, offset


def sample_cities(name: str, sites: CitySites, *, seed: int) -> pd.DataFrame:
    """Normally distributed around the largest cities, on land: site_id, lon, lat.

    A city is drawn uniformly among the ``cities`` largest, then a distance east and one north of it, each normal with
    standard deviation ``sigma_km``. Both are true distances on the sphere (the released samplers take degrees of
    longitude for degrees of latitude), places at sea are drawn again, and with ``min_distance_km`` no two sites are
    nearer than that. Raises `UserError` when the region or the distance leave no room for ``count`` sites.
    """
    cities = packaged.cities().head(sites.cities)
    at_lon, at_lat = cities["lon"].to_numpy(), cities["lat"].to_numpy()

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        city = rng.integers(len(cities), size=n)
        east, north = sites.sigma_km * rng.standard_normal((2, n))
        return offset(at_lon[city], at_lat[city], east, north)

    lon, lat = draw_until(
        draw,
        lambda lon, lat: _on_land(lon, lat, sites.region),
        count=sites.count,
        seed=seed,
        purpose="cities",
        name=name,
        min_km=sites.min_distance_km,
        mend="lower sites.count or sites.min_distance_km, raise sites.cities or sites.sigma_km, or widen sites.region",
    )
    return pd.DataFrame({"site_id": [f"city_{i:06d}" for i in range(len(lon))], "lon": lon, "lat": lat})


def _on_land(lon: np.ndarray, lat: np.ndarray, region: tuple[float, float, float, float] | None) -> np.ndarray:
    ok = inside(lon, lat, region)
    ok[ok] = packaged.is_land(lon[ok], lat[ok])
    return ok
