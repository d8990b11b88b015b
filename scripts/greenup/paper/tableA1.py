"""Table A-1: the four dates, their definitions, and when they fall in the study's datasets (SSL4Eco, Table A-1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.phenology.doy import YEAR, difference, wrap
from greenup.schemas import PHENOLOGY

DATES: dict[str, str] = {
    c.name: c.doc.partition(": ")[2]
    for c in PHENOLOGY.columns
    if c.name in ("greenup", "maturity", "senescence", "dormancy")
}
"""The four dates and the crossing of the vegetation curve that each is (MCD12Q2 v6.1 user guide, table 1)."""

COLUMNS = (*("dataset", "hemisphere", "item", "sites", "median", "q25", "q75", "concentration", "simulated"),)
"""Columns of the numbers. ``item``: a date (days of year, of observed sites), or observed, filled, none, or a cause."""

_ORIGINS = {"observed": "dates of their own", "filled": "dates of a neighbour", "none": "no dates"}


def circular_quartiles(doy: ArrayLike) -> tuple[float, float, float, float]:
    """Median, quartiles and concentration of days of year (n values, NaN left out) on the circle of the year.

    The median is the day of least mean circular distance; the quartiles are those of the days before and after it,
    taken the shorter way. Concentration is the length of the mean vector: 1 when all fall on one day, 0 when they are
    spread evenly over the year, and then median and quartiles mean little. All NaN without a value.
    """
    days = np.asarray(doy, dtype=np.float64)
    days = days[np.isfinite(days)]
    if days.size == 0:
        return (np.nan,) * 4
    # The best whole day first, from a histogram: hundreds of thousands of sites need no pairwise distances.
    whole, counts = np.unique(np.floor(wrap(days) + 0.5), return_counts=True)
    cost = np.abs(difference(whole[:, None], whole[None, :])) @ counts
    centre = float(whole[cost.argmin()])
    # Half of the values lie on either side of a circular median: unrolled around it, it is the ordinary one.
    centre += float(np.median(difference(days, centre)))
    low, high = centre + np.quantile(difference(days, centre), [0.25, 0.75])
    angle = 2 * np.pi * days / YEAR
    median, low, high = (float(wrap(v)) for v in (centre, low, high))
    return median, low, high, float(np.hypot(np.cos(angle).mean(), np.sin(angle).mean()))


def count_dates(phenology: Mapping[str, pd.DataFrame], sites: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """When the four dates fall, and where they come from, by dataset and hemisphere: columns `COLUMNS`.

    ``phenology`` and ``sites``: dataset -> table as in `greenup.schemas`, with ``attrs["simulated"]`` of the former.
    The days of year are those of sites observed themselves: filled ones would count their donors twice. Hemispheres
    without sites are left out.
    """
    rows = []
    for name, dates in phenology.items():
        lat = dates["site_id"].map(sites[name].set_index("site_id")["lat"]).to_numpy(float)
        for hemisphere, here in (("north", lat >= 0), ("south", lat < 0)):
            if here.any():
                about = {"dataset": name, "hemisphere": hemisphere}
                found = _count(dates[here]).assign(**about, simulated=bool(dates.attrs.get("simulated", False)))
                rows.append(found)
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def _count(dates: pd.DataFrame) -> pd.DataFrame:
    own = dates[dates["origin"] == "observed"]
    rows = []
    for date in DATES:
        median, low, high, concentration = circular_quartiles(own[date].to_numpy(float))
        rows.append((date, int(own[date].notna().sum()), median, low, high, concentration))
    rows += [(o, int((dates["origin"] == o).sum()), *[np.nan] * 4) for o in _ORIGINS]
    causes = dates["cause"].dropna().value_counts()
    rows += [(f"cause: {c}", int(causes[c]), *[np.nan] * 4) for c in sorted(causes.index)]
    return pd.DataFrame(rows, columns=["item", "sites", "median", "q25", "q75", "concentration"])


def readable_table(table: pd.DataFrame, published: pd.DataFrame | None = None) -> PlainTable:
    """Table A-1 for readers: a column a dataset and hemisphere; last, what is printed in the paper.

    ``published``: as `greenup.paper.published.read_dates` returns it.
    """
    keys = list(dict.fromkeys(table[["dataset", "hemisphere"]].itertuples(index=False, name=None)))
    cells = table.set_index(["dataset", "hemisphere", "item"])
    causes = sorted({i for i in table["item"] if i.startswith("cause: ")})

    def count(key: tuple[str, str], item: str) -> str:
        return f"{int(cells.loc[(*key, item), 'sites']):,}" if (*key, item) in cells.index else "0"

    dates = [(d.capitalize(), crossing, *(_when(cells.loc[(*k, d)]) for k in keys)) for d, crossing in DATES.items()]
    origins = [(title, "", *(count(k, o) for k in keys)) for o, title in _ORIGINS.items()]
    why = [(readable(c.removeprefix("cause: ")), "", *(count(k, c) for k in keys)) for c in causes]
    groups = [("", tuple(dates)), ("sites with", tuple(origins))]
    if why:
        groups.append(("sites without dates of their own, by cause", tuple(why)))
    if published is not None:
        texts = zip(published["name"], published["evi_crossing"], strict=True)
        printed = tuple((name, crossing, *["–"] * len(keys)) for name, crossing in texts)
        groups.append((f"as published: {published['source'].iloc[0]}", printed))
    legend = (
        "Circular median (quartiles) of the days of year of sites with dates of their own; EVI: enhanced vegetation "
        "index. A star marks dates spread so widely over the year (mean vector below 0.5) that a median says little."
    )
    simulated = "Simulated dates (miniature Earth). " if table["simulated"].any() else ""
    heads = [f"{name}, {hemisphere}" for name, hemisphere in keys]
    return PlainTable(("date", "crossing", *heads), tuple(groups), simulated + legend, tuple(range(2, 2 + len(heads))))


def _when(cell: pd.Series) -> str:
    if np.isnan(cell["median"]):
        return "–"
    median, low, high = (_date(cell[c]) for c in ("median", "q25", "q75"))
    return f"{median} ({low} – {high})" + ("*" if cell["concentration"] < 0.5 else "")


def _date(doy: float) -> str:
    """A day of year as day and month of a common year."""
    day = pd.Timestamp(2001, 1, 1) + pd.Timedelta(days=min(round(doy), 365) - 1)
    return f"{day.day} {day:%b}"
