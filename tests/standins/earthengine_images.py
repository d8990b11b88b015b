"""Images and collections of the Earth Engine stand-in: what the functions of the language do to them.

An image is a mapping of band names to `Band`, evaluated only when pixels are asked for. Nearest neighbour and pixels on
the image's own grid are plain indexing; all else is interpolated pixel by pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from shapely import affinity
from shapely.geometry import Polygon


class Refused(Exception):
    """An error of the request itself: status 400."""


@dataclass(frozen=True)
class Scene:
    """An image asset. ``bands``: name -> (values, pixel size in m); ``mask``: name -> bool, False is masked."""

    index: str
    time: datetime
    cloud: float | None
    footprint: Polygon
    epsg: int
    west: float
    north: float
    bands: dict[str, tuple[np.ndarray, int]]
    mask: dict[str, np.ndarray] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, object]:
        milliseconds = int(self.time.replace(tzinfo=UTC).timestamp() * 1000)
        all_of_them = {
            "system:index": self.index,
            "system:time_start": milliseconds,
            "CLOUDY_PIXEL_PERCENTAGE": self.cloud,
            **self.more,
        }
        return {k: v for k, v in all_of_them.items() if v is not None}


def scene_of_files(index: str, time: datetime, footprint: Polygon, files: dict[str, Path], cloud: float = 1.0) -> Scene:
    """A scene of single-band GeoTIFFs that share their upper-left corner; their nodata value is masked."""
    bands, masks = {}, {}
    for name, path in files.items():
        with rasterio.open(path) as file:
            bands[name] = file.read(1), round(file.transform.a)
            masks[name] = file.read_masks(1) > 0
            epsg, west, north = file.crs.to_epsg(), file.transform.c, file.transform.f
    return Scene(index, time, cloud, footprint, epsg, west, north, bands, masks)


@dataclass(frozen=True)
class Band:
    """One band of an expression. ``steps``: what is computed of its values, in order; ``pinned``: the grid (EPSG,
    transform) that it is computed on whatever grid is asked for; ``unmasked``: what stands for masked pixels."""

    scene: Scene
    name: str
    resampling: Resampling = Resampling.nearest
    steps: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    pinned: tuple[int, Affine] | None = None
    unmasked: float | None = None

    def read(self, epsg: int, grid: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Values (masked ones 0, or what stands for them) and where there are any."""
        if self.pinned and self.pinned != (epsg, grid):
            own = self.pinned[1]
            assert self.pinned[0] == epsg, "stand-in: a band pinned in another projection"
            rows, columns = _nearest(own, grid, shape)
            size = (int(rows.max()) + 1, int(columns.max()) + 1)
            values, seen = self._computed(epsg, own, size)
            values, seen = values[rows[:, None], columns], seen[rows[:, None], columns]
        else:
            values, seen = self._computed(epsg, grid, shape)
        if seen.all():
            return values, seen
        # In the band's own type, where a value that it cannot hold is another one.
        blank = np.asarray(0 if self.unmasked is None else self.unmasked).astype(values.dtype)
        return np.where(seen, values, blank), seen

    def _computed(self, epsg: int, grid: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        values, seen = self._warped(epsg, grid, shape)
        for step in self.steps:
            values = step(values)
        return values, seen

    def _warped(self, epsg: int, grid: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        stored, size = self.scene.bands[self.name]
        own = Affine(size, 0, self.scene.west, 0, -size, self.scene.north)
        mask = self.scene.mask.get(self.name)
        if epsg == self.scene.epsg and (self.resampling == Resampling.nearest or _aligned(own, grid)):
            rows, columns = _nearest(own, grid, shape)
            inside = ((rows >= 0) & (rows < stored.shape[0]))[:, None] & ((columns >= 0) & (columns < stored.shape[1]))
            at = np.clip(rows, 0, stored.shape[0] - 1)[:, None], np.clip(columns, 0, stored.shape[1] - 1)
            return stored[at], inside if mask is None else inside & mask[at]
        return self._interpolated(stored, mask, own, epsg, grid, shape)

    def _interpolated(
        self, stored: np.ndarray, mask: np.ndarray | None, own: Affine, epsg: int, grid: Affine, shape: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pixel by pixel, without the shortcuts of a warper, so that no pixel depends on the extent asked for."""
        x, y = np.meshgrid(grid.c + (np.arange(shape[1]) + 0.5) * grid.a, grid.f + (np.arange(shape[0]) + 0.5) * grid.e)
        if epsg != self.scene.epsg:
            x, y = Transformer.from_crs(epsg, self.scene.epsg, always_xy=True).transform(x, y)
        row, column = (y - own.f) / own.e - 0.5, (x - own.c) / own.a - 0.5
        near = np.rint(row).astype(int), np.rint(column).astype(int)
        inside = (near[0] >= 0) & (near[0] < stored.shape[0]) & (near[1] >= 0) & (near[1] < stored.shape[1])
        at = np.clip(near[0], 0, stored.shape[0] - 1), np.clip(near[1], 0, stored.shape[1] - 1)
        seen = inside if mask is None else inside & mask[at]
        if self.resampling == Resampling.nearest:
            return stored[at], seen
        assert self.resampling == Resampling.bilinear
        low, left = np.floor(row).astype(int), np.floor(column).astype(int)
        total, weights = np.zeros(shape), np.zeros(shape)
        for r, c in ((low, left), (low, left + 1), (low + 1, left), (low + 1, left + 1)):
            weight = (1 - np.abs(row - r)) * (1 - np.abs(column - c))
            at = np.clip(r, 0, stored.shape[0] - 1), np.clip(c, 0, stored.shape[1] - 1)
            weight = weight * ((r == at[0]) & (c == at[1]) & (True if mask is None else mask[at]))
            total, weights = total + weight * stored[at], weights + weight
        return np.divide(total, weights, out=np.zeros(shape), where=weights > 0), seen & (weights > 0)


def _nearest(own: Affine, grid: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of ``own`` that hold the pixel centres of ``grid``."""
    x = grid.c + (np.arange(shape[1]) + 0.5) * grid.a
    y = grid.f + (np.arange(shape[0]) + 0.5) * grid.e
    return np.floor((y - own.f) / own.e).astype(int), np.floor((x - own.c) / own.a).astype(int)


def _aligned(own: Affine, grid: Affine) -> bool:
    shift = (grid.c - own.c) / own.a, (grid.f - own.f) / own.e
    return (own.a, own.e) == (grid.a, grid.e) and all(math.isclose(s, round(s)) for s in shift)


class Image(dict):
    """Bands by name, in order. ``scene``: the asset whose properties it has."""

    def __init__(self, bands: Mapping[str, Band], scene: Scene | None = None) -> None:
        super().__init__(bands)
        self.scene = scene

    @classmethod
    def of(cls, scene: Scene) -> Image:
        return cls({name: Band(scene, name) for name in scene.bands}, scene)

    def each(self, **changes: object) -> Image:
        return Image({name: replace(band, **changes) for name, band in self.items()}, self.scene)

    def step(self, function: Callable[[np.ndarray], np.ndarray]) -> Image:
        return Image({n: replace(b, steps=(*b.steps, function)) for n, b in self.items()}, self.scene)

    def select(self, selectors: list[str], new: list[str] | None = None) -> Image:
        for name in selectors:
            if name not in self:
                raise Refused(f"Image.select: Band pattern '{name}' did not match any bands. Available: {list(self)}")
        return Image({n: self[s] for s, n in zip(selectors, new or selectors, strict=True)}, self.scene)

    def rename(self, names: list[str]) -> Image:
        return Image(dict(zip(names, self.values(), strict=True)), self.scene)

    def add_bands(self, other: Image) -> Image:
        """As the service does, a name that is taken gets a number."""
        bands = dict(self)
        for name, band in other.items():
            free, k = name, 0
            while free in bands:
                k += 1
                free = f"{name}_{k}"
            bands[free] = band
        return Image(bands, self.scene)

    def linked(self, collection: list[Scene], bands: list[str]) -> Image:
        """Bands of the image of the same index; wholly masked where there is none."""
        match = next((s for s in collection if s.index == self.scene.index), None)
        if match is not None:
            return self.add_bands(Image.of(match).select(bands))
        blank = np.zeros((1, 1)), 10
        none = replace(self.scene, bands=dict.fromkeys(bands, blank), mask=dict.fromkeys(bands, np.zeros((1, 1), bool)))
        return self.add_bands(Image.of(none))

    def sample_rectangle(self, region: Polygon, default: float | None) -> dict[str, list]:
        """Pixels under a rectangle as lists, each band at its own resolution."""
        west, south, east, north = region.bounds
        out = {}
        for name, band in self.items():
            size = band.scene.bands[band.name][1]
            grid = Affine(size, 0, west, 0, -size, north)
            shape = round((north - south) / size), round((east - west) / size)
            out[name] = replace(band, unmasked=default).read(band.scene.epsg, grid, shape)[0].tolist()
        return out


def table() -> dict[str, Callable[..., object]]:
    """The functions of the language that need no collection of their own."""
    return {
        "Collection.filter": lambda collection, filter: [s for s in collection if filter(s)],
        "Collection.limit": lambda collection, limit, key=None, ascending=True: sorted(
            collection, key=lambda s: s.properties.get(key, math.inf), reverse=not ascending
        )[:limit],
        "Collection.first": lambda collection: Image.of(collection[0]) if collection else None,
        "Filter.intersects": lambda leftField, rightValue, **_: lambda s: _around(s, rightValue, Polygon.intersects),
        "Filter.contains": lambda leftField, rightValue, **_: lambda s: _around(s, rightValue, Polygon.contains),
        "Filter.or": lambda filters: lambda s: any(f(s) for f in filters),
        "Filter.and": lambda filters: lambda s: all(f(s) for f in filters),
        "Filter.equals": lambda leftField, rightValue: lambda s: s.properties.get(leftField) == rightValue,
        "Filter.listContains": lambda leftField, rightValue: lambda s: rightValue in s.properties.get(leftField, []),
        "Filter.dateRangeContains": lambda leftValue, rightField: (
            lambda s: leftValue[0] <= s.time.replace(tzinfo=UTC) < leftValue[1]
        ),
        "DateRange": lambda start, end: (datetime.fromisoformat(start), datetime.fromisoformat(end)),
        "GeometryConstructors.Polygon": lambda coordinates, **_: Polygon(coordinates[0]),
        "ErrorMargin": lambda value, unit="meters": value,
        "Feature": lambda geometry, **_: geometry,
        "Reducer.toList": lambda tupleSize, numOptional=0: numOptional,
        "Collection.reduceColumns": _to_list,
        "Dictionary.get": lambda dictionary, key, **_: dictionary[key],
        "Element.propertyNames": lambda element: list(element.scene.properties),
        "Element.get": lambda object, property: object.scene.properties.get(property),
        "Image.constant": lambda value: value,
        "Image.select": lambda input, bandSelectors, newNames=None: input.select(bandSelectors, newNames),
        "Image.rename": lambda input, names: input.rename(names),
        "Image.addBands": lambda dstImg, srcImg, **_: dstImg.add_bands(srcImg),
        "Image.linkCollection": lambda input, imageCollection, linkedBands: input.linked(imageCollection, linkedBands),
        "Image.resample": lambda image, mode="bilinear": image.each(resampling=Resampling[mode]),
        "Image.reproject": lambda image, crs, crsTransform: image.each(
            pinned=(int(str(crs).split(":")[1]), Affine(*crsTransform))
        ),
        "Projection": lambda crs, **_: crs,
        "Image.subtract": lambda image1, image2: image1.step(lambda v: v.astype(float) - image2),
        "Image.add": lambda image1, image2: image1.step(lambda v: v.astype(float) + image2),
        "Image.multiply": lambda image1, image2: image1.step(lambda v: v.astype(float) * image2),
        "Image.clamp": lambda input, low, high: input.step(lambda v: v.clip(low, high)),
        # Half away from zero, as Java's and C's round.
        "Image.round": lambda value: value.step(lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5)),
        "Image.unmask": lambda input, value, sameFootprint=True: input.each(unmasked=value),
        # A cast cuts decimals off.
        "Image.toUint16": lambda value: value.step(_uint16),
        "Image.sampleRectangle": lambda image, region, defaultValue=None, **_: {
            "type": "Feature",
            "geometry": None,
            "properties": image.sample_rectangle(region, defaultValue),
        },
    }


def _uint16(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint16 else np.trunc(values).clip(0, 65_535).astype(np.uint16)


def _around(scene: Scene, place: Polygon, holds: Callable[[Polygon, Polygon], bool]) -> bool:
    """Longitudes 360 degrees apart are the same place."""
    return any(holds(scene.footprint, affinity.translate(place, turn)) for turn in (0, -360, 360))


def _to_list(collection: list[Scene], reducer: int, selectors: list[str]) -> dict[str, list]:
    """As the service does, rows whose non-optional columns are missing are dropped whole."""
    rows = [[s.properties.get(name) for name in selectors] for s in collection]
    needed = len(selectors) - reducer
    return {"list": [r for r in rows if all(v is not None for v in r[:needed])]}
