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

from greenup.evaluate.bootstrap import paired_p, percentiles


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


def compare_trainings(
    first: np.ndarray,
    second: np.ndarray,
    n_test: float | Sequence[float],
    n_train: float | Sequence[float],
    confidence: float = 0.95,
) -> Comparison:
    """Comparison of two models of which each was trained from several seeds: scores (S, F), seeds by folds.

    The difference of the two means is paired over folds, as in `compare`. Seeds are not paired: the spread of their
    means, sd^2 / S of each model with several, is added to the corrected variance over folds, since one pretraining
    serves all folds and folds do not show it. Degrees of freedom are Welch and Satterthwaite's. With one seed each it
    is `compare`, which then says nothing of other seeds. ``sd`` of the summary is that of the paired differences.
    """
    a, b = (np.atleast_2d(np.asarray(v, dtype="float64")) for v in (first, second))
    paired = compare(a.mean(axis=0), b.mean(axis=0), n_test, n_train, confidence)
    spread = [(float(v.mean(axis=1).var(ddof=1)) / len(v), len(v) - 1) for v in (a, b) if len(v) > 1]
    if not spread or paired.difference.n < 2:
        return paired
    d = paired.difference
    over_folds = corrected_error(a.mean(axis=0) - b.mean(axis=0), n_test, n_train) ** 2
    return _welch(d.mean, d.sd, d.n, [(over_folds, d.n - 1), *spread], confidence)


def _welch(mean: float, sd: float, n: int, parts: list[tuple[float, int]], confidence: float) -> Comparison:
    """A difference whose variance is the sum of ``parts``, (variance, degrees of freedom) each."""
    variance = sum(v for v, _ in parts)
    if variance == 0.0:
        t = math.copysign(math.inf, mean) if mean else 0.0
        return Comparison(Summary(mean, sd, mean, mean, n), t, 0.0 if mean else 1.0)
    freedom = variance**2 / sum(v**2 / f for v, f in parts)
    half = float(student.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(variance)
    t = mean / math.sqrt(variance)
    return Comparison(Summary(mean, sd, mean - half, mean + half, n), t, float(2 * student.sf(abs(t), freedom)))


def compare_samples(
    difference: float, samples: np.ndarray, seeds: Sequence[np.ndarray], confidence: float = 0.95
) -> Comparison:
    """Comparison of two models on one test set from ``samples`` (B,), bootstrap samples of their paired difference.

    ``seeds``: the scores of each model's trainings. Where both have one, the limits are percentiles and p is
    `greenup.evaluate.bootstrap.paired_p`; otherwise the spread of seeds is added as in `compare_trainings` to the
    variance of the samples. ``sd`` is the samples' standard deviation; ``t`` the difference by its standard error.
    """
    sd = float(np.nanstd(samples, ddof=1))
    spread = [(float(np.var(v, ddof=1)) / len(v), len(v) - 1) for v in seeds if len(v) > 1]
    if spread:
        return _welch(difference, sd, 1, [(sd**2, len(samples) - 1), *spread], confidence)
    low, high = percentiles(samples, confidence)
    t = difference / sd if sd else math.copysign(math.inf, difference) if difference else 0.0
    return Comparison(Summary(difference, sd, low, high, 1), t, paired_p(samples))


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    The smallest is multiplied by m, the next by m - 1, ...; none becomes smaller than the one before, nor above 1. The
    chance of one false difference among all is then at most the level, whatever their dependence. NaN stays, uncounted.
    """
    p = np.asarray(p, dtype="float64")
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full(p.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return corrected
