"""Weighted k-nearest-neighbour probe by cosine similarity (SSL4Eco, section 4.1).

The k most similar training images vote with weights softmax(similarity / T), T = 0.07: for classes and labels the
scores are the weighted shares of the neighbours that have them, for regression and distributions the weighted mean of
their targets.

Neighbours come from the train part alone, as published: the val part serves to choose among several k, and both
probes then learn from the same images.

Neighbours are those of the similarities in float32. Where there are many, similarities are first computed in bfloat16,
which a processor that has it multiplies twice as fast; candidates are then ranked again by their float32 similarities,
and an image for which rounding may have hidden a neighbour (by the norms of what was rounded off) is done again in
float32 throughout. So the answer does not depend on the machine.
"""

from __future__ import annotations

import logging

import numpy as np

from greenup.evaluate.scaling import train_statistics

log = logging.getLogger(__name__)

# Similarities held at once (float32): 64 MB whatever the size of the training part.
_BLOCK = 2**24
# Columns whose largest similarity is looked at together: the k largest entries lie in the k groups of largest maxima.
_GROUP = 64
# Rows that are converted at once: few enough to stay in a processor's cache.
_CHUNK = 128
# Products for which it pays to import a deep-learning library for its bfloat16.
_MANY = 10**10
# Float32 similarities of unit vectors differ by their sums' rounding: far below this.
_ROUNDING = 1e-5


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

    ``train_x`` (N, D) and ``test_x`` (M, D): embeddings; ``train_y`` (N, C): one-hot classes, 0/1 labels, shares or
    targets. ``standardise``: give each dimension mean 0 and standard deviation 1 over the train part before the cosine
    (default; published: off). ``shares``: the columns of ``train_y`` lie in [0, 1], and so do the scores; without this,
    rounding gives 1.0000001 here and there, which a metric library may take for a logit.

    Fewer than k training images are all used, with a warning.
    """
    nearest, similarity = nearest_images(train_x, test_x, k=k, standardise=standardise)
    return vote(nearest, similarity, train_y, k=k, temperature=temperature, shares=shares)


def vote(
    nearest: np.ndarray,
    similarity: np.ndarray,
    train_y: np.ndarray,
    *,
    k: int,
    temperature: float = 0.07,
    shares: bool = True,
    dtype: str = "float64",
) -> np.ndarray:
    """Scores (M, C) by the first k of the neighbours (M, K >= k) that `nearest_images` gives.

    ``dtype``: in which weights are computed and added; float32 reproduces scores just above 1.
    """
    value = similarity[:, :k].astype(dtype)
    weight = np.exp((value - value[:, :1]) / np.asarray(temperature, dtype))
    weight /= weight.sum(axis=1, keepdims=True)
    train_y = np.asarray(train_y, dtype)
    scores = np.zeros((len(nearest), train_y.shape[1]), dtype)
    for i in range(weight.shape[1]):
        scores += weight[:, i : i + 1] * train_y[nearest[:, i]]
    return np.clip(scores, 0.0, 1.0) if shares else scores


def nearest_images(
    train_x: np.ndarray, test_x: np.ndarray, *, k: int, standardise: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar training images of each test image, most similar first: rows (M, k) of ``train_x`` (N, D)
    and cosine similarities (M, k), float32.

    Memory: beside the arguments one copy of each in float32, and half of one where bfloat16 is used.
    """
    if k > len(train_x):
        log.warning("k-NN: %d neighbours asked for, the train part has %d images: all are used", k, len(train_x))
        k = len(train_x)
    mean, inverse = train_statistics(train_x) if standardise else (None, None)
    train, test = _unit(train_x, mean, inverse), _unit(test_x, mean, inverse)
    rough = _Rough.of(train, len(test)) if len(train) > 4 * _candidates(k) else None
    nearest = np.empty((len(test), k), dtype=np.int64)
    similarity = np.empty((len(test), k), dtype="float32")
    step = max(1, _BLOCK // len(train))
    again = 0
    for start in range(0, len(test), step):
        rows = slice(start, start + step)
        nearest[rows], similarity[rows], unsure = _block(train, test[rows], k, rough)
        again += unsure
    if again:
        log.info("k-NN: %d of %d images done again in float32", again, len(test))
    return nearest, similarity


def _candidates(k: int) -> int:
    return 2 * k + 16


def _block(train: np.ndarray, test: np.ndarray, k: int, rough: _Rough | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Neighbours and similarities (M, k) of some images, and for how many of them the rough product did not do."""
    if rough is None:
        columns, _ = _top(test @ train.T, min(len(train), k + 8))
        return *_ranked(train, test, columns, k), 0
    columns, least, error = rough.candidates(test, _candidates(k))
    nearest, similarity = _ranked(train, test, columns, k)
    # What is no candidate has a rough similarity of at most the least candidate's.
    unsure = np.flatnonzero(similarity[:, -1] < least + error + _ROUNDING)
    if len(unsure):
        nearest[unsure], similarity[unsure], _ = _block(train, test[unsure], k, None)
    return nearest, similarity, len(unsure)


def _ranked(train: np.ndarray, test: np.ndarray, columns: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best of the candidates (M, c), by float32 products of a row each; of equals the lower row number."""
    columns = np.sort(columns, axis=1)
    value = np.empty(columns.shape, dtype="float32")
    for i, row in enumerate(test):
        value[i] = train[columns[i]] @ row
    order = np.argsort(-value, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(value, order, axis=1)


def _unit(x: np.ndarray, mean: np.ndarray | None, inverse: np.ndarray | None) -> np.ndarray:
    """Rows, standardised, of length 1 (float32, a copy); a row of zeros stays zero and is equally unlike everything."""
    unit = np.empty(x.shape, dtype="float32")
    if mean is not None:
        mean, inverse = mean.astype("float32"), inverse.astype("float32")
    for i in range(0, len(x), _CHUNK):
        rows = np.asarray(x[i : i + _CHUNK], dtype="float32")
        if mean is not None:
            rows = (rows - mean) * inverse
        length = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype="float64"))
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0).astype("float32")
        np.multiply(rows, scale[:, None], out=unit[i : i + _CHUNK])
    return unit


