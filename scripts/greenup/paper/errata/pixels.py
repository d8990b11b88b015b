"""Where pixels lie and what they hold: shifts and shears (m) of the released writers, offsets, nodata, 8 bits."""

from __future__ import annotations

import numpy as np
from pyproj import Transformer

from greenup.grids import utm_epsg
from greenup.imagery.offsets import scale_and_offset
from greenup.paper.errata.row import Number, Samples
from greenup.patches.resample import ndvi

SIDE_PX, PIXEL_M = 264, 10.0
"""A patch of SeCo and SSL4EO-S12: 264 pixels of 10 m."""

CROP_PX, BUFFER_M = 256, 1300.0
"""SSL4Eco: the first 256 pixels of the window round a circle of 1 300 m."""

LATITUDES = (0.0, 45.0, 60.0, 70.0)
_EDGE = 2.9
"""Degrees of longitude from the middle of a UTM zone to nearly its edge, where a grid is turned most."""


def half_pixel(samples: Samples) -> list[Number]:
    """How far (m) a pixel of the released files lies from where it was measured, by the origin alone: half a pixel to
    the west and half to the north of each band's own pixels."""
    return [Number(f"shift of bands of {m} m", "m", released_shift_m(45.0, float(m)), 0.0) for m in (10, 20, 60)]


def released_shift_m(lat: float, pixel_m: float) -> float:
    """Distance (m) between a pixel's centre by a grid in degrees whose origin is half a pixel too far north-west, and
    by the same grid with the right origin."""
    side = int(SIDE_PX * PIXEL_M / pixel_m)
    west, north, step_lon, step_lat = _degree_grid(9.0, lat, side)
    shifted = west - step_lon / 2, north + step_lat / 2
    east_m, north_m = _metres(9.0, lat, (west, shifted[0]), (north, shifted[1]))
    return float(np.hypot(np.diff(east_m), np.diff(north_m))[0])


def _degree_grid(lon: float, lat: float, side: int) -> tuple[float, float, float, float]:
    """West, north and steps (degrees) of the box round a patch's true corners, cut into ``side`` pixels."""
    corner_lon, corner_lat = _corners(lon, lat)
    west, east, south, north = corner_lon.min(), corner_lon.max(), corner_lat.min(), corner_lat.max()
    return float(west), float(north), float(east - west) / side, float(north - south) / side


