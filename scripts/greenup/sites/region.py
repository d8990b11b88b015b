"""A study's region: a box in degrees, or the polygons of a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from greenup.sites.polygons import covers, read_polygons

Box = tuple[float, float, float, float]

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)


def in_region(lon: ArrayLike, lat: ArrayLike, region: Box | str | None) -> NDArray[np.bool_]:
    """Whether points (n,) lie in a region; all do where it is None.

    A region is [west, south, east, north] in degrees, borders included and the meridians 180 and -180 one; or the path
    of a file of polygons, whose borders are half open (`greenup.sites.polygons`).

    Raises `UserError` for a file that `greenup.sites.polygons.read_polygons` refuses.
    """
    if isinstance(region, str):
        return covers(lon, lat, read_polygons(region, "region").geometry)
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if region is None:
        return np.ones(lon.shape, dtype=bool)
    west, south, east, north = region
    across = (lon >= west) & (lon <= east)
    if west == -180 or east == 180:
        across |= np.abs(lon) == 180
    return across & (lat >= south) & (lat <= north)


def bounds_of(region: Box | str | None) -> Box:
    """The box (west, south, east, north) in degrees that holds a region; the whole Earth where it is None.

    Polygons on both sides of the date line give a box from -180 to 180.
    """
    if isinstance(region, str):
        return tuple(float(v) for v in read_polygons(region, "region").total_bounds)
    return WORLD if region is None else region
