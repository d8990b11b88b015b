"""Learning rates layer by layer: which layer a parameter belongs to, and an optimiser whose groups know their share."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import nn

from greenup.config.finetune import FinetuneProtocol
from greenup.pretrain.optimizers import build_optimizer

# Parameters before the first block of a vision transformer, wherever a wrapper has put it.
_INPUT = re.compile(r"(^|\.)(cls_token|reg_token|mask_token|pos_embed|patch_embed|norm_pre|channel_embed)(\.|$)")
_BLOCK = re.compile(r"(^|\.)blocks\.(\d+)\.")
_STAGE = re.compile(r"(^|\.)layer(\d)\.")
_STEM = re.compile(r"(^|\.)(conv1|bn1|stem)(\.|$)")


def blocks_of(backbone: nn.Module) -> Sequence[nn.Module] | None:
    """The blocks of a vision transformer, first to last; None of any other network."""
    for module in backbone.modules():
        blocks = getattr(module, "blocks", None)
        if isinstance(blocks, nn.Sequential | nn.ModuleList) and len(blocks) and hasattr(blocks[0], "attn"):
            return list(blocks)
    return None


def layer_of(name: str, depth: int) -> int:
    """Layer of a backbone's parameter, 0..depth + 1.

    Of a vision transformer of ``depth`` blocks: patch embedding, tokens and positions are layer 0, block i is layer
    i + 1, and what follows the blocks is layer depth + 1, with the head (BEiT, MAE). Of a ResNet: the stem is layer 0,
    stage i (1..4) is layer i, and the head is layer 5.
    """
    if block := _BLOCK.search(name):
        return int(block[2]) + 1
    if stage := _STAGE.search(name):
        return int(stage[2])
    return 0 if _INPUT.search(name) or _STEM.search(name) else depth + 1


def rates(backbone: nn.Module, protocol: FinetuneProtocol) -> dict[str, float]:
    """Learning rate of each parameter of the backbone by name, as a multiple of the schedule's:
    layer_decay ** (number of layers after it)."""
    blocks = blocks_of(backbone)
    depth = len(blocks) if blocks is not None else 4
    return {n: protocol.layer_decay ** (depth + 1 - layer_of(n, depth)) for n, _ in backbone.named_parameters()}


def layered_optimizer(encoder: nn.Module, head: nn.Module, protocol: FinetuneProtocol) -> torch.optim.Optimizer:
    """`greenup.pretrain.optimizers.build_optimizer` of all parameters that are trained, each group with ``scale``: what
    `set_scaled_rates` multiplies the schedule's rate by."""
    by_scale: dict[float, list[tuple[str, nn.Parameter]]] = {}
    scales = rates(encoder, protocol)
    named = [(f"encoder.{n}", p, scales[n]) for n, p in encoder.named_parameters()]
    named += [(f"head.{n}", p, protocol.head_rate) for n, p in head.named_parameters()]
    for name, parameter, scale in named:
        if parameter.requires_grad:
            by_scale.setdefault(scale, []).append((name, parameter))
    whole: torch.optim.Optimizer | None = None
    for scale in sorted(by_scale):
        part = build_optimizer(by_scale[scale], protocol.optimizer)
        for group in part.param_groups:
            group["scale"] = scale
        if whole is None:
            whole = part
            continue
        for group in part.param_groups:
            whole.add_param_group(group)
        whole.state.update(part.state)
    return whole


def set_scaled_rates(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of the learning rate of the step at hand."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
