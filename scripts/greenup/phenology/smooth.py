"""A daily curve through a noisy, gappy series of vegetation index at one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

BACKGROUND = 0.05
"""Quantile of a place's values free of cloud and snow that stands for its ground at rest (Bolton et al. 2020,
doi:10.1016/j.rse.2020.111685, the 30 m product that follows MCD12Q2)."""

PERIOD_DAYS, MOST_DAYS = 40.0, 75.0
"""Waves of this period come through smoothing with half their height; shorter ones are noise, longer ones season. The
first for a series without noise, which no season is too steep for; more with noise (see `cutoff`), up to the second."""

CALM = 0.02
"""Noise up to which it hardly moves dates, as a share of the series' range, for an observation every ten days: from
there on smoothing grows."""

TENSION_DAYS = 9.0
"""The same for the smoother's tension: too weak to flatten a season (a wave of 60 days loses 2 %), but it lets
gaps be bridged almost straight, where a smoother without it swings far below what was seen on either side."""

MIN_NOISE = 0.04
"""Noise, as a share of the series' range, that every observation is granted, lest the bends of a perfect series count
as outliers."""

_NEAR_DAYS = 60.0  # neighbours further apart say nothing of what lies between them
_STENCIL = np.array([1.0, -3.0, 3.0, -1.0])  # third difference

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def fill_snow(values: Floats, snow: Flags) -> Floats:
    """Values under snow replaced by the ground at rest: the `BACKGROUND` quantile of those without snow.

    Where there is snow, values below the background are raised to it: ground half under snow. Without any snow the
    values stay as they are. At least one value must be free of snow.
    """
    if not snow.any():
        return values
    background = np.quantile(values[~snow], BACKGROUND)
    return np.where(snow, background, np.maximum(values, background))


def smooth_daily(days: Floats, values: Floats, snow: Flags | None = None) -> tuple[Floats, Floats]:
    """A daily curve through observations: (day numbers, values).

    ``days`` (ascending, since 1970-01-01) and ``values``: shape (n,), those under ``snow`` filled. Between two days an
    observation speaks of both, by its distance. Outliers lose weight in three rounds of Tukey's bisquare, dips sooner
    than rises, since unseen cloud and haze only lower the index; their scale is the robust standard deviation around
    the curve (1.4826 times the median absolute deviation).
    """
    first = np.floor(days[0])
    grid = first + np.arange(int(np.floor(days[-1]) - first) + 2, dtype=np.float64)
    at = (np.floor(days) - first).astype(np.int64)
    late = days - np.floor(days)
    early, n = 1.0 - late, len(grid)
    # Stiffness for a fixed cut-off whatever the revisit time: a wave of frequency w keeps density / (density + s w^6).
    density = len(days) / n
    extent = float(np.subtract(*np.quantile(values, [0.95, 0.05])))
    free = np.ones(len(days), dtype=bool) if snow is None else ~snow  # filled values are without noise
    period = cutoff(days[free], values[free], extent)
    tension = density * (TENSION_DAYS / (2 * np.pi)) ** 2
    robust = np.ones(len(days))
    # Outliers are told by a nimbler curve: a stiff one takes both ends of a steep flank for such.
    nimble = np.sqrt(PERIOD_DAYS * period)
    for width in (nimble, nimble, nimble, period):
        stiffness = density * (width / (2 * np.pi)) ** 6
        diagonal = np.bincount(at, robust * early**2, n) + np.bincount(at + 1, robust * late**2, n)
        beside = np.bincount(at, robust * early * late, n)[:-1]
        rhs = np.bincount(at, robust * early * values, n) + np.bincount(at + 1, robust * late * values, n)
        curve = whittaker(rhs, diagonal, beside, stiffness, tension)
        residual = values - (early * curve[at] + late * curve[at + 1])
        noise = 1.4826 * float(np.median(np.abs(residual)))
        scale = np.where(residual < 0, 4.0, 6.0) * max(noise, MIN_NOISE * extent, 1e-9)
        robust = np.clip(1.0 - (residual / scale) ** 2, 0.0, None) ** 2
    if snow is not None and snow.any():
        # Before a steep rise a smoother may swing below the ground at rest, which is known where there is snow.
        curve = np.maximum(curve, values[snow].min())
    return grid, curve


def cutoff(days: Floats, values: Floats, extent: float) -> float:
    """The period (days) whose waves are halved: longer for series that are noisier or have fewer observations.

    Noise is told from season by what neighbours say of an observation between them, the residual from the straight line
    through both (Gasser, Sroka and Jennen-Steinmetz 1986, doi:10.1093/biomet/73.3.625). Its lower third counts, since
    where the season bends residuals are no noise. ``extent``: range of the values. The exponent of 1/3 lies near the
    best in simulations of double-logistic years (noise 0 to 0.04 EVI, haze on up to 15 % of the days, a revisit of 5 to
    16 days).
    """
    gap = np.diff(days)
    near = (gap[1:] + gap[:-1] <= _NEAR_DAYS) & (gap[1:] > 0) & (gap[:-1] > 0)
    if np.count_nonzero(near) < 8 or extent <= 0:
        return PERIOD_DAYS
    share = gap[1:][near] / (gap[1:] + gap[:-1])[near]
    middle, before, after = (v[near] for v in (values[1:-1], values[:-2], values[2:]))
    residual = np.abs(middle - share * before - (1 - share) * after) / np.sqrt(1 + share**2 + (1 - share) ** 2)
    noise = float(np.quantile(residual, 1 / 3)) / 0.4307  # the lower third of a normal distribution's absolute values
    # Noise of a mean over ten days, which is what a curve sees of it.
    felt = noise * np.sqrt((days[-1] - days[0]) / (10.0 * len(days)))
    return float(min(PERIOD_DAYS * (1 + (felt / (CALM * extent)) ** 2) ** (1 / 6), MOST_DAYS))


def whittaker(rhs: Floats, diagonal: Floats, beside: Floats, stiffness: float, tension: float) -> Floats:
    """Penalised least squares on an even grid (Eilers 2003, doi:10.1021/ac034173t), shape (n,), n >= 4.

    Minimises sum of squared residuals + ``stiffness`` x sum of squared third differences + ``tension`` x sum of squared
    first differences. ``diagonal`` (n,) and ``beside`` (n - 1,) are the tridiagonal normal matrix of the observations,
    ``rhs`` their weighted sums. Third differences, since a smoother of that order leaves slopes and bends of a season
    nearly as they are, at the same noise.
    """
    n = len(rhs)
    order = len(_STENCIL) - 1
    upper = np.zeros((order + 1, n))
    for k in range(order + 1):
        for j in range(order + 1 - k):
            upper[order - k, j + k : j + k + n - order] += stiffness * _STENCIL[j] * _STENCIL[j + k]
    upper[order, 1:] += tension
    upper[order, :-1] += tension
    upper[order - 1, 1:] += beside - tension
    upper[order] += diagonal + 1e-9
    return solveh_banded(upper, rhs, check_finite=False)
