"""Masked autoencoder (He et al. 2022): a ViT sees a part of the patches, a small decoder paints the others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import nn

from greenup.config.methods import MaeMethod
from greenup.config.models import Model
from greenup.pretrain.backbones import backbone_of, sine_positions
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment, in_float32
from greenup.pretrain.methods.tokens import embed_patches, patches_of, visible
from greenup.randomness import stable_hash


class Mae(Learner):
    """Encoder and decoder. Batches have one group of one view, and masks."""

    # Features that are all alike give a loss that does not fall, not a lower one: there is nothing to watch for.
    collapsed = 0.0
    thin = 0.0

    def __init__(self, model: Model, method: MaeMethod, seed: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.norm_pixels = method.norm_pixels
        self.encoder = encoder if encoder is not None else backbone_of(model, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_hash(seed, "mae decoder") & (2**63 - 1))
            self.decoder = MaeDecoder(self.encoder, method)

    def forward(self, batch: Batch, moment: Moment) -> Learnt:
        images, hidden = batch.views[0][0], batch.masks.flatten(1)
        tokens, places = visible(embed_patches(self.encoder, images), hidden)
        latent = self.encoder.norm(self.encoder.blocks(tokens))
        painted = self.decoder(latent, places)
        loss = mae_loss(painted, patches_of(images, self.decoder.side), hidden, self.norm_pixels)
        return Learnt(loss, F.normalize(latent[:, 1:].detach().float().mean(dim=1), dim=1))


class MaeDecoder(nn.Module):
    """Blocks that paint all patches from the visible ones: tokens (N, 1 + kept, D) and the places of the patches
    (N, kept) -> float32 pixels (N, patches, side x side x C)."""

    def __init__(self, vit: nn.Module, method: MaeMethod) -> None:
        super().__init__()
        dim = method.decoder_dim
        (rows, columns), (self.side, _) = vit.patch_embed.grid_size, vit.patch_embed.patch_size
        self.embed = nn.Linear(vit.embed_dim, dim)
        self.token = nn.Parameter(torch.zeros(dim))
        positions = torch.cat([torch.zeros(1, dim), sine_positions(rows, columns, dim)])
        self.register_buffer("positions", positions, persistent=False)
        self.blocks = nn.Sequential(
            *[Block(dim, method.decoder_heads, qkv_bias=True) for _ in range(method.decoder_depth)]
        )
        self.norm = nn.LayerNorm(dim)
        self.paint = nn.Linear(dim, self.side**2 * vit.patch_embed.proj.in_channels)
        nn.init.normal_(self.token, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, latent: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        known = self.embed(latent)
        patches = self.token.to(known.dtype).expand(len(known), len(self.positions) - 1, -1)
        patches = patches.scatter(1, places[..., None].expand(-1, -1, known.shape[2]), known[:, 1:])
        tokens = torch.cat([known[:, :1], patches], dim=1) + self.positions
        return self.paint(self.norm(self.blocks(tokens)))[:, 1:].float()


@in_float32
def mae_loss(painted: torch.Tensor, patches: torch.Tensor, hidden: torch.Tensor, norm_pixels: bool) -> torch.Tensor:
    """Mean squared error over the patches of ``hidden`` (N, patches); ``painted``, ``patches`` (N, patches, values).

    ``norm_pixels``: against each patch less its mean, over its standard deviation (unbiased, 1e-6 added to the square).
    """
    if norm_pixels:
        variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
        patches = (patches - mean) / (variance + 1e-6).sqrt()
    errors = ((painted - patches) ** 2).mean(dim=2)
    return (errors * hidden).sum() / hidden.sum()
