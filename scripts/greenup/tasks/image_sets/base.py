"""What every reader of a published image set is: a list of its images with their labels, and their pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.bands import BANDS, sources_of
from greenup.config.image_sets import ImageSet
from greenup.errors import UserError
from greenup.patches.resample import index_of
from greenup.tasks.image_sets.about import About
from greenup.tasks.image_sets.catalogue import ABOUT, check


class ImageSetReader(ABC):
    """Images of a published set in stored values (`greenup.bands.Band.stored_as`), whatever its files hold.

    A reader goes to other processes by pickling: what it opens, it opens when first asked.
    """

    channels: tuple[str, ...]
    """Bands that can be read, by their names in `greenup.bands`."""

    def __init__(self, settings: ImageSet) -> None:
        """Raises `UserError` naming what is missing, and where it is downloaded and how large it is."""
        check(settings)
        self.settings = settings
        self.folder = Path(settings.folder)

    @property
    def about(self) -> About:
        """What the set is and where it is had."""
        return ABOUT[self.settings.kind]

    @abstractmethod
    def index(self) -> pd.DataFrame:
        """All images, sorted by site_id: site_id (the image's name), lon, lat (degrees WGS 84, NaN where unknown),
        split (train, val, test, or empty), and `label` (class name; several in alphabetical order between
        `greenup.tasks.labels.SEPARATOR`) or one float column a target."""

    @abstractmethod
    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        """Measured bands of one image, all of them among ``channels``: uint16 (B, H, W), stored values."""

    def without_pixels(self, image_ids: Sequence[str]) -> list[str]:
        """Those of some images that are 0 in every pixel of every band. Reads one band of each: minutes for a large
        set."""
        return [i for i in image_ids if self._is_empty(i)]

    def _is_empty(self, image_id: str) -> bool:
        return not (
            self.read_bands(image_id, self.channels[:1]).any() or self.read_bands(image_id, self.channels).any()
        )

    def read(self, image_id: str, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Stored values, uint16 (C, H, W), of an image, and which pixels hold data, bool (H, W).

        Indices (NDVI, EVI) are computed. A pixel that is 0 in all bands read holds none; where that is every pixel, the
        zeros are taken for data: images without any are no part of an index (`greenup.tasks.image_set_labels`), so it
        is bands that are 0. Raises `UserError` for a band that the set does not have.
        """
        self.check_channels(channels)
        names = sources_of(channels)
        pixels = self.read_bands(image_id, names)
        valid = pixels.any(axis=0)
        return select_channels(pixels, names, channels), valid if valid.any() else np.ones_like(valid)

    def check_channels(self, channels: tuple[str, ...]) -> None:
        """Refuse channels that the set's bands do not give (`UserError`)."""
        lacking = [b for b in sources_of(channels) if b not in self.channels]
        if lacking:
            raise UserError(
                f"{self.about.title} has no band {lacking[0]} ({BANDS[lacking[0]].kind}), which the model takes",
                f"its bands are {', '.join(self.channels)}: leave the model or the task out of the evaluation",
            )


def select_channels(pixels: np.ndarray, bands: tuple[str, ...], channels: tuple[str, ...]) -> np.ndarray:
    """Channels, uint16 (C, H, W), of measured ``bands``, uint16 (B, H, W) on one grid: indices are computed."""
    by_name = dict(zip(bands, pixels, strict=True))
    return np.stack([index_of(c, by_name) if BANDS[c].derived else by_name[c] for c in channels])
