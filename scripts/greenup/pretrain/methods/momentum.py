"""Networks that follow another as a moving average: key encoders and teachers."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from timm.layers import Attention, DropPath
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


def follower_of(network: nn.Module) -> nn.Module:
    """A copy that no gradient reaches."""
    return copy.deepcopy(network).requires_grad_(False)


def without_drop(network: nn.Module) -> nn.Module:
    """Take dropout and stochastic depth out of a network, as teachers have none; returns it."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(module, DropPath):
            module.drop_prob = 0.0
        elif isinstance(module, Attention):
            # Its fused product takes the rate from the dropout module only while training.
            module.attn_drop.p = 0.0
    return network


@torch.no_grad()
def follow(pairs: Iterable[tuple[nn.Module, nn.Module]], momentum: float) -> None:
    """For every (follower, leader): follower <- momentum x follower + (1 - momentum) x leader, parameter by parameter.

    Buffers (batch-norm statistics) stay the follower's own, as published.
    """
    average = get_ema_multi_avg_fn(momentum)
    for follower, leader in pairs:
        average(list(follower.parameters()), list(leader.parameters()), None)


def cosine_rise(start: float, share: float, end: float = 1.0) -> float:
    """From ``start`` at share 0 to ``end`` at share 1 of the training, along a half cosine (BYOL; MoCo-v3, DINO)."""
    return end - (end - start) * (math.cos(math.pi * share) + 1) / 2
