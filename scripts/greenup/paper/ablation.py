"""What each axis of an ablation changes: the scores of every cell of the grid, and main effects with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from greenup.config.ablation import AXES, Cell
from greenup.evaluate.intervals import compare_trainings, holm, summarise
from greenup.paper.comparisons import LEVEL, probability
from greenup.paper.plain import PlainTable
from greenup.paper.sampling_effect import interval
from greenup.paper.style import readable
from greenup.paper.tables import number, title

KEYS = ["task", "protocol", "folds"]

Grid = Mapping[tuple[str, ...], np.ndarray]


def cell_scores(scores: pd.DataFrame, cells: Sequence[Cell], metrics: Mapping[str, str]) -> pd.DataFrame:
    """Mean score of every cell of the grid: a row a task, protocol, kind of folds and cell.

    ``scores``: `PROBES` rows of the grid's models; ``metrics``: task -> its main metric. ``low`` and ``high`` are the
    corrected interval over folds of the mean over seeds; ``seed_sd`` the standard deviation of the means of the seeds.
    """
    rows = []
    for key, grid, sizes, metric in _grids(scores, cells, metrics):
        for at, values in grid.items():
            found = summarise(values.mean(axis=0), sizes["n_test"], sizes["n_train"])
            means = values.mean(axis=1)
            rows.append(
                dict(zip(KEYS, key, strict=True))
                | {"metric": metric, **dict(zip(AXES, at, strict=True)), "mean": found.mean, "sd": found.sd}
                | {"low": found.low, "high": found.high, "folds_n": found.n, "seeds": len(values)}
                | {"seed_sd": float(means.std(ddof=1)) if len(means) > 1 else np.nan}
            )
    return pd.DataFrame(rows)


def main_effects(scores: pd.DataFrame, cells: Sequence[Cell], metrics: Mapping[str, str]) -> pd.DataFrame:
    """Main effect of every value of an axis against the axis's first value: mean difference over the pairs of cells
    that differ on this axis alone.

    Where the grid is whole this is the difference of the two marginal means; where cells are left out, only pairs of
    which both are there count. The interval is that of `greenup.evaluate.intervals.compare_trainings`: corrected over
    folds, and with the spread of the seeds where there are several. p_holm is corrected for the effects of one task,
    protocol and kind of folds.
    """
    rows = []
    for key, grid, sizes, metric in _grids(scores, cells, metrics):
        found = []
        for i, axis in enumerate(AXES):
            values = list(dict.fromkeys(c.value(axis) for c in cells))
            for value in values[1:]:
                pairs = [(at, (*at[:i], values[0], *at[i + 1 :])) for at in grid if at[i] == value]
                pairs = [(one, other) for one, other in pairs if other in grid]
                if not pairs:
                    continue
                one, other = (np.mean([grid[p[side]] for p in pairs], axis=0) for side in (0, 1))
                result = compare_trainings(one, other, sizes["n_test"], sizes["n_train"])
                found.append(
                    dict(zip(KEYS, key, strict=True))
                    | {"metric": metric, "axis": axis, "value": value, "against": values[0], "pairs": len(pairs)}
                    | {"seeds": len(one), "n": result.difference.n, "effect": result.difference.mean}
                    | {"low": result.difference.low, "high": result.difference.high, "p": result.p}
                )
        rows += [row | {"p_holm": p} for row, p in zip(found, holm([r["p"] for r in found]), strict=True)]
    return pd.DataFrame(rows, columns=_EFFECT_COLUMNS)


_EFFECT_COLUMNS = [
    *(*KEYS, "metric", "axis", "value", "against", "pairs", "seeds", "n", "effect", "low", "high", "p", "p_holm")
]


def _grids(scores: pd.DataFrame, cells: Sequence[Cell], metrics: Mapping[str, str]):
    """Of each task, protocol and kind of folds: its key, the scores (seeds, folds) of every cell on the folds that all
    share, the sizes of these folds, and the metric."""
    key_of = {c.model: c.key for c in cells}
    main = scores[scores["model"].isin(key_of) & (scores["metric"] == scores["task"].map(dict(metrics)))]
    for key, rows in main.groupby(KEYS, sort=False):
        # Fold numbers that every training was judged on.
        wide = rows.pivot_table(index="model", columns="fold", values="value").dropna(axis=1)
        sizes = rows.drop_duplicates("fold").set_index("fold").loc[wide.columns, ["n_test", "n_train"]]
        sizes = {c: sizes[c].to_numpy(dtype=float) for c in sizes}
        models: dict[tuple[str, ...], list[str]] = {}
        for cell in cells:
            if cell.model in wide.index:
                models.setdefault(cell.key, []).append(cell.model)
        yield key, {k: wide.loc[m].to_numpy(dtype=float) for k, m in models.items()}, sizes, metrics[key[0]]


# ------------------------------------------------------------------------------------------------------------ readable
def readable_cells(table: pd.DataFrame, *, simulated: bool) -> PlainTable:
    """A row a cell, a group a task, protocol and kind of folds. ``table``: of `cell_scores`."""
    groups = []
    for key, rows in table.groupby(KEYS, sort=False):
        best = rows["mean"].max()
        cells = tuple(
            (
                *(str(getattr(r, axis)) for axis in AXES),
                number(r.mean) + ("*" if r.mean == best else ""),
                "–" if np.isnan(r.low) else f"[{number(r.low)}, {number(r.high)}]",
                "1" if r.seeds == 1 else f"{r.seeds} ± {number(r.seed_sd)}",
            )
            for r in rows.itertuples()
        )
        groups.append((_head(key, rows), cells))
    legend = (
        f"{_simulated(simulated)}Metrics × 100, mean over folds and seeds; in brackets the 95 % interval over folds "
        "(corrected resampled t). Seeds: trainings of a cell, with the standard deviation of their means. *: the "
        "highest mean of a group."
    )
    return PlainTable((*AXES, "mean", "95 % interval", "seeds"), tuple(groups), legend, numeric=(4, 5, 6))


def readable_effects(table: pd.DataFrame, *, simulated: bool) -> PlainTable:
    """A row a value of an axis, a group a task, protocol and kind of folds. ``table``: of `main_effects`."""
    groups = []
    for key, rows in table.groupby(KEYS, sort=False):
        cells = tuple(
            (
                r.axis,
                f"{r.value} less {r.against}",
                number(r.effect, sign=True) + ("*" if r.p_holm < LEVEL else ""),
                interval(r.low, r.high),
                probability(r.p_holm),
                str(r.pairs),
                str(r.seeds),
            )
            for r in rows.itertuples()
        )
        groups.append((_head(key, rows), cells))
    legend = (
        f"{_simulated(simulated)}Main effects, metrics × 100: mean difference over the pairs of cells that differ on "
        "one axis alone. 95 % interval and p: corrected resampled t over folds, with the spread of the seeds where "
        "there are several; with one seed they say nothing of other trainings. p corrected for the effects of a group "
        f"(Holm); * below {LEVEL:g}."
    )
    columns = ("axis", "value", "effect", "95 % interval", "p, Holm", "pairs", "seeds")
    return PlainTable(columns, tuple(groups), legend, numeric=(2, 3, 4, 5, 6))


def _head(key: tuple[str, ...], rows: pd.DataFrame) -> str:
    task, protocol, folds = key
    return f"{readable(task)}, {title(protocol)}, {title(folds)} ({title(rows['metric'].iloc[0])})"


def _simulated(simulated: bool) -> str:
    return "Simulated images (miniature Earth). " if simulated else ""
