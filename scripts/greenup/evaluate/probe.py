"""One protocol of one model on one task over all folds of one kind: scores and predictions."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from greenup.config import parse
from greenup.config.evaluation import KnnProtocol, LinearProtocol
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.evaluate.knn import nearest_images, vote
from greenup.evaluate.truth import Truth
from greenup.evaluate.vectors import Vectors

log = logging.getLogger(__name__)


def run_probe(
    embeddings: Vectors,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    task: Task,
    protocol: str,
    settings: dict[str, Any],
    *,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score frozen embeddings on a task.

    ``labels``, ``folds``: tables of those schemas, ``folds`` of one kind; ``protocol``: linear or knn, with
    ``settings`` of its block of ``evaluation.protocols``. The order of rows changes nothing. Memory: about five times
    the embeddings' numbers.

    Returns *scores*, one row a fold x metric (fold, metric, value, n_test, n_train, choice; values are fractions or in
    the target's unit; n_train is what the corrected intervals of `greenup.evaluate.intervals` need; choice is what was
    chosen on the validation part), and *predictions*, one row a fold x tested image, of the `predictions` schema.

    Raises `UserError` when the three do not speak of the same images, when folds are of several kinds or none, when an
    embedding is not finite, and for labels as `Truth.of` does.
    """
    labels = labels.sort_values("site_id", ignore_index=True)
    truth = Truth.of(labels, task.kind)
    ids = labels["site_id"].to_numpy(dtype=object)
    numbers, parts = parts_of(folds, ids)
    x = embeddings.of_images(labels)
    train, val, test = (parts == p for p in ("train", "val", "test"))
    for name, part in (("train", train), ("test", test)):
        if not part.any(axis=1).all():
            empty = numbers[int((~part.any(axis=1)).argmax())]
            raise UserError(
                f"fold {empty} has no image in its {name} part", "write fewer folds: evaluation.folds.count"
            )
    if protocol == "linear":
        given = parse(LinearProtocol, settings)
        scores, choices = _linear(x, truth, train, val, test, given, task.positive_weight, seed)
    elif protocol == "knn":
        given = parse(KnnProtocol, settings)
        scores, choices = _knn(x, truth, train, val, test, given, task)
    else:
        raise ValueError(f"unknown protocol {protocol!r}")
    rows, tables = [], []
    for i, fold in enumerate(numbers):
        metrics, predicted = truth.judge(test[i], scores[i], given.compat)
        about = {"n_test": int(test[i].sum()), "n_train": int(train[i].sum()), "choice": choices[i]}
        rows += [{"fold": fold, "metric": m, "value": v, **about} for m, v in metrics.items()]
        tables.append(pd.concat([pd.DataFrame({"site_id": ids[test[i]], "fold": fold}), predicted], axis=1))
    scored = pd.DataFrame(rows)
    seen = scored.groupby("metric", sort=False)["fold"].nunique()
    for metric, count in seen[seen < len(numbers)].items():
        log.warning("%s: %d of %d test parts do not define it, and have no row of it", metric, len(numbers) - count,
                    len(numbers))  # fmt: skip
    main = scored.loc[scored["metric"] == task.metric, "value"]
    log.info("%s: %s %.4f, sd %.4f over %d folds", protocol, task.metric, main.mean(), main.std(), len(main))
    return scored, pd.concat(tables, ignore_index=True)


