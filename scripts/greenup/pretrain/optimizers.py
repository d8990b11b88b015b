"""Optimisers, and schedules of learning rate and weight decay: pure functions of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from greenup.config.methods import Optimizer


def build_optimizer(parameters: list[tuple[str, nn.Parameter]], settings: Optimizer) -> torch.optim.Optimizer:
    """SGD (momentum; weight decay on every parameter, as published) or AdamW (decay on matrices and kernels only).

    AdamW leaves biases, norms and other vectors without decay (also such as a ViT keeps as (1, 1, D): its tokens), the
    usual practice since decay only shrinks them. Groups that decay carry ``decays`` True.
    """
    if settings.name == "sgd":
        group = {"params": [p for _, p in parameters], "weight_decay": settings.weight_decay, "decays": True}
        optimizer = torch.optim.SGD([group], lr=settings.lr, momentum=settings.momentum, fused=True)
        if settings.momentum:
            # The same as none at the first step; torch's fused step fails where some have one and others, frozen so
            # far, do not (DINO's last layer in its first epoch).
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimizer
    matrices = [p for _, p in parameters if _is_matrix(p)]
    vectors = [p for _, p in parameters if not _is_matrix(p)]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay, "decays": True},
        {"params": vectors, "weight_decay": 0.0, "decays": False},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings.lr, betas=settings.betas, fused=True)


def _is_matrix(parameter: nn.Parameter) -> bool:
    return sum(n > 1 for n in parameter.shape) > 1 or (parameter.ndim > 1 and parameter.shape[0] > 1)


def set_schedules(optimizer: torch.optim.Optimizer, rate: float, decay: float) -> None:
    """Give all groups the learning rate, and those that decay the weight decay, of the step at hand."""
    for group in optimizer.param_groups:
        group["lr"] = rate
        if group["decays"]:
            group["weight_decay"] = decay


def warmup(settings: Optimizer, steps_per_epoch: int) -> int:
    """Steps of linear warm-up, however they are given."""
    return settings.warmup_steps or round(settings.warmup_epochs * steps_per_epoch)


def learning_rate(settings: Optimizer, step: int, steps_per_epoch: int, total_steps: int) -> float:
    """The rate of step 0, 1, ...

    Linear warm-up that reaches the peak at its last step (so that no step has rate 0); then constant; or a half cosine
    from the peak to ``final_lr`` at the end of the training, falling at every step or at the first of every epoch; or
    (``steps``) x 0.1 from the first step of each epoch in ``milestones`` on.
    """
    warm = warmup(settings, steps_per_epoch)
    if step < warm:
        return settings.lr * (step + 1) / warm
    if settings.schedule == "cosine":
        at = step if settings.every == "step" else max(warm, step // steps_per_epoch * steps_per_epoch)
        return half_cosine(settings.lr, settings.final_lr, (at - warm) / max(1, total_steps - warm))
    if settings.schedule == "steps":
        return settings.lr * 0.1 ** sum(step >= m * steps_per_epoch for m in settings.milestones)
    return settings.lr


def weight_decay(settings: Optimizer, step: int, total_steps: int) -> float:
    """The weight decay of step 0, 1, ...: constant, or along a half cosine to ``final_weight_decay`` (DINO)."""
    if settings.final_weight_decay is None:
        return settings.weight_decay
    return half_cosine(settings.weight_decay, settings.final_weight_decay, step / total_steps)


def half_cosine(first: float, last: float, share: float) -> float:
    """From ``first`` at share 0 to ``last`` at share 1 along half a period of the cosine."""
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * min(1.0, share)))
