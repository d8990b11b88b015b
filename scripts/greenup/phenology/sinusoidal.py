"""The sinusoidal grid of MODIS land products: 36 x 18 square tiles on a sphere, h00v00 in the north-west.

Parameters from the MODIS Land team's description of the grid (modis-land.gsfc.nasa.gov/MODLAND_grid.html).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from greenup.sites.sphere import wrap_lon

RADIUS_M = 6_371_007.181
"""Radius of the grid's sphere (m)."""

TILE_M = 20_015_109.354 / 18
"""Side of a tile (m): 10 degrees of latitude, 1 111 950.5197 m. Half the grid's width as it is published, to a mm."""

COLUMNS, ROWS = 36, 18

Positions = NDArray[np.int64]


def project(lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of (0, 0) of points in degrees."""
    lon, lat = np.radians(wrap_lon(lon)), np.radians(np.asarray(lat, dtype=np.float64))
    return RADIUS_M * lon * np.cos(lat), RADIUS_M * lat


def tile_pixels(
    lon: ArrayLike, lat: ArrayLike, size_px: int = 2400
) -> tuple[Positions, Positions, Positions, Positions]:
    """Tile (h, v), and row and column in it, of points in degrees, for tiles of ``size_px`` pixels a side (2400 at
    500 m)."""
    x, y = project(lon, lat)
    # Counted in pixels of the whole grid. The poles lie on its very edge.
    column = np.floor((x / TILE_M + COLUMNS / 2) * size_px).astype(np.int64)
    row = np.floor((ROWS / 2 - y / TILE_M) * size_px).astype(np.int64)
    column, row = np.clip(column, 0, COLUMNS * size_px - 1), np.clip(row, 0, ROWS * size_px - 1)
    return column // size_px, row // size_px, row % size_px, column % size_px


def tile_name(h: int, v: int) -> str:
    """As in file names: h18v04."""
    return f"h{h:02d}v{v:02d}"
