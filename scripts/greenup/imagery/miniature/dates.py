"""The four dates of many years at once.

The years of a place are the same course of green, moved by a few days and raised or lowered as a whole. So the costly
part of it, the exponentials of rise and fall, is reckoned once on an axis of days round the middle of the place's
window, and each year bends it by factors of its own. What comes out is that of `plants.evi_curve` to rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from greenup.imagery.miniature import plants
from greenup.imagery.miniature.land import Land
from greenup.imagery.miniature.plants import KINDS, YEAR

_PLACES_AT_ONCE = 64  # arrays of a step, (years, places, days), stay in the processor's cache
_CYCLES_ASIDE = 2  # a place's axis of days reaches into cycles of the years round its own


def four_dates(land: Land, years: tuple[int, int], *, step: float = 4.0, min_amplitude: float = 0.1) -> NDArray:
    """Greenup, maturity, senescence, dormancy of the cycles that peak in ``years`` (first and last, both included).

    Returns (n, years, 4) days since 1970, NaN missing. EVI first above 15 %, first above 90 %, last above 90 %, last
    above 15 % of the cycle's amplitude (MCD12Q2 v6.1 user guide, table 2); no dates below an amplitude of 0.1, which
    leaves deserts, ice and evergreen tropics without.
    """
    offsets = np.arange(-YEAR / 2, YEAR / 2 + step, step)
    cycles = np.arange(years[0], years[1] + 1) - 1970
    out = np.empty((len(land.lon), len(cycles), 4))
    if not len(land.lon):
        return out
    moved = plants.anomalies(land, cycles[0] - _CYCLES_ASIDE, cycles[-1] + _CYCLES_ASIDE)
    start, added = plants.mixture(land)
    for first in range(0, len(land.lon), _PLACES_AT_ONCE):
        part = np.arange(first, min(first + _PLACES_AT_ONCE, len(land.lon)))
        evi = _evi(
            plants.take(land, part),
            cycles,
            offsets,
            [m[part] for m in moved],
            start[part],
            {kind: more[part] for kind, more in added.items()},
        )
        low, high = evi.min(axis=2), evi.max(axis=2)
        for i, (level, is_first) in enumerate(((0.15, True), (0.9, True), (0.9, False), (0.15, False))):
            at = _crossing(evi, low + level * (high - low), is_first)
            out[part, :, i] = np.where(high - low >= min_amplitude, at, np.nan).T
    centre = plants.window(land)[0][:, None] + cycles * YEAR
    return centre[..., None] + offsets[0] + step * out


def _evi(
    land: Land, cycles: NDArray, offsets: NDArray, moved: list[NDArray], start: NDArray, added: dict[str, NDArray]
) -> NDArray[np.float64]:
    """EVI of the years' ``cycles``, (years, n, m), at m days round the middle of each place's window.

    ``moved``: shift and vigour of the cycles and of `_CYCLES_ASIDE` more on either side. ``start``, ``added``: the
    places' `plants.mixture`.
    """
    centre, half = plants.window(land)
    shift, vigour = moved
    shape = (len(cycles), len(centre), len(offsets))
    over, under = (np.broadcast_to(start[:, i, None], shape).copy() for i in range(2))
    for name, more in added.items():
        rows = np.flatnonzero(more.any(axis=1))
        if not len(rows):
            continue
        kind = KINDS[name]
        late = land.delay[rows] if name in plants.LATE_KINDS else 0.0
        width = (half[rows] * kind.width)[:, None]
        middle = (centre[rows] + kind.shift + kind.lean * half[rows] + late)[:, None]
        cycle = _Cycles(cycles, centre[rows, None], offsets, middle)
        day = cycle.day
        ramp = 0.085 * width + 3.0
        rise, fall = np.exp(-(day + width) / ramp), np.exp((day - width) / ramp)
        bent = cycle.of(np.exp(shift[rows] / ramp))
        # 1 / ((1 + rise * bent) * (1 + fall / bent)), the season of `plants.greenness`.
        season = fall / bent
        bent *= rise
        season += bent
        season += 1.0 + rise * fall
        if len(cycle.ties):
            day = cycle.tied_day - cycle.of(shift[rows], cycle.ties)
            season[..., cycle.ties] = (1.0 + np.exp(-(day + width) / ramp)) * (1.0 + np.exp((day - width) / ramp))
        strength = np.clip((YEAR / 2 - width) / 35.0, 0.0, 1.0)
        green = np.divide(strength, season, out=season)
        green += 1.0 - strength
        green *= cycle.of(kind.range * vigour[rows])
        green += kind.base
        over[:, rows] += more[rows, 0, None] * green
        under[:, rows] += more[rows, 1, None] * green
    return plants.seen_evi(land, over, under, _snow(land, cycles, offsets, shift))


def _snow(land: Land, cycles: NDArray, offsets: NDArray, shift: NDArray) -> NDArray[np.float64]:
    """`plants.snow_cover` of the years, (years, n, m)."""
    centre, peak = plants.window(land)[0][:, None], plants.warmest(land)[:, None]
    cycle = _Cycles(cycles, centre, offsets, peak)
    angle, moved = 2 * np.pi / YEAR * cycle.day, 2 * np.pi / YEAR * shift
    # The cosine of the difference: of the day, and of what the year has moved it.
    now = cycle.of(np.cos(moved)) * (land.swing[:, None] * np.cos(angle))
    now += cycle.of(np.sin(moved)) * (land.swing[:, None] * np.sin(angle))
    now += land.temperature[:, None]
    return plants.snow_at(land, now)


class _Cycles:
    """Which of the cycles round a year a day belongs to, for all years at once."""

    def __init__(self, cycles: NDArray, centre: NDArray, offsets: NDArray, middle: NDArray) -> None:
        """Days ``offsets`` (m) round ``centre`` (n, 1) in the years of ``cycles``, round ``middle`` (n, 1)."""
        self.day = centre - middle + offsets
        """(n, m): days from the middle of the cycle that the day belongs to."""
        turns = self.day / YEAR + 0.5
        turn = np.floor(turns)
        self.day -= turn * YEAR
        own = np.arange(len(cycles))[:, None, None] + np.arange(len(centre))[:, None] * (
            len(cycles) + 2 * _CYCLES_ASIDE
        )
        self._at = turn.astype(np.int64) + (own + _CYCLES_ASIDE)
        # On days just between two cycles rounding decides, which the order of steps in `plants` decides: take its very
        # steps. For many places the first day is such a day.
        ties = np.flatnonzero((np.abs(turns - np.rint(turns)) < 1e-9).any(axis=0))
        if len(ties):
            time = centre + cycles[:, None, None] * YEAR + offsets[ties]
            exact = np.floor((time - middle) / YEAR + 0.5)
            self._at[..., ties] += (exact - cycles[:, None, None] - turn[:, ties]).astype(np.int64)
            self.tied_day = time - middle - exact * YEAR
        self.ties = ties

    def of(self, values: NDArray[np.float64], days: slice | NDArray[np.int64] = np.s_[:]) -> NDArray[np.float64]:
        """Values of the cycles, (n, cycles), at the days of each year (or some of these days), (years, n, m)."""
        return np.take(values, self._at[..., days])


def _crossing(evi: NDArray, level: NDArray, first: bool) -> NDArray[np.float64]:
    """Position (in steps, linear between samples) where EVI, (..., m), is first (or last) above a level (...)."""
    rows = evi if first else evi[..., ::-1]
    i = (rows > level[..., None]).argmax(axis=-1)
    before = np.maximum(i - 1, 0)
    a, b = (np.take_along_axis(rows, at[..., None], axis=-1)[..., 0] for at in (before, i))
    at = np.where(i > 0, before + np.clip((level - a) / np.where(b > a, b - a, 1.0), 0.0, 1.0), 0.0)
    return at if first else evi.shape[-1] - 1 - at
