"""What the dates of the training images change downstream: two models, paired on every task, protocol and kind of
folds."""

from __future__ import annotations

import pandas as pd

from greenup.evaluate.comparisons import compare_models
from greenup.evaluate.intervals import holm
from greenup.paper.comparisons import LEVEL, probability
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.paper.tables import number, title


def sampling_effect(
    scores: pd.DataFrame, doubt: pd.DataFrame, sides: dict[str, list[str]], metrics: dict[str, str]
) -> pd.DataFrame:
    """The first side less the second: rows of `COMPARISONS`, one a task, protocol and kind of folds.

    ``scores``: `PROBES` rows; ``doubt``: `DOUBT` rows of the same cells; ``sides``: the name of a side -> its
    trainings, first the first; ``metrics``: task -> its main metric. Tasks that only one side is judged on are left
    out. p_holm is corrected for all rows of one kind of folds.
    """
    first, second = sides
    trainings = {model: name for name, models in sides.items() for model in models}
    parts = []
    for task, rows in scores[scores["model"].isin(trainings)].groupby("task", sort=False):
        main = rows[rows["metric"] == metrics[task]]
        found = compare_models(main, doubt[doubt["task"] == task], trainings, second)
        parts.append(found[found["first"] == first])
    table = pd.concat(parts, ignore_index=True)
    for _, rows in table.groupby("folds"):
        table.loc[rows.index, "p_holm"] = holm(rows["p"])
    return table


def readable_effect(table: pd.DataFrame, *, simulated: bool) -> PlainTable:
    """One row a task and protocol, a group a kind of folds. ``table``: of `sampling_effect`."""
    groups = []
    for folds, rows in table.groupby("folds", sort=False):
        cells = tuple(
            (
                readable(r.task),
                title(r.protocol),
                title(r.metric),
                _mean(r.mean_first, r.seeds_first, r.seed_sd_first),
                _mean(r.mean_second, r.seeds_second, r.seed_sd_second),
                number(r.difference, sign=True) + ("*" if r.p_holm < LEVEL else ""),
                interval(r.low, r.high),
                probability(r.p_holm),
            )
            for r in rows.itertuples()
        )
        groups.append((f"{title(folds)} folds" if folds != "official" else title(folds), cells))
    first, second = table["first"].iloc[0], table["second"].iloc[0]
    columns = ("task", "protocol", "metric", first, second, "difference", "95 % interval", "p, Holm")
    simulation = "Simulated images (miniature Earth). " if simulated else ""
    legend = (
        f"{simulation}Metrics × 100: {first} less {second}, paired over the same folds (corrected resampled t; on an "
        "official test part the bootstrap over its images). Means over n trainings ± their standard deviation; with "
        "one training a side the interval says nothing of other seeds. p corrected for the rows of a group (Holm); * "
        f"below {LEVEL:g}. Blocks: whole spatial blocks are held out."
    )
    return PlainTable(columns, tuple(groups), legend, numeric=(3, 4, 5, 6, 7))


def interval(low: float, high: float) -> str:
    """[low, high] x 100 with signs; a dash where it is not known."""
    return "–" if pd.isna(low) else f"[{number(low, sign=True)}, {number(high, sign=True)}]"


def _mean(mean: float, seeds: int, sd: float) -> str:
    return number(mean) if seeds == 1 else f"{number(mean)} ± {number(sd)} (n = {seeds})"
