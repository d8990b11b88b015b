"""The frozen siamese network for change detection: one encoder for both dates, and a small U-Net on the differences.

The head of SeCo (Manas et al. 2021, section 4.4; its models/segmentation.py), taken over by SSL4EO-S12 (Wang et al.
2023): |features before - features after| at five stages of a ResNet, and a decoder that is the only part trained.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from greenup.errors import UserError

FirstStage = Literal["convolution", "relu"]

STRIDES = (2, 4, 8, 16, 32)
"""Input pixels a feature of each stage: the stem, and layers 1 to 4 of a ResNet."""

_PARTS = ("conv1", "bn1", "maxpool", "layer1", "layer2", "layer3", "layer4")


class FrozenStages(nn.Module):
    """Five feature maps of a ResNet whose weights never change.

    ``backbone``: a ResNet of timm or torchvision. ``first_stage``: what of the stem is handed out, the raw output of
    the first convolution, or what batch norm and ReLU make of it. ``adapts``: in training mode batch norms take the
    statistics of the batch and update their own, as the published heads do by accident; otherwise they are always in
    evaluation mode. Raises `UserError` for a network that is no ResNet.
    """

    def __init__(self, backbone: nn.Module, first_stage: FirstStage = "convolution", *, adapts: bool = False) -> None:
        super().__init__()
        if lacking := [p for p in _PARTS if not isinstance(getattr(backbone, p, None), nn.Module)]:
            raise UserError(
                f"the siamese head needs the stages of a ResNet, and {type(backbone).__name__} has no {lacking[0]}",
                "leave the model, or tasks of kind change, out of the evaluation",
            )
        self.backbone = backbone.requires_grad_(False)
        self.first_stage = first_stage
        self.adapts = adapts
        self.eval()

    def train(self, mode: bool = True) -> FrozenStages:
        super().train(mode and self.adapts)
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the five stages: 64, 64, 128, 256, 512 of a ResNet-18, 64, 256, 512, 1024, 2048 of a 50."""
        first = self.backbone.conv1.out_channels
        return (first, *(_outputs(getattr(self.backbone, f"layer{i}")) for i in (1, 2, 3, 4)))

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Images (N, C, H, W) -> features (N, W_s, H / S_s, W / S_s) with the strides S_s of `STRIDES`."""
        net = self.backbone
        raw = net.conv1(x)
        activated = F.relu(net.bn1(raw))
        features = [raw if self.first_stage == "convolution" else activated]
        x = net.maxpool(activated)
        for i in (1, 2, 3, 4):
            x = getattr(net, f"layer{i}")(x)
            features.append(x)
        return features


class Decoder(nn.Module):
    """From differences at five strides to one logit a pixel.

    Each level: nearest x 2, 3 x 3 convolution to the width of the finer stage, concatenation with it, 3 x 3
    convolution, batch norm, ReLU, dropout of whole maps. Then once more nearest x 2, and a 1 x 1 convolution.
    ``widths``: channels of the stages, finest first.
    """

    def __init__(self, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.shrink = nn.ModuleList([nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in pairs])
        self.fuse = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(2 * fine, fine, 3, padding=1, bias=False),
                    nn.BatchNorm2d(fine),
                    nn.ReLU(inplace=True),
                    nn.Dropout2d(dropout),
                )
                for fine, _ in pairs
            ]
        )
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, differences: list[torch.Tensor]) -> torch.Tensor:
        """Differences of the stages, finest first -> logits (N, 1, H, W) at twice the finest stage's size."""
        x = differences[-1]
        for level in reversed(range(len(self.shrink))):
            x = self.shrink[level](F.interpolate(x, scale_factor=2, mode="nearest"))
            x = self.fuse[level](torch.cat([x, differences[level]], dim=1))
        return self.head(F.interpolate(x, scale_factor=2, mode="nearest"))


class SiameseNetwork(nn.Module):
    """Both dates through one frozen encoder, and the decoder on the absolute differences of their features."""

    def __init__(
        self,
        backbone: nn.Module,
        *,
        first_stage: FirstStage = "convolution",
        dropout: float = 0.3,
        adapts: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = FrozenStages(backbone, first_stage, adapts=adapts)
        self.decoder = Decoder(self.encoder.widths, dropout)

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """Two batches (N, C, H, W) of scaled images, H and W multiples of 32 -> logits of change (N, 1, H, W)."""
        if self.encoder.training:
            # Batch norms that look at their batch must see each date by itself, as in the published code.
            first, second = self.encoder(before), self.encoder(after)
        else:
            first, second = zip(*(f.chunk(2) for f in self.encoder(torch.cat([before, after]))), strict=True)
        return self.decoder([(a - b).abs() for a, b in zip(first, second, strict=True)])


def _outputs(layer: nn.Module) -> int:
    """Channels that a stage of a ResNet hands on: those of the last convolution of its last block."""
    return [m for m in layer[-1].modules() if isinstance(m, nn.Conv2d)][-1].out_channels
