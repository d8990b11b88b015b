"""Mountains: from polygons such as GMBA's mountain inventory, or foreseen from the relief of a packaged elevation grid.

The packaged grid is the one inside pvlib (1/12 degree, steps of 28 m, resampled from Mapzen's terrain tiles).
"""

from __future__ import annotations

from functools import lru_cache

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from greenup.sites import packaged, polygons
from greenup.sites.sources import SiteData

HIGH_M = 2500.0
"""Land above this is mountain whatever its relief (m; classes 1 to 3 of Kapos et al. 2000)."""

LOW_M = 300.0
"""Land below this is no mountain whatever its relief (m; class 6 begins here)."""

# ASSUME: 400 m instead of Kapos's 300 m, since the elevations of 3 x 3 cells span 28 km where Kapos's circle spans 14.
# It makes 16.7 % of the land cells of a 23 km grid mountains; GMBA's inventory holds 16 % of SSL4Eco's sites.
RELIEF_M = 400.0
"""Land between the two is mountain where the elevations around it differ by more than this (m)."""

_CELLS_PER_DEGREE = 12


def in_mountains(lon: ArrayLike, lat: ArrayLike, data: SiteData) -> NDArray[np.bool_]:
    """Whether n places (degrees) lie in mountains: inside the polygons of ``data.mountains``, else by `is_mountain`."""
    lon, lat = (np.asarray(a, dtype=np.float64) for a in (lon, lat))
    if data.mountains is None:
        return is_mountain(lon, lat)
    return polygons.covers(lon, lat, polygons.read_polygons(data.mountains, "sources.mountains").geometry)


def is_mountain(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether places (degrees, any shape) lie in mountains by elevation and relief: an approximation.

    The classes of Kapos et al. (2000, UNEP-WCMC) at 1/12 degree: mountain is what is higher than `HIGH_M`, or higher
    than `LOW_M` with more than `RELIEF_M` between the lowest and the highest cell around. Their classes 4 and 5 also
    ask for slopes of 2 and 5 degrees, which no grid of 9 km can show; relief stands for them. Small ranges are missed,
    and the edges of large ones are blurred by a cell or two.
    """
    lon, lat = packaged.degrees(lon, lat)
    rows, cols = 180 * _CELLS_PER_DEGREE, 360 * _CELLS_PER_DEGREE
    row = np.minimum(((90.0 - lat) * _CELLS_PER_DEGREE).astype(np.int64), rows - 1)
    col = ((lon + 180.0) * _CELLS_PER_DEGREE).astype(np.int64) % cols
    return _mountain_cells()[row, col]


def elevation_grid() -> NDArray[np.int16]:
    """Elevation in metres, (2160, 4320), north up from 180 W; 0 at sea and where the grid has no data.

    Land below the sea is 0 too. The interior of Greenland is the rock below the ice.
    """
    path = packaged.data_file("pvlib", "pvlib", "data/Altitude.h5")
    with h5py.File(path) as file:
        steps = file["Altitude"][:]
    # pvlib.location.lookup_altitude: steps of 28 m from -450 m, 255 for none.
    metres = steps.astype(np.int16) * 28 - 450
    return np.where(steps == 255, 0, np.maximum(metres, 0)).astype(np.int16)


def relief(elevation: NDArray[np.int16]) -> NDArray[np.int16]:
    """Range of elevation around each cell of a global grid (rows north to south): highest less lowest.

    Three rows, and as many columns as are as wide as three rows are high, so that the window keeps its size in
    kilometres towards the poles.
    """
    rows, cols = elevation.shape
    padded = np.pad(elevation, ((1, 1), (0, 0)), mode="edge")
    high = np.maximum(np.maximum(padded[:-2], elevation), padded[2:])
    low = np.minimum(np.minimum(padded[:-2], elevation), padded[2:])
    lat = 90.0 - (np.arange(rows) + 0.5) * (180.0 / rows)
    reach = np.clip(np.rint(1.0 / np.cos(np.radians(lat))), 1, (cols - 1) // 2).astype(np.int64)
    out = np.empty_like(elevation)
    for n in np.unique(reach):
        band, size = reach == n, 2 * int(n) + 1
        top = ndimage.maximum_filter1d(high[band], size, axis=1, mode="wrap")
        out[band] = top - ndimage.minimum_filter1d(low[band], size, axis=1, mode="wrap")
    return out


@lru_cache(maxsize=1)
def _mountain_cells() -> NDArray[np.bool_]:
    elevation = elevation_grid()
    return (elevation >= HIGH_M) | ((elevation >= LOW_M) & (relief(elevation) > RELIEF_M))
