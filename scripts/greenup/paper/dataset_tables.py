"""The numbers beside the figures of a dataset's quality report, as tables for reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from greenup.bands import BANDS
from greenup.paper.dataset_figures import CLOUD_OF, channel_table
from greenup.paper.maps import degrees
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable, season_order
from greenup.patches.quality import (
    QUANTILES,
    Facts,
    causes,
    dates,
    images_a_site,
    invalid_counts,
    quantiles_by_season,
    status_by_season,
)

_STATUSES = ("ok", "cloudy", "no_scene", "no_season", "masked", "dropped")
_DASH = "–"


def tables_of(
    facts: Facts, strata: pd.DataFrame, statistics: Mapping[str, Any], sheet: pd.DataFrame
) -> dict[str, list[PlainTable]]:
    """The tables of each figure by its name. ``sheet``: numbers of the contact sheet; ``strata``: as drawn."""
    return {
        "map": [_strata(strata)],
        "images": [_images_a_site(facts), _status(facts), *_causes(facts)],
        "cloud": [_cloud(facts), _invalid(facts)],
        "offset": [_offset(facts)],
        "dates": _dates(facts),
        "contact_sheet": [_sheet(sheet)],
        "values": [_centres(facts), _channels(statistics)],
    }


def _percent(share: float) -> str:
    if np.isnan(share):
        return _DASH
    return "0" if share == 0 else "<0.1" if share < 0.0005 else f"{100 * share:.1f}"


def _number(value: float, form: str) -> str:
    return _DASH if pd.isna(value) else format(value, form)


def _strata(strata: pd.DataFrame) -> PlainTable:
    groups = []
    for kind, mine in strata.groupby("kind", sort=False):
        rows = [
            (readable(s), _percent(land), f"{n:,}", f"{there:,}", _percent(share))
            for _, s, land, n, there, share in mine[
                ["kind", "stratum", "area_share", "sites", "with_images", "image_share"]
            ].itertuples(index=False)
        ]
        groups.append((readable(str(kind)), tuple(rows)))
    columns = ("stratum", "land (%)", "sites drawn", "with images", "of those (%)")
    return PlainTable(columns, tuple(groups), numeric=(1, 2, 3, 4))


def _images_a_site(facts: Facts) -> PlainTable:
    rows = [(str(n), f"{sites:,}", _percent(share)) for n, sites, share in images_a_site(facts).itertuples(index=False)]
    return PlainTable(("images of a site", "sites", "%"), (("", tuple(rows)),), numeric=(1, 2))


def _status(facts: Facts) -> PlainTable:
    found = status_by_season(facts)
    wide = found.pivot_table(index="season", columns="status", values="count", aggfunc="sum", fill_value=0)
    names = [*(s for s in _STATUSES if s in wide), *sorted(set(wide.columns) - set(_STATUSES))]
    wide = wide.loc[season_order(wide.index), names]
    rows = [(readable(str(s)), *(f"{int(v):,}" for v in r), f"{int(r.sum()):,}") for s, r in wide.iterrows()]
    rows.append(("all", *(f"{int(v):,}" for v in wide.sum()), f"{int(wide.to_numpy().sum()):,}"))
    columns = ("season", *map(readable, names), "all")
    return PlainTable(columns, (("", tuple(rows)),), numeric=tuple(range(1, len(columns))))


def _causes(facts: Facts) -> list[PlainTable]:
    why = causes(facts)
    if why.empty:
        return []
    rows = [(readable(s) or _DASH, cause, f"{count:,}") for s, cause, count in why.itertuples(index=False)]
    return [PlainTable(("status", "cause, as the ledgers say", "count"), (("", tuple(rows)),), numeric=(2,))]


def _cloud(facts: Facts) -> PlainTable:
    images = facts.images
    of = images["cloud_of"].astype(object).fillna("scene").where(images["cloud"].notna(), "unknown")
    rows = []
    for name, values in images["cloud"].groupby(of):
        known = values.dropna().to_numpy(float)
        q = np.quantile(known, QUANTILES) if len(known) else np.full(3, np.nan)
        mean = known.mean() if len(known) else np.nan
        words = CLOUD_OF[name][0] if name in CLOUD_OF else str(name)
        rows.append((words, f"{len(values):,}", *(_number(v, ".1f") for v in (mean, *q))))
    columns = ("cloud cover (%)", "images", "mean", "5 %", "median", "95 %")
    return PlainTable(columns, (("", tuple(rows)),), numeric=(1, 2, 3, 4, 5))


def _invalid(facts: Facts) -> PlainTable:
    rows = [
        ("none" if not high else f"{low:g} to {high:g}", f"{count:,}", _percent(share))
        for low, high, count, share in invalid_counts(facts).itertuples(index=False)
    ]
    valid = facts.images["valid_fraction"].to_numpy(float)
    legend = f"Of all pixels of all images, {100 * (1 - valid.mean()):.3g} % are without data."
    return PlainTable(("pixels without data (%)", "images", "%"), (("", tuple(rows)),), legend, (1, 2))


def _offset(facts: Facts) -> PlainTable:
    table = quantiles_by_season(facts, "days_from_middle").set_index("season")
    rows = [
        (readable(s), f"{int(r['images']):,}", f"{int(r['unknown']):,}",
         *(_number(r[c], "+.1f") for c in ("p05", "median", "p95")))
        for s, r in table.loc[season_order(table.index)].iterrows()
    ]  # fmt: skip
    columns = ("days from mid-season", "images", "not known", "5 %", "median", "95 %")
    return PlainTable(columns, (("", tuple(rows)),), numeric=(1, 2, 3, 4, 5))


def _dates(facts: Facts) -> list[PlainTable]:
    table = dates(facts)
    months = np.arange(1, 13)

    def counted(one: pd.DataFrame) -> tuple[str, ...]:
        by_month = one.groupby("month")["count"].sum().reindex(months, fill_value=0)
        return *(f"{n:,}" for n in by_month), f"{by_month.sum():,}"

    years = [(str(year), *counted(one)) for year, one in table.groupby("year")]
    groups = []
    for hemisphere, there in table.groupby("hemisphere"):
        seasons = season_order(there["season"])
        rows = tuple((readable(s), *counted(there[there["season"] == s])) for s in seasons)
        groups.append((f"{hemisphere}ern hemisphere", rows))
    names = (*("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), "all")
    numeric = tuple(range(1, 14))
    return [
        PlainTable(("year", *names), (("", tuple(years)),), numeric=numeric),
        PlainTable(("season", *names), tuple(groups), numeric=numeric),
    ]


def _sheet(sheet: pd.DataFrame) -> PlainTable:
    rows = []
    for r in sheet.to_dict("records"):
        there = r["status"] == "ok"
        place = f"{degrees(r['lat'], 'NS', 0.01)}, {degrees(r['lon'], 'EW', 0.01)}"
        date = f"{r['time']:%Y-%m-%d}" if there else readable(str(r["status"]))
        scene = _DASH if pd.isna(r["scene_id"]) else str(r["scene_id"])
        cloud = _number(r["cloud"], ".1f")
        rows.append((str(r["site_id"]), readable(str(r["season"])), date, cloud, place, scene))
    columns = ("site", "season", "date", "cloud (%)", "place", "scene")
    return PlainTable(columns, (("", tuple(rows)),), numeric=(3,))


def _centres(facts: Facts) -> PlainTable:
    distance = np.hypot(facts.images["east_m"].to_numpy(float), facts.images["north_m"].to_numpy(float))
    values = (distance.mean(), *np.quantile(distance, [*QUANTILES, 1.0]))
    columns = ("from site to centre (m)", "mean", "5 %", "median", "95 %", "farthest")
    row = ("all images", *(f"{v:.1f}" for v in values))
    return PlainTable(columns, (("", (row,)),), numeric=(1, 2, 3, 4, 5))


def _channels(statistics: Mapping[str, Any]) -> PlainTable:
    groups = []
    for kind, mine in channel_table(statistics).groupby("kind", sort=False):
        form = ".2f" if kind == "backscatter" else ".4f"
        rows = [
            (r["channel"], f"{BANDS[r['channel']].native_m}", *(format(r[c], form) for c in _VALUES))
            for r in mine.to_dict("records")
        ]
        groups.append((f"{kind} (dB)" if kind == "backscatter" else str(kind), tuple(rows)))
    columns = ("channel", "native m", "mean", "std", "2 %", "median", "98 %")
    legend = "Of valid pixels at native resolution, from statistics.json."
    return PlainTable(columns, tuple(groups), legend, tuple(range(1, len(columns))))


_VALUES = ("mean", "std", "p02", "p50", "p98")
