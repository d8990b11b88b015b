"""From native resolution to the 10 m grid, and the derived channels NDVI and EVI.

Coarse and fine grids share their upper-left corner (`greenup.grids.PatchGrid`), so a coarse pixel covers exactly f x f
fine ones. Bilinear interpolation between pixel *centres* then keeps everything in place: no shift by half a pixel, no
stretch of a coarse patch that covers a bit more ground than the fine one.

Reflectance is interpolated; masks (classes, flags) never are: each fine pixel has the value of the coarse pixel it lies
in. Backscatter is stored in dB on the 10 m grid of its product and so is not resampled here. Whoever averages it, in
space or over time, should know that a mean of dB is the logarithm of a geometric mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from greenup.bands import BANDS

# Loaders work in processes of their own: OpenCV's threads add nothing on small images, and waiting for threads that
# stayed in the parent is how forked workers hang.
cv2.setNumThreads(0)


def bilinear_to_10m(
    values: Sequence[np.ndarray],
    valid: np.ndarray,
    factor: int,
    size_px: int,
    out: Sequence[np.ndarray] | None = None,
    *,
    all_valid: bool | None = None,
) -> Sequence[np.ndarray]:
    """Bands (k, n, n) uint16 of ``factor`` x 10 m pixels on the 10 m grid, as (k, size_px, size_px) uint16.

    Invalid pixels take no part: weights of the valid neighbours are normalised, so that nodata never darkens the pixels
    beside it. What lies on invalid ground is set to 0. Beyond the outermost pixel centres the value stays constant.

    ``out``: k arrays (size_px, size_px) uint16 to write to and return, such as planes of a larger image, in place of a
    new one. ``all_valid``: whether ``valid`` is True throughout, by who knows it already.
    """
    n = valid.shape[-1]
    side = (n * factor, n * factor)
    if out is None:
        out = np.empty((len(values), size_px, size_px), np.uint16)
    if valid.all() if all_valid is None else all_valid:
        for band, target in zip(values, out, strict=True):
            if n * factor == size_px and target.flags.c_contiguous:
                cv2.resize(band, side, dst=target, interpolation=cv2.INTER_LINEAR)
            else:
                target[:] = cv2.resize(band, side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
        return out
    weight = cv2.resize(valid.astype(np.float32), side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
    inside = nearest_to_10m(valid, factor, size_px)
    for band, target in zip(values, out, strict=True):
        known = np.where(valid, band, 0).astype(np.float32)
        blurred = cv2.resize(known, side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
        target[:] = 0
        # A fine pixel on valid ground has at least a quarter of its weight from the coarse pixel that it lies in.
        target[inside] = np.rint(blurred[inside] / weight[inside]).astype(np.uint16)
    return out


def nearest_to_10m(values: np.ndarray, factor: int, size_px: int) -> np.ndarray:
    """Values (..., n, n) of coarse pixels for the 10 m pixels that lie in them: (..., size_px, size_px), same type.

    With ``factor`` 1 they are the values themselves, not a copy.
    """
    if factor == 1:
        return values[..., :size_px, :size_px]
    return values.repeat(factor, axis=-2).repeat(factor, axis=-1)[..., :size_px, :size_px]


def ndvi(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """NDVI of B4 and B8 (any shape, uint16): (B8 - B4) / (B8 + B4), negatives set to 0, x 10 000, uint16 (SSL4Eco).

    Fractions are cut off, as in the files of SSL4Eco; 0 where both bands are 0.
    """
    # Whole numbers up to 6.6e8 are exact in float64. Their quotient, at most 10 000, is rounded by less than 1e-12, and
    # one that is no whole number lies at least 1 / 131 070 from the next: cut off, it is that of whole numbers, at
    # half the price.
    above = np.multiply(np.maximum(nir, red) - red, np.int32(10_000), dtype=np.int32)
    below = np.add(nir, red, dtype=np.int32)
    return np.divide(above, np.maximum(below, 1, out=below)).astype(np.uint16)


def evi(blue: np.ndarray, red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """EVI of B2, B4 and B8 (any shape, uint16 reflectance x 10 000): cut to 0..1, x 10 000, uint16, fractions cut off.

    2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1) of reflectances (Huete et al. 2002). Over bright clouds the denominator
    falls to zero and below, where the index means nothing: 0 there.
    """
    blue, red, nir = (x.astype(np.int32) for x in (blue, red, nir))
    # Both sides times 2 x 10 000, so that everything is a whole number; the largest, 3.3e9, fits 32 bits unsigned.
    below = 2 * nir + 12 * red - 15 * blue + np.int32(20_000)
    above = np.maximum(nir - red, 0).astype(np.uint32) * np.uint32(50_000)
    scaled = np.minimum(above // np.maximum(below, 1).astype(np.uint32), np.uint32(10_000))
    return np.where(below > 0, scaled, 0).astype(np.uint16)


INDICES: dict[str, Callable[..., np.ndarray]] = {"NDVI": ndvi, "EVI": evi}
"""Index -> function of the bands it needs, in the order of `greenup.bands.Band.needs`."""


def index_of(name: str, bands: Mapping[str, np.ndarray]) -> np.ndarray:
    """An index from stored 10 m bands by name (uint16, any shape)."""
    return INDICES[name](*(bands[b] for b in BANDS[name].needs))
