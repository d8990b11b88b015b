"""Figure 2: vegetation curves of a few sites, their seasons, and the image of each season (SSL4Eco, Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from greenup.bands import RGB
from greenup.config.seasons import CalendarSeasons
from greenup.errors import UserError
from greenup.paper import maps
from greenup.paper.curves import YEAR, day_of_year, season_arcs, smooth_curve
from greenup.paper.fig2_sites import choose_sites
from greenup.paper.stretch import stretch_together
from greenup.paper.style import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    WIDTH,
    new_figure,
    note_below,
    readable,
    season_colours,
    season_order,
)
from greenup.patches.store import PatchStore

NUMBERS: tuple[str, ...] = (
    *("site_id", "lon", "lat", "land_cover", "what", "season", "day", "stop", "evi", "clear", "snow", "time", "cloud"),
    *("cloud_of", "scene_id"),
)
"""Columns of the numbers behind the figure."""

MONTHS = "JFMAMJJASOND"
_SNOW = {
    "linestyle": "none",
    "marker": "D",
    "color": BLUE,
    "fillstyle": "none",
    "markersize": 2.2,
    "markeredgewidth": 0.6,
}
_MONTH_STARTS = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365], dtype=float)


class PatchReader(Protocol):
    """What of `PatchStore` is used here."""

    def read(self, site_id: str, season: str, channels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance x 10 000, uint16 (channels, height, width), and where it is valid, bool (height, width)."""
        ...


def draw_fig2(
    sites: pd.DataFrame,
    seasons: pd.DataFrame,
    phenology: pd.DataFrame | None,
    curves: pd.DataFrame | None,
    index: pd.DataFrame,
    *,
    index_path: str,
    count: int,
    curve_index: str = "evi",
    store: PatchReader | None = None,
) -> tuple[Figure, pd.DataFrame]:
    """A row a site: where it lies, (a) its EVI over the year with its seasons, (b) its images in true colour.

    Tables as in `greenup.schemas` (``phenology`` and ``curves`` are None for datasets without dates of their own);
    ``index_path`` is the dataset's index file, from which the pixels are found; ``store`` replaces the reader;
    ``curve_index`` is the vegetation index of the curves (evi or ndvi). Returns the figure and the numbers drawn:
    columns `NUMBERS`, where ``what`` is observation, smooth, season or image, and ``day`` and ``stop`` are days of the
    year from 0. Raises `UserError` when the index has no image.
    """
    if index.empty:
        raise UserError(f"{index_path}: no images", "look at the ledgers, or leave out paper.fig2_dataset")
    store = store or PatchStore(index_path)
    chosen = choose_sites(sites, phenology, curves, index, count)
    names = season_order(pd.concat([t.loc[t["site_id"].isin(chosen), "season"] for t in (index, seasons)]))
    colours = season_colours(names)
    has_curves = curves is not None and curves["site_id"].isin(chosen).any()
    year_width = 2.3 if has_curves else 1.9
    left = 1.55 + year_width + 0.12
    side = (WIDTH - left) / max(len(names), 4)
    row_height = max(side - 0.05, 0.7) + 0.55
    height = row_height * len(chosen) + 0.45
    figure = new_figure(height)
    top_evi = _highest(curves, chosen)
    parts = []
    for i, site_id in enumerate(chosen):
        site = sites.loc[sites["site_id"] == site_id].iloc[0]
        bottom = 1 - (row_height * (i + 1) - 0.16) / height
        panel_height = (row_height - 0.55) / height
        about = {"site_id": site_id, "lon": site["lon"], "lat": site["lat"], "land_cover": site["land_cover"]}
        place = figure.add_axes((0.0, bottom + panel_height - 0.56 / height, 1.1 / WIDTH, 0.56 / height))
        _draw_place(place, site, _origin(phenology, site_id))
        axes = figure.add_axes((1.55 / WIDTH, bottom, year_width / WIDTH, panel_height))
        mine = seasons[seasons["site_id"] == site_id]
        images = index[index["site_id"] == site_id]
        series = curves[curves["site_id"] == site_id] if curves is not None else None
        about_axis = {"curve_index": curve_index, "top": top_evi, "is_last": i == len(chosen) - 1}
        drawn = _draw_year(axes, season_arcs(mine), series, images, colours, **about_axis)
        parts.append(drawn.assign(**about))
        if i == 0:
            _letter(axes, "a")
        dark = mine[mine["choice"] == 0].groupby("season")["dark_days"].max()
        where = (left, bottom, side, height)
        drawn = _draw_images(figure, images, names, store, colours, *where, dark, is_first=i == 0)
        parts.append(drawn.assign(**about))
    has_snow = has_curves and bool(curves.loc[curves["site_id"].isin(chosen), "snow"].any())
    _legend(figure, names, colours, has_curves, has_snow)
    if not index.attrs.get("simulated", False) and index.attrs.get("attribution"):
        note_below(figure, {"attribution": str(index.attrs["attribution"])})
    return figure, pd.concat(parts, ignore_index=True).reindex(columns=list(NUMBERS))


