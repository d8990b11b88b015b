"""Pairs of images of a place at two dates, cut into tiles for change detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from greenup.errors import UserError
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.scales import Scale
from greenup.randomness import generator

# Low and high quantiles of OSCD (DN of Sentinel-2 L1C) by which SSL4EO-S12 stretches all 13 bands, and SeCo, with the
# same numbers, red, green and blue (datasets/oscd_dataset.py of both).
_OSCD_QUANTILES = {
    "B1": (1194, 2456), "B2": (885, 2620), "B3": (667, 2969), "B4": (426, 3698), "B5": (392, 3803), "B6": (358, 3994),
    "B7": (349, 4261), "B8": (290, 4141), "B8A": (310, 4435), "B9": (96, 1589), "B10": (7, 51), "B11": (155, 5043),
    "B12": (109, 4238),
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A place at two dates: ``before`` and ``after`` uint16 (C, H, W), stored values; ``changed`` and ``valid`` bool
    (H, W). Pixels that are not valid neither train nor count."""

    name: str
    before: np.ndarray
    after: np.ndarray
    changed: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Tile:
    """The window of ``pair`` (a number) that begins at ``row`` and ``column``; it may reach beyond the image."""

    pair: int
    row: int
    column: int


@dataclass(frozen=True)
class Batch:
    """``before``, ``after``: scaled images, float32 (N, C, T, T); ``changed`` and ``counts``: float32 (N, 1, T, T),
    whether a pixel has changed, and whether it trains and is judged."""

    before: torch.Tensor
    after: torch.Tensor
    changed: torch.Tensor
    counts: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(t.to(device) for t in (self.before, self.after, self.changed, self.counts)))

    def turned(self, flips: np.ndarray, quarters: np.ndarray) -> Batch:
        """Tile n mirrored from left to right where ``flips[n]``, then turned ``quarters[n]`` times by 90 degrees."""

        def turn(tiles: torch.Tensor) -> torch.Tensor:
            pairs = zip(tiles, flips, quarters, strict=True)
            return torch.stack([torch.rot90(t.flip(-1) if f else t, int(q), (-2, -1)) for t, f, q in pairs])

        return Batch(*(turn(t) for t in (self.before, self.after, self.changed, self.counts)))


def tiles_of(pairs: Sequence[Pair], size: int, borders: Literal["pad", "drop"]) -> list[Tile]:
    """Windows of ``size`` x ``size`` pixels side by side, row by row, pair by pair.

    ``borders``: where an image is no whole number of tiles, *pad* takes tiles that reach beyond it, *drop* does not.
    """
    tiles = []
    for number, pair in enumerate(pairs):
        ends = [n if borders == "pad" else n - size + 1 for n in pair.changed.shape]
        tiles += [Tile(number, r, c) for r in range(0, ends[0], size) for c in range(0, ends[1], size)]
    return tiles


def cut(
    pairs: Sequence[Pair], tiles: Sequence[Tile], size: int, preprocess: Preprocess, *, padding_counts: bool = False
) -> Batch:
    """Some tiles as a batch; only the scaling of ``preprocess`` is applied, never its crop or resize.

    Beyond the border of an image stored values are 0, and nothing has changed there. Such pixels count only with
    ``padding_counts``.
    """

    def window(array: np.ndarray, tile: Tile) -> np.ndarray:
        part = array[..., tile.row : tile.row + size, tile.column : tile.column + size]
        short = [(0, size - n) for n in part.shape[-2:]]
        return np.pad(part, [(0, 0)] * (part.ndim - 2) + short)

    def stack(name: str) -> np.ndarray:
        return np.stack([window(getattr(pairs[t.pair], name), t) for t in tiles])

    counts = stack("valid")
    if padding_counts:
        inside = np.stack([window(np.ones(pairs[t.pair].valid.shape, dtype=bool), t) for t in tiles])
        counts = counts | ~inside
    changed = stack("changed")
    return Batch(
        preprocess.scale(torch.from_numpy(stack("before").astype(np.float32))),
        preprocess.scale(torch.from_numpy(stack("after").astype(np.float32))),
        torch.from_numpy(changed.astype(np.float32))[:, None],
        torch.from_numpy(counts.astype(np.float32))[:, None],
    )


def training_order(seed: int, epoch: int, tiles: int, batch_size: int) -> list[np.ndarray]:
    """Numbers of the tiles of each batch of an epoch; the last tiles that fill no batch wait for another epoch, unless
    there are fewer than one batch."""
    order = generator(seed, "siamese", "order", epoch).permutation(tiles)
    whole = max(1, tiles // batch_size)
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(whole)]


def training_turns(seed: int, epoch: int, tiles: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each tile is mirrored in an epoch (half of them), and its quarter turns (0..3)."""
    draws = generator(seed, "siamese", "turns", epoch)
    return draws.random(tiles) < 0.5, draws.integers(0, 4, tiles)


def oscd_quantiles(channels: tuple[str, ...]) -> Preprocess:
    """Stored values cut to quantiles of OSCD and brought to 0..1 in 255 steps.

    Raises `UserError` for a channel that has no such quantiles: an index, or radar.
    """
    if strange := [c for c in channels if c not in _OSCD_QUANTILES]:
        raise UserError(
            f"protocols.siamese.input_scale: oscd_quantiles is known for the bands of Sentinel-2 L1C, not for "
            f"{strange[0]!r}, which the model takes",
            "write input_scale: model",
        )
    low, high = (tuple(float(_OSCD_QUANTILES[c][i]) for c in channels) for i in (0, 1))
    spread = tuple(b - a for a, b in zip(low, high, strict=True))
    scale = Scale(low, spread, low, high, (255,) * len(channels))
    return Preprocess.of_scale(channels, "oscd_quantiles", scale, None)
