"""Figure 1: where samplings lie, and on what land cover (SSL4Eco, Figure 1)."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from greenup.errors import UserError
from greenup.paper import maps
from greenup.paper.density import MANY, draw_density_map, hexagons_across, share_scale
from greenup.paper.style import (
    GREY,
    INK,
    WIDTH,
    land_cover_colour,
    land_cover_order,
    new_figure,
    panel_title,
    readable,
)
from greenup.sites.coverage import UNKNOWN

_STACKED = 3  # up to so many maps stand above one another beside the bars; more stand in pairs above them
_TITLE = 0.24  # inches above a map
_HEAD, _FOOT = 0.42, 0.34  # inches above and below the bars


def draw_fig1(
    tables: Mapping[str, pd.DataFrame], coverage: Mapping[str, pd.DataFrame] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """Maps of each sampling, and the land cover of all of them.

    ``tables``: sampling name -> `sites` table; ``coverage``: sampling name -> `coverage` table, whose shares of the
    land are marked on the bars. The first two samplings are mirrored around the class names as in the paper; each
    further one is a column of the same rows. Returns the figure and the numbers of the bars, as `land_cover_shares`
    does. Raises `UserError` when no sampling is given.
    """
    if not tables:
        raise UserError("paper.fig1_datasets: no sampling to draw", "name one or more datasets")
    shares = land_cover_shares(tables, coverage or {})
    lon, lat = (np.concatenate([t[c].to_numpy(float) for t in tables.values()]) for c in ("lon", "lat"))
    frame = maps.frame_of(lon, lat)
    is_density = max(len(t) for t in tables.values()) >= MANY
    figure, map_boxes, bar_box, strip = _page(frame, len(tables), shares["land_cover"].nunique(), is_density)
    # The bars come after the first two maps, as panel c of the paper; the maps of further samplings follow them.
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    bar_letter = letters.pop(min(len(tables), 2))
    places = [(t["lon"].to_numpy(float), t["lat"].to_numpy(float)) for t in tables.values()]
    across = hexagons_across(frame, places) if is_density else 0
    drawn = []
    for i, (box, (name, table)) in enumerate(zip(map_boxes, tables.items(), strict=True)):
        axes = figure.add_axes(box)
        drawn.append(_draw_map(axes, frame, table, across))
        panel_title(axes, letters[i % len(letters)], f"{name} (n = {len(table):,})")
    if is_density:
        share_scale(figure, strip, drawn)
    _draw_bars(figure, bar_box, shares, list(tables), bar_letter)
    return figure, shares


def land_cover_shares(tables: Mapping[str, pd.DataFrame], coverage: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Sites, share of sites and share of the land (0..1) of each land-cover class.

    Columns dataset, land_cover, sites, share, land_share: NaN for samplings without a `coverage` table. Classes that a
    sampling misses stand in it with 0 sites where they cover at least a thousandth of its land.
    """
    parts = []
    for name, table in tables.items():
        counts = table["land_cover"].astype("string").fillna(UNKNOWN).value_counts()
        land = pd.Series(dtype="float64")
        if name in coverage:
            of_land = coverage[name][coverage[name]["kind"] == "land_cover"]
            land = of_land.set_index("stratum")["area_share"].astype("float64").fillna(0.0)
        classes = land_cover_order([*counts.index, *land.index[land >= 1e-3]])
        sites = counts.reindex(classes).fillna(0).astype("int64").to_numpy()
        known = land.reindex(classes).fillna(0.0 if len(land) else np.nan).to_numpy()
        parts.append(
            pd.DataFrame(
                {
                    "dataset": name,
                    "land_cover": classes,
                    "sites": sites,
                    "share": sites / len(table),
                    "land_share": known,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


# ------------------------------------------------------------------------------------------------------------- page
Box = tuple[float, float, float, float]


def _page(frame: maps.MapFrame, count: int, n_classes: int, is_density: bool) -> tuple[Figure, list[Box], Box, Box]:
    """The figure, and the boxes (left, bottom, width, height as fractions) of the maps, the bars, the colour bar."""
    border = frame.border()
    ratio = float(np.divide(*np.ptp(border, axis=0)[::-1]))
    # A region's meridians are labelled below its map, its parallels to the left.
    below, left = (0.06, 0.03) if frame.is_world else (0.22, 0.32)
    is_stacked = count <= _STACKED
    columns = 1 if is_stacked else 2
    rows = -(-count // columns)
    width = 3.3 - left if is_stacked else WIDTH / 2 - left - 0.08
    map_height = min(width * ratio, 2.6 if rows == 1 else 2.1)
    row = _TITLE + map_height + below
    maps_height = rows * row + (0.42 if is_density else 0.0)
    bars_height = _HEAD + _FOOT + (0.2 if is_stacked else 0.16) * n_classes
    height = max(maps_height, bars_height) if is_stacked else maps_height + 0.1 + bars_height
    figure = new_figure(height)

    def box(x: float, top: float, w: float, h: float) -> Box:
        return x / WIDTH, 1 - (top + h) / height, w / WIDTH, h / height

    first = (height - maps_height) / 2 if is_stacked and rows == 1 else 0.0
    pairs = [divmod(i, columns) for i in range(count)]
    boxes = [box(left + c * WIDTH / 2, first + r * row + _TITLE, width, map_height) for r, c in pairs]
    middle = (left + width / 2) if is_stacked else WIDTH / 2
    strip = box(middle - 0.95, first + rows * row + 0.04, 1.9, 0.07)
    if is_stacked:
        return figure, boxes, box(3.5, _HEAD, WIDTH - 3.5, height - _HEAD - _FOOT), strip
    return figure, boxes, box(0, maps_height + 0.1 + _HEAD, WIDTH, bars_height - _HEAD - _FOOT), strip


# ------------------------------------------------------------------------------------------------------------- maps
def _draw_map(axes: Axes, frame: maps.MapFrame, table: pd.DataFrame, across: int) -> Collection:
    """The density of the sites in so many hexagons across, or for 0 every site in the colour of its land cover."""
    lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
    if across:
        return draw_density_map(axes, frame, lon, lat, across)
    maps.draw_base(axes, frame)
    colours = [land_cover_colour(c) for c in table["land_cover"].astype("string").fillna(UNKNOWN)]
    size = float(np.clip(3_000 / len(table), 3.0, 16))
    return axes.scatter(*frame.project(lon, lat), s=size, c=colours, edgecolors="#333333", linewidths=0.2, zorder=3)


# ------------------------------------------------------------------------------------------------------------- bars
def _draw_bars(figure: Figure, box: Box, shares: pd.DataFrame, names: list[str], letter: str) -> None:
    """A row a class: the first sampling left of the class names, the others right of them, all on one scale."""
    classes = land_cover_order(shares["land_cover"])
    by_name = {
        name: 100 * g.set_index("land_cover")[["share", "land_share"]].reindex(classes)
        for name, g in shares.groupby("dataset")
    }
    largest = max(100 * float(shares[["share", "land_share"]].max().max()), 1.0)
    left, bottom, width, height = box
    # Column widths as fractions: class names, and a bar a sampling; one sampling alone stands right of the names.
    text_width = min(0.34 if len(names) > 2 else 0.4, 1.55 / (width * WIDTH))
    gap = 0.02
    bar_width = (1 - text_width - gap * max(len(names) - 2, 0)) / len(names)
    order = [names[0], None, *names[1:]] if len(names) > 1 else [None, names[0]]
    at = left
    for i, name in enumerate(order):
        here = (text_width if name is None else bar_width) * width
        axes = figure.add_axes((at, bottom, here, height))
        axes.set_ylim(-0.6, len(classes) - 0.4)
        at += here + (gap * width if i >= 2 else 0.0)
        if name is None:
            _class_names(axes, classes, is_centred=len(names) > 1)
            continue
        sign = -1 if len(names) > 1 and i == 0 else 1
        _bar_column(axes, name, by_name[name]["share"].fillna(0.0), by_name[name]["land_share"], largest, sign)
    head = figure.add_axes((left, bottom + height, width, (_HEAD - _TITLE) / figure.get_figheight()))
    head.axis("off")
    panel_title(head, letter, "land cover (% of sites)")
    if shares["land_share"].notna().any():
        key = {"marker": "|", "markersize": 7, "markeredgewidth": 1.4, "color": "none", "markeredgecolor": INK}
        figure.legend(
            handles=[Line2D([], [], label="share of the land", **key)],
            loc="lower center",
            bbox_to_anchor=(left + width / 2, 0.0),
            borderaxespad=0.0,
        )


def _class_names(axes: Axes, classes: list[str], *, is_centred: bool) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    size = axes.get_position().width * WIDTH
    for y, name in enumerate(reversed(classes)):
        lines = "\n".join(wrap(readable(name), max(int(size / 0.053), 8)))
        x, align = (0.5, "center") if is_centred else (0.97, "right")
        axes.text(x, y, lines, ha=align, va="center", fontsize=6.5, linespacing=0.95)


def _bar_column(axes: Axes, name: str, values: pd.Series, marks: pd.Series, largest: float, sign: int) -> None:
    """Bars of one sampling (class -> percent), growing to the left (sign -1) or to the right, marked where known."""
    y = np.arange(len(values))[::-1]
    colours = [land_cover_colour(c) for c in values.index]
    edges = [0.3 if v > 0 else 0.0 for v in values]
    axes.barh(y, sign * values, height=0.66, color=colours, edgecolor="#444444", linewidth=edges)
    axes.scatter(sign * marks, y, marker="|", s=48, color=INK, linewidths=1.2, zorder=3)
    for yi, value, end in zip(y, values, np.fmax(values, marks), strict=True):
        shown = "–" if value == 0 else "<0.1" if value < 0.05 else f"{value:.1f}"
        axes.text(sign * (end + 0.04 * largest), yi, shown, ha=_away(sign), va="center", fontsize=6.2, color=GREY)
    reach = largest * (1 + 0.36 / (axes.get_position().width * WIDTH))
    axes.set_xlim((-reach, 0) if sign < 0 else (0, reach))
    ticks = _round_ticks(largest, 5 if axes.get_position().width * WIDTH < 1.3 else 8)
    axes.set_xticks([sign * t for t in ticks], [f"{t:g}" for t in ticks])
    axes.set_yticks([])
    axes.spines["left"].set_visible(sign > 0)
    axes.spines["right"].set_visible(sign < 0)
    axes.annotate(
        name,
        (0 if sign > 0 else 1, 1),
        xycoords="axes fraction",
        xytext=(0, -2),
        textcoords="offset points",
        ha=_away(sign),
        va="bottom",
        fontsize=7.5,
        fontweight="bold",
    )


def _away(sign: int) -> str:
    return "left" if sign > 0 else "right"


def _round_ticks(largest: float, most: int) -> list[float]:
    """0 and round percentages up to the largest bar, at most ``most`` of them."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100) if largest / s < most - 1)
    return [float(t) for t in np.arange(0, largest + 1e-9, step)]
