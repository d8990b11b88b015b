"""The main metrics as functions of how much each tested image counts, from the predictions that a probe keeps.

With every weight 1 a value is that of `greenup.evaluate.metrics`; whole numbers are a bootstrap sample, 0 leaves an
image out. Sums over images are one sparse product for all samples; average precision sorts its scores once and needs
one running sum a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from greenup.errors import UserError
from greenup.tasks.labels import SEPARATOR

Weighted = Callable[[np.ndarray], np.ndarray]
"""Weights (B, N), not negative, to values (B,); NaN where the metric is not defined by the images that are left."""

# Samples whose ranks are worked out together: few enough to stay in a processor's cache.
_TOGETHER = 8


def weighted_metric(predictions: pd.DataFrame, metric: str) -> Weighted:
    """A main metric of one test part, its N images in the order of the rows, as a function of their weights.

    ``predictions``: rows of one fold, as `greenup.evaluate.probe.run_probe` gives them (of a change task the pixels of
    an image: ``true_positive``, ``false_positive``, ``false_negative``); ``metric``: one of
    `greenup.config.tasks.METRICS`. Raises `UserError` for a metric whose columns are not there.
    """
    try:
        return _MAKERS[metric](predictions)
    except KeyError as error:
        raise UserError(
            f"predictions: no {metric!r} can be had of columns {', '.join(map(str, predictions.columns[:8]))} ...",
            "make the predictions again: snakemake --forcerun run_probe",
        ) from error


def read_predictions(path: str | Path) -> pd.DataFrame:
    """What a probe predicted, without columns of lists (the maps of a change task). Raises `UserError` for a damaged or
    missing file."""
    try:
        columns = [f.name for f in pq.read_schema(path) if not pa.types.is_nested(f.type)]
        return pq.read_table(path, columns=columns).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: cannot be read ({error})", "delete it and run again") from error


def sums(weights: np.ndarray, columns: csr_array) -> np.ndarray:
    """Weighted sums (B, K) over images of ``columns`` (N, K)."""
    return (columns.T @ weights.T.astype("float64")).T


def _ratio(above: np.ndarray, below: np.ndarray, empty: float) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(below), empty), where=below > 0)


# ------------------------------------------------------------------------------------------------------ classification
def _indicator(codes: np.ndarray, count: int, where: np.ndarray | None = None) -> csr_array:
    rows = np.arange(len(codes)) if where is None else np.flatnonzero(where)
    return csr_array((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), count))


def _macro_f1(predictions: pd.DataFrame) -> Weighted:
    observed, predicted, count = _codes(predictions)
    hits = _indicator(observed, count, observed == predicted)
    said = _indicator(observed, count) + _indicator(predicted, count)

    def value(weights: np.ndarray) -> np.ndarray:
        twice = sums(weights, said)
        f1 = _ratio(2 * sums(weights, hits), twice, 0.0)
        return _ratio(f1.sum(axis=1), (twice > 0).sum(axis=1), np.nan)

    return value


def _accuracy(predictions: pd.DataFrame) -> Weighted:
    observed, predicted, _ = _codes(predictions)
    right = csr_array((observed == predicted).astype("float64")[:, None])
    return lambda weights: _ratio(sums(weights, right)[:, 0], weights.sum(axis=1), np.nan)


def _codes(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    both = np.concatenate([predictions[c].to_numpy(dtype=object).astype(str) for c in ("observed", "predicted")])
    names, codes = np.unique(both, return_inverse=True)
    return codes[: len(predictions)], codes[len(predictions) :], len(names)


# ---------------------------------------------------------------------------------------------------------- multilabel
def _label_sets(texts: pd.Series) -> list[set[str]]:
    return [set(str(t).split(SEPARATOR)) - {""} for t in texts]


def _micro_f1(predictions: pd.DataFrame) -> Weighted:
    pairs = list(zip(_label_sets(predictions["observed"]), _label_sets(predictions["predicted"]), strict=True))
    hits = np.array([len(o & p) for o, p in pairs], dtype="float64")
    said = np.array([len(o) + len(p) for o, p in pairs], dtype="float64")
    return _f1(hits, said)


def _pixel_f1(predictions: pd.DataFrame) -> Weighted:
    tp, fp, fn = (
        predictions[c].to_numpy(dtype="float64") for c in ("true_positive", "false_positive", "false_negative")
    )
    return _f1(tp, 2 * tp + fp + fn)


def _f1(hits: np.ndarray, said: np.ndarray) -> Weighted:
    """``hits``: true positives of each image; ``said``: its observed and predicted positives together."""
    columns = csr_array(np.column_stack([hits, said]))

    def value(weights: np.ndarray) -> np.ndarray:
        total = sums(weights, columns)
        return _ratio(2 * total[:, 0], total[:, 1], 0.0)

    return value


def _micro_map(predictions: pd.DataFrame) -> Weighted:
    names = [c.removeprefix("score_") for c in predictions.columns if c.startswith("score_")]
    if not names:
        raise KeyError("score_")
    scores = predictions[[f"score_{n}" for n in names]].to_numpy(dtype="float32").clip(0.0, 1.0)
    column = {n: i for i, n in enumerate(names)}
    observed = np.zeros(scores.shape, dtype=bool)
    for row, present in enumerate(_label_sets(predictions["observed"])):
        observed[row, [column[n] for n in present]] = True
    # Pairs of image and label by falling score; pairs of equal score are counted together, as scikit-learn does.
    order = np.argsort(-scores.ravel(), kind="stable")
    ranked, is_hit = scores.ravel()[order], observed.ravel()[order]
    image = (order // len(names)).astype(np.int32)
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits_until = np.cumsum(is_hit)[ends]
    # Only where a group of equal scores holds an observed label does recall rise.
    rises = np.diff(hits_until, prepend=0) > 0
    ends, hits_until = ends[rises], hits_until[rises]
    ranks = _runs(image, ends + 1, len(predictions))
    hits = _runs(image[is_hit], hits_until, len(predictions))

    def value(weights: np.ndarray) -> np.ndarray:
        out = np.full(len(weights), np.nan)
        for start in range(0, len(weights), _TOGETHER):
            w = np.ascontiguousarray(weights[start : start + _TOGETHER].T, dtype="float64")
            new = hits @ w
            found = np.cumsum(new, axis=0)
            precision = _ratio(found, np.cumsum(ranks @ w, axis=0), 0.0)
            out[start : start + _TOGETHER] = _ratio((new * precision).sum(axis=0), new.sum(axis=0), np.nan)
        return out

    return value


def _runs(image: np.ndarray, ends: np.ndarray, images: int) -> csr_array:
    """A row for each run of ranks up to (without) one of ``ends``: how many pairs each image has in it."""
    last = int(ends[-1]) if len(ends) else 0
    starts = np.concatenate([[0], ends]).astype(np.int64)
    return csr_array((np.ones(last), image[:last], starts), shape=(len(ends), images))


# ---------------------------------------------------------------------------------------------------------- regression
def _r2_mean(predictions: pd.DataFrame) -> Weighted:
    targets = [c.removesuffix("_observed") for c in predictions.columns if c.endswith("_observed")]
    if not targets:
        raise KeyError("_observed")
    y = predictions[[f"{t}_observed" for t in targets]].to_numpy(dtype="float64")
    error = y - predictions[[f"{t}_predicted" for t in targets]].to_numpy(dtype="float64")
    # Centred, so that the difference of large squares below loses no digits.
    y = y - y.mean(axis=0)
    constant = 1e-12 * (y**2).mean(axis=0)
    columns = csr_array(np.hstack([error**2, y, y**2]))

    def value(weights: np.ndarray) -> np.ndarray:
        size = weights.sum(axis=1)[:, None]
        wrong, linear, square = np.split(sums(weights, columns), 3, axis=1)
        spread = square - _ratio(linear**2, np.broadcast_to(size, linear.shape), 0.0)
        spread = np.where(spread > constant * size, spread, 0.0)
        return (1.0 - _ratio(wrong, spread, np.nan)).mean(axis=1)

    return value


_MAKERS: dict[str, Callable[[pd.DataFrame], Weighted]] = {
    "macro_f1": _macro_f1,
    "accuracy": _accuracy,
    "micro_f1": _micro_f1,
    "micro_map": _micro_map,
    "r2_mean": _r2_mean,
    "f1": _pixel_f1,
}
