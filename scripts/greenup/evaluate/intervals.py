"""How sure a number over folds is, and whether two models differ.

The training parts of ten folds share most of their images, so fold scores are correlated and the usual standard error,
sd / sqrt(n), is far too small. The corrected resampled t interval adds the share of test to training images to 1/n:
variance x (1/n + n_test / n_train), with n - 1 degrees of freedom (Nadeau & Bengio 2003, Machine Learning 52, 239-281,
doi:10.1023/A:1024068626366).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True)
class Summary:
    """``mean``, sample standard deviation ``sd`` (n - 1) and confidence limits ``low``, ``high`` over ``n`` folds.

    With one fold sd, low and high are NaN: one number carries no doubt of its own.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """Paired difference of two models over the same folds: its `Summary`, the corrected ``t`` and two-sided ``p``."""

    difference: Summary
    t: float
    p: float


def corrected_error(
    values: Sequence[float], n_test: float | Sequence[float], n_train: float | Sequence[float]
) -> float:
    """Corrected standard error of the mean of fold scores; NaN for one fold.

    ``n_test``, ``n_train``: images a fold, one number or one a fold (the mean of their ratios is used).
    """
    x = np.asarray(values, dtype="float64")
    tested, trained = np.asarray(n_test, dtype="float64"), np.asarray(n_train, dtype="float64")
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"fold scores must be finite numbers in one dimension, not {values!r}")
    if (trained <= 0).any() or (tested <= 0).any():
        raise ValueError(f"images a fold must be positive, not {n_test!r} and {n_train!r}")
    if x.size == 1:
        return math.nan
    return float(np.sqrt(x.var(ddof=1) * (1 / x.size + np.mean(tested / trained))))


def summarise(
    values: Sequence[float],
    n_test: float | Sequence[float],
    n_train: float | Sequence[float],
    confidence: float = 0.95,
) -> Summary:
    """Mean, standard deviation and corrected confidence interval of the scores of n folds (see the module)."""
    x = np.asarray(values, dtype="float64")
    error = corrected_error(values, n_test, n_train)
    mean = float(x.mean())
    if x.size == 1:
        return Summary(mean, math.nan, math.nan, math.nan, 1)
    half = float(student.ppf(0.5 + confidence / 2, x.size - 1)) * error
    return Summary(mean, float(x.std(ddof=1)), mean - half, mean + half, x.size)


def compare(
    first: Sequence[float],
    second: Sequence[float],
    n_test: float | Sequence[float],
    n_train: float | Sequence[float],
    confidence: float = 0.95,
) -> Comparison:
    """Paired comparison, first minus second, of two models scored on the same folds in the same order.

    Differences that are the same in every fold have no spread: p is then 1 when they are zero and 0 otherwise.
    """
    a, b = np.asarray(first, dtype="float64"), np.asarray(second, dtype="float64")
    if a.shape != b.shape:
        raise ValueError(f"paired scores need the same folds: {a.shape} and {b.shape}")
    difference = a - b
    summary = summarise(difference, n_test, n_train, confidence)
    error = corrected_error(difference, n_test, n_train)
    if math.isnan(error):
        return Comparison(summary, math.nan, math.nan)
    if error == 0.0:
        same = summary.mean == 0.0
        return Comparison(summary, 0.0 if same else math.copysign(math.inf, summary.mean), 1.0 if same else 0.0)
    t = summary.mean / error
    return Comparison(summary, t, float(2 * student.sf(abs(t), difference.size - 1)))
