"""Figure of the season fit: distance and hits by latitude, phases seen, and hits by biome; two rows of panels for each
dataset whose dates are the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greenup.paper.season_fit import BAND_DEGREES
from greenup.paper.season_fit_table import title_of
from greenup.paper.style import BLUE, CYCLE, GREEN, GREY, ORANGE, PURPLE, VERMILION, new_figure, panel_title, readable
from greenup.schemas import SEASONS

COLOURS: dict[str, str] = {
    "phenology": GREEN,
    "calendar": VERMILION,
    "calendar_as_published": ORANGE,
    "quarters": BLUE,
    "random": PURPLE,
}

LEAST_SITES = 5
"""Bands of latitude and biomes with fewer sites are not drawn; the CSV has them."""

LEAST_DRAWN = 30
"""Truths with fewer sites have no row of panels, unless all have: the table shows them."""

BIOMES = 8
"""Biomes shown, those with the most sites."""

PHASE_COLOURS: tuple[str, ...] = ("#C9D6EA", "#8FAAD3", "#4F74AE", "#1F3A68")
"""One to four phases: the more, the darker."""

_ROW, _HEAD = 4.55, 0.3


def draw_season_fit(summary: pd.DataFrame, truths: Mapping[str, Mapping[str, bool]]) -> Figure:
    """``summary``: rows of `SEASON_FIT_SUMMARY`; ``truths``: as `greenup.paper.season_fit_table.readable_fit` takes
    them. Lines are the middles of the windows, dots with their interval the images taken."""
    sites = summary[(summary["by"] == "all") & (summary["measure"] == "phases")].groupby("dataset")["sites"].max()
    drawn = {d: t for d, t in truths.items() if sites[d] >= LEAST_DRAWN} or dict(truths)
    summary = summary[summary["dataset"].isin(drawn)]
    height = _HEAD + _ROW * len(drawn)
    figure = new_figure(height)
    colours = colours_of(dict.fromkeys(summary["sampling"]))
    for i, (dataset, about) in enumerate(drawn.items()):
        of = summary[summary["dataset"] == dataset]
        top = height - _HEAD - i * _ROW

        def y(inches: float, top: float = top) -> float:
            return (top - inches) / height

        figure.text(0.01, y(0.16), title_of(dataset, about), fontsize=8.5, fontweight="bold", va="top")
        upper = figure.add_gridspec(1, 3, left=0.07, right=0.985, top=y(0.62), bottom=y(2.1), wspace=0.27)
        lower = figure.add_gridspec(1, 2, left=0.17, right=0.985, top=y(2.82), bottom=y(4.1), wspace=1.05)
        panels = [figure.add_subplot(g) for g in (*upper, *lower)]
        draw = (_middles_by_latitude, _inside_by_latitude, _by_season, _phases, _by_biome)
        for k, (axes, function, title) in enumerate(zip(panels, draw, _TITLES, strict=True)):
            function(axes, of, colours)
            panel_title(axes, "abcdefghijklmnopqrstuvwxyz"[len(draw) * i + k], title)
    shown = summary[(summary["measure"] == "inside") & (summary["dates"] != "any_day")]
    pairs = list(shown[["sampling", "dates"]].drop_duplicates().itertuples(index=False, name=None))
    lines = [figure.axes[0].plot([], [], color=colours[s], linestyle=_line(s, d))[0] for s, d in pairs]
    names = [_label(*pair) for pair in pairs]
    figure.legend(lines, names, loc="upper center", ncol=len(lines), bbox_to_anchor=(0.5, 1.0), columnspacing=1.4)
    return figure


_TITLES = (
    "days from mid-season",
    "inside their season",
    "inside, by season",
    "phases of the year seen at a site",
    "inside their season, by biome",
)


def colours_of(samplings: Mapping[str, None]) -> dict[str, str]:
    """A colour a sampling: that of the papers' rules by their names, others in the order of the style."""
    spare = iter(c for c in (*CYCLE, *[GREY] * len(samplings)) if c not in COLOURS.values())
    return {n: COLOURS.get(n) or next(spare) for n in samplings}


def _line(sampling: str, dates: str) -> str:
    """Images are dotted; the windows as published are dashed, for in the north they lie under the others."""
    return ":" if dates == "image" else "--" if sampling == "calendar_as_published" else "-"


def _order(sampling: str) -> float:
    return 1.9 if sampling == "calendar_as_published" else 2.0


def _label(sampling: str, dates: str) -> str:
    return f"{readable(sampling)}{', images' if dates == 'image' else ''}"


def _rows(of: pd.DataFrame, by: str, measure: str, dates: str) -> pd.DataFrame:
    chosen = (of["by"] == by) & (of["measure"] == measure) & (of["dates"] == dates) & (of["sites"] >= LEAST_SITES)
    return of[chosen]


def _middles_by_latitude(axes: Axes, of: pd.DataFrame, colours: Mapping[str, str]) -> None:
    _by_latitude(axes, of, "days_from_middle", 1.0, colours)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("days")


def _inside_by_latitude(axes: Axes, of: pd.DataFrame, colours: Mapping[str, str]) -> None:
    _by_latitude(axes, of, "inside", 100.0, colours)
    axes.set_ylim(0, 104)
    axes.set_ylabel("dates (%)")


