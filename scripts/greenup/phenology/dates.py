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
    SeriesPhenology,
    TablePhenology,
    TilesPhenology,
)
from greenup.imagery import ImagerySource, open_source
from greenup.phenology.doy import circular_median, day_of_year, in_order, plain_median
from greenup.phenology.earthengine import attribution_of, sample_curves, sample_mcd12q2
from greenup.phenology.extract import dates_of_curves
from greenup.phenology.fill import DATES, fill_dates
from greenup.phenology.mcd12q2 import ATTRIBUTION as MCD12Q2_ATTRIBUTION
from greenup.phenology.readings import read_curves
from greenup.phenology.table import read_dates
from greenup.phenology.tiles import sample_tiles
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


@dataclass(frozen=True)
class _Found:
    """What a source says. ``yearly``: site_id, year, the four dates (days since 1970-01-01, NaN where there is none); a
    row without dates is a year that was looked at. ``causes``: site_id -> why it has no date, where the source tells.
    ``curves``: all that the dates were read from, if they were read from curves."""

    yearly: pd.DataFrame
    simulated: bool
    attribution: str
    causes: pd.Series | None = None
    curves: pd.DataFrame | None = None


def date_phenology(
    sites: pd.DataFrame,
    phenology: Phenology,
    imagery: Imagery | None,
    *,
    years: tuple[int, int],
    seed: int,
    threads: int = 1,
) -> Dated:
    """Greenup, maturity, senescence and dormancy of every site (SSL4Eco, section 3.1 and appendix A-1).

    ``sites``: the `SITES` table. ``phenology``: where dates come from. ``imagery``: the dataset's image source, which
    gives the curves (and for the sources `miniature` and `images` the dates). ``years``: first and last year of
    imagery. Dates are circular medians over the years there are; a site without all four, in order, takes those of its
    nearest site that has them. ``phenology.compat`` names quirks of the published way to reproduce instead. ``seed`` is
    part of every stage's call; nothing here is drawn. ``threads`` changes how long it takes, never what comes out.
    Raises `UserError` for a wrong table, series or folder, or an Earth Engine account that does not work.
    """
    # A source may need a login, so it is opened only where it is asked for something.
    has_own_curves = isinstance(phenology, EarthEnginePhenology | SeriesPhenology)
    source = None if imagery is None or has_own_curves else open_source(imagery)
    found = _read(sites, phenology, source, years, threads)
    medians = yearly_medians(sites, found.yearly, is_plain="plain_median" in phenology.compat)
    medians["cause"] = causes_of(sites, medians, found.causes)
    dates = fill_dates(
        sites,
        medians,
        each_date="fill_each_date" in phenology.compat,
        planar="planar_distance" in phenology.compat,
    )
    _tell(dates)
    simulated, attribution, curves = found.simulated, found.attribution, found.curves
    if curves is None:
        chosen = _sites_for_curves(sites, dates)
        curves, line = _curves_of(chosen, phenology, source, years)
        if len(curves):
            simulated = simulated or (source is not None and source.simulated)
            attribution = " ".join(dict.fromkeys([attribution, line]))
    return Dated(PHENOLOGY.check(dates, "dates"), CURVES.check(curves, "curves"), simulated, attribution)


def _read(
    sites: pd.DataFrame, phenology: Phenology, source: ImagerySource | None, years: tuple[int, int], threads: int
) -> _Found:
    match phenology:
        case MiniaturePhenology():
            return _Found(source.phenology(sites, years, threads=threads), source.simulated, source.attribution)
        case ImagesPhenology():
            curves = CURVES.check(source.curves(sites, years), "curves of the imagery")
            return _extracted(curves, phenology, source.simulated, source.attribution)
        case SeriesPhenology():
            curves = read_curves(phenology.file, sites, phenology.index)
            return _extracted(curves, phenology, False, f"Phenology: {phenology.file}.")
        case TablePhenology():
            yearly = read_dates(
                phenology.file,
                sites,
                cycle=phenology.cycle,
                max_quality=phenology.max_quality,
                is_halfway=phenology.halfway,
            )
            return _Found(yearly, False, f"Phenology: {phenology.file}.")
        case TilesPhenology():
            yearly = sample_tiles(
                phenology.folder,
                sites,
                years=phenology.years,
                cycle=phenology.cycle,
                max_quality=phenology.max_quality,
            )
            return _Found(yearly, False, MCD12Q2_ATTRIBUTION)
        case EarthEnginePhenology():
            yearly = sample_mcd12q2(
                sites,
                phenology.collection,
                years=phenology.years,
                cycle=phenology.cycle,
                max_quality=phenology.max_quality,
            )
            return _Found(yearly, False, MCD12Q2_ATTRIBUTION)
    raise TypeError(phenology)


def _extracted(
    curves: pd.DataFrame, phenology: ImagesPhenology | SeriesPhenology, simulated: bool, attribution: str
) -> _Found:
    found = dates_of_curves(
        curves,
        index=phenology.index,
        min_observations=phenology.min_observations,
        min_amplitude=phenology.min_amplitude,
    )
    return _Found(found.yearly, simulated, attribution, found.causes, curves)


