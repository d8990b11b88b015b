"""Metrics of a test part, each once over the whole set.

SeCo's and SSL4EO-S12's code averages the metric over batches and drops the last one; a mean of batch values is another
number than the value of the set. All values are fractions, not x 100. Definitions are scikit-learn's.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, r2_score, recall_score

from greenup.errors import UserError

THRESHOLD = 0.5
"""A label is predicted where its score reaches this."""


def classification_metrics(observed: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """macro_f1, accuracy and balanced_accuracy of class numbers, both (N,).

    macro_f1 is the mean over the classes that are observed or predicted in this set; balanced_accuracy the mean recall
    over those observed.
    """
    return {
        "macro_f1": float(f1_score(observed, predicted, average="macro", zero_division=0)),
        "accuracy": float(accuracy_score(observed, predicted)),
        "balanced_accuracy": float(
            recall_score(observed, predicted, labels=np.unique(observed), average="macro", zero_division=0)
        ),
    }


def multilabel_metrics(observed: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """micro_map, macro_map and micro_f1 of 0/1 labels and scores in [0, 1], both (N, C).

    micro_map is the average precision over all image x label pairs; macro_map the mean over the labels that occur in
    this set; micro_f1 counts a label where its score is at least `THRESHOLD`. Scores are clamped: one that rounding
    lifted to 1.0000001 is a 1. Raises `UserError` when no image has any label.
    """
    observed, scores = np.asarray(observed).astype(bool), np.clip(scores, 0.0, 1.0)
    if not observed.any():
        raise UserError("a test part has no image with any label", "write fewer folds: evaluation.folds.count")
    present = observed.any(axis=0)
    return {
        "micro_map": float(average_precision_score(observed.ravel(), scores.ravel())),
        "macro_map": float(average_precision_score(observed[:, present], scores[:, present], average="macro")),
        "micro_f1": float(f1_score(observed.ravel(), scores.ravel() >= THRESHOLD, zero_division=0)),
    }


def regression_metrics(observed: np.ndarray, predicted: np.ndarray, targets: list[str]) -> dict[str, float]:
    """r2_mean and r2_<target> of values (N, T): 1 - squared error / squared deviation from the *test* mean.

    Below 0 a prediction is worse than that mean. Raises `UserError` when a test part cannot define it: fewer than two
    images, or one value throughout.
    """
    observed = np.asarray(observed, dtype="float64")
    constant = np.ptp(observed, axis=0) == 0
    if constant.any():
        raise UserError(
            f"a test part has one value of {targets[int(constant.argmax())]!r} at all of its {len(observed)} images",
            "write fewer folds: evaluation.folds.count, or give the task more images",
        )
    each = r2_score(observed, predicted, multioutput="raw_values")
    return {"r2_mean": float(each.mean())} | {f"r2_{t}": float(v) for t, v in zip(targets, each, strict=True)}
