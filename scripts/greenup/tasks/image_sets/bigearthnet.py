"""BigEarthNet v1.0, Sentinel-2 (Sumbul et al. 2019, doi:10.1109/IGARSS.2019.8900532): 590 326 patches of 1.2 km.

A folder a patch: a GeoTIFF a band of L2A (120, 60 or 20 px, reflectance x 10 000) and a JSON with its classes of the
CORINE land cover, which the 19-class nomenclature (Sumbul et al. 2021, doi:10.1109/MGRS.2021.3089174) merges or drops.
torchgeo's class reads all twelve bands of every patch, resamples them to 120 px (bilinear) only, and knows the official
lists alone; hence a reader of our own. Commas inside class names are semicolons here, because a comma parts labels.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import rasterio

from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.tasks.image_sets.about import found
from greenup.tasks.image_sets.base import ImageSetReader
from greenup.tasks.image_sets.catalogue import BIGEARTHNET_BAD, BIGEARTHNET_PATCHES
from greenup.tasks.image_sets.lists import parts_of, read_names
from greenup.tasks.image_sets.places import to_degrees
from greenup.tasks.labels import SEPARATOR

log = logging.getLogger(__name__)

MERGED: dict[str, tuple[str, ...]] = {
    "Urban fabric": ("Continuous urban fabric", "Discontinuous urban fabric"),
    "Industrial or commercial units": ("Industrial or commercial units",),
    "Arable land": ("Non-irrigated arable land", "Permanently irrigated land", "Rice fields"),
    "Permanent crops": (
        "Vineyards",
        "Fruit trees and berry plantations",
        "Olive groves",
        "Annual crops associated with permanent crops",
    ),
    "Pastures": ("Pastures",),
    "Complex cultivation patterns": ("Complex cultivation patterns",),
    "Land principally occupied by agriculture; with significant areas of natural vegetation": (
        "Land principally occupied by agriculture, with significant areas of natural vegetation",
    ),
    "Agro-forestry areas": ("Agro-forestry areas",),
    "Broad-leaved forest": ("Broad-leaved forest",),
    "Coniferous forest": ("Coniferous forest",),
    "Mixed forest": ("Mixed forest",),
    "Natural grassland and sparsely vegetated areas": ("Natural grassland", "Sparsely vegetated areas"),
    "Moors; heathland and sclerophyllous vegetation": ("Moors and heathland", "Sclerophyllous vegetation"),
    "Transitional woodland; shrub": ("Transitional woodland/shrub",),
    "Beaches; dunes; sands": ("Beaches, dunes, sands",),
    "Inland wetlands": ("Inland marshes", "Peatbogs"),
    "Coastal wetlands": ("Salt marshes", "Salines"),
    "Inland waters": ("Water courses", "Water bodies"),
    "Marine waters": ("Coastal lagoons", "Estuaries", "Sea and ocean"),
}
"""The 19 classes, and those of the 43 that each is made of."""

DROPPED: tuple[str, ...] = (
    "Road and rail networks and associated land",
    "Port areas",
    "Airports",
    "Mineral extraction sites",
    "Dump sites",
    "Construction sites",
    "Green urban areas",
    "Sport and leisure facilities",
    "Bare rock",
    "Burnt areas",
    "Intertidal flats",
)
"""Classes of the 43 that the 19 leave out."""

_CLASS_OF = {old: new for new, olds in MERGED.items() for old in olds} | dict.fromkeys(DROPPED)
_READERS = 16


class BigEarthNet(ImageSetReader):
    """An image's name is that of its patch; patches in no list (or listed as snow or cloud) are no part of the set."""

    channels = S2_L2A

    @cached_property
    def _patches(self) -> Path:
        return found(self.settings, BIGEARTHNET_PATCHES)

    def index(self) -> pd.DataFrame:
        lists = {part: self._listed(source) for source, part in self.parts.items()}
        if self.settings.lists == "in_domain":
            bad = {name for file in BIGEARTHNET_BAD for name in read_names(self.folder / file)}
            lists = {part: [n for n in names if n not in bad] for part, names in lists.items()}
        names = sorted({name for listed in lists.values() for name in listed})
        if not names:
            raise UserError(f"{self.folder}: the lists name no patch", "download the lists again")
        with ThreadPoolExecutor(_READERS) as pool:
            notes = list(pool.map(self._note, names))
        labels = [SEPARATOR.join(sorted(_classes(note, name))) for note, name in zip(notes, names, strict=True)]
        if empty := labels.count(""):
            log.info("%d of %d patches have none of the %d classes", empty, len(names), len(MERGED))
        corners = [note["coordinates"] for note in notes]
        x, y = (
            np.array([(c[f"ul{axis}"] + c[f"lr{axis}"]) / 2 for c in corners], dtype="float64") for axis in ("x", "y")
        )
        lon, lat = to_degrees([note["projection"] for note in notes], x, y)
        return pd.DataFrame(
            {"site_id": names, "lon": lon, "lat": lat, "split": parts_of(names, lists), "label": labels}
        )

    def without_pixels(self, image_ids: Sequence[str]) -> list[str]:
        with ThreadPoolExecutor(_READERS) as pool:
            empty = pool.map(self._is_empty, image_ids)
            return [i for i, is_empty in zip(image_ids, empty, strict=True) if is_empty]

    @property
    def parts(self) -> dict[str, str]:
        """Part of the split of each list. SeCo and SSL4EO-S12 test on val."""
        if "validation_as_test" in self.settings.compat:
            return {"train": "train", "val": "test"}
        return {"train": "train", "val": "val", "test": "test"}

    def _listed(self, part: str) -> list[str]:
        if self.settings.lists == "official":
            path = found(self.settings, f"{part}.csv | bigearthnet-{part}.csv")
        else:
            path = found(self.settings, f"bigearthnet-{part}.txt | {part}.txt")
        names = read_names(path)
        if strange := [n for n in names if not n.startswith("S2")]:
            raise UserError(f"{path}: {strange[0]!r} is no patch of Sentinel-2", "is it the list of this image set?")
        return names

    def _note(self, name: str) -> dict[str, Any]:
        path = self._patches / name / f"{name}_labels_metadata.json"
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            note["labels"], note["coordinates"]["ulx"], note["projection"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error!r})", "unpack BigEarthNet-S2-v1.0.tar.gz again") from error
        return note

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        side = self.settings.size_px
        image = np.empty((len(bands), side, side), np.uint16)
        for i, band in enumerate(bands):
            digits = band[1:] if band == "B8A" else f"{int(band[1:]):02d}"
            path = self._patches / image_id / f"{image_id}_B{digits}.tif"
            try:
                with rasterio.open(path) as source:
                    values = source.read(1)
            except rasterio.RasterioIOError as error:
                raise UserError(f"{path}: cannot be read ({error})", "unpack the archive again") from error
            if values.shape != (side, side):
                smooth = cv2.resize(values.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
                values = np.clip(np.rint(smooth), 0, 65_535)
            image[i] = values
        return image


def _classes(note: dict[str, Any], name: str) -> set[str]:
    """The classes of a patch among the 19."""
    if unknown := [c for c in note["labels"] if c not in _CLASS_OF]:
        raise UserError(f"{name}: {unknown[0]!r} is no class of BigEarthNet v1.0", "is it another version?")
    return {_CLASS_OF[c] for c in note["labels"]} - {None}
