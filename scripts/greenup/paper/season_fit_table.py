"""The table of the season fit: one row a sampling and kind of dates, for every dataset whose dates are the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.schemas import SEASONS

KINDS: dict[str, str] = {"middle": "middle of the window", "any_day": "any day of the window", "image": "images taken"}

HALFWAY_NOTE = (
    "MidGreenup and MidGreendown (EVI at half its amplitude) stand in for maturity and senescence: winter is exact, "
    "summer is the whole growing season"
)

_COLUMNS: tuple[tuple[str, str, float, str], ...] = (
    ("inside", "inside its season (%)", 100.0, ".1f"),
    ("days_outside", "days outside it", 1.0, ".1f"),
    ("days_from_middle", "days from its middle", 1.0, ".1f"),
    ("phases", "phases seen (of 4)", 1.0, ".2f"),
    ("greenness_range", "range of greenness", 1.0, ".2f"),
    ("index_range", "range of the index", 1.0, ".2f"),
)


def readable_fit(summary: pd.DataFrame, truths: Mapping[str, Mapping[str, bool]]) -> PlainTable:
    """Means over all sites with intervals. ``summary``: rows of `SEASON_FIT_SUMMARY`; ``truths``: dataset -> whether
    its dates are ``simulated``, and whether half of the amplitude stands in (``halfway``)."""
    groups = []
    for dataset, of in summary[summary["by"] == "all"].groupby("dataset", sort=False):
        number = of.set_index(["sampling", "dates", "measure"])
        rows = []
        for sampling, kind in of[["sampling", "dates"]].drop_duplicates().itertuples(index=False):
            seen = number.loc[(sampling, kind, "phases")]
            cells = (cell(number, (sampling, kind, m), factor, form) for m, _, factor, form in _COLUMNS)
            seasons = "  ".join(_percent(number, (sampling, kind, f"inside_{s}")) for s in SEASONS)
            rows.append((readable(sampling), KINDS[kind], f"{seen['sites']:,}", *cells, seasons))
        groups.append((title_of(dataset, truths[dataset]), tuple(rows)))
    columns = (
        "sampling",
        "dates",
        "sites",
        *(title for _, title, _, _ in _COLUMNS),
        "inside spring, summer, autumn, winter (%)",
    )
    return PlainTable(columns, tuple(groups), _legend(truths), numeric=tuple(range(2, len(columns))))


def title_of(dataset: str, about: Mapping[str, bool]) -> str:
    """A dataset and what its dates are."""
    parts = [readable(dataset), "simulated vegetation (miniature Earth)" if about["simulated"] else "real vegetation"]
    return ": ".join(parts) + ("; growing season by half of the amplitude" if about["halfway"] else "")


def cell(number: pd.DataFrame, key: tuple[str, str, str], factor: float, form: str) -> str:
    """A mean with its interval as printed; a dash where there is none."""
    if key not in number.index:
        return "–"
    row = number.loc[key]
    text = f"{factor * row['value']:{form}}"
    if np.isnan(row["low"]):
        return text
    return f"{text} [{factor * row['low']:{form}}, {factor * row['high']:{form}}]"


def _percent(number: pd.DataFrame, key: tuple[str, str, str]) -> str:
    return f"{100 * number.loc[key, 'value']:.0f}" if key in number.index else "–"


def _legend(truths: Mapping[str, Mapping[str, bool]]) -> str:
    simulated = "Simulated where a group says so. " if any(t["simulated"] for t in truths.values()) else ""
    halfway = f"{HALFWAY_NOTE}, where a group says so. " if any(t["halfway"] for t in truths.values()) else ""
    return (
        f"{simulated}{halfway}Sites with four dates of their own; means over sites, in brackets the 95 % bootstrap "
        "interval over sites. Season: the interval between two of a site's own dates, spring to winter; what phenology "
        "places lies inside by construction. Calendar names southern windows by the southern season; as published they "
        "keep the northern names. Quarters are called after their reference days; random dates stand for no season. "
        "Phases seen: how many of spring, summer, autumn and winter the dates of a site fall into. Range of greenness: "
        "largest less smallest among the dates, as share of the yearly amplitude, by a line through the thresholds "
        "that define the four dates. Range of the index: the same of the usual EVI or NDVI of that day of the year, "
        "over the few sites with a curve."
    )
