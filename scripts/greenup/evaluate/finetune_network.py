"""What is fine-tuned: a pretrained network, a linear head, and the loss that fits the kind of task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from timm.layers import DropPath
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from greenup.config.finetune import FinetuneProtocol
from greenup.errors import UserError
from greenup.evaluate.finetune_layers import blocks_of
from greenup.evaluate.outputs import losses, predictions
from greenup.evaluate.scaling import train_statistics
from greenup.pretrain.backbones import torch_generator
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment

HEAD_STD = 0.01
"""The head's first weights are drawn from a normal distribution of this deviation, its biases are 0 (as in MoCo)."""


@dataclass(frozen=True)
class Targets:
    """What N images are to give: class numbers (N,) int64, or values (N, C) float32.

    Regression is learnt standardised, (y - centre) * inverse by the training part's statistics, (C,) float64 each; of
    the other kinds they are 0 and 1.
    """

    kind: str
    y: torch.Tensor
    outputs: int
    centre: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, kind: str, y: np.ndarray, names: list[str], train: np.ndarray) -> Targets:
        """``y``: (N,) class numbers or (N, C) of all images; ``names`` of the C outputs; ``train``: bool (N,)."""
        centre, inverse = np.zeros(len(names)), np.ones(len(names))
        if kind == "classification":
            return cls(kind, torch.from_numpy(y.astype(np.int64)), len(names), centre, inverse)
        if kind == "regression":
            centre, inverse = train_statistics(y[train])
        scaled = torch.from_numpy(((y - centre) * inverse).astype(np.float32))
        return cls(kind, scaled, len(names), centre, inverse)

    def scores(self, logits: torch.Tensor) -> np.ndarray:
        """Outputs (M, C) of the head -> class probabilities, label probabilities, values in their unit or shares;
        float64 (M, C). A target that is constant in training is predicted as that constant."""
        z = predictions(self.kind, logits.double().cpu().numpy())
        if self.kind != "regression":
            return z
        std = np.divide(1.0, self.inverse, out=np.zeros_like(self.inverse), where=self.inverse > 0)
        return z * std + self.centre


def loss_of(kind: str, logits: torch.Tensor, y: torch.Tensor, positive_weight: float = 1.0) -> torch.Tensor:
    """Mean loss an image of outputs (M, C), float32, and targets as in `Targets`: that of the linear probe
    (`greenup.evaluate.outputs`), regression on standardised values."""
    targets = y if kind == "classification" else y.T
    return losses(kind, logits.T[None], targets[None], positive_weight).mean()


class Finetuner(Learner):
    """Network and head, learning ``targets`` by the rows of a batch; a `greenup.pretrain.methods.base.Learner`, so that
    the steps of pretraining train it.

    ``rows`` (T,): which of the targets' images the training sites 0..T-1 are. The head is drawn from ``seed`` alone.
    Raises `UserError` for stochastic depth in a network without blocks that can have it.
    """

    def __init__(
        self,
        backbone: nn.Module,
        targets: Targets,
        rows: np.ndarray,
        protocol: FinetuneProtocol,
        *,
        positive_weight: float,
        seed: int,
        where: str,
    ) -> None:
        super().__init__()
        self.encoder, self.targets, self.positive_weight = backbone, targets, positive_weight
        width = backbone.num_features
        linear = nn.Linear(width, targets.outputs)
        with torch.no_grad():
            linear.weight.normal_(0, HEAD_STD, generator=torch_generator(seed, "head"))
            linear.bias.zero_()
        norm = nn.BatchNorm1d(width, affine=False, eps=1e-6) if protocol.head_norm else nn.Identity()
        self.head = nn.Sequential(norm, nn.Dropout(protocol.dropout), linear)
        self.register_buffer("train_y", targets.y[torch.from_numpy(rows)], persistent=False)
        head_only = "head_only" in protocol.compat
        self.keeps_statistics = protocol.bn_eval or (head_only and "adapting_batch_norm" not in protocol.compat)
        for parameter in backbone.parameters():
            parameter.requires_grad_(not head_only)
        if protocol.drop_path:
            set_drop_path(backbone, protocol.drop_path, where)

    def train(self, mode: bool = True) -> Finetuner:
        super().train(mode)
        if mode and self.keeps_statistics:
            for module in self.encoder.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Preprocessed images (M, C, S, S) -> outputs (M, outputs), float32."""
        return self.head(self.encoder(images)).float()

    def loss(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss_of(self.targets.kind, logits, y, self.positive_weight)

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        logits = self.logits(batch.views[0][0])
        with torch.autocast(logits.device.type, enabled=False):
            loss = self.loss(logits, self.train_y[batch.rows])
        return Learnt(loss, logits.detach())


def set_drop_path(backbone: nn.Module, rate: float, where: str) -> None:
    """Stochastic depth in a network's blocks, growing linearly from 0 in the first to ``rate`` in the last (Huang et
    al. 2016; timm's rule)."""
    blocks = blocks_of(backbone)
    if blocks is None:
        raise UserError(
            f"{where}.drop_path: {rate:g}, but the network is no vision transformer of blocks", "leave drop_path out"
        )
    for block, value in zip(blocks, np.linspace(0, rate, len(blocks)).tolist(), strict=True):
        for name in ("drop_path1", "drop_path2"):
            if value and hasattr(block, name):
                setattr(block, name, DropPath(value))
