"""The tokens of a timm vision transformer, where a method hides some of them."""

from __future__ import annotations

import torch
from torch import nn


def embed_patches(
    vit: nn.Module, images: torch.Tensor, hidden: torch.Tensor | None = None, token: torch.Tensor | None = None
) -> torch.Tensor:
    """Images (N, C, S, S) -> tokens with positions, (N, 1 + patches, D), the class token first.

    ``hidden`` (N, rows, columns) bool: patches whose content is replaced by ``token`` (D,), their position kept (BEiT).
    """
    patches = vit.patch_embed(images)
    if hidden is not None:
        patches = torch.where(hidden[..., None], token.to(patches.dtype), patches)
    return vit.norm_pre(vit._pos_embed(patches))


def visible(tokens: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The class token and the patches that are not hidden: (N, 1 + kept, D), and which patches those are, (N, kept).

    ``hidden`` (N, patches) bool, as many True in each row as in the others.
    """
    kept = int((~hidden[0]).sum())
    # A stable sort keeps the patches in their order.
    places = hidden.to(torch.uint8).argsort(dim=1, stable=True)[:, :kept]
    picked = tokens[:, 1:].gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))
    return torch.cat([tokens[:, :1], picked], dim=1), places


def patches_of(images: torch.Tensor, side: int) -> torch.Tensor:
    """Images (N, C, S, S) cut into patches, row by row: (N, patches, side x side x C), channels last in each."""
    n, c, height, width = images.shape
    cut = images.reshape(n, c, height // side, side, width // side, side)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, side * side * c)
