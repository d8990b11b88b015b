"""Phenology against calendar, quarter and random sampling: how each fits the seasons of the vegetation, with intervals.

For each site with four dates of its own the days of a sampling are held against them (`greenup.phenology.fit`):

- middle: the middle days of the search windows, before any image is chosen;
- any_day: the mean over days spread evenly over each window, as if a clear image were as likely on any of them;
- image: the days on which the images of a dataset were acquired.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.config.seasons import Seasons
from greenup.errors import UserError
from greenup.evaluate.bootstrap import percentiles
from greenup.phenology.doy import day_of_year
from greenup.phenology.fill import DATES
from greenup.phenology.fit import (
    HALFWAY_THRESHOLDS,
    NO_SEASON,
    THRESHOLDS,
    TOLERANCE_DAYS,
    days_from_middle,
    days_outside,
    distinct_phases,
    greenness,
    spread,
    usual_values,
)
from greenup.phenology.seasons import place_seasons
from greenup.randomness import generator
from greenup.schemas import SEASONS

STANDS_FOR: dict[str, str] = {
    **{s: s for s in SEASONS},
    **dict(zip(("q1", "q2", "q3", "q4"), ("winter", "spring", "summer", "autumn"), strict=True)),
}
"""The season that a date is called after. SSL4EO-S12's quarters by the reference day of each, 21 December, 20 March, 21
June and 22 September, as the papers after it name them; dates of other names stand for none."""

ANY_DAY_DRAWS = 20
"""Days of each window of which `any_day` is the mean."""

DRAWS = 1000
"""Bootstrap samples."""

BAND_DEGREES = 10
"""Height of a band of latitudes (degrees)."""

MEASURES: tuple[str, ...] = (
    *("inside", "days_outside", "days_from_middle", "phases", "greenness_range", "index_range"),
    *(f"inside_{s}" for s in SEASONS),
    *(f"offset_{s}" for s in SEASONS),
)

Floats = NDArray[np.float64]


# ------------------------------------------------------------------------------------------------------------- measure
def measure_fit(
    sites: pd.DataFrame,
    phenology: pd.DataFrame,
    rules: Mapping[str, Seasons],
    images: Mapping[str, pd.DataFrame],
    curves: pd.DataFrame,
    *,
    years: tuple[int, int],
    seed: int,
    is_halfway: bool = False,
) -> pd.DataFrame:
    """The `SEASON_FIT` table of the sites that have dates of their own.

    ``sites``, ``phenology``, ``curves``: tables of those schemas; ``rules``: season rules by name, placed into
    ``years``; ``images``: `INDEX` tables by name, whose sites are these. ``is_halfway``: maturity and senescence are
    MidGreenup and MidGreendown. Raises `UserError` when no site has dates of its own.
    """
    observed = phenology[phenology["origin"] == "observed"]
    sites = sites[sites["site_id"].isin(observed["site_id"])].reset_index(drop=True)
    if sites.empty:
        raise UserError("season fit: no site has dates of its own", "name a dataset whose phenology is observed")
    dates = observed.set_index("site_id").loc[sites["site_id"], list(DATES)].to_numpy(dtype=np.float64)
    measure = _Measure(sites, dates, curves, HALFWAY_THRESHOLDS if is_halfway else THRESHOLDS)
    parts = []
    for name, rule in rules.items():
        windows = _one_window_each(place_seasons(sites, observed, rule, years=years, seed=seed))
        seasons, (first, middle, last) = _matrix(sites, windows, ("first", "middle", "last"))
        parts.append(measure.table(name, "middle", seasons, [middle]))
        length = last - first
        share = _even_shares(len(seasons), generator(seed, "season fit", name))
        parts.append(measure.table(name, "any_day", seasons, [first + np.floor(u * (length + 1)) for u in share]))
    for name, index in images.items():
        days = index.assign(day=index["time"].dt.tz_localize(None))
        seasons, (day,) = _matrix(sites, days, ("day",))
        parts.append(measure.table(name, "image", seasons, [day]))
    table = pd.concat(parts, ignore_index=True)
    return table[table["seen"] > 0].reset_index(drop=True)


class _Measure:
    def __init__(self, sites: pd.DataFrame, dates: Floats, curves: pd.DataFrame, thresholds: tuple) -> None:
        self.sites, self.dates, self.thresholds = sites, dates, thresholds
        at = pd.Index(sites["site_id"]).get_indexer(curves["site_id"])
        self.curves = {int(i): curves[at == i] for i in np.unique(at[at >= 0])}

    def table(self, sampling: str, kind: str, seasons: list[str], draws: list[Floats]) -> pd.DataFrame:
        """Measures of a sampling, each the mean over ``draws``: dates (n, k) as days since 1970-01-01."""
        numbers = [self._of(seasons, day_of_year(days)) for days in draws]
        means = {c: np.mean([n[c] for n in numbers], axis=0) for c in numbers[0]}
        about = {"sampling": sampling, "dates": kind}
        return self.sites[["site_id", "lat", "biome"]].assign(**about, **means)

    def _of(self, seasons: list[str], days: Floats) -> dict[str, Floats]:
        stands = np.array([SEASONS.index(STANDS_FOR[s]) if s in STANDS_FOR else NO_SEASON for s in seasons])
        outside = np.abs(days_outside(self.dates, stands, days))
        inside = np.where(np.isfinite(outside), outside <= TOLERANCE_DAYS, np.nan)
        offset = days_from_middle(self.dates, stands, days)
        values = np.full(days.shape, np.nan)
        for i, curve in self.curves.items():
            values[i] = usual_values(curve, days[i])
        every = {s: stands == i for i, s in enumerate(SEASONS)}
        return {
            "seen": np.isfinite(days).sum(axis=1).astype(float),
            "inside": _row_mean(inside),
            "days_outside": _row_mean(outside),
            "days_from_middle": _row_mean(np.abs(offset)),
            "phases": distinct_phases(self.dates, days),
            "greenness_range": spread(greenness(self.dates, days, self.thresholds)),
            # Where a day has no value the range of the others would be that of other days.
            "index_range": np.where(np.isfinite(values).sum(1) == np.isfinite(days).sum(1), spread(values), np.nan),
            **{f"inside_{s}": _row_mean(inside[:, of]) for s, of in every.items()},
            **{f"offset_{s}": _row_mean(offset[:, of]) for s, of in every.items()},
        }


def _one_window_each(intervals: pd.DataFrame) -> pd.DataFrame:
    """Of each site and season the window searched first; of several years one that is not cut by the searched years."""
    length = intervals["last"] - intervals["first"]
    order = intervals.assign(_length=-length.dt.days).sort_values(["choice", "_length", "year"], kind="stable")
    return order.drop_duplicates(["site_id", "season"])


def _matrix(sites: pd.DataFrame, table: pd.DataFrame, columns: tuple[str, ...]) -> tuple[list[str], list[Floats]]:
    """Columns of dates as matrices (sites, seasons) of days since 1970-01-01, NaN where a season is missing."""
    names = sorted(table["season"].unique())
    row = pd.Index(sites["site_id"]).get_indexer(table["site_id"])
    column = pd.Index(names).get_indexer(table["season"])
    ours = row >= 0
    out = []
    for name in columns:
        days = np.full((len(sites), len(names)), np.nan)
        days[row[ours], column[ours]] = table[name].to_numpy().astype("datetime64[D]").astype(np.float64)[ours]
        out.append(days)
    return names, out


def _even_shares(windows: int, rng: np.random.Generator) -> Floats:
    """(draws, windows) numbers of 0..1: along each window one in every of `ANY_DAY_DRAWS` equal parts, in random order
    against the other windows (a Latin hypercube)."""
    order = np.stack([rng.permutation(ANY_DAY_DRAWS) for _ in range(windows)], axis=1)
    return (order + 0.5) / ANY_DAY_DRAWS


def _row_mean(values: Floats) -> Floats:
    """Mean of each row without its NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / count, np.nan)


