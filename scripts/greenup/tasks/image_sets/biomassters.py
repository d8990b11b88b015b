"""BioMassters: monthly Sentinel-2 images of Finnish forests, and histograms of their above-ground biomass."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from greenup.bands import sources_of
from greenup.errors import UserError
from greenup.tasks.image_sets.base import ImageSetReader, select_channels
from greenup.tasks.image_sets.rasters import read_layers, unplaced

log = logging.getLogger(__name__)

T = TypeVar("T")

EDGES: tuple[float, ...] = (
    0.0, 4.57000017, 21.78000069, 45.63999939, 66.72000122, 87.45999908, 113.27999878, 156.8999939, 500.0,
)  # fmt: skip
"""Edges of the bins of above-ground biomass (Mg/ha), as SSL4Eco's code has them; the last bin holds its upper edge."""

BINS: tuple[str, ...] = tuple(f"agb_{low:.4g}_{high:.4g}" for low, high in pairwise(EDGES))
"""Names of the eight bins: agb_0_4.57 .. agb_156.9_500."""

FLOOR = 1e-5
"""What is added to every share, so that none is 0 and the Kullback-Leibler divergence is defined."""

SEASONS: dict[str, tuple[str, ...]] = {
    "autumn": ("00", "01", "02"),
    "winter": ("03", "04", "05"),
    "spring": ("06", "07", "08"),
    "summer": ("09", "10", "11"),
}
"""Numbers of the months in the names of files, by season: 00 is September, 11 is August."""

NO_DATA = 255
"""What the cloud probability holds where a month has no image."""

_BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
_CLOUD = len(_BANDS) + 1
_SPLITS = ("train", "test")
_NAME = re.compile(r"^(?P<chip>[^_]+)_S2_(?P<month>\d\d)\.tif$")
_READERS = 8


class BioMassters(ImageSetReader):
    """Chips of 256 x 256 px: <chip>_S2_<month>.tif of ten bands and cloud probability, <chip>_agbm.tif of biomass.

    Reflectance x 10 000; there is no B1 and no B9. An image without one pixel of data is left out, and counted in the
    log. Chips are not said where they lie.
    """

    channels = _BANDS

    def index(self) -> pd.DataFrame:
        """One row an image, named <chip>_<month>, with the eight shares of `BINS`; split: of the publishers; group: the
        chip, whose months show one place and have one label (none under compat months_apart).

        Every mask of biomass and every cloud layer of the season is read: minutes for the whole set.
        """
        files = self._files()
        if files.empty:
            raise UserError(
                f"{self.settings.folder}: no image of {self.settings.season} "
                f"(<chip>_S2_{', '.join(SEASONS[self.settings.season])}.tif) in train_features or test_features",
                "unpack the images there, or name another season",
            )
        clear = pd.DataFrame(_each(_clearness, files["path"]), columns=["share", "cloud"], index=files.index)
        empty = clear["share"] == 0
        if empty.any():
            log.info("%d of %d images of %s hold no data", empty.sum(), len(files), self.settings.season)
        files = files.join(clear)[~empty]
        if self.settings.images == "clearest":
            files = files.sort_values(
                ["split", "chip", "share", "cloud", "month"], ascending=[True, True, False, True, True]
            )
            files = files.drop_duplicates(["split", "chip"])
        chips = files[["split", "chip"]].drop_duplicates().reset_index(drop=True)
        masks = [self._mask(s, c) for s, c in zip(chips["split"], chips["chip"], strict=True)]
        shares = pd.DataFrame(_each(_histogram_of, masks), columns=list(BINS))
        table = files.merge(chips.join(shares), on=["split", "chip"])
        table["site_id"] = table["chip"] + "_" + table["month"]
        table["group"] = "" if "months_apart" in self.settings.compat else table["chip"]
        table = table.assign(lon=np.nan, lat=np.nan).sort_values("site_id", ignore_index=True)
        return table[["site_id", "lon", "lat", "split", "group", *BINS]]

    def without_pixels(self, image_ids: Sequence[str]) -> list[str]:
        """None: `index` has left them out, by their cloud layer."""
        return []

    def read_bands(self, image_id: str, bands: tuple[str, ...]) -> np.ndarray:
        with unplaced():
            return _read(self._path(image_id), [_BANDS.index(b) + 1 for b in bands])

    def read(self, image_id: str, channels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """As for every set; pixels whose cloud probability says so hold no data either."""
        self.check_channels(channels)
        bands = sources_of(channels)
        with unplaced():
            planes = _read(self._path(image_id), [*(_BANDS.index(b) + 1 for b in bands), _CLOUD])
        pixels, cloud = planes[:-1], planes[-1]
        seen = cloud != NO_DATA
        valid = seen & pixels.any(axis=0)
        return select_channels(pixels, bands, channels), valid if valid.any() else seen

    # ------------------------------------------------------------------------------------------------------- files
    def _files(self) -> pd.DataFrame:
        """split, chip, month and path of every image of the season."""
        rows = []
        for split in _SPLITS:
            for path in sorted((self.folder / f"{split}_features").glob("*_S2_*.tif")):
                match = _NAME.match(path.name)
                if match and match["month"] in SEASONS[self.settings.season]:
                    rows.append({"split": split, **match.groupdict(), "path": path})
        return pd.DataFrame(rows, columns=["split", "chip", "month", "path"])

    def _path(self, image_id: str) -> Path:
        chip, _, month = image_id.rpartition("_")
        name = f"{chip}_S2_{month}.tif"
        for split in _SPLITS:
            path = self.folder / f"{split}_features" / name
            if path.is_file():
                return path
        raise UserError(f"{self.settings.folder}: no file {name} in train_features or test_features", "unpack it there")

    def _mask(self, split: str, chip: str) -> Path:
        return self.folder / f"{split}_agbm" / f"{chip}_agbm.tif"


def biomass_shares(biomass: np.ndarray) -> np.ndarray:
    """Shares (8,), float64, of the bins `EDGES` of above-ground biomass (Mg/ha, any shape); they add up to 1.

    What is above the last edge counts to the last bin. `FLOOR` is added to every share, as in SSL4Eco's code, and the
    sum is brought back to 1, which moves a share by less than 1e-4. Raises ValueError for values that are negative or
    not finite.
    """
    values = np.asarray(biomass).ravel()
    if not values.size or not np.isfinite(values).all() or values.min() < EDGES[0]:
        raise ValueError("biomass must be finite and not negative")
    counts = np.histogram(np.minimum(values, EDGES[-1]), EDGES)[0]
    shares = counts / values.size + FLOOR
    return shares / shares.sum()


def _histogram_of(path: Path) -> np.ndarray:
    try:
        return biomass_shares(_read(path, [1]))
    except ValueError as error:
        raise UserError(f"{path}: {error}", "unpack the file again") from error


def _clearness(path: Path) -> tuple[float, float]:
    """Share of pixels with data, and their mean cloud probability (percent); 100 where there is none."""
    cloud = _read(path, [_CLOUD])[0]
    seen = cloud != NO_DATA
    return float(seen.mean()), float(cloud[seen].mean()) if seen.any() else 100.0


def _read(path: Path, layers: list[int]) -> np.ndarray:
    return read_layers(path, layers, "unpack the file again")


def _each(function: Callable[[Path], T], paths: Iterable[Path]) -> list[T]:
    """``function`` of every path, in order; reading and unpacking go on beside each other."""
    with unplaced(), ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(function, paths))
