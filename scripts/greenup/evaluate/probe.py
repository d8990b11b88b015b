"""One protocol of one model on one task over all folds of one kind: scores and predictions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from greenup.config import parse
from greenup.config.learning import KnnProtocol, LinearProtocol, Task
from greenup.errors import UserError
from greenup.evaluate.knn import knn_scores
from greenup.evaluate.metrics import THRESHOLD, classification_metrics, multilabel_metrics, regression_metrics
from greenup.schemas import LABELS
from greenup.tasks.labels import SEPARATOR

log = logging.getLogger(__name__)


def run_probe(
    embeddings: pd.DataFrame,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    task: Task,
    protocol: str,
    settings: dict[str, Any],
    *,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score frozen embeddings on a task.

    ``embeddings``, ``labels``, ``folds``: tables of those schemas, ``folds`` of one kind; ``protocol``: linear or knn,
    with ``settings`` of its block of ``evaluation.protocols``. The order of rows changes nothing.

    Returns *scores*, one row a fold x metric (fold, metric, value, n_test, n_train; values are fractions; n_train is
    what the corrected intervals of `greenup.evaluate.intervals` need), and *predictions*, one row a fold x tested
    image: site_id, fold and, for classification, observed, predicted and the predicted class's score; for multilabel,
    observed and predicted names and a column `score_<class>` each; for regression, `<target>_observed` and
    `<target>_predicted`.

    Raises `UserError` when the three tables do not speak of the same images, when folds are of several kinds or none,
    or when an embedding is not finite or not of the length of the others.
    """
    labels = labels.sort_values("site_id", ignore_index=True)
    ids = labels["site_id"].to_numpy(dtype=object)
    numbers, parts = _parts(folds, ids)
    x = _vectors(embeddings, labels)
    truth = _Truth.of(labels, task.kind)
    train, test = parts == "train", parts == "test"
    if protocol == "linear":
        scores = _linear(x, truth, train, parts == "val", test, parse(LinearProtocol, settings), seed)
    elif protocol == "knn":
        scores = _knn(x, truth, train, test, task.k, parse(KnnProtocol, settings))
    else:
        raise ValueError(f"unknown protocol {protocol!r}")
    rows, tables = [], []
    for i, fold in enumerate(numbers):
        metrics, predicted = truth.judge(test[i], scores[i])
        size = {"n_test": int(test[i].sum()), "n_train": int(train[i].sum())}
        rows += [{"fold": fold, "metric": m, "value": v, **size} for m, v in metrics.items()]
        tables.append(pd.concat([pd.DataFrame({"site_id": ids[test[i]], "fold": fold}), predicted], axis=1))
    scored = pd.DataFrame(rows)
    main = scored.loc[scored["metric"] == task.metric, "value"]
    log.info("%s: %s %.4f, sd %.4f over %d folds", protocol, task.metric, main.mean(), main.std(), len(main))
    return scored, pd.concat(tables, ignore_index=True)


def _linear(
    x: np.ndarray,
    truth: _Truth,
    train: np.ndarray,
    val: np.ndarray,
    test: np.ndarray,
    protocol: LinearProtocol,
    seed: int,
) -> list[np.ndarray]:
    # torch takes seconds to import, and k-NN does without.
    from greenup.evaluate.linear import fit_linear

    outputs = len(truth.names) if truth.kind == "classification" else None
    probes = fit_linear(x, truth.y, train, val, truth.kind, protocol, seed=seed, outputs=outputs)
    log.info("linear: epochs a fold %s, best %s", probes.epochs.tolist(), probes.best_epoch.tolist())
    return [probes.predict(x[rows], fold) for fold, rows in enumerate(test)]


