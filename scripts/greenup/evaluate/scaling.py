"""Standardising embeddings by the statistics of a training part. NumPy only.

Both probes standardise by default: a network with random weights gives dimensions of very different spread, and a
probe on unscaled vectors would then compare how networks are scaled rather than what they know. The training part
alone gives the statistics, so nothing of the test part leaks. (SSL4Eco's released code differs in both: its k-NN
compares vectors as they come, and its z-scores of targets use all rows.)
"""

from __future__ import annotations

import numpy as np

# Below this share of its mean (or, where the data were standardised before, of 1) a spread is rounding noise.
NOISE = 1e-6


def train_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and inverse standard deviation (D,), float64, of the rows of ``x`` (N, D).

    The standard deviation is the population's (divisor N). A dimension that is constant gets the inverse 0, so that
    it is 0 after standardising, in training and wherever it is used: what training has not seen vary is not judged
    by.
    """
    mean = x.mean(axis=0, dtype="float64")
    square = np.zeros_like(mean)
    for rows in range(0, len(x), 8192):
        square += ((x[rows : rows + 8192] - mean) ** 2).sum(axis=0)
    std = np.sqrt(square / len(x))
    return mean, inverse_or_zero(std, np.abs(mean))


def inverse_or_zero(std: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """1 / std, and 0 where the spread is rounding noise beside ``size``."""
    varies = std > NOISE * size
    return np.divide(1.0, std, out=np.zeros_like(std), where=varies & (std > 0))
