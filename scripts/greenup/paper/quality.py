"""Data quality: what became of every site and season, how cloudy, how far from mid-season, and in which month."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from greenup.errors import UserError
from greenup.files import read_columns
from greenup.paper.style import (
    BLUE,
    CYCLE,
    FAINT,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    panel_title,
    readable,
    season_colours,
    season_order,
)
from greenup.patches.quality import hemispheres
from greenup.schemas import LEDGER, SCENES, SITES

STATUSES: dict[str, str] = {
    "ok": BLUE,
    "cloudy": SKY,
    "no_scene": ORANGE,
    "no_season": FAINT,
    "masked": PURPLE,
    "dropped": VERMILION,
}
"""What the ledger says of a site x season, from good to lost, and its colour."""

CLOUD_BINS = np.arange(0.0, 101.0, 2.0)
"""Edges of the cloud histogram (percent)."""

OFFSET_BINS = np.arange(-185.0, 186.0, 10.0)
"""Edges of the histogram of days from mid-season; further days count in the outer bins."""


def read_quality(
    names: Sequence[str],
    ledgers: Sequence[str | Path],
    scenes: Sequence[str | Path],
    sites: Sequence[str | Path],
) -> pd.DataFrame:
    """Counts for the quality figure, from the ledgers, scene tables and sites of several datasets.

    A file belongs to the dataset whose folder it lies in (``patches/<dataset>/<shard>.ledger.parquet``,
    ``scenes/<dataset>/<shard>.parquet``) or whose name it has (``sites/<dataset>.parquet``). Returns one row a count:
    quantity (status, cloud, days_from_middle, month), dataset, season, hemisphere (north or south, of months), bin
    (status name, lower edge of the bin, or month number as text), count. ``attrs["simulated"]`` tells whether any
    ledger holds simulated images. Cloud and month are of images in the dataset, days from mid-season of all scenes
    chosen. Raises `UserError` for a dataset without a ledger or sites.
    """
    places = {Path(p).stem: p for p in sites}
    parts, simulated = [], False
    for name in names:
        mine = [p for p in ledgers if Path(p).parent.name == name]
        if not mine:
            raise UserError(f"no ledger of dataset {name!r} among {len(ledgers)} files", "export its patches first")
        if name not in places:
            raise UserError(f"no sites of dataset {name!r} among {len(sites)} files", "draw its sites first")
        ledger = read_columns(mine, LEDGER, ["site_id", "season", "status", "time", "cloud"])
        simulated |= ledger.attrs["simulated"]
        latitude = read_columns([places[name]], SITES, ["site_id", "lat"]).set_index("site_id")["lat"]
        ledger["lat"] = ledger["site_id"].map(latitude)
        chosen = [p for p in scenes if Path(p).parent.name == name]
        nothing = pd.DataFrame(columns=["season", "days_from_middle"])
        offsets = read_columns(chosen, SCENES, ["season", "days_from_middle"]) if chosen else nothing
        parts += [part.assign(dataset=name) for part in _counts(ledger, offsets)]
    columns = ["quantity", "dataset", "season", "hemisphere", "bin", "count"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    table.attrs["simulated"] = simulated
    return table


def _counts(ledger: pd.DataFrame, scenes: pd.DataFrame) -> list[pd.DataFrame]:
    ledger = ledger.astype({"season": str, "status": str})
    status = ledger.groupby(["season", "status"]).size().reset_index(name="count").rename(columns={"status": "bin"})
    there = ledger[ledger["status"] == "ok"]
    hemisphere = hemispheres(there["lat"])
    month = there["time"].dt.month.astype(str)
    months = pd.DataFrame({"season": there["season"], "hemisphere": hemisphere, "bin": month})
    months = months.groupby(["season", "hemisphere", "bin"]).size().reset_index(name="count")
    return [
        status.assign(quantity="status"),
        _binned(there, "cloud", CLOUD_BINS).assign(quantity="cloud"),
        _binned(scenes, "days_from_middle", OFFSET_BINS).assign(quantity="days_from_middle"),
        months.assign(quantity="month"),
    ]


def _binned(table: pd.DataFrame, column: str, edges: np.ndarray) -> pd.DataFrame:
    """Non-empty bins of a column by season; values outside the edges fall into the outer bins."""
    known = table[table[column].notna()]
    which = np.clip(np.searchsorted(edges, known[column].to_numpy(float), side="right") - 1, 0, len(edges) - 2)
    frame = pd.DataFrame({"season": known["season"].astype(str).to_numpy(), "edge": edges[which]})
    out = frame.groupby(["season", "edge"]).size().reset_index(name="count")
    return out.assign(bin=[f"{e:g}" for e in out["edge"]]).drop(columns="edge")


def draw_quality(table: pd.DataFrame) -> Figure:
    """Status bars, cloud and offset histograms above, months of acquisition of each dataset below."""
    names = list(dict.fromkeys(table["dataset"]))
    heights = [0.32 + 0.24 * len(names), 1.25, *[0.85] * len(names)]
    gap, top, bottom = 0.62, 0.3, 0.65
    height = sum(heights) + gap * (len(heights) - 1) + top + bottom
    figure = new_figure(height)
    grid = figure.add_gridspec(
        len(heights), 2, height_ratios=heights, left=0.15, right=0.985, top=1 - top / height, bottom=bottom / height,
        hspace=gap * len(heights) / sum(heights), wspace=0.17,
    )  # fmt: skip
    axes = figure.add_subplot(grid[0, :])
    draw_status(axes, table[table["quantity"] == "status"], names)
    panel_title(axes, "a", "what became of every site and season")
    for letter, column, quantity, edges, label in (
        ("b", 0, "cloud", CLOUD_BINS, "cloud cover (%)"),
        ("c", 1, "days_from_middle", OFFSET_BINS, "days from the middle of the season"),
    ):
        axes = figure.add_subplot(grid[1, column])
        _draw_histogram(axes, table[table["quantity"] == quantity], names, edges)
        axes.set_xlabel(label)
        panel_title(axes, letter, {"b": "cloud of the images", "c": "distance from mid-season"}[letter])
    months = table[table["quantity"] == "month"]
    for i, name in enumerate(names):
        mine = months[months["dataset"] == name]
        seasons = season_order(mine["season"])
        for j, hemisphere in enumerate(("north", "south")):
            axes = figure.add_subplot(grid[2 + i, j])
            draw_months(axes, mine[mine["hemisphere"] == hemisphere], seasons)
            letter = chr(ord("d") + i) if j == 0 else ""
            panel_title(axes, letter, f"{name}, {hemisphere}")
            if i == len(names) - 1:
                axes.set_xlabel("month of acquisition")
    season_legend(figure, season_order(months["season"]), height)
    return figure


def draw_status(axes: Axes, table: pd.DataFrame, names: list[str], *, by: str = "dataset") -> None:
    """A bar a dataset or season (column ``by``), shared out over the statuses (column bin) of its sites x seasons."""
    wide = table.pivot_table(index=by, columns="bin", values="count", aggfunc="sum", fill_value=0).reindex(names)
    known = [s for s in STATUSES if s in wide.columns] + sorted(set(wide.columns) - set(STATUSES))
    total = wide.sum(axis=1)
    y = np.arange(len(names))[::-1]
    left = np.zeros(len(names))
    for status in known:
        share = (wide[status] / total * 100).to_numpy()
        colour = STATUSES.get(status, GREY)
        edge = {"edgecolor": "white", "linewidth": 0.4}
        axes.barh(y, share, left=left, height=0.68, color=colour, label=readable(status), **edge)
        for yi, start, part, count in zip(y, left, share, wide[status], strict=True):
            if part > 6:
                ink = "white" if status in ("ok", "dropped") else "#222222"
                axes.text(start + part / 2, yi, f"{count:,}", ha="center", va="center", fontsize=6.5, color=ink)
        left += share
    axes.set_yticks(y, [f"{n}\n(n = {total[n]:,})" for n in names], fontsize=6.5)
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_xlabel("share of sites × seasons (%)", labelpad=1)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=len(known), columnspacing=1.0, borderaxespad=0.2)


def _draw_histogram(axes: Axes, table: pd.DataFrame, names: list[str], edges: np.ndarray) -> None:
    """A step line a dataset, in percent of its images; the axis ends where the data end."""
    if table.empty:
        axes.text(0.5, 0.5, "no images", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    for i, name in enumerate(names):
        mine = table[table["dataset"] == name]
        if mine.empty:
            continue
        counts = mine.groupby(mine["bin"].astype(float))["count"].sum().reindex(edges[:-1]).fillna(0).to_numpy()
        axes.stairs(counts / counts.sum() * 100, edges, color=CYCLE[i % len(CYCLE)], linewidth=1.2, label=name)
    used = np.sort(table["bin"].astype(float).unique())
    step = edges[1] - edges[0]
    axes.set_xlim(max(edges[0], used[0] - step), min(edges[-1], used[-1] + 2 * step))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share (%)")
    axes.legend(loc="best", handlelength=1.0)


def draw_months(axes: Axes, table: pd.DataFrame, seasons: list[str]) -> None:
    """Images a month, stacked by season."""
    colours, base, month = season_colours(seasons), np.zeros(12), np.arange(1, 13)
    for season in seasons:
        mine = table[table["season"] == season]
        counts = mine.groupby(mine["bin"].astype(int))["count"].sum().reindex(month).fillna(0).to_numpy()
        axes.bar(month, counts, bottom=base, width=0.82, color=colours[season])
        base += counts
    axes.set_xticks(month, list("JFMAMJJASOND"))
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(0.4, 12.6)
    axes.set_ylabel("images")
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
    axes.set_ylim(0, 1.08 * max(base.max(), 1))
    if not base.any():
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no images", transform=axes.transAxes, ha="center", va="center", color=GREY)


def season_legend(figure: Figure, seasons: list[str], height: float) -> None:
    """Colours of the seasons at the foot of a figure of so many inches."""
    colours = season_colours(seasons)
    handles = [Patch(facecolor=colours[s], label=readable(s)) for s in seasons]
    if handles:
        figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.55, 0.02 / height), ncols=len(handles))