# ----------------------------------------------------------------------------------------------------------- summarise
def summarise_fit(fit: pd.DataFrame, dataset: str, *, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """The `SEASON_FIT_SUMMARY` table: means over all sites, bands of latitude and biomes, with bootstrap intervals.

    Sites are drawn with replacement, all samplings together, so that their differences are paired. Neighbours have
    similar seasons: the intervals speak of these sites, not of other places.
    """
    # The number of `any_day` is a mean over days of which each sees a whole number.
    whole = fit["phases"].where(fit["dates"] != "any_day")
    fit = fit.assign(**{f"phases_{k}": (whole == k).astype(float).where(whole.notna()) for k in range(1, 5)})
    measures = [*MEASURES, *(f"phases_{k}" for k in range(1, 5))]
    parts = {key: part.set_index("site_id")[measures] for key, part in fit.groupby(["sampling", "dates"], sort=False)}
    wide = pd.concat(parts, axis=1).reindex(fit["site_id"].unique())
    about = fit.drop_duplicates("site_id").set_index("site_id").loc[wide.index]
    band = (np.floor(about["lat"].astype(float) / BAND_DEGREES) * BAND_DEGREES).astype(int).astype(str)
    groupings = {"all": pd.Series("all", wide.index), "latitude": band, "biome": about["biome"]}
    parts = []
    for by, groups in groupings.items():
        for group in sorted(groups.dropna().unique(), key=lambda g: (float(g), "") if by == "latitude" else (0, g)):
            part = wide[(groups == group).to_numpy(dtype=bool, na_value=False)]
            parts.append(_intervals(part, generator(seed, "season fit", by, group), draws).assign(by=by, group=group))
    table = pd.concat(parts, ignore_index=True).assign(dataset=dataset)
    return table[table["sites"] > 0].reset_index(drop=True)


def _intervals(part: pd.DataFrame, rng: np.random.Generator, draws: int) -> pd.DataFrame:
    values = part.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(values)
    filled, there = np.where(known, values, 0.0), known.astype(np.float64)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = filled.sum(axis=0) / count
        samples = np.empty((draws, values.shape[1]))
        for i in range(draws):
            weight = np.bincount(rng.integers(len(values), size=len(values)), minlength=len(values)).astype(np.float64)
            samples[i] = (weight @ filled) / (weight @ there)
    # One site has no spread of its own.
    samples[:, count < 2] = np.nan
    limits = np.array([percentiles(column) for column in samples.T])
    keys = part.columns.to_frame(index=False).set_axis(["sampling", "dates", "measure"], axis=1)
    return keys.assign(sites=count.astype(int), value=value, low=limits[:, 0], high=limits[:, 1])
