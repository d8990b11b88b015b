"""The images that are embedded: those of a dataset of this workflow, or of a published image set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from greenup.config.image_sets import ImageSet
from greenup.errors import UserError
from greenup.files import read_json, read_table
from greenup.patches.store import PatchStore
from greenup.schemas import IMAGE_SET
from greenup.tasks.image_sets import open_image_set


class Images(ABC):
    """Images in a fixed order, with stored pixels. Goes to other processes by pickling."""

    keys: list[tuple[str, str]]
    """(site_id, season) of each image; the season of an image set's is empty."""
    bands: tuple[str, ...]
    """Measured bands that can be read (indices are computed of them)."""
    where: str
    """What errors call it."""
    simulated: bool
    attribution: str

    @abstractmethod
    def read(self, key: tuple[str, str], channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Stored values, uint16 (C, H, W), and which pixels hold data, bool (H, W)."""

    def name(self, key: tuple[str, str]) -> str:
        """An image as errors call it."""
        return ", ".join(part for part in key if part)


class DatasetImages(Images):
    """All images of a dataset, in the order of its index."""

    def __init__(self, index: str | Path, statistics: str | Path) -> None:
        self._store = PatchStore(index)
        sites, seasons = (self._store.index[c].astype(str) for c in ("site_id", "season"))
        self.keys = list(zip(sites, seasons, strict=True))
        self.bands = tuple(read_json(statistics)["channels"])
        self.where = str(statistics)
        about = self._store.index.attrs
        self.simulated, self.attribution = bool(about.get("simulated")), about.get("attribution", "")

    def read(self, key: tuple[str, str], channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        return self._store.read(*key, channels)


class SetImages(Images):
    """All images of a published set, in the order of its index."""

    def __init__(self, settings: ImageSet, index: str | Path) -> None:
        self._reader = open_image_set(settings)
        table = read_table(index, IMAGE_SET)
        self.keys = [(str(image_id), "") for image_id in table["site_id"]]
        self.bands = self._reader.channels
        self.where = self._reader.about.title
        self.simulated, self.attribution = self._reader.about.simulated, self._reader.about.attribution

    def read(self, key: tuple[str, str], channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        return self._reader.read(key[0], channels)


def no_pixels(images: Images, key: tuple[str, str]) -> UserError:
    """The error for an image without data."""
    site, season = key
    return UserError(
        f"the image of site {site}, {season} has no valid pixel in the model's channels",
        "look at its row in the ledger",
    )
