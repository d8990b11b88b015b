"""Vegetation curves of many sites, with the dates of each year and the medians that the study uses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from greenup.errors import UserError
from greenup.paper.curves import YEAR, day_of_year, smooth_curve
from greenup.paper.maps import degrees
from greenup.paper.style import BLUE, GREY, INK, SEASON_COLOURS, new_figure
from greenup.phenology import doy
from greenup.phenology.extract import dates_of_curves
from greenup.phenology.fill import DATES
from greenup.schemas import SEASONS

MOST = 12
"""Sites shown at most, evenly over the latitudes."""

_MIN_OBSERVATIONS = 10  # a year: composites of 16 days give 23
_MIN_AMPLITUDE = 0.1
_COLUMNS = 4


def draw_cycles(
    sites: pd.DataFrame, phenology: pd.DataFrame, curves: pd.DataFrame, *, index: str = "evi"
) -> tuple[Figure, pd.DataFrame]:
    """A panel a site: all its years on one, the smooth mean, the seasons between the study's four dates, and above them
    the dates of each single year, found in these curves.

    ``sites``, ``phenology``, ``curves``: tables of those schemas; sites without a curve are left out. Returns the
    figure and the dates: site_id, year (empty for the study's own), greenup, maturity, senescence, dormancy (days of
    year). Raises `UserError` when no site has a curve.
    """
    known = sites[sites["site_id"].isin(curves["site_id"])].sort_values(["lat", "site_id"], ascending=False)
    if known.empty:
        raise UserError("cycles: no site has a curve", "take a source of dates or images that has curves")
    known = known.iloc[np.unique(np.linspace(0, len(known) - 1, min(MOST, len(known))).round().astype(int))]
    shown = curves[curves["site_id"].isin(known["site_id"])]
    yearly = dates_of_curves(
        shown, index=index, min_observations=_MIN_OBSERVATIONS, min_amplitude=_MIN_AMPLITUDE
    ).yearly.copy()
    yearly[list(DATES)] = yearly[list(DATES)].apply(lambda days: doy.day_of_year(days.to_numpy(float)))
    used = phenology.set_index("site_id").loc[known["site_id"]]
    rows = -(-len(known) // _COLUMNS)
    height = 1.45 * rows + 0.6
    figure = new_figure(height)
    margins = {"left": 0.06, "right": 0.99, "top": 1 - 0.28 / height, "bottom": 0.62 / height}
    grid = figure.add_gridspec(rows, _COLUMNS, hspace=0.6, wspace=0.18, **margins)
    visible = shown.loc[shown["clear"] | shown["snow"], "evi"]
    top = max(0.3, 1.12 * float(visible.quantile(0.995))) if len(visible) else 1.0
    for i, site in enumerate(known.itertuples(index=False)):
        axes = figure.add_subplot(grid[i // _COLUMNS, i % _COLUMNS])
        mine, dates = shown[shown["site_id"] == site.site_id], used.loc[site.site_id]
        _draw_site(axes, mine, dates[list(DATES)].to_numpy(float), yearly[yearly["site_id"] == site.site_id], top)
        origin = "" if dates["origin"] == "observed" else f", {dates['origin']}"
        axes.set_title(f"{site.site_id}, {degrees(site.lat, 'NS')}{origin}", fontsize=7)
        if i % _COLUMNS == 0:
            axes.set_ylabel(index.upper())
        else:
            axes.set_yticklabels([])
    _legend(figure)
    own = used[list(DATES)].reset_index().assign(year=pd.NA)
    table = pd.concat([own, yearly[["site_id", "year", *DATES]]], ignore_index=True)
    return figure, table[["site_id", "year", *DATES]]


def _draw_site(axes: Axes, curve: pd.DataFrame, dates: np.ndarray, yearly: pd.DataFrame, top: float) -> None:
    if np.isfinite(dates).all():
        for season, begin, end in zip(SEASONS, dates, np.roll(dates, -1), strict=True):
            start, stop = begin - 1, begin - 1 + (end - begin) % doy.YEAR
            for low, high in ((start, min(stop, YEAR)), (0.0, stop - YEAR)):
                if high > low:
                    axes.axvspan(low, high, color=SEASON_COLOURS[season], alpha=0.28, linewidth=0)
    clear, snow = curve[curve["clear"]], curve[curve["snow"]]
    axes.plot(day_of_year(snow["time"]), snow["evi"], "D", color=BLUE, markersize=1.6, markerfacecolor="none", mew=0.4)
    axes.plot(day_of_year(clear["time"]), clear["evi"], ".", color=GREY, markersize=1.6)
    axes.plot(smooth_curve(day_of_year(clear["time"]), clear["evi"].to_numpy(float)), color=INK, linewidth=1.0)
    for i, (name, season) in enumerate(zip(DATES, SEASONS, strict=True)):
        level = top * (0.98 - 0.045 * i)
        axes.plot(
            yearly[name] - 1, np.full(len(yearly), level), "|", color=SEASON_COLOURS[season], markersize=4, mew=0.9
        )
    axes.set_xlim(0, YEAR)
    axes.set_ylim(0, top)
    starts = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    axes.set_xticks(starts + 15, list("JFMAMJJASOND"))
    axes.tick_params(axis="x", length=0, labelsize=6)


def _legend(figure: Figure) -> None:
    point = {"linestyle": "none", "color": GREY}
    handles = [
        *(Patch(facecolor=SEASON_COLOURS[s], alpha=0.5, label=s) for s in SEASONS),
        Line2D([], [], marker="|", markersize=5, label="dates of single years", **point),
        Line2D([], [], marker=".", label="clear", **point),
        Line2D([], [], marker="D", markersize=3, markerfacecolor="none", linestyle="none", color=BLUE, label="snow"),
        Line2D([], [], color=INK, label="mean of the clear ones"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), columnspacing=1.0, handletextpad=0.4)
