"""Sites uniform on land: every square kilometre has the same chance."""

from __future__ import annotations

from functools import partial

import pandas as pd

from greenup.config.sites import UniformSites
from greenup.sites.boxes import boxes_of
from greenup.sites.draw import Bools, Floats, draw_until, thin
from greenup.sites.land import on_land
from greenup.sites.region import in_region
from greenup.sites.sources import SiteData


def sample_uniform(name: str, sites: UniformSites, data: SiteData, *, seed: int) -> pd.DataFrame:
    """Uniform by area on the land of the region: site_id, lon, lat.

    With ``min_distance_km`` a place nearer than that (great circle) to an earlier site is passed over. Raises
    `UserError` when the region has next to no land, or too little room.
    """

    def accept(lon: Floats, lat: Floats) -> Bools:
        ok = in_region(lon, lat, sites.region)
        ok[ok] = on_land(lon[ok], lat[ok], data)
        return ok

    lon, lat = draw_until(
        boxes_of(sites.region).draw,
        accept,
        count=sites.count,
        seed=seed,
        purpose="uniform",
        name=name,
        keep=None if sites.min_distance_km is None else partial(thin, min_km=sites.min_distance_km),
        mend="lower sites.count or sites.min_distance_km, or widen sites.region",
    )
    return pd.DataFrame({"site_id": [f"uniform_{i:06d}" for i in range(len(lon))], "lon": lon, "lat": lat})
