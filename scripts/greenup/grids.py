"""The pixel grid of a patch: true UTM coordinates, native resolutions nested in one another.

A patch is ``size_px`` pixels of 10 m a side. Its upper-left corner lies on a multiple of the coarsest native resolution
among its bands (60 m with B1 or B9, else 20 m, else 10 m), because Sentinel-2 tiles start on such multiples: every band
is then cut from its product's own pixels, without resampling. The price is a centre at most half that step away from
the site, which `PatchGrid.centre_offset_m` tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from affine import Affine
from pyproj import Transformer


def utm_epsg(lon: float, lat: float) -> int:
    """EPSG code of the plain six-degree UTM zone of a point (WGS 84). Longitude 180 belongs to zone 1."""
    zone = math.floor((lon + 180.0) / 6.0) % 60 + 1
    return (32600 if lat >= 0 else 32700) + zone


@lru_cache(maxsize=256)
def _to_utm(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


@dataclass(frozen=True)
class PatchGrid:
    """Grid of one patch in UTM: ``west``, ``north`` the outer upper-left corner (m), ``size_px`` in 10 m pixels."""

    epsg: int
    west: float
    north: float
    size_px: int

    def shape(self, native_m: int) -> int:
        """Pixels a side at a native resolution (m); one that does not divide the patch covers it and a bit more."""
        return math.ceil(self.size_px * 10 / native_m)

    def transform(self, native_m: int) -> Affine:
        """Affine transform (pixel corner to UTM metre) of the grid at a native resolution."""
        return Affine(native_m, 0, self.west, 0, -native_m, self.north)

    def bounds(self, native_m: int = 10) -> tuple[float, float, float, float]:
        """West, south, east, north (m) of the grid at a native resolution."""
        side = self.shape(native_m) * native_m
        return self.west, self.north - side, self.west + side, self.north

    def centre_offset_m(self, lon: float, lat: float) -> tuple[float, float]:
        """How far the patch centre lies east and north of the site (m)."""
        x, y = _to_utm(self.epsg).transform(lon, lat)
        half = self.size_px * 5
        return self.west + half - x, self.north - half - y

    @property
    def key(self) -> str:
        """A text that names this grid exactly; patches are kept by scene id and this key."""
        return f"{self.epsg}_{self.west:.0f}_{self.north:.0f}_{self.size_px}"


def grid_for_site(lon: float, lat: float, size_px: int, native_m: tuple[int, ...]) -> PatchGrid:
    """The patch grid centred on a site (degrees), corner on a multiple of the coarsest of ``native_m``."""
    epsg = utm_epsg(lon, lat)
    x, y = _to_utm(epsg).transform(lon, lat)
    step, half = max(native_m), size_px * 5
    return PatchGrid(epsg, round((x - half) / step) * step, round((y + half) / step) * step, size_px)
