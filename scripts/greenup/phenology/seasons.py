"""When to look for images: the search intervals of each site, by the season rule of its dataset.

All rules give days, first and last included, cut to the years that are searched. Every interval has the year in which
it begins; one whose first days lie before the searched years keeps that year, so that site, season and year name it.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.config.seasons import CalendarSeasons, EviSeasons, QuarterSeasons, RandomSeasons, Seasons, WindowSeasons
from greenup.errors import UserError
from greenup.phenology.doy import date_in_year
from greenup.phenology.fill import DATES
from greenup.randomness import generator
from greenup.schemas import INTERVALS, SEASONS

QUARTER_DAYS: tuple[int, ...] = (275, 186, 93, 0)
"""Days before the last of SSL4EO-S12's four reference dates: 21 December, 20 March, 21 June, 22 September."""

SHIFT_DAYS = 365
"""The shared backward shift of a site is uniform over 0 .. 364 days (SeCo's and SSL4EO-S12's downloaders)."""

_OPPOSITE = {"spring": "autumn", "summer": "winter", "autumn": "spring", "winter": "summer"}

_log = logging.getLogger(__name__)

Days = NDArray[np.datetime64]


def place_seasons(
    sites: pd.DataFrame, phenology: pd.DataFrame | None, seasons: Seasons, *, years: tuple[int, int], seed: int
) -> pd.DataFrame:
    """The `INTERVALS` table of all sites.

    ``sites``: the `SITES` table. ``phenology``: the `PHENOLOGY` table, for the evi rule only. ``years``: first and last
    year searched. Sites without dates (origin *none*) have no rows. Raises `UserError` when the rule needs dates that
    are not there, or places every interval outside the years.
    """
    match seasons:
        case EviSeasons():
            if phenology is None:
                raise UserError("season rule 'evi': there are no dates", "add e.g. phenology: {source: earthengine}")
            table = _evi(sites, phenology, years)
        case CalendarSeasons():
            table = _calendar(sites, seasons, years)
        case WindowSeasons():
            table = _window(sites, seasons, years)
        case QuarterSeasons():
            names = [f"q{i + 1}" for i in range(len(QUARTER_DAYS))]
            table = _shifted(sites, names, QUARTER_DAYS, seasons, seed)
        case RandomSeasons():
            names = [f"d{i + 1}" for i in range(seasons.count)]
            before = tuple(seasons.spacing_days * i for i in reversed(range(seasons.count)))
            table = _shifted(sites, names, before, seasons, seed)
        case _:
            raise TypeError(seasons)
    return INTERVALS.check(_cut(table, years, rule=seasons.rule), "seasons")


def _cut(table: pd.DataFrame, years: tuple[int, int], *, rule: str) -> pd.DataFrame:
    """Intervals cut to the searched years; those wholly outside are left out, and said so where a season is lost."""
    start, end = pd.Timestamp(years[0], 1, 1), pd.Timestamp(years[1], 12, 31)
    kept = table[(table["last"] >= start) & (table["first"] <= end)].reset_index(drop=True)
    if len(table) and kept.empty:
        first, last = table["first"].min().date(), table["last"].max().date()
        raise UserError(
            f"season rule {rule!r}: all its days ({first} to {last}) lie outside scenes.years {list(years)}",
            "mend scenes.years, or the rule's `last`",
        )
    # The yearly rules place every season into every searched year; the others place each season only once.
    if rule in ("quarters", "random") and (lost := len(table) - len(kept)):
        _log.warning(
            "season rule %s: %d of %d windows lie outside scenes.years %s", rule, lost, len(table), list(years)
        )
    for column in ("first", "middle", "last"):
        kept[column] = kept[column].clip(start, end)
    return kept


def _frame(
    sites: pd.DataFrame, names: NDArray, season: NDArray, year: NDArray, first: Days, middle: Days, last: Days
) -> pd.DataFrame:
    """Rows from arrays that broadcast to (sites, seasons, years), in that order.

    ``season`` holds positions in ``names``: texts are taken once at the end, which for millions of rows is what counts.
    """
    site = np.arange(len(sites)).reshape(-1, *[1] * (first.ndim - 1))
    site, season, year, *days = np.broadcast_arrays(site, season, year, first, middle, last)
    frame = pd.DataFrame(
        {
            "site_id": pd.array(sites["site_id"].to_numpy(dtype=object), dtype="string").take(site.ravel()),
            "season": pd.array(names, dtype="string").take(season.ravel()),
            "year": year.ravel(),
        }
    )
    for name, day in zip(("first", "middle", "last"), days, strict=True):
        frame[name] = day.ravel().astype("datetime64[us]")
    return frame


