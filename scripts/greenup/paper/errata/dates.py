"""When images are taken: the random phase of SSL4EO-S12's four dates, medians over New Year, donors of dates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.paper.errata.row import SEED, Number, Samples
from greenup.paper.reference_sites import read_reference
from greenup.phenology.doy import YEAR, circular_median, plain_median
from greenup.phenology.fill import DATES, fill_dates
from greenup.randomness import generator

QUARTERS = np.array(["2020-12-21", "2021-03-20", "2021-06-21", "2021-09-22"], dtype="datetime64[D]")
"""Reference days of the released downloader, before the random shift."""

DOCUMENTED = np.array(
    [f"{year}-{day}" for year in (2020, 2021) for day in ("03-20", "06-21", "09-22", "12-21")], dtype="datetime64[D]"
)
"""Middle days of the windows that the later downloader documents, of its year and of the year before."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Days = np.ndarray


def random_phase(samples: Samples) -> list[Number]:
    """Whether the four dates of real SSL4EO-S12 sites are seasons: fit to either rule, months, gaps.

    The file has four dates a site; see `shares_a_shift` and `in_documented_windows`. Raises `UserError` for a file that
    `greenup.paper.reference_sites.read_reference` refuses.
    """
    table = read_reference(samples.ssl4eo_sites)
    days = table["time"].dt.tz_localize(None).to_numpy().astype("datetime64[D]").reshape(-1, len(QUARTERS))
    inside = in_documented_windows(days)
    month = days.astype("datetime64[M]").astype(int) % 12
    numbers = [
        Number("sites", "sites", float(len(days)), is_detail=True),
        Number(
            "sites that one random shift of 0–364 days explains (±15 days)",
            "%",
            _percent(shares_a_shift(days)),
            digits=2,
        ),
        Number("sites with all dates in the documented windows (±30 days)", "%", _percent(inside.all(axis=1)), 100.0),
        Number("dates in the documented windows", "%", _percent(inside), 100.0),
        *(
            Number(f"such sites if the phase is random, {words} (invented)", "%", _percent(inside_all(any_day)))
            for any_day, words in ((True, "any day of a window alike"), (False, "always the last day"))
        ),
    ]
    shares = [100 * np.bincount(month[:, i], minlength=12) / len(days) for i in range(days.shape[1])]
    numbers += [
        Number("least share of a date in one month", "%", float(np.min(shares))),
        Number("largest share of a date in one month", "%", float(np.max(shares))),
        Number("median days between two dates", "days", float(np.median(np.diff(days, axis=1).astype(int)))),
    ]
    for i, share in enumerate(shares):
        numbers += [
            Number(f"date {i + 1} in {name}", "%", float(s), is_detail=True)
            for name, s in zip(MONTHS, share, strict=True)
        ]
    return numbers


def shares_a_shift(days: Days, *, half_width: int = 15, longest: int = 364) -> np.ndarray:
    """Bool (sites,): whether some number of days 0..``longest`` moves `QUARTERS` backwards so that each of the four
    dates (sites, 4), in order of time, lies within ``half_width`` days of its reference."""
    back = (QUARTERS - days).astype(int)
    least = np.maximum((back - half_width).max(axis=1), 0)
    most = np.minimum((back + half_width).min(axis=1), longest)
    return least <= most


def inside_all(any_day: bool) -> np.ndarray:
    """Bool (sites,) of invented phases: whether all four dates lie in documented windows."""
    return in_documented_windows(invented_phases(any_day=any_day)).all(axis=1)


def invented_phases(count: int = 20_000, *, any_day: bool = True) -> Days:
    """Dates (sites, 4) as the released rule makes them, one shift a site, where any day of a window is as likely, or
    (the latest image is taken) where it is always the last day. Real images lie between the two."""
    rng = generator(SEED, "errata", "phase")
    shift = rng.integers(365, size=(count, 1))
    within = rng.integers(-15, 16, size=(count, len(QUARTERS))) if any_day else np.full((count, len(QUARTERS)), 15)
    return QUARTERS - (shift - within).astype("timedelta64[D]")


