"""So2Sat LCZ42, second version (Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708): 17 local climate zones, 32 px.

training.h5 holds 42 cities, validation.h5 the western and testing.h5 the eastern halves of ten others. `sen2` is
(N, 32, 32, 10), reflectance 0..2.8 as float64; stored values are reflectance x 10 000, rounded. torchgeo's class opens
the file and reads Sentinel-1 along for every image and numbers images by file, so that train and test cannot stand in
one table; hence a reader of our own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from greenup.config.image_sets import So2SatSet
from greenup.errors import UserError
from greenup.tasks.image_sets.base import ImageSetReader

FILE_BANDS: tuple[str, ...] = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
"""Bands in the order of the files' last axis."""

CLASSES: tuple[str, ...] = (
    "Compact high rise", "Compact mid rise", "Compact low rise", "Open high rise", "Open mid rise", "Open low rise",
    "Lightweight low rise", "Large low rise", "Sparsely built", "Heavy industry", "Dense trees", "Scattered trees",
    "Bush, scrub", "Low plants", "Bare rock or paved", "Bare soil or sand", "Water",
)  # fmt: skip
"""Local climate zones 1..10 and A..G, in the order of the labels' columns."""


class So2Sat(ImageSetReader):
    """An image is named by its file and row: training_000012. The files do not say where it lies, and have no B1, B9
    and B10: which models take zeros instead is said where their weights are (``zero_when_missing``)."""

    channels = FILE_BANDS

    def __init__(self, settings: So2SatSet) -> None:
        super().__init__(settings)
        self._open: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}

    @property
    def parts(self) -> dict[str, str]:
        """Part of the split of each file. SSL4EO-S12 tests on validation.h5."""
        if "validation_as_test" in self.settings.compat:
            return {"training": "train", "validation": "test"}
        return {"training": "train", "validation": "val", "testing": "test"}

    def index(self) -> pd.DataFrame:
        tables = []
        for name, part in self.parts.items():
            labels = self._file(name)["label"][:]
            if labels.ndim != 2 or labels.shape[1] != len(CLASSES) or not (labels.sum(axis=1) == 1).all():
                raise UserError(
                    f"{self._path(name)}: labels of shape {labels.shape} are not one of {len(CLASSES)} classes each",
                    "download it again",
                )
            classes = np.array(CLASSES, dtype=object)[labels.argmax(axis=1)]
            ids = [f"{name}_{row:06d}" for row in range(len(labels))]
            tables.append(pd.DataFrame({"site_id": ids, "lon": np.nan, "lat": np.nan, "split": part, "label": classes}))
        return pd.concat(tables).sort_values("site_id", ignore_index=True)

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        name, row = image_id.rsplit("_", 1)
        reflectance = self._file(name)["sen2"][int(row)]
        image = np.empty((len(bands), *reflectance.shape[:2]), np.uint16)
        for i, band in enumerate(bands):
            image[i] = np.clip(np.rint(reflectance[..., FILE_BANDS.index(band)] * 10_000), 0, 65_535)
        return image

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.h5"

    def _file(self, name: str) -> Any:
        """The opened file; each process opens its own."""
        import h5py

        if name not in self._open:
            try:
                self._open[name] = h5py.File(self._path(name), "r")
            except OSError as error:
                raise UserError(f"{self._path(name)}: cannot be read ({error})", "download it again") from error
        return self._open[name]
