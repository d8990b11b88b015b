"""Backbones: plain timm ResNets without a classifier, initialised from a seed."""

from __future__ import annotations

import timm
import torch
from torch import nn

from greenup.randomness import stable_hash


def build_backbone(name: str, in_channels: int, seed: int) -> nn.Module:
    """A ResNet (``resnet18`` or ``resnet50``) mapping (N, in_channels, H, W) to globally averaged features (N, D).

    D = ``backbone.num_features`` (512 or 2048). Convolutions are drawn from He's normal distribution (fan-out, ReLU; He
    et al. 2015), batch norms start at scale 1 and shift 0, as torchvision does: timm's habit of starting the last scale
    of each block at 0 would make the random baseline a stack of shortcuts. The first convolution takes ``in_channels``
    directly. The same (name, in_channels, seed) gives the same weights on every machine.
    """
    network = timm.create_model(name, pretrained=False, in_chans=in_channels, num_classes=0)
    draws = torch_generator(seed, "backbone", name, in_channels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=draws)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return network


def torch_generator(seed: int, *key: object) -> torch.Generator:
    """`greenup.randomness.generator` for draws that torch makes itself."""
    return torch.Generator().manual_seed(stable_hash(seed, *key) & (2**63 - 1))
