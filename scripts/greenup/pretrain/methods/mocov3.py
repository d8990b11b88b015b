"""MoCo-v3 (Chen, Xie and He 2021): no queue, the other keys of the batch are the negatives; and a predictor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from greenup.config.methods import MoCoV3Method
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of
from greenup.pretrain.distributed import gathered, rank
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.heads import normed_head
from greenup.pretrain.methods.momentum import cosine_rise, follow, follower_of


class MoCoV3(Learner):
    """Encoder, projector and predictor, and the key encoder and projector that follow.

    Batches have one group of two views; each is query and key once. Projector and predictor are those of the paper: for
    a ViT three and two layers, the outputs of both normed; for a ResNet two and two, the predictor's output not normed.
    ``encoder``: a network of one's own instead of the model's backbone; it must have ``num_features``.
    """

    def __init__(self, model: Model, method: MoCoV3Method, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.temperature, self.key_momentum = method.temperature, method.key_momentum
        self.encoder = encoder if encoder is not None else backbone_of(model, seed)
        is_vit = hasattr(self.encoder, "patch_embed")
        width, hidden, dim = self.encoder.num_features, method.hidden, method.dim
        self.projector = normed_head(
            (width, *[hidden] * (2 if is_vit else 1), dim), seed, "projector", norm_output=True
        )
        self.predictor = normed_head((dim, hidden, dim), seed, "predictor", norm_output=is_vit)
        if is_vit and method.freeze_patches:
            # Section 4 of the paper: training is stable when the first layer stays as it was drawn.
            self.encoder.patch_embed.proj.requires_grad_(False)
        self.key_encoder, self.key_projector = follower_of(self.encoder), follower_of(self.projector)

    def before_step(self, moment: Moment) -> None:
        """Move the key networks towards the query's, by a momentum that rises to 1 along a half cosine."""
        momentum = cosine_rise(self.key_momentum, moment.share)
        follow([(self.key_encoder, self.encoder), (self.key_projector, self.projector)], momentum)

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        first, second = batch.views[0]
        queries = [F.normalize(self.predictor(self.projector(self.encoder(v))).float(), dim=1) for v in (first, second)]
        with torch.no_grad():
            keys = [F.normalize(self.key_projector(self.key_encoder(v)).float(), dim=1) for v in (first, second)]
        loss = mocov3_loss(queries[0], keys[1], self.temperature) + mocov3_loss(queries[1], keys[0], self.temperature)
        return Learnt(loss, queries[0].detach())


@in_float32
def mocov3_loss(query: torch.Tensor, key: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE of one direction, times twice the temperature, averaged over the batch: unit vectors (N, d) both.

    The positive of a query is its own site's key, the negatives the keys of all other sites of the whole batch.
    """
    everyone = gathered(key)
    target = torch.arange(len(query), device=query.device) + len(query) * rank()
    return F.cross_entropy(query @ everyone.T / temperature, target) * (2 * temperature)
