"""Figure A-1: one vegetation cycle of a site, and the four dates on it (SSL4Eco, Figure A-1)."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from greenup.paper import maps
from greenup.paper.style import (
    BLUE,
    GREY,
    INK,
    new_figure,
    note_below,
    readable,
    season_colours,
)
from greenup.phenology.doy import day_of_year, difference
from greenup.phenology.fill import DATES
from greenup.phenology.series import HIGH, LOW, Cycle, find_cycles, usable
from greenup.phenology.smooth import fill_snow, smooth_daily
from greenup.schemas import SEASONS

NUMBERS: tuple[str, ...] = (*("site_id", "lon", "lat", "land_cover", "what", "name", "time", "value", "clear", "snow"),)
"""Columns of the numbers behind the figure."""

MIN_OBSERVATIONS = 8
"""Observations a year for a cycle that is shown: half of those of 16-day composites."""

MOST_SITES = 200
"""Sites that are looked at closely: those of widest range, where there are more."""

_MARGIN_DAYS = 20
_NAMED_DAYS = 25  # a shorter season has no room for its name
_HEIGHT = 3.1


@dataclass(frozen=True)
class Shown:
    """A site's smoothed series (days since 1970-01-01, values) and the cycle of it that is drawn."""

    site_id: str
    cycle: Cycle
    grid: np.ndarray
    curve: np.ndarray

    @property
    def clarity(self) -> float:
        """The smaller one of rise and fall, times the share that both have in all ups and downs of the cycle (1 for a
        single peak)."""
        c = self.cycle
        inside = self.curve[(self.grid >= c.start) & (self.grid <= c.stop)]
        ups_and_downs = float(np.abs(np.diff(inside)).sum())
        return (c.high - max(c.low_before, c.low_after)) * (2 * c.high - c.low_before - c.low_after) / ups_and_downs


