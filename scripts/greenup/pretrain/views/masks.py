"""Which patches of a view are hidden: anywhere (MAE), or in blocks (BEiT, data2vec)."""

from __future__ import annotations

import math

import numpy as np

ASPECT = (0.3, 1 / 0.3)
"""Range of a block's height over its width."""


def random_mask(rows: int, columns: int, hidden: int, rng: np.random.Generator) -> np.ndarray:
    """Bool (rows, columns), exactly ``hidden`` True, every choice equally likely (He et al. 2022, section 3)."""
    mask = np.zeros(rows * columns, bool)
    mask[rng.choice(rows * columns, hidden, replace=False)] = True
    return mask.reshape(rows, columns)


def block_mask(rows: int, columns: int, hidden: int, rng: np.random.Generator, least: int, most: int) -> np.ndarray:
    """Bool (rows, columns), exactly ``hidden`` True, in rectangles (Bao et al. 2022, algorithm 1).

    Rectangle after rectangle is hidden, overlapping or not, until enough patches are: each of an area uniform in
    ``least`` .. what is missing, ``most`` at the most, of an aspect log-uniform in `ASPECT` as far as the grid has room
    for it, and anywhere. Of the last one only so many patches are hidden, drawn at random, as are missing: data2vec
    wants the same number in every image.

    Raises ValueError when ``hidden`` is more than there are, or ``least`` less than 1.
    """
    if not 0 <= hidden <= rows * columns or least < 1:
        raise ValueError(f"{hidden} of {rows} x {columns} patches in blocks of {least} or more")
    mask = np.zeros((rows, columns), bool)
    while missing := hidden - int(np.count_nonzero(mask)):
        top, left, height, width = draw_block(rows, columns, least, max(least, min(missing, most)), rng)
        block = mask[top : top + height, left : left + width]
        fresh = np.flatnonzero(~block)
        if len(fresh) > missing:
            fresh = rng.choice(fresh, missing, replace=False)
        block[np.unravel_index(fresh, block.shape)] = True
    return mask


def draw_block(
    rows: int, columns: int, least: float, most: float, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a random rectangle of patches, ``least`` to ``most`` of them but for rounding."""
    area = min(rng.uniform(least, most), rows * columns)
    # What fits: height sqrt(area x aspect) within the rows, width sqrt(area / aspect) within the columns.
    low, high = max(ASPECT[0], area / columns**2), min(ASPECT[1], rows**2 / area)
    aspect = math.exp(rng.uniform(math.log(low), math.log(max(low, high))))
    height = min(rows, max(1, round(math.sqrt(area * aspect))))
    width = min(columns, max(1, round(math.sqrt(area / aspect))))
    return int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1)), height, width
