"""The enhanced vegetation index."""

from __future__ import annotations

import numpy as np


def evi(blue: np.ndarray, red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """EVI of surface reflectances (0..1): 2.5 (N - R) / (N + 6 R - 7.5 B + 1), cut to -1..1.

    Bright clouds bring the denominator near zero and EVI far out of its range, hence the cut; NaN where it is zero.
    Source: Huete et al. 2002, Remote Sensing of Environment 83, 195-213 (the index of MOD13 and MCD12Q2).
    """
    blue, red, nir = (np.asarray(x, dtype=np.float64) for x in (blue, red, nir))
    below = nir + 6.0 * red - 7.5 * blue + 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.where(below == 0, np.nan, 2.5 * (nir - red) / below), -1.0, 1.0)
