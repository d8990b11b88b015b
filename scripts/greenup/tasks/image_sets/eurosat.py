"""EuroSAT, 13 bands (Helber et al. 2019, doi:10.1109/JSTARS.2019.2918242): 27 000 images of 64 px, ten classes.

Files are GeoTIFFs of Sentinel-2 L1C, digital numbers that are reflectance x 10 000, with B8A behind B12. torchgeo's
class knows that order too, but wants its own download's folders and lists and gives all 13 bands as float32, so that
SSL4EO-S12's split (and a folder of any other shape) could not be read; hence a reader of our own.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from greenup.errors import UserError
from greenup.tasks.image_sets.base import ImageSetReader
from greenup.tasks.image_sets.lists import parts_of, read_names
from greenup.tasks.image_sets.places import centres_of_files

FILE_BANDS: tuple[str, ...] = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A")
"""Bands in the order of the files."""

SEED = 42
"""With which SSL4EO-S12 draws who trains."""


class EuroSat(ImageSetReader):
    """An image's name is that of its file (Forest_12), its class what stands before the number."""

    channels = FILE_BANDS

    @cached_property
    def _files(self) -> dict[str, Path]:
        files = sorted(self.folder.rglob("*_*.tif"), key=lambda path: path.stem)
        return {path.stem: path for path in files}

    def index(self) -> pd.DataFrame:
        names = list(self._files)
        classes = [name.rsplit("_", 1)[0] for name in names]
        lon, lat = centres_of_files(self._files.values())
        if self.settings.lists == "stratified":
            split = stratified_split(classes)
        else:
            prefix = "eurosat-spatial-" if self.settings.lists == "spatial" else "eurosat-"
            split = parts_of(names, {part: self._listed(prefix, part) for part in ("train", "val", "test")})
        return pd.DataFrame({"site_id": names, "lon": lon, "lat": lat, "split": split, "label": classes})

    def _listed(self, prefix: str, part: str) -> list[str]:
        """Names of a list; SeCo's folders call theirs train.txt and val.txt, and have no test."""
        for name in (f"{prefix}{part}.txt", *([f"{part}.txt"] if self.settings.lists == "in_domain" else [])):
            if (path := self.folder / name).is_file():
                return [Path(line).stem for line in read_names(path)]
        return []

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        path = self._files[image_id]
        with rasterio.open(path) as source:
            if source.count != len(FILE_BANDS):
                raise UserError(
                    f"{path}: {source.count} bands, EuroSAT has {len(FILE_BANDS)}",
                    "is it the RGB edition? Download EuroSAT_MS",
                )
            return source.read([FILE_BANDS.index(b) + 1 for b in bands]).astype("uint16", copy=False)


def stratified_split(classes: list[str]) -> list[str]:
    """train or test of each image, 80 to 20 within classes, of images sorted by name.

    The very draw of SSL4EO-S12's EuroSAT scripts: scikit-learn's `train_test_split`, seed 42, classes as numbers.
    Raises `UserError` for a class of one image, which cannot be parted.
    """
    from sklearn.model_selection import train_test_split

    _, codes = np.unique(classes, return_inverse=True)
    try:
        train, _ = train_test_split(np.arange(len(classes)), train_size=0.8, stratify=codes, random_state=SEED)
    except ValueError as error:
        raise UserError(
            f"image set of kind eurosat: {len(classes)} images cannot be parted 80 to 20 within classes ({error})",
            "is the folder complete? Write lists: in_domain to take the lists beside it",
        ) from None
    split = np.full(len(classes), "test", dtype=object)
    split[train] = "train"
    return split.tolist()
