"""Vegetation curves on the wheel of the year: folded dates, a smooth line, and the arcs of the seasons."""

from __future__ import annotations

import numpy as np
import pandas as pd

YEAR = 365.0
"""Days on the wheel; 31 December of a leap year falls on 1 January."""


def day_of_year(times: pd.Series) -> np.ndarray:
    """Day of year, 0 <= d < 365 (1 January is 0), of dates or times."""
    return (pd.to_datetime(times).dt.day_of_year.to_numpy(dtype=float) - 1.0) % YEAR


def smooth_curve(
    day: np.ndarray, value: np.ndarray, *, bandwidth: float = 12.0, most_empty: float = 45.0
) -> np.ndarray:
    """Mean of observations weighted by a Gaussian in days around the year's circle, at days 0..364.

    ``day`` 0..365, ``value`` of the same length; ``bandwidth`` is the Gaussian's standard deviation (days). Days
    further than ``most_empty`` from every observation are NaN: no line is drawn where nothing was seen.
    """
    grid = np.arange(YEAR)
    if len(day) == 0:
        return np.full(len(grid), np.nan)
    gap = np.abs(grid[:, None] - np.asarray(day, float)[None, :])
    gap = np.minimum(gap, YEAR - gap)
    # Weights relative to the nearest observation's: the mean is the same and nothing underflows.
    weight = np.exp(0.5 * (gap.min(axis=1, keepdims=True) ** 2 - gap**2) / bandwidth**2)
    line = (weight @ np.asarray(value, float)) / weight.sum(axis=1)
    return np.where(gap.min(axis=1) <= most_empty, line, np.nan)


def season_arcs(intervals: pd.DataFrame) -> pd.DataFrame:
    """The arcs of each season on the wheel of the year, from the longest interval of each season (the first of equals).

    Intervals at the ends of the study's years may be cut short; the longest is whole. Those that are searched only
    where the others have no image (``choice`` above 0) do not count. ``intervals``: rows of the `seasons` table of one
    site. Returns columns season, start, stop (days, 0 <= start < stop <= 365); a season that wraps around the year's
    end has two rows.
    """
    intervals = intervals[intervals["choice"] == 0]
    length = intervals["last"] - intervals["first"]
    order = intervals.assign(length=length).sort_values(["length", "first"], ascending=[False, True])
    first = order.drop_duplicates("season").sort_values("first")
    rows = []
    for season, start, days in zip(
        first["season"], day_of_year(first["first"]), (first["last"] - first["first"]).dt.days + 1, strict=True
    ):
        stop = start + min(days, YEAR)
        rows.append((season, start, min(stop, YEAR)))
        if stop > YEAR:
            rows.append((season, 0.0, stop - YEAR))
    return pd.DataFrame(rows, columns=["season", "start", "stop"])
