"""TreeSatAI (Ahlswede et al. 2023, doi:10.5194/essd-15-681-2023): 50 381 forest plots of 60 m, any of 15 tree genera.

Files s2/60m/*.tif are 6 x 6 px of Sentinel-2 L2A, reflectance x 10 000, in the order of the archive's description:
10 m bands first, then those of 20 and 60 m. SSL4Eco's loader takes them for B1..B12 (a switch of `compat`). torchgeo's
class knows the right order, but wants the aerial images and Sentinel-1 unpacked beside and gives all bands as float32;
hence a reader of our own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import rasterio

from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.files import read_json
from greenup.tasks.image_sets.base import ImageSetReader
from greenup.tasks.image_sets.catalogue import TREESATAI_LABELS
from greenup.tasks.image_sets.lists import parts_of, read_names
from greenup.tasks.image_sets.places import centres_of_files
from greenup.tasks.labels import SEPARATOR

FILE_BANDS: tuple[str, ...] = ("B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12", "B1", "B9")
"""Bands in the order of the files."""


class TreeSatAi(ImageSetReader):
    """An image's name is that of its file without .tif; its labels are the genera with any share of its area."""

    channels = S2_L2A

    def index(self) -> pd.DataFrame:
        labels = read_json(self.folder / TREESATAI_LABELS)
        lists = {part: read_names(self.folder / f"{part}_filenames.lst") for part in ("train", "test")}
        files = sorted({file for listed in lists.values() for file in listed}, key=_stem)
        unlabelled = [file for file in files if file not in labels]
        if unlabelled:
            raise UserError(
                f"{self.folder / TREESATAI_LABELS}: {len(unlabelled)} of {len(files)} listed files have no labels, "
                f"e.g. {unlabelled[0]}",
                "take labels and lists of one version of the archive",
            )
        paths = [self.folder / "s2" / "60m" / file for file in files]
        if absent := [path for path in paths if not path.is_file()]:
            raise UserError(
                f"{absent[0]} is not there ({len(absent)} of {len(paths)} are lacking)", "unpack s2.zip again"
            )
        lon, lat = centres_of_files(paths)
        genera = [SEPARATOR.join(sorted({genus for genus, area in labels[f] if area > 0})) for f in files]
        return pd.DataFrame(
            {
                "site_id": [_stem(f) for f in files],
                "lon": lon,
                "lat": lat,
                "split": parts_of(files, lists),
                "label": genera,
            }
        )

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        order = S2_L2A if "bands_as_numbered" in self.settings.compat else FILE_BANDS
        path = self.folder / "s2" / "60m" / f"{image_id}.tif"
        with rasterio.open(path) as source:
            if source.count != len(FILE_BANDS):
                raise UserError(f"{path}: {source.count} bands, must be {len(FILE_BANDS)}", "unpack s2.zip again")
            values = source.read([order.index(b) + 1 for b in bands])
        return np.clip(np.rint(values), 0, 65_535).astype(np.uint16)


def _stem(file: str) -> str:
    return file.removesuffix(".tif")
