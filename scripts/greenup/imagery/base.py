"""What every image source is: the protocol, its errors, and the pixels it hands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from greenup.grids import PatchGrid


class PassingError(Exception):
    """A failure that may pass: tried again with a pause. ``cause`` is ``quota`` or ``error``."""

    def __init__(self, message: str, cause: str = "error") -> None:
        super().__init__(message)
        self.cause = cause


class SceneMissing(Exception):
    """The archive says that this scene or these pixels do not exist: final, recorded as such, never tried again."""


@dataclass(frozen=True)
class Pixels:
    """Pixels of one scene on one grid.

    ``values``: native resolution (m) -> uint16 array (bands, n, n), bands in the order of
    ``bands_at(requested, resolution)``, values as stored by the product (reflectance x 10 000, offset removed).
    ``valid``: native resolution (m) -> bool array (n, n), False where the product has no data in any band. Invalid
    pixels hold 0.
    """

    values: dict[int, np.ndarray]
    valid: dict[int, np.ndarray]


class ImagerySource(Protocol):
    """A source of images.

    ``simulated`` says that its pixels are invented; ``attribution`` is the line to print wherever they are shown.
    """

    simulated: bool
    attribution: str

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """All scenes that show the sites inside the intervals, whatever their cloud.

        ``sites``: columns site_id, lon, lat. ``intervals``: the `seasons` table of those sites. ``grids``: one a site,
        in the order of ``sites``, for sources that measure cloud over the patch. Returns one row a
        site x season x scene: site_id, season, scene_id, time (UTC), cloud (percent), cloud_of (tile or patch).
        """
        ...

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of these measured bands on this grid. Raises `PassingError` or `SceneMissing`."""
        ...

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """EVI series at the sites over these years (both included), as the `curves` table; empty if it has none."""
        ...
