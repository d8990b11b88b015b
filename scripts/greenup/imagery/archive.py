"""A local archive of GeoTIFFs as an image source: a STAC catalogue, or a stac-geoparquet index."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pystac
import shapely

from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels, SceneMissing
from greenup.imagery.candidates import candidates_table, curves_table, spans
from greenup.imagery.geoparquet import read_items
from greenup.imagery.items import Scene, read_item
from greenup.imagery.notes import Notes
from greenup.imagery.offsets import Silent
from greenup.imagery.pixels import Unreadable, cloud_of, cloud_over, covers, evi_series, read_pixels


class ArchiveSource:
    """A folder with ``catalog.json``, or a stac-geoparquet file, and the GeoTIFFs that their items name.

    ``product``: what the bands are. ``offset``: see `greenup.imagery.offsets`. All items are read once, when the source
    is opened. Cloud cover is the item's ``eo:cloud_cover``; of an item without one that has a scene classification
    (asset SCL) it is measured over each patch, as `patch_cloud` does for any. ``attribution`` is the catalogue's or its
    collections' field of that name (STAC's attribution extension), else the notice that the Copernicus licence asks
    for, with the years of the items.

    Raises `UserError` naming file and item for a catalogue that cannot be read, an item without time, place or any
    statement on the offset of its values, and an id that stands twice.
    """

    simulated = False

    def __init__(self, path: str | Path, *, product: str = "s2_l2a", offset: Silent = "metadata") -> None:
        self._product = product
        self._file, items, said = _open(Path(path))
        self._scenes: dict[str, Scene] = {}
        for item in items:
            if item.id in self._scenes:
                raise UserError(f"{self._file}: item {item.id} stands twice", "give every item an id of its own")
            self._scenes[item.id] = read_item(item, str(self._file), offset)
        if not self._scenes:
            raise UserError(f"{self._file}: the catalogue has no items", "add items, or give another folder")
        self._table = sorted(self._scenes.values(), key=lambda s: (s.time, s.scene_id))
        # Nanoseconds by force: indexes of other units compare wrong with Timestamp.value.
        self._times = pd.DatetimeIndex([s.time for s in self._table]).as_unit("ns").asi8
        self._tree = shapely.STRtree([s.footprint for s in self._table])
        self._cloud = lru_cache(maxsize=100_000)(self._measure_cloud)
        self._notes = Notes()
        self.measures_patch_cloud = any(s.scl is not None for s in self._table)
        self.attribution = "; ".join(dict.fromkeys(said)) or _notice(self._table)

    def search(self, sites: pd.DataFrame, intervals: pd.DataFrame, grids: list[PatchGrid]) -> pd.DataFrame:
        """Scenes whose footprint covers the whole patch inside the intervals; see `ImagerySource.search`."""
        wanted = spans(intervals)
        rows = []
        for site, grid in zip(sites.itertuples(index=False), grids, strict=True):
            near = self._near(site.lon, site.lat)
            covering: dict[int, bool] = {}
            for season, (first, after) in wanted.get(site.site_id, []):
                times = self._times[near]
                for i in near[(times >= first.as_unit("ns").value) & (times < after.as_unit("ns").value)]:
                    scene = self._table[i]
                    if i not in covering:
                        covering[i] = covers(scene.footprint, grid)
                    if covering[i]:
                        rows.append((site.site_id, season, scene.scene_id, scene.time, *self._cloud_of(scene, grid)))
        return candidates_table(rows)

    def patch_cloud(self, scene_id: str, grid: PatchGrid) -> float | None:
        """Cloud cover (percent) over a patch by the scene classification, None for a scene without one.

        Raises `SceneMissing` for an id that the catalogue has not, `UserError` for a file that cannot be read.
        """
        return self._cloud(scene_id, grid)

    def orbit(self, scene_id: str) -> str | None:
        """The direction of the orbit of a radar scene: ascending or descending; None where the item says nothing."""
        return self._scene(scene_id).orbit

    def read(self, scene_id: str, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
        """Pixels of a scene; see `ImagerySource.read`. Raises `SceneMissing` for an id that the catalogue has not."""
        try:
            return read_pixels(self._scene(scene_id), grid, bands, notes=self._notes)
        except Unreadable as error:
            raise self._damaged(error) from error

    def curves(self, sites: pd.DataFrame, years: tuple[int, int]) -> pd.DataFrame:
        """EVI of every scene at these sites, of surface reflectance alone; see `ImagerySource.curves`."""
        rows = []
        for site in sites.itertuples(index=False) if self._product == "s2_l2a" else ():
            near = self._near(site.lon, site.lat)
            scenes = [self._table[i] for i in near if years[0] <= self._table[i].time.year <= years[1]]
            try:
                rows += evi_series(site.site_id, site.lon, site.lat, scenes, notes=self._notes)
            except Unreadable as error:
                raise self._damaged(error) from error
        return curves_table(rows)

    def _near(self, lon: float, lat: float) -> np.ndarray:
        """Scenes whose bounding box holds a point, in order of time; footprints may count on beyond 180 degrees."""
        return np.unique(self._tree.query(shapely.points([lon - 360.0, lon, lon + 360.0], lat))[1])

    def _scene(self, scene_id: str) -> Scene:
        if scene_id not in self._scenes:
            raise SceneMissing(f"{scene_id} is not in {self._file}")
        return self._scenes[scene_id]

    def _cloud_of(self, scene: Scene, grid: PatchGrid) -> tuple[float | None, str]:
        if scene.cloud is None and scene.scl is not None:
            return self._cloud(scene.scene_id, grid), "patch"
        return scene.cloud, cloud_of(scene)

    def _measure_cloud(self, scene_id: str, grid: PatchGrid) -> float | None:
        try:
            return cloud_over(self._scene(scene_id), grid)
        except Unreadable as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Unreadable) -> UserError:
        what = "cannot be read" if Path(error.href).exists() else "does not exist"
        return UserError(
            f"{error.href}: this GeoTIFF, of item {error.scene_id} in {self._file}, {what} ({error.__cause__})",
            "fetch or make this file again, or take the item out",
        )


def _open(path: Path) -> tuple[Path, list[pystac.Item], list[str]]:
    """The catalogue's file, its items with absolute links, and what its attribution fields say."""
    if path.is_file():
        return path, *read_items(path)
    file = path / "catalog.json"
    if not file.is_file():
        raise UserError(
            f"imagery.path: {path}: no stac-geoparquet file, and there is no catalog.json in it",
            "give the folder of a STAC catalogue; `make real SAMPLES=<folder>` makes one from real samples",
        )
    try:
        catalogue = pystac.Catalog.from_file(str(file))
        items = list(catalogue.get_items(recursive=True))
        collections = list(catalogue.get_all_collections())
    except (pystac.STACError, OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: cannot be read as STAC ({error})", "mend or make the catalogue again") from error
    for item in items:
        item.make_asset_hrefs_absolute()
    fields = [c.extra_fields.get("attribution") for c in [catalogue, *collections]]
    return file, items, [said for said in fields if said]


def _notice(scenes: list[Scene]) -> str:
    """The notice of the Copernicus Sentinel data licence with the years of the scenes."""
    first, last = scenes[0].time.year, scenes[-1].time.year
    return f"Contains modified Copernicus Sentinel data {first if first == last else f'{first}-{last}'}"
