"""Tiles, orbits, clouds and light.

Tiles are the 100 km squares of MGRS with their usual names. A tile is passed every fifth day (every tenth before July
2017, when there was one satellite) at 10:30 local solar time, if the sun stands at least 10 degrees high. Each pass
has a cloud cover, drawn around the climate of the tile and season, and a light of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from greenup.grids import PatchGrid
from greenup.imagery.base import SceneMissing
from greenup.imagery.miniature import spectra
from greenup.imagery.miniature.noise import Window, hash_ints, key, sphere_noise, uniform
from greenup.imagery.miniature.version import VERSION
from greenup.randomness import generator
from greenup.sites import packaged

TILE_M = 100_000
FIRST_DAY, LAST_DAY, SECOND_SATELLITE = (
    int(np.datetime64(d, "D").astype(int)) for d in ("2017-01-01", "2024-12-31", "2017-07-01")
)
REVISIT_DAYS = 5
_REACH_M = 10_000
MIN_SUN_DEGREES = 10.0

_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_SCENE = re.compile(rf"MINI{VERSION}_(\d{{8}}T\d{{6}})_T(\d\d[A-Z]{{3}})")

# Mean cloud cover of a pass by climate zone (rounded from MODIS climatologies): tropical, arid, temperate, cold, polar.
_CLOUDINESS = np.array([0.55, 0.16, 0.48, 0.55, 0.58])


def tile_name(epsg: int, column: int, row: int, lat: float) -> str:
    """MGRS name of the 100 km square with this column and row of a UTM zone; ``lat``: of its middle."""
    zone = epsg % 100
    letters = _COLUMNS[zone % 3]
    band = _BANDS[int(np.clip((lat + 80) // 8, 0, 19))]
    return f"{zone:02d}{band}{letters[(column - 1) % 8]}{_ROWS[(row + (0 if zone % 2 else 5)) % 20]}"


@dataclass(frozen=True)
class Tiles:
    """Distinct tiles; shapes (n,)."""

    epsg: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    lon: NDArray
    lat: NDArray
    """Middle of the square (degrees)."""
    names: list[str]
    code: NDArray[np.int64]
    """Random bits of the tile."""
    cloudiness: NDArray
    """Mean cloud cover of a pass, 0..1."""
    swing: NDArray
    """What July adds to it."""

    @property
    def phase(self) -> NDArray[np.int64]:
        """Days since 1970 modulo five on which a satellite passes."""
        return self.code % REVISIT_DAYS


@lru_cache(maxsize=256)
def _from_utm(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)


def lon_lat(epsg: int, east: NDArray, north: NDArray) -> tuple[NDArray, NDArray]:
    """Degrees of UTM points, folded into the ranges of longitude and latitude."""
    lon, lat = _from_utm(epsg).transform(east, north)
    return (np.asarray(lon) + 180.0) % 360.0 - 180.0, np.clip(lat, -90.0, 90.0)


def _middles(epsg: NDArray, column: NDArray, row: NDArray) -> tuple[NDArray, NDArray]:
    lon, lat = np.zeros(len(epsg)), np.zeros(len(epsg))
    for code in np.unique(epsg).tolist():
        at = epsg == code
        lon[at], lat[at] = lon_lat(code, (column[at] + 0.5) * TILE_M, (row[at] + 0.5) * TILE_M)
    return lon, lat


@dataclass(frozen=True)
class Passes:
    """Passes over tiles; shapes (n,). ``day``: since 1970; ``time``: UTC; ``cloud``: per cent."""

    tile: NDArray[np.int64]
    day: NDArray[np.int64]
    time: NDArray[np.datetime64]
    cloud: NDArray
    scene_ids: list[str]


@dataclass(frozen=True)
class Scene:
    """One pass over one tile, ready to be drawn."""

    scene_id: str
    day: float
    """Days since 1970-01-01, with the time of day."""
    west: float
    south: float
    """Lower-left corner of the tile (m)."""
    cloud: float
    """Per cent."""
    zenith: float
    azimuth: float
    """Of the sun (radians; azimuth clockwise from north)."""
    gain: NDArray
    offset: NDArray
    """Light and haze of the day, a factor and an addition for each of the 12 bands."""
    warmer: float
    """Temperature against the season's mean (C)."""
    wet: float
    """0 dry .. 1 wet soil."""
    edge: tuple[float, float, int] | None
    """End of the swath: easting at the tile's middle, slope, and the side (-1 west, 1 east) that has data."""
    cloud_salt: int
    threshold: float
    """Value of the cloud field above which there is cloud."""
    height_m: float
    """Of the clouds."""