def _highest(curves: pd.DataFrame | None, chosen: list[str]) -> float:
    """Upper end of every EVI axis: they are shared, so that curves can be compared."""
    if curves is None:
        return 1.0
    values = curves.loc[curves["site_id"].isin(chosen) & curves["clear"].astype(bool), "evi"]
    return float(np.ceil(max(values.quantile(0.995), 0.3) * 10) / 10 + 0.05) if len(values) else 1.0


def _origin(phenology: pd.DataFrame | None, site_id: str) -> str:
    """Where a site's dates come from and why, when they are not its own."""
    if phenology is None:
        return ""
    row = phenology.loc[phenology["site_id"] == site_id].iloc[0]
    if row["origin"] == "observed":
        return ""
    why = "" if pd.isna(row["cause"]) else f" ({readable(row['cause'])} here)"
    return f"dates of a site {row['donor_km']:.0f} km away{why}" if row["origin"] == "filled" else f"no dates{why}"


def _draw_place(axes: Axes, site: pd.Series, origin: str) -> None:
    maps.draw_base(axes, maps.WORLD_FRAME, graticule=False)
    axes.plot(*maps.WORLD_FRAME.project([site["lon"]], [site["lat"]]), "o", color=VERMILION, markersize=4, zorder=4)
    lines = [
        str(site["site_id"]),
        f"{maps.degrees(site['lat'], 'NS')}, {maps.degrees(site['lon'], 'EW')}",
        *("" if pd.isna(site["land_cover"]) else fill(readable(str(site["land_cover"])), 22), fill(origin, 22)),
    ]
    about = {"ha": "center", "va": "top", "fontsize": 6, "linespacing": 1.35}
    axes.text(0.5, -0.1, "\n".join(filter(None, lines)), transform=axes.transAxes, **about)


def _draw_year(
    axes: Axes,
    arcs: pd.DataFrame,
    series: pd.DataFrame | None,
    images: pd.DataFrame,
    colours: dict[str, str],
    *,
    curve_index: str,
    top: float,
    is_last: bool,
) -> pd.DataFrame:
    """Season arcs, calendar dates, clear observations with a smooth line, and when the images were taken."""
    rows = [arcs.rename(columns={"start": "day"}).assign(what="season")]
    for season, start, stop in arcs.itertuples(index=False):
        axes.axvspan(start, stop, color=colours.get(season, GREY), alpha=0.28, linewidth=0, gid=season)
        # Pale colours are told apart with difficulty where one sees few: a strip of the full ones below them.
        axes.axvspan(start, stop, 0, 0.04, color=colours.get(season, GREY), linewidth=0, zorder=2.2)
    calendar = CalendarSeasons(rule="calendar")
    for text in (calendar.winter, calendar.spring, calendar.summer, calendar.autumn):
        day = float(day_of_year(pd.Series(pd.to_datetime([f"2001-{text}"])))[0])
        axes.axvline(day, color=INK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=2.3, gid="calendar")
    has_series = series is not None and len(series) > 0
    if has_series:
        day, evi, clear = day_of_year(series["time"]), series["evi"].to_numpy(float), series["clear"].to_numpy(bool)
        snow = series["snow"].to_numpy(bool) & ~clear
        cloudy = ~clear & ~snow
        axes.plot(day[cloudy], evi[cloudy], ".", color="#9A9A9A", markersize=1.6, alpha=0.6, zorder=2.5)
        axes.plot(day[snow], evi[snow], **_SNOW, zorder=2.6)
        axes.plot(day[clear], evi[clear], ".", color=INK, markersize=2.6, alpha=0.55, markeredgewidth=0, zorder=3)
        line = smooth_curve(day[clear], evi[clear])
        axes.plot(np.arange(YEAR), line, color=INK, linewidth=1.4, zorder=4)
        seen = {"what": "observation", "day": day, "evi": evi, "clear": clear, "snow": series["snow"].to_numpy(bool)}
        rows.append(pd.DataFrame({**seen, "time": series["time"].to_numpy()}))
        rows.append(pd.DataFrame({"what": "smooth", "day": np.arange(YEAR)[::5], "evi": line[::5]}))
        # Room for the strip, so that it hides no observation.
        axes.set_ylim(-0.12 if np.nanmin(evi[clear | snow], initial=0) < -0.01 else -0.05, top)
        axes.yaxis.set_major_locator(MultipleLocator(0.2))
        axes.set_ylabel(curve_index.upper(), labelpad=2)
    else:
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        about = {"ha": "center", "va": "center", "fontsize": 6.5, "color": GREY, "zorder": 5}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.9}
        axes.text(0.5, 0.5, "no vegetation curve", transform=axes.transAxes, bbox=box, **about)
    taken = day_of_year(images["time"])
    axes.scatter(
        taken,
        np.full(len(taken), 1.0),
        transform=axes.get_xaxis_transform(),
        marker="v",
        s=26,
        c=[colours.get(s, GREY) for s in images["season"]],
        edgecolors=INK,
        linewidths=0.5,
        clip_on=False,
        zorder=6,
    )
    axes.set_xlim(0, YEAR)
    axes.set_xticks(_MONTH_STARTS, minor=False)
    axes.set_xticklabels([])
    axes.set_xticks((_MONTH_STARTS[:-1] + _MONTH_STARTS[1:]) / 2, minor=True)
    axes.set_xticklabels(list(MONTHS), minor=True)
    axes.tick_params(axis="x", which="minor", length=0)
    if is_last:
        axes.set_xlabel("month", labelpad=1)
    return pd.concat(rows, ignore_index=True)


