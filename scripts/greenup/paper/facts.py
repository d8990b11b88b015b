"""What the figures of a run show, as sentences for their captions; each from the numbers beside its figure."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from greenup.paper.fig3 import fig3_facts
from greenup.paper.maps import degrees
from greenup.paper.style import readable, season_order


def facts_of(name: str, data: pd.DataFrame) -> list[str]:
    """Sentences on the figure ``name`` from its numbers; none for a figure that is not known here or shows nothing."""
    return _FACTS[name](data) if name in _FACTS and len(data) else []


def _fig1(data: pd.DataFrame) -> list[str]:
    sentences = []
    for name, part in data.groupby("dataset", sort=False):
        first = part.loc[part["share"].idxmax()]
        cover = readable(str(first["land_cover"]))
        sentences.append(
            f"{name}: n = {part['sites'].sum():,} sites, most of them on {cover} ({100 * first['share']:.1f} %)."
        )
    return sentences


def _fig2(data: pd.DataFrame) -> list[str]:
    sentences = []
    for site, part in data.groupby("site_id", sort=False):
        seen = part[part["what"] == "observation"]
        images = part[part["what"] == "image"].set_index("season")
        dates = [f"{s} {pd.Timestamp(images.loc[s, 'time']):%Y-%m-%d}" for s in season_order(images.index)]
        curve = f"n = {int(seen['clear'].sum()):,} clear of {len(seen):,} observations; " if len(seen) else ""
        sentences.append(f"{_place(site, part)}: {curve}images: {', '.join(dates) or 'none'}.")
    return sentences


def _figA1(data: pd.DataFrame) -> list[str]:
    seen = data[data["what"] == "observation"]
    dates = data[data["what"] == "date"]
    named = ", ".join(f"{r['name']} {pd.Timestamp(r['time']):%-d %B}" for _, r in dates.iterrows())
    first, last = pd.to_datetime(seen["time"]).min(), pd.to_datetime(seen["time"]).max()
    n = f"n = {int(seen['clear'].sum())} clear of {len(seen)} observations from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return [f"{_place(data['site_id'].iloc[0], data)}: {n}.", f"Dates of the study there: {named}."]


def _figA2(data: pd.DataFrame) -> list[str]:
    sentences = []
    for task, part in data.groupby("task", sort=False):
        first = part[part["target"] == part["target"].iloc[0]]
        kind = part["kind"].iloc[0]
        images = first["images"].max() if kind == "regression" else first["images"].sum()
        more = {
            "classification": f" in {len(first)} classes",
            "regression": f", {part['target'].nunique()} targets shown",
        }.get(kind, "")
        simulated = ", labels simulated" if part["simulated"].any() else ""
        sentences.append(f"{task}: n = {int(images):,} images{more}{simulated}.")
    return sentences


def _coverage(data: pd.DataFrame) -> list[str]:
    return [f"Datasets: {', '.join(map(str, data['dataset'].dropna().unique()))}."]


def _cycles(data: pd.DataFrame) -> list[str]:
    years, sites = data["year"].dropna(), [str(s) for s in data["site_id"].unique()]
    among = f" of {int(years.min())} to {int(years.max())}" if len(years) else ""
    return [f"n = {len(sites)} sites and {len(years)} cycles{among}: {', '.join(sites)}."]


def _training(data: pd.DataFrame) -> list[str]:
    return [
        f"{name}: {part['step'].max():,} steps in {part['epoch'].nunique()} epochs."
        for name, part in data.groupby("model", sort=False)
    ]


def _quality(data: pd.DataFrame) -> list[str]:
    status = data[data["quantity"] == "status"]
    sentences = []
    for name, part in status.groupby("dataset", sort=False):
        there = int(part.loc[part["bin"] == "ok", "count"].sum())
        sentences.append(f"{name}: n = {there:,} images of {int(part['count'].sum()):,} sites × seasons.")
    return sentences


def _season_fit(data: pd.DataFrame) -> list[str]:
    shown = data[(data["measure"] == "inside") & (data["dates"] == "middle") & (data["by"] == "all")]
    sentences = []
    for name, part in shown.groupby("dataset", sort=False):
        shares = ", ".join(f"{readable(str(r['sampling']))} {100 * r['value']:.1f} %" for _, r in part.iterrows())
        sentences.append(f"{name}: n = {part['sites'].max():,} sites; dates inside their season: {shares}.")
    return sentences


def _place(site: object, part: pd.DataFrame) -> str:
    first = part.iloc[0]
    cover = "" if pd.isna(first["land_cover"]) else f", {readable(str(first['land_cover']))}"
    return f"{site} ({degrees(first['lat'], 'NS')}, {degrees(first['lon'], 'EW')}{cover})"


_FACTS: dict[str, Callable[[pd.DataFrame], list[str]]] = {
    "fig1": _fig1,
    "fig2": _fig2,
    "fig3": fig3_facts,
    "figA1": _figA1,
    "figA2": _figA2,
    "coverage": _coverage,
    "cycles": _cycles,
    "training": _training,
    "quality": _quality,
    "season_fit": _season_fit,
}