def _knn(
    x: np.ndarray, truth: _Truth, train: np.ndarray, test: np.ndarray, k: int, protocol: KnnProtocol
) -> list[np.ndarray]:
    y = truth.one_hot()
    return [
        knn_scores(
            x[a], y[a], x[b], k=k, temperature=protocol.temperature, shares=truth.kind != "regression"
        )
        for a, b in zip(train, test, strict=True)
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- inputs
def _parts(folds: pd.DataFrame, ids: np.ndarray) -> tuple[list[int], np.ndarray]:
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


def _vectors(embeddings: pd.DataFrame, labels: pd.DataFrame) -> np.ndarray:
    """Embeddings (N, D), float32, of the labelled images, in the order of ``labels``."""
    ids = labels["site_id"].to_numpy(dtype=object)
    found = labels[["site_id", "season"]].merge(embeddings, on=["site_id", "season"], how="left")["embedding"]
    lost = ids[found.isna().to_numpy()]
    if len(lost):
        raise UserError(
            f"embeddings: {len(lost)} of {len(ids)} labelled images have none, e.g. {lost[0]}", "rerun embed_images"
        )
    vectors = found.to_list()
    lengths = {len(v) for v in vectors}
    if len(lengths) != 1:
        raise UserError(f"embeddings: vectors of different lengths {sorted(lengths)}", "rerun embed_images")
    x = np.stack(vectors).astype("float32", copy=False)
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise UserError(
            f"embeddings: the vector of {ids[~finite][0]} is not finite ({int((~finite).sum())} such)",
            "check the model's training curve, and rerun embed_images",
        )
    return x


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


# --------------------------------------------------------------------------------------------------------------- truth
@dataclass(frozen=True)
class _Truth:
    """What is to be predicted: class numbers (N,), 0/1 labels (N, C) or values (N, T), and the names of the columns."""

    kind: str
    names: list[str]
    y: np.ndarray

    @staticmethod
    def of(labels: pd.DataFrame, kind: str) -> _Truth:
        if kind == "regression":
            names = [c for c in labels.columns if c not in LABELS.header().split(", ")]
            if not names:
                raise UserError("labels: no target column", "rerun label_task")
            return _Truth(kind, names, labels[names].to_numpy(dtype="float64"))
        if "label" not in labels.columns:
            raise UserError("labels: column 'label' is missing", "rerun label_task")
        text = labels["label"].astype(str)
        if kind == "classification":
            names, codes = np.unique(text.to_numpy(dtype=object).astype(str), return_inverse=True)
            return _Truth(kind, names.tolist(), codes.astype(np.int64))
        sets = [set(t.split(SEPARATOR)) - {""} for t in text]
        names = sorted(set().union(*sets))
        column = {n: i for i, n in enumerate(names)}
        y = np.zeros((len(sets), len(names)))
        for row, present in enumerate(sets):
            y[row, [column[n] for n in present]] = 1.0
        return _Truth(kind, names, y)

    def one_hot(self) -> np.ndarray:
        return np.eye(len(self.names))[self.y] if self.kind == "classification" else self.y

    def judge(self, rows: np.ndarray, scores: np.ndarray) -> tuple[dict[str, float], pd.DataFrame]:
        """Metrics of a test part (bool rows (N,), scores (M, C)), and its predictions as a table."""
        observed, names = self.y[rows], np.array(self.names, dtype=object)
        if self.kind == "classification":
            predicted = scores.argmax(axis=1)
            table = {"observed": names[observed], "predicted": names[predicted], "score": scores.max(axis=1)}
            return classification_metrics(observed, predicted), pd.DataFrame(table)
        if self.kind == "multilabel":
            joined = [[SEPARATOR.join(names[r]) for r in m] for m in (observed > 0, scores >= THRESHOLD)]
            each = {f"score_{n}": scores[:, i].astype("float32") for i, n in enumerate(self.names)}
            return multilabel_metrics(observed, scores), pd.DataFrame(
                {"observed": joined[0], "predicted": joined[1], **each}
            )
        columns = {}
        for i, name in enumerate(self.names):
            columns |= {f"{name}_observed": observed[:, i], f"{name}_predicted": scores[:, i]}
        return regression_metrics(observed, scores, self.names), pd.DataFrame(columns)
