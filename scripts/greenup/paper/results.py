"""The results: every model on every task, with its doubt; one row a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.evaluate.bootstrap import paired_p
from greenup.evaluate.intervals import compare, holm, summarise

KEYS = ["task", "protocol", "folds", "metric"]
"""One column of the readable table: models are ranked within it."""

OFFICIAL = "official"
"""The kind of folds that has one test part."""

_ERRORS = ("mae", "rmse", "mse")
"""Metrics whose name begins so are better when smaller."""


def results_table(
    probes: Sequence[pd.DataFrame],
    metrics: Mapping[str, str],
    models: Sequence[str],
    doubt: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row a task x protocol x kind of folds x metric x model.

    ``probes``: `probe` tables, each with its ``attrs["simulated"]``; ``metrics``: task -> main metric; ``models``: the
    order of the rows; ``doubt``: rows of `doubt` tables. Columns: task, protocol, folds, metric, is_main, model, mean,
    sd, low, high (fractions; 95 % interval by ``interval``: corrected_t over folds, or bootstrap over the images of an
    official test part), n (folds), images (tested, different ones), rank (1 is best), p_best (two-sided p of the paired
    difference to the best model; empty for the best and where the two were not judged alike), p_holm (corrected for the
    models of its column), boot_low, boot_high (bootstrap interval over test images), simulated. Order: tasks as in
    ``metrics``, linear before knn, random before blocks before official, main metric first, models as given. Raises
    `UserError` when a task lacks its main metric.

    The training size of a fold is the column ``n_train``; in tables without it, all images outside its test part.
    """
    if not probes:
        raise UserError("no probe to tabulate", "evaluate a model on a task first")
    scores = pd.concat([p.assign(simulated=bool(p.attrs.get("simulated", False))) for p in probes], ignore_index=True)
    scores = _with_training_size(scores)
    bootstrapped = {} if doubt is None else {tuple(r[c] for c in (*KEYS, "model")): r for _, r in doubt.iterrows()}
    rows = []
    for key, group in scores.groupby(KEYS, sort=False):
        by_model = {m: g.sort_values("fold") for m, g in group.groupby("model", sort=False)}
        drawn = {m: bootstrapped.get((*key, m)) for m in by_model}
        sign = -1.0 if key[3].startswith(_ERRORS) else 1.0
        order = sorted(by_model, key=lambda m: (-sign * by_model[m]["value"].mean(), m))
        p_best = [
            np.nan
            if m == order[0]
            else _p_of_difference(key[2], by_model[m], by_model[order[0]], drawn[m], drawn[order[0]])
            for m in by_model
        ]
        for (model, mine), p, corrected in zip(by_model.items(), p_best, holm(p_best), strict=True):
            rows.append(
                {
                    **dict(zip(KEYS, key, strict=True)),
                    "is_main": metrics.get(key[0]) == key[3],
                    "model": model,
                    **_doubt_of(key[2], mine, drawn[model]),
                    "rank": order.index(model) + 1,
                    "p_best": p,
                    "p_holm": corrected,
                    "simulated": bool(mine["simulated"].any()),
                }
            )
    table = pd.DataFrame(rows)
    for task, metric in metrics.items():
        if not table.loc[table["task"] == task, "is_main"].any():
            found = ", ".join(sorted(set(table.loc[table["task"] == task, "metric"]))) or "nothing"
            raise UserError(f"task {task!r}: no score {metric!r}; its probes hold {found}", f"set tasks.{task}.metric")
    return _in_order(table, list(metrics), list(models))


def _doubt_of(folds: str, mine: pd.DataFrame, drawn: pd.Series | None) -> dict[str, object]:
    """Mean, spread and interval of one model's folds. An official test part is one sample of images: how folds scatter
    says nothing of it, and the bootstrap does."""
    s = summarise(mine["value"].tolist(), mine["n_test"].tolist(), mine["n_train"].tolist())
    boot_low, boot_high = (np.nan, np.nan) if drawn is None else (drawn["low"], drawn["high"])
    is_bootstrap = folds == OFFICIAL or s.n == 1
    low, high = (boot_low, boot_high) if is_bootstrap else (s.low, s.high)
    tested = mine["n_test"].max() if folds == OFFICIAL else mine["n_test"].sum()
    return {
        "mean": s.mean,
        "sd": s.sd,
        "low": low,
        "high": high,
        "interval": "bootstrap" if is_bootstrap else "corrected_t",
        "n": s.n,
        "images": int(tested if drawn is None else drawn["images"]),
        "boot_low": boot_low,
        "boot_high": boot_high,
    }


def _with_training_size(scores: pd.DataFrame) -> pd.DataFrame:
    """Fill the column n_train: the folds' test parts together are all images."""
    scores = scores.copy()
    if "n_train" not in scores:
        scores["n_train"] = np.nan
    total = scores.groupby([*KEYS, "model"])["n_test"].transform("sum")
    # A single fold leaves nothing outside; it has no interval either, so any positive size does.
    outside = (total - scores["n_test"]).clip(lower=1)
    scores["n_train"] = scores["n_train"].astype("float64").fillna(outside.astype("float64"))
    return scores


def _p_of_difference(
    folds: str, first: pd.DataFrame, best: pd.DataFrame, drawn: pd.Series | None, drawn_best: pd.Series | None
) -> float:
    """Two-sided p of the paired difference; NaN when the two were not scored on the same folds."""
    if first["fold"].tolist() != best["fold"].tolist():
        return float("nan")
    if folds != OFFICIAL and len(first) > 1:
        sizes = first["n_test"].tolist(), first["n_train"].tolist()
        return compare(first["value"].tolist(), best["value"].tolist(), *sizes).p
    if drawn is None or drawn_best is None:
        return float("nan")
    return paired_p(np.asarray(drawn["samples"]) - np.asarray(drawn_best["samples"]))


def _in_order(table: pd.DataFrame, tasks: list[str], models: list[str]) -> pd.DataFrame:
    def position(column: str, known: list[str]) -> pd.Series:
        places = {name: i for i, name in enumerate(known)}
        return table[column].map(lambda v: (places.get(v, len(known)), str(v)))

    order = pd.DataFrame(
        {
            "task": position("task", tasks),
            "protocol": position("protocol", ["linear", "knn", "finetune", "siamese"]),
            "folds": position("folds", ["random", "blocks", OFFICIAL]),
            "other": ~table["is_main"],
            "metric": table["metric"],
            "model": position("model", models),
        }
    )
    return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)