def sun(lat: NDArray | float, day: NDArray | float) -> tuple[NDArray, NDArray]:
    """Zenith and azimuth (radians) of the sun at 10:30 local solar time."""
    phi = np.radians(lat)
    delta = -np.radians(23.44) * np.cos(2 * np.pi * (np.asarray(day) % 365.2425 + 10.0) / 365.2425)
    hour = np.radians(-22.5)
    cos_z = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour)
    zenith = np.arccos(np.clip(cos_z, -1, 1))
    east = -np.cos(delta) * np.sin(hour)
    north = np.cos(phi) * np.sin(delta) - np.sin(phi) * np.cos(delta) * np.cos(hour)
    return zenith, np.arctan2(east, north) % (2 * np.pi)


class Sky:
    """All passes over all tiles of one world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def tiles_of(self, epsg: NDArray, east: NDArray, north: NDArray) -> tuple[Tiles, NDArray[np.int64]]:
        """The tiles of UTM points, and each point's number among them."""
        cells = np.stack([epsg, np.floor(east / TILE_M), np.floor(north / TILE_M)], axis=1).astype(np.int64)
        distinct, member = np.unique(cells, axis=0, return_inverse=True)
        return self._tiles(*distinct.T), member.ravel()

    def _tiles(self, epsg: NDArray, column: NDArray, row: NDArray) -> Tiles:
        lon, lat = _middles(epsg, column, row)
        zone = packaged.climate_zone(lon, lat)
        index = np.select([zone == z for z in packaged.CLIMATE_ZONES], range(5), -1)
        index = np.where(index < 0, np.digitize(np.abs(lat), (23.5, 50.0, 66.0)) + (np.abs(lat) >= 23.5), index)
        mean = _CLOUDINESS[index] + 0.15 * ((index == 0) & (np.abs(lat) < 8))
        mean = mean + 0.06 * sphere_noise(lon, lat, [(600.0, key(self.seed, "cloudiness"))])[0]
        # Tropical summers are cloudier, and mid-latitude winters.
        swing = np.select([index == 0, index >= 2], [0.18, -0.10], 0.0) * np.where(lat < 0, -1.0, 1.0)
        return Tiles(
            epsg, column, row, lon, lat,
            [tile_name(*t) for t in zip(epsg.tolist(), column.tolist(), row.tolist(), lat.tolist(), strict=True)],
            hash_ints(key(self.seed, "tile"), epsg, column, row).astype(np.int64), np.clip(mean, 0.05, 0.85), swing,
        )  # fmt: skip

    @lru_cache(maxsize=512)  # noqa: B019 - a world lives as long as its process
    def _tile(self, epsg: int, column: int, row: int) -> Tiles:
        return self._tiles(np.array([epsg]), np.array([column]), np.array([row]))

    def passes(self, tiles: Tiles, tile: NDArray, day: NDArray) -> Passes:
        """The passes over some tiles on some days (both (m,)); days on which there was none are left out."""
        code, phase = tiles.code[tile], tiles.phase[tile]
        there = (day >= FIRST_DAY) & (day <= LAST_DAY) & ((day - phase) % REVISIT_DAYS == 0)
        there &= (day >= SECOND_SATELLITE) | ((day - phase) % (2 * REVISIT_DAYS) == 0)
        there &= np.sin(np.radians(MIN_SUN_DEGREES)) <= np.cos(sun(tiles.lat[tile], day)[0])
        # One pass in thirty is lost.
        there &= uniform(key(self.seed, "lost"), code, day) > 1 / 30
        tile, day, code = tile[there], day[there], code[there]
        season = np.cos(2 * np.pi * (day % 365.2425 - 205) / 365.2425)
        mean = np.clip(tiles.cloudiness[tile] + tiles.swing[tile] * season, 0.04, 0.8)
        # Powers of a uniform number have any mean between 0 and 1, and a heavy clear or cloudy end.
        cloud = uniform(key(self.seed, "cloud"), code, day) ** ((1.0 - mean) / mean)
        # Even rainy seasons have their clear mornings.
        clear = uniform(key(self.seed, "clear"), code, day)
        cloud = np.where(clear < 0.13, 2.0 * clear * cloud, cloud)
        second = ((10.5 - tiles.lon[tile] / 15.0) % 24.0) * 3600.0 + 480.0 * uniform(key(self.seed, "time"), code, day)
        time = (day * 86_400 + np.floor(second % 86_400).astype(np.int64)).astype("datetime64[s]")
        stamps = np.datetime_as_string(time, unit="s").tolist()
        ids = [
            f"MINI{VERSION}_{s.replace('-', '').replace(':', '')}_T{tiles.names[i]}"
            for s, i in zip(stamps, tile.tolist(), strict=True)
        ]
        return Passes(tile, day, time, np.round(100.0 * cloud, 2), ids)

    def scene(self, scene_id: str, grid: PatchGrid) -> Scene:
        """The scene of an id that shows a grid. Raises `SceneMissing` when there is none."""
        match = _SCENE.fullmatch(scene_id)
        if match is None:
            raise SceneMissing(f"{scene_id!r} is no scene of the miniature Earth, version {VERSION}")
        west, south, east, north = grid.bounds()
        # Real tiles reach about 10 km into their neighbours.
        for reach_east in (0, -_REACH_M, _REACH_M):
            for reach_north in (0, -_REACH_M, _REACH_M):
                column = int(((west + east) / 2 + reach_east) // TILE_M)
                row = int(((south + north) / 2 + reach_north) // TILE_M)
                if self._tile(grid.epsg, column, row).names[0] == match[2]:
                    return self._scene(scene_id, match[1], grid.epsg, column, row)
        raise SceneMissing(f"{scene_id} does not show the patch {grid.key}")

    @lru_cache(maxsize=256)  # noqa: B019 - a world lives as long as its process
    def _scene(self, scene_id: str, stamp: str, epsg: int, column: int, row: int) -> Scene:
        tiles = self._tile(epsg, column, row)
        date = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}"
        day = np.array([np.datetime64(date, "D").astype(np.int64)])
        passed = self.passes(tiles, np.array([0]), day)
        if passed.scene_ids != [scene_id]:
            raise SceneMissing(f"{scene_id}: no pass over this tile at that time")
        cloud = float(passed.cloud[0])
        zenith, azimuth = (float(a) for a in sun(tiles.lat[0], float(day[0])))
        rng = generator(self.seed, "scene", scene_id)
        gain, offset = _light(rng, zenith, cloud)
        warmer, wet, height = rng.normal(0.0, 3.0), rng.beta(0.7, 1.2), rng.uniform(900.0, 3200.0)
        edge = None
        if rng.uniform() < 0.04:
            middle = (column + rng.uniform(0.1, 0.9)) * TILE_M
            edge = (middle, float(np.tan(np.radians(rng.uniform(9.0, 14.0)))), int(rng.choice([-1, 1])))
        salt = key(self.seed, "cloud field", scene_id)
        return Scene(
            scene_id, float(passed.time[0].astype(np.int64)) / 86_400.0, column * TILE_M, row * TILE_M, cloud, zenith,
            azimuth, gain, offset, warmer, wet, edge, salt, _threshold(salt, epsg, column, row, cloud), height,
        )  # fmt: skip


CLOUD_LEVELS = (13, 2)
_CLOUD_AMPLITUDES = [0.72**i for i in range(CLOUD_LEVELS[0] - CLOUD_LEVELS[1] + 1)]
_COARSE_LEVEL = 6


def cloud_field(salt: int, window: Window, finest: int = CLOUD_LEVELS[1]) -> NDArray[np.float32]:
    """The cloud field at a window's pixels; with ``finest`` above 2 without the smallest puffs."""
    count = CLOUD_LEVELS[0] - finest + 1
    return window.fractal(salt, (CLOUD_LEVELS[0], finest), _CLOUD_AMPLITUDES[:count])


def _light(rng: np.random.Generator, zenith: float, cloud: float) -> tuple[NDArray, NDArray]:
    """Gain and offset of the bands: what is left of illumination, view angle, haze and calibration after correction."""
    axis = np.linspace(-1.0, 1.0, 12)
    tilt, bow = rng.normal(0.0, 0.06), rng.normal(0.0, 0.04)
    gain = np.exp(rng.normal(0.0, 0.12) + tilt * axis + bow * (axis**2 - 0.4) + rng.normal(0.0, 0.018, 12))
    gain *= 1.0 - 0.10 * (zenith - 0.7)
    haze = rng.exponential(0.012) + 0.006 * cloud / 100.0
    return gain.astype(np.float32), (haze * spectra.HAZE - 0.004).astype(np.float32)


def _threshold(salt: int, epsg: int, column: int, row: int, cloud: float) -> float:
    """Value of the cloud field that this share of the tile exceeds."""
    px = TILE_M // 10
    tile = Window(epsg, column * px, -(row + 1) * px, px, px)
    coarse = tile.octaves(salt, (CLOUD_LEVELS[0], _COARSE_LEVEL), _CLOUD_AMPLITUDES)[0]
    return float(np.quantile(coarse, 1.0 - cloud / 100.0))
