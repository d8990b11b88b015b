"""What processes that train together must know of one another. Alone, each function gives back what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

PATIENCE = timedelta(hours=2)
"""How long processes wait for one another: the first alone computes the held-out loss, which may take a while."""

_alone = 0


def world() -> int:
    """Processes that train together."""
    return dist.get_world_size() if not _alone and dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def alone() -> Iterator[None]:
    """While it lasts, this process works as if it were the only one: nothing here waits for the others."""
    global _alone
    _alone += 1
    try:
        yield
    finally:
        _alone -= 1


@torch.no_grad()
def gathered(values: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """The values of all processes along ``dim``, in the order of their ranks; no gradient goes through."""
    if world() == 1:
        return values
    parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(world())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts, dim=dim)


@torch.no_grad()
def mean_over_all(values: torch.Tensor) -> torch.Tensor:
    """The mean of a tensor over all processes; no gradient goes through."""
    if world() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world()


class Council:
    """Small decisions that all processes take at once: over the CPU, so that no GPU waits for its own step."""

    def __init__(self) -> None:
        own = world() > 1 and dist.get_backend() != "gloo"
        self._group = dist.new_group(backend="gloo", timeout=PATIENCE) if own else None

    def highest(self, *numbers: float) -> list[float]:
        """The highest of each number over all processes."""
        if world() == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(values, op=dist.ReduceOp.MAX, group=self._group)
        return values.tolist()

    def total(self, *numbers: float) -> list[float]:
        """The sum of each number over all processes."""
        if world() == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(values, group=self._group)
        return values.tolist()


class GpuSyncBatchNorm(nn.SyncBatchNorm):
    """Torch's batch norm over the batches of all processes; in `alone`, and in evaluation, an ordinary one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (N, C, ...)."""
        return super().forward(x) if self.training and world() > 1 else _ordinary(self, x)


class CpuSyncBatchNorm(_BatchNorm):
    """The same formula for processes on the CPU, where torch has none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (N, C, ...); every process must have the same N."""
        return self._over_all(x) if self.training and world() > 1 else _ordinary(self, x)

    def _over_all(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        over = [0, *range(2, x.ndim)]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        # Two passes: the variance as the mean of squares minus the squared mean would cancel in float32.
        mean = _mean_of_all(wide.mean(dim=over))
        centred = wide - mean.view(shape)
        variance = _mean_of_all(centred.square().mean(dim=over))
        if self.track_running_stats and self.running_mean is not None:
            with torch.no_grad():
                count = world() * x.numel() // x.shape[1]
                self.num_batches_tracked.add_(1)
                self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), self.momentum)
                unbiased = variance.detach() * (count / max(1, count - 1))
                self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.weight is not None:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)


def _ordinary(norm: _BatchNorm, x: torch.Tensor) -> torch.Tensor:
    """What `torch.nn.BatchNorm2d` does; its own forward refuses other numbers of dimensions than its own."""
    tracked = norm.track_running_stats and norm.running_mean is not None
    if norm.training and tracked:
        norm.num_batches_tracked.add_(1)
    statistics = (norm.running_mean, norm.running_var) if tracked or not norm.training else (None, None)
    by_batch = norm.training or norm.running_mean is None
    return F.batch_norm(x, *statistics, norm.weight, norm.bias, by_batch, norm.momentum, norm.eps)


def _mean_of_all(values: torch.Tensor) -> torch.Tensor:
    """The mean over all processes, through which gradients go."""
    if torch.is_grad_enabled() and values.requires_grad:
        return _SumOverAll.apply(values) / world()
    return mean_over_all(values)


class _SumOverAll(torch.autograd.Function):
    """The sum over all processes. Each one's loss depends on it, so its gradient is the sum of all their gradients."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: torch.Tensor) -> torch.Tensor:
        total = values.detach().clone().contiguous()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone().contiguous()
        dist.all_reduce(total)
        return total


def synchronise_batch_norms(network: nn.Module, *, gpu: bool) -> nn.Module:
    """Replace every batch norm below ``network`` by a synchronised one of the same parameters and statistics."""
    kind = GpuSyncBatchNorm if gpu else CpuSyncBatchNorm
    for name, child in network.named_children():
        if not isinstance(child, _BatchNorm) or isinstance(child, kind):
            synchronise_batch_norms(child, gpu=gpu)
            continue
        if type(child) not in (nn.BatchNorm1d, nn.BatchNorm2d):
            raise TypeError(f"{name}: {type(child).__name__} does more than normalise and cannot be synchronised")
        norm = kind(child.num_features, child.eps, child.momentum, child.affine, child.track_running_stats)
        # The very same tensors: optimisers and followers that know them stay right.
        norm._parameters, norm._buffers = child._parameters, child._buffers
        norm.train(child.training)
        setattr(network, name, norm)
    return network
