"""Projection heads: what stands between a backbone's features and the space in which a method compares."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from greenup.pretrain.backbones import torch_generator


def mlp_head(width: int, dim: int, seed: int, *key: object) -> nn.Sequential:
    """Linear, ReLU, Linear: (N, width) -> (N, dim), the hidden layer as wide as the features (MoCo-v2, SeCo).

    Weights uniform within 1 / sqrt(fan-in), torch's default for linear layers, drawn from (seed, key).
    """
    return _drawn(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dim)), seed, *key)


def normed_head(widths: tuple[int, ...], seed: int, *key: object, norm_output: bool) -> nn.Sequential:
    """Linear layers without bias, batch norm and ReLU between them: (N, widths[0]) -> (N, widths[-1]).

    ``norm_output``: a batch norm without scale and shift after the last (Chen, Xie and He 2021, section 4).
    """
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for i, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(before, after, bias=False))
        if i < last:
            layers += [nn.BatchNorm1d(after), nn.ReLU()]
        elif norm_output:
            layers.append(nn.BatchNorm1d(after, affine=False))
    return _drawn(nn.Sequential(*layers), seed, *key)


def _drawn(head: nn.Sequential, seed: int, *key: object) -> nn.Sequential:
    draws = torch_generator(seed, *key)
    for layer in head:
        if isinstance(layer, nn.Linear):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(layer.in_features**-0.5), layer.in_features**-0.5, generator=draws)
    return head
