"""Years of vegetation index in closed form, and the dates that they have."""

import numpy as np
from greenup.phenology.doy import YEAR, difference

NAMES = ("greenup", "maturity", "senescence", "dormancy")


def double_logistic(day, onset=130.0, end=270.0, rate=0.1, base=0.1, amplitude=0.5, fall=None):
    """Index of a deciduous year (Fischer 1994; Beck et al. 2006), day in 0..365.25; ``fall``: rate of the decline."""
    up = 1 / (1 + np.exp(-rate * (day - onset)))
    return base + amplitude * (up - 1 / (1 + np.exp(-(fall or rate) * (day - end))))


def true_dates(**shape):
    """Its crossings of 15 % and 90 % of the amplitude on either side, on a fine grid."""
    day = np.arange(0, YEAR, 0.01)
    index = double_logistic(day, **shape)
    peak = index.argmax()
    up, down = index[: peak + 1], index[peak:]
    rise, fall = index[peak] - up.min(), index[peak] - down.min()
    return np.array(
        [
            day[(up >= up.min() + 0.15 * rise).argmax()],
            day[(up >= up.min() + 0.9 * rise).argmax()],
            day[peak + np.flatnonzero(down >= down.min() + 0.9 * fall)[-1]],
            day[peak + np.flatnonzero(down >= down.min() + 0.15 * fall)[-1]],
        ]
    )


def series(step=5, years=6, shift=0.0, noise=0.0, haze=0.0, seed=0, phase=0.0, **shape):
    """Days since 1970-01-01 and values of a place with the same year again and again, ``shift`` days later than given.

    ``haze``: share of the observations that are 0.05 to 0.3 too low.
    """
    days = np.arange(phase, years * YEAR, step)
    rng = np.random.default_rng(seed)
    hazy = (rng.random(len(days)) < haze) * rng.uniform(0.05, 0.3, len(days))
    return days, double_logistic((days - shift) % YEAR, **shape) + noise * rng.standard_normal(len(days)) - hazy


def errors(cycles, truth, shift=0.0):
    """Days by which the dates of the cycles, shape (cycles, 4), are late."""
    return difference(np.array([[getattr(c, n) for n in NAMES] for c in cycles]) % YEAR, truth + shift)
