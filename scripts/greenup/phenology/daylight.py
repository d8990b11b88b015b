"""Polar night: on how many days the sun does not rise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

RISE = -0.833
"""Altitude (degrees) of the sun's centre when its upper edge stands in the horizon: 34' of refraction at sea level and
16' of radius, the almanacs' definition of sunrise. Relief and the weather's part in refraction are left out."""

_LATITUDES_AT_ONCE = 256

Days = NDArray[np.datetime64]


def declination(day: ArrayLike) -> NDArray[np.float64]:
    """Declination of the sun (degrees) at noon UTC of days (datetime64), to 0.02 degrees from 1950 to 2050.

    The low-precision formula of the Astronomical Almanac: mean longitude and anomaly, two terms of the equation of the
    centre, and the obliquity of the ecliptic.
    """
    since = (np.asarray(day, dtype="datetime64[D]") - np.datetime64("2000-01-01")).astype(np.float64)
    anomaly = np.radians(357.528 + 0.9856003 * since)
    longitude = np.radians(280.460 + 0.9856474 * since + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * since)
    return np.degrees(np.arcsin(np.sin(obliquity) * np.sin(longitude)))


def dark_days(lat: ArrayLike, first: ArrayLike, last: ArrayLike) -> NDArray[np.int64]:
    """Days from ``first`` to ``last`` (datetime64, both included) on which the sun does not rise.

    ``lat``: degrees, one for each interval. The sun stands highest at 90 degrees less the difference between its
    declination and the latitude; where that is below `RISE`, it does not rise.
    """
    lat = np.asarray(lat, dtype=np.float64)
    first, last = (np.asarray(day, dtype="datetime64[D]") for day in (first, last))
    out = np.zeros(len(lat), dtype=np.int64)
    # Nearer the equator than this, the sun rises on every day of any year.
    polar = np.flatnonzero(np.abs(lat) > 90.0 - 23.5 - abs(RISE))
    if not len(polar):
        return out
    start = first[polar].min()
    sun = declination(np.arange(start, last[polar].max() + 1))
    begin, end = (first[polar] - start).astype(np.int64), (last[polar] - start).astype(np.int64) + 1
    # Intervals of one site, and sites of one row of a grid, share a latitude: days are counted once for each.
    latitudes, of = np.unique(lat[polar], return_inverse=True)
    order = np.argsort(of, kind="stable")
    edges = np.searchsorted(of[order], np.arange(0, len(latitudes) + _LATITUDES_AT_ONCE, _LATITUDES_AT_ONCE))
    for part in range(len(edges) - 1):
        base = part * _LATITUDES_AT_ONCE
        dark = np.abs(latitudes[base : base + _LATITUDES_AT_ONCE, None] - sun) > 90.0 - RISE
        until = np.zeros((len(dark), len(sun) + 1), dtype=np.int32)
        np.cumsum(dark, axis=1, out=until[:, 1:])
        at = order[edges[part] : edges[part + 1]]
        row = of[at] - base
        out[polar[at]] = until[row, end[at]] - until[row, begin[at]]
    return out
