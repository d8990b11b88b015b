"""Work and size of ResNets (He et al. 2016) and vision transformers (Dosovitskiy et al. 2021), counted from their
architecture without building them; those of released weights by `greenup.costs.released_networks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from greenup.config.given import RELEASED_BACKBONES
from greenup.costs.released_networks import WIDTH, released_macs, released_parameters

_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
_WIDTHS = (64, 128, 256, 512)
_VIT_BLOCKS = 12
FEATURES: dict[str, int] = {
    "resnet18": 512,
    "resnet50": 2048,
    "vit_small": 384,
    "vit_tiny": 192,
    **dict.fromkeys(RELEASED_BACKBONES, WIDTH),
}
"""Length of the pooled features."""


class Conv(NamedTuple):
    """A convolution: input and output channels, kernel and side of its output (pixels)."""

    inputs: int
    outputs: int
    kernel: int
    side: int


def gmacs(backbone: str, channels: int, side_px: int, patch_px: int = 16, *, kept: int | None = None) -> float:
    """Multiply-accumulates (1e9) of one forward pass of an image (channels, side_px, side_px).

    Convolutions, linear layers and the two products of attention. Of a vision transformer ``patch_px`` is the side of a
    token, and only ``kept`` patches go through its blocks (all when None).
    """
    if backbone in _BLOCKS:
        convolutions = _convolutions(backbone, channels, side_px)
        return sum(c.inputs * c.outputs * c.kernel**2 * c.side**2 for c in convolutions) / 1e9
    if backbone in RELEASED_BACKBONES:
        return released_macs(backbone, channels, side_px, patch_px) / 1e9
    patches, width = (side_px // patch_px) ** 2, FEATURES[backbone]
    embedding = patches * channels * patch_px**2 * width
    return embedding / 1e9 + transformer_gmacs(width, _VIT_BLOCKS, 1 + (patches if kept is None else kept))


def transformer_gmacs(width: int, blocks: int, tokens: int) -> float:
    """Multiply-accumulates (1e9) of so many blocks: queries, keys, values and their output, attention, and an MLP four
    times as wide."""
    return blocks * (12 * tokens * width**2 + 2 * tokens**2 * width) / 1e9


def parameters(backbone: str, channels: int, patch_px: int = 16, img_size: int = 224) -> int:
    """Learnt numbers, positions included: of ``img_size`` pixels with tokens of ``patch_px``, for a vision transformer;
    scales of its blocks, which data2vec has, left out."""
    if backbone in _BLOCKS:
        return sum(c.inputs * c.outputs * c.kernel**2 + 2 * c.outputs for c in _convolutions(backbone, channels, 32))
    if backbone in RELEASED_BACKBONES:
        return released_parameters(backbone, channels, patch_px)
    width = FEATURES[backbone]
    tokens = (img_size // patch_px) ** 2 + 1
    block = 12 * width**2 + 13 * width
    return width * (channels * patch_px**2 + 1) + (tokens + 1) * width + _VIT_BLOCKS * block + 2 * width


def _convolutions(backbone: str, channels: int, side: int) -> Iterator[Conv]:
    side = _halved(side)
    yield Conv(channels, 64, 7, side)
    side = _halved(side)
    inputs, expansion = 64, FEATURES[backbone] // 512
    for width, blocks in zip(_WIDTHS, _BLOCKS[backbone], strict=True):
        for block in range(blocks):
            outputs = width * expansion
            # The first block of all stages but the first halves the side; in a bottleneck its 3 x 3 convolution does.
            after = _halved(side) if block == 0 and width > 64 else side
            if expansion == 1:
                yield Conv(inputs, width, 3, after)
                yield Conv(width, width, 3, after)
            else:
                yield Conv(inputs, width, 1, side)
                yield Conv(width, width, 3, after)
                yield Conv(width, outputs, 1, after)
            if block == 0 and inputs != outputs:
                yield Conv(inputs, outputs, 1, after)
            inputs, side = outputs, after


def _halved(side: int) -> int:
    return (side + 1) // 2
