"""What every method of pretraining is: a module that turns the views of a batch of sites into a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import NamedTuple

import torch
from torch import nn


@dataclass(frozen=True)
class Moment:
    """Where in its training a method stands; ``step`` counts optimiser steps from 0, interruptions or not."""

    step: int
    steps_per_epoch: int
    total_steps: int

    @property
    def epoch(self) -> float:
        return self.step / self.steps_per_epoch

    @property
    def share(self) -> float:
        """Share of the training that is done, 0..1."""
        return self.step / self.total_steps


class Batch(NamedTuple):
    """What the loader hands to a method for N sites.

    ``views``: groups of views of one size, each (V, N, C, S, S): uint16 stored values as loaded, float32 once scaled.
    ``masks``: (N, rows, columns) bool, True for patches to hide; None where a method hides nothing. ``rows``: (N,)
    int64, the row of each site in the table of sites.
    """

    views: list[torch.Tensor]
    masks: torch.Tensor | None
    rows: torch.Tensor


class Learnt(NamedTuple):
    """What a method answers: ``loss`` (scalar, of this rank's sites), and ``embedding`` (N, D), detached float32: one
    vector a site, in the space whose collapse would mean that nothing is learnt."""

    loss: torch.Tensor
    embedding: torch.Tensor


def in_float32(loss: Callable) -> Callable:
    """Compute a loss outside autocast: similarities in bfloat16 are too coarse to be divided by 0.1."""

    @wraps(loss)
    def compute(first: torch.Tensor, *rest: object, **named: object) -> torch.Tensor:
        with torch.autocast(first.device.type, enabled=False):
            return loss(first, *rest, **named)

    return compute


class Learner(nn.Module):
    """A method of pretraining.

    The order of a step: `before_step`; for each accumulated part `forward` and its backward pass; `after_backward`;
    the optimiser; `after_step`. Whatever changes beside the optimiser (keys, queues, centres, teachers) changes in
    `before_step` or `after_step`, never in `forward`, so that held-out sites leave no trace: `forward` may only note in
    ``pending`` what `after_step` needs, and only while ``self.recording``.

    Under several processes each has its part of the batch; `greenup.pretrain.distributed` gathers what must be seen
    whole (keys for queues and negatives, centres), so that the result is that of one process with the whole batch.
    """

    encoder: nn.Module
    """The backbone: what is handed on."""
    collapsed: float = 0.01
    thin: float = 0.1
    """Spreads of the embedding (`greenup.pretrain.module.embedding_spread`) at which training stops and warns."""

    def __init__(self) -> None:
        super().__init__()
        self.recording = True

    def trained_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Name and parameter of all that the optimiser changes."""
        return [(n, p) for n, p in self.named_parameters() if p.requires_grad]

    def before_step(self, moment: Moment) -> None:
        """Before the forward passes of an optimiser step."""

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        """The loss of one part of a batch, its views scaled."""
        raise NotImplementedError

    def after_backward(self, moment: Moment) -> None:
        """After the gradients are whole, before they are clipped and used."""

    def after_step(self, moment: Moment) -> None:
        """After the optimiser step."""
