"""Where a dataset has images and where not, and on what land: the map of its quality report."""

from __future__ import annotations

from textwrap import shorten

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from greenup.paper import maps
from greenup.paper.density import MANY, draw_density_map, hexagons_across, share_scale
from greenup.paper.style import BLUE, FAINT, GREY, VERMILION, WIDTH, new_figure, panel_title, readable
from greenup.patches.quality import Facts

KINDS: tuple[str, ...] = ("climate_zone", "land_cover")
"""Kinds of strata whose shares are drawn beside those of the land."""

LEAST_SHARE = 5e-4
"""Strata with less of the land than this and without a site are left out of the bars."""

_ROW = 0.155  # inches a stratum


def draw_map(facts: Facts, strata: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Sites with images and without on a map, and the share of each stratum among them and on land.

    ``strata``: from `greenup.patches.quality.strata`. Up to `MANY` sites are dots in two colours; more are hexagons:
    sites with images per 10 000 km2, and the share of sites without. Returns the figure and ``strata`` as drawn.
    """
    sites = facts.sites
    lon, lat, has = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float), sites["images"].to_numpy() > 0
    frame = maps.frame_of(lon, lat)
    is_density = len(sites) > MANY
    shown = strata[(strata["area_share"] >= LEAST_SHARE) | (strata["sites"] > 0)]
    rows = shown.groupby("kind").size().max() if len(shown) else 0
    ratio = float(np.divide(*np.ptp(frame.border(), axis=0)[::-1]))
    wide = (WIDTH - 0.5) / 2 if is_density else min(5.4, 3.4 / ratio)
    tall = wide * ratio
    foot = 0.5 if is_density else 0.35
    height = 0.3 + tall + foot + 0.45 + _ROW * rows + 0.6
    figure = new_figure(height)

    def box(left: float, down: float, width: float, high: float) -> tuple[float, float, float, float]:
        return left / WIDTH, 1 - (down + high) / height, width / WIDTH, high / height

    if is_density:
        left = figure.add_axes(box(0.1, 0.3, wide, tall))
        right = figure.add_axes(box(wide + 0.4, 0.3, wide, tall))
        strips = [box(x, 0.3 + tall + 0.05, 1.9, 0.07) for x in (wide / 2 - 0.85, wide * 1.5 - 0.55)]
        _draw_shares(figure, (left, right), frame, (lon, lat), has, strips)
        panel_title(left, "a", f"sites with images ({has.sum():,} of {len(has):,})")
        panel_title(right, "b", f"sites without ({(~has).sum():,})")
    else:
        axes = figure.add_axes(box((WIDTH - wide) / 2, 0.3, wide, tall))
        maps.draw_base(axes, frame)
        for mask, colour, order in ((~has, VERMILION, 3), (has, BLUE, 4)):
            size = float(np.clip(3_000 / len(sites), 3.0, 16))
            axes.scatter(*frame.project(lon[mask], lat[mask]), s=size, c=colour, linewidths=0, zorder=order, alpha=0.85)
        panel_title(axes, "a", f"sites with images ({has.sum():,} of {len(has):,})")
        dot = {"marker": "o", "linestyle": "none", "markersize": 4}
        handles = [
            Line2D([], [], color=BLUE, label=f"with images: {has.sum():,}", **dot),
            Line2D([], [], color=VERMILION, label=f"without: {(~has).sum():,}", **dot),
        ]
        figure.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1 - (0.3 + tall + 0.12) / height), ncols=2
        )
    first = "c" if is_density else "b"
    top = 0.3 + tall + foot + 0.45
    for i, kind in enumerate(KINDS):
        mine = shown[shown["kind"] == kind]
        axes = figure.add_axes(box((0.75, 4.7)[i], top, (2.0, WIDTH - 4.8)[i], _ROW * max(len(mine), 1)))
        _draw_strata(axes, mine)
        panel_title(axes, chr(ord(first) + i), reached(strata, kind))
    land = [Line2D([], [], marker="s", linestyle="none", color=FAINT, markersize=5, label="share of the land")]
    mark = [Line2D([], [], marker="s", linestyle="none", color=BLUE, markersize=5, label="share of sites with images")]
    handles = [*(land if strata["area_share"].notna().any() else []), *mark]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0), ncols=2, borderaxespad=0.1)
    return figure, shown.reset_index(drop=True)


def reached(strata: pd.DataFrame, kind: str) -> str:
    """How many strata of a kind have a site with images, and how much of the land they are, in words."""
    mine = strata[(strata["kind"] == kind) & (strata["stratum"] != "unknown")]
    there = mine["with_images"] > 0
    words = f"{readable(kind)}: {int(there.sum())} of {len(mine)}"
    if not mine["area_share"].notna().any():
        return f"{words} with images"
    share = mine.loc[there, "area_share"].sum() / mine["area_share"].sum()
    return f"{words}, {100 * share:.0f} % of the land"


def _draw_shares(
    figure: Figure,
    pair: tuple[Axes, Axes],
    frame: maps.MapFrame,
    places: tuple[np.ndarray, np.ndarray],
    has: np.ndarray,
    strips: list[tuple[float, float, float, float]],
) -> None:
    """Density of sites with images on the left map, share of sites without on the right, each with its scale."""
    left, right = pair
    lon, lat = places
    across = hexagons_across(frame, [places])
    # A map without a single image does not come about: such a dataset is refused before.
    drawn = draw_density_map(left, frame, lon[has], lat[has], across)
    share_scale(figure, strips[0], [drawn])
    outline = maps.draw_base(right, frame)
    arguments, _ = maps.hexagons(frame, lon, lat, across)
    lost = right.hexbin(**arguments, C=100.0 * ~has, reduce_C_function=np.mean, cmap="Oranges", vmin=0, vmax=100,
                        linewidths=0.05, edgecolors="face", zorder=2)  # fmt: skip
    lost.set_clip_path(outline)
    maps.draw_coast(right, frame, outline)
    bar = figure.colorbar(lost, cax=figure.add_axes(strips[1]), orientation="horizontal")
    bar.set_label("sites without images (%)", labelpad=1)
    bar.outline.set_linewidth(0.4)


def _draw_strata(axes: Axes, table: pd.DataFrame) -> None:
    """A row a stratum: share of the land behind, share of sites with images before it."""
    y = np.arange(len(table))[::-1]
    land, there = 100 * table["area_share"].fillna(0).to_numpy(), 100 * table["image_share"].to_numpy()
    axes.barh(y + 0.2, land, height=0.36, color=FAINT)
    axes.barh(y - 0.2, there, height=0.36, color=BLUE)
    largest = max(land.max(initial=0), there.max(initial=0), 1.0)
    for yi, a, value, count in zip(y, land, there, table["with_images"], strict=True):
        text = f"{value:.1f}" if count else "none"
        axes.text(max(a, value) + 0.02 * largest, yi, text, va="center", fontsize=6, color=GREY)
    names = [shorten(readable(s), 34, placeholder=" …") for s in table["stratum"].astype(str)]
    axes.set_yticks(y, names, fontsize=6.5)
    axes.set_ylim(-0.6, max(len(table), 1) - 0.4)
    axes.set_xlim(0, 1.16 * largest)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("%", labelpad=1)
