"""Windows of rasters on a patch grid: a plain read where the pixels are the same, else one reprojection."""

from __future__ import annotations

import math

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from greenup.errors import UserError

# Two grids are the same when their corners lie within this part of a pixel of one another.
_ALIGNED_PX = 1e-3
# How far a reprojected pixel may be looked up beside its true place. A hundredth of a pixel is 25 DN between speckled
# neighbours; with this the result is the exact bilinear one, rounded (rasterio's own default is 0.125; it refuses 0).
_TOLERANCE_PX = 1e-5


def read_window(
    href: str,
    indexes: tuple[int, ...],
    epsg: int,
    transform: Affine,
    shape: tuple[int, int],
    *,
    nodata: float,
    resampling: Resampling | None = Resampling.bilinear,
) -> tuple[np.ndarray, np.ndarray]:
    """Read bands of a raster on a grid.

    A file in the grid's own CRS whose pixels are the grid's pixels is read as it is, without resampling; any other goes
    through one reprojection, unless ``resampling`` is None. ``indexes`` are 1-based band numbers; ``shape`` is (rows,
    columns) of the grid; ``nodata`` is the value that means no data where the file itself names none. Returns values
    (bands, rows, columns) in the file's own type and scale, and a bool array of the same shape that is False where a
    band has no data or the grid lies outside the file. What has no data holds 0.

    Raises ``rasterio.errors.RasterioIOError`` when the file cannot be opened or read, has fewer bands, or lies nowhere;
    `UserError` where it would have to be resampled and must not.
    """
    with rasterio.open(href) as source:
        if max(indexes) > source.count:
            raise RasterioIOError(f"{source.count} bands, and band {max(indexes)} is wanted")
        if source.crs is None:
            raise RasterioIOError("no coordinate reference system")
        missing = _missing(nodata if source.nodata is None else source.nodata, source.dtypes[indexes[0] - 1])
        offset = aligned_offset(source.crs, source.transform, epsg, transform)
        if offset is not None:
            values, inside = _paste(source, indexes, offset, shape)
        elif resampling is None:
            raise UserError(
                f"{href}: its pixels are not those of the grid in EPSG:{epsg} from {transform.c!r}, {transform.f!r} of "
                f"{transform.a!r} x {-transform.e!r}",
                "images whose bands lie on several grids cannot be kept as they are: write patches: {grid: site}",
            )
        else:
            # Without UNIFIED_SRC_NODATA=NO a pixel without data in one band would count as data if another has some.
            with WarpedVRT(
                source,
                crs=CRS.from_epsg(epsg),
                transform=transform,
                height=shape[0],
                width=shape[1],
                resampling=resampling,
                src_nodata=missing,
                nodata=missing,
                tolerance=_TOLERANCE_PX,
                UNIFIED_SRC_NODATA="NO",
            ) as warped:
                values, inside = warped.read(list(indexes)), np.ones((len(indexes), *shape), bool)
    valid = inside & (values != missing)
    if np.issubdtype(values.dtype, np.floating):
        valid &= ~np.isnan(values)
    return np.where(valid, values, np.zeros((), values.dtype)), valid


def _missing(nodata: float, dtype: str) -> float:
    """The value of no data in a file's own type: of whole numbers, which know no NaN, the least (0 if unsigned)."""
    return float(np.iinfo(dtype).min) if math.isnan(nodata) and np.issubdtype(dtype, np.integer) else nodata


def aligned_offset(crs: CRS, file: Affine, epsg: int, grid: Affine) -> tuple[int, int] | None:
    """Row and column of the grid's first pixel in a file whose pixels are the grid's; None if they are not."""
    if crs is None or crs.to_epsg() != epsg:
        return None
    # A pixel size that is the same to 1e-7 drifts by a thousandth of a pixel over the 10 980 pixels of a tile. Of the
    # pixel, not of the unit: in degrees a pixel is 1e-4.
    close = 1e-7 * abs(grid.a)
    if not np.allclose((file.a, file.b, file.d, file.e), (grid.a, grid.b, grid.d, grid.e), rtol=0, atol=close):
        return None
    row, column = (grid.f - file.f) / file.e, (grid.c - file.c) / file.a
    near = round(row), round(column)
    return near if abs(near[0] - row) < _ALIGNED_PX and abs(near[1] - column) < _ALIGNED_PX else None


def _paste(
    source: rasterio.DatasetReader, indexes: tuple[int, ...], offset: tuple[int, int], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a window that lies inside the file, in place in the whole window, and where that is."""
    values = np.zeros((len(indexes), *shape), source.dtypes[indexes[0] - 1])
    inside = np.zeros(values.shape, bool)
    top, left = max(offset[0], 0), max(offset[1], 0)
    bottom, right = min(offset[0] + shape[0], source.height), min(offset[1] + shape[1], source.width)
    if top < bottom and left < right:
        rows = slice(top - offset[0], bottom - offset[0])
        columns = slice(left - offset[1], right - offset[1])
        window = Window(left, top, right - left, bottom - top)
        values[:, rows, columns] = source.read(list(indexes), window=window)
        inside[:, rows, columns] = True
    return values, inside
