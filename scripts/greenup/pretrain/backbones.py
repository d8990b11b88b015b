"""Backbones: plain timm networks without a classifier, initialised from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import nn

from greenup.config import Model
from greenup.config.given import RELEASED_BACKBONES
from greenup.randomness import stable_hash

_VITS = {"vit_small": "vit_small_patch16_224", "vit_tiny": "vit_tiny_patch16_224"}
# What a method needs of a ViT beside its shape. Positions: learnt, or fixed sines and cosines (He et al. 2022; Chen,
# Xie and He 2021). Pooled features: the class token, or the mean of the patches where no loss speaks of the token.
_FIXED_POSITIONS = ("mocov3", "mae")
_MEAN_POOLED = ("data2vec",)


def architecture_of(model: Model) -> dict[str, Any]:
    """Name and arguments with which ``timm.create_model`` (or `greenup.pretrain.encoders`, for networks that timm does
    not have) makes a model's backbone; JSON-able."""
    if model.backbone in RELEASED_BACKBONES:
        from greenup.pretrain.encoders import encoder_architecture

        return encoder_architecture(model.backbone, model.channels, model.size_px, model.patch_px)
    if model.backbone not in _VITS:
        return _resnet(model.backbone, len(model.channels))
    method = model.method
    arguments = {
        "in_chans": len(model.channels),
        "num_classes": 0,
        "img_size": getattr(method, "crop_px", None) or model.size_px or 224,
        "patch_size": model.patch_px,
        # Images of another size than the views: positions are interpolated.
        "dynamic_img_size": True,
        "global_pool": "token",
    }
    if method.name in _MEAN_POOLED:
        # The patches are normed before they are averaged, as in training.
        arguments |= {"global_pool": "avg", "fc_norm": False}
    if layer_scale := getattr(method, "layer_scale", 0.0):
        arguments["init_values"] = layer_scale
    return {"name": _VITS[model.backbone], "arguments": arguments}


def _resnet(name: str, in_channels: int) -> dict[str, Any]:
    return {"name": name, "arguments": {"in_chans": in_channels, "num_classes": 0}}


def build(architecture: Mapping[str, Any], **training: float) -> nn.Module:
    """The network of an `architecture_of`, with timm's own random weights.

    ``training``: arguments without weights, such as drop_path_rate, of networks that timm has.
    """
    if architecture["name"] in RELEASED_BACKBONES:
        from greenup.pretrain.encoders import build_encoder

        return build_encoder(architecture)
    return timm.create_model(architecture["name"], pretrained=False, **architecture["arguments"], **training)


def backbone_of(model: Model, seed: int, **training: float) -> nn.Module:
    """A model's backbone, freshly drawn: (N, C, H, W) -> (N, D), D = ``num_features`` (512, 2048; 384 or 192 of ViTs).

    ResNets: see `build_backbone`. ViTs: the class token, or the mean of the patches (data2vec), initialised as the
    method's paper does. The same (model, seed) gives the same weights on every machine.
    """
    if model.backbone not in _VITS:
        return build_backbone(model.backbone, len(model.channels), seed)
    # timm draws from torch's global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_hash(seed, "backbone", model.backbone, len(model.channels)) & (2**63 - 1))
        network = build(architecture_of(model), **training)
        _start_vit(network, model.method.name)
    return network


def build_backbone(name: str, in_channels: int, seed: int) -> nn.Module:
    """A ResNet (``resnet18`` or ``resnet50``) mapping (N, in_channels, H, W) to globally averaged features (N, D).

    D = ``backbone.num_features`` (512 or 2048). Convolutions are drawn from He's normal distribution (fan-out, ReLU; He
    et al. 2015), batch norms start at scale 1 and shift 0, as torchvision does: timm's habit of starting the last scale
    of each block at 0 would make the random baseline a stack of shortcuts. The first convolution takes ``in_channels``
    directly. The same (name, in_channels, seed) gives the same weights on every machine.
    """
    network = build(_resnet(name, in_channels))
    draws = torch_generator(seed, "backbone", name, in_channels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=draws)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return network


def _start_vit(network: nn.Module, method: str) -> None:
    """The first weights of a ViT where a method's paper does not use timm's own (truncated normal, 0.02)."""
    if method not in _FIXED_POSITIONS:
        return
    # Both papers: Xavier-uniform weights. MoCo-v3 treats query, key and value apart, MAE one matrix of three.
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            if method == "mocov3" and name.endswith("qkv"):
                bound = (6 / (module.weight.shape[0] // 3 + module.weight.shape[1])) ** 0.5
                nn.init.uniform_(module.weight, -bound, bound)
            else:
                nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    patches = network.patch_embed.proj
    fan_in = patches.in_channels * patches.kernel_size[0] * patches.kernel_size[1]
    nn.init.uniform_(
        patches.weight, -((6 / (fan_in + patches.out_channels)) ** 0.5), (6 / (fan_in + patches.out_channels)) ** 0.5
    )
    if method == "mocov3":
        nn.init.zeros_(patches.bias)
        nn.init.normal_(network.cls_token, std=1e-6)
    else:
        nn.init.normal_(network.cls_token, std=0.02)
    rows, columns = network.patch_embed.grid_size
    positions = sine_positions(rows, columns, network.embed_dim)
    with torch.no_grad():
        network.pos_embed.zero_()
        network.pos_embed[0, network.num_prefix_tokens :] = positions
    network.pos_embed.requires_grad_(False)


def sine_positions(rows: int, columns: int, dim: int) -> torch.Tensor:
    """Fixed positions of a grid, (rows x columns, dim): a quarter each of sines and cosines of the column, then of the
    row, at wavelengths from 2 pi to 20 000 pi (Chen, Xie and He 2021; He et al. 2022)."""
    rate = 10_000 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim / 4))
    row, column = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64), indexing="ij"
    )
    angles = [axis.reshape(-1, 1) * rate for axis in (column, row)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1).float()


def torch_generator(seed: int, *key: object) -> torch.Generator:
    """`greenup.randomness.generator` for draws that torch makes itself."""
    return torch.Generator().manual_seed(stable_hash(seed, *key) & (2**63 - 1))
