"""Batch-norm statistics of all images instead of a moving average: "precise BN" (Wu & Johnson 2021, section 3)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class _Moments:
    """Mean and variance per channel of all inputs of one layer, batch after batch (Chan et al. 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros(())

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0].float()
        count = x.numel() // x.shape[1]
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        variance, mean = variance.double().cpu(), mean.double().cpu()
        total = self.count + count
        shift = mean - self.mean
        self.squares = self.squares + variance * count + shift**2 * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total


@torch.no_grad()
def calibrate(backbone: nn.Module, batches: Iterable[torch.Tensor]) -> nn.Module:
    """Set every batch norm's running mean and variance to those of its inputs over all ``batches``; returns it in eval.

    ``batches``: float32 (N, C, H, W), preprocessed as when embedding. While passing, each layer normalises by its own
    batch, as in training. Weights do not change. The variance is the population's (divided by the count).
    """
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    moments = [_Moments() for _ in norms]
    hooks = [norm.register_forward_pre_hook(m) for norm, m in zip(norms, moments, strict=True)]
    backbone.train()
    try:
        for batch in batches:
            backbone(batch)
    finally:
        for hook in hooks:
            hook.remove()
        backbone.eval()
    if any(m.count == 0 for m in moments):
        raise ValueError("no image to calibrate on")
    for norm, m in zip(norms, moments, strict=True):
        norm.running_mean.copy_(m.mean)
        norm.running_var.copy_(m.squares / m.count)
    return backbone
