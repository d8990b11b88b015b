"""A spider plot of differences: axes around a centre, one line that is 0 on all of them; and bars for few axes."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from matplotlib.transforms import blended_transform_factory

from greenup.paper.style import BLUE, FAINT, GREY, INK, VERMILION

FEWEST = 3
"""Axes of a spider plot, at least: with fewer there is no shape."""

_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
_RINGS = 6
_SIZE = 6.2  # points: labels
_REACH = (1.85, 1.55)  # half of the panel, in radii: room for the labels
_LETTERS = 18  # of a label's line, at most
_LINE = 8.0  # points from line to line of a label
MINUS = "\u2212"
_DRAWN = ("score", "low", "high", "best_low", "best_high")
_BASELINE = {"color": VERMILION, "linewidth": 1.2, "linestyle": (0, (4, 1.5))}


def rings(low: float, high: float) -> np.ndarray:
    """Round values from below ``low`` to above ``high``, 0 among them, at most `_RINGS` + 2 of them.

    The innermost one is the centre, and lies below all that is drawn.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    step = next((s for s in _STEPS if (high - low) / s <= _RINGS), _STEPS[-1])
    first = np.floor(low / step - 1e-9) - (low >= 0 or np.isclose(low % step, 0))
    return np.arange(first, max(np.ceil(high / step - 1e-9), 1.0) + 0.5) * step


def spokes(count: int) -> np.ndarray:
    """Unit vectors (count, 2) of the axes: the first upwards, the others clockwise."""
    angle = np.pi / 2 - 2 * np.pi * np.arange(count) / count
    return np.column_stack([np.cos(angle), np.sin(angle)])


