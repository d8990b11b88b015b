"""Tiles, orbits, clouds and light.

Tiles are the 100 km squares of MGRS with their usual names. A tile is passed every fifth day (every tenth before July
2017, when there was one satellite) at 10:30 local solar time, if the sun stands at least 10 degrees high. Each pass has a
cloud cover, drawn around the climate of the tile and season, and a light of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
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


def tiles_of(epsg: NDArray, east: NDArray, north: NDArray) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The tiles of points: a table of distinct tiles (epsg, column, row, name, lon, lat) and each point's row in it."""
    points = pd.DataFrame({"epsg": epsg, "column": np.floor(east / TILE_M), "row": np.floor(north / TILE_M)}).astype(
        "int64"
    )
    tiles = points.drop_duplicates().sort_values(["epsg", "column", "row"], ignore_index=True)
    member = points.merge(tiles.assign(tile=tiles.index), on=["epsg", "column", "row"], how="left")["tile"].to_numpy()
    lon, lat = np.zeros(len(tiles)), np.zeros(len(tiles))
    for code, group in tiles.groupby("epsg"):
        lon[group.index], lat[group.index] = _from_utm(int(code)).transform(
            (group["column"].to_numpy() + 0.5) * TILE_M, (group["row"].to_numpy() + 0.5) * TILE_M
        )
    tiles = tiles.assign(lon=(lon + 180.0) % 360.0 - 180.0, lat=np.clip(lat, -90.0, 90.0))
    tiles["name"] = [tile_name(*t) for t in zip(tiles["epsg"], tiles["column"], tiles["row"], tiles["lat"], strict=True)]
    return tiles, member


@lru_cache(maxsize=256)
def _from_utm(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)


class Sky:
    """All passes over all tiles of one world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def climates(self, tiles: pd.DataFrame) -> pd.DataFrame:
        """Tiles with their hash, the phase of their orbit, mean cloudiness and the yearly swing of it."""
        lon, lat = tiles["lon"].to_numpy(), tiles["lat"].to_numpy()
        zone = packaged.climate_zone(lon, lat)
        index = np.select([zone == z for z in packaged.CLIMATE_ZONES], range(5), -1)
        index = np.where(index < 0, np.digitize(np.abs(lat), (23.5, 50.0, 66.0)) + (np.abs(lat) >= 23.5), index)
        mean = _CLOUDINESS[index] + 0.15 * ((index == 0) & (np.abs(lat) < 8))
        mean = np.clip(mean + 0.06 * sphere_noise(lon, lat, [(600.0, key(self.seed, "cloudiness"))])[0], 0.05, 0.85)
        # Tropical summers are cloudier, mid-latitude winters are.
        swing = np.select([index == 0, index >= 2], [0.18, -0.10], 0.0) * np.where(lat < 0, -1.0, 1.0)
        ids = hash_ints(key(self.seed, "tile"), *(tiles[c].to_numpy() for c in ("epsg", "column", "row")))
        ids = np.broadcast_to(ids, len(tiles)).astype(np.int64)
        return tiles.assign(hash=ids, phase=ids % REVISIT_DAYS, cloudiness=mean, swing=swing)

    def passes(self, tiles: pd.DataFrame, tile: NDArray, day: NDArray) -> pd.DataFrame:
        """The passes of tiles (rows of a `climates` table) on days (since 1970): tile, time, cloud (percent), scene_id.

        Days on which there was no pass are left out.
        """
        of = {c: tiles[c].to_numpy()[tile] for c in ("hash", "phase", "cloudiness", "swing", "lon", "lat")}
        there = (day >= FIRST_DAY) & (day <= LAST_DAY) & ((day - of["phase"]) % REVISIT_DAYS == 0)
        there &= (day >= SECOND_SATELLITE) | ((day - of["phase"]) % (2 * REVISIT_DAYS) == 0)
        there &= np.sin(np.radians(MIN_SUN_DEGREES)) <= np.cos(sun(of["lat"], day)[0])
        # One pass in thirty is lost.
        there &= uniform(key(self.seed, "lost"), of["hash"], day) > 1 / 30
        of = {c: v[there] for c, v in of.items()}
        tile, day = tile[there], day[there]
        mean = np.clip(of["cloudiness"] + of["swing"] * np.cos(2 * np.pi * (day % 365.2425 - 205) / 365.2425), 0.04, 0.9)
        # Powers of a uniform number have any mean between 0 and 1, and a heavy clear or cloudy end.
        cloud = uniform(key(self.seed, "cloud"), of["hash"], day) ** ((1.0 - mean) / mean)
        second = ((10.5 - of["lon"] / 15.0) % 24.0) * 3600.0 + 480.0 * uniform(key(self.seed, "time"), of["hash"], day)
        time = (day * 86_400 + np.floor(second % 86_400).astype(np.int64)).astype("datetime64[s]")
        names = tiles["name"].to_numpy()[tile]
        stamp = np.char.replace(np.char.replace(np.datetime_as_string(time, unit="s"), "-", ""), ":", "")
        return pd.DataFrame(
            {
                "tile": tile,
                "time": time,
                "cloud": np.round(100.0 * cloud, 2),
                "scene_id": [f"MINI{VERSION}_{s}_T{n}" for s, n in zip(stamp, names, strict=True)],
            }
        )


@dataclass(frozen=True)
class Scene:
    """One pass over one tile, ready to be drawn."""

    scene_id: str
    day: float
    """Days since 1970-01-01, with the time of day."""
    epsg: int
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


CLOUD_LEVELS = (13, 2)
_CLOUD_AMPLITUDES = [0.72**i for i in range(CLOUD_LEVELS[0] - CLOUD_LEVELS[1] + 1)]
_COARSE_LEVEL = 6


def cloud_field(salt: int, window: Window, finest: int = CLOUD_LEVELS[1]) -> NDArray[np.float32]:
    """The cloud field at a window's pixels; with ``finest`` above 2 without the smallest puffs."""
    count = CLOUD_LEVELS[0] - finest + 1
    return window.fractal(salt, (CLOUD_LEVELS[0], finest), _CLOUD_AMPLITUDES[:count])


