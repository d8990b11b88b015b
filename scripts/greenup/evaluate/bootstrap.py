"""How sure a number is about the images it was tested on: the bootstrap over test images.

Folds say how a score varies with what is trained and tested on; the bootstrap says how it varies with the test images
alone (Efron & Tibshirani 1993, chapters 13 and 16). It needs no training, only the predictions that a probe keeps, and
it is all there is where one official test part is given.

In each sample as many images are drawn with replacement as a fold tests, fold by fold (stratified), the metric of each
fold is worked out of them, and its mean over folds taken. Folds that test the same images (subsets of an official
training part) draw them together, and are drawn with replacement themselves, so that the interval speaks of the
training subset too (the pigeonhole bootstrap, Owen 2007, doi:10.1214/07-AOAS122). The draws depend on the seed and the
tested images alone: two models tested on the same images have the same samples, so differences are paired.

Images are drawn as if each were news. Neighbours are not: over blocks that test whole regions the interval is too
narrow, and the one over folds (`greenup.evaluate.intervals`) is to be looked at first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.evaluate.weighted import Weighted, weighted_metric
from greenup.randomness import generator

DRAWS = 1000
"""Bootstrap samples."""

LEAST_DRAWS = 200
"""Samples of average precision over very many pairs of image and label: each takes one pass over all pairs."""

_PAIRS = 1_000_000_000
_CELLS = 4_000_000


@dataclass(frozen=True)
class Bootstrap:
    """A metric's mean over folds, ``value``, and that of each sample, ``samples`` (B,), NaN where it is undefined."""

    value: float
    samples: np.ndarray

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Percentile interval; NaN where a metric is undefined in more than a tenth of the samples."""
        return percentiles(self.samples, confidence)


def bootstrap(predictions: pd.DataFrame, metric: str, *, seed: int, draws: int = DRAWS) -> Bootstrap:
    """Bootstrap a main metric over the tested images of one probe.

    ``predictions``: as `greenup.evaluate.probe.run_probe` keeps them, all folds; their order changes nothing. Average
    precision over more than a million pairs of image and label takes fewer samples, at least `LEAST_DRAWS`: exact, but
    with limits that wobble more. Raises `UserError` where the predictions lack what the metric needs.
    """
    parts = [f.sort_values("site_id", ignore_index=True) for _, f in predictions.groupby("fold", sort=True)]
    if metric == "micro_map":
        labels = sum(c.startswith("score_") for c in predictions.columns)
        draws = int(np.clip(_PAIRS // max(1, len(predictions) * labels), min(LEAST_DRAWS, draws), draws))
    metrics = [weighted_metric(part, metric) for part in parts]
    value = float(np.mean([m(np.ones((1, len(p))))[0] for m, p in zip(metrics, parts, strict=True)]))
    keys = [_key(part) for part in parts]
    samples = np.empty((len(parts), draws))
    for key in dict.fromkeys(keys):
        same = [i for i, k in enumerate(keys) if k == key]
        samples[same] = _sampled([metrics[i] for i in same], len(parts[same[0]]), draws, seed, key)
    if len(set(keys)) == len(keys):
        return Bootstrap(value, samples.mean(axis=0))
    chosen = generator(seed, "bootstrap folds", *keys).integers(0, len(parts), (draws, len(parts)))
    return Bootstrap(value, np.take_along_axis(samples.T, chosen, axis=1).mean(axis=1))


def percentiles(samples: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The middle ``confidence`` of samples, of which at most a tenth may be NaN; else NaN, NaN."""
    known = samples[np.isfinite(samples)]
    if len(known) < 0.9 * len(samples) or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def paired_p(differences: np.ndarray) -> float:
    """Two-sided p of a difference from its bootstrap samples (B,): how rarely they fall on the other side of 0.

    2 min(share at or below 0, share at or above 0), counting one more sample on each side (Davison & Hinkley 1997,
    section 4.2.3), so that it is never 0 and at least 2 / (B + 1). NaN where `percentiles` is.
    """
    known = differences[np.isfinite(differences)]
    if len(known) < 0.9 * len(differences) or not len(known):
        return float("nan")
    below, above = (known <= 0).sum(), (known >= 0).sum()
    return float(min(1.0, 2 * (1 + min(below, above)) / (len(known) + 1)))


def _key(part: pd.DataFrame) -> str:
    ids = "\x1f".join(part["site_id"].astype(str))
    return hashlib.blake2b(ids.encode(), digest_size=16).hexdigest()


def _sampled(metrics: list[Weighted], images: int, draws: int, seed: int, key: str) -> np.ndarray:
    """Values (metrics, draws) over the same samples of ``images`` images."""
    random = generator(seed, "bootstrap", key)
    chunk = max(1, _CELLS // images)
    out = np.empty((len(metrics), draws))
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        weights = np.empty((rows, images))
        for row in weights:
            row[:] = np.bincount(random.integers(0, images, images), minlength=images)
        for i, metric in enumerate(metrics):
            out[i, start : start + rows] = metric(weights)
    return out
