"""The course of green over the year: from climate to greenness, from greenness to EVI and the four dates.

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
    """Shift (days) and vigour (about 1) of the cycles of n places; cycle 50 has its centre in 2020."""
    years = np.unique(cycle).tolist()
    if new := [y for y in years if y not in land.cycles]:
        fields = [(350.0, key(land.seed, what, y)) for what in ("season", "vigour") for y in new]
        moved, strong = np.split(np.tanh(sphere_noise(land.lon, land.lat, fields)), 2)
        land.cycles.update({y: (6.0 * m, 0.955 - 0.045 * s) for y, m, s in zip(new, moved, strong, strict=True)})
    shift, vigour = np.zeros(cycle.shape), np.ones(cycle.shape)
    for y in years:
        at = cycle == y
        shift, vigour = (np.where(at, of[:, None], v) for of, v in zip(land.cycles[y], (shift, vigour), strict=True))
    return shift, vigour


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


def snow_cover(land: Land, time: NDArray, warmer: float = 0.0) -> NDArray:
    """Share of open ground under snow, (n, m); ``warmer`` (C) is the weather of the day against the season."""
    time = np.atleast_1d(np.asarray(time, dtype=np.float64))[None, :]
    peak = np.where(is_south(land), 200.0 + YEAR / 2, 200.0)[:, None]
    # Snow keeps the pace of the year that the plants keep.
    time = time - _anomalies(land, np.floor((time - peak) / YEAR + 0.5).astype(np.int64))[0]
    now = land.temperature[:, None] + land.swing[:, None] * np.cos(2 * np.pi * (time - peak) / YEAR) + warmer
    return np.clip(land.rain / 260.0, 0.15, 1.0)[:, None] / (1.0 + np.exp((now + 1.5) / 1.6))


def evi_curve(land: Land, time: NDArray) -> tuple[NDArray, NDArray]:
    """EVI and snow cover of n places at m times, each (n, m): of the place's mean mixture, without texture or sky.

    EVI = 2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1) of the snow-free ground; snow hides four fifths of it, as in
    composites that fill snow with the background.
    """
    bands = SPECTRA[:, [BAND_INDEX[b] for b in ("B2", "B4", "B8")]].astype(np.float64)
    spectrum = dict(zip(ENDMEMBERS, bands, strict=True))
    soil = land.soil @ bands[ENDMEMBERS.index("laterite") : ENDMEMBERS.index("stone") + 1]
    dense = closure(land)
    total = np.zeros((len(land.lon), np.size(time), 3))
    for cover, kinds in COVER_KINDS.items():
        share = land.cover[:, cover]
        if not share.any():
            continue
        late = land.delay if cover < 4 else 0.0
        green = sum(part * greenness(land, time, kind, late) for kind, part in kinds.items())
        hidden = (share * dense[:, cover])[:, None]
        dry = (1.0 - green) * DRY_SHARE[cover]
        leaf = spectrum[LEAF[cover]]
        total += (hidden * green * land.leaf[:, None])[..., None] * leaf + (hidden * dry)[..., None] * spectrum["dry"]
        rest = share[:, None] - hidden * (green + dry)
        if cover == lands.URBAN:
            total += (rest * BUILT_SHARE)[..., None] * spectrum["built"]
            rest = rest * (1.0 - BUILT_SHARE)
        total += rest[..., None] * soil[:, None, :]
    total += land.cover[:, lands.BARE, None, None] * soil[:, None, :]
    total += land.cover[:, lands.WATER, None, None] * spectrum["water"]
    total += land.cover[:, lands.ICE, None, None] * spectrum["snow"]
    blue, red, nir = np.moveaxis(total, -1, 0)
    # Bright surfaces (ice) turn the denominator over; products clip EVI there, and plants there are none.
    evi = np.where(land.cover[:, lands.ICE, None] > 0.3, 0.0, 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1.0))
    snow = snow_cover(land, time)
    return evi * (1.0 - 0.8 * snow), snow


def four_dates(land: Land, year: int, *, step: float = 4.0, min_amplitude: float = 0.1) -> NDArray:
    """Greenup, maturity, senescence, dormancy of the cycle that peaks in ``year``: (n, 4) days since 1970, NaN missing.

    EVI first above 15 %, first above 90 %, last above 90 %, last above 15 % of the cycle's amplitude (MCD12Q2 v6.1 user
    guide, table 2); no dates below an amplitude of 0.1, which leaves deserts, ice and evergreen tropics without.
    """
    centre = window(land)[0] + (year - 1970) * YEAR
    offsets = np.arange(-YEAR / 2, YEAR / 2 + step, step)
    out = np.full((len(land.lon), 4), np.nan)
    if not len(land.lon):
        return out
    # Places of one centre share a time axis; centres are few (zone x hemisphere).
    for c in np.unique(centre):
        at = np.flatnonzero(centre == c)
        sub = take(land, at)
        evi = evi_curve(sub, c + offsets)[0]
        low, high = evi.min(axis=1), evi.max(axis=1)
        scaled = (evi - low[:, None]) / np.maximum(high - low, 1e-9)[:, None]
        dates = np.stack(
            [_crossing(scaled, 0.15, True), _crossing(scaled, 0.9, True), _crossing(scaled, 0.9, False),
             _crossing(scaled, 0.15, False)], axis=1
        )  # fmt: skip
        dates = c + offsets[0] + step * dates
        out[at] = np.where((high - low >= min_amplitude)[:, None], dates, np.nan)
    return out


def _crossing(scaled: NDArray, level: float, first: bool) -> NDArray:
    """Position (in steps, linear between samples) where rows are first (or last) above a level."""
    rows = scaled if first else scaled[:, ::-1]
    i = (rows > level).argmax(axis=1)
    before = np.maximum(i - 1, 0)
    r = np.arange(len(rows))
    a, b = rows[r, before], rows[r, i]
    at = np.where(i > 0, before + np.clip((level - a) / np.where(b > a, b - a, 1.0), 0.0, 1.0), 0.0)
    return at if first else rows.shape[1] - 1 - at


def take(land: Land, at: NDArray[np.int64]) -> Land:
    """Some of the places."""
    return Land(seed=land.seed, **{name: v[at] for name, v in vars(land).items() if isinstance(v, np.ndarray)})
