"""Search intervals as arrays, and as the table that the other stages read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.errors import UserError
from greenup.phenology.daylight import dark_days
from greenup.schemas import INTERVALS

_log = logging.getLogger(__name__)

_DAY_US = 86_400_000_000

Days = NDArray[np.datetime64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Intervals:
    """Search intervals of a rule. All arrays broadcast to one shape, for most rules (sites, seasons, years)."""

    names: tuple[str, ...]
    """The seasons."""
    site: Ints
    """Row in the table of sites."""
    season: Ints
    """Position in ``names``."""
    year: Ints
    """Year in which the interval begins, before it is cut: it tells apart the intervals of a site's season."""
    first: Days
    middle: Days
    last: Days
    choice: Ints | int = 0
    """0: searched first; 1: only where no interval of 0 has an image."""

    def table(self, sites: pd.DataFrame, years: tuple[int, int], *, rule: str, yearly: bool) -> pd.DataFrame:
        """The `INTERVALS` table, cut to the searched years; intervals wholly outside are left out.

        ``rule``: its name, for messages. ``yearly``: whether the rule places every season into every searched year; one
        that does not loses the seasons outside, and a warning counts them. site_id and season are categories: millions
        of rows share few texts. Raises `UserError` when every interval lies outside the years.
        """
        start, end = np.datetime64(f"{years[0]}-01-01", "D"), np.datetime64(f"{years[1]}-12-31", "D")
        fields = (self.site, self.season, self.year, self.first, self.middle, self.last, self.choice)
        site, season, year, first, middle, last, choice = np.broadcast_arrays(*fields)
        kept = (last >= start) & (first <= end)
        count = int(kept.sum())
        if kept.size and not count:
            raise UserError(
                f"season rule {rule!r}: all its days ({first.min()} to {last.max()}) lie outside scenes.years "
                f"{list(years)}",
                "mend scenes.years, or the days of the rule",
            )
        if not yearly and count < kept.size:
            outside = f"{kept.size - count} of {kept.size} windows lie outside scenes.years {list(years)}"
            _log.warning("season rule %s: %s", rule, outside)
        site = site[kept].astype(np.int32)
        days = {
            name: np.clip(day[kept].view(np.int64), start.astype(np.int64), end.astype(np.int64))
            for name, day in (("first", first), ("middle", middle), ("last", last))
        }
        lat = sites["lat"].to_numpy(dtype=np.float64)[site]
        dark = dark_days(lat, days["first"].view("datetime64[D]"), days["last"].view("datetime64[D]"))
        table = pd.DataFrame(
            {
                "site_id": _categories(sites["site_id"].to_numpy(dtype=object), site),
                "season": _categories(self.names, season[kept].astype(np.int8)),
                "year": _whole(year[kept]),
                # Far quicker than NumPy's own conversion between units.
                **{name: (day * _DAY_US).view("datetime64[us]") for name, day in days.items()},
                "choice": _whole(choice[kept]),
                "dark_days": _whole(dark),
            },
            copy=False,
        )
        return INTERVALS.check(table, "seasons")


def _categories(names: Sequence[str], codes: NDArray[np.integer]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=pd.Index(pd.array(names, dtype="string")))


def _whole(values: Ints) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values, np.zeros(len(values), dtype=bool))
