"""What a task's images are known to show, and how answers about them are judged: metrics and a table of predictions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.evaluate import metrics, quirks
from greenup.schemas import LABELS
from greenup.tasks.labels import SEPARATOR

MOST_CLASSES = 64
"""Classification tasks of at most so many classes keep the score of each class with the predictions."""

SHARES_TOLERANCE = 1e-3
"""How far the shares of an image may be from adding up to 1."""


@dataclass(frozen=True)
class Truth:
    """What is to be predicted of N images.

    ``y``: class numbers (N,), 0/1 labels (N, C), values (N, T) or shares that add up to 1 (N, C); ``names``: classes,
    labels, targets or bins, in the order of the columns.
    """

    kind: str
    names: list[str]
    y: np.ndarray

    @staticmethod
    def of(labels: pd.DataFrame, kind: str) -> Truth:
        """The labels of a `labels` table, in the order of its rows.

        Raises `UserError` for a missing column or value, two rows of one site, fewer than two classes, and shares that
        are negative or do not add up to 1.
        """
        twice = labels["site_id"].duplicated()
        if twice.any():
            raise UserError(f"labels: site {labels['site_id'][twice].iloc[0]} stands twice", "rerun label_task")
        if kind in ("regression", "distribution"):
            return Truth._of_numbers(labels, kind)
        if "label" not in labels.columns:
            raise UserError("labels: column 'label' is missing", "rerun label_task")
        _no_gaps(labels, labels["label"].isna().to_numpy(), "label")
        text = labels["label"].astype(str)
        if kind == "classification":
            names, codes = np.unique(text.to_numpy(dtype=object).astype(str), return_inverse=True)
            truth = Truth(kind, names.tolist(), codes.astype(np.int64))
        else:
            sets = [set(t.split(SEPARATOR)) - {""} for t in text]
            names = sorted(set().union(*sets))
            column = {n: i for i, n in enumerate(names)}
            y = np.zeros((len(sets), len(names)))
            for row, present in enumerate(sets):
                y[row, [column[n] for n in present]] = 1.0
            truth = Truth(kind, names, y)
        if len(truth.names) < 2:
            raise UserError(
                f"labels: one class only ({', '.join(truth.names) or 'none'}), which says nothing of a model",
                "give the task more images or other labels",
            )
        return truth

    @staticmethod
    def _of_numbers(labels: pd.DataFrame, kind: str) -> Truth:
        place = {*(c.name for c in LABELS.columns), "geometry"}
        names = [c for c in labels.columns if c not in place]
        if not names:
            raise UserError("labels: no target column", "rerun label_task")
        y = labels[names].to_numpy(dtype="float64", na_value=np.nan)
        for i, name in enumerate(names):
            _no_gaps(labels, ~np.isfinite(y[:, i]), name)
        if kind == "distribution":
            total = y.sum(axis=1)
            bad = (y < 0).any(axis=1) | (np.abs(total - 1) > SHARES_TOLERANCE)
            if bad.any():
                row = int(bad.argmax())
                raise UserError(
                    f"labels: the shares of {labels['site_id'].iloc[row]} are negative or add up to {total[row]:g}, "
                    f"not 1 ({int(bad.sum())} such images)",
                    "divide them by their sum, or write kind: regression",
                )
            y = y / total[:, None]
        return Truth(kind, names, y)

    def votes(self) -> np.ndarray:
        """What neighbours vote with: one-hot classes (N, C), or ``y``."""
        return np.eye(len(self.names))[self.y] if self.kind == "classification" else self.y

    def judge(
        self, rows: np.ndarray, scores: np.ndarray, compat: Collection[str] = ()
    ) -> tuple[dict[str, float], pd.DataFrame]:
        """Metrics of a test part, and its predictions as a table (columns of the `predictions` schema).

        ``rows``: bool (N,); ``scores`` (M, C): class probabilities, label probabilities, values, or shares.
        Probabilities are judged as they are kept, in float32. ``compat``: quirks of the probe protocols.
        """
        observed = self.y[rows]
        scores = self._spoilt(scores, compat) if compat else scores
        if self.kind in ("classification", "multilabel"):
            scores = scores.astype("float32")
        if "batch_means" in compat:
            found = quirks.batch_means(lambda part: self._metrics(observed[part], scores[part], compat), len(observed))
        else:
            found = self._metrics(observed, scores, compat)
        return found, self._table(observed, scores, compat)

    def _spoilt(self, scores: np.ndarray, compat: Collection[str]) -> np.ndarray:
        if self.kind == "multilabel" and "scores_above_one" in compat:
            return quirks.probabilities_by_torchmetrics(scores)
        if self.kind == "distribution" and "sigmoid_of_shares" in compat:
            return quirks.shares_after_sigmoid(scores)
        return scores

    @staticmethod
    def _threshold(compat: Collection[str]) -> float:
        return quirks.LOGIT_THRESHOLD if "threshold_on_logits" in compat else metrics.THRESHOLD

    def _metrics(self, observed: np.ndarray, scores: np.ndarray, compat: Collection[str]) -> dict[str, float]:
        match self.kind:
            case "classification":
                return metrics.classification_metrics(observed, scores.argmax(axis=1), scores)
            case "multilabel":
                return metrics.multilabel_metrics(observed, scores, threshold=self._threshold(compat))
            case "regression":
                return metrics.regression_metrics(observed, scores, self.names)
            case "distribution":
                return metrics.distribution_metrics(observed, scores, self.names)
        raise ValueError(f"kind {self.kind!r} is not judged image by image")

    def _table(self, observed: np.ndarray, scores: np.ndarray, compat: Collection[str]) -> pd.DataFrame:
        names = np.array(self.names, dtype=object)
        each = {f"score_{n}": scores[:, i] for i, n in enumerate(self.names)}
        if self.kind == "classification":
            columns = {"observed": names[observed], "predicted": names[scores.argmax(axis=1)]}
            columns["score"] = scores.max(axis=1)
            return pd.DataFrame(columns | (each if len(names) <= MOST_CLASSES else {}))
        if self.kind == "multilabel":
            joined = [
                [SEPARATOR.join(names[r]) for r in present]
                for present in (observed > 0, scores > self._threshold(compat))
            ]
            return pd.DataFrame({"observed": joined[0], "predicted": joined[1], **each})
        columns = {}
        for i, name in enumerate(self.names):
            columns |= {f"{name}_observed": observed[:, i], f"{name}_predicted": scores[:, i]}
        return pd.DataFrame(columns)


def _no_gaps(labels: pd.DataFrame, gaps: np.ndarray, column: str) -> None:
    if gaps.any():
        raise UserError(
            f"labels: {labels['site_id'].iloc[int(gaps.argmax())]} has no value of {column!r} "
            f"({int(gaps.sum())} such images)",
            "leave such images out, or rerun label_task, which does",
        )
