"""The pixel grid of a patch: true coordinates, native resolutions nested in one another.

A patch is ``size_px`` pixels of 10 m a side. Its upper-left corner lies on a multiple of the coarsest native resolution
among its bands (60 m with B1 or B9, else 20 m, else 10 m), because Sentinel-2 tiles start on such multiples: every band
is then cut from its product's own pixels, without resampling. The price is a centre at most half that step away from
the site, which `PatchGrid.centre_offset_m` tells.

Images that were cut out by somebody else have a grid of their own, which need not be UTM: it is kept as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from affine import Affine
from pyproj import Geod, Transformer


def utm_epsg(lon: float, lat: float) -> int:
    """EPSG code of the plain six-degree UTM zone of a point (WGS 84). Longitude 180 belongs to zone 1."""
    zone = math.floor((lon + 180.0) / 6.0) % 60 + 1
    return (32600 if lat >= 0 else 32700) + zone


@lru_cache(maxsize=256)
def _to_utm(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


@lru_cache(maxsize=256)
def _to_degrees(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)


_WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True)
class PatchGrid:
    """Grid of one patch: ``west``, ``north`` the outer upper-left corner (in units of the CRS: m in UTM), ``size_px``
    in 10 m pixels.

    ``pixel_x``, ``pixel_y``: width and height of a 10 m pixel in units of the CRS; other than 10 only for images that
    were cut on a grid of their own, such as one in degrees.
    """

    epsg: int
    west: float
    north: float
    size_px: int
    pixel_x: float = 10.0
    pixel_y: float = 10.0

    @property
    def is_own(self) -> bool:
        """Whether the grid is the image's own rather than one of whole metres in UTM."""
        utm = 32601 <= self.epsg <= 32660 or 32701 <= self.epsg <= 32760
        return not utm or (self.pixel_x, self.pixel_y) != (10.0, 10.0)

    def shape(self, native_m: int) -> int:
        """Pixels a side at a native resolution (m); one that does not divide the patch covers it and a bit more."""
        return math.ceil(self.size_px * 10 / native_m)

    def transform(self, native_m: int) -> Affine:
        """Affine transform (pixel corner to coordinate of the CRS) of the grid at a native resolution."""
        times = native_m / 10
        return Affine(self.pixel_x * times, 0, self.west, 0, -self.pixel_y * times, self.north)

    def bounds(self, native_m: int = 10) -> tuple[float, float, float, float]:
        """West, south, east, north (units of the CRS) of the grid at a native resolution."""
        pixels = self.shape(native_m) * (native_m / 10)
        return self.west, self.north - pixels * self.pixel_y, self.west + pixels * self.pixel_x, self.north

    def centre_offset_m(self, lon: float, lat: float) -> tuple[float, float]:
        """How far the patch centre lies east and north of the site (m)."""
        half = self.size_px / 2
        x, y = self.west + half * self.pixel_x, self.north - half * self.pixel_y
        if self.is_own:
            azimuth, _, metres = _WGS84.inv(lon, lat, *_to_degrees(self.epsg).transform(x, y))
            return metres * math.sin(math.radians(azimuth)), metres * math.cos(math.radians(azimuth))
        site_x, site_y = _to_utm(self.epsg).transform(lon, lat)
        return x - site_x, y - site_y

    @property
    def key(self) -> str:
        """A text that names this grid exactly; patches are kept by scene id and this key."""
        corner = [f"{v:.0f}" if v == round(v) else repr(v) for v in (self.west, self.north)]
        own = f"_{self.pixel_x!r}_{self.pixel_y!r}" if (self.pixel_x, self.pixel_y) != (10.0, 10.0) else ""
        return f"{self.epsg}_{corner[0]}_{corner[1]}_{self.size_px}{own}"


def grid_for_site(lon: float, lat: float, size_px: int, native_m: tuple[int, ...]) -> PatchGrid:
    """The patch grid centred on a site (degrees), corner on a multiple of the coarsest of ``native_m``."""
    epsg = utm_epsg(lon, lat)
    x, y = _to_utm(epsg).transform(lon, lat)
    step, half = max(native_m), size_px * 5
    return PatchGrid(epsg, round((x - half) / step) * step, round((y + half) / step) * step, size_px)
