"""Metrics of a test part, each once over the whole set.

SeCo's and SSL4EO-S12's code averages the metric over batches and drops the last one; a mean of batch values is another
number than the value of the set. All values are fractions, not x 100. Definitions are scikit-learn's; means over
classes leave out those for which a set does not define the metric (where both libraries count 0, or refuse).

A metric that a set does not define at all is not there, rather than NaN: the area under the curve of a set with one
class, for example.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from greenup.errors import UserError

THRESHOLD = 0.5
"""A label is predicted where its score is above this."""


def classification_metrics(
    observed: np.ndarray, predicted: np.ndarray, scores: np.ndarray | None = None
) -> dict[str, float]:
    """Metrics of class numbers, both (N,), and, where there are any, of class scores (N, C).

    macro_f1: mean over the classes that are observed or predicted in this set. accuracy, which of single classes is
    micro_acc and micro_f1 too: share of images that are right. macro_acc: mean recall over the classes observed or
    predicted, a class that is only predicted counting 0 (torchmetrics' macro accuracy); balanced_accuracy: mean recall
    over those observed. macro_auroc, of scores: mean over classes of the area under the curve of one class against the
    rest, classes that are at no image or at all of them left out.
    """
    accuracy = float(accuracy_score(observed, predicted))
    metrics = {
        "macro_f1": float(f1_score(observed, predicted, average="macro", zero_division=0)),
        "micro_f1": accuracy,
        "accuracy": accuracy,
        "micro_acc": accuracy,
        "macro_acc": float(recall_score(observed, predicted, average="macro", zero_division=0)),
        "balanced_accuracy": float(
            recall_score(observed, predicted, labels=np.unique(observed), average="macro", zero_division=0)
        ),
    }
    if scores is None:
        return metrics
    return metrics | _macro_auroc(np.asarray(observed)[:, None] == np.arange(scores.shape[1]), scores)


def multilabel_metrics(
    observed: np.ndarray, scores: np.ndarray, *, threshold: float = THRESHOLD, clamp: bool = True
) -> dict[str, float]:
    """Metrics of 0/1 labels and scores in [0, 1], both (N, C).

    micro_map: average precision over all image x label pairs; macro_map: its mean over the labels that occur in this
    set. micro_f1 counts a label where its score is above ``threshold``; macro_f1 is the mean over *all* labels, one
    that is neither there nor predicted counting 0 (as in both libraries). micro_auroc over all pairs; macro_auroc the
    mean over the labels that some images have and some have not.

    ``clamp``: a score that rounding lifted to 1.0000001 is a 1. Raises `UserError` when no image has any label.
    """
    observed = np.asarray(observed).astype(bool)
    scores = np.clip(scores, 0.0, 1.0) if clamp else np.asarray(scores)
    if not observed.any():
        raise UserError("a test part has no image with any label", "write fewer folds: evaluation.folds.count")
    present, predicted = observed.any(axis=0), scores > threshold
    each = [average_precision_score(observed[:, i], scores[:, i]) for i in np.flatnonzero(present)]
    metrics = {
        "micro_map": float(average_precision_score(observed.ravel(), scores.ravel())),
        "macro_map": float(np.mean(each)),
        "micro_f1": float(f1_score(observed.ravel(), predicted.ravel(), zero_division=0)),
        "macro_f1": float(np.mean(_f1_by_column(observed, predicted))),
    }
    if not observed.all():
        metrics["micro_auroc"] = float(roc_auc_score(observed.ravel(), scores.ravel()))
    return metrics | _macro_auroc(observed, scores)


def regression_metrics(observed: np.ndarray, predicted: np.ndarray, targets: list[str]) -> dict[str, float]:
    """r2_mean, and r2_<target> and mae_<target> of each target, of values (N, T).

    R2 is 1 - squared error / squared deviation from the *test* mean: below 0 a prediction is worse than that mean. mae
    is the mean absolute error in the target's unit, which is why targets have no common one. Raises `UserError` when a
    test part cannot define R2: fewer than two images, or one value throughout.
    """
    observed = np.asarray(observed, dtype="float64")
    constant = np.ptp(observed, axis=0) == 0
    if constant.any():
        raise UserError(
            f"a test part has one value of {targets[int(constant.argmax())]!r} at all of its {len(observed)} images",
            "write fewer folds: evaluation.folds.count, or give the task more images",
        )
    each = r2_score(observed, predicted, multioutput="raw_values")
    error = np.abs(observed - predicted).mean(axis=0)
    return (
        {"r2_mean": float(each.mean())}
        | {f"r2_{t}": float(v) for t, v in zip(targets, each, strict=True)}
        | {f"mae_{t}": float(v) for t, v in zip(targets, error, strict=True)}
    )


def distribution_metrics(observed: np.ndarray, predicted: np.ndarray, bins: list[str]) -> dict[str, float]:
    """r2_mean, mae_mean and rmse_mean: means over the bins of the metrics of each bin's shares; and each bin's R2.

    ``observed`` and ``predicted``: shares (N, C), 0..1. A bin that has the same share at all images has no R2 and is
    left out of r2_mean. Raises `UserError` where that is so of all bins.
    """
    observed = np.asarray(observed, dtype="float64")
    varies = np.ptp(observed, axis=0) > 0
    if not varies.any():
        raise UserError(
            f"a test part has the same shares at all of its {len(observed)} images",
            "write fewer folds: evaluation.folds.count, or give the task more images",
        )
    each = r2_score(observed[:, varies], predicted[:, varies], multioutput="raw_values")
    error = observed - predicted
    return {
        "r2_mean": float(each.mean()),
        "mae_mean": float(np.abs(error).mean()),
        "rmse_mean": float(np.sqrt(np.square(error).mean(axis=0)).mean()),
    } | {f"r2_{bins[i]}": float(v) for i, v in zip(np.flatnonzero(varies), each, strict=True)}


def _macro_auroc(observed: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """macro_auroc of 0/1 columns, where any of them has both values."""
    both = np.flatnonzero(observed.any(axis=0) & ~observed.all(axis=0))
    each = [roc_auc_score(observed[:, i], scores[:, i]) for i in both]
    return {"macro_auroc": float(np.mean(each))} if each else {}


def _f1_by_column(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    hits, said = (observed & predicted).sum(axis=0), observed.sum(axis=0) + predicted.sum(axis=0)
    return np.divide(2.0 * hits, said, out=np.zeros(len(hits)), where=said > 0)
