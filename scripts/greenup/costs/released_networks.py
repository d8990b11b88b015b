"""Work and size of the networks of released weights, counted from their architecture: SatMAE (Cong et al. 2022),
Satlas' Swin-v2-B (Liu et al. 2022), CROMA (Fuller et al. 2023), DOFA (Xiong et al. 2024).

What a network works out once a batch is left out of its work: the positions of Swin-v2's windows, DOFA's kernels.
"""

from __future__ import annotations

from collections.abc import Iterator

WIDTH = 1024
"""Length of the pooled features of all four."""

_DEPTH = 24
_SATMAE_GROUPS, _SATMAE_CHANNEL_DIM, _SATMAE_PX = 3, 256, 96
_CROMA_PX, _DOFA_PX = 120, 224
_SWIN_DEPTHS, _SWIN_HEADS, _SWIN_WIDTH, _SWIN_WINDOW = (2, 2, 18, 2), (4, 8, 16, 32), 128, 8
# Hidden numbers of Swin-v2's positions. Of DOFA's kernels: numbers of a wavelength, of the hidden layer, and learnt
# tokens beside the channels.
_SWIN_HIDDEN = 512
_DOFA_DIM, _DOFA_HIDDEN, _DOFA_TOKENS = 128, 2048, 128


def released_macs(backbone: str, channels: int, side_px: int, patch_px: int) -> int:
    """Multiply-accumulates of one forward pass of an image (channels, side_px, side_px)."""
    if backbone == "satlas_swin_v2_base":
        return _swin_macs(channels, side_px, patch_px)
    patches = (side_px // patch_px) ** 2
    tokens = {
        "satmae_vit_large": 1 + _SATMAE_GROUPS * patches,
        "croma_vit_large": patches,
        "dofa_vit_large": 1 + patches,
    }[backbone]
    last = 8 * WIDTH**2 if backbone == "croma_vit_large" else 0
    return patches * channels * patch_px**2 * WIDTH + _DEPTH * (12 * tokens * WIDTH**2 + 2 * tokens**2 * WIDTH) + last


def released_parameters(backbone: str, channels: int, patch_px: int) -> int:
    """Learnt numbers, positions included."""
    if backbone == "satlas_swin_v2_base":
        return _swin_parameters(channels, patch_px)
    block = 12 * WIDTH**2 + 13 * WIDTH
    embedding = channels * patch_px**2 * WIDTH
    if backbone == "satmae_vit_large":
        places = (_SATMAE_PX // patch_px) ** 2 + 1
        positions = places * (WIDTH - _SATMAE_CHANNEL_DIM) + (_SATMAE_GROUPS + 1) * _SATMAE_CHANNEL_DIM
        return embedding + _SATMAE_GROUPS * WIDTH + WIDTH + positions + _DEPTH * block + 2 * WIDTH
    if backbone == "croma_vit_large":
        # Queries, keys and values have no bias; the network behind the mean is norm, and layers of a block's MLP.
        return embedding + WIDTH + _DEPTH * (block - 3 * WIDTH) + 2 * WIDTH + 8 * WIDTH**2 + 7 * WIDTH
    positions = ((_DOFA_PX // patch_px) ** 2 + 1) * WIDTH
    return _dofa_kernels(patch_px) + WIDTH + positions + _DEPTH * block + 2 * WIDTH


def _dofa_kernels(patch_px: int) -> int:
    """A transformer block over wavelengths, and what makes kernels of its output."""
    dim, hidden = _DOFA_DIM, _DOFA_HIDDEN
    block = 4 * (dim**2 + dim) + 2 * dim * hidden + hidden + dim + 4 * dim
    kernels = (dim + 1) * patch_px**2 * WIDTH + (dim + 1) * WIDTH
    return block + kernels + (_DOFA_TOKENS + 1) * dim + 2 * (dim**2 + dim)


def _swin_stages(side: int) -> Iterator[tuple[int, int, int, int]]:
    """Blocks, heads, width and side (tokens) of each stage."""
    for stage, (depth, heads) in enumerate(zip(_SWIN_DEPTHS, _SWIN_HEADS, strict=True)):
        yield depth, heads, _SWIN_WIDTH * 2**stage, side
        side = (side + 1) // 2


def _swin_macs(channels: int, side_px: int, patch_px: int) -> int:
    side, window = side_px // patch_px, _SWIN_WINDOW
    macs = side**2 * channels * patch_px**2 * _SWIN_WIDTH
    for depth, _, width, tokens in _swin_stages(side):
        padded = (-(-tokens // window) * window) ** 2
        # Attention is within windows, filled up at the borders; the MLP sees the image's own tokens only.
        macs += depth * (padded * (4 * width**2 + 2 * window**2 * width) + 8 * tokens**2 * width**2)
        if width < WIDTH:
            macs += ((tokens + 1) // 2) ** 2 * 8 * width**2
    return macs


def _swin_parameters(channels: int, patch_px: int) -> int:
    total = (channels * patch_px**2 + 1) * _SWIN_WIDTH + 2 * _SWIN_WIDTH
    for depth, heads, width, _ in _swin_stages(1):
        total += depth * (12 * width**2 + 13 * width + heads + 3 * _SWIN_HIDDEN + _SWIN_HIDDEN * heads)
        if width < WIDTH:
            total += 8 * width**2 + 4 * width
    return total
