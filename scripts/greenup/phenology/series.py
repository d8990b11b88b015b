"""Phenological dates from a series of vegetation index at one place, after the definitions of MCD12Q2.

MCD12Q2's user guide (Friedl et al. 2022, collection 6.1): the series is smoothed on a daily grid, cycles between two
minima are found, and the dates are where the curve crosses 15 % and 90 % of the amplitude, upwards before and downwards
after the peak. As there, the amplitude before the peak counts from the minimum before it, the one after from the
minimum after; a cycle whose amplitude is below 0.1 is none. Differences to the product: a Whittaker smoother in place
of a spline, one cycle a year, greenup and dormancy at the crossing next to the peak, and no date is given where
observations do not support it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solveh_banded

from greenup.phenology.doy import YEAR, year_of

LOW, HIGH = 0.15, 0.90
"""Shares of the amplitude at greenup and dormancy, and at maturity and senescence (MCD12Q2)."""

MIN_AMPLITUDE = 0.1
"""Smallest amplitude (EVI units) that is a cycle (MCD12Q2). The year's first two harmonics alone must have it as well:
peaks and troughs of haze over an evergreen canopy add up to an amplitude, but not to a wave of the year."""

PERIOD_DAYS = 40.0
"""Waves of this period come through smoothing with half their height; shorter ones are noise, longer ones season."""

MIN_NOISE = 0.02
"""Noise (EVI units) that every observation is granted, lest the bends of a perfect series count as outliers."""

MAX_GAP_DAYS = 60.0
"""A date inside a longer gap between clear observations is not given."""

_MARGIN = 75  # days beyond a segment in which its minima may lie

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cycle:
    """One vegetation cycle: the ``year`` in which its segment is centred; dates in days since 1970-01-01."""

    year: int
    greenup: float
    maturity: float
    senescence: float
    dormancy: float


def whittaker(values: Floats, weights: Floats, stiffness: Floats | float) -> Floats:
    """Penalised least squares on an even grid: minimise sum w (v - z)^2 + stiffness sum (second difference of z)^2.

    (Eilers 2003, doi:10.1021/ac034173t.) ``weights`` of 0 are gaps, which are bridged smoothly. Shape (n,), n >= 3.
    """
    n = len(values)
    upper = np.zeros((3, n))
    upper[2] = 6.0
    upper[2, [0, -1]], upper[2, [1, -2]] = 1.0, 5.0
    upper[1, 1:] = -4.0
    upper[1, [1, -1]] = -2.0
    upper[0, 2:] = 1.0
    if n == 3:
        upper[2, 1], upper[1, 1:] = 4.0, -2.0
    upper *= stiffness
    upper[2] += weights + 1e-9
    return solveh_banded(upper, weights * values, check_finite=False)


def smooth_daily(days: Floats, evi: Floats) -> tuple[Floats, Floats]:
    """A daily curve through clear observations: (day numbers, values).

    ``days`` (ascending, since 1970-01-01) and ``evi``: shape (n,). Outliers lose their weight in three rounds of
    Tukey's bisquare, dips more than rises, since unseen cloud and haze only lower the index; their scale is the robust
    standard deviation around the curve (1.4826 times the median absolute deviation).
    """
    first = int(np.floor(days[0]))
    grid = np.arange(first, int(np.floor(days[-1])) + 1, dtype=np.float64)
    at = np.floor(days).astype(np.int64) - first
    count = np.bincount(at, minlength=len(grid)).astype(np.float64)
    # Stiffness for a fixed cut-off whatever the revisit time: a wave of frequency w keeps density / (density + s w^4).
    stiffness = count.mean() * (PERIOD_DAYS / (2 * np.pi)) ** 4
    robust = np.ones(len(days))
    curve = np.zeros_like(grid)
    for _ in range(4):
        weight = np.bincount(at, weights=robust, minlength=len(grid))
        total = np.bincount(at, weights=robust * evi, minlength=len(grid))
        mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        curve = whittaker(mean, weight, stiffness)
        residual = evi - curve[at]
        noise = 1.4826 * float(np.median(np.abs(residual)))
        scale = np.where(residual < 0, 4.0, 6.0) * max(noise, MIN_NOISE)
        robust = np.clip(1.0 - (residual / scale) ** 2, 0.0, None) ** 2
    return grid, curve


def find_cycles(days: ArrayLike, evi: ArrayLike, *, min_observations: int) -> list[Cycle]:
    """The yearly cycles of one place, from clear observations.

    ``days``: days since 1970-01-01, in any order; ``evi``: their values, -1..1; shape (n,), NaN left out. A cycle needs
    ``min_observations`` in its year and no date inside a long gap; an empty list means that there is no cycle
    (evergreen, bare, too few observations). Never is a date made up.
    """
    days, evi = np.asarray(days, dtype=np.float64), np.asarray(evi, dtype=np.float64)
    good = np.isfinite(days) & np.isfinite(evi) & (np.abs(evi) <= 1.0)
    order = np.argsort(days[good], kind="stable")
    days, evi = days[good][order], evi[good][order]
    if len(days) < min_observations or days[-1] - days[0] < 0.75 * YEAR:
        return []
    grid, curve = smooth_daily(days, evi)
    cycles = []
    for start in _segments(grid, curve):
        cycle = _date_segment(start, grid, curve, days, min_observations)
        if cycle is not None:
            cycles.append(cycle)
    return cycles


def _segments(grid: Floats, curve: Floats) -> Floats:
    """First days of the yearly segments: a year around each mean peak, from half a year before it.

    The mean peak comes from the first harmonic of the year, a phase that noise and single odd years hardly move; so
    segments are the same in both hemispheres, though southern peaks lie around New Year.
    """
    _, cos, sin = np.linalg.lstsq(_waves(grid, 1), curve, rcond=None)[0]
    peak = (np.arctan2(sin, cos) / (2 * np.pi) % 1.0) * YEAR
    first = np.floor((grid[0] - peak) / YEAR) * YEAR + peak
    peaks = np.arange(first, grid[-1] + YEAR, YEAR)
    return peaks - YEAR / 2


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


def _date_segment(start: float, grid: Floats, curve: Floats, days: Floats, min_observations: int) -> Cycle | None:
    inner = np.flatnonzero((grid >= start) & (grid < start + YEAR))
    # At least three quarters of a segment must be seen, and both flanks of its peak.
    if len(inner) < 0.75 * YEAR:
        return None
    peak = int(inner[curve[inner].argmax()])
    before = np.flatnonzero((grid >= start - _MARGIN) & (grid <= grid[peak]))
    after = np.flatnonzero((grid >= grid[peak]) & (grid < start + YEAR + _MARGIN))
    left, right = int(before[curve[before].argmin()]), int(after[curve[after].argmin()])
    rise, fall = curve[peak] - curve[left], curve[peak] - curve[right]
    if min(rise, fall) < MIN_AMPLITUDE:
        return None
    if np.ptp(_harmonics(grid[inner], curve[inner], 2)) < MIN_AMPLITUDE:
        return None
    if np.count_nonzero((days >= start) & (days < start + YEAR)) < min_observations:
        return None
    up, rising = grid[left : peak + 1], curve[left : peak + 1]
    # The fall is dated as a rise in reversed time.
    down, falling = -grid[peak : right + 1][::-1], curve[peak : right + 1][::-1]
    dates = (
        _leaves(up, rising, curve[left] + LOW * rise),
        _reaches(up, rising, curve[left] + HIGH * rise),
        -_reaches(down, falling, curve[right] + HIGH * fall),
        -_leaves(down, falling, curve[right] + LOW * fall),
    )
    if any(_gap_at(days, date) > MAX_GAP_DAYS for date in dates):
        return None
    return Cycle(int(year_of(start + YEAR / 2)), *dates)


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


def _gap_at(days: Floats, date: float) -> float:
    """Length (days) of the gap between observations in which a date lies; infinite outside all of them."""
    i = int(np.searchsorted(days, date))
    if i == 0 or i == len(days):
        return 0.0 if days[min(i, len(days) - 1)] == date else np.inf
    return float(days[i] - days[i - 1])
