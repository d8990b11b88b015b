"""Where images lie: centres of georeferenced files in degrees, one look at each CRS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import rasterio
from pyproj import CRS, Transformer


def centres_of_files(paths: Iterable[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (N,) of the centre of each GeoTIFF, degrees WGS 84; NaN where a file does not say."""
    crs, x, y = [], [], []
    for path in paths:
        with rasterio.open(path) as source:
            crs.append(None if source.crs is None else source.crs.to_wkt())
            east, north = source.transform @ (source.width / 2, source.height / 2)
        x.append(east)
        y.append(north)
    return to_degrees(crs, np.array(x, dtype="float64"), np.array(y, dtype="float64"))


def to_degrees(crs: list[str | None], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N,), each in a CRS of its own (WKT or a code), as longitude and latitude; NaN where the CRS is None."""
    lon, lat = np.full(len(crs), np.nan), np.full(len(crs), np.nan)
    names = np.array([c or "" for c in crs], dtype=object)
    for name in set(names) - {""}:
        here = names == name
        transformer = Transformer.from_crs(CRS.from_user_input(name), 4326, always_xy=True)
        lon[here], lat[here] = transformer.transform(x[here], y[here])
    return lon, lat
