"""A patch of ground on a date: fractions of endmembers, light, clouds, and the counts that the product would store.

Everything that mixes is linear in the fractions, so fractions are averaged to 20 m and 60 m and the bands of each
native resolution are mixed there.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from greenup.bands import BANDS, bands_at, masks_of, measured_of, native_resolutions
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.imagery.miniature import land as lands
from greenup.imagery.miniature import masks, plants
from greenup.imagery.miniature.ground import Ground
from greenup.imagery.miniature.noise import Array, Window, key
from greenup.imagery.miniature.sky import CLOUD_LEVELS, Scene, cloud_field
from greenup.imagery.miniature.spectra import BAND_INDEX, ENDMEMBERS, SPECTRA
from greenup.randomness import generator

EARLY_LATE_DAYS = 11.0
"""Plants of one place start up to this many days before and after its mean."""

_E = {name: i for i, name in enumerate(ENDMEMBERS)}
_SOILS = ("laterite", "sand", "dark", "stone")
_NOISE_SIDE = 512
_NOISE_DN = 12.0


def render(seed: int, ground: Ground, scene: Scene, grid: PatchGrid, bands: tuple[str, ...]) -> Pixels:
    """The bands and masks of a scene on a grid, as stored.

    Reflectance x 10 000, at least 1 where valid, 0 where not; masks as in `greenup.imagery.miniature.masks`.
    """
    mixture = _mix(ground, scene)
    surface = masks.Surface(mixture) if masks_of(bands) else None
    mixture = _light(mixture, ground, scene)
    veil = _clouds(mixture, ground.window, scene)
    inside = _swath(ground.window, scene)
    values, valid = {}, {}
    for native in native_resolutions(bands):
        names = bands_at(bands, native)
        n, step = grid.shape(native), native // 10
        side = ground.window.rows // step
        stored = np.empty((len(names), n, n), np.uint16)
        if measured := measured_of(names):
            at = [names.index(b) for b in measured]
            stored[at] = _reflectance(seed, ground.window, scene, mixture, measured, step, n)
        for name in masks_of(names):
            stored[names.index(name)] = masks.MASKS[name](surface, veil, masks.averaging(step, side, n))
        seen = inside[: n * step : step, : n * step : step] & inside[step - 1 :: step, step - 1 :: step][:n, :n]
        if measured:
            stored[:, ~seen] = 0
        else:
            stored[:, ~seen] = np.array([[BANDS[name].unknown] for name in names])
        values[native], valid[native] = stored, (seen if measured else np.ones_like(seen))
    return Pixels(values, valid)


def _reflectance(
    seed: int, window: Window, scene: Scene, mixture: Array, names: tuple[str, ...], step: int, n: int
) -> np.ndarray:
    """Bands of one native resolution (``step`` x 10 m) mixed from fractions: uint16 (bands, n, n), 1..20 000."""
    parts = mixture
    if step > 1:
        side = window.rows // step
        parts = np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in mixture])
    index = [BAND_INDEX[b] for b in names]
    weights = SPECTRA[:, index].T * (scene.gain[index, None] * np.float32(10_000.0))
    flat = np.ascontiguousarray(parts[:, :n, :n]).reshape(len(ENDMEMBERS), -1)
    counts = (weights @ flat).reshape(len(names), n, n)
    for i, (band, b) in enumerate(zip(names, index, strict=True)):
        counts[i] *= np.float32(1.0) + np.float32(0.008) * _grain(seed, window, scene, band, step, n, 1)
        counts[i] += np.float32(10_000.0) * scene.offset[b]
        counts[i] += np.float32(_NOISE_DN / np.sqrt(step)) * _grain(seed, window, scene, band, step, n, 0)
    np.clip(counts, 1.0, 20_000.0, out=counts)
    return np.rint(counts).astype(np.uint16)


def _mix(ground: Ground, scene: Scene) -> Array:
    """(endmembers, rows, cols): fractions before light and cloud, 1 in sum but for brightness of soil and leaf."""
    window, nodes = ground.window, ground.nodes
    out = np.zeros((len(ENDMEMBERS), window.rows, window.cols), np.float32)
    leaf = window.spread(nodes.leaf)
    soil = np.zeros((window.rows, window.cols), np.float32)
    for k, share in ground.cover.items():
        if k == lands.WATER:
            out[_E["water"]] += share
        elif k == lands.ICE:
            out[_E["snow"]] += share
        elif k == lands.BARE:
            soil += share
        else:
            green = _green(ground, scene, k)
            hidden = share * ground.dense[k]
            lit = hidden * green
            dry = (hidden - lit) * np.float32(plants.DRY_SHARE[k])
            out[_E[plants.LEAF[k]]] += lit * leaf
            out[_E["dry"]] += dry
            rest = share - lit - dry
            if k == lands.URBAN:
                built = rest * ground.built
                out[_E["built"]] += built
                rest = rest - built
            soil += rest
    soil *= ground.soil * np.float32(1.0 - 0.3 * scene.wet)
    rock = soil * ground.stone
    soil -= rock
    for i, name in enumerate(_SOILS):
        out[_E[name]] = soil * window.spread(nodes.soil[:, i])
    out[_E["stone"]] += rock
    _snow(out, ground, scene)
    return out


def _green(ground: Ground, scene: Scene, cover: int) -> Array:
    """Greenness of a cover type's plants at each pixel."""
    window, nodes = ground.window, ground.nodes
    late = nodes.delay if cover < 4 else 0.0
    days = scene.day + EARLY_LATE_DAYS * np.array([1.0, -1.0])

    def spread(kind: str, phase: Array) -> Array:
        at_nodes = plants.greenness(nodes, days, kind, late)
        return window.spread(at_nodes[:, 0]) + window.spread(at_nodes[:, 1] - at_nodes[:, 0]) * phase

    kinds = list(plants.COVER_KINDS[cover])
    if cover != lands.CROP:
        return spread(kinds[0], ground.phase)
    green = spread(kinds[0], ground.crop_phase)
    for i, kind in enumerate(kinds[1:], start=1):
        np.copyto(green, spread(kind, ground.crop_phase), where=ground.crop_kind == i)
    return green


