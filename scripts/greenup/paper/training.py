"""Training curves: does the loss fall, does the embedding keep its spread, and how fast was it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from greenup.errors import UserError
from greenup.paper.style import CYCLE, GREY, new_figure, panel_title
from greenup.schemas import CURVE_COLUMNS


def read_curves(files: Mapping[str, str | Path]) -> pd.DataFrame:
    """The curves of several models as one table with a column ``model`` in front, in the order given.

    Raises `UserError` naming the file that is missing, empty, or lacks a column.
    """
    tables = []
    for model, path in files.items():
        try:
            table = pd.read_csv(path)
        except (OSError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
            raise UserError(f"{path}: cannot be read ({error})", "delete it and train again") from error
        lacking = [c for c in CURVE_COLUMNS if c not in table]
        if lacking:
            raise UserError(
                f"{path}: column {lacking[0]!r} is missing", f"training curves have {', '.join(CURVE_COLUMNS)}"
            )
        tables.append(table.assign(model=model))
    if not tables or not any(len(t) for t in tables):
        raise UserError("no training curve to draw", "train a model, or leave the training figure out")
    curves = pd.concat(tables, ignore_index=True)
    curves["simulated"] = curves["simulated"].astype(str).str.lower().isin(["true", "1", "1.0"])
    return curves[["model", *CURVE_COLUMNS]]


def draw_training(curves: pd.DataFrame) -> Figure:
    """Loss (training thin, held-out thick), spread of the embedding, learning rate and speed, a colour a model.

    Where an online probe was run, its accuracy is drawn dotted beside the spread.

    ``curves``: from `read_curves`. The spread is that of the trainer: standard deviation of the coordinates of unit
    embeddings over a batch, times the root of the dimension, in the space where it is least. 0 is collapse, about 1
    what points spread evenly over the sphere have.
    """
    figure = new_figure(3.7)
    margins = {"left": 0.065, "right": 0.985, "top": 0.93, "bottom": 0.1}
    grid = figure.add_gridspec(2, 3, hspace=0.5, wspace=0.38, width_ratios=(1.7, 1, 1), **margins)
    loss = figure.add_subplot(grid[:, 0])
    spread, rate = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[0, 2])
    speed, wait = figure.add_subplot(grid[1, 1]), figure.add_subplot(grid[1, 2])
    models = list(dict.fromkeys(curves["model"]))
    for i, model in enumerate(models):
        colour = CYCLE[i % len(CYCLE)]
        mine = curves[curves["model"] == model].sort_values(["epoch", "step"])
        thin = {"linewidth": 0.9, "alpha": 0.65, "linestyle": (0, (4, 1.5))}
        _line(loss, mine, "loss", color=colour, label=f"{model}, training", **thin)
        _line(loss, mine, "held_out_loss", color=colour, linewidth=1.7, label=f"{model}, held out")
        _line(spread, mine, "embedding_std", color=colour)
        _line(spread, mine, "knn_accuracy", color=colour, linewidth=0.9, linestyle=(0, (1, 1)))
        _line(rate, mine, "lr", color=colour)
        _line(speed, mine, "samples_per_second", color=colour)
        _line(wait, mine, "wait_share", 100, color=colour)
    probed = " (dotted: k-NN accuracy)" if curves["knn_accuracy"].notna().any() else " of embeddings"
    loss.set_ylabel("loss")
    loss.set_xlabel("epoch")
    loss.legend(loc="best")
    for letter, axes, title, label in zip(
        "abcde",
        (loss, spread, rate, speed, wait),
        ("loss", "spread" + probed, "learning rate", "speed", "waiting for data"),
        (None, "relative to a sphere", "", "samples per second", "share of the time (%)"),
        strict=True,
    ):
        panel_title(axes, letter, title)
        axes.grid(axis="y", color="#E8E8E8", linewidth=0.5)
        if label is not None:
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
        if not axes.lines:
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=GREY)
    for axes in (loss, spread, rate, speed, wait):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    rate.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    speed.set_xlabel("epoch")
    wait.set_xlabel("epoch")
    if np.nanmax([*(100 * curves["wait_share"].to_numpy(float)), 0]) < 5:
        wait.set_ylim(0, 5)
    return figure


def _line(axes: Axes, table: pd.DataFrame, column: str, scale: float = 1.0, **style: object) -> None:
    """One curve over epochs; a single point gets a marker, a column without values nothing."""
    known = table[table[column].notna()]
    if len(known):
        marker = "o" if len(known) == 1 else None
        axes.plot(known["epoch"], scale * known[column].astype(float), marker=marker, markersize=3, **style)
