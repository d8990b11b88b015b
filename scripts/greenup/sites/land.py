"""Whether a point lies on land: by the packaged 1 km mask, or by polygons of land."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from greenup.sites.packaged import is_land
from greenup.sites.polygons import covers, read_polygons
from greenup.sites.sources import SiteData


def on_land(lon: ArrayLike, lat: ArrayLike, data: SiteData) -> NDArray[np.bool_]:
    """Whether points (n,) in degrees lie on land: inside the polygons of ``data.land``, or by the packaged mask.

    The mask counts lakes as land; polygons count what they hold. Raises `UserError` for a file that
    `greenup.sites.polygons.read_polygons` refuses.
    """
    if data.land is None:
        return is_land(lon, lat)
    return covers(lon, lat, read_polygons(data.land, "sources.land").geometry)