def _top(similarity: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (M, count) of the largest entries of each row, in any order, and the least of them (M,)."""
    images, width = similarity.shape
    groups = -(-width // _GROUP)
    if groups > 2 * count:
        whole = width // _GROUP * _GROUP
        highest = similarity[:, :whole].reshape(images, -1, _GROUP).max(axis=2)
        if whole < width:
            highest = np.column_stack([highest, similarity[:, whole:].max(axis=1)])
        chosen = np.sort(np.argpartition(highest, groups - count, axis=1)[:, -count:], axis=1)
        columns = (chosen[:, :, None] * _GROUP + np.arange(_GROUP)).reshape(images, -1)
        # The last group may be short: what lies beyond it is less than anything.
        inside = columns < width
        value = np.take_along_axis(similarity, np.minimum(columns, width - 1), axis=1)
        value[~inside] = -np.inf
        local = np.argpartition(value, value.shape[1] - count, axis=1)[:, -count:]
        found = np.take_along_axis(columns, local, axis=1)
        return found, np.take_along_axis(value, local, axis=1).min(axis=1)
    found = np.argpartition(similarity, width - count, axis=1)[:, -count:]
    return found, np.take_along_axis(similarity, found, axis=1).min(axis=1)


# ------------------------------------------------------------------------------------------------------ rough products
class _Rough:
    """Training images in bfloat16. ``error``: the largest norm of what rounding took from one of them."""

    # Half a unit in the last of bfloat16's 8 digits: the rounding of a product's result.
    _DIGITS = 2.0**-8

    def __init__(self, train: np.ndarray) -> None:
        import torch

        self.train = torch.empty(train.shape, dtype=torch.bfloat16)
        self.error = 0.0
        for i in range(0, len(train), _CHUNK):
            self.train[i : i + _CHUNK], error = self._rounded(train[i : i + _CHUNK])
            self.error = max(self.error, float(error.max()))

    @staticmethod
    def of(train: np.ndarray, images: int) -> _Rough | None:
        """Of training images (N, D), where the product is large and the processor has one for bfloat16."""
        if train.size * images < _MANY:
            return None
        import torch

        has = torch.cpu.get_capabilities()
        return _Rough(train) if has.get("avx512_bf16") or has.get("amx_bf16") else None

    @staticmethod
    def _rounded(x: np.ndarray) -> tuple[object, np.ndarray]:
        import torch

        exact = torch.from_numpy(x)
        rounded = exact.bfloat16()
        return rounded, (exact - rounded.float()).norm(dim=1).numpy()

    def candidates(self, test: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns (M, count) of the largest rough similarities of unit vectors (M, D), the least of these (M,), and by
        how much that and all below it may lie below the float32 similarity (M,).

        Of vectors x, y and their roundings x', y': |xy - x'y'| <= |x - x'| |y| + |x'| |y - y'|.
        """
        rounded, error = self._rounded(test)
        similarity = (rounded @ self.train.T).float().numpy()
        columns, least = _top(similarity, count)
        return columns, least, error + (1 + error) * self.error + self._DIGITS * np.abs(least)
