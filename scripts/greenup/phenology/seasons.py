"""When to look for images: the search intervals of each site, by the season rule of its dataset.

All rules give days, first and last included, cut to the years that are searched. Every interval has the year in which
it begins; one whose first days lie before the searched years keeps that year, so that site, season and year name it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.config.seasons import (
    CalendarSeasons,
    CustomSeasons,
    EviSeasons,
    PublishedSeasons,
    QuarterSeasons,
    RandomSeasons,
    Seasons,
    WindowSeasons,
)
from greenup.errors import UserError
from greenup.phenology.doy import date_in_year
from greenup.phenology.fill import DATES
from greenup.phenology.intervals import Intervals
from greenup.phenology.window_table import read_windows
from greenup.phenology.windows import calendar_windows, custom_windows, yearly_window
from greenup.randomness import uniform_integers
from greenup.schemas import SEASONS

QUARTER_DAYS: tuple[int, ...] = (275, 186, 93, 0)
"""Days before the last of SSL4EO-S12's four reference dates: 21 December, 20 March, 21 June, 22 September."""

SHIFT_DAYS = 365
"""The shared backward shift of a site is uniform over 0 .. 364 days (SeCo's and SSL4EO-S12's downloaders)."""


def place_seasons(
    sites: pd.DataFrame,
    phenology: pd.DataFrame | None,
    seasons: Seasons,
    *,
    years: tuple[int, int],
    seed: int,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The `INTERVALS` table of all sites.

    ``sites``: the `SITES` table. ``phenology``: the `PHENOLOGY` table, for the evi rule only. ``years``: first and last
    year searched. ``published``: the `PUBLISHED` table, for the published rule only, which takes all images whatever
    the years. Sites that the rule gives no season (by the evi rule those without dates) have no rows. Raises
    `UserError` when the rule needs dates or a file that are not there, or places every interval outside the years.
    """
    yearly = True
    match seasons:
        case EviSeasons():
            if phenology is None:
                raise UserError("season rule 'evi': there are no dates", "add e.g. phenology: {source: earthengine}")
            placed = _evi(sites, phenology, years)
        case CalendarSeasons():
            placed, yearly = calendar_windows(sites, seasons, years), seasons.year is None
        case WindowSeasons():
            placed = yearly_window(sites, seasons, years)
        case CustomSeasons(file=None):
            placed = custom_windows(sites, seasons, years)
        case CustomSeasons():
            placed, yearly = read_windows(seasons.file, sites), False
        case QuarterSeasons():
            names = tuple(f"q{i + 1}" for i in range(len(QUARTER_DAYS)))
            placed, yearly = _shifted(sites, names, QUARTER_DAYS, seasons, seed), False
        case RandomSeasons():
            names = tuple(f"d{i + 1}" for i in range(seasons.count))
            before = tuple(seasons.spacing_days * i for i in reversed(range(seasons.count)))
            placed, yearly = _shifted(sites, names, before, seasons, seed), False
        case PublishedSeasons():
            if published is None:
                raise TypeError("season rule published takes the table of the folder's images")
            placed, yearly = _days_of(published, sites), False
            years = (int(published["time"].dt.year.min()), int(published["time"].dt.year.max()))
        case _:
            raise TypeError(seasons)
    return placed.table(sites, years, rule=seasons.rule, yearly=yearly)


def _evi(sites: pd.DataFrame, phenology: pd.DataFrame, years: tuple[int, int]) -> Intervals:
    """Spring [greenup, maturity], summer [maturity, senescence], autumn [senescence, dormancy], winter [dormancy, next
    greenup] (SSL4Eco, appendix A-1), for every year in which one of them can touch the searched years."""
    at = pd.Index(phenology["site_id"]).get_indexer(sites["site_id"])
    if (at < 0).any():
        absent = sites["site_id"].iloc[int((at < 0).argmax())]
        raise UserError(f"season rule 'evi': site {absent} has no row in the dates", "make the phenology again")
    dates = phenology[list(DATES)].to_numpy(dtype=np.float64, na_value=np.nan)[at]
    known = np.flatnonzero(np.isfinite(dates).all(axis=1))
    begin = dates[known][:, :, None]
    end = np.roll(begin, -1, axis=1)
    year = np.arange(years[0] - 1, years[1] + 1)[None, None, :]
    first = date_in_year(year, begin)
    # A season ends on the first day after its beginning that has the next date: this year's, or else next year's.
    this, following = date_in_year(year, end), date_in_year(year + 1, end)
    last = np.where(this >= first, this, following)
    season = np.arange(len(SEASONS))[None, :, None]
    return Intervals(SEASONS, known[:, None, None], season, year, first, first + (last - first) // 2, last)


def _days_of(published: pd.DataFrame, sites: pd.DataFrame) -> Intervals:
    """The day of each image of a published folder, for the sites that are there."""
    at = pd.Index(sites["site_id"]).get_indexer(published["site_id"])
    if not (at >= 0).any():
        raise UserError(
            f"season rule 'published': none of the sites is in the folder; it has e.g. "
            f"{published['site_id'].iloc[0]!r}, the sites are named like {sites['site_id'].iloc[0]!r}",
            "write sites: {sampler: published}, or name points by the folder's names",
        )
    found = set(published["season"])
    # Seasons of the year, then numbers: d2 before d10.
    names = [n for n in SEASONS if n in found] + sorted(found - set(SEASONS), key=lambda n: (len(n), n))
    number = pd.Index(names).get_indexer(published["season"])
    order = np.lexsort((number, at))
    order = order[at[order] >= 0]
    day = published["time"].dt.tz_localize(None).to_numpy().astype("datetime64[D]")[order]
    year = day.astype("datetime64[Y]").astype(np.int64) + 1970
    return Intervals(tuple(names), at[order], number[order], year, day, day, day)


def _shifted(
    sites: pd.DataFrame,
    names: tuple[str, ...],
    before: tuple[int, ...],
    rule: QuarterSeasons | RandomSeasons,
    seed: int,
) -> Intervals:
    """Windows round dates ``before`` the last one, moved backwards together by a random part of a year a site."""
    shift = uniform_integers(seed, "phase", sites["site_id"], SHIFT_DAYS)
    middle = np.datetime64(rule.last, "D") - (shift[:, None] + np.array(before)[None, :]).astype("timedelta64[D]")
    half = np.timedelta64(rule.days, "D")
    year = (middle - half).astype("datetime64[Y]").astype(np.int64) + 1970
    site, season = np.arange(len(sites))[:, None], np.arange(len(names))[None, :]
    return Intervals(names, site, season, year, middle - half, middle, middle + half)
