"""The grid that an image has of its own: where its pixels lie, and the window of them nearest to a site."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from greenup.bands import BANDS, RESOLUTIONS
from greenup.errors import UserError
from greenup.grids import PatchGrid

# A degree of latitude (m), mean over the WGS 84 ellipsoid; good to half a percent everywhere.
_METRES_A_DEGREE = 111_132.0
# A pixel counts as one of 10 m when its height is 10 m to a tenth: archives in degrees round theirs.
_NEAR = 0.1
# Corners of rasters count as common when they lie within this part of a pixel of one another.
_ALIGNED_PX = 1e-3


@dataclass(frozen=True)
class Raster:
    """What a raster file's header says of its grid: ``transform`` from pixel corner to the CRS, sizes in pixels."""

    href: str
    crs: CRS
    transform: Affine
    width: int
    height: int

    @classmethod
    def of(cls, href: str) -> Raster:
        """Read a header. Raises ``rasterio.errors.RasterioIOError``, `UserError` for a raster that lies nowhere or is
        not north up."""
        with rasterio.open(href) as file:
            crs, transform, width, height = file.crs, file.transform, file.width, file.height
        if crs is None or crs.to_epsg() is None:
            raise UserError(f"{href}: no coordinate reference system with an EPSG code", _SITE_GRID)
        if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
            raise UserError(f"{href}: the rows do not run from north to south, west to east", _SITE_GRID)
        return cls(href, crs, transform, width, height)

    @property
    def native_m(self) -> int:
        """Side of a pixel: 10, 20 or 60 m, by its height, which in degrees does not change with latitude.

        Raises `UserError` for any other.
        """
        metres = -self.transform.e * (_METRES_A_DEGREE if self.crs.is_geographic else self.crs.linear_units_factor[1])
        for m in RESOLUTIONS:
            if abs(metres - m) <= _NEAR * m:
                return m
        raise UserError(f"{self.href}: pixels of {metres:.4g} m", f"own grids are of 10, 20 or 60 m; {_SITE_GRID}")


_SITE_GRID = "write patches: {grid: site}, which resamples it to a grid of its own"


def is_resampled(rasters: Mapping[str, Raster], where: str) -> bool:
    """Whether bands (name -> raster) that come at 20 or 60 m lie at 10 m; false where each is as its product has it.

    Raises `UserError` naming the bands where some do and others do not.
    """
    at = {name: raster.native_m for name, raster in rasters.items()}
    coarse = [name for name in at if BANDS[name].native_m != 10]
    strange = [name for name in at if at[name] not in (10, BANDS[name].native_m)]
    raised = [name for name in coarse if at[name] == 10]
    kept = [name for name in coarse if at[name] != 10]
    if strange or (raised and kept) or any(at[n] != 10 for n in at if n not in coarse):
        raise UserError(
            f"{where}: bands lie at {', '.join(f'{n} {m} m' for n, m in at.items())}: "
            "neither all at their native resolution nor all at 10 m",
            f"leave {', '.join(strange or kept)} out of patches.bands, or write patches: {{grid: site}}",
        )
    return bool(raised)


def nearest_window(rasters: Iterable[Raster], lon: float, lat: float, size_px: int, where: str) -> PatchGrid:
    """The grid of ``size_px`` x ``size_px`` pixels of the 10 m raster whose centre is nearest to a place (degrees).

    ``rasters``: all of an image's. The window lies wholly inside them, pushed inwards at their edges, and its corner is
    a corner of coarser pixels too, so that every band is cut out whole; where they are coarser, the centre is up to
    half a coarse pixel from the nearest place possible.

    Raises `UserError`, beginning with ``where``, for an image without a raster of 10 m or that is smaller than the
    window, naming both sizes.
    """
    rasters = list(rasters)
    fine = next((r for r in rasters if r.native_m == 10), None)
    if fine is None:
        raise UserError(f"{where}: no raster of 10 m pixels", _SITE_GRID)
    step, phase = 1, (0, 0)
    low, high = [0, 0], [fine.width, fine.height]
    for raster in rasters:
        place = _in_pixels(raster, fine)
        if place is None:
            # Another grid. Whoever asks for its bands is told so when they are read.
            continue
        corner, times = place
        if times > step:
            step, phase = times, corner
        low = [max(v, c) for v, c in zip(low, corner, strict=True)]
        sizes = (raster.width, raster.height)
        high = [min(v, c + n * times) for v, c, n in zip(high, corner, sizes, strict=True)]
    # A size that the coarse pixels do not divide takes a coarse pixel more (`PatchGrid.shape`).
    covered = math.ceil(size_px / step) * step
    x, y = Transformer.from_crs(4326, fine.crs, always_xy=True).transform(lon, lat)
    ideal = ((x - fine.transform.c) / fine.transform.a, (y - fine.transform.f) / fine.transform.e)
    first = []
    for axis in (0, 1):
        least = math.ceil((low[axis] - phase[axis]) / step)
        most = math.floor((high[axis] - covered - phase[axis]) / step)
        if most < least:
            raise UserError(
                f"{where}: the image has {fine.width} x {fine.height} pixels of 10 m, smaller than a patch of "
                f"{size_px} x {size_px}" + (f" on whole pixels of {step * 10} m" if step > 1 else ""),
                "write a smaller patches.size_px, or patches: {grid: site}, which leaves the rest of a patch empty",
            )
        # Half of size_px, not of what is covered: it is the centre of the patch that should be near.
        wanted = round((ideal[axis] - size_px / 2 - phase[axis]) / step)
        first.append(min(max(wanted, least), most) * step + phase[axis])
    west, north = fine.transform.c + first[0] * fine.transform.a, fine.transform.f + first[1] * fine.transform.e
    return PatchGrid(fine.crs.to_epsg(), west, north, size_px, fine.transform.a, -fine.transform.e)


def _in_pixels(raster: Raster, fine: Raster) -> tuple[tuple[int, int], int] | None:
    """Corner (column, row) of a raster and the side of its pixels, both in pixels of a finer one whose grid nests in
    its own; None where it does not."""
    a, e = fine.transform.a, fine.transform.e
    times = round(raster.transform.a / a)
    column, row = (raster.transform.c - fine.transform.c) / a, (raster.transform.f - fine.transform.f) / e
    longest = max(raster.width, raster.height)
    nests = (
        raster.crs == fine.crs
        and times >= 1
        and max(abs(raster.transform.a / a - times), abs(raster.transform.e / e - times)) * longest < _ALIGNED_PX
        and max(abs(column - round(column)), abs(row - round(row))) < _ALIGNED_PX
    )
    return ((round(column), round(row)), times) if nests else None
