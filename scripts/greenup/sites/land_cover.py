"""Land cover of places: the packaged MODIS map, or a GeoTIFF in degrees with a known legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from rasterio.windows import Window

from greenup.errors import UserError
from greenup.sites import packaged
from greenup.sites.legends import IGBP, LEGENDS, NODATA
from greenup.sites.sources import SiteData


def land_cover_at(lon: ArrayLike, lat: ArrayLike, data: SiteData) -> NDArray[np.object_]:
    """Name of the land-cover class at n places (degrees); None where the map knows none.

    Without ``data.land_cover`` the packaged map (`greenup.sites.packaged.land_cover`). Else the pixel of that GeoTIFF
    that holds the place, its codes read by ``data.land_cover_legend``. Raises `UserError` for a raster that is not in
    degrees and north up, and for a code that the legend lacks.
    """
    lon, lat = packaged.degrees(lon, lat)
    if data.land_cover is None:
        return names_of(packaged.land_cover(lon, lat), IGBP)
    path, legend = data.land_cover, data.land_cover_legend
    codes, known = sample_raster(path, lon, lat)
    known &= ~np.isin(codes, list(NODATA[legend]))
    unknown = np.setdiff1d(codes[known], list(LEGENDS[legend]))
    if unknown.size:
        at = int(np.flatnonzero(known & (codes == unknown[0]))[0])
        raise UserError(
            f"{path}: code {unknown[0]} (at lon {lon[at]:g}, lat {lat[at]:g}) is not in the legend {legend!r}",
            f"set sources.land_cover_legend to one of {', '.join(LEGENDS)}, or give another file",
        )
    return np.where(known, names_of(np.where(known, codes, next(iter(LEGENDS[legend]))), LEGENDS[legend]), None)


def names_of(codes: NDArray[np.integer], legend: dict[int, str]) -> NDArray[np.object_]:
    """Class names of codes that are all in the legend."""
    table = np.full(max(legend) + 1, None, dtype=object)
    for code, name in legend.items():
        table[code] = name
    return table[codes]


def sample_raster(
    path: Path, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """First band of a GeoTIFF at n places: values (n,), and whether there is one (inside, and not the file's nodata).

    Longitudes may run from -180 or from 0. Only the parts of the file's blocks that hold places are read, each once, so
    that a map of 400 000 columns needs no more memory than a block.
    """
    try:
        raster = rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise UserError(f"{path}: not a raster ({error})", "give a GeoTIFF in degrees (WGS 84)") from error
    # Blocks are read once each: GDAL's default cache (a share of the machine's memory) would only fill up with them.
    with rasterio.Env(GDAL_CACHEMAX=64), raster:
        col, row, inside = _pixels(path, raster, lon, lat)
        values = np.zeros(len(lon), dtype=np.int64)
        height, width = raster.block_shapes[0]
        where = np.flatnonzero(inside)
        block = (row[where] // height) * (-(-raster.width // width)) + col[where] // width
        for _, members in packaged.groups(block, where):
            top, left = int(row[members].min()), int(col[members].min())
            shape = int(row[members].max()) - top + 1, int(col[members].max()) - left + 1
            pixels = raster.read(1, window=Window(left, top, shape[1], shape[0]))
            values[members] = pixels[row[members] - top, col[members] - left]
        if raster.nodata is not None:
            inside &= values != raster.nodata
    return values, inside


def _pixels(
    path: Path, raster: rasterio.DatasetReader, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Column and row of places, and whether they lie inside the raster."""
    t = raster.transform
    if raster.crs is None or not raster.crs.is_geographic or t.b or t.d or t.a <= 0 or t.e >= 0:
        raise UserError(f"{path}: not in degrees and north up (its system is {raster.crs})", "warp it to EPSG:4326")
    if np.dtype(raster.dtypes[0]).kind not in "iu":
        raise UserError(f"{path}: pixels are {raster.dtypes[0]}, not class codes", "give a raster of integers")
    col = np.floor(((lon - t.c) % 360.0) / t.a).astype(np.int64)
    row = np.floor((lat - t.f) / t.e).astype(np.int64)
    # A place on the lower edge of a map belongs to its last row, as the South Pole does on a global one.
    row[(row == raster.height) & np.isclose(lat, t.f + raster.height * t.e)] -= 1
    return col, row, (row >= 0) & (row < raster.height) & (col >= 0) & (col < raster.width)
