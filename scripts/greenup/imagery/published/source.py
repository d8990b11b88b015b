"""A published folder as an image source. Each image is read by its own name; no table of the folder is needed."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rasterio.windows import Window

from greenup.bands import BANDS, bands_at, native_resolutions
from greenup.config.data import PublishedImagery
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels, SceneMissing
from greenup.imagery.candidates import candidates_table, curves_table, spans
from greenup.imagery.notes import Notes
from greenup.imagery.published import georeference
from greenup.imagery.published.files import Damaged, ImageFiles
from greenup.imagery.published.layouts import LAYOUTS, site_root
from greenup.imagery.published.listing import images_of
from greenup.imagery.published.metadata import read_metadata
from greenup.imagery.published.place import any_header
from greenup.imagery.published.values import has_data, ndvi_differs, stored

_log = logging.getLogger(__name__)


class PublishedSource:
    """The folder of SSL4EO-S12, SSL4Eco or SeCo (`greenup.imagery.published.layouts`).

    A scene id is the image's place below the folder, ``<site>/<image>``. Images keep their own grids (`OwnGrids`); they
    cannot be asked for on others. An image of which a file cannot be read, is missing or of another size is told with
    its file by a `PassingError` of cause ``damaged``, or by `SceneMissing` where the configuration says
    ``damaged: skip``.

    Raises `UserError` for a folder that is missing, or of another layout or product than the configuration says.
    """

    simulated = False
    measures_patch_cloud = False

    def __init__(self, imagery: PublishedImagery, *, requests: int = 8) -> None:
        self.layout = LAYOUTS[imagery.layout]
        self._imagery, self._product = imagery, imagery.product
        self.root = site_root(self.layout, imagery.product, imagery.path)
        self.attribution = self.layout.attribution
        self.requests = requests
        self._whole = lru_cache(maxsize=100_000)(self._find_grid)
        self._notes = Notes()
        self._lock = threading.Lock()
        self._told: set[Path] = set()
        self._other_ndvi = 0

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """The images in the folders of these sites inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = []
        for site in sites["site_id"]:
            if site not in wanted or not (self.root / site).is_dir():
                continue
            for image in images_of(self.root / site, self.layout):
                for season, (first, after) in wanted[site]:
                    if first <= image.time < after:
                        rows.append((site, season, f"{site}/{image.name}", image.time, image.cloud, "tile"))
        return candidates_table(rows)

    def orbit(self, scene_id: str) -> str | None:
        """The direction of the orbit of a radar image, by its metadata.json: ascending or descending, or None."""
        return read_metadata(self.root / scene_id / "metadata.json").orbit

    def is_resampled(self, bands: tuple[str, ...]) -> bool:
        """SSL4Eco's bands all lie at 10 m; see `OwnGrids`."""
        return self.layout.whole

    def own_grid(self, scene_id: str, lon: float, lat: float, size_px: int) -> PatchGrid:
        """See `OwnGrids`. The corner lies on one of the coarsest pixels, so that no pixel is cut.

        An image that no file of tells its place gets one round the site: reading it fails and says why.
        """
        if size_px > self.layout.size_px:
            raise UserError(
                f"patches.size_px: {size_px}, but images of {self.layout.title} have {self.layout.size_px} pixels",
                f"write patches: {{size_px: {self.layout.size_px}}} or less",
            )
        if not self._files(scene_id).exists:
            raise SceneMissing(f"{self.root / scene_id} does not exist")
        try:
            whole = self._whole(scene_id)
        except Damaged:
            whole = georeference.nominal(lon, lat, self.layout)
        step = 1 if self.layout.whole or self._product == "s1_grd" else 6
        return georeference.crop(whole, lon, lat, size_px, step)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of an image on a grid that `own_grid` gave; see `ImagerySource.read`.

        Values come as they were published (`greenup.imagery.published.values`). Raises `SceneMissing` for an image that
        is not there, `PassingError` (or `SceneMissing`, with ``damaged: skip``) for one that cannot be read, and
        `UserError` for a grid that is not the image's own.
        """
        files = self._files(scene_id)
        if not files.exists:
            raise SceneMissing(f"{self.root / scene_id} does not exist")
        try:
            return self._read(files, scene_id, grid, bands)
        except Damaged as error:
            return self._damaged(error, scene_id)

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """None: a few images a site make no series. See `ImagerySource.curves`."""
        return curves_table([])

    # --------------------------------------------------------------------------------------------------------- grids
    def _files(self, scene_id: str) -> ImageFiles:
        return ImageFiles(self.root, scene_id, self.layout)

    def _find_grid(self, scene_id: str) -> PatchGrid:
        """The grid of the whole image. Raises `Damaged` where no file says it."""
        written = georeference.as_written(any_header(self._files(scene_id), self._imagery), self.layout)
        if self._imagery.place == "as_written" or written.epsg != 4326:
            return written
        path = self.root / scene_id / "metadata.json"
        grids = read_metadata(path).grids or {}
        for band in self._imagery.offered:
            if BANDS[band].native_m == 10 and band in grids:
                return georeference.on_utm(written, self.layout, self._product, *grids[band])
        raise Damaged(path, "tells no UTM grid of the image's 10 m bands, which place: utm needs")

    # -------------------------------------------------------------------------------------------------------- pixels
    def _read(self, files: ImageFiles, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        resolutions = {10: bands} if self.layout.whole else {m: bands_at(bands, m) for m in native_resolutions(bands)}
        at = self._offset(scene_id, grid)
        values, valid = {}, {}
        for native_m, names in resolutions.items():
            n, times = grid.shape(native_m), native_m // 10
            window = Window(at[0] // times, at[1] // times, n, n)
            raw = files.read((*names, "B4", "B8", "NDVI") if self.layout.whole else names, window)
            if self.layout.whole:
                raw = self._check_ndvi(scene_id, raw)
            valid[native_m] = has_data(raw, self.layout.name)
            if self.layout.name == "ssl4eo_s12" and raw.dtype == np.uint8:
                self._notes.once(
                    "compressed",
                    "%s: uint8 of SSL4EO-S12's compressed release: values are brought back to mean +- 2 standard "
                    "deviations, what lay outside and what JPEG took is lost",
                    scene_id,
                )
            try:
                parts = [
                    stored(band, self.layout.name, self._product, name) for band, name in zip(raw, names, strict=True)
                ]
            except ValueError as error:
                raise Damaged(files.path(names[0]), str(error)) from error
            values[native_m] = np.where(valid[native_m], np.stack(parts), np.uint16(0))
        return Pixels(values, valid)

    def _offset(self, scene_id: str, grid: PatchGrid) -> tuple[int, int]:
        whole = self._whole(scene_id)
        at = georeference.offset(grid, whole)
        if at is None:
            raise UserError(
                f"{self.root / scene_id}: asked for on the grid {grid.key}, its own is {whole.key}",
                "images of a published folder keep their own grids: write patches: {grid: image}",
            )
        return at

    def _check_ndvi(self, scene_id: str, raw: np.ndarray) -> np.ndarray:
        """Hold the published NDVI against that of the bands, and leave it away: it is computed when read."""
        pixels = ndvi_differs(raw[-1], raw[-3], raw[-2])
        if pixels:
            with self._lock:
                self._other_ndvi += 1
                count = self._other_ndvi
            # 1, 2, 4, 8, ...: a folder full of them is told of, but not a million times.
            if count & (count - 1) == 0:
                _log.warning(
                    "%s: band 13 is not the NDVI of bands 4 and 8 in %d pixels (%d such images so far); it is not "
                    "stored, NDVI is computed of the bands",
                    scene_id,
                    pixels,
                    count,
                )
        return raw[:-3]

    def _damaged(self, error: Damaged, scene_id: str) -> Pixels:
        if self._imagery.damaged == "skip":
            raise SceneMissing(f"damaged: {error}") from error
        with self._lock:
            is_new = error.path not in self._told
            self._told.add(error.path)
        if is_new:
            _log.warning(
                "damaged: %s\n  mend: fetch %s of %s again and run again, or write imagery: {damaged: skip} to go on "
                "without it",
                error,
                scene_id,
                self.layout.title,
            )
        raise error
