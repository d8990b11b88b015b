"""What released code does to scores before it judges them: numbers that differ from those of the whole set.

The functions behind ``compat`` of the probe protocols; docs/quirks.md says whose they are. None is used by default.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from greenup.errors import UserError

LOGIT_THRESHOLD = float(1 / (1 + np.exp(-0.5)))
"""The probability, 0.62, whose logit is 0.5 (SSL4Eco's GeoLifeCLEF probe)."""

BATCH = 256
"""Tested images a batch, of which SeCo's and SSL4EO-S12's code takes a metric each."""


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype="float64")))


def probabilities_by_torchmetrics(scores: np.ndarray) -> np.ndarray:
    """Scores (N, C) as torchmetrics' multilabel metrics read them: all are logits if one lies outside [0, 1].

    A k-NN score of float32 weights that add up to 1.0000001 is such a one. A sigmoid of 0 is 0.5 and not above it, of
    any vote more: whatever a single neighbour has is then predicted.
    """
    outside = (scores < 0).any() or (scores > 1).any()
    return _sigmoid(scores) if outside else np.asarray(scores)


def shares_after_sigmoid(shares: np.ndarray) -> np.ndarray:
    """Shares (N, C) through a sigmoid and divided by their sum, as if a k-NN's mean histogram were a layer's output.

    Between 0 and 1 a sigmoid runs from 0.5 to 0.73: all bins of all images become nearly the same.
    """
    part = _sigmoid(shares)
    return part / part.sum(axis=1, keepdims=True)


def batch_means(judge: Callable[[slice], dict[str, float]], images: int, batch: int = BATCH) -> dict[str, float]:
    """Mean over batches of the metrics of each; images after the last whole batch are dropped.

    ``judge``: metrics of a run of test images. A metric that some batch does not define is left out. Raises `UserError`
    when there is no whole batch.
    """
    if images < batch:
        raise UserError(
            f"compat batch_means: a test part of {images} images holds no whole batch of {batch}",
            "leave batch_means out of evaluation.protocols.<protocol>.compat",
        )
    each = [judge(slice(i, i + batch)) for i in range(0, images - batch + 1, batch)]
    shared = [m for m in each[0] if all(m in metrics for metrics in each)]
    return {m: float(np.mean([metrics[m] for metrics in each])) for m in shared}