def draw_figA1(
    sites: pd.DataFrame,
    phenology: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    index: str = "evi",
    site_id: str | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """Observations, smoothed curve, 15 % and 90 % levels and dates of one cycle of one site.

    Tables `SITES`, `PHENOLOGY` and `CURVES`; ``index``: what the curves hold (evi or ndvi), for the label. The site is
    chosen by `choose_site` unless ``site_id`` names it. Lines and seasons are the dates of ``phenology``, medians over
    the years; circles are where this year's curve crosses the levels. Returns the figure and the numbers drawn: columns
    `NUMBERS`, where ``what`` is observation, curve, date (of the table), crossing (of the curve) or level. Without any
    curve that has a cycle the figure says so, and there are no numbers.
    """
    figure = new_figure(_HEIGHT)
    axes = figure.add_axes((0.075, 0.2, 0.915, 0.61))
    shown = choose_site(phenology, curves if site_id is None else curves[curves["site_id"] == site_id])
    if shown is None:
        about = {"ha": "center", "va": "center", "fontsize": 8, "color": GREY}
        axes.text(0.5, 0.5, "no vegetation curve with a cycle", transform=axes.transAxes, **about)
        axes.set_axis_off()
        return figure, pd.DataFrame(columns=list(NUMBERS))
    site = sites.loc[sites["site_id"] == shown.site_id].iloc[0]
    dates = _table_dates(phenology.loc[phenology["site_id"] == shown.site_id].iloc[0], shown.cycle)
    rows = [_draw_seasons(axes, dates, shown.cycle)]
    rows += _draw_curve(axes, curves[curves["site_id"] == shown.site_id], shown)
    rows.append(_draw_levels(axes, shown.cycle))
    _label(figure, axes, site, shown, index)
    if not curves.attrs.get("simulated", False) and curves.attrs.get("attribution"):
        note_below(figure, {"attribution": str(curves.attrs["attribution"])})
    about = {"site_id": shown.site_id, "lon": site["lon"], "lat": site["lat"], "land_cover": site["land_cover"]}
    numbers = pd.concat(rows, ignore_index=True).assign(**about)
    numbers["time"] = _time(numbers["time"].to_numpy()).round("s")
    return figure, numbers.reindex(columns=list(NUMBERS))


def choose_site(phenology: pd.DataFrame, curves: pd.DataFrame) -> Shown | None:
    """The site with the clearest cycle (see `Shown.clarity`) among those with observed dates.

    Of a site's cycles the one is taken whose crossings are nearest to the dates of the table in the mean: a typical
    year. None where no site with observed dates has a cycle in its curve. The order of rows does not matter.
    """
    observed = phenology[phenology["origin"] == "observed"].set_index("site_id")
    best: Shown | None = None
    curves = curves[curves["site_id"].isin(observed.index)]
    clear = curves[curves["clear"].astype(bool)].groupby("site_id", sort=True)["evi"]
    widest = (clear.quantile(0.95) - clear.quantile(0.05)).sort_values(ascending=False, kind="stable")
    looked_at = curves["site_id"].isin(widest.index[:MOST_SITES])
    for site_id, part in curves[looked_at].sort_values("time", kind="stable").groupby("site_id", sort=True):
        seen = part["clear"].to_numpy(dtype=bool) | part["snow"].to_numpy(dtype=bool)
        series = usable(_days(part["time"])[seen], part["evi"].to_numpy(float)[seen], part["snow"].to_numpy(bool)[seen])
        cycles = find_cycles(*series, min_observations=MIN_OBSERVATIONS).cycles
        if not cycles:
            continue
        table = observed.loc[site_id, list(DATES)].to_numpy(dtype=np.float64)
        cycle = min(cycles, key=lambda c: float(np.abs(difference(day_of_year(_crossings(c)), table)).mean()))
        days, values, snow = series
        filled = fill_snow(values, snow)
        grid, curve = smooth_daily(days, filled, snow)
        found = Shown(str(site_id), cycle, grid, curve)
        if best is None or found.clarity > best.clarity:
            best = found
    return best


def _crossings(cycle: Cycle) -> np.ndarray:
    return np.array([getattr(cycle, name) for name in DATES])


def _days(time: pd.Series) -> np.ndarray:
    """Days since 1970-01-01."""
    return ((time - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)


def _time(days: np.ndarray) -> pd.DatetimeIndex:
    return pd.Timestamp(0) + pd.to_timedelta(days, unit="D")


def _table_dates(row: pd.Series, cycle: Cycle) -> np.ndarray:
    """The table's days of year as days since 1970-01-01, each by the crossing that is nearest to it."""
    own = _crossings(cycle)
    return own + difference(row[list(DATES)].to_numpy(dtype=np.float64), day_of_year(own))


def _window(cycle: Cycle) -> tuple[float, float]:
    return cycle.start - _MARGIN_DAYS, cycle.stop + _MARGIN_DAYS


def _draw_seasons(axes: Axes, dates: np.ndarray, cycle: Cycle) -> pd.DataFrame:
    colours = season_colours(SEASONS)
    first, last = _window(cycle)
    edges = [min(first, dates[0]), *dates, max(last, dates[3])]
    # Winter stands on both sides of the green season.
    for name, start, stop in zip(("winter", *SEASONS), edges[:-1], edges[1:], strict=True):
        axes.axvspan(_time(start), _time(stop), color=colours[name], alpha=0.28, linewidth=0, gid=name)
        axes.axvspan(_time(start), _time(stop), 0, 0.055, color=colours[name], alpha=0.75, linewidth=0, zorder=2.2)
        if stop - start >= _NAMED_DAYS:
            middle = _time((max(start, first) + min(stop, last)) / 2)
            about = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "center", "fontsize": 6.5}
            axes.text(middle, 0.027, name, zorder=5, **about)
    above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    for i, (name, day) in enumerate(zip(DATES, dates, strict=True)):
        axes.axvline(_time(day), color=INK, linewidth=0.8, zorder=2)
        # Two heights: maturity and senescence may be days apart.
        line = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
        text = f"{name.capitalize()}, {_time(day):%-d %b}"
        axes.annotate(text, (_time(day), 1), xytext=(0, 3 + 10 * (i % 2)), arrowprops=line if i % 2 else None,
                      fontsize=7, fontweight="bold", annotation_clip=False, **above)  # fmt: skip
    return pd.DataFrame({"what": "date", "name": DATES, "time": dates})


def _draw_curve(axes: Axes, part: pd.DataFrame, shown: Shown) -> list[pd.DataFrame]:
    first, last = _window(shown.cycle)
    day = _days(part["time"])
    part, day = part[(day >= first) & (day <= last)], day[(day >= first) & (day <= last)]
    value, clear, snow = part["evi"].to_numpy(float), part["clear"].to_numpy(bool), part["snow"].to_numpy(bool)
    cloudy = ~clear & ~snow
    marks = {"linestyle": "none", "zorder": 3.5}
    axes.plot(
        _time(day[cloudy]), value[cloudy], marker="x", markersize=3, color="#8A8A8A", markeredgewidth=0.7, **marks
    )
    axes.plot(_time(day[snow]), value[snow], marker="D", markersize=3.4, markerfacecolor="white",
              markeredgecolor=BLUE, markeredgewidth=0.8, **marks)  # fmt: skip
    axes.plot(_time(day[clear]), value[clear], marker="o", markersize=3, color=INK, markeredgewidth=0, **marks)
    inside = (shown.grid >= first) & (shown.grid <= last)
    axes.plot(_time(shown.grid[inside]), shown.curve[inside], color=INK, linewidth=1.5, zorder=4)
    seen = np.concatenate([shown.curve[inside], value[~cloudy]])
    low, high = float(seen.min()), float(seen.max())
    # Room for the names of the seasons, so that they hide no observation.
    low = min(0.0, low)
    axes.set_ylim(low - 0.1 * (high - low), high + 0.08 * (high - low))
    axes.set_xlim(_time(first), _time(last))
    seen_rows = pd.DataFrame({"what": "observation", "time": day, "value": value, "clear": clear, "snow": snow})
    return [
        seen_rows,
        pd.DataFrame({"what": "curve", "time": shown.grid[inside], "value": shown.curve[inside]}),
    ]


def _draw_levels(axes: Axes, cycle: Cycle) -> pd.DataFrame:
    """The levels, on the side on which they are crossed, and the crossings."""
    first, last = _window(cycle)
    own, levels = _crossings(cycle), np.array(cycle.levels)
    for i, share in enumerate((LOW, HIGH, HIGH, LOW)):
        # From the edge of the panel to the peak: rise and fall have levels of their own.
        ends = (first, cycle.peak) if i < 2 else (cycle.peak, last)
        axes.plot(_time(np.array(ends)), [levels[i]] * 2, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=2.5)
        about = {"ha": "left" if i < 2 else "right", "va": "bottom", "fontsize": 6.5, "color": INK, "zorder": 5}
        axes.annotate(f"{100 * share:.0f} %", (_time(ends[0 if i < 2 else 1]), levels[i]),
                      xytext=(3 if i < 2 else -3, 1), textcoords="offset points", **about)  # fmt: skip
    axes.plot(_time(own), levels, linestyle="none", marker="o", markersize=6, markerfacecolor="white",
              markeredgecolor=INK, markeredgewidth=1.2, zorder=6)  # fmt: skip
    return pd.concat(
        [
            pd.DataFrame({"what": "crossing", "name": DATES, "time": own, "value": levels}),
            pd.DataFrame(
                {
                    "what": "level",
                    "name": ["minimum before", "maximum", "minimum after"],
                    "time": [cycle.start, cycle.peak, cycle.stop],
                    "value": [cycle.low_before, cycle.high, cycle.low_after],
                }
            ),
        ]
    )


def _label(figure: Figure, axes: Axes, site: pd.Series, shown: Shown, index: str) -> None:
    cover = "" if pd.isna(site["land_cover"]) else f", {readable(str(site['land_cover']))}"
    place = f"{maps.degrees(site['lat'], 'NS')}, {maps.degrees(site['lon'], 'EW')}"
    figure.text(0.075, 0.985, f"Site {shown.site_id}: {place}{cover}", fontsize=8, fontweight="bold", va="top")
    axes.set_ylabel(index.upper(), labelpad=3)
    axes.xaxis.set_major_locator(mdates.MonthLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_month))
    axes.tick_params(axis="x", pad=2)
    bare = {"linestyle": "none"}
    handles = [
        Line2D([], [], color=INK, linewidth=1.5, label="smoothed"),
        Line2D([], [], color=INK, marker="o", markersize=3, label="clear", **bare),
        Line2D([], [], marker="D", markersize=3.4, markerfacecolor="white", markeredgecolor=BLUE, color=BLUE,
               label="snow", **bare),
        Line2D([], [], color="#8A8A8A", marker="x", markersize=3, label="cloudy", **bare),
        Line2D([], [], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=INK, color=INK,
               label="crossing", **bare),
        Line2D([], [], color=INK, linewidth=0.8, label="date (median of years)"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.52, -0.01), ncols=len(handles),
                  columnspacing=0.9, handletextpad=0.4, fontsize=6.5, handlelength=1.1)  # fmt: skip


def _month(position: float, at: int | None) -> str:
    date = mdates.num2date(position)
    return f"{date:%b}\n{date:%Y}" if date.month == 1 or at == 0 else f"{date:%b}"[0]
