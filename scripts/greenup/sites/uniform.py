"""Sites uniform on land: every square kilometre has the same chance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.config.sites import UniformSites
from greenup.sites.draw import draw_until
from greenup.sites.packaged import is_land


def sample_uniform(name: str, sites: UniformSites, *, seed: int) -> pd.DataFrame:
    """Uniform by area on the land of the region: site_id, lon, lat.

    Longitude and the sine of latitude are drawn uniformly (Archimedes: equal areas on the sphere). Raises `UserError`
    when the region has next to no land.
    """
    west, south, east, north = sites.region or (-180.0, -90.0, 180.0, 90.0)
    low, high = np.sin(np.radians([south, north]))

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.uniform(west, east, n), np.degrees(np.arcsin(rng.uniform(low, high, n)))

    lon, lat = draw_until(
        draw,
        is_land,
        count=sites.count,
        seed=seed,
        purpose="uniform",
        name=name,
        mend="lower sites.count or widen sites.region",
    )
    return pd.DataFrame({"site_id": [f"uniform_{i:06d}" for i in range(len(lon))], "lon": lon, "lat": lat})
