"""Arithmetic on the circle of the year: days of year, distances and medians that know that December meets January.

A day of year is 1 on 1 January and 365 or 366 on 31 December. On the circle the year has 365.25 days, its mean length,
so that 31 December and 1 January are neighbours in common and in leap years alike (to a quarter of a day or one and a
quarter).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

YEAR = 365.25
"""Length of the circle (days)."""

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

_CHUNK = 20_000  # sites whose values are held several times over


def year_of(days: ArrayLike) -> Floats:
    """Calendar year of days since 1970-01-01; NaN stays NaN."""
    days = np.asarray(days, dtype=np.float64)
    known = np.isfinite(days)
    out = np.full(days.shape, np.nan)
    out[known] = np.floor(days[known]).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return out


def day_of_year(days: ArrayLike) -> Floats:
    """Day of year (1..366) of days since 1970-01-01; NaN stays NaN."""
    days = np.asarray(days, dtype=np.float64)
    known = np.isfinite(days)
    out = np.full(days.shape, np.nan)
    date = np.floor(days[known]).astype("datetime64[D]")
    out[known] = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + 1
    return out


def days_in_year(year: ArrayLike) -> NDArray[np.int64]:
    """365 or 366."""
    first = _january(year)
    return (_january(np.asarray(year) + 1) - first).astype(np.int64)


def date_in_year(year: ArrayLike, doy: ArrayLike) -> Days:
    """The date (datetime64[D]) of a day of year, rounded half up; day 366 of a common year is its 31 December.

    So every day of year falls exactly once into every calendar year. Arrays broadcast.
    """
    # Years are turned into dates before they broadcast: there are few of them, and the step is slow.
    day = np.floor(np.asarray(doy, dtype=np.float64) + 0.5)
    return _january(year) + (np.clip(day, 1, days_in_year(year)) - 1).astype("timedelta64[D]")


def _january(year: ArrayLike) -> Days:
    return (np.asarray(year, dtype=np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[D]")


def wrap(doy: ArrayLike) -> Floats:
    """Days of year brought into [0.5, 365.75), so that they round to 1..366."""
    return (np.asarray(doy, dtype=np.float64) - 0.5) % YEAR + 0.5


def difference(a: ArrayLike, b: ArrayLike) -> Floats:
    """Days from b to a by the shorter way: -182.625 .. 182.625."""
    return (np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64) + YEAR / 2) % YEAR - YEAR / 2


def ahead(a: ArrayLike, b: ArrayLike) -> Floats:
    """Days from a forward to b: [0, 365.25)."""
    return (np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)) % YEAR


def in_order(dates: ArrayLike) -> NDArray[np.bool_]:
    """Whether each row's dates, shape (n, k), follow one another within one turn of the year; False where any is
    NaN."""
    dates = np.asarray(dates, dtype=np.float64)
    turn = ahead(dates, np.roll(dates, -1, axis=1)).sum(axis=1)
    # Going round once returns to the start; dates out of order need two turns or more. Equal dates make no step.
    return np.isfinite(dates).all(axis=1) & (turn < 1.5 * YEAR)


def circular_median(doy: ArrayLike) -> Floats:
    """Median day of year of each row, shape (n, years) -> (n,): the day of least summed circular distance to the
    values.

    NaN values are left out; a row without values gives NaN. With an even number of values it is the middle between the
    two inner ones, as for the ordinary median. Where several days are equally good (values spread evenly round the
    year), it is the earliest of them in the year.

    The circle is cut open between every two neighbours in turn. Along the line that a cut leaves, the ordinary median
    is best; a line is never shorter than the circle, and for the circle's own median the cut opposite to it is as
    short: so the best median of all cuts is the circle's.
    """
    doy = np.sort(np.asarray(doy, dtype=np.float64), axis=1)  # NaN go last
    # On less than half of the circle the ordinary median is best, and there most years' dates lie.
    out = _median_of_sorted(doy)
    if doy.shape[1]:
        rows = np.flatnonzero(np.nanmax(doy, axis=1, initial=-np.inf) - doy[:, 0] >= YEAR / 2)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            out[part] = _median_of_cuts(doy[part])
    return wrap(out)


def _median_of_cuts(doy: Floats) -> Floats:
    """Circular medians of rows of sorted values, NaN last, at least one value a row."""
    n = np.isfinite(doy).sum(axis=1)[:, None]
    width = int(n.max())
    # The values once more, a year later: a cut before value k leaves the line of values k .. k + n - 1.
    place = np.arange(2 * width)
    line = np.take_along_axis(doy, place % n, axis=1) + YEAR * (place // n)
    total = np.concatenate([np.zeros((len(doy), 1)), np.cumsum(line, axis=1)], axis=1)

    def summed(first: NDArray[np.int64], after: NDArray[np.int64]) -> Floats:
        return np.take_along_axis(total, after, axis=1) - np.take_along_axis(total, first, axis=1)

    cut = np.minimum(np.arange(width), n - 1)
    distance = summed(cut + n - n // 2, cut + n) - summed(cut, cut + n // 2)
    inner = (np.take_along_axis(line, cut + (n - 1) // 2, axis=1) + np.take_along_axis(line, cut + n // 2, axis=1)) / 2
    # Sums of equal terms in another order differ in their last bits, which must not decide between equal days.
    best = distance <= distance.min(axis=1, keepdims=True) + 1e-6
    return np.where(best, wrap(inner), np.inf).min(axis=1)


def plain_median(doy: ArrayLike) -> Floats:
    """Median day of year of each row, shape (n, years) -> (n,), on a line from 1 to 366: wrong where values lie on both
    sides of New Year. NaN values are left out; a row without values gives NaN."""
    return _median_of_sorted(np.sort(np.asarray(doy, dtype=np.float64), axis=1))


def _median_of_sorted(rows: Floats) -> Floats:
    """Ordinary medians of rows of sorted values, NaN last."""
    if not rows.shape[1]:
        return np.full(len(rows), np.nan)
    n = np.isfinite(rows).sum(axis=1)[:, None]
    # A row without values takes its first one, which is NaN.
    low, high = (np.take_along_axis(rows, np.maximum(at, 0), axis=1)[:, 0] for at in ((n - 1) // 2, n // 2))
    return (low + high) / 2
