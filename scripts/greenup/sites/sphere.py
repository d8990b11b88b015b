"""Places and distances on the sphere: unit vectors, great circles, and offsets east and north."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_KM = 6371.0088
"""Mean radius of the Earth (km): (2a + b) / 3 of the WGS 84 ellipsoid (IUGG). Against the ellipsoid a distance on this
sphere errs by less than 0.6 %."""

Floats = NDArray[np.float64]


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Points in degrees as vectors of length 1, shape (n, 3): nearest in space is nearest on the sphere."""
    lon, lat = np.radians(np.asarray(lon, dtype=np.float64)), np.radians(np.asarray(lat, dtype=np.float64))
    flat = np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)], axis=-1)


def chord_of(distance_km: ArrayLike) -> Floats:
    """Straight distance between unit vectors whose great-circle distance is ``distance_km``."""
    return 2.0 * np.sin(np.minimum(np.asarray(distance_km, dtype=np.float64) / (2.0 * EARTH_KM), np.pi / 2))


def arc_km(chord: ArrayLike) -> Floats:
    """Great-circle distance (km) of unit vectors a straight distance ``chord`` apart; the inverse of `chord_of`."""
    return 2.0 * EARTH_KM * np.arcsin(np.clip(np.asarray(chord, dtype=np.float64) / 2.0, 0.0, 1.0))


def great_circle_km(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Floats:
    """Great-circle distance (km) between points in degrees, by the haversine formula (exact for near points too)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(v, dtype=np.float64)) for v in (lon1, lat1, lon2, lat2))
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2.0 * EARTH_KM * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0)))


def wrap_lon(lon: ArrayLike) -> Floats:
    """Longitudes in [-180, 180); those that are there already stay as they are, to the last bit."""
    lon = np.asarray(lon, dtype=np.float64)
    out = (lon < -180.0) | (lon >= 180.0)
    return np.where(out, (lon + 180.0) % 360.0 - 180.0, lon) if out.any() else lon


def offset(lon: ArrayLike, lat: ArrayLike, east_km: ArrayLike, north_km: ArrayLike) -> tuple[Floats, Floats]:
    """The point reached from (lon, lat) along the great circle that starts towards (east, north), as far as that vector
    is long. Distances are true at any latitude, longitudes are wrapped, and a path over a pole comes down behind it.

    Arrays of one shape, degrees and km in, (lon, lat) in degrees out.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.radians(np.asarray(lat, dtype=np.float64))
    east, north = np.asarray(east_km, dtype=np.float64), np.asarray(north_km, dtype=np.float64)
    angle, bearing = np.hypot(east, north) / EARTH_KM, np.arctan2(east, north)
    sin_lat = np.sin(lat) * np.cos(angle) + np.cos(lat) * np.sin(angle) * np.cos(bearing)
    turned = np.arctan2(np.sin(bearing) * np.sin(angle) * np.cos(lat), np.cos(angle) - np.sin(lat) * sin_lat)
    return wrap_lon(lon + np.degrees(turned)), np.degrees(np.arcsin(np.clip(sin_lat, -1.0, 1.0)))
