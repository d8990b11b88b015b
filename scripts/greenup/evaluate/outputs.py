"""What the outputs of a linear probe mean, by kind of task: loss, gradient and prediction.

Outputs and targets come as (F, C, B): folds, columns, images. With images last, the maxima and sums over a fold's few
columns run along whole vectors. Losses are SSL4Eco's (section 4.1), an image's share of the mean:

- classification: cross-entropy of a softmax over the classes;
- multilabel: soft-margin loss, the mean over the labels of the binary cross-entropy, present labels ``positive_weight``
  times (12 for GeoLifeCLEF in SSL4Eco's code);
- regression: squared error, mean over the targets;
- distribution: Kullback-Leibler divergence of the target's shares from sigmoids that are divided by their sum.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F


def losses(kind: str, z: torch.Tensor, y: torch.Tensor, positive_weight: float = 1.0) -> torch.Tensor:
    """Loss of each image (F, B). ``z``: outputs (F, C, B); ``y``: class numbers (F, B), or targets (F, C, B)."""
    if kind == "classification":
        return torch.logsumexp(z, 1) - z.gather(1, y[:, None])[:, 0]
    if kind == "multilabel":
        weight = torch.as_tensor(positive_weight, dtype=z.dtype)
        return F.binary_cross_entropy_with_logits(z, y, pos_weight=weight, reduction="none").mean(1)
    if kind == "regression":
        return (z - y).square().mean(1)
    share = torch.log_softmax(F.logsigmoid(z), 1)
    return (torch.xlogy(y, y) - y * share).sum(1)


def gradient(kind: str, z: torch.Tensor, y: torch.Tensor, positive_weight: float = 1.0) -> torch.Tensor:
    """Derivative (F, C, B) of each image's loss by its outputs; arguments as of `losses`."""
    if kind == "classification":
        slope = torch.softmax(z, 1)
        index = y[:, None]
        return slope.scatter_add_(1, index, torch.full((), -1.0, dtype=z.dtype).expand(index.shape))
    if kind == "multilabel":
        slope = torch.sigmoid(z).sub_(y)
        if positive_weight != 1.0:
            slope = slope * (1 + (positive_weight - 1) * y)
        return slope.div_(z.shape[1])
    if kind == "regression":
        return (z - y).mul_(2 / z.shape[1])
    share = torch.softmax(F.logsigmoid(z), 1)
    return torch.sigmoid(-z) * (y.sum(1, keepdim=True) * share - y)


def predictions(kind: str, z: np.ndarray) -> np.ndarray:
    """Outputs (M, C), float64, as class probabilities, label probabilities, values, or shares that add up to 1."""
    if kind == "classification":
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)
    if kind == "regression":
        return z
    part = 0.5 * (1 + np.tanh(0.5 * z))
    if kind == "multilabel":
        return part
    # log sigmoid(z), shifted by its largest: sigmoids that all underflow still have shares.
    log_part = -np.logaddexp(0.0, -z)
    part = np.exp(log_part - log_part.max(axis=1, keepdims=True))
    return part / part.sum(axis=1, keepdims=True)
