"""MCD12Q2 in GeoTIFFs of single layers, as AppEEARS cuts them for an area, in any coordinate system."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.io import DatasetReader
from rasterio.windows import Window

from greenup.errors import UserError
from greenup.phenology.mcd12q2 import CYCLES, known, split_layer

PATTERN = "MCD12Q2.061_<layer>_<cycle>_doy<year>001_aid<area>.tif"

# AppEEARS counts cycles from 0, NumCycles has none, and newer files have the time of day after the day of year.
_NAME = re.compile(r"(.*)MCD12Q2\.(?:006|061)_([A-Za-z_]+?)(?:_([01]))?_doy(\d{4})001(?:\d{6})?_aid(\w+)\.tiff?")
# Rows that are read at once: 84 MB of a global layer.
_STRIP = 512

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
Files = dict[tuple[str, int], dict[str, Path]]

_log = logging.getLogger(__name__)


def find(folder: Path) -> Files:
    """Files below a folder by area and year: layer (Greenup_1, NumCycles) -> path.

    Areas of one number in different folders are different areas.
    """
    out: Files = {}
    for path in sorted((*folder.rglob("*.tif"), *folder.rglob("*.tiff"))):
        match = _NAME.fullmatch(path.name)
        if match:
            area = f"{path.parent / match[1]}aid{match[5]}"
            layer = match[2] if match[3] is None else f"{match[2]}_{int(match[3]) + 1}"
            out.setdefault((area, int(match[4])), {})[layer] = path
    return out


def sample(
    files: Files, lon: Floats, lat: Floats, years: Sequence[int], layers: Sequence[str]
) -> Iterator[tuple[int, Positions, dict[str, Floats]]]:
    """For each area and year: the year, positions of the sites in it, and the layers' values there.

    ``layers``: names with the cycle's number (Greenup_1), or without (NumCycles, which may be missing). Values are NaN
    for no data. A site that lies in several areas is taken from the first of them. One warning counts the sites outside
    all areas. Raises `UserError` for a layer that is missing and a file that cannot be read.
    """
    free = np.ones((len(years), len(lon)), dtype=bool)
    for area in sorted({area for area, _ in files}):
        for i, year in enumerate(years):
            if (area, year) not in files:
                continue
            paths = _layers_of(files[area, year], layers, area, year)
            at, values = _read_area(paths, lon, lat, np.flatnonzero(free[i]))
            free[i, at] = False
            if len(at):
                yield year, at, {layer: values.get(layer, np.full(len(at), np.nan)) for layer in layers}
    if (outside := free.all(axis=0)).any():
        _log.warning(
            "MCD12Q2: %d of %d sites lie outside all GeoTIFFs and get no dates", np.count_nonzero(outside), len(lon)
        )


def _layers_of(paths: Mapping[str, Path], layers: Sequence[str], area: str, year: int) -> dict[str, Path]:
    missing = [layer for layer in layers if layer not in paths and layer != CYCLES]
    if missing:
        name, number = split_layer(missing[0])
        raise UserError(
            f"phenology.folder: {area}: layer {name}_{number - 1} of {year} is missing "
            f"(there are {', '.join(sorted(p.name for p in paths.values()))})",
            "order the layers Greenup, Maturity, Senescence, Dormancy (QA_Overall for max_quality, EVI_Amplitude for "
            "cycle: largest), _0 for the first cycle and _1 for the second",
        )
    return {layer: paths[layer] for layer in layers if layer in paths}


def _read_area(
    paths: Mapping[str, Path], lon: Floats, lat: Floats, candidates: Positions
) -> tuple[Positions, dict[str, Floats]]:
    """Positions of the sites inside, and the layers' values there; the layers of an area share one grid."""
    at, values, grid = candidates, {}, None
    for layer, path in paths.items():
        try:
            with rasterio.open(path) as source:
                if source.crs is None:
                    raise UserError(f"{path}: has no coordinate system", "download it again")
                if grid is None:
                    grid = (source.crs, source.transform, source.shape)
                    row, column = _pixels(source, lon[candidates], lat[candidates])
                    inside = (row >= 0) & (row < source.height) & (column >= 0) & (column < source.width)
                    at, row, column = candidates[inside], row[inside], column[inside]
                elif grid != (source.crs, source.transform, source.shape):
                    raise UserError(
                        f"{path}: its grid is not that of {next(iter(paths.values())).name}",
                        "put layers of one order into one folder",
                    )
                stored = _pick(source, row, column)
                values[layer] = known(split_layer(layer)[0], stored)
                if source.nodata is not None:
                    values[layer][stored == source.nodata] = np.nan
        except rasterio.errors.RasterioError as error:
            raise UserError(f"{path}: cannot be read ({error})", "download it again") from error
    return at, values


def _pixels(source: DatasetReader, lon: Floats, lat: Floats) -> tuple[Positions, Positions]:
    """Row and column of points in degrees; -1 for points that the file's coordinate system cannot show."""
    # The sphere of MODIS and WGS 84 share their latitudes, by the product's own convention.
    x, y = Transformer.from_crs("EPSG:4326", source.crs, always_xy=True).transform(lon, lat)
    x, y, to_pixels = np.asarray(x), np.asarray(y), ~source.transform
    column = to_pixels.a * x + to_pixels.b * y + to_pixels.c
    row = to_pixels.d * x + to_pixels.e * y + to_pixels.f
    seen = np.isfinite(row) & np.isfinite(column)
    return tuple(np.where(seen, np.floor(np.where(seen, v, 0.0)), -1).astype(np.int64) for v in (row, column))


def _pick(source: DatasetReader, row: Positions, column: Positions) -> NDArray:
    """Stored values at pixels, read in strips of rows."""
    out = np.empty(len(row), dtype=source.dtypes[0])
    for strip in np.unique(row // _STRIP):
        at = np.flatnonzero(row // _STRIP == strip)
        top, left = int(row[at].min()), int(column[at].min())
        window = Window(left, top, int(column[at].max()) + 1 - left, int(row[at].max()) + 1 - top)
        out[at] = source.read(1, window=window)[row[at] - top, column[at] - left]
    return out
