"""Coverage figure: how evenly samplings cover biomes, realms and mountains, and how many ecoregions they reach."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from greenup.errors import UserError
from greenup.paper.style import CYCLE, FAINT, GREY, INK, WIDTH, new_figure, note_below, panel_title, readable
from greenup.sites.coverage import UNKNOWN

ROWS: tuple[str, ...] = ("biome", "realm", "mountain")
"""Kinds of strata shown row by row; ecoregions are too many and are counted instead."""

LEAST_SHARE = 5e-4
"""Strata with less of the land than this are left out of the rows: their cells are too few to be measured by."""

APPROXIMATED = "biomes, realms and ecoregions (realm × biome) approximated from climate, land cover and coordinates"

_FULL = 8.0  # ratio at which the colour is full: eight times too many, or an eighth
_ROW, _GAP = 0.165, 0.07  # inches: a row, the space between two kinds
_LABELS, _SHARE = 2.05, 0.75  # inches: names of strata, bars of their area
_CURVES = 1.9  # inches: height of the lower panel
_POINTS = 80


def draw_coverage(tables: Mapping[str, pd.DataFrame], *, approximated: bool = False) -> tuple[Figure, pd.DataFrame]:
    """Share of sites against share of area of each stratum and sampling, and ecoregions reached against sites drawn.

    ``tables``: dataset name -> `COVERAGE` table. Returns the figure and its numbers: panel (a, b), dataset, kind,
    stratum (panel a), sites, area_share, site_share, ratio (panel a), reached (panel b: expected share of ecoregions
    with at least one of so many sites). ``approximated``: the strata are those of the packaged data, which the figure
    then says. Raises `UserError` when no sampling is given.
    """
    if not tables:
        raise UserError("no sampling to draw", "configure a dataset")
    rows = _rows(tables)
    curves = pd.concat([reached_curve(t).assign(dataset=n) for n, t in tables.items()], ignore_index=True)
    kinds = rows.groupby("kind", sort=False)["stratum"].nunique()
    names = max(len(n) for n in tables)
    head = 0.28 + 0.055 * names  # slanted names of the datasets
    upper = _ROW * kinds.sum() + _GAP * (len(kinds) - 1)
    height = head + upper + 0.75 + _CURVES + 0.42
    figure = new_figure(height)

    def place(left: float, down: float, width: float, tall: float) -> Axes:
        return figure.add_axes((left / WIDTH, 1 - (down + tall) / height, width / WIDTH, tall / height))

    left = _LABELS + _SHARE + 0.08
    # A cell as wide as four rows is wide enough for its number.
    wide = min(WIDTH - left - 0.75, 0.66 * len(tables))
    bars, heat = place(_LABELS, head, _SHARE, upper), place(left, head, wide, upper)
    _draw_rows(bars, heat, rows, list(tables))
    _colour_bar(figure, place(left + wide + 0.15, head, 0.11, min(upper, 1.8)))
    # The letter stands above the names of the strata.
    corner = place(0.05, head, 0.01, 0.01)
    corner.axis("off")
    panel_title(corner, "a", "share of sites / share of land area")
    below = place(0.55, head + upper + 0.75, WIDTH - 0.55 - 0.1, _CURVES)
    _draw_curves(below, curves, tables)
    panel_title(below, "b", "ecoregions reached")
    if approximated:
        note_below(figure, {"approximated": APPROXIMATED})
    columns = ["panel", "dataset", "kind", "stratum", "sites", "area_share", "site_share", "ratio", "reached"]
    numbers = [rows.assign(panel="a"), curves.assign(panel="b", kind="ecoregion")]
    return figure, pd.concat(numbers, ignore_index=True).reindex(columns=columns)


def _rows(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Strata of the upper panel, largest first within a kind, a row a stratum and dataset."""
    table = pd.concat([t.assign(dataset=n) for n, t in tables.items()], ignore_index=True)
    table = table[table["kind"].isin(ROWS) & (table["stratum"] != UNKNOWN)]
    # Regions differ from dataset to dataset: the bars are of the largest extent of each stratum.
    area = table.groupby(["kind", "stratum"])["area_km2"].max().rename("extent").reset_index()
    area["extent"] /= max(float(t.loc[t["kind"] == ROWS[0], "area_km2"].sum()) for t in tables.values()) or np.nan
    shown = area[~(area["extent"] < LEAST_SHARE)].assign(place=area["kind"].map(ROWS.index))
    order = shown.sort_values(["place", "extent", "stratum"], ascending=[True, False, True]).drop(columns="place")
    columns = ["kind", "stratum", "dataset", "area_share", "site_share", "sites", "ratio"]
    return order.merge(table[columns], on=["kind", "stratum"], how="left")


