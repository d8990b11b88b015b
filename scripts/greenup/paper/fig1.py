"""Figure 1: where samplings lie, and on what land cover (SSL4Eco, Figure 1)."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure

from greenup.errors import UserError
from greenup.paper import maps
from greenup.paper.style import (
    CYCLE,
    GREY,
    WIDTH,
    land_cover_colour,
    land_cover_order,
    new_figure,
    panel_title,
    readable,
)

MANY = 3_000
"""From so many sites on, a map shows their density instead of each site."""

UNKNOWN = "unclassified"


def draw_fig1(tables: dict[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Maps of each sampling above the land cover of all of them.

    ``tables``: sampling name -> `sites` table. Two samplings give mirrored bars as in the paper; one or more than two
    give bars side by side. Returns the figure and the numbers of the bars: dataset, land_cover, sites, share (0..1).
    Raises `UserError` when no sampling is given.
    """
    if not tables:
        raise UserError("paper.fig1_datasets: no sampling to draw", "name one or two datasets")
    shares = land_cover_shares(tables)
    classes = land_cover_order(shares["land_cover"])
    frame = maps.frame_of(
        np.concatenate([t["lon"].to_numpy(float) for t in tables.values()]),
        np.concatenate([t["lat"].to_numpy(float) for t in tables.values()]),
    )
    border = frame.border()
    ratio = float(np.divide(*np.ptp(border, axis=0)[::-1]))
    columns = min(2, len(tables))
    rows = -(-len(tables) // columns)
    map_width = min(WIDTH / columns - 0.3, 2.6 / ratio)
    map_height = map_width * ratio
    is_density = max(len(t) for t in tables.values()) >= MANY
    bars_height = 0.35 + 0.155 * len(classes) * (1 if len(tables) <= 2 else 1.4)
    heights = [map_height] * rows + ([0.3] if is_density else []) + [bars_height]
    # A region's meridians are labelled below its map.
    gap, top, bottom = 0.24 if frame == maps.WORLD_FRAME else 0.36, 0.25, 0.4
    height = sum(heights) + gap * (len(heights) - 1) + top + bottom
    figure = new_figure(height)
    grid = figure.add_gridspec(
        len(heights),
        columns,
        height_ratios=heights,
        left=0.02,
        right=0.98,
        top=1 - top / height,
        bottom=bottom / height,
        hspace=gap * len(heights) / sum(heights),
        wspace=0.06,
    )
    cmap = LinearSegmentedColormap.from_list("density", matplotlib.colormaps["YlGnBu"](np.linspace(0.3, 1, 256)))
    norm = LogNorm(*_density_range(frame, tables)) if is_density else None
    for i, (name, table) in enumerate(tables.items()):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        maps.draw_base(axes, frame)
        lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
        if is_density:
            drawn = maps.draw_density(axes, frame, lon, lat, norm, cmap)
        else:
            colours = [land_cover_colour(c) for c in _classes(table)]
            axes.scatter(
                *frame.project(lon, lat),
                s=float(np.clip(4_000 / len(table), 3.5, 22)),
                c=colours,
                edgecolors="#333333",
                linewidths=0.25,
                zorder=3,
            )
        panel_title(axes, "abcdefgh"[i], f"{name} (n = {len(table):,})")
    if is_density:
        strip = figure.add_subplot(grid[rows, :])
        strip.axis("off")
        inner = strip.inset_axes((0.3, 0.75, 0.4, 0.25))
        bar = figure.colorbar(drawn, cax=inner, orientation="horizontal")
        bar.set_label("sites per 10 000 km²", labelpad=1)
        bar.outline.set_linewidth(0.4)
    axes = figure.add_subplot(grid[-1, :])
    if len(tables) == 2:
        _mirrored_bars(axes, shares, classes, list(tables))
    else:
        _grouped_bars(axes, shares, classes, list(tables))
    panel_title(axes, "abcdefgh"[len(tables)], "land cover")
    return figure, shares


def land_cover_shares(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Sites and share of sites (0..1) of each land-cover class: columns dataset, land_cover, sites, share."""
    rows = []
    for name, table in tables.items():
        counts = pd.Series(_classes(table)).value_counts()
        rows += [(name, c, int(counts[c]), counts[c] / len(table)) for c in land_cover_order(counts.index)]
    return pd.DataFrame(rows, columns=["dataset", "land_cover", "sites", "share"])


def _classes(table: pd.DataFrame) -> list[str]:
    return table["land_cover"].astype("string").fillna(UNKNOWN).tolist()


def _density_range(frame: maps.MapFrame, tables: dict[str, pd.DataFrame]) -> tuple[float, float]:
    """One colour scale for all maps: from one site a hexagon to the fullest hexagon (sites per 10 000 km2)."""
    fullest, area = 1.0, 1.0
    for table in tables.values():
        arguments, area = maps.hexagons(frame, table["lon"].to_numpy(float), table["lat"].to_numpy(float))
        # Counting in a throw-away figure keeps to matplotlib's own binning.
        scratch = matplotlib.figure.Figure().add_subplot()
        fullest = max(fullest, float(scratch.hexbin(**arguments).get_array().max()))
    return 1e4 / area, max(fullest, 2.0) * 1e4 / area


def _percent(shares: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Shares as a table of percent, a row a class, a column a sampling; 0 where a sampling lacks a class."""
    wide = shares.pivot_table(index="land_cover", columns="dataset", values="share")
    return 100 * wide.reindex(classes).fillna(0.0)


def _mirrored_bars(axes: Axes, shares: pd.DataFrame, classes: list[str], names: list[str]) -> None:
    """Two samplings left and right of the class names, in percent."""
    wide = _percent(shares, classes)
    largest = max(float(wide.to_numpy().max()), 1.0)
    gap = 0.40 * largest
    y = np.arange(len(classes))[::-1]
    for sign, name, align in ((-1, names[0], "right"), (1, names[1], "left")):
        values = wide[name].to_numpy()
        colours = [land_cover_colour(c) for c in classes]
        edges = [0.3 if v > 0 else 0.0 for v in values]
        axes.barh(y, sign * values, left=sign * gap, height=0.74, color=colours, edgecolor="#444444", linewidth=edges)
        for yi, value in zip(y, values, strict=True):
            shown = "–" if value == 0 else "<0.1" if value < 0.05 else f"{value:.1f}"
            at = sign * (gap + value + 0.02 * largest)
            axes.text(at, yi, shown, ha=align, va="center", fontsize=6.5, color=GREY)
        axes.text(sign * gap, len(classes) - 0.35, name, ha=align, va="bottom", fontweight="bold", fontsize=8)
    for yi, name in zip(y, classes, strict=True):
        axes.text(0, yi, readable(name), ha="center", va="center", fontsize=7)
    axes.set_ylim(-0.6, len(classes) + 0.1)
    reach = gap + 1.14 * largest
    axes.set_xlim(-reach, reach)
    ticks = _round_ticks(largest)
    axes.set_xticks([-gap - t for t in ticks[::-1]] + [gap + t for t in ticks])
    axes.set_xticklabels([f"{t:g}" for t in ticks[::-1]] + [f"{t:g}" for t in ticks])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of sites (%)")


def _grouped_bars(axes: Axes, shares: pd.DataFrame, classes: list[str], names: list[str]) -> None:
    """Any number of samplings side by side, in percent."""
    wide = _percent(shares, classes)
    y, height = np.arange(len(classes))[::-1], 0.8 / len(names)
    for i, name in enumerate(names):
        colours = [land_cover_colour(c) for c in classes] if len(names) == 1 else CYCLE[i % len(CYCLE)]
        axes.barh(y + 0.4 - height * (i + 0.5), wide[name], height=height * 0.95, label=name, color=colours)
    axes.set_yticks(y, [readable(c) for c in classes])
    # Class names stand left of the axes: room for them inside the page.
    box = axes.get_position()
    axes.set_position((0.27, box.y0, box.x1 - 0.27, box.height))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of sites (%)")
    if len(names) > 1:
        axes.legend(loc="best")


def _round_ticks(largest: float) -> list[float]:
    """0 and round percentages up to the largest bar, at most five."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50) if largest / s < 5)
    return [float(t) for t in np.arange(0, largest + 1e-9, step)]
