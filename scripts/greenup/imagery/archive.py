"""A local STAC catalogue of GeoTIFFs as an image source."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pystac
import rasterio.errors
import shapely

from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels, SceneMissing
from greenup.imagery.candidates import candidates_table, curves_table, spans
from greenup.imagery.items import Scene, read_item
from greenup.imagery.pixels import cloud_over, covers, evi_series, read_pixels


class ArchiveSource:
    """A folder with ``catalog.json``, its items, and GeoTIFFs of Sentinel-2 L2A bands.

    All items are read once, when the source is opened. Cloud cover is measured over each patch where an item has a
    scene classification (asset SCL), else it is the item's ``eo:cloud_cover``. ``attribution`` is the catalogue's or
    its collections' field of that name (STAC's attribution extension), else the notice that the Copernicus licence asks
    for, with the years of the items.

    Raises `UserError` naming file and item for a catalogue that cannot be read, an item without time, place or any
    statement on the offset of its values, and an id that stands twice.
    """

    simulated = False

    def __init__(self, path: str | Path) -> None:
        self._file = Path(path) / "catalog.json"
        if not self._file.is_file():
            raise UserError(
                f"imagery.path: {path}: there is no catalog.json in it",
                "give the folder of a STAC catalogue; `make real SAMPLES=<folder>` makes one from real samples",
            )
        try:
            catalogue = pystac.Catalog.from_file(str(self._file))
            items = list(catalogue.get_items(recursive=True))
            collections = list(catalogue.get_all_collections())
        except (pystac.STACError, OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{self._file}: cannot be read as STAC ({error})", "mend or make the catalogue again"
            ) from error
        self._scenes: dict[str, Scene] = {}
        for item in items:
            item.make_asset_hrefs_absolute()
            if item.id in self._scenes:
                raise UserError(f"{self._file}: item {item.id} stands twice", "give every item an id of its own")
            self._scenes[item.id] = read_item(item, str(self._file))
        if not self._scenes:
            raise UserError(f"{self._file}: the catalogue has no items", "add items, or give another folder")
        self._table = sorted(self._scenes.values(), key=lambda s: (s.time, s.scene_id))
        # Nanoseconds by force: indexes of other units compare wrong with Timestamp.value.
        self._times = pd.DatetimeIndex([s.time for s in self._table]).as_unit("ns").asi8
        self._tree = shapely.STRtree([s.footprint for s in self._table])
        self._cloud = lru_cache(maxsize=100_000)(self._cloud_over)
        said = [c.extra_fields["attribution"] for c in [catalogue, *collections] if c.extra_fields.get("attribution")]
        self.attribution = "; ".join(dict.fromkeys(said)) or _notice(self._table)

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """Scenes whose footprint covers the whole patch inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = []
        for site, grid in zip(sites.itertuples(index=False), grids, strict=True):
            near = np.sort(self._tree.query(shapely.Point(site.lon, site.lat)))
            covering: dict[int, bool] = {}
            for season, (first, after) in wanted.get(site.site_id, []):
                times = self._times[near]
                for i in near[(times >= first.as_unit("ns").value) & (times < after.as_unit("ns").value)]:
                    scene = self._table[i]
                    if i not in covering:
                        covering[i] = covers(scene.footprint, grid)
                    if covering[i]:
                        rows.append(
                            (site.site_id, season, scene.scene_id, scene.time, *self._cloud(scene.scene_id, grid))
                        )
        return candidates_table(rows)

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of a scene; see `ImagerySource.read`. Raises `SceneMissing` for an id that the catalogue has not."""
        if scene_id not in self._scenes:
            raise SceneMissing(f"{scene_id} is not in {self._file}")
        try:
            return read_pixels(self._scenes[scene_id], grid, bands)
        except rasterio.errors.RasterioIOError as error:
            raise self._damaged(scene_id, error) from error

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """EVI of every scene at these sites; see `ImagerySource.curves`."""
        rows = []
        for site in sites.itertuples(index=False):
            near = np.sort(self._tree.query(shapely.Point(site.lon, site.lat)))
            scenes = [self._table[i] for i in near if years[0] <= self._table[i].time.year <= years[1]]
            try:
                rows += evi_series(site.site_id, site.lon, site.lat, scenes)
            except rasterio.errors.RasterioIOError as error:
                raise self._damaged(site.site_id, error) from error
        return curves_table(rows)

    def _cloud_over(self, scene_id: str, grid: PatchGrid) -> tuple[float | None, str]:
        try:
            return cloud_over(self._scenes[scene_id], grid)
        except rasterio.errors.RasterioIOError as error:
            raise self._damaged(scene_id, error) from error

    def _damaged(self, what: str, error: Exception) -> UserError:
        return UserError(f"{self._file}: {what}: a GeoTIFF cannot be read ({error})", "make this file again")


def _notice(scenes: list[Scene]) -> str:
    """The notice of the Copernicus Sentinel data licence with the years of the scenes."""
    first, last = scenes[0].time.year, scenes[-1].time.year
    return f"Contains modified Copernicus Sentinel data {first if first == last else f'{first}-{last}'}"