def in_documented_windows(days: Days, *, half_width: int = 30) -> np.ndarray:
    """Bool (sites, 4): whether each date lies within ``half_width`` days of any of the `DOCUMENTED` middle days."""
    return (np.abs((days[:, :, None] - DOCUMENTED).astype(int)) <= half_width).any(axis=2)


def _percent(flags: np.ndarray) -> float:
    return 100 * float(np.mean(flags))


def median_over_new_year(samples: Samples) -> list[Number]:
    """Error (days, on the circle of the year) of the median of 18 yearly dates that scatter by 15 days round a true
    day: on 1 January, and one and two months after it. 2 000 invented sites each; plain, and circular."""
    rng = generator(SEED, "errata", "plain median")
    numbers = []
    for true, name in ((1.0, "1 January"), (32.0, "1 February"), (60.0, "1 March")):
        years = (true + rng.normal(0, 15, (2000, 18)) - 1) % YEAR + 1
        errors = [
            np.abs((found - true + YEAR / 2) % YEAR - YEAR / 2)
            for found in (plain_median(years), circular_median(years))
        ]
        numbers.append(Number(f"mean error where the true day is {name}", "days", *(float(e.mean()) for e in errors)))
        if true == 1:
            numbers.append(Number("sites more than 90 days off there", "%", *(_percent(e > 90) for e in errors)))
    return numbers


def donors_in_plane_degrees(samples: Samples) -> list[Number]:
    """Sites whose missing dates come from another donor when 'nearest' is in plane degrees, and how much farther that
    one is. 4 000 invented sites, uniform over the sphere north of 60 S, a third without dates."""
    sites, dates = _invented(4000, whole=True)
    plane, sphere = (fill_dates(sites, dates, planar=planar) for planar in (True, False))
    gaps = sphere["origin"] == "filled"
    differ = gaps & (plane["donor_id"] != sphere["donor_id"])
    return [
        Number("filled sites with another donor than the nearest", "%", _percent(differ[gaps]), 0.0),
        Number(
            "mean distance of the donor of those",
            "km",
            float(plane.loc[differ, "donor_km"].mean()),
            float(sphere.loc[differ, "donor_km"].mean()),
        ),
    ]


def donors_of_each_date(samples: Samples) -> list[Number]:
    """Partly dated sites whose four dates contradict each other (are not in order) when each missing one comes from the
    nearest site that has it. Invented sites as above, each date missing at a fifth of them; the switch fill_each_date
    gives such a site one donor, so that its own dates do not come back."""
    sites, dates = _invented(4000, whole=False)
    values = dates[list(DATES)].to_numpy()
    known = np.isfinite(values)
    partly = ~known.all(axis=1) & known.any(axis=1)
    filled = fill_dates(sites, dates, each_date=True)[list(DATES)].to_numpy()
    refused = ~(np.isclose(filled, values) | ~known).all(axis=1)
    return [Number("partly dated sites whose dates contradict each other", "%", _percent(refused[partly]), 0.0)]


def _invented(count: int, *, whole: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sites with four dates in order that move with latitude and noise; missing all together (a third of the sites), or
    each by itself (a fifth)."""
    rng = generator(SEED, "errata", "donors", whole)
    lon = rng.uniform(-180, 180, count)
    lat = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-60)), 1, count)))
    spring = 60 + np.abs(lat) + rng.normal(0, 10, count) + np.where(lat < 0, YEAR / 2, 0)
    length = np.cumsum(rng.uniform(20, 70, (count, 3)), axis=1)
    values = (np.column_stack([spring, spring[:, None] + length]) - 1) % YEAR + 1
    lost = rng.random((count, 4)) < 0.2 if not whole else np.tile(rng.random((count, 1)) < 1 / 3, 4)
    names = [f"s{i}" for i in range(count)]
    dates = pd.DataFrame(np.where(lost, np.nan, values), columns=list(DATES))
    return pd.DataFrame({"site_id": names, "lon": lon, "lat": lat}), dates.assign(years=18, cause="no_data")
