"""Which models differ on a task, and how surely: the doubt of every cell, and paired tests of all pairs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from greenup.evaluate.bootstrap import bootstrap, percentiles
from greenup.evaluate.intervals import compare_samples, compare_trainings, holm
from greenup.schemas import COMPARISONS

log = logging.getLogger(__name__)

CELL = ["protocol", "folds"]
"""What pairs are made, and corrected for their number, within."""

# A mean of scores and the value of the predictions they came with agree but for how scores are rounded when kept.
_SAME = 1e-4


def doubt_of(scores: pd.DataFrame, predictions: pd.DataFrame, metric: str, *, seed: int) -> dict[str, object]:
    """A row of a `doubt` table: one model, task, protocol and kind of folds.

    ``scores``: its `probe` table; ``predictions``: what it predicted, all folds. A score that is not the metric of the
    predictions (a quirk reproduced under ``compat``) is warned of: the interval is then about the metric.
    """
    about = scores.iloc[0]
    result = bootstrap(predictions, metric, seed=seed)
    mean = scores.loc[scores["metric"] == metric, "value"].mean()
    if not abs(mean - result.value) <= _SAME:
        log.warning(
            "%s, %s, %s folds: the mean score is %.4f, but %s of the kept predictions %.4f; intervals speak of the "
            "latter", about["model"], about["protocol"], about["folds"], mean, metric, result.value,
        )  # fmt: skip
    low, high = result.interval()
    return {
        **{c: about[c] for c in ("model", "task", "protocol", "folds")},
        "metric": metric,
        "value": result.value,
        "low": low,
        "high": high,
        "images": predictions["site_id"].nunique(),
        "draws": len(result.samples),
        "samples": result.samples.astype("float32"),
    }


def compare_models(
    scores: pd.DataFrame, doubt: pd.DataFrame, trainings: Mapping[str, str], reference: str | None = None
) -> pd.DataFrame:
    """Every pair of models on one task, or each model against a reference: a `comparisons` table.

    ``scores``: `probe` rows of the main metric; ``doubt``: of the same cells; ``trainings``: model -> what trainings
    that differ in their seed alone are called together (its own name where it is the only one); ``reference``: such a
    name; where it was not judged, every pair is compared.

    Over several folds of kind random or blocks the test is the corrected resampled t (`intervals.compare_trainings`),
    over an official test part, or one fold, the bootstrap over test images (`intervals.compare_samples`). Models are
    compared on the folds that both were judged on. p_holm is corrected for the pairs of one protocol and kind of folds.
    """
    rows: list[dict[str, object]] = []
    for (protocol, folds), cell in scores.groupby(CELL, sort=False):
        of_cell = doubt[(doubt["protocol"] == protocol) & (doubt["folds"] == folds)].set_index("model")["samples"]
        by_training = cell.groupby(cell["model"].map(trainings), sort=False)
        sides = {name: _Side(name, group, of_cell) for name, group in by_training}
        if reference in sides:
            pairs = [(name, reference) for name in sides if name != reference]
        else:
            pairs = list(combinations(sides, 2))
        found = [_pair(folds, sides[first], sides[second]) for first, second in pairs]
        for row, p in zip(found, holm([row["p"] for row in found]), strict=True):
            about = {"task": cell["task"].iloc[0], "protocol": protocol, "folds": folds}
            rows.append(about | {"metric": cell["metric"].iloc[0]} | row | {"p_holm": p})
    return pd.DataFrame(rows, columns=[c.name for c in COMPARISONS.columns])


class _Side:
    """One model over its trainings: ``values`` (S, F), scores by seed and fold, and ``samples``, an array a seed."""

    def __init__(self, name: str, group: pd.DataFrame, samples: pd.Series) -> None:
        table = group.pivot_table(index="model", columns="fold", values="value", sort=False).dropna(axis=1)
        sizes = group.drop_duplicates("fold").set_index("fold")
        self.name, self.values = name, table.sort_index(axis=1)
        self.n_test, self.n_train = sizes["n_test"], sizes["n_train"]
        self.samples = [np.asarray(samples[m], dtype="float64") for m in table.index]

    def on(self, folds: pd.Index) -> np.ndarray:
        return self.values[folds].to_numpy()

    @property
    def seed_sd(self) -> float:
        return float(self.values.mean(axis=1).std()) if len(self.values) > 1 else float("nan")


def _pair(folds: str, first: _Side, second: _Side) -> dict[str, object]:
    shared = first.values.columns.intersection(second.values.columns)
    a, b = first.on(shared), second.on(shared)
    # Samples are paired where both were judged on the same test images, which is so where they share all folds.
    is_paired = len(shared) == first.values.shape[1] == second.values.shape[1]
    samples = _mean_sample(first.samples) - _mean_sample(second.samples) if is_paired else np.full(1, np.nan)
    boot_low, boot_high = percentiles(samples)
    result, test = None, "corrected_t"
    if len(shared) > 1 and folds != "official":
        result = compare_trainings(a, b, first.n_test[shared].to_numpy(), first.n_train[shared].to_numpy())
    elif is_paired:
        test = "bootstrap"
        result = compare_samples(a.mean() - b.mean(), samples, [a.mean(axis=1), b.mean(axis=1)])
    else:
        log.warning("%s and %s share %d folds: their difference is not tested", first.name, second.name, len(shared))
    return {
        "first": first.name,
        "second": second.name,
        "mean_first": a.mean() if len(shared) else np.nan,
        "mean_second": b.mean() if len(shared) else np.nan,
        "seeds_first": len(a),
        "seeds_second": len(b),
        "seed_sd_first": first.seed_sd,
        "seed_sd_second": second.seed_sd,
        "difference": a.mean() - b.mean() if len(shared) else np.nan,
        "low": result.difference.low if result else np.nan,
        "high": result.difference.high if result else np.nan,
        "p": result.p if result else np.nan,
        "test": test,
        "n": len(shared),
        "boot_low": boot_low,
        "boot_high": boot_high,
    }


def _mean_sample(samples: list[np.ndarray]) -> np.ndarray:
    return np.mean(samples, axis=0)
