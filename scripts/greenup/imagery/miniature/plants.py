"""The course of green over the year: from climate to greenness, from greenness to EVI.

A place has a growing window: the days warm enough (T above 5 C), or wet enough where rain is the limit, or the cool
half of the year where summers are dry. Each kind of plant fills that window in its own way, each year a little
differently. Times are days since 1970-01-01 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenup.imagery.miniature import land as lands
from greenup.imagery.miniature.land import Land
from greenup.imagery.miniature.noise import key, sphere_noise
from greenup.imagery.miniature.spectra import BAND_INDEX, ENDMEMBERS, SPECTRA

YEAR = 365.2425


@dataclass(frozen=True)
class Kind:
    """How a plant fills its place's window, with greenness ``base`` .. ``base + range``.

    Its own window is moved by ``shift`` days and ``lean`` half widths, and is ``width`` as wide.
    """

    base: float
    range: float
    shift: float
    lean: float
    width: float


KINDS: dict[str, Kind] = {
    "needle": Kind(0.70, 0.30, 0, 0, 1.0),
    "evergreen_broad": Kind(0.90, 0.10, 0, 0, 1.0),
    "deciduous": Kind(0.06, 0.94, 2, 0, 0.92),
    "larch": Kind(0.06, 0.94, 3, 0, 0.85),
    "shrub": Kind(0.35, 0.65, -5, 0, 1.0),
    "grass": Kind(0.12, 0.88, -8, 0, 0.95),
    "winter_crop": Kind(0.04, 0.96, 0, -0.38, 0.55),
    "summer_crop": Kind(0.04, 0.96, 0, 0.18, 0.50),
    "wetland": Kind(0.10, 0.90, 5, 0, 0.88),
}

COVER_KINDS: dict[int, dict[str, float]] = {
    lands.NEEDLE: {"needle": 1.0},
    lands.EVERGREEN: {"evergreen_broad": 1.0},
    lands.DECIDUOUS: {"deciduous": 1.0},
    lands.LARCH: {"larch": 1.0},
    lands.SHRUB: {"shrub": 1.0},
    lands.GRASS: {"grass": 1.0},
    lands.CROP: {"winter_crop": 0.4, "summer_crop": 0.4, "grass": 0.2},
    lands.URBAN: {"grass": 1.0},
    lands.WETLAND: {"wetland": 1.0},
}
"""What grows in each cover type, by share (crops: of the fields)."""

LATE_KINDS: tuple[str, ...] = ("needle", "evergreen_broad", "deciduous", "larch")
"""Kinds that are trees: they start with the delay of the stand's genera."""

LEAF = {
    lands.NEEDLE: "needle", lands.EVERGREEN: "broad", lands.DECIDUOUS: "broad", lands.LARCH: "broad",
    lands.SHRUB: "broad", lands.GRASS: "herb", lands.CROP: "herb", lands.URBAN: "herb", lands.WETLAND: "herb",
}  # fmt: skip
"""Endmember of each cover type's leaves."""

DRY_SHARE = {
    lands.NEEDLE: 0.45, lands.EVERGREEN: 0.5, lands.DECIDUOUS: 0.55, lands.LARCH: 0.5, lands.SHRUB: 0.6,
    lands.GRASS: 0.85, lands.CROP: 0.3, lands.URBAN: 0.6, lands.WETLAND: 0.75,
}  # fmt: skip
"""Of the plants that are not green, the share seen as dry matter; the rest shows soil."""

BUILT_SHARE = 0.6
"""Share of roofs and roads in urban ground."""


def is_south(land: Land) -> NDArray[np.bool_]:
    return land.lat < 0


