"""Four dates a site: from a product or from the images themselves, medians over the years, gaps filled."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.config.data import Imagery
from greenup.config.phenology import (
    EarthEnginePhenology,
    ImagesPhenology,
    MiniaturePhenology,
    Phenology,
    TablePhenology,
)
from greenup.imagery import ImagerySource, open_source
from greenup.phenology.doy import circular_median, day_of_year
from greenup.phenology.fill import DATES, fill_dates
from greenup.phenology.mcd12q2 import ATTRIBUTION as MCD12Q2_ATTRIBUTION
from greenup.phenology.mcd12q2 import sample_mcd12q2
from greenup.phenology.series import find_cycles
from greenup.phenology.table import read_dates
from greenup.schemas import CURVES, PHENOLOGY

CURVE_SITES = 24
"""Sites whose curves are kept for figures, unless all are at hand anyway."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dated:
    """``dates``: the `PHENOLOGY` table; ``curves``: the `CURVES` table, maybe empty; ``simulated``: whether any of it
    is invented; ``attribution``: the line to print with it."""

    dates: pd.DataFrame
    curves: pd.DataFrame
    simulated: bool
    attribution: str


def date_phenology(
    sites: pd.DataFrame, phenology: Phenology, imagery: Imagery | None, *, years: tuple[int, int], seed: int
) -> Dated:
    """Greenup, maturity, senescence and dormancy of every site (SSL4Eco, section 3.1 and appendix A-1).

    ``sites``: the `SITES` table. ``phenology``: where dates come from. ``imagery``: the dataset's image source, which
    gives the curves (and for the sources `miniature` and `images` the dates). ``years``: first and last year of
    imagery. Dates are circular medians over the years there are; a site without all four takes those of its nearest
    site that has them. ``seed`` is part of every stage's call; nothing here is drawn. Raises `UserError` for a wrong
    table or an Earth Engine account that does not work.
    """
    source = open_source(imagery) if imagery is not None else None
    curves = None
    match phenology:
        case MiniaturePhenology():
            yearly = source.phenology(sites, years)
            simulated, attribution = source.simulated, source.attribution
        case ImagesPhenology():
            curves = CURVES.check(source.curves(sites, years), "curves of the imagery")
            yearly = dates_of_curves(curves, min_observations=phenology.min_observations)
            simulated, attribution = source.simulated, source.attribution
        case TablePhenology():
            yearly = read_dates(phenology.file, sites)
            simulated, attribution = False, f"Phenology: {phenology.file}."
        case EarthEnginePhenology():
            yearly = sample_mcd12q2(sites, phenology.collection, phenology.years)
            simulated, attribution = False, MCD12Q2_ATTRIBUTION
        case _:
            raise TypeError(phenology)
    dates = fill_dates(sites, yearly_medians(sites, yearly))
    counts = dates["origin"].value_counts()
    _log.info("dates: %s of %d sites", ", ".join(f"{n} {origin}" for origin, n in counts.items()), len(dates))
    if curves is None:
        curves = _chosen_curves(sites, dates, source, years)
        if source is not None and len(curves):
            simulated = simulated or source.simulated
            attribution = " ".join(dict.fromkeys([attribution, source.attribution]))
    return Dated(PHENOLOGY.check(dates, "dates"), CURVES.check(curves, "curves"), simulated, attribution)


def yearly_medians(sites: pd.DataFrame, yearly: pd.DataFrame) -> pd.DataFrame:
    """Circular medians over the years, a row a site in the order of ``sites``: the four dates (day of year) and years.

    ``yearly``: site_id and the four dates of a year (days since 1970-01-01, NaN where there is none); several rows a
    site. Each date has a median of its own; ``years`` is the smallest number of years behind any of the four.
    """
    at = pd.Index(sites["site_id"]).get_indexer(yearly["site_id"])
    known = yearly[at >= 0]
    site, turn = at[at >= 0], known.groupby("site_id", sort=False).cumcount().to_numpy()
    depth = int(turn.max()) + 1 if len(turn) else 0
    out, count = {}, np.full(len(sites), np.iinfo(np.int64).max)
    for name in DATES:
        doy = np.full((len(sites), depth), np.nan)
        doy[site, turn] = day_of_year(known[name].to_numpy(dtype=np.float64, na_value=np.nan))
        out[name] = circular_median(doy)
        count = np.minimum(count, np.isfinite(doy).sum(axis=1))
    return pd.DataFrame(out).assign(years=count)


def dates_of_curves(curves: pd.DataFrame, *, min_observations: int) -> pd.DataFrame:
    """Dates of every cycle found in a `CURVES` table: site_id, year, and four dates (days since 1970-01-01)."""
    clear = curves[curves["clear"].to_numpy(dtype=bool)]
    days = (clear["time"] - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    rows = [
        (site_id, c.year, c.greenup, c.maturity, c.senescence, c.dormancy)
        for site_id, part in clear.assign(days=days).groupby("site_id", sort=False)
        for c in find_cycles(part["days"], part["evi"], min_observations=min_observations)
    ]
    return pd.DataFrame(rows, columns=["site_id", "year", *DATES])


def _chosen_curves(
    sites: pd.DataFrame, dates: pd.DataFrame, source: ImagerySource | None, years: tuple[int, int]
) -> pd.DataFrame:
    """Curves of `CURVE_SITES` sites with dates of their own, evenly spaced in the order of their latitudes."""
    observed = sites[(dates["origin"] == "observed").to_numpy()].sort_values(["lat", "site_id"])
    if source is None or observed.empty:
        return pd.DataFrame({c.name: [] for c in CURVES.columns})
    at = np.unique(np.linspace(0, len(observed) - 1, min(CURVE_SITES, len(observed))).round().astype(int))
    return source.curves(observed.iloc[at], years)
