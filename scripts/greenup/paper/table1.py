"""Table 1: the study's datasets as drawn, beside datasets as published (SSL4Eco, Table 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from greenup.config.label_tables import table_named
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
from greenup.config.sites import (
    CitySites,
    EcoregionSites,
    GridSites,
    PointSites,
    PublishedSites,
    Sites,
    TableSites,
    UniformSites,
)
from greenup.errors import UserError
from greenup.paper.maps import degrees
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable

OWN = "this study"
"""Source of what is counted here; all other sources are printed ones."""

COLUMNS = ("dataset", "locations", "published_locations", "distribution", "seasons", "images", "ecoregions", "source")
"""Columns of the numbers: locations, images a site and ecoregions are counted, the rest is text."""

_ALLOCATIONS = {"equal": "as many in each", "proportional": "by area", "square_root": "by square root of area"}
_PUBLISHED = ("dataset", "locations", "distribution", "seasons", "source")


def read_published(path: str | Path) -> pd.DataFrame:
    """Published datasets: text columns dataset, locations (as printed, e.g. 250k), distribution, seasons, source.

    Raises `UserError` when the file cannot be read or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype="string", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "restore the file of published datasets") from error
    if missing := [c for c in _PUBLISHED if c not in table]:
        raise UserError(f"{path}: column {missing[0]!r} is missing", f"the columns are {', '.join(_PUBLISHED)}")
    return table[list(_PUBLISHED)]


def count_datasets(
    tables: Mapping[str, pd.DataFrame],
    rules: Mapping[str, tuple[Sites, Seasons | None]],
    published: pd.DataFrame,
) -> pd.DataFrame:
    """The datasets of the study, then those published: columns `COLUMNS`.

    ``tables``: dataset -> `sites` table; ``rules``: dataset -> its sampler and season rule; ``published``: from
    `read_published`. A dataset of the study has the published locations of its namesake (``ssl4eo_s12`` is SSL4EO-S12).
    """
    printed = {_plain(r.dataset): r.locations for r in published.itertuples()}
    rows = []
    for name, table in tables.items():
        sites, seasons = rules[name]
        rows.append(
            {
                "dataset": name,
                "locations": len(table),
                "published_locations": printed.get(_plain(name), ""),
                "distribution": distribution(sites),
                "seasons": season_rule(seasons),
                "images": images_a_site(seasons),
                "ecoregions": table["ecoregion"].nunique() or None,
                "source": OWN,
            }
        )
    others = published.rename(columns={"locations": "published_locations"})
    table = pd.concat([pd.DataFrame(rows, columns=list(COLUMNS)), others], ignore_index=True)[list(COLUMNS)]
    return table.astype({"locations": "Int64", "images": "Int64", "ecoregions": "Int64"})


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def distribution(sites: Sites) -> str:
    """Where a sampler puts its sites, in a few words."""
    match sites:
        case GridSites():
            drawn = "" if sites.limit is None else ", part of it"
            text = f"grid of {sites.spacing_km:g} km on land{drawn}"
        case CitySites():
            text = f"around the {sites.cities:,} largest cities"
        case UniformSites():
            text = "uniform on land"
        case EcoregionSites():
            text = f"over {sites.strata}s, {_ALLOCATIONS[sites.allocation]}"
        case PointSites():
            text = "own points"
        case TableSites():
            text = f"points of {table_named(sites.table).title}"
        case PublishedSites():
            text = "as published"
    return f"{text}; {_region(sites.region)}" if sites.region is not None else text


def _region(region: object) -> str:
    if isinstance(region, str | Path):
        return f"inside {Path(region).name}"
    west, south, east, north = region
    rows = f"{degrees(south, 'NS', 1)} to {degrees(north, 'NS', 1)}"
    if east - west >= 360:
        return rows
    return f"{rows}, {degrees(west, 'EW', 1)} to {degrees(east, 'EW', 1)}"


def season_rule(seasons: Seasons | None) -> str:
    """How a rule places its seasons, in a few words."""
    match seasons:
        case None:
            return ""
        case EviSeasons():
            return "EVI-based"
        case CalendarSeasons():
            return f"calendar, ± {seasons.days} days"
        case QuarterSeasons():
            return f"quarters of a year, random phase, ± {seasons.days} days"
        case RandomSeasons():
            return f"every {seasons.spacing_days} days, random phase, ± {seasons.days} days"
        case WindowSeasons():
            return f"{readable(seasons.name)}, ± {seasons.days} days"
        case CustomSeasons():
            return "own windows"
        case PublishedSeasons():
            return "as published"


def images_a_site(seasons: Seasons | None) -> int | None:
    """Dates that a rule looks for at a site; None where it has none, or they stand in the user's table."""
    match seasons:
        case EviSeasons() | CalendarSeasons() | QuarterSeasons():
            return 4
        case RandomSeasons():
            return seasons.count
        case WindowSeasons():
            return 1
        case CustomSeasons(windows=windows) if windows:
            return len(windows)
    return None


def readable_table(table: pd.DataFrame) -> PlainTable:
    """Table 1 for readers: the study's own datasets, then each source of published ones."""
    groups = []
    for source, rows in table.groupby("source", sort=False):
        groups.append(
            (source if source == OWN else f"as published: {source}", tuple(_row(r) for r in rows.itertuples()))
        )
    return PlainTable(
        ("dataset", "locations", "published", "distribution", "seasons", "images a site", "ecoregions"),
        tuple(groups),
        "Locations and ecoregions: counted in this study's files; published: as printed, not measured here. Images a "
        "site: dates that the season rule looks for.",
        numeric=(1, 2, 5, 6),
    )


def _row(row: object) -> tuple[str, ...]:
    def number(value: object) -> str:
        return "–" if pd.isna(value) else f"{int(value):,}"

    return (
        *(row.dataset, number(row.locations), row.published_locations or "–", row.distribution, row.seasons or "–"),
        *(number(row.images), number(row.ecoregions)),
    )
