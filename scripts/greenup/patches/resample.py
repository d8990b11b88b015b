"""From native resolution to the 10 m grid, and the derived channel NDVI.

Coarse and fine grids share their upper-left corner (`greenup.grids.PatchGrid`), so a coarse pixel covers exactly f x f
fine ones. Bilinear interpolation between pixel *centres* then keeps everything in place: no shift by half a pixel, no
stretch of a coarse patch that covers a bit more ground than the fine one.
"""

from __future__ import annotations

import cv2
import numpy as np

# Loaders work in processes of their own: OpenCV's threads add nothing on small images, and waiting for threads that
# stayed in the parent is how forked workers hang.
cv2.setNumThreads(0)


def bilinear_to_10m(values: np.ndarray, valid: np.ndarray, factor: int, size_px: int) -> np.ndarray:
    """Bands (k, n, n) uint16 of ``factor`` x 10 m pixels on the 10 m grid, as (k, size_px, size_px) uint16.

    Invalid pixels take no part: weights of the valid neighbours are normalised, so that nodata never darkens the pixels
    beside it. What lies on invalid ground is set to 0. Beyond the outermost pixel centres the value stays constant.
    """
    n = values.shape[-1]
    side = (n * factor, n * factor)
    out = np.zeros((len(values), size_px, size_px), np.uint16)
    if valid.all():
        for band, target in zip(values, out, strict=True):
            target[:] = cv2.resize(band, side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
        return out
    weight = cv2.resize(valid.astype(np.float32), side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
    inside = mask_to_10m(valid, factor, size_px)
    for band, target in zip(values, out, strict=True):
        known = np.where(valid, band, 0).astype(np.float32)
        blurred = cv2.resize(known, side, interpolation=cv2.INTER_LINEAR)[:size_px, :size_px]
        # A fine pixel on valid ground has at least a quarter of its weight from the coarse pixel that it lies in.
        target[inside] = np.rint(blurred[inside] / weight[inside]).astype(np.uint16)
    return out


def mask_to_10m(valid: np.ndarray, factor: int, size_px: int) -> np.ndarray:
    """Mask (n, n) of coarse pixels as a (size_px, size_px) mask of the 10 m pixels that lie in them."""
    return valid.repeat(factor, axis=0).repeat(factor, axis=1)[:size_px, :size_px]


def ndvi(red: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """NDVI of B4 and B8 (any shape, uint16): (B8 - B4) / (B8 + B4), negatives set to 0, x 10 000, uint16 (SSL4Eco).

    Fractions are cut off, as in the files of SSL4Eco; 0 where both bands are 0.
    """
    red, nir = red.astype(np.int32), nir.astype(np.int32)
    scaled = np.maximum(nir - red, 0) * np.int32(10_000)
    return (scaled // np.maximum(nir + red, 1)).astype(np.uint16)
