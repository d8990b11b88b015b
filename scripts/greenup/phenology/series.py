"""Phenological dates from a series of vegetation index at one place, after the definitions of MCD12Q2.

MCD12Q2's user guide (Gray, Sulla-Menashe and Friedl 2022, collection 6.1): observations under snow are replaced by the
place's value without snow and without leaves, the series is smoothed on a daily grid, cycles between two minima are
found, and the dates are where the curve crosses 15 % and 90 % of the amplitude, upwards before and downwards after the
peak. As there, the amplitude before the peak counts from the minimum before it, the one after from the minimum after; a
cycle whose amplitude is below 0.1 is none. Differences to the product: a penalised smoother in place of its spline, one
cycle a year (the largest), greenup and dormancy at the crossing next to the peak, and no date is given where
observations do not support it.

The levels are shares of an amplitude, so any index that rises with leaves will do: EVI, EVI2, NDVI. NDVI saturates over
closed canopies: its plateau is longer than that of EVI, so that all four dates lie further from the peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from greenup.phenology.doy import YEAR
from greenup.phenology.smooth import Flags, Floats, fill_snow, smooth_daily

LOW, HIGH = 0.15, 0.90
"""Shares of the amplitude at greenup and dormancy, and at maturity and senescence (MCD12Q2)."""

MIN_AMPLITUDE = 0.1
"""Smallest amplitude (EVI units) that is a cycle (MCD12Q2). The year's first two harmonics alone must have it as well:
peaks and troughs of haze over an evergreen canopy add up to an amplitude, but not to a wave of the year."""

MAX_GAP_DAYS = 60.0
"""A date inside a longer gap between observations is not given; nor is one of a cycle whose peak lies in one."""

_MARGIN = 75  # days beyond a segment in which its minima may lie
_SEEN = 0.75  # share of a segment between the first and the last observation


@dataclass(frozen=True)
class Cycle:
    """One vegetation cycle: the ``year`` in which its segment is centred; dates in days since 1970-01-01.

    ``start``, ``peak`` and ``stop``: days of the minimum before, the maximum and the minimum after; ``low_before``,
    ``high`` and ``low_after``: the smoothed index there, between which the shares are counted.
    """

    year: int
    greenup: float
    maturity: float
    senescence: float
    dormancy: float
    start: float
    peak: float
    stop: float
    low_before: float
    high: float
    low_after: float

    @property
    def levels(self) -> tuple[float, float, float, float]:
        """The index at greenup, maturity, senescence and dormancy."""
        rise, fall = self.high - self.low_before, self.high - self.low_after
        return (
            self.low_before + LOW * rise,
            self.low_before + HIGH * rise,
            self.low_after + HIGH * fall,
            self.low_after + LOW * fall,
        )


@dataclass(frozen=True)
class Found:
    """The cycles of a place in order of time, or why there are none: ``cause`` is no_data or no_cycle, else None.

    no_cycle: at least one year was seen well enough, and none of those has a wave of the least amplitude (evergreen,
    bare, under snow throughout). no_data: no year was seen well enough to say.
    """

    cycles: list[Cycle]
    cause: str | None


def find_cycles(
    days: ArrayLike,
    values: ArrayLike,
    snow: ArrayLike | None = None,
    *,
    min_observations: int,
    min_amplitude: float = MIN_AMPLITUDE,
) -> Found:
    """The yearly cycles of one place, from observations without cloud.

    ``days``: days since 1970-01-01, in any order, fractions allowed; ``values``: their index, -1..1; ``snow``: whether
    the ground lay under snow (its value is then of no importance); shape (n,), NaN left out. A cycle needs
    ``min_observations`` (those under snow included) in its year, a rise and a fall of ``min_amplitude``, and no date in
    a gap longer than `MAX_GAP_DAYS`. Never is a date made up.
    """
    days, values, snow = usable(days, values, snow)
    if len(days) < min_observations or days[-1] - days[0] < _SEEN * YEAR:
        return Found([], "no_data")
    if np.count_nonzero(~snow) < min_observations:
        return Found([], "no_cycle" if snow.mean() > 0.5 else "no_data")
    values = fill_snow(values, snow)
    grid, curve = smooth_daily(days, values, snow)
    cycles, is_flat = [], False
    for year, start in _segments(grid, curve):
        if np.count_nonzero((days >= start) & (days < start + YEAR)) < min_observations:
            continue
        outcome = _date_segment(year, start, grid, curve, days, min_amplitude)
        if isinstance(outcome, Cycle):
            cycles.append(outcome)
        is_flat |= outcome == "no_cycle"
    if cycles:
        return Found(cycles, None)
    return Found([], "no_cycle" if is_flat else "no_data")


def usable(days: ArrayLike, values: ArrayLike, snow: ArrayLike | None = None) -> tuple[Floats, Floats, Flags]:
    """Days, values and snow of the observations that can be used, in order of time."""
    days, values = np.asarray(days, dtype=np.float64), np.asarray(values, dtype=np.float64)
    snow = np.zeros(len(days), dtype=bool) if snow is None else np.asarray(snow, dtype=bool)
    good = np.isfinite(days) & (snow | (np.abs(values) <= 1.0))
    order = np.argsort(days[good], kind="stable")
    return days[good][order], values[good][order], snow[good][order]


def _segments(grid: Floats, curve: Floats) -> list[tuple[int, float]]:
    """Year and first day of the yearly segments: a year around each mean peak, from half a year before it.

    The mean peak comes from the first harmonic of the year, a phase that noise and single odd years hardly move; so
    segments are the same in both hemispheres, though southern peaks lie around New Year. The year is counted in mean
    years, so that peaks on 1 January never fall twice into one calendar year.
    """
    _, cos, sin = np.linalg.lstsq(_waves(grid, 1), curve, rcond=None)[0]
    phase = np.arctan2(sin, cos) / (2 * np.pi) % 1.0
    first, last = np.floor(grid[0] / YEAR - phase), np.ceil(grid[-1] / YEAR - phase)
    return [(1970 + int(k), (k + phase - 0.5) * YEAR) for k in np.arange(first, last + 1)]


def _waves(days: Floats, number: int) -> Floats:
    """A constant, and cosine and sine of the year and its fractions, shape (n, 1 + 2 x number)."""
    phase = 2 * np.pi * days / YEAR
    return np.stack(
        [np.ones_like(days), *(f(k * phase) for k in range(1, number + 1) for f in (np.cos, np.sin))], axis=1
    )


def _harmonics(days: Floats, values: Floats, number: int) -> Floats:
    """The values, as far as the first harmonics of the year tell them."""
    waves = _waves(days, number)
    return waves @ np.linalg.lstsq(waves, values, rcond=None)[0]


def _date_segment(
    year: int, start: float, grid: Floats, curve: Floats, days: Floats, min_amplitude: float
) -> Cycle | str:
    """The cycle of a segment, or why it has none."""
    inner = np.flatnonzero((grid >= start) & (grid < start + YEAR))
    if len(inner) < _SEEN * YEAR:
        return "no_data"
    top = int(inner[curve[inner].argmax()])
    # A peak inside a long gap is no measurement. A minimum may lie in one: where nobody saw the ground at rest, the
    # curve dips in the gap, its lower crossing too lies there, and no date is given.
    if gap_at(days, grid[top : top + 1])[0] > MAX_GAP_DAYS:
        return "no_data"
    before = np.flatnonzero((grid >= start - _MARGIN) & (grid <= grid[top]))
    after = np.flatnonzero((grid >= grid[top]) & (grid < start + YEAR + _MARGIN))
    left, right = int(before[curve[before].argmin()]), int(after[curve[after].argmin()])
    low_before, high, low_after = float(curve[left]), float(curve[top]), float(curve[right])
    rise, fall = high - low_before, high - low_after
    if min(rise, fall) < min_amplitude or np.ptp(_harmonics(grid[inner], curve[inner], 2)) < min_amplitude:
        return "no_cycle"
    up, rising = grid[left : top + 1], curve[left : top + 1]
    # The fall is dated as a rise in reversed time.
    down, falling = -grid[top : right + 1][::-1], curve[top : right + 1][::-1]
    dates = (
        _leaves(up, rising, low_before + LOW * rise),
        _reaches(up, rising, low_before + HIGH * rise),
        -_reaches(down, falling, low_after + HIGH * fall),
        -_leaves(down, falling, low_after + LOW * fall),
    )
    if (gap_at(days, np.array(dates)) > MAX_GAP_DAYS).any():
        return "no_data"
    return Cycle(year, *dates, float(grid[left]), float(grid[top]), float(grid[right]), low_before, high, low_after)


def _reaches(days: Floats, values: Floats, level: float) -> float:
    """The day on which values that start below a level first reach it."""
    return _between(days, values, level, int((values >= level).argmax()))


def _leaves(days: Floats, values: Floats, level: float) -> float:
    """The day on which values that end above a level leave it behind for good.

    On a clean curve this is the first crossing as well; on a long flat base the first one is a ripple of noise.
    """
    return _between(days, values, level, len(values) - int((values < level)[::-1].argmax()))


def _between(days: Floats, values: Floats, level: float, at: int) -> float:
    """When, between positions at - 1 (below the level) and at (not below), the level is reached."""
    share = (level - values[at - 1]) / (values[at] - values[at - 1])
    return float(days[at - 1] + share * (days[at] - days[at - 1]))


def gap_at(days: Floats, dates: Floats) -> Floats:
    """Length (days) of the gap between observations in which each date lies; infinite outside all of them."""
    edges = np.concatenate([[-np.inf], days, [np.inf]])
    before = np.searchsorted(days, dates, side="right")  # position in ``edges`` of the last observation not after it
    gap = edges[np.minimum(before + 1, len(edges) - 1)] - edges[before]
    return np.where(edges[before] == dates, 0.0, gap)
