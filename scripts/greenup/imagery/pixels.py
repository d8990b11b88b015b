"""Pixels, clouds and EVI of scenes whose bands are raster files, local or remote."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer
from rasterio.enums import Resampling

from greenup.bands import bands_at, native_resolutions
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.base import Pixels
from greenup.imagery.evi import evi
from greenup.imagery.items import Scene
from greenup.imagery.raster import read_window

# Sentinel-2 Level-2A scene classification (product specification, table of SCL classes): 0 no data, 1 saturated or
# defective, 2 dark, 3 cloud shadow, 4 vegetation, 5 bare, 6 water, 7 unclassified, 8/9 cloud of medium/high
# probability, 10 thin cirrus, 11 snow or ice.
SCL_CLOUD = (0, 3, 8, 9, 10)
"""Classes that hide the ground from a patch: cloud, its shadow, cirrus, and no data."""
SCL_NO_EVI = (*SCL_CLOUD, 1, 11)
"""Classes whose EVI says nothing of plants: those, defective pixels and snow."""
SCL_SNOW = 11

CLEAR_BELOW = 20.0
"""Percent: without a classification, a scene with less cloud than this counts as clear (the three papers' limit)."""

_STORED = 10_000.0
_EVI_WINDOW_PX = 50
_EVI_CLEAR_SHARE = 0.8
_EVI_SNOW_SHARE = 0.5

Opener = Callable[[str], str]
"""What turns a band's link into one that can be opened (signing, /vsicurl)."""


def read_pixels(scene: Scene, grid: PatchGrid, bands: tuple[str, ...], opener: Opener = str) -> Pixels:
    """These bands of a scene on a grid, each at its native resolution, as `Pixels`.

    Raises `UserError` if the scene lacks a band, ``rasterio.errors.RasterioIOError`` if a file cannot be read.
    """
    files = scene.files(bands)
    values, valid = {}, {}
    for native_m in native_resolutions(bands):
        names = bands_at(bands, native_m)
        n = grid.shape(native_m)
        stored = np.zeros((len(names), n, n), np.uint16)
        has_data = np.ones((n, n), bool)
        # Bands of one file are read together.
        for href in dict.fromkeys(files[b].href for b in names):
            places = [i for i, b in enumerate(names) if files[b].href == href]
            own = [files[names[i]] for i in places]
            raw, ok = read_window(
                opener(href),
                tuple(f.index for f in own),
                grid.epsg,
                grid.transform(native_m),
                (n, n),
                nodata=own[0].nodata,
            )
            for i, file, band in zip(places, own, raw, strict=True):
                stored[i] = to_stored(band, file.scale, file.offset)
            has_data &= ok.all(axis=0)
        values[native_m] = np.where(has_data, stored, np.uint16(0))
        valid[native_m] = has_data
    return Pixels(values, valid)


def to_stored(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """File values as reflectance x 10 000 without offset: uint16, negative reflectance set to 0."""
    add = offset * _STORED
    if np.issubdtype(values.dtype, np.integer) and np.isclose(scale * _STORED, 1.0, rtol=1e-9):
        whole = values.astype(np.int64) + round(add)
    else:
        whole = np.rint(values.astype(np.float64) * (scale * _STORED) + add)
    return np.clip(whole, 0, 65_535).astype(np.uint16)


def cloud_over(scene: Scene, grid: PatchGrid, opener: Opener = str) -> tuple[float | None, str]:
    """Cloud cover (percent) to choose a scene by, and what it speaks of.

    ``patch``: the share of the patch's 20 m pixels that the scene classification calls cloud, cloud shadow, cirrus or
    no data. ``tile``: the item's own number. ``tile_estimate``: the same, where the item says that it is an estimate.
    """
    if scene.scl is None:
        return scene.cloud, "tile_estimate" if scene.is_estimate else "tile"
    return 100.0 * float(np.isin(_scl(scene, grid, 20, opener), SCL_CLOUD).mean()), "patch"


def _scl(scene: Scene, grid: PatchGrid, native_m: int, opener: Opener) -> np.ndarray:
    n = grid.shape(native_m)
    transform = grid.transform(native_m)
    href = opener(scene.scl)
    return read_window(href, (1,), grid.epsg, transform, (n, n), nodata=0, resampling=Resampling.nearest)[0][0]


def covers(footprint: shapely.Geometry, grid: PatchGrid) -> bool:
    """Whether a footprint (degrees) covers the whole patch, to within a metre.

    Compared in the patch's UTM zone, where a patch across the antimeridian is a plain square.
    """
    to_utm = Transformer.from_crs(4326, grid.epsg, always_xy=True)
    flat = shapely.transform(footprint, lambda xy: np.column_stack(to_utm.transform(xy[:, 0], xy[:, 1])))
    return bool(flat.buffer(1.0).covers(shapely.box(*grid.bounds())))


def evi_series(
    site_id: str, lon: float, lat: float, scenes: Iterable[Scene], opener: Opener = str
) -> list[tuple[str, pd.Timestamp, float, bool, bool]]:
    """EVI at a site, one row a scene that has data there: site_id, time, EVI, clear, snow.

    The mean over 500 x 500 m around the site, a pixel of MCD12Q2, so that a single field's crops do not stand for the
    landscape. By the scene classification, pixels under cloud, shadow, cirrus or snow are left out of the mean, and the
    observation is clear when they are at most a fifth; it is one of snow when half of the window or more is snow or
    ice. Without one, all pixels count, it is clear when the scene's cloud cover is below `CLEAR_BELOW`, and snow is
    unknown, hence False. At least four fifths must have data for a clear observation, half for one of snow.
    """
    grid = grid_for_site(lon, lat, _EVI_WINDOW_PX, (10,))
    rows = []
    for scene in scenes:
        pixels = read_pixels(scene, grid, ("B2", "B4", "B8"), opener)
        index = evi(*(pixels.values[10] / _STORED))
        seen = pixels.valid[10] & np.isfinite(index)
        if not seen.any():
            continue
        if scene.scl is None:
            good = seen if scene.cloud is not None and scene.cloud < CLEAR_BELOW else np.zeros_like(seen)
            snow = False
        else:
            classes = _scl(scene, grid, 10, opener)
            good = seen & ~np.isin(classes, SCL_NO_EVI)
            snow = bool((seen & (classes == SCL_SNOW)).mean() >= _EVI_SNOW_SHARE)
        clear = bool(good.mean() >= _EVI_CLEAR_SHARE)
        rows.append((site_id, scene.time, float(index[good if good.any() else seen].mean()), clear, snow))
    return rows
