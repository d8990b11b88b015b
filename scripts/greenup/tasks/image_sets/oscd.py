"""OSCD: Sentinel-2 images of 24 cities at two dates, and which of their pixels were built on in between."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from greenup.bands import S2_L1C, sources_of
from greenup.errors import UserError
from greenup.tasks.image_sets.base import ImageSetReader, select_channels
from greenup.tasks.image_sets.rasters import read_layers, unplaced

_ARCHIVE = "Onera Satellite Change Detection dataset - "


class Oscd(ImageSetReader):
    """Cities as they were handed out: 13 bands of L1C at 10 m, registered to each other (folders imgs_1_rect and
    imgs_2_rect), and a mask of change a city.

    Two ways of unpacking are read: the three archives side by side, as torchgeo has them, or the folders of cities
    with their masks and the lists train.txt and test.txt in one folder, as SeCo and SSL4EO-S12 have them.
    """

    channels = S2_L1C

    def index(self) -> pd.DataFrame:
        """One row a city; ``changed``: its share of changed pixels. Coordinates are not part of the set."""
        rows = [
            {"site_id": city, "lon": np.nan, "lat": np.nan, "split": split, "changed": float(self.mask(city).mean())}
            for split in ("train", "test")
            for city in self._cities(split)
        ]
        return pd.DataFrame(rows).sort_values("site_id", ignore_index=True)

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        """The earlier image of a city."""
        return self._read(image_id, 1, bands)

    def pair(self, city: str, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Both images, uint16 (C, H, W), stored values; which pixels have changed, and which hold data at both dates,
        bool (H, W).

        Raises `UserError` for a band that the set does not have, and for files that are missing, damaged, or not of
        one size.
        """
        self.check_channels(channels)
        bands, changed = sources_of(channels), self.mask(city)
        before, after = (self._read(city, date, bands) for date in (1, 2))
        for image, date in ((before, 1), (after, 2)):
            if image.shape[1:] != changed.shape:
                raise UserError(
                    f"{self._images / city}: imgs_{date}_rect has {image.shape[1:]} pixels, its mask {changed.shape}",
                    "unpack the archives again",
                )
        valid = before.any(axis=0) & after.any(axis=0)
        return select_channels(before, bands, channels), select_channels(after, bands, channels), changed, valid

    def mask(self, city: str) -> np.ndarray:
        """Which pixels of a city have changed, bool (H, W)."""
        for folder in (*self.folder.glob(f"{_ARCHIVE}* Labels"), self._images):
            path = folder / city / "cm" / "cm.png"
            if path.is_file():
                image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
                if image is None:
                    raise UserError(f"{path}: damaged or no image", "unpack the archive of labels again")
                return image > 0
        raise UserError(
            f"{self.folder}: no mask of change (cm/cm.png) of {city}",
            "unpack both archives of labels beside the images",
        )

    # ------------------------------------------------------------------------------------------------------- files
    @property
    def _images(self) -> Path:
        archive = self.folder / f"{_ARCHIVE}Images"
        return archive if archive.is_dir() else self.folder

    def _cities(self, split: str) -> list[str]:
        """Names of the cities of a split: of the archive of labels, or of the list beside the images."""
        labels = self.folder / f"{_ARCHIVE}{split.capitalize()} Labels"
        if labels.is_dir():
            return sorted(p.parent.parent.name for p in labels.glob("*/cm/cm.png"))
        listed = self._images / f"{split}.txt"
        if not listed.is_file():
            raise UserError(
                f"{self.folder}: neither {labels.name!r} nor {listed.name} is there to tell its cities",
                "unpack the archives of labels there",
            )
        return sorted(name for name in listed.read_text(encoding="utf-8").replace("\n", ",").split(",") if name.strip())

    def _read(self, city: str, date: int, bands: tuple[str, ...]) -> np.ndarray:
        folder = self._images / city / f"imgs_{date}_rect"
        planes = []
        for band in bands:
            name = f"B{band[1:].zfill(2)}" if band != "B8A" else band
            # The papers' older folders have the tile's name before that of the band.
            path = next(iter(sorted(folder.glob(f"*{name}.tif"))), folder / f"{name}.tif")
            with unplaced():
                planes.append(read_layers(path, [1], "unpack the archive of images again")[0])
        if len({p.shape for p in planes}) != 1:
            raise UserError(f"{folder}: its bands are not of one size", "unpack the archive of images again")
        return np.stack(planes).astype(np.uint16)
