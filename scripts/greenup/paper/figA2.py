"""Figure A-2: maps of the downstream tasks' labels (SSL4Eco, Figure A-2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from greenup.errors import UserError
from greenup.paper import maps
from greenup.paper.dots import MANY, draw_dots
from greenup.paper.style import OTHER, WIDTH, class_colours, new_figure, panel_title, readable, with_unit
from greenup.randomness import generator
from greenup.tasks.labels import SEPARATOR

CLASSES = 15
"""Classes named in a legend; rarer ones are drawn together."""

TARGETS = 4
"""Maps of one regression task: its first targets."""

Box = tuple[float, float, float, float]

_PLACE = ("site_id", "season", "lon", "lat")
_TITLE, _TALLEST = 0.26, 2.3  # inches: above a map, and the tallest map
_LINE = 0.125  # inches: a line of a legend


@dataclass(frozen=True)
class _Panel:
    """One map: the labels of a task, or one target of it."""

    task: str
    kind: str
    target: str
    title: str
    simulated: bool
    lon: np.ndarray
    lat: np.ndarray
    values: np.ndarray
    """Class names, numbers of classes, or a target's values."""
    classes: pd.Series
    """Class -> images, commonest first; empty where values are numbers."""

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Entries and colours: the commonest classes, and one for all others."""
        colours = class_colours(self.classes.index)
        entries = [(f"{readable(c)} ({n:,})", colours[c]) for c, n in self.classes.iloc[:CLASSES].items()]
        rest = self.classes.iloc[CLASSES:]
        return entries + ([(f"{len(rest)} others ({rest.sum():,})", OTHER)] if len(rest) else [])

    @property
    def legend_columns(self) -> int:
        return 2 if max(len(text) for text, _ in self.legend) > 22 else 3

    @property
    def foot(self) -> float:
        """Inches below the map for its legend or colour bar."""
        return 0.16 + _LINE * -(-len(self.legend) // self.legend_columns) if len(self.classes) else 0.36


def draw_figA2(
    tables: Mapping[str, pd.DataFrame], kinds: Mapping[str, str], simulated: Collection[str] = ()
) -> tuple[Figure, pd.DataFrame]:
    """A map a task, or one a target for regression; projections follow the points.

    ``tables``: task -> `labels` table; ``kinds``: task -> classification, multilabel or regression. Classification
    colours each image by its class, multilabel by how many classes it has, regression by its first `TARGETS` targets,
    each on a scale from the 2nd to the 98th percentile. Tasks named in ``simulated``, whose labels are invented, say so
    in their titles. Returns the figure and the numbers: task, kind, target, item (a class, a number of classes, or min,
    p02, median, p98, max), value (of a percentile), images, simulated. Raises `UserError` when no task is given.
    """
    panels = [
        p for task, table in tables.items() for p in _panels(task, table, kinds[task], is_simulated=task in simulated)
    ]
    if not panels:
        raise UserError("Figure A-2: the study has no task to map", "add a task, or leave the figure out")
    frames = [maps.frame_of(p.lon, p.lat) for p in panels]
    figure, places = _page(panels, frames)
    for letter, panel, frame, (title, box, foot) in zip(_letters(), panels, frames, places, strict=False):
        head = figure.add_axes(title)
        head.axis("off")
        panel_title(head, letter, panel.title)
        _draw_panel(figure, panel, frame, box, foot)
    return figure, pd.concat([_numbers(p) for p in panels], ignore_index=True)


def _letters() -> Iterator[str]:
    yield from ascii_lowercase
    yield from (a + b for a in ascii_lowercase for b in ascii_lowercase)


# ------------------------------------------------------------------------------------------------------------ panels
def _panels(task: str, table: pd.DataFrame, kind: str, *, is_simulated: bool) -> list[_Panel]:
    table = table.sort_values("site_id", ignore_index=True)
    # In a random order no class lies above the others where points are dense.
    table = table.iloc[generator(0, "order of points on a map", task).permutation(len(table))]
    lon, lat = table["lon"].to_numpy(float), table["lat"].to_numpy(float)
    size = f"n = {len(table):,}" + (", simulated" if is_simulated else "")
    if kind == "regression":
        targets = [c for c in table.columns if c not in _PLACE and pd.api.types.is_numeric_dtype(table[c])]
        more = f", {TARGETS} of {len(targets)} targets" if len(targets) > TARGETS else ""
        return [
            _Panel(
                *(task, kind, target, f"{task}: {with_unit(target)}, {size}{more}", is_simulated, lon, lat),
                *(table[target].to_numpy(float), pd.Series(dtype=int)),
            )
            for target in targets[:TARGETS]
        ]
    labels = table["label"].astype("string").fillna("")
    if kind == "multilabel":
        number = labels.map(lambda text: len([c for c in text.split(SEPARATOR) if c])).to_numpy(float)
        title = f"{task}: classes an image, {size}"
        return [_Panel(task, kind, "label", title, is_simulated, lon, lat, number, pd.Series(dtype=int))]
    counts = labels.value_counts().rename_axis("label").reset_index(name="images")
    counts = counts.sort_values(["images", "label"], ascending=[False, True]).set_index("label")["images"]
    return [_Panel(task, kind, "label", f"{task} ({size})", is_simulated, lon, lat, labels.to_numpy(object), counts)]


def _numbers(panel: _Panel) -> pd.DataFrame:
    if len(panel.classes):
        rows = [(c, np.nan, n) for c, n in panel.classes.items()]
    elif panel.kind == "multilabel":
        found, counts = np.unique(panel.values, return_counts=True)
        rows = [(f"{v:g}", np.nan, n) for v, n in zip(found, counts, strict=True)]
    else:
        names, percents = ("min", "p02", "median", "p98", "max"), (0, 2, 50, 98, 100)
        at = np.percentile(panel.values, percents)
        rows = [(n, v, len(panel.values)) for n, v in zip(names, at, strict=True)]
    table = pd.DataFrame(rows, columns=["item", "value", "images"])
    about = {"task": panel.task, "kind": panel.kind, "target": panel.target, "simulated": panel.simulated}
    return table.assign(**about)[["task", "kind", "target", "item", "value", "images", "simulated"]]


# -------------------------------------------------------------------------------------------------------------- page
def _page(panels: list[_Panel], frames: list[maps.MapFrame]) -> tuple[Figure, list[tuple[Box, Box, Box]]]:
    """The figure, and for each panel the boxes of its title, its map and its foot, as fractions of the page."""
    columns = min(2, len(panels))
    cell = WIDTH / 2 if columns == 2 else 0.62 * WIDTH
    sizes = []
    for frame in frames:
        ratio = float(np.divide(*np.ptp(frame.border(), axis=0)[::-1]))
        # Degrees stand around all maps but the world's.
        width = min(cell - (0.1 if frame.is_world else 0.75), _TALLEST / ratio)
        sizes.append((width, width * ratio, 0.03 if frame.is_world else 0.2))
    rows = [range(i, min(i + columns, len(panels))) for i in range(0, len(panels), columns)]
    tall = [max(sizes[i][1] + 2 * sizes[i][2] for i in row) for row in rows]
    feet = [max(panels[i].foot for i in row) for row in rows]
    height = sum(tall) + sum(feet) + _TITLE * len(rows)
    figure = new_figure(height, columns * cell)

    def box(x: float, top: float, w: float, h: float) -> Box:
        return x / (columns * cell), 1 - (top + h) / height, w / (columns * cell), h / height

    places, top = [], 0.0
    for row, map_height, foot in zip(rows, tall, feet, strict=True):
        for i in row:
            left = (i - row[0]) * cell
            width, map_tall, _ = sizes[i]
            x, y = left + (cell - width) / 2, top + _TITLE + (map_height - map_tall) / 2
            below = top + _TITLE + map_height
            places.append(
                (box(left, top, cell, _TITLE - 0.03), box(x, y, width, map_tall), box(left, below, cell, foot))
            )
        top += _TITLE + map_height + foot
    # Titles stand above the boxes' upper ends: these are turned to lines.
    return figure, [((t[0], t[1], t[2], 1e-6), b, f) for t, b, f in places]


# -------------------------------------------------------------------------------------------------------------- maps
def _draw_panel(figure: Figure, panel: _Panel, frame: maps.MapFrame, box: Box, foot: Box) -> None:
    axes = figure.add_axes(box)
    maps.draw_base(axes, frame)
    points = frame.project(panel.lon, panel.lat)
    if len(panel.classes):
        colours = class_colours(panel.classes.index)
        shown = set(panel.classes.index[:CLASSES])
        of_class = {c: to_rgba(colours[c] if c in shown else OTHER) for c in panel.classes.index}
        _draw_points(axes, *points, np.array([of_class[v] for v in panel.values]))
        dots = [
            Line2D([], [], color="none", marker="o", markersize=4, markerfacecolor=c, markeredgecolor="none", label=t)
            for t, c in panel.legend
        ]
        figure.legend(
            handles=dots,
            loc="upper center",
            bbox_to_anchor=(foot[0] + foot[2] / 2, foot[1] + foot[3]),
            ncols=panel.legend_columns,
            fontsize=6,
            handletextpad=0.1,
            columnspacing=0.8,
            labelspacing=0.25,
            borderaxespad=0.2,
            borderpad=0.1,
        )
        return
    inch = 1 / figure.get_figheight()
    bar_box = (foot[0] + 0.25 * foot[2], foot[1] + foot[3] - 0.13 * inch, 0.5 * foot[2], 0.07 * inch)
    if panel.kind == "multilabel":
        most = int(min(panel.values.max(), 8))
        colours = ListedColormap(matplotlib.colormaps["viridis_r"](np.linspace(0.02, 1, most + 1)))
        norm = BoundaryNorm(np.arange(most + 2) - 0.5, most + 1)
        scale = ScalarMappable(norm, colours)
        _draw_points(axes, *points, np.minimum(panel.values, most), scale)
        bar = figure.colorbar(scale, cax=figure.add_axes(bar_box), orientation="horizontal", ticks=range(most + 1))
        if panel.values.max() > most:
            bar.set_ticks(list(range(most + 1)), labels=[*map(str, range(most)), f"≥ {most}"])
    else:
        low, high = np.percentile(panel.values, [2, 98])
        scale = ScalarMappable(Normalize(low, high), "viridis")
        _draw_points(axes, *points, panel.values, scale)
        bar = figure.colorbar(scale, cax=figure.add_axes(bar_box), orientation="horizontal", extend="both")
        bar.locator = MaxNLocator(5)
    bar.outline.set_linewidth(0.4)


def _draw_points(axes: Axes, x: np.ndarray, y: np.ndarray, c: np.ndarray, scale: ScalarMappable | None = None) -> None:
    """Every point in its colour (n, 4), or that of its value on a scale (n,): a mark each, or one picture of many."""
    size = float(np.clip(4_000 / len(x), 0.35, 11))
    if len(x) >= MANY:
        draw_dots(axes, x, y, c if scale is None else scale.to_rgba(c), size=size)
        return
    edge = {"linewidths": 0.2, "edgecolors": "#333333"} if len(x) < 1_500 else {"linewidths": 0.0}
    colours = {} if scale is None else {"cmap": scale.cmap, "norm": scale.norm}
    axes.scatter(x, y, s=size, c=c, zorder=3, **colours, **edge)