def draw_spider(axes: Axes, table: pd.DataFrame) -> None:
    """One axis a row, from the top clockwise: the model's distance from the best baseline.

    ``table``: columns name, metric, status, score, low, high, baseline, best, best_low, best_high (all
    numbers in points). The radius is ``score`` less ``best``, so that the baseline is a line at 0 through all axes;
    strokes along an axis reach from ``low`` to ``high``, the band around the baseline from ``best_low`` to
    ``best_high``. Where a row has not both scores its axis is dotted and says why, and no line passes through it.
    """
    unit = spokes(len(table))
    is_run = (table["status"] == "run").to_numpy()
    away = {c: table[c].to_numpy(float) - table["best"].to_numpy(float) for c in _DRAWN}
    levels = rings(min(np.nanmin(v) for v in away.values()), max(np.nanmax(v) for v in away.values()))
    centre, rim = levels[0], levels[-1]

    def at(value: np.ndarray | float) -> np.ndarray:
        return (np.broadcast_to(value, len(table)) - centre)[:, None] / (rim - centre) * unit

    for level in levels[1:]:
        ring = {"fill": False, "edgecolor": FAINT, "linewidth": 0.5, "zorder": 1}
        axes.add_patch(Polygon(at(level), closed=True, **ring))
    for i, (x, y) in enumerate(unit):
        style = {"color": FAINT, "linewidth": 0.6} if is_run[i] else {"color": GREY, "linewidth": 0.5, "linestyle": ":"}
        axes.plot([0, x], [0, y], zorder=1, **style)
    _fill(axes, at(away["best_low"]), at(away["best_high"]), is_run, VERMILION, 0.22)
    _fill(axes, at(centre), at(away["score"]), is_run, BLUE, 0.1)
    _web(axes, at(0.0), is_run, zorder=3, gid="baseline", **_BASELINE)
    _web(axes, at(away["score"]), is_run, zorder=4, gid="model", color=BLUE, linewidth=1.5)
    for end in np.stack([at(away["low"]), at(away["high"])], axis=1)[is_run]:
        axes.plot(*end.T, color=BLUE, linewidth=1.0, zorder=3.5, solid_capstyle="butt", gid="interval")
    points = at(away["score"])[is_run]
    mark = {"color": BLUE, "markersize": 3.6, "markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 5}
    axes.plot(*points.T, "o", gid="scores", **mark)
    _label_rings(axes, levels, unit)
    for (x, y), (_, row) in zip(unit, table.iterrows(), strict=True):
        _label_axis(axes, x, y, row)
    axes.set_aspect("equal")
    axes.set_xlim(-_REACH[0], _REACH[0])
    axes.set_ylim(-_REACH[1], _REACH[1])
    axes.axis("off")


def _neighbours(is_run: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of neighbouring axes that both have a point."""
    after = np.roll(np.arange(len(is_run)), -1)
    return [(i, int(j)) for i, j in enumerate(after) if is_run[i] and is_run[j]]


def _web(axes: Axes, points: np.ndarray, is_run: np.ndarray, **style: object) -> None:
    """A line around the centre, broken at axes without a point."""
    pairs = _neighbours(is_run)
    x, y = (np.concatenate([[points[i, k], points[j, k], np.nan] for i, j in pairs] or [[np.nan]]) for k in (0, 1))
    if len(pairs) == len(points):
        x, y = np.append(points[:, 0], points[0, 0]), np.append(points[:, 1], points[0, 1])
    axes.plot(x, y, solid_joinstyle="round", **style)


def _fill(axes: Axes, inner: np.ndarray, outer: np.ndarray, is_run: np.ndarray, colour: str, alpha: float) -> None:
    for i, j in _neighbours(is_run):
        corners = [inner[i], outer[i], outer[j], inner[j]]
        axes.add_patch(Polygon(corners, closed=True, facecolor=colour, alpha=alpha, linewidth=0, zorder=2))


def _label_rings(axes: Axes, levels: np.ndarray, unit: np.ndarray) -> None:
    """The rings' values between the first two axes."""
    half = (unit[0] + unit[1]) / 2
    for level in levels[1:]:
        at = half * (level - levels[0]) / (levels[-1] - levels[0])
        text = "0" if level == 0 else f"{level:+g}".replace("-", MINUS)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8}
        colour = VERMILION if level == 0 else GREY
        axes.text(*at, text, fontsize=5.5, color=colour, ha="center", va="center", zorder=4.5, bbox=box)


def score_text(value: float) -> str:
    """Points with one decimal and a minus sign as wide as a digit."""
    return f"{value:.1f}".replace("-", MINUS)


def _label_axis(axes: Axes, x: float, y: float, row: pd.Series) -> None:
    """Task, metric and both scores outside the end of an axis, line by line, each in the colour of what it tells."""
    lines = [(text, INK, "bold") for text in wrap(str(row["name"]), _LETTERS, break_on_hyphens=False)]
    if row["status"] == "not run":
        lines.append(("not run", GREY, "normal"))
    else:
        lines.append((str(row["metric"]), GREY, "normal"))
        lines.append((score_text(row["score"]), BLUE, "bold"))
        text = "no baseline" if row["status"] != "run" else f"{score_text(row['best'])} {row['baseline']}"
        lines += [(part, VERMILION, "normal") for part in wrap(text, _LETTERS, break_on_hyphens=False)]
    align = "center" if abs(x) < 0.2 else "left" if x > 0 else "right"
    # A block stands above the end of an axis that points up, below that of one that points down.
    top = _LINE * len(lines) * (0.5 + 0.5 * y)
    for i, (text, colour, weight) in enumerate(lines):
        about = {"textcoords": "offset points", "ha": align, "va": "top", "annotation_clip": False}
        look = {"fontsize": _SIZE, "color": colour, "fontweight": weight}
        axes.annotate(text, (1.06 * x, 1.06 * y), xytext=(0, top - _LINE * i), **about, **look)


def draw_bars(axes: Axes, table: pd.DataFrame) -> None:
    """Two bars a row, the model's score and the best baseline's, where there are too few axes for a spider plot.

    ``table``: as for `draw_spider`, and the column model. Rows without a score say why.
    """
    left, bottom, width, height = axes.get_position().bounds
    axes.set_position((left + 0.33 * width, bottom + 0.08, width * 0.37, height - 0.12))
    place = blended_transform_factory(axes.transAxes, axes.transData)
    for i, (_, row) in enumerate(table.iterrows()):
        about = {"transform": place, "va": "center", "fontsize": _SIZE}
        is_run = row["status"] != "not run"
        task = "\n".join(
            wrap(f"{row['name']}, {row['metric']}" if is_run else str(row["name"]), 22, break_on_hyphens=False)
        )
        axes.text(-0.04, -i, task, ha="right", linespacing=1.0, **about)
        if not is_run:
            axes.text(0.03, -i, "not run", color=GREY, **about)
            continue
        for who, columns, up, colour in (
            (row["model"], ("score", "low", "high"), 0.2, BLUE),
            (row["baseline"], ("best", "best_low", "best_high"), -0.2, VERMILION),
        ):
            value, low, high = (float(row[c]) for c in columns)
            if np.isnan(value):
                axes.text(0.03, up - i, "no baseline", color=GREY, **about)
                continue
            axes.barh(up - i, value, height=0.36, color=colour)
            axes.plot([low, high], [up - i] * 2, color=INK, linewidth=0.8)
            axes.text(1.04, up - i, f"{score_text(value)} {who}", color=colour, **about)
    axes.set_ylim(0.6 - len(table), 0.6)
    axes.set_yticks([])
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_xlabel("score × 100")
