"""A patch of ground before any date: what covers each pixel, how densely, its relief, its fields.

Each cover type gets a score a pixel: the logarithm of its share at the place, patchy noise of a grain that belongs to
the climate, and a leaning to valleys or crests; the type with the highest score takes the pixel, softly. On top lie
patterns of their own kind: crowns, scattered trees, clearings, fields, streets, dunes, polygons of permafrost,
channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenup.grids import PatchGrid
from greenup.imagery.miniature import land as lands
from greenup.imagery.miniature import parcels, plants
from greenup.imagery.miniature.land import ARID, POLAR, Land
from greenup.imagery.miniature.noise import Array, Window, key
from greenup.imagery.miniature.sky import lon_lat

COARSEST_NATIVE_PX = 6  # B1 and B9 have pixels of 60 m; patches are drawn on whole ones


@dataclass(frozen=True)
class Ground:
    """Arrays are (rows, cols) float32 at 10 m unless said otherwise; ``nodes`` are the places around the patch."""

    window: Window
    nodes: Land
    cover: dict[int, Array]
    """Cover type -> share of the pixel."""
    dense: dict[int, Array]
    """Cover type -> share of it that its plants hide when green."""
    phase: Array
    """0..1: from early to late within the place's season."""
    crop_kind: NDArray[np.uint8] | None
    """0 winter crop, 1 summer crop, 2 ley."""
    crop_phase: Array | None
    slope_east: Array
    slope_south: Array
    """Rise per metre."""
    crown: Array
    """Shade between crowns, 0..1."""
    soil: Array
    """Brightness of soil about 1."""
    stone: Array
    """Share of the soil that is bare rock."""
    built: Array | None
    snow: Array
    """How early snow comes and how long it stays, about 0."""


