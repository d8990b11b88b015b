"""Weighted k-nearest-neighbour probe by cosine similarity (SSL4Eco, section 4.1). NumPy only.

The k most similar training images vote with weights softmax(similarity / T), T = 0.07: for classes and labels the
scores are the weighted shares of the neighbours that have them, for regression the weighted mean of their targets.

Neighbours come from the train part alone, as published: k is fixed, the val part has no use here, and both probes then
learn from the same images.
"""

from __future__ import annotations

import logging

import numpy as np

from greenup.evaluate.scaling import train_statistics

log = logging.getLogger(__name__)

# Similarities held at once (float32): 64 MB whatever the size of the training part.
_BLOCK = 2**24


def knn_scores(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    *,
    k: int,
    temperature: float = 0.07,
    standardise: bool = True,
    shares: bool = True,
) -> np.ndarray:
    """Scores (M, C), float64, of the test images.

    ``train_x`` (N, D) and ``test_x`` (M, D): embeddings; ``train_y`` (N, C): one-hot classes, 0/1 labels or targets.
    ``standardise``: give each dimension mean 0 and standard deviation 1 over the train part before the cosine (default;
    published: off). ``shares``: the columns of ``train_y`` are 0/1 and scores are kept inside [0, 1]; without this,
    rounding gives 1.0000001 here and there, which a metric library may take for a logit.

    Fewer than k training images are all used, with a warning.
    """
    if k > len(train_x):
        log.warning("k-NN: %d neighbours asked for, the train part has %d images: all are used", k, len(train_x))
        k = len(train_x)
    train_x, test_x = np.asarray(train_x, "float32"), np.asarray(test_x, "float32")
    if standardise:
        mean, inverse = train_statistics(train_x)
        train_x, test_x = _scaled(train_x, mean, inverse), _scaled(test_x, mean, inverse)
    train_unit, test_unit = _unit(train_x), _unit(test_x)
    train_y = np.asarray(train_y, "float64")
    scores = np.empty((len(test_unit), train_y.shape[1]))
    step = max(1, _BLOCK // max(1, len(train_unit)))
    for start in range(0, len(test_unit), step):
        similarity = test_unit[start : start + step] @ train_unit.T
        nearest, value = _top(similarity, k)
        weight = np.exp((value - value.max(axis=1, keepdims=True)) / temperature)
        weight /= weight.sum(axis=1, keepdims=True)
        scores[start : start + step] = np.einsum("mk,mkc->mc", weight, train_y[nearest])
    return np.clip(scores, 0.0, 1.0) if shares else scores


def _scaled(x: np.ndarray, mean: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return ((x - mean.astype("float32")) * inverse.astype("float32")).astype("float32", copy=False)


def _unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays zero and is equally unlike everything."""
    length = np.sqrt(np.einsum("nd,nd->n", x, x, dtype="float64"))[:, None]
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0, casting="same_kind")


def _top(similarity: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (M, k) and values (M, k, float64) of the k largest entries of each row."""
    columns = np.argpartition(similarity, similarity.shape[1] - k, axis=1)[:, -k:]
    return columns, np.take_along_axis(similarity, columns, axis=1).astype("float64")