def _corners(lon: float, lat: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners (degrees) of the patch whose middle is at (lon, lat), on its UTM grid: NW, NE, SE, SW."""
    to_utm, to_degrees = _transformers(lon, lat)
    x, y = to_utm.transform(lon, lat)
    half = SIDE_PX * PIXEL_M / 2
    return to_degrees.transform(x + half * np.array([-1, 1, 1, -1]), y + half * np.array([1, 1, -1, -1]))


def _transformers(lon: float, lat: float) -> tuple[Transformer, Transformer]:
    epsg = utm_epsg(lon, lat)
    pair = (4326, epsg), (epsg, 4326)
    return tuple(Transformer.from_crs(a, b, always_xy=True) for a, b in pair)


def _metres(lon: float, lat: float, lons: object, lats: object) -> tuple[np.ndarray, np.ndarray]:
    """Points (degrees) in the UTM zone of (lon, lat)."""
    return _transformers(lon, lat)[0].transform(np.asarray(lons, float), np.asarray(lats, float))


def sheared(samples: Samples) -> list[Number]:
    """Largest distance (m) within a patch between where a grid in degrees says that a pixel lies and where it lies,
    with the origin right: in the middle of a UTM zone and at its edge."""
    numbers = []
    for lat in LATITUDES:
        numbers.append(
            Number(f"farthest pixel at {lat:.0f}°, at a zone's edge", "m", largest_shear_m(9 + _EDGE, lat), 0.0)
        )
    return numbers


def largest_shear_m(lon: float, lat: float) -> float:
    """Of all pixels of a 264 x 264 patch at (lon, lat), degrees."""
    to_utm, _ = _transformers(lon, lat)
    x, y = to_utm.transform(lon, lat)
    steps = (np.arange(SIDE_PX) + 0.5) * PIXEL_M - SIDE_PX * PIXEL_M / 2
    true_x, true_y = np.meshgrid(x + steps, y - steps)
    west, north, step_lon, step_lat = _degree_grid(lon, lat, SIDE_PX)
    index = np.arange(SIDE_PX) + 0.5
    said_lon, said_lat = np.meshgrid(west + index * step_lon, north - index * step_lat)
    said_x, said_y = to_utm.transform(said_lon, said_lat)
    return float(np.hypot(said_x - true_x, said_y - true_y).max())


def crop_offset(samples: Samples) -> list[Number]:
    """Distance (m) from a site to the middle of its patch when the first 256 x 256 pixels are taken of the window that
    holds the longitude-latitude box round a circle of 1 300 m: in the middle of a UTM zone, and at its edge."""
    return [
        Number(f"at {lat:.0f}°, {where}", "m", first_crop_offset_m(9 + east, lat), 0.0, is_detail=not east and lat > 0)
        for lat in LATITUDES
        for where, east in (("mid-zone", 0.0), ("zone's edge", _EDGE))
    ]


def first_crop_offset_m(lon: float, lat: float) -> float:
    """One site's distance (m); without the rounding to whole pixels, which adds up to 7 m."""
    to_utm, to_degrees = _transformers(lon, lat)
    x, y = to_utm.transform(lon, lat)
    angle = np.linspace(0, 2 * np.pi, 721)
    circle_lon, circle_lat = to_degrees.transform(x + BUFFER_M * np.sin(angle), y + BUFFER_M * np.cos(angle))
    box_lon = np.array([circle_lon.min(), circle_lon.max()])[[0, 1, 1, 0]]
    box_lat = np.array([circle_lat.min(), circle_lat.max()])[[1, 1, 0, 0]]
    box_x, box_y = to_utm.transform(box_lon, box_lat)
    half = CROP_PX * PIXEL_M / 2
    return float(np.hypot(box_x.min() + half - x, box_y.max() - half - y))


def zoomed_bands(samples: Samples) -> list[Number]:
    """Ground (m) that 20 m and 60 m bands show when they are resampled to 264 pixels of 10 m first, and then cut to the
    132 and 44 pixels that they have at their own resolution."""
    east = (np.arange(SIDE_PX) + 0.5) * PIXEL_M
    numbers = []
    for native_m, kept in ((20, 132), (60, 44)):
        start = (SIDE_PX - kept) // 2
        shown = east[start : start + kept]
        width = float(shown[-1] - shown[0] + PIXEL_M)
        numbers.append(Number(f"side shown by bands of {native_m} m", "m", width, SIDE_PX * PIXEL_M))
    return numbers


def ndvi_with_offset(samples: Samples) -> list[Number]:
    """NDVI of a canopy (reflectance 0.03 red, 0.30 near infrared) and of bare soil (0.20 and 0.25) when the 1 000 that
    baseline 04.00 adds are taken for reflectance."""
    baseline = {"s2:processing_baseline": "04.00"}
    scale, offset = scale_and_offset(baseline, {}, "errata")
    numbers = []
    for name, red, nir in (("canopy", 0.03, 0.30), ("bare soil", 0.20, 0.25)):
        stored = [round((v - offset) / scale) for v in (red, nir)]
        corrected = [v * scale + offset for v in stored]
        wrong, right = (float((b - a) / (b + a)) for a, b in (stored, corrected))
        numbers.append(Number(f"NDVI of {name}", "", wrong, right))
    return numbers


def nodata_as_zero(samples: Samples) -> list[Number]:
    """Mean of a band whose valid pixels are all 2 000 and a tenth of which has no data: with zeros, and masked."""
    values = np.full(1000, 2000.0)
    valid = np.arange(1000) >= 100
    zeroed = np.where(valid, values, 0)
    means = float(zeroed.mean()), float(zeroed[valid].mean())
    return [Number("mean of a band of 2 000, a tenth without data", "stored", *means)]


def negative_ndvi(samples: Samples) -> list[Number]:
    """NDVI of water (reflectance 0.04 red, 0.01 near infrared) as stored, where what is below 0 becomes 0."""
    red, nir = 400, 100
    kept = float(ndvi(np.array([red], np.uint16), np.array([nir], np.uint16))[0]) / 1e4
    return [Number("NDVI of water", "", kept, (nir - red) / (nir + red))]