def _by_latitude(axes: Axes, of: pd.DataFrame, measure: str, factor: float, colours: Mapping[str, str]) -> None:
    both = pd.concat([_rows(of, "latitude", measure, dates) for dates in ("middle", "image")])
    for (sampling, dates), rows in both.groupby(["sampling", "dates"], sort=False):
        south = rows["group"].astype(float)
        # A band without sites is a gap in the line.
        rows = rows.set_axis(south).reindex(np.arange(south.min(), south.max() + 1, BAND_DEGREES))
        x = rows.index.to_numpy() + BAND_DEGREES / 2
        low, high = (factor * rows[c].to_numpy(dtype=float) for c in ("low", "high"))
        axes.fill_between(x, low, high, color=colours[sampling], alpha=0.18, linewidth=0)
        look = {"color": colours[sampling], "linestyle": _line(sampling, dates), "marker": "o", "markersize": 2.4}
        value = factor * rows["value"].to_numpy(dtype=float)
        axes.plot(x, value, label=_label(sampling, dates), zorder=_order(sampling), **look)
    axes.set_xticks(range(-60, 91, 30), ["60° S", "30° S", "0°", "30° N", "60° N", "90° N"])
    axes.set_xlim(-62, 86)
    axes.set_xlabel(f"latitude (bands of {BAND_DEGREES}°)")
    axes.grid(axis="y", color="#E8E8E8", linewidth=0.5)


def _by_season(axes: Axes, of: pd.DataFrame, colours: Mapping[str, str]) -> None:
    rows = pd.concat([_rows(of, "all", f"inside_{s}", "middle").assign(season=i) for i, s in enumerate(SEASONS)])
    shown = list(dict.fromkeys(rows["sampling"]))
    for j, (sampling, part) in enumerate(rows.groupby("sampling", sort=False)):
        x = part["season"].to_numpy() + 0.6 * ((j + 0.5) / len(shown) - 0.5)
        low, high, value = (100 * part[c].to_numpy(dtype=float) for c in ("low", "high", "value"))
        axes.vlines(x, low, high, color=colours[sampling], linewidth=1.2)
        axes.plot(x, value, "o", markersize=3.6, color=colours[sampling], label=readable(sampling))
    axes.set_xticks(range(len(SEASONS)), SEASONS)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(SEASONS) - 0.5)
    axes.set_ylim(0, 104)
    axes.set_ylabel("dates (%)")
    axes.set_xlabel("season they stand for")
    axes.grid(axis="y", color="#E8E8E8", linewidth=0.5)


def _phases(axes: Axes, of: pd.DataFrame, colours: Mapping[str, str]) -> None:
    bars = of[(of["by"] == "all") & of["measure"].str.match(r"phases_[1-4]$") & (of["dates"] != "any_day")]
    table = bars.pivot_table(index=["sampling", "dates"], columns="measure", values="value")
    order = [k for k in bars[["sampling", "dates"]].drop_duplicates().itertuples(index=False, name=None)]
    labels = [_label(*key) for key in order]
    y = np.arange(len(order))[::-1]
    left = np.zeros(len(order))
    for k, colour in enumerate(PHASE_COLOURS, start=1):
        share = 100 * table.loc[order, f"phases_{k}"].to_numpy(dtype=float)
        axes.barh(y, share, left=left, height=0.72, color=colour, label=str(k))
        for at, start, width in zip(y, left, share, strict=True):
            if width >= 9:
                ink = "white" if k > 2 else "#222222"
                axes.text(start + width / 2, at, f"{width:.0f}", ha="center", va="center", fontsize=6.2, color=ink)
        left = left + share
    axes.set_yticks(y, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 100)
    axes.set_xlabel("sites (%)")
    axes.legend(title="phases", loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=0.9, title_fontsize=7)


def _by_biome(axes: Axes, of: pd.DataFrame, colours: Mapping[str, str]) -> None:
    rows = _rows(of, "biome", "inside", "middle")
    largest = rows.groupby("group")["sites"].max().sort_values(ascending=False).head(BIOMES)
    # As far as phenology and the others differ, the best fit of the calendar on top.
    others = rows[rows["group"].isin(largest.index) & (rows["sampling"] != "phenology")]
    order = others.groupby("group")["value"].mean().sort_values(ascending=False).index.tolist()
    y = {name: len(order) - 1 - i for i, name in enumerate(order)}
    for sampling, part in rows[rows["group"].isin(order)].groupby("sampling", sort=False):
        at = [y[g] for g in part["group"]]
        low, high = 100 * part["low"].to_numpy(dtype=float), 100 * part["high"].to_numpy(dtype=float)
        axes.hlines(at, low, high, color=colours[sampling], linewidth=0.9, zorder=_order(sampling))
        value = 100 * part["value"].to_numpy(dtype=float)
        axes.plot(value, at, "o", markersize=3.4, color=colours[sampling], zorder=_order(sampling))
    axes.set_yticks(range(len(order)), [f"{_short(n)} ({largest[n]:,})" for n in reversed(order)], fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, max(len(order), 1) - 0.4)
    axes.set_xlim(0, 104)
    axes.set_xlabel("dates (%); sites in brackets")
    axes.grid(axis="x", color="#E8E8E8", linewidth=0.5)


_SHORT = {
    "temperate_broadleaf_mixed_forest": "temperate broadleaf forest",
    "temperate_coniferous_forest": "temperate conifer forest",
    "tropical_moist_broadleaf_forest": "tropical moist forest",
    "tropical_dry_broadleaf_forest": "tropical dry forest",
    "tropical_grassland_savanna": "tropical grassland",
    "mediterranean_forest_woodland": "mediterranean forest",
    "desert_xeric_shrubland": "desert, xeric shrubland",
}


def _short(biome: str) -> str:
    return _SHORT.get(biome, readable(biome))
