"""Seasonal Contrast (Manas et al. 2021, section 3): one encoder, three embedding spaces, three queues."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from greenup.config.learning import SeCoMethod
from greenup.errors import UserError
from greenup.pretrain.backbones import torch_generator

SPACES = 3
"""Space 0 is invariant to season and artificial change, space 1 to season only, space 2 to artificial change only."""


def check_queue(method: SeCoMethod, training_sites: int, where: str) -> None:
    """Refuse, before training, a batch or a queue that the training sites cannot fill.

    A queue as long as the training set would hold, as a negative, an earlier key of nearly every query's own site.
    """
    if training_sites <= method.batch_size:
        raise UserError(
            f"{where}.batch_size: a batch of {method.batch_size} needs more than the {training_sites} training sites",
            f"write batch_size: {max(2, 2 ** ((training_sites // 4).bit_length() - 1))} and a queue that is a multiple",
        )
    if method.queue >= training_sites:
        fits = (training_sites - 1) // method.batch_size * method.batch_size
        raise UserError(
            f"{where}.queue: queue {method.queue} is longer than the {training_sites} training sites allow; each query "
            "would meet its own site among the negatives",
            f"write queue: {fits} (a multiple of batch_size {method.batch_size}), or use more sites",
        )


class SeCo(nn.Module):
    """Query and key encoders with their heads, and the queues.

    The queues start as random unit vectors, as published; they are real keys after queue / batch_size steps.
    """

    def __init__(self, backbone: nn.Module, method: SeCoMethod, seed: int) -> None:
        super().__init__()
        width = backbone.num_features
        self.temperature = method.temperature
        self.encoder = backbone
        self.heads = nn.ModuleList(_head(width, method.dim, seed, space) for space in range(SPACES))
        self.key_encoder = copy.deepcopy(self.encoder).requires_grad_(False)
        self.key_heads = copy.deepcopy(self.heads).requires_grad_(False)
        draws = torch_generator(seed, "queue")
        queues = torch.randn(SPACES, method.queue, method.dim, generator=draws)
        self.register_buffer("queues", F.normalize(queues, dim=2))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))
        self._average = get_ema_multi_avg_fn(method.key_momentum)

    def query_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """What is optimised: the query encoder and its heads."""
        return [(n, p) for n, p in self.named_parameters() if not n.startswith("key_")]

    @torch.no_grad()
    def update_keys(self) -> None:
        """Move the key encoder and heads towards the query's: key <- m key + (1 - m) query. Buffers stay their own."""
        for key, query in ((self.key_encoder, self.encoder), (self.key_heads, self.heads)):
            self._average(list(key.parameters()), list(query.parameters()), None)

    def embed_query(self, view: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) -> float32 unit vectors (3, N, d), one a space."""
        return _embed(self.encoder, self.heads, view)

    @torch.no_grad()
    def embed_keys(self, views: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        """Key images, three times (N, C, H, W) -> float32 unit vectors (space 3, view 3, N, d).

        Each view is its own pass, so that batch norm never mixes augmented and plain images, as published.
        """
        return torch.stack([_embed(self.key_encoder, self.key_heads, v) for v in views], dim=1)

    def losses(self, query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each space, (3,); the training loss is their sum."""
        # A copy, since the queues change in place before the gradient of these losses is taken.
        return seco_losses(query, keys, self.queues.clone(), self.temperature)

    @torch.no_grad()
    def enqueue(self, keys: torch.Tensor) -> None:
        """Put each space's own key, (3, 3, N, d) at [i, i], over the oldest N entries of its queue."""
        count, length = keys.shape[2], self.queues.shape[1]
        start = int(self.position)
        for space in range(SPACES):
            self.queues[space, start : start + count] = keys[space, space]
        self.position.fill_((start + count) % length)


def seco_losses(query: torch.Tensor, keys: torch.Tensor, queues: torch.Tensor, temperature: float) -> torch.Tensor:
    """The three InfoNCE losses of seasonal contrast, each averaged over the batch: (3,).

    ``query`` (3, N, d), ``keys`` (space 3, view 3, N, d), ``queues`` (3, K, d), all unit vectors. In space i the
    positive of a query is its own site's key view i. Negatives are queue i; in spaces 1 and 2 also the other two key
    views of the whole batch, those of the query's own site included: they differ by what this space must tell apart.
    """
    losses = []
    for space in range(SPACES):
        q, own = query[space], keys[space]
        logits = [(q * own[space]).sum(dim=1, keepdim=True), q @ queues[space].T]
        if space > 0:
            logits += [q @ own[view].T for view in range(SPACES) if view != space]
        target = torch.zeros(len(q), dtype=torch.long, device=q.device)
        losses.append(F.cross_entropy(torch.cat(logits, dim=1) / temperature, target))
    return torch.stack(losses)


def _embed(encoder: nn.Module, heads: nn.ModuleList, view: torch.Tensor) -> torch.Tensor:
    features = encoder(view)
    # Unit length is taken in float32: under autocast the heads answer in bfloat16, too coarse to divide by 0.1.
    return torch.stack([F.normalize(head(features).float(), dim=1) for head in heads])


def _head(width: int, dim: int, seed: int, space: int) -> nn.Sequential:
    """Linear, ReLU, Linear; weights uniform within 1 / sqrt(fan-in), torch's default for linear layers."""
    head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dim))
    draws = torch_generator(seed, "head", space)
    for parameter in head.parameters():
        nn.init.uniform_(parameter, -(width**-0.5), width**-0.5, generator=draws)
    return head
