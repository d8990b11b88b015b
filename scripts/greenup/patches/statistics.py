"""Per-channel statistics of a dataset in one pass: a histogram of all 65 536 values gives everything exactly.

Masks hold classes, flags or percent, of which a mean would say little: their values are counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from greenup.bands import indices_of, masks_of, measured_of
from greenup.errors import UserError
from greenup.imagery.base import Pixels
from greenup.patches.container import Form
from greenup.patches.resample import index_of

_LEVELS = 65_536
QUANTILES = {"p02": 0.02, "p50": 0.50, "p98": 0.98}


class Histograms:
    """Counts of every stored value (0..65 535) of each channel, over valid pixels at native resolution.

    ``channels``: the measured bands of ``form`` in their order, then the indices that they give; ``masks``: its masks.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.channels = (*measured_of(form.bands), *indices_of(form.bands))
        self.masks = masks_of(form.bands)
        self.counts = {name: np.zeros(_LEVELS, np.int64) for name in (*self.channels, *self.masks)}
        self.images = 0

    def add(self, pixels: Pixels) -> None:
        """Count the pixels of one image."""
        self.images += 1
        for m in self.form.resolutions:
            valid = pixels.valid[m]
            inside = None if valid.all() else valid
            bands = dict(zip(self.form.bands_at(m), pixels.values[m], strict=True))
            if m == 10:
                bands |= {name: index_of(name, bands) for name in indices_of(self.form.bands)}
            for name, band in bands.items():
                values = band.ravel() if inside is None else band[inside]
                self.counts[name] += np.bincount(values, minlength=_LEVELS)

    def merge(self, other: Histograms) -> None:
        """Add what was counted of other images of the same form. Counts are whole numbers: order changes nothing."""
        if other.form.bands != self.form.bands or other.form.size_px != self.form.size_px:
            raise ValueError(f"histograms of {other.form.bands} do not add to those of {self.form.bands}")
        for name, counts in other.counts.items():
            self.counts[name] += counts
        self.images += other.images

    def summary(self) -> dict[str, dict[str, float]]:
        """Of each channel, over valid pixels, in stored units (`Band.stored_as`): ``mean``, population standard
        deviation ``std``, quantiles ``p02``, ``p50``, ``p98``, ``min``, ``max``; and ``valid``, their share of all
        pixels at its native resolution (0..1).

        Raises `UserError` for a channel without a single valid pixel.
        """
        found = {}
        for name in self.channels:
            if not (n := int(self.counts[name].sum())):
                raise UserError(
                    f"channel {name}: not a valid pixel in {self.images} images",
                    f"leave {name} out of patches.bands, or look at what the source gives",
                )
            side = self.form.shape(self._stored_at(name))[-1]
            found[name] = {**summarise(self.counts[name]), "valid": n / (self.images * side * side)}
        return found

    def _stored_at(self, channel: str) -> int:
        return next((m for m in self.form.resolutions if channel in self.form.bands_at(m)), 10)

    def mask_counts(self) -> dict[str, dict[str, int]]:
        """Of each mask, how many pixels hold which value: mask -> value as text -> count, rising, zeros left out."""
        return {
            name: {str(v): int(self.counts[name][v]) for v in np.flatnonzero(self.counts[name])} for name in self.masks
        }


def summarise(counts: np.ndarray) -> dict[str, float]:
    """Statistics of the values 0, 1, 2, ... with these counts (at least one in all). Sums are exact integers."""
    present = np.flatnonzero(counts)
    # Python integers: the sum of squares of a full-size dataset is beyond 64 bits.
    pairs = [(int(v), int(counts[v])) for v in present]
    n = sum(c for _, c in pairs)
    total = sum(v * c for v, c in pairs)
    squares = sum(v * v * c for v, c in pairs)
    result = {"mean": total / n, "std": math.sqrt(n * squares - total * total) / n}
    result |= zip(QUANTILES, quantiles(counts, list(QUANTILES.values())), strict=True)
    return result | {"min": float(present[0]), "max": float(present[-1])}


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
