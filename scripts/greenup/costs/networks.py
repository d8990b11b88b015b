"""Work and size of the ResNets, counted from their architecture (He et al. 2016), without building them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
_WIDTHS = (64, 128, 256, 512)
FEATURES: dict[str, int] = {"resnet18": 512, "resnet50": 2048}
"""Length of the pooled features."""


class Conv(NamedTuple):
    """A convolution: input and output channels, kernel and side of its output (pixels)."""

    inputs: int
    outputs: int
    kernel: int
    side: int


def gmacs(backbone: str, channels: int, side_px: int) -> float:
    """Multiply-accumulates (1e9) of one forward pass of an image (channels, side_px, side_px), convolutions only."""
    return sum(c.inputs * c.outputs * c.kernel**2 * c.side**2 for c in _convolutions(backbone, channels, side_px)) / 1e9


def parameters(backbone: str, channels: int) -> int:
    """Weights of the convolutions, and scale and shift of the batch norm behind each."""
    return sum(c.inputs * c.outputs * c.kernel**2 + 2 * c.outputs for c in _convolutions(backbone, channels, 32))


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