def yearly_medians(sites: pd.DataFrame, yearly: pd.DataFrame, *, is_plain: bool = False) -> pd.DataFrame:
    """Medians over the years, a row a site in the order of ``sites``: the four dates (day of year), years, looked_at.

    ``yearly``: site_id and the four dates of a year (days since 1970-01-01, NaN where there is none); several rows a
    site. Each date has a median of its own; ``years`` is the smallest number of years behind any of the four, and
    ``looked_at`` the number of rows, with dates or without. ``is_plain``: medians of the days of year as plain numbers
    (a quirk), instead of on the circle of the year.
    """
    at = _positions(sites, yearly["site_id"])
    ours = at >= 0
    at, turn = at[ours], _turns(at[ours])
    looked_at = np.bincount(at, minlength=len(sites))
    out, count = {}, np.full(len(sites), np.iinfo(np.int64).max)
    median = plain_median if is_plain else circular_median
    for name in DATES:
        doy = np.full((len(sites), int(looked_at.max(initial=0))), np.nan)
        doy[at, turn] = day_of_year(yearly[name].to_numpy(dtype=np.float64, na_value=np.nan)[ours])
        out[name] = median(doy)
        count = np.minimum(count, np.isfinite(doy).sum(axis=1))
    return pd.DataFrame(out).assign(years=count, looked_at=looked_at)


def _positions(sites: pd.DataFrame, site_ids: pd.Series) -> np.ndarray:
    """Of each id its site's position, -1 for other sites."""
    index = pd.Index(sites["site_id"].to_numpy(dtype=object))
    if isinstance(site_ids.dtype, pd.CategoricalDtype):
        # One more at the end, for code -1.
        known = np.append(index.get_indexer(site_ids.cat.categories.to_numpy(dtype=object)), -1)
        return known[site_ids.cat.codes.to_numpy()]
    ids = site_ids.to_numpy(dtype=object)
    if not len(ids):
        return np.empty(0, dtype=np.int64)
    # A site's years mostly follow one another: one look-up does for them all.
    first = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    return np.repeat(index.get_indexer(ids[first]), np.diff(first, append=len(ids)))


def _turns(at: np.ndarray) -> np.ndarray:
    """Of each row, how many rows before it have the same number."""
    order = np.argsort(at, kind="stable")
    turn = np.empty(len(at), dtype=np.int64)
    turn[order] = np.arange(len(at)) - np.searchsorted(at[order], at[order])
    return turn


def causes_of(sites: pd.DataFrame, medians: pd.DataFrame, told: pd.Series | None = None) -> np.ndarray:
    """Why sites have no dates of their own, shape (n,): None where all four are there, in order; else

    no_data: the source has nothing there; no_cycle: it has, but no cycle (of the number and quality asked for) in any
    year; incomplete: one of the four is missing in every year; out_of_order: their medians do not follow one another.
    ``medians``: as `yearly_medians` gives them. ``told``: site_id -> no_data or no_cycle, where the source says so
    itself.
    """
    values = medians[list(DATES)].to_numpy(dtype=np.float64)
    there = np.isfinite(values)
    out = np.full(len(sites), None, dtype=object)
    out[~in_order(values)] = "out_of_order"
    out[~there.all(axis=1)] = "incomplete"
    nothing = ~there.any(axis=1)
    out[nothing] = np.where(medians["looked_at"].to_numpy() > 0, "no_cycle", "no_data")[nothing]
    if told is not None:
        given = told.reindex(sites["site_id"].to_numpy(dtype=object)).to_numpy(dtype=object)
        is_told = nothing & np.array([isinstance(cause, str) for cause in given], dtype=bool)
        out[is_told] = given[is_told]
    return out


def _tell(dates: pd.DataFrame) -> None:
    """One line of what became of the sites."""
    counts = dates["origin"].value_counts()
    parts = [", ".join(f"{n} {origin}" for origin, n in counts.items())]
    causes = dates["cause"].value_counts()
    if len(causes):
        parts.append("without dates of their own: " + ", ".join(f"{n} {cause}" for cause, n in causes.items()))
    if (years := dates.loc[dates["origin"] == "observed", "years"]).size:
        parts.append(f"years behind a median {years.min():.0f} to {years.max():.0f}")
    if (km := dates["donor_km"].dropna()).size:
        parts.append(f"donors {km.median():.0f} km away (median), {km.max():.0f} km (farthest)")
    _log.info("dates of %d sites: %s", len(dates), "; ".join(parts))
    if not (dates["origin"] == "observed").any():
        _log.warning("no site has dates of its own, so that none could be filled either: is phenology.source right?")


def _sites_for_curves(sites: pd.DataFrame, dates: pd.DataFrame) -> pd.DataFrame:
    """`CURVE_SITES` sites with dates of their own, evenly spaced in the order of their latitudes."""
    observed = sites[(dates["origin"] == "observed").to_numpy()].sort_values(["lat", "site_id"])
    at = np.unique(np.linspace(0, len(observed) - 1, min(CURVE_SITES, len(observed))).round().astype(int))
    return observed.iloc[at]


def _curves_of(
    chosen: pd.DataFrame, phenology: Phenology, source: ImagerySource | None, years: tuple[int, int]
) -> tuple[pd.DataFrame, str]:
    """Curves of a few sites, from the product's own provider or the imagery, and the line to print with them."""
    if len(chosen) and isinstance(phenology, EarthEnginePhenology):
        return sample_curves(chosen, phenology.curves, years=years), attribution_of(phenology.curves)
    if len(chosen) and source is not None:
        return source.curves(chosen, years), source.attribution
    return pd.DataFrame({c.name: [] for c in CURVES.columns}), ""
