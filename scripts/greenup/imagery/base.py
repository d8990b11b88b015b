"""What every image source is: the protocol, its errors, and the pixels it hands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from greenup.errors import PassingError as PassingError
from greenup.grids import PatchGrid
from greenup.redact import redact


class SceneMissing(Exception):
    """The archive says that this scene or these pixels do not exist: final, recorded as such, never tried again.

    Its words stand in ledgers; credentials in them are hidden."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


UNKNOWN_MASK: dict[str, int] = {"SCL": 0, "QA60": 65_535, "CLDPRB": 65_535, "CSPLUS": 65_535}
"""What a mask band holds where it says nothing: SCL's own class "no data"; for the others a value they never have, so
that a mask that is not there is not taken for a clear sky (QA60 was not made from 2022-01-25 to 2024-02-28)."""


@dataclass(frozen=True)
class Pixels:
    """Pixels of one scene on one grid.

    ``values``: native resolution (m) -> uint16 array (bands, n, n), bands in the order of
    ``bands_at(requested, resolution)``, values as `greenup.bands` says (reflectance x 10 000, offset removed).
    ``valid``: native resolution (m) -> bool array (n, n), False where the product lacks data in one of the measured
    bands of that resolution; masks take no part in it, so where only masks share a resolution all is valid. Invalid
    pixels hold 0, and a mask that says nothing of a valid pixel `UNKNOWN_MASK`.
    """

    values: dict[int, np.ndarray]
    valid: dict[int, np.ndarray]


class ImagerySource(Protocol):
    """A source of images.

    One of images that can be kept on their own grids has what `OwnGrids` says.

    ``simulated`` says that its pixels are invented; ``attribution`` is the line to print wherever they are shown. One
    that can give several scenes by one request has `read_many` with the signature of the function of that name here.
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


class OwnGrids(Protocol):
    """What a source has beside `ImagerySource` when its images can be kept on their own grids (patches.grid image).

    Its `read` is then given such a grid, and hands out the image's own pixels, not resampled.
    """

    def is_resampled(self, bands: tuple[str, ...]) -> bool:
        """Whether all these bands lie at 10 m, whatever their native resolution, as in some published archives:
        `Pixels` then hold everything at 10 m. Raises `UserError` where some bands do and others do not."""
        ...

    def own_grid(self, scene_id: str, lon: float, lat: float, size_px: int) -> PatchGrid:
        """The grid of ``size_px`` pixels of the image's own whose centre is nearest to a place (degrees), inside the
        image. Raises `SceneMissing`, or `UserError` where the image is smaller than that."""
        ...


def read_many(
    source: ImagerySource, scene_ids: Sequence[str], grid: PatchGrid, bands: tuple[str, ...]
) -> list[Pixels | Exception]:
    """Pixels of several scenes on one grid, in order; a scene's failure stands in its place.

    By the source's own ``read_many`` where it has one, else scene by scene. Any exception of a scene is handed out, so
    that the scenes beside it are not lost; it is the caller's to raise it.
    """
    if (own := getattr(source, "read_many", None)) is not None:
        return list(own(scene_ids, grid, bands))
    found: list[Pixels | Exception] = []
    for scene_id in scene_ids:
        try:
            found.append(source.read(scene_id, grid, bands))
        except Exception as error:
            found.append(error)
    return found