def _draw_images(
    figure: Figure,
    images: pd.DataFrame,
    names: list[str],
    store: PatchReader,
    colours: dict[str, str],
    left: float,
    bottom: float,
    side: float,
    height: float,
    dark: pd.Series,
    *,
    is_first: bool,
) -> pd.DataFrame:
    """One panel a season (inches from the left), all stretched alike; a season without an image says so.

    ``dark``: season -> days of polar night, which may be why there is no image.
    """
    by_season = {str(r["season"]): r for _, r in images.iterrows()}
    pixels = [store.read(str(r["site_id"]), s, RGB) for s, r in by_season.items()]
    shown = stretch_together([image for image, _ in pixels], [valid for _, valid in pixels])
    pictures = dict(zip(by_season, shown, strict=True))
    rows = []
    for j, season in enumerate(names):
        axes = figure.add_axes(((left + j * side) / WIDTH, bottom, (side - 0.05) / WIDTH, (side - 0.05) / height))
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(visible=True, color=colours[season], linewidth=1.6)
        if season in pictures:
            row = by_season[season]
            axes.imshow(pictures[season], interpolation="nearest" if len(pictures[season]) < 100 else "antialiased")
            cloud = "" if pd.isna(row["cloud"]) else f"{row['cloud']:.0f} % cloud"
            axes.set_xlabel(cloud, fontsize=6, labelpad=2)
            title = f"{readable(season)}\n{row['time']:%Y-%m-%d}"
            about = {c: row.get(c) for c in ("time", "cloud", "cloud_of", "scene_id")}
            rows.append({"what": "image", "season": season, **about})
        else:
            axes.set_facecolor("#F2F2F2")
            night = f"\n{dark[season]:.0f} days\nwithout sun" if dark.get(season, 0) > 0 else ""
            axes.text(
                0.5, 0.5, f"no image{night}", transform=axes.transAxes, ha="center", va="center", fontsize=6, color=GREY
            )
            title = readable(season)
        axes.set_title(title, fontsize=6.5, fontweight="normal", loc="center", pad=3)
        if j == 0 and is_first:
            _letter(axes, "b")
    table = pd.DataFrame(rows)
    return table.assign(day=day_of_year(table["time"]))


def _letter(axes: Axes, letter: str) -> None:
    """The letter of a column, on the upper left of its first panel, as high as the name of the season beside it."""
    about = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(letter, (0, 1), xytext=(-1, 12), fontsize=10, fontweight="bold", va="baseline", **about)


def _legend(figure: Figure, names: list[str], colours: dict[str, str], has_curves: bool, has_snow: bool) -> None:
    handles = [Patch(facecolor=colours[n], alpha=0.6, label=readable(n)) for n in names]
    handles.append(Line2D([], [], color=INK, linewidth=0.8, linestyle=(0, (3, 2)), label="solstice, equinox"))
    triangle = {"marker": "v", "markerfacecolor": "#BBBBBB", "markeredgecolor": INK, "markersize": 5}
    handles.append(Line2D([], [], color="none", label="image taken", **triangle))
    if has_curves:
        handles.append(Line2D([], [], color=INK, marker=".", markersize=4, label="clear, smoothed"))
    if has_snow:
        handles.append(Line2D([], [], **{**_SNOW, "markersize": 4}, label="snow"))
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0), ncols=len(handles), columnspacing=1.1)
