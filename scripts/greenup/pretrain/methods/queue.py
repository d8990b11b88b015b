"""The queue of keys that MoCo and SeCo take their negatives from (He et al. 2020, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from greenup.pretrain.backbones import torch_generator
from greenup.pretrain.distributed import gathered


class KeyQueue(nn.Module):
    """``keys`` (spaces, length, dim), unit vectors, the oldest overwritten first; a buffer, so checkpoints have it.

    Starts as random unit vectors drawn from the seed, as published: real keys after length / batch steps.
    """

    def __init__(self, spaces: int, length: int, dim: int, seed: int) -> None:
        super().__init__()
        draws = torch.randn(spaces, length, dim, generator=torch_generator(seed, "queue"))
        self.register_buffer("keys", F.normalize(draws, dim=2))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))
        # Accumulated parts of a batch wait here until the step is done: all of them see the same negatives.
        self.pending: list[torch.Tensor] = []

    def note(self, keys: torch.Tensor) -> None:
        """Keep the keys (spaces, N, dim) of a part of the batch until `advance`."""
        self.pending.append(keys.detach())

    @torch.no_grad()
    def advance(self) -> None:
        """Put the keys noted since the last call over the oldest: those of all processes, in the order of the batch."""
        if not self.pending:
            return
        # Each part is shared out over the processes, so each is put together before the next one follows.
        new = torch.cat([gathered(part, dim=1) for part in self.pending], dim=1)
        self.pending.clear()
        length = self.keys.shape[1]
        # The position stays on the device: asking for its value would make a GPU wait for every step.
        places = (self.position + torch.arange(new.shape[1], device=new.device)) % length
        self.keys.index_copy_(1, places, new.to(self.keys.dtype))
        self.position.copy_((self.position + new.shape[1]) % length)
