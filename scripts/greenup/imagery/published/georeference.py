"""Where a published image lies: as its files say, or on the UTM grid that its pixels come from.

The downloaders of SSL4EO-S12 and SeCo (SSL4Eco keeps their writer) asked for the bounds, in degrees, of a circle round
the site, got the product's own pixels, on a UTM grid, that cover these bounds, and cut out the middle of each band by
itself. They wrote them as if the pixels lay along meridians and parallels between the bounds, reckoned from the size of
the first band alone and moved up and left by half a pixel of each band. So the files' coordinates are sheared and
scaled against the ground, by up to some hundred metres at the corners; the middle of the patch is right to about a
pixel of the first band.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import Geod, Transformer

from greenup.grids import PatchGrid
from greenup.imagery.published.files import Header
from greenup.imagery.published.layouts import Layout

_WGS84 = Geod(ellps="WGS84")
_M_A_DEGREE = 111_195.0


@lru_cache(maxsize=256)
def _from_degrees(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


def as_written(header: Header, layout: Layout) -> PatchGrid:
    """The grid that the 10 m bands' files give. ``header``: of any band; of a coarser one the half pixel that the
    writer moved it by is changed to that of a 10 m band."""
    times = header.native_m / 10
    x, y = header.transform.a / times, -header.transform.e / times
    west, north = header.transform.c, header.transform.f
    if times > 1:
        west, north = west + (times - 1) * x / 2, north - (times - 1) * y / 2
    return PatchGrid(header.epsg, west, north, layout.size_px, x, y)


def centre(grid: PatchGrid) -> tuple[float, float]:
    """Longitude and latitude of a written patch's middle, with the writer's half pixel taken back."""
    half = grid.size_px / 2 + 0.5
    x, y = grid.west + half * grid.pixel_x, grid.north - half * grid.pixel_y
    if grid.epsg == 4326:
        return x, y
    return _from_degrees(grid.epsg).transform(x, y, direction="INVERSE")


def on_utm(written: PatchGrid, layout: Layout, product: str, epsg: int, pixels: Affine) -> PatchGrid:
    """The UTM grid (10 m) of an image, from the place that was written and the product's own pixels.

    ``pixels``: transform of a 10 m band of the product. The writer's steps are taken back: from the size of the written
    pixels follows how many pixels of the first band the bounds had, from that the bounds, and from these the 10 m
    pixels that cover them and the middle of those. ASSUME: pixels touched by the bounds are covered in whole. Bands of
    20 and 60 m were cut by themselves and lie up to half of one of their own pixels beside this grid.
    """
    first_m = 10 if product == "s1_grd" else 60
    n = layout.side(first_m)
    west, north = written.west + written.pixel_x / 2, written.north - written.pixel_y / 2
    step_x, step_y = written.pixel_x * first_m / 10, written.pixel_y * first_m / 10
    lon, lat = west + n * step_x / 2, north - n * step_y / 2
    metres_x = _WGS84.inv(lon - step_x / 2, lat, lon + step_x / 2, lat)[2]
    metres_y = _WGS84.inv(lon, lat - step_y / 2, lon, lat + step_y / 2)[2]
    columns, rows = round(2 * layout.radius_m / metres_x), round(2 * layout.radius_m / metres_y)
    west, north = west - _cut_off(columns, n) * step_x, north + _cut_off(rows, n) * step_y
    east, south = west + columns * step_x, north - rows * step_y
    # Edges of the bounds are curves in UTM.
    t = np.linspace(0.0, 1.0, 21)
    lons = np.concatenate([west + t * (east - west)] * 2 + [np.full(21, west), np.full(21, east)])
    lats = np.concatenate([np.full(21, south), np.full(21, north)] + [south + t * (north - south)] * 2)
    x, y = _from_degrees(epsg).transform(lons, lats)
    left, right = math.floor((min(x) - pixels.c) / 10), math.ceil((max(x) - pixels.c) / 10)
    top, bottom = math.floor((pixels.f - max(y)) / 10), math.ceil((pixels.f - min(y)) / 10)
    left += _cut_off(right - left, layout.size_px)
    top += _cut_off(bottom - top, layout.size_px)
    return PatchGrid(epsg, pixels.c + left * 10, pixels.f - top * 10, layout.size_px)


def _cut_off(size: int, kept: int) -> int:
    """Pixels that the writers cut off before the middle ``kept`` of ``size``."""
    return int((size - kept + 1) * 0.5)


def nominal(lon: float, lat: float, layout: Layout) -> PatchGrid:
    """A grid round a site, in degrees, for an image of which no file says where it lies."""
    y = 10 / _M_A_DEGREE
    x = y / max(math.cos(math.radians(lat)), 0.01)
    half = layout.size_px / 2
    return PatchGrid(4326, lon - half * x, lat + half * y, layout.size_px, x, y)


def crop(grid: PatchGrid, lon: float, lat: float, size_px: int, step: int) -> PatchGrid:
    """The part of ``size_px`` pixels whose middle is nearest to a place, inside the grid, at a multiple of ``step``
    pixels from its corner, so that no pixel of a coarser band is cut."""
    x, y = (lon, lat) if grid.epsg == 4326 else _from_degrees(grid.epsg).transform(lon, lat)
    most = (grid.size_px - math.ceil(size_px / step) * step) // step * step

    def before(middle: float) -> int:
        return min(max(round((middle - size_px / 2) / step) * step, 0), most)

    column, row = before((x - grid.west) / grid.pixel_x), before((grid.north - y) / grid.pixel_y)
    return PatchGrid(
        grid.epsg,
        grid.west + column * grid.pixel_x,
        grid.north - row * grid.pixel_y,
        size_px,
        grid.pixel_x,
        grid.pixel_y,
    )


def offset(part: PatchGrid, whole: PatchGrid) -> tuple[int, int] | None:
    """Columns and rows from the corner of the whole to that of its part; None where it is no part of it."""
    if part.epsg != whole.epsg or not (
        math.isclose(part.pixel_x, whole.pixel_x, rel_tol=1e-9)
        and math.isclose(part.pixel_y, whole.pixel_y, rel_tol=1e-9)
    ):
        return None
    column, row = (part.west - whole.west) / whole.pixel_x, (whole.north - part.north) / whole.pixel_y
    if max(abs(column - round(column)), abs(row - round(row))) > 1e-3:
        return None
    column, row = round(column), round(row)
    return (column, row) if min(column, row) >= 0 and max(column, row) + part.size_px <= whole.size_px else None
