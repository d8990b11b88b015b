"""Strata of the land, and places drawn in each, uniform by area.

Two kinds: the polygons of a layer of ecoregions, and the packaged approximation, which answers only what a place
belongs to. Both offer candidates from boxes that a stratum touches and then say which lie in it, so a stratum of a few
square kilometres costs no more draws a site than a large one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import shapely
from numpy.typing import NDArray

from greenup.config.sites import Region
from greenup.randomness import generator
from greenup.sites.boxes import Boxes, boxes_of
from greenup.sites.draw import Bools, Floats
from greenup.sites.ecoregions import ecoregions_at, read_ecoregions
from greenup.sites.land import on_land
from greenup.sites.polygons import read_polygons, which
from greenup.sites.region import bounds_of, in_region
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM

Ints = NDArray[np.int64]

_PATIENCE = 100_000
"""Candidates in a row outside a stratum after which it is said to hold no further place."""

_SURPLUS = 1.25
"""Candidates drawn beyond those expected to suffice; no result depends on it."""

_ISLET_KM2, _ISLET_PLACES = 2000.0, 500
"""Strata below this area are asked for land at so many places."""

_PILOT, _PILOT_PER_SITE = 200_000, 16
"""Places by which the packaged strata are found and measured: at least, and for each site wanted."""

_PILOT_PER_BOX = 64


class Strata(ABC):
    """Strata in alphabetical order, and an endless sequence of candidates for each.

    ``names``; ``area_km2``: land area inside the region (n,); ``share``: the share of candidates that will be accepted,
    about (n,); ``first``: for each stratum, places (2, m) that begin its sequence.
    """

    names: tuple[str, ...]
    area_km2: Floats
    share: Floats
    first: list[Floats]

    @abstractmethod
    def draw(self, stratum: int, rng: np.random.Generator, n: int) -> Floats:
        """The next candidates of a stratum, ``n`` or fewer: longitudes and latitudes (2, n), degrees.

        Drawn at once or one by one they are the same.
        """

    @abstractmethod
    def accept(self, lon: Floats, lat: Floats, stratum: Ints) -> Bools:
        """Which candidates lie in their stratum, in the region and on land."""


class PolygonStrata(Strata):
    """The ecoregions or biomes of a layer of polygons.

    Areas are those of the polygons inside the region, exact on the sphere for edges straight in degrees. A place is on
    land where both the polygons and the source of land say so; ``islets`` are small strata in which the source of land
    knows none (RESOLVE's smallest lie below the packaged mask's resolution), and there the polygons alone count. Where
    polygons overlap a place belongs to the first, as everywhere in `greenup.sites`.
    """

    def __init__(self, by: str, region: Region | None, data: SiteData, *, seed: int, name: str) -> None:
        layer = read_ecoregions(data.ecoregions)
        self._region, self._data, self._geometries = region, data, layer.geometry.to_numpy()
        label = layer[by]
        self.all_names = tuple(sorted(label.dropna().unique()))
        number = {n: i for i, n in enumerate(self.all_names)}
        of_polygon = np.array([number.get(n, -1) for n in label], dtype=np.int64)

        parts, polygon = shapely.get_parts(_clipped(self._geometries, region), return_index=True)
        stratum = of_polygon[polygon]
        part_km2 = area_km2(parts)
        wanted = (stratum >= 0) & (part_km2 > 0)
        parts, stratum, part_km2 = parts[wanted], stratum[wanted], part_km2[wanted]
        # Strata outside the region are left out, and the others numbered anew.
        there, stratum = np.unique(stratum, return_inverse=True)
        self.names = tuple(self.all_names[i] for i in there)
        renumbered = np.full(len(self.all_names) + 1, -1)
        renumbered[there] = np.arange(len(there))
        self._of_polygon = renumbered[of_polygon]

        order = np.argsort(stratum, kind="stable")
        first = np.searchsorted(stratum[order], np.arange(1, len(there)))
        self._boxes = [Boxes(b) for b in np.split(shapely.bounds(parts[order]), first)] if len(there) else []
        self.area_km2 = np.bincount(stratum, part_km2, minlength=len(there))
        self.share = self.area_km2 / [b.area_km2 for b in self._boxes]
        self.first = [np.empty((2, 0))] * len(there)
        self.islets = self._without_land(seed, name)

    def draw(self, stratum: int, rng: np.random.Generator, n: int) -> Floats:
        return self._boxes[stratum].draw(rng, n)

    def accept(self, lon: Floats, lat: Floats, stratum: Ints) -> Bools:
        ok = self._inside(lon, lat, stratum)
        ok[ok] = self.islets[stratum[ok]] | on_land(lon[ok], lat[ok], self._data)
        return ok

    def _inside(self, lon: Floats, lat: Floats, stratum: Ints) -> Bools:
        polygon = which(lon, lat, self._geometries)
        ok = (polygon >= 0) & (self._of_polygon[polygon] == stratum)
        ok[ok] = in_region(lon[ok], lat[ok], self._region)
        return ok

    def _without_land(self, seed: int, name: str) -> Bools:
        small = np.flatnonzero(self.area_km2 < _ISLET_KM2)
        without = np.zeros(len(self.names), dtype=bool)
        if not len(small):
            return without
        number = np.ceil(_ISLET_PLACES / self.share[small]).astype(np.int64)
        drawn = [
            self.draw(k, generator(seed, "ecoregion islets", name, self.names[k]), n)
            for k, n in zip(small, number, strict=True)
        ]
        (lon, lat), stratum = np.concatenate(drawn, axis=1), np.repeat(small, [d.shape[1] for d in drawn])
        ok = self._inside(lon, lat, stratum)
        land = on_land(lon[ok], lat[ok], self._data)
        without[small] = np.bincount(stratum[ok], land, minlength=len(self.names))[small] == 0
        return without


class PackagedStrata(Strata):
    """The ecoregions or biomes that the packaged data approximate, known only place by place.

    A pilot of places uniform over the region finds the strata, measures their areas (so areas carry the sampling error
    of the pilot), and begins their sequences. Further candidates come from the equal-area boxes in which the pilot met
    the stratum: pieces of a stratum too small to be met, in boxes (about 90 km wide at full size) where it was not met
    either, are not seen.
    """

    def __init__(self, by: str, region: Region | None, data: SiteData, *, seed: int, name: str, count: int) -> None:
        self._by, self._region, self._data = by, region, data
        places, drawn_in = max(_PILOT, _PILOT_PER_SITE * count), boxes_of(region)
        lon, lat = drawn_in.draw(generator(seed, "ecoregion pilot", name), places)
        labels, ok = self._labels(lon, lat)
        lon, lat = lon[ok], lat[ok]
        names, stratum = np.unique(labels.astype(str), return_inverse=True)
        self.names = tuple(names.tolist())

        met, per_place = np.bincount(stratum, minlength=len(names)), drawn_in.area_km2 / places
        self.area_km2 = per_place * met
        # Boxes about square on the equator, of equal area anywhere.
        west, south, east, north = bounds_of(region)
        low, high = np.sin(np.radians([south, north]))
        side = np.sqrt(_PILOT_PER_BOX * per_place) / EARTH_KM
        across, up = max(1, round(np.radians(east - west) / side)), max(1, round((high - low) / side))
        wide, tall = (east - west) / across, (high - low) / up
        column = np.clip(((lon - west) / wide).astype(np.int64), 0, across - 1)
        row = np.clip(((np.sin(np.radians(lat)) - low) / tall).astype(np.int64), 0, up - 1)
        order = np.argsort(stratum, kind="stable")
        split = np.cumsum(met)[:-1]
        self.first = np.split(np.stack([lon, lat])[:, order], split, axis=1)
        self._boxes = []
        for cells in np.split((row * across + column)[order], split):
            row, column = np.divmod(np.unique(cells), across)
            edges = np.clip(low + tall * np.stack([row, row + 1]), -1.0, 1.0)
            south, north = np.degrees(np.arcsin(edges))
            bounds = np.stack([west + wide * column, south, west + wide * (column + 1), north], axis=1)
            self._boxes.append(Boxes(bounds, disjoint=True))
        self.share = np.minimum(self.area_km2 / [b.area_km2 for b in self._boxes], 1.0)

    def draw(self, stratum: int, rng: np.random.Generator, n: int) -> Floats:
        return self._boxes[stratum].draw(rng, n)

    def accept(self, lon: Floats, lat: Floats, stratum: Ints) -> Bools:
        labels, ok = self._labels(lon, lat)
        ok[ok] = labels == np.array(self.names, dtype=object)[stratum[ok]]
        return ok

    def _labels(self, lon: Floats, lat: Floats) -> tuple[NDArray[np.object_], Bools]:
        """The labels of the places that are on land, in the region and have one; and which those are."""
        ok = in_region(lon, lat, self._region)
        ok[ok] = on_land(lon[ok], lat[ok], self._data)
        labels = ecoregions_at(lon[ok], lat[ok], self._data)[self._by]
        known = labels.notna().to_numpy()
        ok[ok] = known
        return labels.to_numpy(dtype=object)[known], ok


class Places:
    """The places of strata, in order, however many are taken at a time."""

    def __init__(self, strata: Strata, *, seed: int, name: str) -> None:
        self._strata = strata
        self._rng = [generator(seed, "ecoregion", name, stratum) for stratum in strata.names]
        self._ready = list(strata.first)
        self._run = np.zeros(len(strata.names), dtype=np.int64)
        self._share = strata.share.copy()

    @property
    def exhausted(self) -> Bools:
        """Strata whose sequence has ended."""
        return self._run >= _PATIENCE

    def take(self, wanted: Ints, order: Ints) -> tuple[Floats, Floats, Ints]:
        """The next ``wanted`` (n strata,) places of every stratum: lon, lat, stratum, the strata as in ``order``.

        Fewer come from strata that are exhausted.
        """
        self._refill(wanted)
        taken = [self._ready[k][:, : wanted[k]] for k in order]
        for k in np.flatnonzero(wanted):
            self._ready[k] = self._ready[k][:, wanted[k] :]
        lon, lat = np.concatenate(taken, axis=1)
        return lon, lat, np.repeat(order, [t.shape[1] for t in taken])

    def _refill(self, wanted: Ints) -> None:
        while True:
            lacking = np.maximum(wanted - [r.shape[1] for r in self._ready], 0)
            short = np.flatnonzero((lacking > 0) & ~self.exhausted)
            if not len(short):
                return
            number = np.ceil(_SURPLUS * lacking[short] / np.maximum(self._share[short], 1e-3)).astype(np.int64) + 8
            # Never beyond the candidate that would exhaust a stratum, so that steps do not matter.
            number = np.minimum(number, _PATIENCE - self._run[short])
            drawn = [self._strata.draw(k, self._rng[k], n) for k, n in zip(short, number, strict=True)]
            drawn_of = np.array([d.shape[1] for d in drawn])
            (lon, lat), stratum = np.concatenate(drawn, axis=1), np.repeat(short, drawn_of)
            ok = np.split(self._strata.accept(lon, lat, stratum), np.cumsum(drawn_of)[:-1])
            for k, n, places, good in zip(short, number, drawn, ok, strict=True):
                at = np.flatnonzero(good)
                self._run[k] = len(good) - 1 - at[-1] if len(at) else self._run[k] + len(good)
                self._ready[k] = np.concatenate([self._ready[k], places[:, at]], axis=1)
                self._share[k] = (self._share[k] + len(at) / n) / 2


def area_km2(polygons: NDArray[np.object_]) -> Floats:
    """Areas (km2) on the sphere of polygons (n,) in degrees without parts, edges straight in longitude and latitude.

    Exact: the integral of sin(lat) over longitude along every edge in closed form (Stokes).
    """
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    degrees, ring = shapely.get_coordinates(rings, return_index=True)
    lon, lat = np.radians(degrees).T
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    half = (lat[edge + 1] - lat[edge]) / 2
    strip = (lon[edge + 1] - lon[edge]) * np.sin(lat[edge] + half) * np.sinc(half / np.pi)
    area = np.abs(np.bincount(ring[edge], strip, minlength=len(rings)))
    # A polygon's first ring is its shell, the others are holes.
    shell = np.ones(len(rings), dtype=bool)
    shell[1:] = polygon[1:] != polygon[:-1]
    return EARTH_KM**2 * np.bincount(polygon, np.where(shell, area, -area), minlength=len(polygons))


def _clipped(geometries: NDArray[np.object_], region: Region | None) -> NDArray[np.object_]:
    """What of polygons lies in the region; lines and points where they only touch are dropped."""
    if region is None:
        return geometries
    if isinstance(region, str):
        inside = shapely.union_all(read_polygons(region, "region").geometry.to_numpy())
    else:
        inside = shapely.box(*region)
    shapely.prepare(inside)
    out = np.full(len(geometries), shapely.Polygon(), dtype=object)
    meet = np.flatnonzero(shapely.intersects(inside, geometries))
    out[meet] = shapely.intersection(inside, geometries[meet])
    for i in meet[shapely.get_type_id(out[meet]) == shapely.GeometryType.GEOMETRYCOLLECTION]:
        parts = shapely.get_parts(shapely.get_parts(out[i]))
        out[i] = shapely.multipolygons(parts[shapely.get_dimensions(parts) == 2])
    out[shapely.get_dimensions(out) < 2] = shapely.Polygon()
    return out