def _evi(sites: pd.DataFrame, phenology: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
    """Spring [greenup, maturity], summer [maturity, senescence], autumn [senescence, dormancy], winter [dormancy, next
    greenup] (SSL4Eco, appendix A-1), for every year in which one of them can touch the searched years."""
    at = pd.Index(phenology["site_id"]).get_indexer(sites["site_id"])
    if (at < 0).any():
        absent = sites["site_id"].iloc[int((at < 0).argmax())]
        raise UserError(f"season rule 'evi': site {absent} has no row in the dates", "make the phenology again")
    dates = phenology[list(DATES)].to_numpy(dtype=np.float64, na_value=np.nan)[at]
    known = np.isfinite(dates).all(axis=1)
    begin = dates[known][:, :, None]
    end = np.roll(begin, -1, axis=1)
    year = np.arange(years[0] - 1, years[1] + 1)[None, None, :]
    first = date_in_year(year, begin)
    # A season ends on the first day after its beginning that has the next date: this year's, or else next year's.
    this, following = date_in_year(year, end), date_in_year(year + 1, end)
    last = np.where(this >= first, this, following)
    season = np.arange(len(SEASONS))[None, :, None]
    return _frame(sites[known], np.array(SEASONS), season, year, first, first + (last - first) // 2, last)


def _calendar(sites: pd.DataFrame, rule: CalendarSeasons, years: tuple[int, int]) -> pd.DataFrame:
    """A window around the same four days of the year everywhere."""
    season = np.arange(len(SEASONS))[None, :]
    if rule.swap_south:
        # The southern window of a season lies where the north has the opposite one.
        opposite = np.array([[SEASONS.index(_OPPOSITE[s]) for s in SEASONS]])
        season = np.where((sites["lat"] < 0).to_numpy()[:, None], opposite, season)
    return _windows(sites, np.array(SEASONS), season, [getattr(rule, s) for s in SEASONS], rule.days, years)


def _window(sites: pd.DataFrame, rule: WindowSeasons, years: tuple[int, int]) -> pd.DataFrame:
    """One window a year, by hemisphere; the equator counts as north."""
    name, only = np.array([rule.name]), np.zeros((1, 1), dtype=np.int64)
    parts = [
        _windows(sites[chosen], name, only, [middle], rule.days, years)
        for middle, chosen in ((rule.north, sites["lat"] >= 0), (rule.south, sites["lat"] < 0))
        if chosen.any()
    ]
    table = pd.concat(parts, ignore_index=True)
    order = pd.Index(sites["site_id"]).get_indexer(table["site_id"])
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _windows(
    sites: pd.DataFrame, names: NDArray, season: NDArray, middles: list[str], days: int, years: tuple[int, int]
) -> pd.DataFrame:
    """Windows of ``days`` before and after given days (MM-DD) of every year that can touch the searched ones.

    ``season``: positions in ``names``, shape (sites or 1, windows).
    """
    reach = days // 365 + 1
    middle_year = np.arange(years[0] - reach, years[1] + reach + 1)
    middle = np.array([[f"{y}-{d}" for y in middle_year] for d in middles], dtype="datetime64[D]")
    half = np.timedelta64(days, "D")
    # Named by the year in which it begins in a common year, since 29 February can move the first day over New Year.
    common = np.array([f"2001-{d}" for d in middles], dtype="datetime64[D]") - half
    begins = common.astype("datetime64[Y]").astype(np.int64) + 1970 - 2001
    year = middle_year[None, :] + begins[:, None]
    return _frame(
        sites, names, season[:, :, None], year[None], (middle - half)[None], middle[None], (middle + half)[None]
    )


def _shifted(
    sites: pd.DataFrame, names: list[str], before: tuple[int, ...], rule: QuarterSeasons | RandomSeasons, seed: int
) -> pd.DataFrame:
    """Windows around dates ``before`` the last one, moved backwards together by a random part of a year a site."""
    phase = np.array([generator(seed, "phase", s).integers(SHIFT_DAYS) for s in sites["site_id"]], dtype=np.int64)
    middle = np.datetime64(rule.last, "D") - (phase[:, None] + np.array(before)[None, :]).astype("timedelta64[D]")
    half = np.timedelta64(rule.days, "D")
    year = (middle - half).astype("datetime64[Y]").astype(np.int64) + 1970
    return _frame(sites, np.array(names), np.arange(len(names))[None, :], year, middle - half, middle, middle + half)
