"""A local archive of GeoTIFFs as an image source: a STAC catalogue, or a stac-geoparquet index."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pystac
import shapely
from rasterio.errors import RasterioIOError

from greenup.bands import bands_at, measured_of, native_resolutions
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels, SceneMissing
from greenup.imagery.candidates import candidates_table, curves_table, spans
from greenup.imagery.geoparquet import read_items
from greenup.imagery.items import Scene, read_item
from greenup.imagery.notes import Notes
from greenup.imagery.offsets import Silent
from greenup.imagery.own_grid import Raster, is_resampled, nearest_window
from greenup.imagery.pixels import Unreadable, cloud_of, cloud_over, covers, evi_series, read_pixels


class ArchiveSource:
    """A folder with ``catalog.json``, or a stac-geoparquet file, and the GeoTIFFs that their items name.

    ``product``: what the bands are. ``offset``: see `greenup.imagery.offsets`. All items are read once, when the source
    is opened. Cloud cover is the item's ``eo:cloud_cover``; of an item without one that has a scene classification
    (asset SCL) it is measured over each patch, as `patch_cloud` does for any. ``attribution`` is the catalogue's or its
    collections' field of that name (STAC's attribution extension), else the notice that the Copernicus licence asks
    for, with the years of the items. Its images can be kept on their own grids (`greenup.imagery.base.OwnGrids`).

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
        # Headers are small, and a shard's scenes are read several times.
        self._raster = lru_cache(maxsize=100_000)(Raster.of)
        # Grids that `own_grid` has given: in UTM one may be taken for a grid centred on a site.
        self._own: set[tuple[str, PatchGrid]] = set()
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
        """Pixels of a scene; see `ImagerySource.read`. Raises `SceneMissing` for an id that the catalogue has not.

        On a grid that `own_grid` has given for this scene, or that cannot be centred on a site (`PatchGrid.is_own`),
        they are the image's own, not resampled: all at 10 m where `is_resampled` says so. Raises `UserError` where the
        scene's bands are not as those of the first scene, or not on this grid.
        """
        scene = self._scene(scene_id)
        try:
            if not grid.is_own and (scene_id, grid) not in self._own:
                return read_pixels(scene, grid, bands, notes=self._notes)
            at_10 = self.is_resampled(bands)
            if self._is_resampled(scene, bands) != at_10:
                first = self._table[0].scene_id
                how = ("all at 10 m", "at their native resolutions")
                raise UserError(
                    f"{self._file}: the bands of scene {first} lie {how[not at_10]}, those of {scene_id} {how[at_10]}",
                    "make two catalogues of them, or write patches: {grid: site}",
                )
            own = {10: bands} if at_10 else {m: bands_at(bands, m) for m in native_resolutions(bands)}
            return read_pixels(scene, grid, bands, notes=self._notes, own=own)
        except Unreadable as error:
            raise self._damaged(error) from error

    def own_grid(self, scene_id: str, lon: float, lat: float, size_px: int) -> PatchGrid:
        """The window of an image's own 10 m pixels nearest to a place; see `OwnGrids`.

        Its corner is one of the coarser pixels of the image too, so that those are cut out whole. Raises `SceneMissing`
        for an id that the catalogue has not, `UserError` naming the scene and the sizes where the image is too small.
        """
        scene = self._scene(scene_id)
        try:
            # Bands in registry order, those that an instrument measured before the masks.
            hrefs = dict.fromkeys(scene.bands[b].href for b in (*measured_of(tuple(scene.bands)), *scene.bands))
            rasters = [self._header(scene, href) for href in hrefs]
        except Unreadable as error:
            raise self._damaged(error) from error
        grid = nearest_window(rasters, lon, lat, size_px, f"{self._file}: scene {scene_id}")
        self._own.add((scene_id, grid))
        return grid

    def is_resampled(self, bands: tuple[str, ...]) -> bool:
        """Whether bands that come at 20 or 60 m lie at 10 m in these files, by the headers of the first scene's, which
        every scene that is read is held against; see `OwnGrids`."""
        try:
            return self._is_resampled(self._table[0], bands)
        except Unreadable as error:
            raise self._damaged(error) from error

    def _is_resampled(self, scene: Scene, bands: tuple[str, ...]) -> bool:
        rasters = {name: self._header(scene, file.href) for name, file in scene.files(bands).items()}
        return is_resampled(rasters, f"{self._file}: scene {scene.scene_id}")

    def _header(self, scene: Scene, href: str) -> Raster:
        try:
            return self._raster(href)
        except RasterioIOError as error:
            raise Unreadable(href, scene.scene_id) from error

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
