"""Dates of many sites from their vegetation-index series."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from greenup.phenology.fill import DATES
from greenup.phenology.series import find_cycles

_log = logging.getLogger(__name__)


class Extracted(NamedTuple):
    """``yearly``: a row a cycle, columns site_id, year and the four dates in days since 1970-01-01, sorted by site and
    year. ``causes``: site_id -> no_data or no_cycle, for the sites of the curves without any date."""

    yearly: pd.DataFrame
    causes: pd.Series


def dates_of_curves(
    curves: pd.DataFrame, *, index: Literal["evi", "ndvi"], min_observations: int, min_amplitude: float
) -> Extracted:
    """Greenup, maturity, senescence and dormancy of every cycle found in a `CURVES` table.

    ``index``: what its column ``evi`` holds. ``min_observations``: clear or snow observations a year below which no
    date is given. ``min_amplitude``: smallest rise and fall, in units of the index. Observations that are neither clear
    nor under snow are left out. A site of the curves has either rows in ``yearly`` or an entry in ``causes``; sites are
    independent of one another, so that a table may be cut by site and the parts put together. For what the dates mean,
    see `greenup.phenology.series`.
    """
    clear, snow = curves["clear"].to_numpy(dtype=bool), curves["snow"].to_numpy(dtype=bool)
    # Nanoseconds since 1970 would lose nothing, but days are what dates are counted in.
    days = (curves["time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy() / 86_400.0
    values = curves["evi"].to_numpy(dtype=np.float64, na_value=np.nan)
    codes, names = pd.factorize(curves["site_id"])
    used = np.flatnonzero(clear | snow)
    used = used[np.argsort(codes[used], kind="stable")]
    ends = np.searchsorted(codes[used], np.arange(len(names) + 1))
    rows, causes = [], {}
    for i, site_id in enumerate(names):
        part = used[ends[i] : ends[i + 1]]
        found = find_cycles(
            days[part], values[part], snow[part], min_observations=min_observations, min_amplitude=min_amplitude
        )
        if found.cause is not None:
            causes[site_id] = found.cause
        rows += [(site_id, c.year, c.greenup, c.maturity, c.senescence, c.dormancy) for c in found.cycles]
    yearly = pd.DataFrame(rows, columns=["site_id", "year", *DATES])
    yearly = yearly.astype({"year": "int64", **dict.fromkeys(DATES, "float64")})
    yearly = yearly.sort_values(["site_id", "year"], ignore_index=True, kind="stable")
    counts = pd.Series(causes, dtype=object).value_counts()
    told = ", ".join(f"{n} {cause}" for cause, n in counts.items()) or "none without"
    _log.info("%s series: %d cycles at %d of %d sites (%s)", index.upper(), len(rows), len(names) - len(causes),
              len(names), told)  # fmt: skip
    return Extracted(yearly, pd.Series(causes, name="cause", dtype=object).rename_axis("site_id"))
