"""Sharing a number of sites out over strata."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["equal", "proportional", "square_root"]

_POWER: dict[str, float] = {"equal": 0.0, "proportional": 1.0, "square_root": 0.5}


def allocate(area: NDArray[np.float64], count: int, rule: Rule, minimum: int = 0) -> NDArray[np.int64]:
    """Sites of each stratum, summing to ``count``: shape (n,) like ``area``, the strata's areas (> 0, any unit).

    Shares go by area to the power 0 (equal), 1 (proportional) or 1/2 (square_root). A stratum whose share is below
    ``minimum`` gets the minimum, and the others share out what is left. Fractions are rounded by largest remainder, the
    earlier stratum first among equal ones. Raises `ValueError` when ``count`` is below ``minimum`` a stratum.
    """
    if count < minimum * len(area):
        raise ValueError(f"{count} sites are fewer than {minimum} for each of {len(area)} strata")
    weight = np.asarray(area, dtype=np.float64) ** _POWER[rule]
    sites = np.full(len(weight), minimum, dtype=np.int64)
    free = np.ones(len(weight), dtype=bool)
    while free.any():
        share = (count - minimum * np.count_nonzero(~free)) * weight / weight[free].sum()
        poor = free & (share < minimum)
        if not poor.any():
            sites[free] = largest_remainder(share[free], count - minimum * np.count_nonzero(~free))
            break
        free &= ~poor
    return sites


def largest_remainder(share: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers that sum to ``total``, each ``share`` rounded down or up (Hamilton's method).

    ``share`` (n,) sums to ``total`` but for rounding errors.
    """
    whole = np.floor(share).astype(np.int64)
    # Compared to nine digits, so that shares equal but for rounding errors go by their order.
    remainder = np.round(share - whole, 9)
    whole[np.argsort(-remainder, kind="stable")[: total - int(whole.sum())]] += 1
    return whole
