"""Optimisers and learning-rate schedules; the rate is a pure function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from greenup.config.learning import Optimizer


def build_optimizer(parameters: list[tuple[str, nn.Parameter]], settings: Optimizer) -> torch.optim.Optimizer:
    """SGD (momentum; weight decay on every parameter, as published) or AdamW (decay on matrices and kernels only).

    AdamW leaves biases and norms without decay, the usual practice since decay only shrinks them.
    """
    if settings.name == "sgd":
        weights = [p for _, p in parameters]
        return torch.optim.SGD(
            weights, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay, fused=True
        )
    groups = [
        {"params": [p for _, p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for _, p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, fused=True)


def learning_rate(settings: Optimizer, step: int, steps_per_epoch: int, total_steps: int) -> float:
    """The rate of step 0, 1, ..: linear warm-up over ``warmup_steps``, then constant, cosine to 0 at the end of the
    training, or (``steps``) x 0.1 from the first step of each epoch in ``milestones`` on.
    """
    if step < settings.warmup_steps:
        return settings.lr * (step + 1) / settings.warmup_steps
    if settings.schedule == "cosine":
        done = (step - settings.warmup_steps) / max(1, total_steps - settings.warmup_steps)
        return settings.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    if settings.schedule == "steps":
        return settings.lr * 0.1 ** sum(step >= m * steps_per_epoch for m in settings.milestones)
    return settings.lr
