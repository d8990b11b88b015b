"""Maps sampled at places: the value of the cell that holds each, in any reference system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from greenup.errors import UserError

_EQUAL_AREA = ("equal area", "albers")
_CHUNK = 1 << 17


@dataclass(frozen=True)
class Sampled:
    """Values of a map at N places."""

    values: NDArray[np.float64]
    """(N,), scaled; NaN where there is none."""
    inside: NDArray[np.bool_]
    """(N,): whether the place lies in the map, with or without a value."""
    scale: float
    """Value is stored x scale + offset."""
    offset: float


def sample_map(
    path: str | Path,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    *,
    scale: float | None = None,
    offset: float | None = None,
) -> Sampled:
    """First band of a raster at N places (degrees, WGS 84): the cell that holds each (nearest neighbour).

    Scale and offset are the file's own tags (GDAL) unless given. Cells of the file's nodata value, outside its mask, or
    not finite have no value. Of a map in degrees, longitudes may run from -180 or from 0. Only the parts of blocks
    that hold places are read, each once. Raises `UserError` for a file that is missing, no raster, or has no
    reference system.
    """
    with _opened(path) as raster:
        col, row, inside = _cells(path, raster, lon, lat)
        scale = float(raster.scales[0]) if scale is None else scale
        offset = float(raster.offsets[0]) if offset is None else offset
        values = np.full(len(lon), np.nan)
        height, width = raster.block_shapes[0]
        where = np.flatnonzero(inside)
        block = (row[where] // height) * (-(-raster.width // width)) + col[where] // width
        order = np.argsort(block, kind="stable")
        starts = np.flatnonzero(np.diff(block[order], prepend=-1))
        for members in np.split(where[order], starts[1:]) if len(where) else ():
            top, left = int(row[members].min()), int(col[members].min())
            shape = int(row[members].max()) - top + 1, int(col[members].max()) - left + 1
            cells = raster.read(1, window=Window(left, top, shape[1], shape[0]), masked=True)
            stored = np.ma.filled(cells.astype(np.float64), np.nan)
            values[members] = stored[row[members] - top, col[members] - left]
    values = np.where(np.isfinite(values), values, np.nan) * scale + offset
    return Sampled(values, inside, scale, offset)


def draw_cells(
    path: str | Path,
    classed: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
    within: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``count`` places (degrees) uniform by area over the cells of a map whose stored value is one of ``classed``.

    Each cell is drawn at most once, with the share of its area, and a place is uniform within its cell; places for
    which ``within`` (of longitudes and latitudes) is False are passed over. Of the same generator a larger count only
    adds places. The map's own system must be equal-area, or degrees (then rows count by the cosine of latitude).
    Raises `UserError` for other systems, and where there are fewer than ``count``.
    """
    with _opened(path) as raster:
        crs, transform = _crs(path, raster), raster.transform
        method = "" if crs.coordinate_operation is None else crs.coordinate_operation.method_name.lower()
        if not crs.is_geographic and not any(word in method for word in _EQUAL_AREA):
            raise UserError(
                f"{path}: its reference system ({crs.name}) is not equal-area, so its cells are no fair draw",
                "warp the map to an equal-area system or to EPSG:4326, or take another sampler",
            )
        found = []
        for _, window in raster.block_windows(1):
            cells = raster.read(1, window=window, masked=True)
            rows, cols = np.nonzero(np.isin(np.ma.getdata(cells), classed) & ~np.ma.getmaskarray(cells))
            found.append((rows + window.row_off) * raster.width + cols + window.col_off)
        rows, cols = np.divmod(np.sort(np.concatenate(found)), raster.width)
    # Exponential races (Efraimidis and Spirakis 2006): a weighted order without replacement in one pass.
    race = rng.exponential(size=len(rows))
    if crs.is_geographic:
        race /= np.maximum(np.cos(np.deg2rad(transform.f + (rows + 0.5) * transform.e)), 1e-9)
    x, y = _mapped(transform, cols + rng.random(len(cols)), rows + rng.random(len(rows)))
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    order, kept, have = np.argsort(race), [], 0
    for start in range(0, len(order), _CHUNK):
        some = order[start : start + _CHUNK]
        lon, lat = (np.asarray(a) for a in to_degrees.transform(x[some], y[some]))
        lon = (lon + 180.0) % 360.0 - 180.0
        inside = within(lon, lat)
        kept.append(np.stack([lon[inside], lat[inside]]))
        have += int(inside.sum())
        if have >= count:
            lon, lat = np.concatenate(kept, axis=1)[:, :count]
            return lon, lat
    raise UserError(
        f"{path}: {have} cells of a class lie in sites.region, sites.count asks for {count}",
        "lower sites.count, or widen or drop sites.region",
    )


def _opened(path: str | Path) -> rasterio.DatasetReader:
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file", "mend the path; paths start at the working directory")
    try:
        return rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise UserError(f"{path}: not a raster ({error})", "give a GeoTIFF") from error


def _crs(path: str | Path, raster: rasterio.DatasetReader) -> CRS:
    if raster.crs is None:
        raise UserError(f"{path}: no coordinate reference system", "set it, e.g. gdal_edit.py -a_srs EPSG:4326")
    try:
        return CRS.from_user_input(raster.crs)
    except CRSError as error:
        raise UserError(f"{path}: its reference system cannot be read ({error})", "warp it to EPSG:4326") from error


def _cells(
    path: str | Path, raster: rasterio.DatasetReader, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Column and row of places, and whether they lie in the map; those outside get 0."""
    crs = _crs(path, raster)
    if crs.is_geographic:
        west = min(raster.bounds.left, raster.bounds.right)
        x, y = west + (lon - west) % 360.0, lat
    else:
        x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    # Places that a projection cannot show come as infinity.
    known = np.isfinite(x) & np.isfinite(y)
    col, row = map(np.floor, _mapped(~raster.transform, np.where(known, x, 0.0), np.where(known, y, 0.0)))
    inside = known & (col >= 0) & (col < raster.width) & (row >= 0) & (row < raster.height)
    return np.where(inside, col, 0).astype(np.int64), np.where(inside, row, 0).astype(np.int64), inside


def _mapped(t: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    # Spelled out: releases of affine differ in how a transform is applied to arrays.
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