def window(land: Land) -> tuple[NDArray, NDArray]:
    """Centre (day of year) and half width (days) of the growing window of n places."""
    south = np.where(is_south(land), YEAR / 2, 0.0)
    warm = YEAR / 2 / np.pi * np.arccos(np.clip((5.0 - land.temperature) / land.swing, -1.0, 1.0))
    wet = YEAR / 2 * np.clip(0.28 + 0.62 * land.wetness, 0.0, 1.0)
    by_warmth = warm < 150.0
    half = np.where(by_warmth, np.minimum(warm, np.maximum(wet, 45.0)), np.minimum(warm, wet))
    centre = np.where(by_warmth, 200.0, 232.0)
    half = np.where(land.mediterranean, np.clip(80.0 + 50.0 * land.wetness, 80.0, 130.0), half)
    centre = np.where(land.mediterranean, 95.0, centre)
    return (centre + south) % YEAR, np.maximum(half, 28.0)


def greenness(land: Land, time: NDArray, kind: str, late: NDArray | float = 0.0) -> NDArray:
    """Greenness 0..1 of one kind of plant: (n, m) for n places and m times; ``late`` (n,) days of delay."""
    k = KINDS[kind]
    centre, half = (v[:, None] for v in window(land))
    late = np.broadcast_to(late, land.lon.shape)[:, None]
    centre = centre + k.shift + k.lean * half + late
    half = half * k.width
    time = np.atleast_1d(np.asarray(time, dtype=np.float64))[None, :]
    cycle = np.floor((time - centre) / YEAR + 0.5).astype(np.int64)
    shift, vigour = _anomalies(land, cycle)
    day = time - centre - cycle * YEAR - shift
    ramp = 0.085 * half + 3.0
    season = 1.0 / ((1.0 + np.exp(-(day + half) / ramp)) * (1.0 + np.exp((day - half) / ramp)))
    # Where the window closes on itself there is no season left.
    strength = np.clip((YEAR / 2 - half) / 35.0, 0.0, 1.0)
    return k.base + k.range * vigour * (1.0 - strength * (1.0 - season))


