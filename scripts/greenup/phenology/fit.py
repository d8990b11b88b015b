"""How well days of the year fit the vegetation of a site: in which season they fall, how far from it, how green it is.

The truth are a site's four dates g, m, s, d (greenup, maturity, senescence, dormancy), which cut the circle of the year
into four phases: spring [g, m), summer [m, s), autumn [s, d), winter [d, g). All arrays are (n, k): k days of each of n
sites, as days of year on the circle of `greenup.phenology.doy`; a day that is not there is NaN, and so is what is said
of it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.phenology.doy import YEAR, ahead, day_of_year, difference, wrap
from greenup.schemas import SEASONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_SEASON = -1
"""In place of a season's number: the day stands for none."""

THRESHOLDS: tuple[float, float, float, float] = (0.15, 0.9, 0.9, 0.15)
"""Share of the EVI amplitude at greenup, maturity, senescence and dormancy (MCD12Q2's user guide)."""

HALFWAY_THRESHOLDS: tuple[float, float, float, float] = (0.15, 0.5, 0.5, 0.15)
"""The same where MidGreenup and MidGreendown stand in for maturity and senescence."""

TOLERANCE_DAYS = 1.5
"""A day counts as inside a season up to this far from it: dates are whole days (half a day), and one that is repeated
every year lies up to a day elsewhere on the circle in leap years."""

_NEAR_DAYS = 16.0


def phase_of(dates: Floats, days: Floats) -> Ints:
    """The phase in which each day lies, 0 spring .. 3 winter, `NO_SEASON` where there is no day.

    ``dates``: (n, 4), in order within one turn of the year. A phase begins with its first date and ends before that of
    the next.
    """
    since = ahead(dates[:, :1], days)
    bounds = ahead(dates[:, :1], dates[:, 1:])
    phase = (since[:, :, None] >= bounds[:, None, :]).sum(axis=2)
    return np.where(np.isfinite(days), phase, NO_SEASON)


def days_outside(dates: Floats, seasons: Ints, days: Floats) -> Floats:
    """Days from each day to the season that it stands for, the shorter way: 0 inside it (both ends counted), negative
    before it, positive after it.

    ``seasons``: (k,) or (n, k), number of the season, `NO_SEASON` gives NaN.
    """
    start, length = _seasons(dates, seasons)
    since = ahead(start, days)
    after, before = since - length, YEAR - since
    outside = np.where(since <= length, 0.0, np.where(after <= before, after, -before))
    return np.where(np.isfinite(days) & np.isfinite(start), outside, np.nan)


def days_from_middle(dates: Floats, seasons: Ints, days: Floats) -> Floats:
    """Days from the middle of the season that each day stands for, negative before it: -182.625 .. 182.625."""
    start, length = _seasons(dates, seasons)
    return difference(days, wrap(start + length / 2))


def greenness(dates: Floats, days: Floats, thresholds: tuple[float, ...] = THRESHOLDS) -> Floats:
    """Share of the yearly amplitude of EVI that the four dates imply at each day, 0..1.

    A line through the thresholds that define the dates, with 1 in the middle of summer and 0 in the middle of winter:
    what can be said of a site of which only the dates are known.
    """
    phase = phase_of(dates, days)
    start, length = _seasons(dates, phase)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.where(length > 0, ahead(start, days) / length, 0.0)
    low, high, fall, last = thresholds
    peak = 1 - np.abs(2 * along - 1)
    value = np.choose(
        np.maximum(phase, 0),
        [
            low + (high - low) * along,
            high + (fall - high) * along + (1 - np.maximum(high, fall)) * peak,
            fall + (last - fall) * along,
            np.where(along < 0.5, last, low) * (1 - peak),
        ],
    )
    return np.where(phase == NO_SEASON, np.nan, value)


def distinct_phases(dates: Floats, days: Floats) -> Floats:
    """How many of the four phases a site's days see, (n,): 1..4, NaN for a site without days."""
    phase = phase_of(dates, days)
    seen = (phase[:, :, None] == np.arange(len(SEASONS))).any(axis=1).sum(axis=1)
    return np.where((phase != NO_SEASON).any(axis=1), seen, np.nan)


def spread(values: Floats) -> Floats:
    """Largest less smallest value of each row, (n,); NaN where fewer than two are there."""
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(known.sum(axis=1) > 1, high - low, np.nan)


def usual_values(curve: pd.DataFrame, days: Floats) -> Floats:
    """What a site usually shows at days of the year, any shape: the mean of its observations, clear or under snow, of
    all years within 16 days (MODIS's composites) of each day; NaN where there is none.

    ``curve``: its rows of `CURVES`.
    """
    seen = curve[(curve["clear"] | curve["snow"]) & curve["evi"].notna()]
    when = seen["time"].dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
    values = seen["evi"].to_numpy(dtype=np.float64)
    near = np.abs(difference(day_of_year(when), np.asarray(days)[..., None])) <= _NEAR_DAYS
    count = near.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, (near * values).sum(axis=-1) / count, np.nan)


def _seasons(dates: Floats, seasons: Ints) -> tuple[Floats, Floats]:
    """First day and length of numbered seasons, (n, k); NaN where the number is `NO_SEASON`."""
    seasons = np.broadcast_to(seasons, (len(dates), np.shape(seasons)[-1]))
    known = seasons != NO_SEASON
    at = np.where(known, seasons, 0)
    start = np.where(known, np.take_along_axis(dates, at, axis=1), np.nan)
    return start, ahead(start, np.take_along_axis(dates, (at + 1) % len(SEASONS), axis=1))
