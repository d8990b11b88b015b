"""MoCo-v2 (He et al. 2020; Chen et al. 2020), whichever two views it compares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from greenup.config.methods import AnyMoCoMethod
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.heads import mlp_head
from greenup.pretrain.methods.momentum import follow, follower_of
from greenup.pretrain.methods.queue import KeyQueue


class MoCo(Learner):
    """Query and key encoders with an MLP head, and a queue.

    Batches have one group of two views, query and key. ``encoder``: a network of one's own instead of the model's
    backbone; it must have ``num_features``.
    """

    def __init__(self, model: Model, method: AnyMoCoMethod, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.temperature, self.key_momentum = method.temperature, method.key_momentum
        self.encoder = encoder if encoder is not None else backbone_of(model, seed)
        self.head = mlp_head(self.encoder.num_features, method.dim, seed, "head")
        self.key_encoder, self.key_head = follower_of(self.encoder), follower_of(self.head)
        self.queue = KeyQueue(1, method.queue, method.dim, seed)

    def before_step(self, moment: Moment) -> None:
        """Move the key encoder and head towards the query's, before they embed, as published."""
        follow([(self.key_encoder, self.encoder), (self.key_head, self.head)], self.key_momentum)

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        query_view, key_view = batch.views[0]
        query = F.normalize(self.head(self.encoder(query_view)).float(), dim=1)
        with torch.no_grad():
            key = F.normalize(self.key_head(self.key_encoder(key_view)).float(), dim=1)
        loss = moco_loss(query, key, self.queue.keys[0], self.temperature)
        if self.recording:
            self.queue.note(key[None])
        return Learnt(loss, query.detach())

    def after_step(self, moment: Moment) -> None:
        self.queue.advance()


@in_float32
def moco_loss(query: torch.Tensor, key: torch.Tensor, queue: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE averaged over the batch: ``query`` and ``key`` (N, d), ``queue`` (K, d), all unit vectors.

    The positive of a query is its own site's key; the negatives are the queue alone.
    """
    logits = torch.cat([(query * key).sum(dim=1, keepdim=True), query @ queue.T], dim=1)
    return F.cross_entropy(logits / temperature, torch.zeros(len(query), dtype=torch.long, device=query.device))
