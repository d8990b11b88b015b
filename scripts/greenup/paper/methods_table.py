"""What methods of pretraining give: the losses of their trainings, and probes against random weights, over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.evaluate.intervals import Comparison, compare, summarise
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable

BASELINE = "random_init"
"""The method that others are held against, network by network."""

PLACE = ["task", "protocol", "folds"]
"""What scores are compared within."""

_PROTOCOLS = {"linear": "linear probe", "knn": "k-NN"}
_METRICS = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "micro_map": "micro mAP",
    "r2_mean": "mean R²",
    "accuracy": "accuracy",
}


@dataclass(frozen=True)
class Trained:
    """A model of the study: its ``method``, ``backbone`` (None: no network) and ``seed``."""

    method: str
    backbone: str | None
    seed: int


def losses_of(curves: pd.DataFrame, models: Mapping[str, Trained]) -> pd.DataFrame:
    """One row a trained model: how its held-out loss went, and whether its embeddings kept their spread.

    ``curves``: from `greenup.paper.training.read_curves`. Columns: method, backbone, model, seed, epochs, steps, loss
    (training, last epoch), held_out_first, held_out_highest, held_out_last, spread_least, spread_last, simulated.
    """
    rows = []
    for name, group in curves.groupby("model", sort=False):
        group = group.sort_values("step")
        first, last, about = group.iloc[0], group.iloc[-1], models[name]
        rows.append(
            {
                "method": about.method,
                "backbone": about.backbone,
                "model": name,
                "seed": about.seed,
                "epochs": int(last["epoch"]),
                "steps": int(last["step"]),
                "loss": last["loss"],
                "held_out_first": first["held_out_loss"],
                "held_out_highest": group["held_out_loss"].max(),
                "held_out_last": last["held_out_loss"],
                "spread_least": group["embedding_std"].min(),
                "spread_last": last["embedding_std"],
                "simulated": bool(group["simulated"].any()),
            }
        )
    return pd.DataFrame(rows)


def scores_of(
    probes: Sequence[pd.DataFrame], metrics: Mapping[str, str], models: Mapping[str, Trained]
) -> pd.DataFrame:
    """One row a model, and one a method with its network over all its seeds (``model`` and ``seed`` empty).

    ``probes``: `probe` tables with ``attrs["simulated"]``; ``metrics``: task -> main metric, the only one told. Columns
    after method, backbone, model, seed, task, protocol, folds, metric: mean, low, high (fractions; n scores, a fold
    each, or a fold and seed each), seeds_low, seeds_high (lowest and highest mean of a seed), difference,
    difference_low, difference_high, p (to `BASELINE` with the same network; empty where there is none), simulated.

    Intervals are 95 % corrected resampled t (`greenup.evaluate.intervals`). That of a method takes the scores of all
    folds and seeds as one sample, as is usual for repeated cross-validation (Bouckaert & Frank 2004); the difference
    is paired over folds: in each, the mean over the method's seeds less the mean over the baseline's.

    Raises `UserError` when no probe has a task's main metric, and when models were scored on different folds.
    """
    if not probes:
        raise UserError("no probe to tabulate", "evaluate a model on a task first")
    scores = pd.concat([p.assign(simulated=bool(p.attrs.get("simulated", False))) for p in probes], ignore_index=True)
    scores = scores[scores["metric"] == scores["task"].map(metrics)]
    if scores.empty:
        raise UserError("the probes hold none of the tasks' main metrics", "set the metric of each task")
    scores = scores.assign(
        method=scores["model"].map(lambda m: models[m].method),
        backbone=scores["model"].map(lambda m: models[m].backbone or ""),
    )
    rows = []
    for place, here in scores.groupby(PLACE, sort=False):
        kinds = {key: _Kind.of(group) for key, group in here.groupby(["method", "backbone"], sort=False)}
        for (method, backbone), kind in kinds.items():
            base = kinds.get((BASELINE, backbone)) if method != BASELINE else None
            about = {"method": method, "backbone": backbone or None, **dict(zip(PLACE, place, strict=True))}
            about |= {"metric": metrics[place[0]], "simulated": bool(here["simulated"].any())}
            means = kind.values.mean(axis=1)
            rows.append(
                about
                | {"model": None, "seed": None, **kind.interval(kind.values), **_difference(kind, base)}
                | {"seeds_low": means.min(), "seeds_high": means.max()}
            )
            for name, values in zip(kind.names, kind.values, strict=True):
                rows.append(about | {"model": name, "seed": models[name].seed, **kind.interval(values[None])})
    columns = ["method", "backbone", "model", "seed", *PLACE, "metric", "mean", "low", "high", "n", "seeds_low"]
    columns += ["seeds_high", "difference", "difference_low", "difference_high", "p", "simulated"]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64"})


@dataclass(frozen=True)
class _Kind:
    """Scores of one method with one network: ``values`` (models, folds), and the images of each fold."""

    names: list[str]
    folds: list[int]
    values: np.ndarray
    n_test: np.ndarray
    n_train: np.ndarray

    @classmethod
    def of(cls, group: pd.DataFrame) -> _Kind:
        table = group.pivot_table(index="model", columns="fold", values="value", sort=False)
        if table.isna().to_numpy().any():
            raise UserError(
                f"probes of {', '.join(map(str, table.index))}: not all were scored on the same folds",
                "make the probes again: snakemake --forcerun run_probe",
            )
        sizes = group.drop_duplicates("fold").set_index("fold").sort_index()
        return cls(
            list(table.index),
            sorted(table.columns),
            table[sorted(table.columns)].to_numpy(),
            sizes["n_test"].to_numpy(),
            sizes["n_train"].to_numpy(),
        )

    def interval(self, values: np.ndarray) -> dict[str, float]:
        s = summarise(values.ravel(), np.tile(self.n_test, len(values)), np.tile(self.n_train, len(values)))
        return {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n}


def _difference(kind: _Kind, base: _Kind | None) -> dict[str, float]:
    if base is None:
        return {}
    if kind.folds != base.folds:
        raise UserError("the baseline was not scored on the same folds", "make the probes again")
    c: Comparison = compare(kind.values.mean(axis=0), base.values.mean(axis=0), kind.n_test, kind.n_train)
    d = c.difference
    return {"difference": d.mean, "difference_low": d.low, "difference_high": d.high, "p": c.p}


# -------------------------------------------------------------------------------------------------------- readable
def readable_scores(scores: pd.DataFrame) -> PlainTable:
    """The rows of methods, a group each task, protocol and kind of folds."""
    methods, groups = scores[scores["model"].isna()], []
    trained = scores[scores["model"].notna()].fillna({"backbone": ""})
    counts = trained.groupby(["method", "backbone"])["model"].nunique()
    for (task, protocol, folds), group in methods.groupby(PLACE, sort=False):
        metric = group["metric"].iloc[0]
        title = f"{readable(task)}, {_PROTOCOLS[protocol]}, {folds} folds ({_METRICS.get(metric, metric)})"
        groups.append((title, tuple(_score_row(r, counts) for r in group.itertuples())))
    simulated = "Simulated images (miniature Earth). " if scores["simulated"].any() else ""
    return PlainTable(
        ("method", "network", "seeds", "mean", "95 % interval", "over seeds", f"less {BASELINE}", "95 % interval"),
        tuple(groups),
        f"{simulated}Metrics × 100. Mean and interval: over all folds and seeds (corrected resampled t). Over seeds: "
        f"lowest and highest mean of a seed. Less {BASELINE}: the paired difference over folds to random weights of "
        "the same network, each the mean over its seeds; * where its interval leaves out 0, not corrected for several "
        "comparisons.",
        numeric=(2, 3, 4, 5, 6, 7),
    )


def _score_row(row: object, counts: pd.Series) -> tuple[str, ...]:
    several = row.seeds_low != row.seeds_high
    known = pd.notna(row.difference)
    marked = known and (row.difference_low > 0 or row.difference_high < 0)
    backbone = row.backbone if pd.notna(row.backbone) else ""
    return (
        row.method,
        backbone or "–",
        str(int(counts[(row.method, backbone)])),
        _number(row.mean),
        f"[{_number(row.low)}, {_number(row.high)}]",
        f"{_number(row.seeds_low)} – {_number(row.seeds_high)}" if several else "–",
        f"{_number(row.difference, sign=True)}{'*' if marked else ''}" if known else "–",
        f"[{_number(row.difference_low)}, {_number(row.difference_high)}]" if known else "–",
    )


def readable_losses(losses: pd.DataFrame) -> PlainTable:
    """A row a method and network: means over its seeds."""
    rows = []
    for (method, backbone), group in losses.groupby(["method", "backbone"], sort=False):
        fell = (group["held_out_last"] < group["held_out_first"]).sum()
        numbers = [f"{group[c].mean():.3f}" for c in ("loss", "held_out_first", "held_out_highest", "held_out_last")]
        spreads = f"{group['spread_least'].min():.2f}", f"{group['spread_last'].mean():.2f}"
        steps = str(int(group["steps"].max()))
        rows.append((method, backbone, str(len(group)), steps, *numbers, f"{fell} of {len(group)}", *spreads))
    simulated = "Simulated images (miniature Earth). " if losses["simulated"].any() else ""
    columns = ("method", "network", "seeds", "steps", "loss", "held out: first", "highest", "last", "fell")
    return PlainTable(
        (*columns, "least spread", "last spread"),
        (("", tuple(rows)),),
        f"{simulated}Means over seeds. Held out: loss of sites that are not trained on, after the first epoch, its "
        "highest, and after the last; fell: trainings whose last is below their first. Spread: of the embedding that "
        "each method watches, 0 collapsed, 1 all over the sphere; the least of any epoch and seed, and the mean of the "
        "last. Losses of different methods are different things.",
        numeric=tuple(range(2, 11)),
    )


def _number(value: float, *, sign: bool = False) -> str:
    """A fraction x 100 with one decimal and a true minus sign; never -0.0."""
    if np.isnan(value):
        return "–"
    text = f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"
    return {"-0.0": "0.0", "+0.0": "0.0"}.get(text, text).replace("-", "−")