def find_scene(sky: Sky, scene_id: str, grid: PatchGrid) -> Scene:
    """The scene of an id that shows a grid. Raises `SceneMissing` when there is none."""
    match = _SCENE.fullmatch(scene_id)
    if match is None:
        raise SceneMissing(f"{scene_id!r} is no scene of the miniature Earth, version {VERSION}")
    west, south, east, north = grid.bounds()
    # Real tiles reach about 10 km into their neighbours.
    reach = 10_000
    x, y = (west + east) / 2, (south + north) / 2
    corners = [(x + dx, y + dy) for dx in (0, -reach, reach) for dy in (0, -reach, reach)]
    tiles, _ = tiles_of(np.full(len(corners), grid.epsg), *np.array(corners).T)
    tiles = tiles[tiles["name"] == match[2]].reset_index(drop=True)
    if tiles.empty:
        raise SceneMissing(f"{scene_id} does not show the patch {grid.key}")
    return _scene(sky.seed, scene_id, *(int(tiles[c][0]) for c in ("epsg", "column", "row")))


@lru_cache(maxsize=256)
def _scene(seed: int, scene_id: str, epsg: int, column: int, row: int) -> Scene:
    sky = Sky(seed)
    tiles = sky.climates(
        tiles_of(np.array([epsg]), np.array([(column + 0.5) * TILE_M]), np.array([(row + 0.5) * TILE_M]))[0]
    )
    time = np.datetime64(pd.Timestamp(scene_id.split("_")[1]), "s")
    day = np.array([int(time.astype("datetime64[D]").astype(np.int64))])
    passed = sky.passes(tiles, np.array([0]), day)
    if passed.empty or passed["scene_id"][0] != scene_id:
        raise SceneMissing(f"{scene_id}: no pass over this tile at that time")
    cloud = float(passed["cloud"][0])
    zenith, azimuth = sun(tiles["lat"][0], float(day[0]))
    rng = generator(seed, "scene", scene_id)
    gain, offset = _light(rng, float(zenith), cloud)
    warmer, wet, height = rng.normal(0.0, 3.0), rng.beta(0.7, 1.2), rng.uniform(900.0, 3200.0)
    edge = None
    if rng.uniform() < 0.04:
        middle = (column + rng.uniform(0.1, 0.9)) * TILE_M
        edge = (middle, float(np.tan(np.radians(rng.uniform(9.0, 14.0)))), int(rng.choice([-1, 1])))
    salt = key(seed, "cloud field", scene_id)
    return Scene(
        scene_id, float(time.astype(np.int64)) / 86_400.0, epsg, column * TILE_M, row * TILE_M, cloud, float(zenith),
        float(azimuth), gain, offset, warmer, wet, edge, salt, _threshold(salt, epsg, column, row, cloud), height,
    )  # fmt: skip


def _light(rng: np.random.Generator, zenith: float, cloud: float) -> tuple[NDArray, NDArray]:
    """Gain and offset of the bands: what is left of illumination, view angle, haze and calibration after correction."""
    axis = np.linspace(-1.0, 1.0, 12)
    tilt, bow = rng.normal(0.0, 0.05), rng.normal(0.0, 0.03)
    gain = np.exp(rng.normal(0.0, 0.11) + tilt * axis + bow * (axis**2 - 0.4) + rng.normal(0.0, 0.018, 12))
    gain *= 1.0 - 0.10 * (zenith - 0.7)
    haze = rng.exponential(0.012) + 0.006 * cloud / 100.0
    return gain.astype(np.float32), (haze * spectra.HAZE - 0.004).astype(np.float32)


def _threshold(salt: int, epsg: int, column: int, row: int, cloud: float) -> float:
    """Value of the cloud field that this share of the tile exceeds."""
    px = TILE_M // 10
    tile = Window(epsg, column * px, -(row + 1) * px, px, px)
    coarse = tile.octaves(salt, (CLOUD_LEVELS[0], _COARSE_LEVEL), _CLOUD_AMPLITUDES)[0]
    return float(np.quantile(coarse, 1.0 - cloud / 100.0))
