"""What is known of a place: climate, relief, what grows there, and what its textures are made of.

Climate zone and land cover are real; everything else is drawn around them by smooth noise on the globe. All functions
are vectorised over n places.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from greenup.imagery.miniature import trees
from greenup.imagery.miniature.noise import key, sphere_noise
from greenup.sites import packaged

COVERS: tuple[str, ...] = (
    "needle", "evergreen_broad", "deciduous", "larch", "shrub", "grass", "crop", "bare", "urban", "water", "wetland",
    "ice",
)  # fmt: skip
"""Cover types that pixels are made of."""

TREES = slice(0, 4)
NEEDLE, EVERGREEN, DECIDUOUS, LARCH, SHRUB, GRASS, CROP, BARE, URBAN, WATER, WETLAND, ICE = range(len(COVERS))

ZONES: tuple[str, ...] = packaged.CLIMATE_ZONES
TROPICAL, ARID, TEMPERATE, COLD, POLAR = range(5)

# Share of cover in each IGBP class, in per cent; "trees" are dealt out to the tree forms by climate zone.
_COVER_OF_CLASS: dict[str, dict[str, float]] = {
    "water": {"water": 55, "grass": 20, "bare": 10, "trees": 15},
    "evergreen_needleleaf_forest": {"needle": 82, "shrub": 5, "grass": 11, "water": 2},
    "evergreen_broadleaf_forest": {"evergreen_broad": 92, "grass": 4, "wetland": 2, "water": 2},
    "deciduous_needleleaf_forest": {"larch": 76, "needle": 5, "shrub": 9, "grass": 10},
    "deciduous_broadleaf_forest": {"deciduous": 84, "needle": 5, "grass": 8, "crop": 3},
    "mixed_forest": {"needle": 42, "deciduous": 42, "grass": 10, "shrub": 4, "water": 2},
    "closed_shrubland": {"shrub": 74, "grass": 14, "bare": 12},
    "open_shrubland": {"shrub": 34, "grass": 24, "bare": 42},
    "woody_savanna": {"trees": 46, "grass": 40, "shrub": 14},
    "savanna": {"trees": 20, "grass": 66, "shrub": 10, "bare": 4},
    "grassland": {"grass": 86, "shrub": 6, "bare": 8},
    "permanent_wetland": {"wetland": 58, "water": 17, "grass": 10, "trees": 15},
    "cropland": {"crop": 84, "grass": 7, "trees": 6, "urban": 3},
    "urban": {"urban": 62, "trees": 14, "grass": 16, "crop": 8},
    "cropland_natural_mosaic": {"crop": 48, "trees": 28, "grass": 24},
    "snow_and_ice": {"ice": 97, "bare": 3},
    "barren": {"bare": 94, "shrub": 3, "grass": 3},
}
_TREES_OF_ZONE: dict[str, dict[str, float]] = {
    "tropical": {"evergreen_broad": 45, "deciduous": 55},
    "arid": {"evergreen_broad": 45, "deciduous": 45, "needle": 10},
    "temperate": {"deciduous": 55, "needle": 25, "evergreen_broad": 20},
    "cold": {"needle": 52, "deciduous": 40, "larch": 8},
    "polar": {"needle": 60, "deciduous": 25, "larch": 15},
}


def _cover_table() -> NDArray[np.float64]:
    """(zones, IGBP classes, cover types), rows summing to 1."""
    table = np.zeros((len(ZONES), len(packaged.IGBP), len(COVERS)))
    for z, zone in enumerate(ZONES):
        for code, name in packaged.IGBP.items():
            for cover, percent in _COVER_OF_CLASS[name].items():
                deal = _TREES_OF_ZONE[zone] if cover == "trees" else {cover: 100.0}
                for form, part in deal.items():
                    table[z, code, COVERS.index(form)] += percent / 100.0 * part / 100.0
    return table / table.sum(axis=2, keepdims=True)


_COVER_TABLE = _cover_table()

# Bounds of annual mean temperature (C), and annual precipitation (mm), of each zone.
_TEMPERATURE_BOUNDS = np.array([(20.0, 28.5), (3.0, 29.0), (7.0, 22.0), (-12.0, 10.0), (-22.0, 0.0)])
_RAIN = np.array([1700.0, 290.0, 1050.0, 620.0, 330.0])
_RAIN_OF_COVER = np.ones(len(packaged.IGBP))
for _name, _factor in {
    "evergreen_broadleaf_forest": 1.35, "open_shrubland": 0.75, "savanna": 0.7, "woody_savanna": 0.85,
    "grassland": 0.65, "barren": 0.35, "permanent_wetland": 1.2, "evergreen_needleleaf_forest": 1.15,
}.items():  # fmt: skip
    _RAIN_OF_COVER[{v: k for k, v in packaged.IGBP.items()}[_name]] = _factor


_SOILS = ("laterite", "sand", "dark", "stone")

# Wavelengths (km) of the noises on the globe that places are drawn with.
_NOISES: dict[str, tuple[float, ...]] = {
    "rugged": (300.0, 40.0), "height": (60.0, 15.0), "temperature": (200.0,), "inland": (900.0,), "rain": (250.0, 25.0),
    "evapotranspiration": (80.0,), "leaf": (40.0, 5.0), "grain": (30.0,), "managed": (150.0,), "ergs": (180.0,),
    "rivers": (6.0,), **{f"cover {c}": (9.0,) for c in COVERS}, **{f"soil {s}": (60.0, 6.0) for s in _SOILS},
}  # fmt: skip


def _noises(seed: int, lon: NDArray, lat: NDArray) -> dict[str, NDArray]:
    """All noises of n places, each about standard normal."""
    names = [(name, w) for name, wavelengths in _NOISES.items() for w in wavelengths]
    values = sphere_noise(lon, lat, [(w, key(seed, name, w)) for name, w in names])
    out: dict[str, NDArray] = {name: np.zeros(len(lon)) for name in _NOISES}
    for (name, _), value in zip(names, values, strict=True):
        out[name] += value / np.sqrt(len(_NOISES[name]))
    return out


@dataclass(frozen=True)
class Land:
    """n places. Shapes (n,) unless said otherwise."""

    seed: int
    lon: NDArray
    lat: NDArray
    zone: NDArray
    """Index into `ZONES`."""
    temperature: NDArray
    """Annual mean (C)."""
    swing: NDArray
    """Half the range of monthly mean temperature (C)."""
    rain: NDArray
    """Annual precipitation (mm)."""
    evapotranspiration: NDArray
    """Annual potential evapotranspiration (mm)."""
    rugged: NDArray
    """0 (plain) .. 1 (mountains)."""
    cover: NDArray
    """(n, 12): share of each of `COVERS`, summing to 1; shares below 2 % are 0."""
    genera: NDArray
    """(n, 24): share of each genus among the trees."""
    crown_m: NDArray
    roughness: NDArray
    delay: NDArray
    """Days by which the stand's genera start late."""
    soil: NDArray
    """(n, 4): shares of laterite, sand, dark earth, stone."""
    leaf: NDArray
    """Brightness of leaves relative to the mean: drawn apart from everything else."""
    mediterranean: NDArray
    """Whether growth waits for winter rain (bool)."""
    grain: NDArray
    """Size of patches against what is usual in the climate, about -1..1."""
    managed: NDArray
    """Whether forests are cut in parcels (bool)."""
    erg: NDArray
    """Whether bare ground is blown into dunes (bool)."""
    river: NDArray
    """0..1: how much of the valley lines carries a river."""
    cycles: dict[int, tuple[NDArray, NDArray]] = field(default_factory=dict, repr=False, compare=False)
    """Years already drawn (see `plants`): number of the year -> shift (days) and vigour."""

    @property
    def wetness(self) -> NDArray:
        """Precipitation over potential evapotranspiration."""
        return self.rain / self.evapotranspiration


