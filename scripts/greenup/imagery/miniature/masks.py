"""The masks that come with a simulated scene, from what was drawn rather than from the drawn pixels.

A real product guesses its classes from its own reflectances and is often wrong; these are right by construction, which
is worth remembering when a method that leans on them looks good here. Clouds are graded by how much of the ground they
hide, as the real classification grades them by its certainty.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from greenup.imagery.miniature.noise import Array
from greenup.imagery.miniature.spectra import ENDMEMBERS

PLANTS = ("needle", "broad", "herb")

# Share of a pixel above which it is called so. A third of green plants over soil has an NDVI of about 0.4.
_SNOW, _WATER, _GREEN = 0.5, 0.5, 0.33
_HIDDEN_HIGH, _HIDDEN_MEDIUM, _HIDDEN_THIN, _SHADED = 0.7, 0.4, 0.1, 0.5
_QA60_OPAQUE, _QA60_CIRRUS = 1 << 10, 1 << 11


class Surface:
    """What covers each 10 m pixel before light and cloud: shares (rows, cols) of snow, water and green plants."""

    def __init__(self, mixture: Array) -> None:
        self.snow, self.water = (mixture[ENDMEMBERS.index(n)].copy() for n in ("snow", "water"))
        self.green = sum(mixture[ENDMEMBERS.index(n)] for n in PLANTS)


class Veil:
    """What clouds do to each 10 m pixel: shares (rows, cols) of it that cloud hides, and that their shadow covers."""

    def __init__(self, rows: int, cols: int) -> None:
        self.cloud, self.shadow = np.zeros((2, rows, cols), np.float32)


def scl(surface: Surface, veil: Veil, coarse: Callable[[Array], Array]) -> np.ndarray:
    """Scene classification (class numbers of Sentinel-2 L2A, uint16); ``coarse`` averages 10 m pixels to the mask's.

    Given are 3 cloud shadow, 4 vegetation, 5 not vegetated, 6 water, 8 and 9 cloud, 10 thin cirrus, 11 snow.
    """
    cloud = coarse(veil.cloud)
    rules = [
        (cloud > _HIDDEN_HIGH, 9),
        (cloud > _HIDDEN_MEDIUM, 8),
        (cloud > _HIDDEN_THIN, 10),
        (coarse(veil.shadow) > _SHADED, 3),
        (coarse(surface.snow) > _SNOW, 11),
        (coarse(surface.water) > _WATER, 6),
        (coarse(surface.green) > _GREEN, 4),
    ]
    return np.select([r[0] for r in rules], [r[1] for r in rules], 5).astype(np.uint16)


def qa60(surface: Surface, veil: Veil, coarse: Callable[[Array], Array]) -> np.ndarray:
    """Cloud flags: bit 10 where opaque cloud hides the pixel, bit 11 where thin cloud does (uint16)."""
    cloud = coarse(veil.cloud)
    return np.select([cloud > _HIDDEN_MEDIUM, cloud > _HIDDEN_THIN], [_QA60_OPAQUE, _QA60_CIRRUS], 0).astype(np.uint16)


def cloud_probability(surface: Surface, veil: Veil, coarse: Callable[[Array], Array]) -> np.ndarray:
    """Percent of the pixel that cloud hides (uint16, 0..100)."""
    return np.rint(100.0 * np.clip(coarse(veil.cloud), 0.0, 1.0)).astype(np.uint16)


MASKS: dict[str, Callable[[Surface, Veil, Callable[[Array], Array]], np.ndarray]] = {
    "SCL": scl,
    "QA60": qa60,
    "CLDPRB": cloud_probability,
}
"""Mask -> function that draws it."""


def averaging(step: int, side: int, n: int) -> Callable[[Array], Array]:
    """Mean of ``step`` x ``step`` pixels: (rows, cols) -> (``side``, ``side``), of which the first n x n are kept."""

    def coarse(share: Array) -> Array:
        if step > 1:
            share = cv2.resize(share, (side, side), interpolation=cv2.INTER_AREA)
        return share[:n, :n]

    return coarse
