"""Pixels for the eye: one contrast stretch for several images, and what stands where there is no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_EMPTY = np.float32(0.92)  # light grey
_STRIPES = np.float32([0.93, 0.74])


@dataclass(frozen=True)
class Stretch:
    """Limits of the stored values that become 0 and 1, and the gamma applied in between."""

    low: float
    high: float
    gamma: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Stored values (any shape) as float32 in 0..1."""
        span = np.float32(max(self.high - self.low, 1.0))
        return np.clip((values.astype(np.float32) - np.float32(self.low)) / span, 0, 1) ** np.float32(self.gamma)


def stretch_of(
    images: Sequence[np.ndarray],
    valid: Sequence[np.ndarray],
    *,
    percent: tuple[float, float] = (1, 99),
    has_gamma: bool = True,
) -> Stretch:
    """One stretch for several images (bands, height, width), from their valid pixels (height, width).

    One pair of limits, at these percentiles of all valid values of all images and bands, so that colours stay true, and
    one gamma, between 0.4 and 1, that puts the median at 0.4 (1 without ``has_gamma``).
    """
    values = np.concatenate([i[:, v].ravel() for i, v in zip(images, valid, strict=True)] or [np.empty(0)])
    if not values.size:
        return Stretch(0.0, 1.0, 1.0)
    low, high = np.percentile(values, percent)
    middle = float(np.clip((np.median(values) - low) / max(float(high - low), 1.0), 0.01, 0.99))
    gamma = float(np.clip(np.log(0.4) / np.log(middle), 0.4, 1.0)) if has_gamma else 1.0
    return Stretch(float(low), float(high), gamma)


def stretch_together(images: Sequence[np.ndarray], valid: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Images as RGB for the eye, all with one stretch, so that snow, haze and light stay comparable.

    ``images``: uint16 (3, height, width), reflectance x 10 000; ``valid``: bool (height, width). Returns float32
    (height, width, 3) in 0..1; pixels without data are light grey.
    """
    stretch = stretch_of(images, valid)
    return [
        np.moveaxis(np.where(mask[None], stretch(image), _EMPTY), 0, -1)
        for image, mask in zip(images, valid, strict=True)
    ]


def hatched(picture: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """A picture (height, width, 3) in 0..1 with grey stripes where it is not ``valid``: never mistaken for the ground.

    Stripes are a sixteenth of the picture wide, two pixels at least.
    """
    rows, columns = np.indices(valid.shape)
    stripe = _STRIPES[(rows + columns) // max(2, max(valid.shape) // 16) % 2]
    return np.where(valid[..., None], picture, stripe[..., None])
