"""data2vec for images (Baevski et al. 2022): a student that sees hidden patches guesses a teacher's deep features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from greenup.config.methods import Data2vecMethod
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of, torch_generator
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.momentum import follow, follower_of, without_drop
from greenup.pretrain.methods.tokens import embed_patches


class Data2vec(Learner):
    """Student, its regression layer, and the teacher. Batches have one group of one view, and masks."""

    def __init__(self, model: Model, method: Data2vecMethod, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.settings = method
        if encoder is None:
            encoder = backbone_of(model, seed, drop_path_rate=method.drop_path, attn_drop_rate=method.attention_drop)
        self.encoder = encoder
        width = encoder.embed_dim
        draws = torch_generator(seed, "data2vec")
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02, generator=draws))
        self.guess = nn.Linear(width, width)
        nn.init.trunc_normal_(self.guess.weight, std=0.02, generator=draws)
        nn.init.zeros_(self.guess.bias)
        self.teacher = without_drop(follower_of(self.encoder))

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        images, hidden = batch.views[0][0], batch.masks
        with torch.no_grad():
            target = teacher_target(self.teacher, images, self.settings.target_blocks)
        tokens = embed_patches(self.encoder, images, hidden, self.token)
        features = self.encoder.norm(self.encoder.blocks(tokens))[:, 1:]
        where = hidden.flatten(1)
        loss = data2vec_loss(self.guess(features[where]).float(), target[where], self.settings.beta)
        # Of each site the target of its first hidden patch: where these are all alike, guessing has become too easy.
        first = where.to(torch.uint8).argmax(dim=1)
        return Learnt(loss, F.normalize(target[torch.arange(len(target), device=target.device), first], dim=1))

    def after_step(self, moment: Moment) -> None:
        """The teacher follows, by a momentum that rises in a straight line."""
        start, end = self.settings.teacher_momentum
        follow([(self.teacher, self.encoder)], start + (end - start) * moment.share)


@torch.no_grad()
def teacher_target(teacher: nn.Module, images: torch.Tensor, blocks: int) -> torch.Tensor:
    """The mean of the outputs of a ViT's last ``blocks`` blocks, each normalised token by token (without scale and
    shift): float32 (N, patches, D) of the whole images."""
    tokens = embed_patches(teacher, images)
    total = torch.zeros((), device=images.device)
    for number, block in enumerate(teacher.blocks):
        tokens = block(tokens)
        if number >= len(teacher.blocks) - blocks:
            total = total + F.layer_norm(tokens.float(), tokens.shape[-1:])
    return (total / blocks)[:, 1:]


@in_float32
def data2vec_loss(guess: torch.Tensor, target: torch.Tensor, beta: float) -> torch.Tensor:
    """Smooth L1 between features of hidden patches (M, D): squared below ``beta``, linear above; the mean."""
    return F.smooth_l1_loss(guess, target, beta=beta)
