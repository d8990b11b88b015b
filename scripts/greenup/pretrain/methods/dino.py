"""DINO (Caron et al. 2021): a student learns to answer like its own moving average, from other crops and dates."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from greenup.config.methods import DinoMethod
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of, torch_generator
from greenup.pretrain.distributed import mean_over_all
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.momentum import cosine_rise, follow, follower_of, without_drop


class Dino(Learner):
    """Student and teacher networks with their heads, and the centre of the teacher's outputs.

    Batches have a group of two global views and, if the method asks for them, one of small views. The teacher sees the
    global views alone. ``encoder``: a network of one's own instead of the model's backbone; it must have
    ``num_features``.
    """

    def __init__(self, model: Model, method: DinoMethod, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.settings = method
        if encoder is None:
            is_vit = model.backbone.startswith("vit")
            encoder = backbone_of(model, seed, **({"drop_path_rate": method.drop_path} if is_vit else {}))
        self.encoder = encoder
        self.head = DinoHead(self.encoder.num_features, method, seed)
        self.teacher_encoder, self.teacher_head = without_drop(follower_of(self.encoder)), follower_of(self.head)
        self.register_buffer("center", torch.zeros(method.out_dim))
        self.pending: list[torch.Tensor] = []

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        settings = self.settings
        with torch.no_grad():
            teacher = self._teacher(batch.views[0])
        student = torch.cat([self._student(group) for group in batch.views])
        loss = dino_loss(student, teacher, self.center, settings.student_temperature, settings.teacher_temperature)
        if self.recording:
            self.pending.append(teacher.mean(dim=(0, 1)))
        # A teacher that answers the same whatever it sees has collapsed, onto one prototype or onto all of them alike.
        # Its probabilities tell of both; its logits not of the second: their direction is that of whatever is left.
        answers = F.softmax((teacher[0] - self.center) / settings.teacher_temperature, dim=1)
        return Learnt(loss, F.normalize(answers, dim=1))

    def after_backward(self, moment: Moment) -> None:
        if moment.epoch < self.settings.freeze_last_epochs:
            for parameter in self.head.last.parameters():
                parameter.grad = None

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        """The teacher follows, by a momentum that rises to 1 along a half cosine; so does the centre, by its own."""
        momentum = cosine_rise(self.settings.teacher_momentum, moment.share)
        follow([(self.teacher_encoder, self.encoder), (self.teacher_head, self.head)], momentum)
        if self.pending:
            now = mean_over_all(torch.stack(self.pending).mean(dim=0))
            self.pending.clear()
            self.center.lerp_(now, 1 - self.settings.center_momentum)

    def _student(self, group: torch.Tensor) -> torch.Tensor:
        """Views of one size, (V, N, C, S, S), in one pass -> float32 (V, N, out_dim)."""
        return self.head(self.encoder(group.flatten(0, 1))).float().unflatten(0, group.shape[:2])

    def _teacher(self, group: torch.Tensor) -> torch.Tensor:
        return self.teacher_head(self.teacher_encoder(group.flatten(0, 1))).float().unflatten(0, group.shape[:2])


class DinoHead(nn.Module):
    """Three linear layers with GELU to a bottleneck of unit length, then prototypes of unit length: (N, width) ->
    (N, out_dim) (section 3.1; appendix C of the paper)."""

    def __init__(self, width: int, method: DinoMethod, seed: int) -> None:
        super().__init__()
        sizes = (width, method.hidden, method.hidden, method.bottleneck)
        layers: list[nn.Module] = []
        draws = torch_generator(seed, "dino head")
        for before, after in pairwise(sizes):
            layer = nn.Linear(before, after)
            nn.init.trunc_normal_(layer.weight, std=0.02, generator=draws)
            nn.init.zeros_(layer.bias)
            layers += [layer, nn.GELU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.last = Prototypes(method.bottleneck, method.out_dim, method.norm_last_layer, draws)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.last(F.normalize(self.layers(features), dim=1, eps=1e-6))


class Prototypes(nn.Module):
    """A linear layer without bias whose rows are directions, of length 1 or of learnt lengths (weight norm)."""

    def __init__(self, width: int, count: int, keep_length: bool, draws: torch.Generator) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(count, width))
        nn.init.uniform_(self.direction, -(width**-0.5), width**-0.5, generator=draws)
        self.length = None if keep_length else nn.Parameter(torch.ones(count, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = F.normalize(self.direction, dim=1)
        return F.linear(x, weight if self.length is None else weight * self.length)


@in_float32
def dino_loss(
    student: torch.Tensor, teacher: torch.Tensor, center: torch.Tensor, student_t: float, teacher_t: float
) -> torch.Tensor:
    """Cross-entropy of the student's answers against the teacher's, sharpened and centred, averaged over the batch and
    over all pairs of different views.

    ``student`` (V, N, K), the global views first; ``teacher`` (2, N, K), of the same global views; ``center`` (K,).
    """
    target = F.softmax((teacher - center) / teacher_t, dim=2)
    guess = F.log_softmax(student / student_t, dim=2)
    pairs = [(t, s) for t in range(len(teacher)) for s in range(len(student)) if s != t]
    return sum(-(target[t] * guess[s]).sum(dim=1).mean() for t, s in pairs) / len(pairs)
