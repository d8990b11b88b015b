"""Encoders of released weights that timm does not have: SatMAE, Satlas, CROMA and DOFA, each (N, C, H, W) -> (N, D).

Each takes its channels in the order, scale and size of config/weights.csv, pools as SSL4Eco's evaluation does, and
tells D as ``num_features``. They are built from timm, torchvision and TorchGeo; their tensors are named as in the
released files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import Block
from torch import nn
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

from greenup.pretrain.constants import DOFA_WAVELENGTHS


class SatMae(nn.Module):
    """A vision transformer whose tokens are patches of groups of channels (Cong et al. 2022, section 4.2).

    Each group of channels has a patch embedding of its own; a token gets its place in the first ``embed_dim -
    channel_dim`` numbers of its positions, and its group in the others. The mean of all tokens but the class token's is
    normed, as in its authors' fine-tuning (models_vit_group_channels.py, global_pool).
    """

    def __init__(
        self,
        in_chans: int,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        channel_dim: int,
        groups: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        if sorted(c for group in groups for c in group) != list(range(in_chans)):
            raise ValueError(f"groups {groups} do not share out {in_chans} channels")
        self.groups = [list(group) for group in groups]
        self.num_features = embed_dim
        self.patch_embed = nn.ModuleList(PatchEmbed(img_size, patch_size, len(g), embed_dim) for g in groups)
        tokens = self.patch_embed[0].num_patches + 1
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, embed_dim - channel_dim), requires_grad=False)
        self.channel_embed = nn.Parameter(torch.zeros(1, len(groups), channel_dim), requires_grad=False)
        self.channel_cls_embed = nn.Parameter(torch.zeros(1, 1, channel_dim), requires_grad=False)
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.Sequential(
            *(Block(embed_dim, num_heads, mlp_ratio=4, qkv_bias=True, norm_layer=norm) for _ in range(depth))
        )
        self.fc_norm = norm(embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, C, ``img_size``, ``img_size``) -> features (N, D)."""
        places, parts = self.pos_embed[:, 1:], []
        for i, (group, embed) in enumerate(zip(self.groups, self.patch_embed, strict=True)):
            kind = self.channel_embed[:, i : i + 1].expand(-1, places.shape[1], -1)
            parts.append(embed(x[:, group]) + torch.cat([places, kind], dim=-1))
        first = self.cls_token + torch.cat([self.pos_embed[:, :1], self.channel_cls_embed], dim=-1)
        tokens = self.blocks(torch.cat([first.expand(len(x), -1, -1), *parts], dim=1))
        return self.fc_norm(tokens[:, 1:].mean(dim=1))


class Satlas(nn.Module):
    """The four stages of a Swin-v2, and the maximum over all places of the last one's output, which is not normed
    (Bastani et al. 2023; satlaspretrain_models, SwinBackbone; the maximum is SSL4Eco's)."""

    def __init__(
        self,
        in_chans: int,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: int,
    ) -> None:
        super().__init__()
        network = SwinTransformer(
            [patch_size] * 2,
            embed_dim,
            list(depths),
            list(num_heads),
            [window_size] * 2,
            block=SwinTransformerBlockV2,
            downsample_layer=PatchMergingV2,
        )
        self.features = network.features
        self.features[0][0] = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)
        self.img_size = img_size
        self.num_features = network.norm.normalized_shape[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) of any side from 32 pixels -> features (N, D)."""
        return self.features(x).amax(dim=(1, 2))


class CromaOptical(nn.Module):
    """CROMA's encoder of Sentinel-2, the mean of its tokens, and the small network behind it (Fuller et al. 2023):
    ``optical_GAP`` of TorchGeo's and the authors' class."""

    def __init__(
        self, in_chans: int, img_size: int, patch_size: int, embed_dim: int, depth: int, num_heads: int
    ) -> None:
        super().__init__()
        from torchgeo.models import CROMA

        network = CROMA(["optical"], embed_dim, depth, num_heads, patch_size, img_size)
        if in_chans != network.s2_channels or (num_heads, patch_size) != (16, 8):
            raise ValueError("CROMA has 12 channels, 16 heads and tokens of 8 pixels")
        self.s2_encoder, self.s2_GAP_FFN = network.s2_encoder, network.s2_GAP_FFN
        # Follows from the size alone, and is in no file.
        self.register_buffer("attn_bias", network.attn_bias, persistent=False)
        self.num_features = embed_dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, 12, ``img_size``, ``img_size``) -> features (N, D)."""
        return self.s2_GAP_FFN(self.s2_encoder(imgs=x, attn_bias=self.attn_bias).mean(dim=1))


class Dofa(nn.Module):
    """DOFA, told the wavelength of each channel; the mean of its tokens is normed (Xiong et al. 2024, TorchGeo)."""

    def __init__(
        self,
        in_chans: int,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        wavelengths: Sequence[float],
    ) -> None:
        super().__init__()
        from torchgeo.models import DOFA

        if in_chans != len(wavelengths):
            raise ValueError(f"{in_chans} channels, {len(wavelengths)} wavelengths")
        self.network = DOFA(img_size, patch_size, 0.0, embed_dim, depth, num_heads, num_classes=0)
        self.wavelengths = list(wavelengths)
        self.num_features = embed_dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, C, ``img_size``, ``img_size``) -> features (N, D)."""
        return self.network(x, self.wavelengths)


ENCODERS: dict[str, Callable[..., nn.Module]] = {
    "satmae_vit_large": SatMae,
    "satlas_swin_v2_base": Satlas,
    "croma_vit_large": CromaOptical,
    "dofa_vit_large": Dofa,
}
"""Classes by the name of their architecture."""

_VIT_LARGE = {"embed_dim": 1024, "depth": 24, "num_heads": 16}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    # (B2 B3 B4 B8), (B5 B6 B7 B8A), (B11 B12): places among SatMAE's ten channels.
    "satmae_vit_large": {**_VIT_LARGE, "channel_dim": 256, "groups": [[0, 1, 2, 6], [3, 4, 5, 7], [8, 9]]},
    "satlas_swin_v2_base": {
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
        "window_size": 8,
    },
    "croma_vit_large": _VIT_LARGE,
    "dofa_vit_large": _VIT_LARGE,
}


def encoder_architecture(name: str, channels: Sequence[str], img_size: int, patch_size: int) -> dict[str, Any]:
    """Name and arguments of one of `ENCODERS` at its released size; JSON-able."""
    arguments = {"in_chans": len(channels), "img_size": img_size, "patch_size": patch_size, **_ARGUMENTS[name]}
    if name == "dofa_vit_large":
        arguments["wavelengths"] = [DOFA_WAVELENGTHS[c] for c in channels]
    return {"name": name, "arguments": arguments}


def build_encoder(architecture: Mapping[str, Any]) -> nn.Module:
    """The network of an `encoder_architecture`; its weights mean nothing until those of a file are loaded."""
    return ENCODERS[architecture["name"]](**architecture["arguments"])
