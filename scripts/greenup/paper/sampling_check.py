"""The rebuilt SSL4EO-S12 sampling beside real SSL4EO-S12 sites: places, land, and dates.

The sampling of the released data cannot be drawn again (unseeded, other city list, today's date), so that sites are
compared as distributions: distance to the nearest large city, land cover and biome (both looked up in the same maps for
both), months of the four dates, and days between them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

from greenup.errors import UserError
from greenup.paper.style import BLUE, GREY, VERMILION, land_cover_order, new_figure, panel_title, readable
from greenup.sites.attributes import add_attributes, cities
from greenup.sites.sources import SiteData
from greenup.sites.sphere import arc_km, unit_vectors

CITIES = 10_000
"""Largest cities to which distances are measured (SSL4EO-S12's and SeCo's number)."""

REAL = "real"
COLOURS = {REAL: BLUE, "rebuilt": VERMILION}

_KM_EDGES = np.concatenate([np.arange(0, 200, 2.0), [np.inf]])


def compare(sites: pd.DataFrame, intervals: pd.DataFrame, reference: pd.DataFrame, data: SiteData) -> pd.DataFrame:
    """All histograms of the comparison: columns what, of, bin, real, rebuilt (shares that sum to 1 over the bins).

    ``sites``, ``intervals``: the rebuilt sampling (`SITES`, and the `INTERVALS` of a rule that places each date once);
    its dates are the middles of the intervals. ``reference``: from
    `greenup.paper.reference_sites.read_reference`. ``what`` is one of distance_km (``bin`` the lower edge),
    land_cover, biome, month (``of`` the number of the date, 1 the earliest) and gap_days (``of`` such as 1-2). Land
    cover and biome are looked up for both in ``data``.
    """
    real = add_attributes(reference.drop_duplicates("site_id")[["site_id", "lon", "lat"]].reset_index(drop=True), data)
    both = {REAL: real, "rebuilt": sites}
    at = cKDTree(unit_vectors(*(cities(data).head(CITIES)[c] for c in ("lon", "lat"))))
    distance = {k: arc_km(at.query(unit_vectors(t["lon"], t["lat"]))[0]) for k, t in both.items()}
    parts = [_binned("distance_km", "all", distance, _KM_EDGES)]
    for what in ("land_cover", "biome"):
        shares = {k: t[what].astype("string").fillna("none").value_counts(normalize=True) for k, t in both.items()}
        names = sorted(set().union(*(s.index for s in shares.values())))
        parts.append(_rows(what, "all", names, {k: s.reindex(names).fillna(0.0) for k, s in shares.items()}))
    dates = {REAL: _matrix(reference, "time"), "rebuilt": _matrix(intervals, "middle")}
    if dates[REAL].shape[1] != dates["rebuilt"].shape[1]:
        raise UserError(
            f"sampling check: {dates['rebuilt'].shape[1]} dates a site, the reference has {dates[REAL].shape[1]}",
            "compare with a dataset of the same season rule",
        )
    for i in range(dates[REAL].shape[1]):
        months = {k: d[:, i].astype("datetime64[M]").astype(int) % 12 + 1 for k, d in dates.items()}
        parts.append(_binned("month", str(i + 1), months, np.arange(1, 14)))
    for i in range(dates[REAL].shape[1] - 1):
        gaps = {k: np.diff(d, axis=1)[:, i] / np.timedelta64(1, "D") for k, d in dates.items()}
        parts.append(_binned("gap_days", f"{i + 1}-{i + 2}", gaps, np.arange(0, 181)))
    return pd.concat(parts, ignore_index=True)


def median_of(table: pd.DataFrame, what: str, of: str = "all") -> pd.Series:
    """Median bin of a numeric histogram: index real, rebuilt."""
    rows = table[(table["what"] == what) & (table["of"] == of)]
    bins = rows["bin"].astype(float).to_numpy()
    return pd.Series({k: bins[int(np.searchsorted(rows[k].cumsum().to_numpy(), 0.5))] for k in COLOURS})


def distance_of(table: pd.DataFrame, what: str, of: str = "all") -> float:
    """Total variation distance of the two histograms, 0 (equal) .. 1 (nothing in common)."""
    rows = table[(table["what"] == what) & (table["of"] == of)]
    return float((rows[REAL] - rows["rebuilt"]).abs().sum() / 2)


def draw_sampling_check(table: pd.DataFrame, *, n_real: int, n_rebuilt: int) -> Figure:
    """Five panels: distance to the nearest large city, land cover, biome, months, gaps. ``table``: from `compare`."""
    figure = new_figure(7.4)
    top = figure.add_gridspec(1, 3, left=0.07, right=0.985, top=0.955, bottom=0.725, wspace=0.3)
    low = figure.add_gridspec(1, 2, left=0.19, right=0.985, top=0.615, bottom=0.06, wspace=0.75)
    axes = figure.add_subplot(top[0])
    rows = table[table["what"] == "distance_km"]
    x = np.append(rows["bin"].astype(float), 200)
    for name, colour in COLOURS.items():
        label = f"{name} (n = {n_real if name == REAL else n_rebuilt:,})"
        axes.plot(x, 100 * np.append(0, rows[name].cumsum()), color=colour, label=label)
    axes.set_xlim(0, 150)
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"km to the nearest of {CITIES:,} cities")
    axes.set_ylabel("share of sites nearer (%)")
    axes.legend(loc="lower right")
    medians = median_of(table, "distance_km")
    panel_title(axes, "a", f"medians {medians[REAL]:.0f} and {medians['rebuilt']:.0f} km")
    _months(figure.add_subplot(top[1]), table)
    _gaps(figure.add_subplot(top[2]), table)
    for i, (what, title) in enumerate((("land_cover", "land cover"), ("biome", "biome"))):
        axes = figure.add_subplot(low[i])
        _dumbbells(axes, table[table["what"] == what], what)
        panel_title(axes, "de"[i], f"{title}: {distance_of(table, what):.0%} differ")
    return figure


def _months(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["what"] == "month"]
    styles = ("-", "--", "-.", ":")
    for name, colour in COLOURS.items():
        for style, (_, mine) in zip(styles, rows.groupby("of"), strict=False):
            axes.plot(mine["bin"].astype(int), 100 * mine[name], color=colour, linestyle=style, linewidth=0.9)
    axes.axhline(100 / 12, color=GREY, linewidth=0.6, zorder=0)
    axes.set_xticks(range(1, 13), list("JFMAMJJASOND"))
    axes.set_ylim(0, 14)
    axes.set_xlabel("month; a line for each of the four dates")
    axes.set_ylabel("share of the dates (%)")
    panel_title(axes, "b", "months of the year")


def _gaps(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["what"] == "gap_days"]
    for i, (of, mine) in enumerate(rows.groupby("of")):
        for name, colour in COLOURS.items():
            height = mine[name].to_numpy()
            top = 0.42 / max(mine[list(COLOURS)].to_numpy()[:, 0].max(), 1e-9)
            # The rebuilt dates are the middles of windows, all gaps alike: a bar as high as its panel row.
            scaled = np.minimum(height * top, 0.42) if name == REAL else np.minimum(height, 1) * 0.42
            axes.bar(
                mine["bin"].astype(int), scaled, bottom=i, width=1.0, color=colour, alpha=0.8 if name == REAL else 1
            )
        medians = median_of(table, "gap_days", of)
        axes.text(61, i + 0.24, f"dates {of}\n{medians[REAL]:.0f} and {medians['rebuilt']:.0f} d", fontsize=6.5)
    axes.set_xlim(60, 125)
    axes.set_ylim(-0.1, rows["of"].nunique() - 0.35)
    axes.set_yticks([])
    axes.set_xlabel("days between dates (rebuilt: window middles)")
    panel_title(axes, "c", "gaps, with medians")


def _dumbbells(axes: Axes, rows: pd.DataFrame, what: str) -> None:
    order = land_cover_order(rows["bin"]) if what == "land_cover" else rows.sort_values(REAL)["bin"].tolist()[::-1]
    rows = rows.set_index("bin").loc[order]
    y = np.arange(len(rows))[::-1]
    axes.hlines(
        y, 100 * rows[list(COLOURS)].min(axis=1), 100 * rows[list(COLOURS)].max(axis=1), color=GREY, linewidth=1
    )
    for name, colour in COLOURS.items():
        axes.plot(100 * rows[name], y, "o", markersize=4, color=colour)
    axes.set_yticks(y, [readable(n) for n in rows.index])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=-0.5)
    axes.set_xlabel("share of sites (%)")
    axes.grid(axis="x", color="#E8E8E8", linewidth=0.5)


def _matrix(table: pd.DataFrame, column: str) -> np.ndarray:
    """Dates of each site in order, (sites, dates) of datetime64[D]; sites with fewer than the most are left out."""
    ordered = table.sort_values(["site_id", column])
    counts = ordered.groupby("site_id", sort=False)[column].transform("size")
    full = ordered[counts == counts.max()]
    days = pd.to_datetime(full[column], utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    return days.reshape(-1, int(counts.max()))


def _binned(what: str, of: str, values: dict[str, np.ndarray], edges: np.ndarray) -> pd.DataFrame:
    counts = {k: np.histogram(v, edges)[0] for k, v in values.items()}
    return _rows(what, of, [f"{e:g}" for e in edges[:-1]], {k: c / max(c.sum(), 1) for k, c in counts.items()})


def _rows(what: str, of: str, bins: list[str], shares: dict[str, np.ndarray | pd.Series]) -> pd.DataFrame:
    return pd.DataFrame({"what": what, "of": of, "bin": bins, **{k: np.asarray(v, float) for k, v in shares.items()}})