# ----------------------------------------------------------------------------------------------------------- protocols
def _linear(
    x: np.ndarray,
    truth: Truth,
    train: np.ndarray,
    val: np.ndarray,
    test: np.ndarray,
    protocol: LinearProtocol,
    positive_weight: float,
    seed: int,
) -> tuple[list[np.ndarray], list[str]]:
    """Scores of each fold's test part, and its weight decay."""
    # torch takes seconds to import, and k-NN does without where there is little to compute.
    from greenup.evaluate.linear import fit_linear

    outputs = len(truth.names) if truth.kind == "classification" else None
    probes = fit_linear(
        x, truth.y, train, val, truth.kind, protocol, seed=seed, outputs=outputs, positive_weight=positive_weight
    )
    log.info("linear: epochs a fold %s, best %s", probes.epochs.tolist(), probes.best_epoch.tolist())
    if len(protocol.weight_decays) > 1:
        log.info("linear: weight decay a fold %s, by validation loss", probes.weight_decay.tolist())
    scores = [probes.predict(x[rows], fold) for fold, rows in enumerate(test)]
    return scores, [f"weight_decay={decay:g}" for decay in probes.weight_decay]


def _knn(
    x: np.ndarray,
    truth: Truth,
    train: np.ndarray,
    val: np.ndarray,
    test: np.ndarray,
    protocol: KnnProtocol,
    task: Task,
) -> tuple[list[np.ndarray], list[str]]:
    """Scores of each fold's test part, and its k."""
    votes, candidates = truth.votes(), sorted(set(task.neighbours))
    above_one = truth.kind == "multilabel" and "scores_above_one" in protocol.compat
    how = {
        "temperature": protocol.temperature,
        "shares": truth.kind != "regression" and not above_one,
        "dtype": "float32" if above_one else "float64",
    }
    scores, chosen = [], []
    for fold, (known, held, asked) in enumerate(zip(train, val, test, strict=True)):
        rows, validated = np.flatnonzero(asked), 0
        if len(candidates) > 1:
            rows, validated = np.concatenate([np.flatnonzero(held), rows]), int(held.sum())
        if len(candidates) > 1 and not validated:
            raise UserError(f"fold {fold} has no val part to choose k by", "write a single k for the task")
        nearest, similarity = nearest_images(
            x[known], x[rows], k=candidates[-1], standardise="unstandardised" not in protocol.compat
        )
        k = candidates[0]
        if len(candidates) > 1:
            reached = []
            for candidate in candidates:
                guess = vote(nearest[:validated], similarity[:validated], votes[known], k=candidate, **how)
                reached.append(truth.judge(held, guess)[0][task.metric])
            k = candidates[int(np.argmax(reached))]
        scores.append(vote(nearest[validated:], similarity[validated:], votes[known], k=k, **how))
        chosen.append(k)
    if len(task.neighbours) > 1:
        log.info("k-NN: k a fold %s, by %s of the validation part", chosen, task.metric)
    return scores, [f"k={k}" for k in chosen]


# -------------------------------------------------------------------------------------------------------------- inputs
def parts_of(folds: pd.DataFrame, ids: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Fold numbers (F) and the part of each image in each fold (F, N), images in the order of ``ids``."""
    kinds = folds["folds"].unique().tolist()
    if len(kinds) != 1:
        raise UserError(
            f"folds: {'several kinds: ' + ', '.join(kinds) if kinds else 'no row'} where one kind is needed",
            "check evaluation.folds.kinds and rerun label_task",
        )
    wide = folds.pivot(index="fold", columns="site_id", values="part").sort_index()  # noqa: PD010
    _same_images(wide.columns, ids, "folds")
    wide = wide[ids]
    if wide.isna().to_numpy().any():
        raise UserError("folds: an image has no part in some fold", "rerun label_task")
    return [int(f) for f in wide.index], wide.to_numpy(dtype=object).astype(str)


def _same_images(theirs: pd.Index, ids: np.ndarray, name: str) -> None:
    missing = pd.Index(ids).difference(theirs)
    spare = theirs.difference(pd.Index(ids))
    if len(missing) or len(spare):
        example = missing[0] if len(missing) else spare[0]
        raise UserError(
            f"{name} and labels disagree: {len(missing)} labelled images are not in {name}, {len(spare)} in {name} are "
            f"not labelled, e.g. {example}",
            "rerun label_task, which makes both",
        )