def window_of(grid: PatchGrid) -> Window:
    """The 10 m pixels of a grid, filled up to whole 60 m pixels."""
    px = -(-grid.size_px // COARSEST_NATIVE_PX) * COARSEST_NATIVE_PX
    return Window(grid.epsg, int(grid.west // 10), int(-grid.north // 10), px, px)


def build(seed: int, grid: PatchGrid) -> Ground:
    """The ground of a grid."""
    window = window_of(grid)
    east, north = window.nodes()
    middles = parcels.block_middles(window, parcels.PARCEL_BLOCK)
    places = lands.describe(seed, *lon_lat(grid.epsg, np.r_[east, middles[:, 0]], np.r_[north, middles[:, 1]]))
    nodes = plants.take(places, np.arange(len(east)))
    block = plants.take(places, np.arange(len(east), len(places.lon)))
    return _Builder(seed, window, nodes, block).build()


class _Builder:
    """The steps of `build`; each reads what the ones before it left."""

    def __init__(self, seed: int, window: Window, nodes: Land, block: Land) -> None:
        self.seed, self.window, self.nodes, self.block = seed, window, nodes, block
        self.active = [k for k in range(len(lands.COVERS)) if nodes.cover[:, k].any()]
        self.flat = np.zeros((window.rows, window.cols), np.float32)

    def build(self) -> Ground:
        self._relief()
        self._patterns()
        self._allot()
        self._plots()
        self._scatter_trees()
        self._dunes()
        self._channels()
        if lands.WATER in self.cover:
            dry = np.float32(1.0) - self.cover[lands.WATER]
            self.slope_east, self.slope_south = self.slope_east * dry, self.slope_south * dry
        dense = self._density()
        return Ground(
            self.window, self.nodes, self.cover, dense, self._phase(), self.crop_kind, self.crop_phase, self.slope_east,
            self.slope_south, self._crowns(), self._soil(), self._stone(), self.built, self._snow(),
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------------- helpers
    def _key(self, name: str) -> int:
        return key(self.seed, name)

    def _by_zone(self, *values: float) -> NDArray:
        return np.array(values)[self.nodes.zone]

    def _noise(self, name: str, levels: tuple[int, int], centre: NDArray | float, spread: float = 1.0) -> Array:
        """Octaves weighed around the level ``centre``, standard deviation about 1."""
        weights = {lv: np.exp(-0.5 * ((lv - centre) / spread) ** 2) for lv in range(levels[0], levels[1] - 1, -1)}
        # An octave of doubled uniform noise keeps 0.55^2 of the variance of uniform numbers, which is 1/3.
        size = np.sqrt(sum(w**2 for w in weights.values())) * 0.577 * 0.55
        return self.window.fractal(self._key(name), levels, lambda lv: np.asarray(weights[lv] / size) + 0.0)

    def _spread(self, values: NDArray) -> Array:
        return self.window.spread(values)

    # ----------------------------------------------------------------------------------------------------- steps
    def _relief(self) -> None:
        """Valleys are the zero lines of one noise; their spacing belongs to the climate, their depth to the relief."""
        n, wide = self.nodes, self.window.grown(1)
        spacing = self._by_zone(4.7, 6.6, 6.1, 5.4, 4.7) - 0.35 * n.rugged
        inner, self.window = self.window, wide
        lines = self._noise("valleys", (7, 2), spacing, 0.75)
        broad = self._noise("broad", (9, 6), 8.0)
        # Metres; ice fills the valleys.
        plain = self._by_zone(14.0, 6.0, 7.0, 8.0, 12.0)
        depth = self._spread((plain + 150.0 * n.rugged**1.7) * (1.0 - 0.85 * n.cover[:, lands.ICE]))
        self.window = inner
        height = depth * (np.abs(lines) + 1.5 * broad)
        self.slope_east = (height[1:-1, 2:] - height[1:-1, :-2]) / np.float32(20.0)
        self.slope_south = (height[2:, 1:-1] - height[:-2, 1:-1]) / np.float32(20.0)
        self.lines = np.ascontiguousarray(lines[1:-1, 1:-1])
        self.valley = np.float32(0.8) - np.abs(self.lines)
        self.bed = np.exp(-((self.lines / self._spread(self._by_zone(0.055, 0.07, 0.04, 0.05, 0.05))) ** 2))

    def _patterns(self) -> None:
        """Noise that several steps share, and polygons where the ground is frozen."""
        n = self.nodes
        self.fine = self._noise("fine", (3, 0), 0.6, 1.0)
        self.frozen = 1.0 / (1.0 + np.exp(np.clip((n.temperature + 4.5) / 1.2, -30, 30))) * (1.0 - 0.7 * n.rugged)
        self.polygons = self.flat
        if (self.frozen > 0.05).any():
            net = self._noise("polygons", (4, 1), 2.2, 0.7)
            self.polygons = self._spread(self.frozen) * np.exp(-((net / np.float32(0.35)) ** 2))

    def _allot(self) -> None:
        n = self.nodes
        grain = self._by_zone(3.8, 4.5, 5.7, 5.0, 4.2) + 0.5 * n.grain
        dry = np.clip(1.2 - n.wetness, 0.0, 1.0)
        high = n.rugged
        leaning = {
            lands.NEEDLE: 0.9 * dry - 0.3 * high, lands.EVERGREEN: 1.3 * dry, lands.DECIDUOUS: 1.2 * dry + 0.4 * high,
            lands.LARCH: -0.5 * self.frozen, lands.SHRUB: 0.6 * dry, lands.GRASS: 0.0 * dry, lands.CROP: 0.8 * high,
            lands.BARE: -0.7 * high - 0.4 * dry, lands.URBAN: 0.3 * high, lands.WATER: 1.6 + 0.0 * dry,
            lands.WETLAND: 1.4 + 0.0 * dry, lands.ICE: -0.8 * high,
        }  # fmt: skip
        scores = {}
        for k in self.active:
            patch = self._noise(f"patch {lands.COVERS[k]}", (7, 1), grain, 1.0)
            share = self._spread(np.log(n.cover[:, k] + 3e-3))
            scores[k] = share + np.float32(1.1) * patch + self._spread(leaning[k]) * self.valley
        top = np.maximum.reduce(list(scores.values()))
        # Steep enough for borders of a few pixels.
        soft = {k: np.exp((s - top) * np.float32(10.0)) for k, s in scores.items()}
        total = sum(soft.values())
        self.cover = {k: s / total for k, s in soft.items()}

    def _take(self, from_: tuple[int, ...], to: int, share: Array) -> None:
        """Move a share of some cover types to another one."""
        taken = self.flat
        for k in from_:
            if k in self.cover and k != to:
                part = self.cover[k] * share
                self.cover[k] = self.cover[k] - part
                taken = taken + part
        self.cover[to] = self.cover.get(to, self.flat) + taken

    def _plots(self) -> None:
        """Fields, their hedges and tracks; streets; clearings of managed forest."""
        n = self.nodes
        self.crop_kind = self.crop_phase = self.built = None
        self.plot_light = None
        forestry = (n.managed & (n.cover[:, lands.TREES].sum(axis=1) > 0.25)).astype(float)
        has_crop = lands.CROP in self.active
        if has_crop or forestry.any():
            plots = parcels.parcels(self.seed, self.window, self.block)
            self.plot_light = plots.draw(3)
            if forestry.any():
                cut = (plots.draw(1) < 0.16).astype(np.float32) * self._spread(forestry) * np.float32(0.85)
                self._take(tuple(range(4)), lands.GRASS, cut)
        if has_crop:
            draw = plots.draw(2)
            self.crop_kind = np.where(draw < 0.4, 0, np.where(draw < 0.8, 1, 2)).astype(np.uint8)
            self.crop_phase = plots.draw(4)
            self._take((lands.CROP,), lands.BARE, (~plots.pivot).astype(np.float32))
            rim = np.clip(np.float32(1.1) - plots.edge, 0.0, 1.0)
            self._take((lands.CROP,), lands.DECIDUOUS, rim * plots.hedged * np.float32(0.8))
            self._take((lands.CROP,), lands.BARE, rim * ~plots.hedged * np.float32(0.6))
        if lands.URBAN in self.active:
            streets = parcels.parcels(self.seed, self.window, self.block, streets=True)
            road = np.clip(np.float32(1.3) - streets.edge, 0.0, 1.0)
            house = np.clip(streets.draw(5) * 1.1 - 0.15 + 0.45 * self.fine, 0.0, 1.0)
            self.built = np.maximum(road, house).astype(np.float32)

    def _scatter_trees(self) -> None:
        """Single trees and small clumps in grass, as savannas have them."""
        n = self.nodes
        lone = self._by_zone(0.8, 0.7, 0.3, 0.15, 0.0)
        forms = n.cover[:, lands.TREES]
        ratio = lone * forms.sum(axis=1) / np.maximum(forms.sum(axis=1) + n.cover[:, lands.GRASS], 1e-6)
        if lands.GRASS not in self.cover or not (ratio > 0.02).any():
            return
        clumps = self._noise("lone trees", (3, 0), self._by_zone(0.8, 0.5, 1.0, 1.2, 1.0), 0.6)
        dots = np.clip((clumps - self._spread(2.1 - 3.2 * np.minimum(ratio, 0.5))) * np.float32(1.8), 0.0, 1.0)
        form = int(forms.sum(axis=0)[:].argmax()) if len(set(forms.argmax(axis=1))) == 1 else lands.DECIDUOUS
        self._take((lands.GRASS,), form, dots * np.float32(0.85))

    def _dunes(self) -> None:
        n = self.nodes
        self.dune = None
        bare = np.clip((n.cover[:, lands.BARE] - 0.45) * 2.5, 0.0, 1.0) * n.erg
        if not bare.any():
            return
        warp = self._noise("dune warp", (7, 4), 6.0)
        height, east, south = parcels.dunes(self.seed, self.window, warp)
        amount = self._spread(bare) * self.cover.get(lands.BARE, self.flat)
        self.slope_east = self.slope_east + np.float32(0.22) * amount * east
        self.slope_south = self.slope_south + np.float32(0.22) * amount * south
        self.dune = amount * height

    def _channels(self) -> None:
        """Rivers and wadis along the valley lines; ponds where the ground is frozen."""
        n = self.nodes
        flow = np.where(n.zone == ARID, 0.0, np.clip(n.wetness - 0.5, 0.0, 1.0)) * (1.0 - 0.5 * n.rugged)
        river = self._spread(n.river)
        land_only = tuple(k for k in range(len(lands.COVERS)) if k not in (lands.WATER, lands.ICE))
        self._take(land_only, lands.WATER, self.bed * river * self._spread(flow))
        if (n.zone == ARID).any():
            wadi = self._spread((n.zone == ARID) * np.clip(1.0 - 2.0 * (n.wetness - 0.1), 0.0, 1.0))
            self._take((lands.BARE,), lands.SHRUB, self.bed * wadi * np.float32(0.35))
        if (self.frozen > 0.05).any():
            pond = self._noise("ponds", (6, 2), 4.2, 0.8)
            wet = np.clip((pond - np.float32(1.5)) * 4.0, 0.0, 1.0) * self._spread(self.frozen)
            self._take((lands.GRASS, lands.SHRUB, lands.WETLAND, lands.BARE, lands.LARCH), lands.WATER, wet)

    # ------------------------------------------------------------------------------------------------- properties
    def _density(self) -> dict[int, Array]:
        full = plants.closure(self.nodes)
        out = {}
        # Tussocks and termite mounds, single desert shrubs, meadows, hummocks of mires, tundra.
        size, strength = self._by_zone(1.5, 0.3, 3.4, 2.3, 0.9), self._by_zone(0.20, 0.26, 0.09, 0.16, 0.14)
        stipple = self._noise("stipple", (5, 0), size, 0.6) * self._spread(strength)
        tuft = np.clip(np.float32(1.0) + stipple + np.float32(0.16) * self.valley, 0.3, 1.3)
        tuft += np.float32(0.25) * self.bed
        for k in self.cover:
            if k not in plants.COVER_KINDS:
                continue
            dense = self._spread(full[:, k])
            if k in (lands.SHRUB, lands.GRASS, lands.WETLAND):
                dense = dense * tuft * (np.float32(1.0) - np.float32(0.55) * self.polygons)
            elif k == lands.CROP:
                dense = dense * (np.float32(0.75) + np.float32(0.3) * self.plot_light)
            elif k < 4:
                dense = dense * np.clip(np.float32(1.0) + np.float32(0.08) * self.fine, 0.6, 1.05)
            out[k] = np.minimum(dense, np.float32(1.0))
        return out

    def _crowns(self) -> Array:
        n = self.nodes
        trees = sum((self.cover[k] for k in range(4) if k in self.cover), self.flat)
        if not trees.any():
            return self.flat
        level = np.clip(np.log2(np.maximum(n.crown_m, 5.0) / 8.0), 0.0, 2.4)
        gaps = self._noise("crowns", (4, 0), level, 0.55)
        return trees * self._spread(n.roughness) * np.clip(np.float32(0.35) - np.float32(0.5) * gaps, 0.0, 1.6)

    def _phase(self) -> Array:
        late = self._noise("late", (7, 3), 5.5)
        return np.clip(np.float32(0.5) + np.float32(0.2) * late - np.float32(0.15) * self.valley, 0.0, 1.0)

    def _soil(self) -> Array:
        light = np.float32(1.0) + np.float32(0.10) * self._noise("soil", (6, 0), 2.2, 1.8)
        light += np.float32(0.28) * self._spread(self.nodes.zone == ARID) * self.bed
        if self.dune is not None:
            light += np.float32(0.14) * self.dune
        if self.plot_light is not None and lands.CROP in self.cover:
            light *= np.float32(1.0) + self.cover[lands.CROP] * (np.float32(0.5) * self.plot_light - np.float32(0.25))
        return np.clip(light - np.float32(0.3) * self.polygons, 0.35, 1.7)

    def _stone(self) -> Array:
        """Bare rock on crests and in outcrops with sharp borders."""
        n = self.nodes
        amount = np.clip(0.25 * (n.zone == ARID) + 0.3 * (n.zone == POLAR) + 0.5 * n.rugged - 0.1, 0.0, 1.0)
        outcrop = self._noise("stone", (7, 1), 4.6, 1.5) - np.float32(0.9) * self.valley
        return np.clip((outcrop + self._spread(2.2 * amount - 1.6)) * np.float32(2.5), 0.0, 0.9)

    def _snow(self) -> Array:
        south_facing = np.clip(-3.0 * self.slope_south * np.sign(np.mean(self.nodes.lat)), -0.4, 0.4)
        return np.float32(0.25) * self._noise("snow", (6, 1), 3.8, 1.4) - south_facing.astype(np.float32)