def _snow(mixture: Array, ground: Ground, scene: Scene) -> None:
    """Lay snow on the ground; trees carry little of it and hide some."""
    nodes = ground.nodes
    target = plants.snow_cover(nodes, np.array([scene.day]), scene.warmer)[:, 0]
    if target.max() < 0.03:
        return
    share = ground.window.spread(target)
    snow = np.clip((share - np.float32(0.5) + ground.snow) * np.float32(2.2) + np.float32(0.5), 0.0, 1.0)
    snow *= np.clip(share * np.float32(4.0) - np.float32(0.2), 0.0, 1.0)
    for k, hides in ((lands.NEEDLE, 0.75), (lands.EVERGREEN, 0.75), (lands.DECIDUOUS, 0.4), (lands.LARCH, 0.4)):
        if k in ground.cover:
            snow *= np.float32(1.0) - np.float32(hides) * ground.cover[k] * ground.dense[k]
    mixture *= np.float32(1.0) - snow
    mixture[_E["snow"]] += snow


def _light(mixture: Array, ground: Ground, scene: Scene) -> Array:
    """Shade of slopes (partly corrected, as by the processor) and of crowns."""
    steep = min(np.tan(scene.zenith), 2.2)
    sun_east, sun_south = np.sin(scene.azimuth), -np.cos(scene.azimuth)
    facing = ground.slope_east * np.float32(sun_east) + ground.slope_south * np.float32(sun_south)
    # A slope that rises towards the sun looks away from it.
    light = np.clip(np.float32(1.0) - np.float32(0.8 * steep) * facing, 0.3, 1.6)
    light *= np.float32(1.0) - np.minimum(ground.crown * np.float32(0.3 + 0.25 * steep), np.float32(0.75))
    mixture *= light
    return mixture


def _clouds(mixture: Array, window: Window, scene: Scene) -> masks.Veil:
    """Lay clouds and their shadows over the mixture, in place; what they cover."""
    veil = masks.Veil(window.rows, window.cols)
    if scene.cloud < 0.2:
        return veil
    shift = scene.height_m / 10.0 * min(np.tan(scene.zenith), 2.2)
    rows, cols = round(shift * np.cos(scene.azimuth)), round(-shift * np.sin(scene.azimuth))
    for place, shadow in ((window.shifted(-rows, -cols), True), (window, False)):
        # Without the smallest octaves first: most windows of a clear scene need no more.
        rest = sum(0.72**i for i in range(CLOUD_LEVELS[0] - 5 + 1, CLOUD_LEVELS[0] - CLOUD_LEVELS[1] + 1))
        coarse = place.octaves(scene.cloud_salt, (CLOUD_LEVELS[0], 5), [0.72**i for i in range(9)])[0]
        if coarse.max() + rest < scene.threshold - 0.1:
            continue
        cover = np.clip(
            (cloud_field(scene.cloud_salt, place) - np.float32(scene.threshold)) * np.float32(9.0) + 0.5, 0, 1
        )
        cover = cover.astype(np.float32)
        if shadow:
            mixture *= np.float32(1.0) - np.float32(0.6) * cover
            veil.shadow[:] = cover
        else:
            veil.cloud[:] = cover
            mixture *= np.float32(1.0) - np.float32(0.97) * cover
            mixture[_E["cloud"]] += cover * (np.float32(0.75) + np.float32(0.35) * cover)
    return veil


def _swath(window: Window, scene: Scene) -> np.ndarray:
    """Which pixels lie inside the swath."""
    inside = np.ones((window.rows, window.cols), bool)
    if scene.edge is None:
        return inside
    middle, slope, side = scene.edge
    east = (window.col + np.arange(window.cols) + 0.5)[None, :] * 10.0
    north = -(window.row + np.arange(window.rows) + 0.5)[:, None] * 10.0
    border = middle + slope * (north - scene.south - 50_000.0)
    return (east - border) * side > 0


@lru_cache(maxsize=1)
def _table() -> Array:
    """Standard normal numbers on a torus, doubled so that any window of up to its side can be cut from it."""
    table = generator(0, "sensor noise").standard_normal((_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
    return np.tile(table, (2, 2))


def _grain(seed: int, window: Window, scene: Scene, band: str, step: int, n: int, kind: int) -> Array:
    """Sensor noise of a band: the same pixel of a scene has the same noise in every window."""
    salt = key(seed, scene.scene_id, band, kind)
    row = (window.row // step + salt) % _NOISE_SIDE
    col = (window.col // step + (salt >> 16)) % _NOISE_SIDE
    if n <= _NOISE_SIDE:
        return _table()[row : row + n, col : col + n]
    return _table()[np.ix_((row + np.arange(n)) % _NOISE_SIDE, (col + np.arange(n)) % _NOISE_SIDE)]
