"""Windows at given days of the calendar: the rules calendar, window and custom.

A window is placed into every year in which it can touch the searched ones; cutting it to them is left to `Intervals`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.config.seasons import CalendarSeasons, CustomSeasons, WindowSeasons
from greenup.phenology.intervals import Days, Intervals, Ints
from greenup.schemas import SEASONS

_OPPOSITE = {"spring": "autumn", "summer": "winter", "autumn": "spring", "winter": "summer"}

_COMMON = 2001
"""A year without 29 February."""


def calendar_windows(sites: pd.DataFrame, rule: CalendarSeasons, years: tuple[int, int]) -> Intervals:
    """Windows round the same four days everywhere: of every year, or of one year with the year before to fall back on.

    With ``year`` the four windows follow one another: winter belongs to the year before where its day comes after
    autumn's (2020-12-21, 2021-03-20, 2021-06-21, 2021-09-22).
    """
    middles = [getattr(rule, season) for season in SEASONS]
    season = np.arange(len(SEASONS))[None, :]
    if rule.swap_south:
        # The southern window of a season lies where the north has the opposite one.
        opposite = np.array([[SEASONS.index(_OPPOSITE[s]) for s in SEASONS]])
        season = np.where(_is_south(sites)[:, None], opposite, season)
    choice: Ints | int = 0
    if rule.year is not None:
        before = np.array([s == "winter" and rule.winter > rule.autumn for s in SEASONS])
        middle_year = (rule.year - before)[:, None]
        if rule.fallback:
            middle_year = middle_year - np.array([0, 1])
            choice = np.array([0, 1])
    else:
        middle_year = _years_round(years, rule.days)[None, :]
    year, first, middle, last = _around(middles, middle_year, rule.days)
    return Intervals(SEASONS, _rows(sites), season[:, :, None], year, first, middle, last, choice)


def yearly_window(sites: pd.DataFrame, rule: WindowSeasons, years: tuple[int, int]) -> Intervals:
    """One window a year, by hemisphere; the equator counts as north."""
    by_hemisphere = _around([rule.north, rule.south], _years_round(years, rule.days)[None, :], rule.days)
    south = _is_south(sites).astype(np.int64)
    year, first, middle, last = (values[south][:, None, :] for values in by_hemisphere)
    return Intervals((rule.name,), _rows(sites), np.zeros(1, dtype=np.int64), year, first, middle, last)


def custom_windows(sites: pd.DataFrame, rule: CustomSeasons, years: tuple[int, int]) -> Intervals:
    """The user's windows, the same days every year; one that ends before it begins goes over New Year.

    With ``shift_south`` those of sites south of the equator lie six months of the calendar later; a day which that
    month does not have becomes its last.
    """
    begins, ends = zip(*rule.windows.values(), strict=True)
    if rule.shift_south:
        begins, ends = (days + tuple(_half_a_year_later(d) for d in days) for days in (begins, ends))
    year = np.arange(years[0] - 1, years[1] + 1)[None, :]
    over = np.array([end < begin for begin, end in zip(begins, ends, strict=True)])
    first, last = _dates(begins, year), _dates(ends, year + over[:, None])
    middle = first + (last - first) // 2
    # (hemispheres, windows, years), then each site's.
    first, middle, last = (days.reshape(-1, len(rule.windows), year.size) for days in (first, middle, last))
    if rule.shift_south:
        south = _is_south(sites).astype(np.int64)
        first, middle, last = first[south], middle[south], last[south]
    season = np.arange(len(rule.windows))[None, :, None]
    return Intervals(tuple(rule.windows), _rows(sites), season, year[None], first, middle, last)


def _rows(sites: pd.DataFrame) -> Ints:
    return np.arange(len(sites))[:, None, None]


def _is_south(sites: pd.DataFrame) -> NDArray[np.bool_]:
    return sites["lat"].to_numpy(dtype=np.float64) < 0


def _years_round(years: tuple[int, int], days: int) -> Ints:
    """Years whose windows can touch the searched ones."""
    reach = days // 365 + 1
    return np.arange(years[0] - reach, years[1] + reach + 1)


def _around(middles: list[str], middle_year: Ints, days: int) -> tuple[Ints, Days, Days, Days]:
    """Year, first, middle and last day of windows of ``days`` before and after given days (MM-DD).

    ``middle_year``: (windows or 1, years). All that is returned is (windows, years).
    """
    middle, half = _dates(middles, middle_year), np.timedelta64(days, "D")
    # Named by the year in which it begins in a common year, since 29 February can move the first day over New Year.
    common = _dates(middles, np.array([[_COMMON]])) - half
    begins = common.astype("datetime64[Y]").astype(np.int64) + 1970 - _COMMON
    return middle_year + begins, middle - half, middle, middle + half


def _dates(month_days: list[str] | tuple[str, ...], year: Ints) -> Days:
    """Days of the calendar (MM-DD, in each year the same day) in years, (windows or 1, years) -> (windows, years)."""
    month = np.array([int(d[:2]) for d in month_days])[:, None] - 1
    day = np.array([int(d[3:]) for d in month_days])[:, None] - 1
    return ((year - 1970) * 12 + month).astype("datetime64[M]").astype("datetime64[D]") + day


def _half_a_year_later(month_day: str) -> str:
    month = (int(month_day[:2]) + 5) % 12 + 1
    following = np.datetime64(f"{_COMMON}-{month:02d}", "M") + 1
    longest = (following.astype("datetime64[D]") - 1).item().day
    return f"{month:02d}-{min(int(month_day[3:]), longest):02d}"
