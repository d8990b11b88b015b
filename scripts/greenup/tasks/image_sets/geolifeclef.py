"""GeoLifeCLEF 2023 (Botella et al. 2023, arXiv:2308.05121): Sentinel-2 images of survey plots, and their plant species.

The competition's own images are four layers of 8 bits, of no use to networks of reflectance; SSL4Eco exports its own at
the plots of the competition's tables, and so does this workflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from greenup.bands import S2_L2A
from greenup.config.image_sets import GeoLifeClefSet
from greenup.errors import UserError
from greenup.tasks.image_sets.about import found
from greenup.tasks.image_sets.base import ImageSetReader
from greenup.tasks.image_sets.catalogue import ABOUT, GEOLIFECLEF_IMAGES, GEOLIFECLEF_TABLES
from greenup.tasks.image_sets.rasters import read_layers, unplaced
from greenup.tasks.labels import SEPARATOR


class GeoLifeClef(ImageSetReader):
    """An image is a folder of files B1.tif .. B12.tif, L2A reflectance x 10 000 at any resolution, named by its patchID
    of six digits or more (12345 is 012345); its name here is the patchID."""

    channels = S2_L2A

    def index(self) -> pd.DataFrame:
        """One row a patchID, split empty: there is no local test. Of surveys ``label`` holds the numbers of the species
        found in any survey of the plot; of blind plots it is empty.

        Raises `UserError` naming plots without an image; none is replaced by another's.
        """
        table = read_plots(self.settings)
        plots = table.groupby("patchID", as_index=False)[["lon", "lat"]].first()
        out = plots.rename(columns={"patchID": "site_id"}).assign(split="", label="")
        if self.settings.part == "surveys":
            species = table.groupby("patchID")["speciesId"].agg(lambda s: SEPARATOR.join(sorted(set(s))))
            out["label"] = species.reindex(out["site_id"]).to_numpy()
        missing = [name for name in out["site_id"] if not self._image(name).is_dir()]
        if missing:
            raise UserError(
                f"{self._images}: {len(missing)} of {len(out)} plots have no image, first of patchID "
                f"{', '.join(missing[:3])}",
                "export them with this workflow (a dataset with sites: {sampler: points}) or SSL4Eco's "
                "downstream_download_from_metadata.py, into folders named by patchID",
            )
        return out.sort_values("site_id", ignore_index=True)

    def without_pixels(self, image_ids: Sequence[str]) -> list[str]:
        """Of blind plots none: the competition asks for an answer whatever their image shows."""
        return [] if self.settings.part == "blind" else super().without_pixels(image_ids)

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        shape = (self.settings.size_px, self.settings.size_px)
        planes = []
        for band in bands:
            with unplaced():
                plane = read_layers(self._image(image_id) / f"{band}.tif", [1], "export this image again")[0]
            planes.append(plane if plane.shape == shape else cv2.resize(plane, shape, interpolation=cv2.INTER_CUBIC))
        return np.stack(planes).astype(np.uint16)

    @property
    def _images(self) -> Path:
        return found(self.settings, GEOLIFECLEF_IMAGES[self.settings.part])

    def _image(self, image_id: str) -> Path:
        return self._images / image_id.zfill(6)


def read_plots(settings: GeoLifeClefSet) -> pd.DataFrame:
    """The competition's table of a part; numbers that are names are texts.

    Columns patchID, lon, lat (degrees WGS 84); of surveys speciesId, a row a species of a survey; of blind plots Id,
    which a line of a submission answers. Raises `UserError` where it is not there, and for a column or value it lacks.
    """
    need = GEOLIFECLEF_TABLES[settings.part]
    path = found(settings, need)
    if path is None:
        raise UserError(
            f"{settings.folder}: {need.replace(' | ', ' or ')} is not there",
            f"download it from {ABOUT[settings.kind].url}",
        )
    name = "speciesId" if settings.part == "surveys" else "Id"
    wanted = {"patchID": "string", "lon": "float64", "lat": "float64", name: "string"}
    header = pd.read_csv(path, sep=";", nrows=0).columns
    if lacking := [c for c in wanted if c not in header]:
        raise UserError(
            f"{path}: column {lacking[0]!r} is missing (it has {', '.join(map(str, header))})",
            "give the competition's own table: semicolons between columns",
        )
    table = pd.read_csv(path, sep=";", usecols=list(wanted), dtype=wanted)[list(wanted)]
    if (empty := table.isna()).any(axis=None):
        row, column = np.argwhere(empty.to_numpy())[0]
        raise UserError(
            f"{path}: column {table.columns[column]!r}, row {row}: no value", "give the competition's own table"
        )
    return table
