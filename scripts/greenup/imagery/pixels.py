"""Pixels, clouds and EVI of scenes whose bands are raster files, local or remote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
import rasterio.errors
import shapely
from pyproj import Transformer
from rasterio.enums import Resampling

from greenup.bands import BANDS, bands_at, native_resolutions
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.backscatter import decibels
from greenup.imagery.base import UNKNOWN_MASK, Pixels
from greenup.imagery.evi import evi
from greenup.imagery.items import BandFile, Scene
from greenup.imagery.notes import Notes
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

_REFLECTANCE = BANDS["B2"].scale
_EVI_WINDOW_PX = 50
_EVI_CLEAR_SHARE = 0.8
_EVI_SNOW_SHARE = 0.5

Opener = Callable[[str], str]
"""What turns a band's link into one that can be opened (signing, /vsicurl)."""


class Unreadable(Exception):
    """A file that cannot be read, by its link as the item names it (never a signed one)."""

    def __init__(self, href: str, scene_id: str) -> None:
        super().__init__(f"{scene_id}: {href}")
        self.href, self.scene_id = href, scene_id


def read_pixels(
    scene: Scene,
    grid: PatchGrid,
    bands: tuple[str, ...],
    opener: Opener = str,
    notes: Notes | None = None,
    own: Mapping[int, tuple[str, ...]] | None = None,
) -> Pixels:
    """These bands of a scene on a grid, each at its native resolution, as `Pixels`.

    ``own``: that the grid is the image's own, and at which resolution (m) which of the bands lie there. Then nothing is
    resampled, and `Pixels` hold the bands at those resolutions.

    Measured bands are read bilinearly where they have to be reprojected, masks to the nearest. Masks take no part in
    ``valid``: a pixel is valid where every measured band of its resolution has data, everywhere where only masks share
    one. A mask that the scene lacks holds `UNKNOWN_MASK`.

    Raises `UserError` if the scene lacks a measured band or has one that lies on another grid than its ``own``,
    `Unreadable` if a file cannot be read.
    """
    notes = notes or Notes()
    files = scene.files(bands)
    for name in bands:
        if name not in files:
            notes.lacks(scene.scene_id, name)
    values, valid, unshifted = {}, {}, {}
    for native_m, names in (own or {m: bands_at(bands, m) for m in native_resolutions(bands)}).items():
        n = grid.shape(native_m)
        stored = np.zeros((len(names), n, n), np.uint16)
        for i, name in enumerate(names):
            if name not in files:
                stored[i] = UNKNOWN_MASK[name]
        has_data = np.ones((n, n), bool)
        # Bands of one file are read together.
        for href in dict.fromkeys(files[b].href for b in names if b in files):
            places = [i for i, b in enumerate(names) if b in files and files[b].href == href]
            here = [(names[i], files[names[i]]) for i in places]
            raw, ok = _window(scene, here, grid, native_m, opener, is_own=own is not None)
            for i, band, has in zip(places, raw, ok, strict=True):
                name, file = names[i], files[names[i]]
                if file.is_power:
                    band, positive = decibels(band * file.scale + file.offset)
                    stored[i], has = to_stored(band, 1.0, 0.0, name), has & positive
                else:
                    stored[i] = to_stored(band, file.scale, file.offset, name)
                if BANDS[name].kind == "mask":
                    # 0 is no class, but "no flag" and 0 percent, even where a file calls it no data.
                    stored[i][~has] = UNKNOWN_MASK[name] if file.nodata else 0
                else:
                    has_data &= has
                if BANDS[name].kind == "reflectance" and native_m == 10 and file.offset == 0:
                    unshifted[name] = stored[i]
        values[native_m] = np.where(has_data, stored, np.uint16(0))
        valid[native_m] = has_data
    if unshifted:
        notes.look_for_offset(scene.scene_id, unshifted, valid[10])
    return Pixels(values, valid)


def _window(
    scene: Scene,
    bands: list[tuple[str, BandFile]],
    grid: PatchGrid,
    native_m: int,
    opener: Opener,
    *,
    is_own: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Values and validity of bands that lie in one file."""
    first_name, first = bands[0]
    n = grid.shape(native_m)
    smooth = Resampling.nearest if BANDS[first_name].kind == "mask" else Resampling.bilinear
    try:
        return read_window(
            opener(first.href),
            tuple(f.index for _, f in bands),
            grid.epsg,
            grid.transform(native_m),
            (n, n),
            nodata=first.nodata,
            resampling=None if is_own else smooth,
        )
    except (rasterio.errors.RasterioError, rasterio.errors.RasterioIOError) as error:
        raise Unreadable(first.href, scene.scene_id) from error


def to_stored(values: np.ndarray, scale: float, offset: float, band: str = "B2") -> np.ndarray:
    """File values (value x ``scale`` + ``offset`` is reflectance, dB or class) as ``band`` is stored: uint16.

    What lies below the range, as negative reflectance, becomes 0; above it 65 535.
    """
    registry = BANDS[band]
    factor, add = scale * registry.scale, (offset - registry.offset) * registry.scale
    if np.issubdtype(values.dtype, np.integer) and np.isclose(factor, 1.0, rtol=1e-9):
        whole = values.astype(np.int64) + round(add)
    else:
        whole = np.rint(values.astype(np.float64) * factor + add)
    return np.clip(whole, 0, 65_535).astype(np.uint16)


def cloud_over(scene: Scene, grid: PatchGrid, opener: Opener = str) -> float | None:
    """Cloud cover of a patch: the share (percent) of its 20 m pixels that the scene classification calls cloud, cloud
    shadow, cirrus or no data. None for a scene without a classification. Raises `Unreadable`.
    """
    if scene.scl is None:
        return None
    return 100.0 * float(np.isin(_scl(scene, grid, 20, opener), SCL_CLOUD).mean())


def cloud_of(scene: Scene) -> str:
    """What a scene's own cloud cover speaks of: ``tile``, ``tile_estimate`` (a rule of thumb), ``none`` for radar."""
    if scene.bands and not any(BANDS[b].kind == "reflectance" for b in scene.bands):
        return "none"
    return "tile_estimate" if scene.is_estimate else "tile"


def _scl(scene: Scene, grid: PatchGrid, native_m: int, opener: Opener) -> np.ndarray:
    return _window(scene, [("SCL", scene.scl)], grid, native_m, opener)[0][0]


def covers(footprint: shapely.Geometry, grid: PatchGrid) -> bool:
    """Whether a footprint (degrees) covers the whole patch, to within a metre.

    Compared in the patch's UTM zone, where a patch across the antimeridian is a plain square, and so is a footprint
    across it, whether it is cut in two at 180 degrees, counts on beyond them, or jumps from 180 to -180.
    """
    to_utm = Transformer.from_crs(4326, grid.epsg, always_xy=True)
    flat = shapely.transform(footprint, lambda xy: np.column_stack(to_utm.transform(xy[:, 0], xy[:, 1])))
    return bool(flat.buffer(1.0).covers(shapely.box(*grid.bounds())))


def evi_series(
    site_id: str, lon: float, lat: float, scenes: Iterable[Scene], opener: Opener = str, notes: Notes | None = None
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
        pixels = read_pixels(scene, grid, ("B2", "B4", "B8"), opener, notes)
        index = evi(*(pixels.values[10] / _REFLECTANCE))
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