def _anomalies(land: Land, cycle: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
    """Shift (days) and vigour (about 1) of cycles (n, m) of n places."""
    first, last = int(cycle.min()), int(cycle.max())
    shifts, vigours = anomalies(land, first, last)
    place, at = np.arange(len(cycle))[:, None], cycle - first
    return shifts[place, at], vigours[place, at]


def anomalies(land: Land, first: int, last: int) -> tuple[NDArray, NDArray]:
    """Shift (days) and vigour (about 1) of the cycles ``first`` .. ``last``, each (n, cycles) for n places.

    Cycle 50 has its centre in 2020.
    """
    wanted = range(first, last + 1)
    if new := [c for c in wanted if c not in land.cycles]:
        fields = [(350.0, key(land.seed, what, c)) for what in ("season", "vigour") for c in new]
        moved, strong = np.split(np.tanh(sphere_noise(land.lon, land.lat, fields)), 2)
        land.cycles.update({c: (6.0 * m, 0.955 - 0.045 * s) for c, m, s in zip(new, moved, strong, strict=True)})
    shifts, vigours = zip(*(land.cycles[c] for c in wanted), strict=True)
    return np.stack(shifts, axis=1), np.stack(vigours, axis=1)


def closure(land: Land) -> NDArray:
    """(n, 12): share of the ground that the plants of each cover type hide when fully green."""
    w = land.wetness
    out = np.zeros(land.cover.shape)
    for cover, dense in zip(range(4), (0.86, 0.96, 0.92, 0.70), strict=True):
        out[:, cover] = dense * np.clip(0.70 + 0.25 * w, 0.7, 1.0)
    out[:, lands.SHRUB] = 0.8 * np.clip(0.35 + 0.6 * w, 0.35, 1.0)
    out[:, lands.GRASS] = 0.95 * np.clip(0.28 + 0.75 * w, 0.28, 1.0)
    out[:, lands.CROP], out[:, lands.WETLAND], out[:, lands.URBAN] = 0.93, 0.82, 0.25
    return out


def warmest(land: Land) -> NDArray[np.float64]:
    """Warmest day of the year (n,), beyond its end in the south."""
    return np.where(is_south(land), 200.0 + YEAR / 2, 200.0)


def snow_cover(land: Land, time: NDArray, warmer: float = 0.0) -> NDArray:
    """Share of open ground under snow, (n, m); ``warmer`` (C) is the weather of the day against the season."""
    time = np.atleast_1d(np.asarray(time, dtype=np.float64))[None, :]
    peak = warmest(land)[:, None]
    # Snow keeps the pace of the year that the plants keep.
    time = time - _anomalies(land, np.floor((time - peak) / YEAR + 0.5).astype(np.int64))[0]
    return snow_at(
        land, land.temperature[:, None] + land.swing[:, None] * np.cos(2 * np.pi * (time - peak) / YEAR) + warmer
    )


def snow_at(land: Land, temperature: NDArray) -> NDArray:
    """Share of open ground under snow at temperatures (C), (..., n, m)."""
    return np.clip(land.rain / 260.0, 0.15, 1.0)[:, None] / (1.0 + np.exp((temperature + 1.5) / 1.6))


def mixture(land: Land) -> tuple[NDArray, dict[str, NDArray]]:
    """What EVI is made of, linear in the greenness of the plants: how n places begin, and what each kind adds.

    EVI = 2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1) is the ratio of two sums over the ground. Returns them without any
    green, (n, 2), and what full greenness adds for each kind of plant that there is, (n, 2).
    """
    bands = SPECTRA[:, [BAND_INDEX[b] for b in ("B2", "B4", "B8")]].astype(np.float64)
    # Columns: numerator and denominator, from B2, B4, B8.
    ratio = np.array([[0.0, -7.5], [-2.5, 6.0], [2.5, 1.0]])
    spectrum = dict(zip(ENDMEMBERS, bands @ ratio, strict=True))
    soil = land.soil @ (bands @ ratio)[ENDMEMBERS.index("laterite") : ENDMEMBERS.index("stone") + 1]
    dense = closure(land)
    start = land.cover[:, [lands.BARE]] * soil
    for cover, name in ((lands.WATER, "water"), (lands.ICE, "snow")):
        start += land.cover[:, [cover]] * spectrum[name]
    start[:, 1] += 1.0
    added: dict[str, NDArray] = {}
    for cover, kinds in COVER_KINDS.items():
        share = land.cover[:, [cover]]
        if not share.any():
            continue
        ground = soil
        if cover == lands.URBAN:
            ground = BUILT_SHARE * spectrum["built"] + (1.0 - BUILT_SHARE) * soil
        hidden, dry = share * dense[:, [cover]], DRY_SHARE[cover]
        # Plants that are not green are dry matter and bare ground.
        brown = dry * spectrum["dry"] + (1.0 - dry) * ground
        start += hidden * (brown - ground) + share * ground
        for kind, part in kinds.items():
            more = part * hidden * (land.leaf[:, None] * spectrum[LEAF[cover]] - brown)
            added[kind] = added[kind] + more if kind in added else more
    return start, added


def evi_curve(land: Land, time: NDArray) -> tuple[NDArray, NDArray]:
    """EVI and snow cover of n places at m times, each (n, m): of the place's mean mixture, without texture or sky.

    EVI is that of the snow-free ground; snow hides four fifths of it, as in composites that fill snow with the
    background.
    """
    start, added = mixture(land)
    over, under = (np.repeat(start[:, [i]], np.size(time), axis=1) for i in range(2))
    for kind, more in added.items():
        green = greenness(land, time, kind, land.delay if kind in LATE_KINDS else 0.0)
        over += more[:, [0]] * green
        under += more[:, [1]] * green
    snow = snow_cover(land, time)
    return seen_evi(land, over, under, snow), snow


def seen_evi(land: Land, over: NDArray, under: NDArray, snow: NDArray) -> NDArray:
    """EVI (n, m) from its numerator, denominator and snow cover."""
    # Bright surfaces (ice) turn the denominator over; products clip EVI there, and plants there are none.
    evi = np.where(land.cover[:, lands.ICE, None] > 0.3, 0.0, over / under)
    return evi * (1.0 - 0.8 * snow)


def take(land: Land, at: NDArray[np.int64]) -> Land:
    """Some of the places."""
    return Land(seed=land.seed, **{name: v[at] for name, v in vars(land).items() if isinstance(v, np.ndarray)})