def describe(seed: int, lon: NDArray, lat: NDArray) -> Land:
    """The places at these coordinates (degrees, 1-d)."""
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    zone_name = packaged.climate_zone(lon, lat)
    code = packaged.land_cover(lon, lat).astype(np.int64)
    alat = np.abs(lat)
    zone = np.select([zone_name == z for z in ZONES], range(5), -1)
    # A point at sea has the climate of its latitude, and no land.
    at_sea = zone < 0
    zone = np.where(at_sea, np.digitize(alat, (23.5, 50.0, 66.0)) + (alat >= 23.5), zone)

    noise = _noises(seed, lon, lat)

    mountain = ((zone == POLAR) & (alat < 55)).astype(float)
    rugged = 1.0 / (1.0 + np.exp(-(1.4 * noise["rugged"] - 0.7 + 2.5 * mountain)))
    height_km = 2.2 * rugged * (0.6 + 0.3 * np.tanh(noise["height"])) + 3.0 * mountain

    low, high = _TEMPERATURE_BOUNDS[zone].T
    raw = 27.5 - 0.0072 * lat**2 - 5.0 * (height_km - 0.7) + 1.2 * noise["temperature"]
    middle, half = (low + high) / 2, (high - low) / 2
    temperature = middle + half * np.tanh((raw - middle) / half)
    inland = 1.0 + 0.2 * np.tanh(noise["inland"])
    swing = (1.2 + np.where(lat < 0, 0.17, 0.27) * alat + np.array([0, 2.0, 0, 4.0, 2.0])[zone]) * inland
    swing *= np.where(zone == TROPICAL, 0.45, 1.0)
    rain = _RAIN[zone] * _RAIN_OF_COVER[code] * np.exp(0.28 * noise["rain"])
    evapotranspiration = np.maximum(130.0, 47.0 * (temperature + 5.0)) * np.exp(0.06 * noise["evapotranspiration"])
    wet = np.log(rain / (_RAIN[zone] * _RAIN_OF_COVER[code]))

    cover = _COVER_TABLE[zone, code].copy()
    siberia = (zone == COLD) & (lon > 85) & (lat > 50)
    cover[siberia, LARCH] += 0.7 * cover[siberia, NEEDLE]
    cover[siberia, NEEDLE] *= 0.3
    for j in range(len(COVERS)):
        cover[:, j] *= np.exp(0.35 * noise[f"cover {COVERS[j]}"])
    cover[:, TREES] *= np.exp(0.8 * wet)[:, None]
    cover[:, EVERGREEN] *= np.where(zone == TROPICAL, np.exp(0.8 * wet), 1.0)
    cover[:, BARE] *= np.exp(-0.8 * wet)
    cover[at_sea] = np.eye(len(COVERS))[WATER]
    cover /= cover.sum(axis=1, keepdims=True)
    cover[cover < 0.02] = 0.0
    cover /= cover.sum(axis=1, keepdims=True)

    genera = trees.shares(seed, lon, lat, temperature, rain, cover[:, TREES])
    crown, roughness, delay = trees.traits(genera)

    # ASSUME: soils follow climate a little (laterite in the tropics, sand in deserts, stone at the poles), else chance.
    lean = np.array(
        [(0.9, 0, 0, -0.3), (0.2, 0.9, -0.4, 0.3), (0.1, 0, 0.2, 0), (-0.6, 0, 0.5, 0.2), (-0.9, 0, 0.2, 0.8)]
    )
    mood = [1.6 * noise[f"soil {s}"] for s in _SOILS]
    soil = np.exp(lean[zone] + np.stack(mood, axis=1))
    soil /= soil.sum(axis=1, keepdims=True)
    leaf = np.exp(0.20 * noise["leaf"])
    mediterranean = np.isin(zone, (ARID, TEMPERATE)) & (alat >= 28) & (alat <= 45) & np.isin(code, (6, 7, 9)) & ~at_sea
    return Land(
        seed, lon, lat, zone, temperature, swing, rain, evapotranspiration, rugged, cover, genera, crown, roughness,
        delay, soil, leaf, mediterranean, np.tanh(noise["grain"]),
        np.isin(zone, (TEMPERATE, COLD)) & (noise["managed"] > -0.3), (zone == ARID) & (noise["ergs"] > -0.2),
        np.clip(noise["rivers"] - 0.3, 0.0, 1.0),
    )  # fmt: skip