def reached_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Expected share of ecoregions with at least one site against the number of sites drawn: columns sites, reached.

    From the counts of a `COVERAGE` table alone: the rarefaction curve of Hurlbert (1971), drawing n of the N sites at
    random without putting back. Ecoregions are those of the land map.
    """
    mine = table[(table["kind"] == "ecoregion") & (table["stratum"] != UNKNOWN)]
    total = int(table.loc[table["kind"] == "ecoregion", "sites"].sum())
    counts = mine.loc[mine["area_km2"] > 0, "sites"].to_numpy(dtype=float)
    n = np.unique(np.geomspace(1, total, _POINTS).round().astype(np.int64))
    return pd.DataFrame({"sites": n, "reached": expected_strata(counts, total, n) / max(len(counts), 1)})


def expected_strata(counts: ArrayLike, total: int, n: ArrayLike) -> NDArray[np.float64]:
    """Expected number of strata met by ``n`` of ``total`` sites drawn without putting back, strata holding ``counts``.

    The sum over strata of 1 - C(total - count, n) / C(total, n) (Hurlbert 1971, equation 9).
    """
    counts = np.asarray(counts, dtype=float)[:, None]
    n = np.asarray(n, dtype=float)[None, :]
    with np.errstate(invalid="ignore"):
        missed = (
            gammaln(total - counts + 1)
            - gammaln(np.maximum(total - counts - n, 0) + 1)
            - gammaln(total + 1)
            + gammaln(total - n + 1)
        )
    return (1 - np.where(total - counts - n >= 0, np.exp(missed), 0.0)).sum(axis=0)


def _ratio_colours() -> tuple[Colormap, Normalize]:
    """Orange where sites lack, purple where they abound, by doublings (ColorBrewer's PuOr, colour-blind safe)."""
    ends = matplotlib.colormaps["PuOr"](np.linspace(0.08, 0.92, 256))
    return LinearSegmentedColormap.from_list("ratio", ends), Normalize(-np.log2(_FULL), np.log2(_FULL))


def _draw_rows(bars: Axes, heat: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Bars of area, and a coloured cell with its ratio for each stratum and dataset."""
    cmap, norm = _ratio_colours()
    down, labels = 0.0, []
    for i, (_, kind) in enumerate(rows.groupby("kind", sort=False)):
        down += _GAP * (i > 0)
        for stratum, mine in kind.groupby("stratum", sort=False):
            labels.append((down + _ROW / 2, str(stratum)))
            share = float(mine["extent"].iloc[0])
            if np.isfinite(share):
                bars.barh(down + _ROW / 2, -100 * share, height=0.72 * _ROW, color=FAINT)
                bars.annotate(
                    f"{100 * share:.1f}", (-100 * share, down + _ROW / 2), xytext=(-2, 0),
                    textcoords="offset points", ha="right", va="center", fontsize=6, color=GREY,
                )  # fmt: skip
            values = mine.set_index("dataset")["ratio"].astype(float)
            for column, name in enumerate(names):
                _cell(heat, column, down, values.get(name, np.nan), cmap, norm)
            down += _ROW
    for axes in (bars, heat):
        axes.set_ylim(down, 0)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    longest = float(rows["extent"].max())
    bars.set_xlim(-145 * (longest if np.isfinite(longest) else 1), 0)
    bars.set_yticks([y for y, _ in labels], [_short(s) for _, s in labels], fontsize=6.5)
    bars.set_xticks([])
    bars.set_xlabel("% of land", fontsize=6.5, labelpad=2)
    heat.set_xlim(0, len(names))
    heat.set_yticks([])
    heat.xaxis.tick_top()
    slant = {} if len(names) == 1 else {"rotation": 35, "ha": "left", "rotation_mode": "anchor"}
    heat.set_xticks(np.arange(len(names)) + 0.5, names, fontsize=7, **slant)


def _cell(axes: Axes, column: int, down: float, ratio: float, cmap: Colormap, norm: Normalize) -> None:
    box = {"xy": (column + 0.03, down + 0.04 * _ROW), "width": 0.94, "height": 0.92 * _ROW}
    if np.isnan(ratio):
        axes.add_patch(matplotlib.patches.Rectangle(**box, facecolor="none", edgecolor=FAINT, linewidth=0.4))
        text, ink = "", INK
    elif ratio == 0:
        # No site at all is another thing than few: white, with a mark.
        axes.add_patch(
            matplotlib.patches.Rectangle(**box, facecolor="white", edgecolor=GREY, hatch="////", linewidth=0.4)
        )
        text, ink = "none", INK
    else:
        level = float(np.clip(np.log2(ratio), norm.vmin, norm.vmax))
        axes.add_patch(matplotlib.patches.Rectangle(**box, facecolor=cmap(norm(level)), edgecolor="none"))
        text = "<0.01" if ratio < 0.01 else f"{ratio:.2f}" if ratio < 0.995 else f"{ratio:.1f}"
        ink = "white" if abs(level) > 0.62 * norm.vmax else INK
    label = axes.text(column + 0.5, down + _ROW / 2, text, ha="center", va="center", fontsize=6.2, color=ink)
    if text == "none":
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})


def _short(stratum: str) -> str:
    """A stratum's name that fits beside the rows."""
    return shorten(readable(stratum), 36, placeholder=" …")


def _colour_bar(figure: Figure, axes: Axes) -> None:
    cmap, norm = _ratio_colours()
    bar = figure.colorbar(matplotlib.cm.ScalarMappable(norm, cmap), cax=axes)
    ticks = np.arange(-3, 4)
    bar.set_ticks(ticks, labels=[f"×{2**t:g}" if t >= 0 else f"1/{2**-t:g}" for t in map(int, ticks)])
    bar.ax.tick_params(labelsize=6.2, length=2)
    bar.outline.set_linewidth(0.4)


def _draw_curves(axes: Axes, curves: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> None:
    """Rarefaction curves that end in a dot at the sampling's size."""
    for i, name in enumerate(tables):
        mine = curves[curves["dataset"] == name]
        colour, line = CYCLE[i % len(CYCLE)], ("-", "--", ":")[i // len(CYCLE) % 3]
        n, share = mine["sites"].to_numpy(), 100 * mine["reached"].to_numpy()
        ecoregions = tables[name][(tables[name]["kind"] == "ecoregion") & (tables[name]["stratum"] != UNKNOWN)]
        ecoregions = ecoregions[ecoregions["area_km2"] > 0]
        there = int((~ecoregions["empty"].astype(bool)).sum())
        axes.plot(n, share, line, color=colour, label=f"{name}: {there} of {len(ecoregions)}", zorder=3)
        axes.plot(n[-1], share[-1], "o", color=colour, markersize=3.5, zorder=4)
    axes.set_xscale("log")
    axes.set_xlim(left=1)
    axes.set_ylim(0, 103)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes.set_xlabel("sites drawn at random from the dataset")
    axes.set_ylabel("ecoregions with a site (%)")
    axes.grid(color=FAINT, linewidth=0.4)
    axes.legend(loc="lower right", fontsize=6.5, ncols=1 if len(tables) <= 6 else 2, columnspacing=1.0)
