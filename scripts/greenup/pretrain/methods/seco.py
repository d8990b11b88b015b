"""Seasonal Contrast (Manas et al. 2021, section 3): one encoder, three embedding spaces, three queues."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from greenup.config.methods import SeCoMethod
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of
from greenup.pretrain.distributed import gathered, mean_over_all
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.heads import mlp_head
from greenup.pretrain.methods.momentum import follow, follower_of
from greenup.pretrain.methods.queue import KeyQueue

SPACES = 3
"""Space 0 is invariant to season and artificial change, space 1 to season only, space 2 to artificial change only."""


class SeCo(Learner):
    """Query and key encoders with their heads, and the queues.

    Batches have one group of four views: the query, then key views 0, 1, 2 (`greenup.pretrain.views`). ``encoder``: a
    network of one's own instead of the model's backbone; it must have ``num_features``.
    """

    def __init__(self, model: Model, method: SeCoMethod, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.temperature, self.key_momentum = method.temperature, method.key_momentum
        self.encoder = encoder if encoder is not None else backbone_of(model, seed)
        width = self.encoder.num_features
        self.heads = nn.ModuleList(mlp_head(width, method.dim, seed, "head", space) for space in range(SPACES))
        self.key_encoder, self.key_heads = follower_of(self.encoder), follower_of(self.heads)
        self.queue = KeyQueue(SPACES, method.queue, method.dim, seed)

    def before_step(self, moment: Moment) -> None:
        """Move the key encoder and heads towards the query's, before they embed, as published."""
        follow([(self.key_encoder, self.encoder), (self.key_heads, self.heads)], self.key_momentum)

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        """The sum of the three spaces' losses. Told as the embedding: the queries of the space that is spread least."""
        views = batch.views[0]
        query, keys = self.embed_query(views[0]), self.embed_keys(views[1:])
        # Negatives of the batch are those of the whole batch, whoever has embedded them.
        everyone = gathered(keys, dim=2)
        loss = seco_losses(query, keys, self.queue.keys, self.temperature, everyone).sum()
        if self.recording:
            # Each space's own key goes into its queue.
            self.queue.note(torch.stack([keys[space, space] for space in range(SPACES)]))
        # The same space for all processes, whose embeddings are put together.
        least = mean_over_all(query.detach().std(dim=1).mean(dim=1)).argmin()
        return Learnt(loss, query.detach().index_select(0, least[None])[0])

    def after_step(self, moment: Moment) -> None:
        self.queue.advance()

    def embed_query(self, view: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) -> float32 unit vectors (3, N, d), one a space."""
        return _embed(self.encoder, self.heads, view)

    @torch.no_grad()
    def embed_keys(self, views: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        """Key images, three times (N, C, H, W) -> float32 unit vectors (space 3, view 3, N, d).

        Each view is its own pass, so that batch norm never mixes augmented and plain images, as published.
        """
        return torch.stack([_embed(self.key_encoder, self.key_heads, v) for v in views], dim=1)


@in_float32
def seco_losses(
    query: torch.Tensor,
    keys: torch.Tensor,
    queues: torch.Tensor,
    temperature: float,
    everyone: torch.Tensor | None = None,
) -> torch.Tensor:
    """The three InfoNCE losses of seasonal contrast, each averaged over the batch: (3,).

    ``query`` (3, N, d), ``keys`` (space 3, view 3, N, d), ``queues`` (3, K, d), all unit vectors. In space i the
    positive of a query is its own site's key view i. Negatives are queue i; in spaces 1 and 2 also the other two key
    views of the whole batch, those of the query's own site included: they differ by what this space must tell apart.
    ``everyone``: the keys of the whole batch where ``keys`` are a part of it.
    """
    everyone = keys if everyone is None else everyone
    losses = []
    for space in range(SPACES):
        q, own = query[space], keys[space, space]
        logits = [(q * own).sum(dim=1, keepdim=True), q @ queues[space].T]
        if space > 0:
            logits += [q @ everyone[space, view].T for view in range(SPACES) if view != space]
        target = torch.zeros(len(q), dtype=torch.long, device=q.device)
        losses.append(F.cross_entropy(torch.cat(logits, dim=1) / temperature, target))
    return torch.stack(losses)


def _embed(encoder: nn.Module, heads: nn.ModuleList, view: torch.Tensor) -> torch.Tensor:
    features = encoder(view)
    # Unit length is taken in float32: under autocast the heads answer in bfloat16, too coarse to divide by 0.1.
    return torch.stack([F.normalize(head(features).float(), dim=1) for head in heads])
