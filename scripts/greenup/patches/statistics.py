"""Per-channel statistics of a dataset in one pass: a histogram of all 65 536 values gives everything exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from greenup.bands import bands_at
from greenup.imagery.base import Pixels
from greenup.patches.container import Form
from greenup.patches.resample import ndvi

_LEVELS = 65_536
QUANTILES = {"p02": 0.02, "p50": 0.50, "p98": 0.98}


class Histograms:
    """Counts of every stored value (0..65 535) of each channel, over valid pixels at native resolution.

    Channels are the bands of ``form`` in their order, and NDVI where B4 and B8 are there.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.channels = (*form.bands, "NDVI") if {"B4", "B8"} <= set(form.bands) else form.bands
        self.counts = {name: np.zeros(_LEVELS, np.int64) for name in self.channels}

    def add(self, pixels: Pixels) -> None:
        """Count the pixels of one image."""
        for m in self.form.resolutions:
            valid = pixels.valid[m]
            inside = None if valid.all() else valid
            bands = dict(zip(bands_at(self.form.bands, m), pixels.values[m], strict=True))
            if m == 10 and "NDVI" in self.counts:
                bands["NDVI"] = ndvi(bands["B4"], bands["B8"])
            for name, band in bands.items():
                values = band.ravel() if inside is None else band[inside]
                self.counts[name] += np.bincount(values, minlength=_LEVELS)

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean, population standard deviation and quantiles of each channel, in stored units (x 10 000)."""
        return {name: summarise(self.counts[name]) for name in self.channels}


def summarise(counts: np.ndarray) -> dict[str, float]:
    """Statistics of the values 0, 1, 2, ... with these counts (at least one in all). Sums are exact integers."""
    present = np.flatnonzero(counts)
    # Python integers: the sum of squares of a full-size dataset is beyond 64 bits.
    pairs = [(int(v), int(counts[v])) for v in present]
    n = sum(c for _, c in pairs)
    total = sum(v * c for v, c in pairs)
    squares = sum(v * v * c for v, c in pairs)
    result = {"mean": total / n, "std": math.sqrt(n * squares - total * total) / n}
    return {**result, **dict(zip(QUANTILES, quantiles(counts, list(QUANTILES.values())), strict=True))}


def quantiles(counts: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Quantiles of the counted values, between order statistics linear as in `numpy.quantile`."""
    cumulative = np.cumsum(counts)
    last = int(cumulative[-1]) - 1
    found = []
    for share in shares:
        position = share * last
        below = math.floor(position)
        low, high = np.searchsorted(cumulative, [below, min(below + 1, last)], side="right")
        found.append(float(low + (position - below) * (high - low)))
    return found
