"""Small networks and models for tests of the methods, and one step of training re-derived in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.config import Model
from greenup.pretrain.methods.base import Batch, Learner, Moment
from torch import nn

MOMENT = Moment(step=0, steps_per_epoch=4, total_steps=12)


class TinyEncoder(nn.Module):
    """A convolution and a batch norm."""

    num_features = 6

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv, self.norm = nn.Conv2d(channels, 6, 3), nn.BatchNorm2d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x))).mean(dim=(2, 3))


def model_of(
    name: str, backbone: str = "resnet18", channels: tuple[str, ...] = ("B2", "B8"), **method: object
) -> Model:
    """A model of a method at the size of a test."""
    settings = {"batch_size": 4, "crop_px": 16, "epochs": 3, **method}
    return Model.model_validate(
        {
            "dataset": "d",
            "backbone": backbone,
            "patch_px": 8,
            "channels": channels,
            "method": {"name": name, **settings},
        }
    )


def views(count: int, n: int = 4, channels: int = 2, size: int = 16, seed: int = 0) -> torch.Tensor:
    """A group of views (V, N, C, S, S), float32."""
    return torch.randn(count, n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def batch_of(*groups: torch.Tensor, masks: torch.Tensor | None = None) -> Batch:
    return Batch(list(groups), masks, torch.arange(groups[0].shape[1]))


def units(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def check_one_step(
    learner: Learner, batch: Batch, loss_of: Callable[[Learner, Batch], torch.Tensor], momentum: float = 0.9
) -> None:
    """Two steps of SGD (lr 0.1, weight decay 0.01) by the learner's own hooks, against the same in float64 with the
    loss, the gradient's use and the update written out; losses and parameters agree to 1e-5."""
    lr, decay = 0.1, 0.01
    truth = copy.deepcopy(learner).double()
    exact = Batch([v.double() for v in batch.views], batch.masks, batch.rows)
    parameters = [p for _, p in learner.trained_parameters()]
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=decay)
    speed: dict[str, torch.Tensor] = {}
    for step in range(2):
        moment = Moment(step, 4, 12)
        learner.before_step(moment)
        learnt = learner(batch, moment)
        optimizer.zero_grad()
        learnt.loss.backward()
        learner.after_backward(moment)
        optimizer.step()
        learner.after_step(moment)

        truth.before_step(moment)
        loss = loss_of(truth, exact)
        assert learnt.loss.item() == pytest.approx(loss.item(), rel=1e-5)
        named = truth.trained_parameters()
        gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
        with torch.no_grad():
            for (name, p), gradient in zip(named, gradients, strict=True):
                if gradient is None:
                    continue
                speed[name] = momentum * speed.get(name, torch.zeros_like(p)) + gradient + decay * p
                p -= lr * speed[name]
        truth.after_step(moment)
        # Queues and centres hold what the learner has put there, which tests of their own look at.
        for (_, ours), (_, exactly) in zip(learner.named_buffers(), truth.named_buffers(), strict=True):
            exactly.copy_(ours)
    for (name, ours), (_, exactly) in zip(learner.named_parameters(), truth.named_parameters(), strict=True):
        torch.testing.assert_close(ours.double(), exactly, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
