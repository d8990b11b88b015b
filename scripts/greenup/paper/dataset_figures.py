"""The figures of a dataset's quality report that count: images, cloud, distance from mid-season, dates, values."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from greenup.bands import BANDS
from greenup.paper.quality import CLOUD_BINS, OFFSET_BINS, draw_months, draw_status, season_legend
from greenup.paper.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    new_figure,
    panel_title,
    readable,
    season_colours,
    season_order,
)
from greenup.patches.quality import (
    Facts,
    causes,
    cloud_counts,
    dates,
    images_a_site,
    invalid_counts,
    quantiles_by_season,
    status_by_season,
)

CLOUD_OF: dict[str, tuple[str, str]] = {
    "tile": ("of the tile", SKY),
    "patch": ("over the patch", BLUE),
    "tile_estimate": ("of the tile, estimated", PURPLE),
    "scene": ("of the scene", SKY),
    "unknown": ("unknown", FAINT),
}
"""What a cloud cover speaks of: in words, and its colour."""

_OF_KIND = {"reflectance": "reflectance", "backscatter": "backscatter (dB)", "index": "vegetation index"}


def draw_images(facts: Facts) -> tuple[Figure, pd.DataFrame]:
    """Images a site, what became of every season, and why images are lacking. Returns the figure and its numbers."""
    counts, status, why = images_a_site(facts), status_by_season(facts), causes(facts, most=8)
    seasons = season_order(status["season"])
    text = [fill(f"{readable(s)}: {c}" if s else c, 105) for s, c in zip(why["status"], why["cause"], strict=True)]
    lines = sum(t.count("\n") + 1 for t in text)
    upper = max(1.5, 0.3 * len(seasons) + 0.3)
    lower = 0.3 + 0.13 * lines + 0.16 * len(why) if len(why) else 0.0
    height = 0.3 + upper + 0.5 + (lower + 0.25 if lower else 0)
    figure = new_figure(height)
    axes = figure.add_axes((0.075, 1 - (0.3 + upper) / height, 0.3, upper / height))
    axes.bar(counts["images"], counts["sites"], width=0.8, color=[GREY if n == 0 else BLUE for n in counts["images"]])
    for n, sites, share in counts.itertuples(index=False):
        axes.text(n, sites, f"{sites:,}\n{100 * share:.0f} %", ha="center", va="bottom", fontsize=6.2, linespacing=1.05)
    axes.set_xticks(counts["images"])
    axes.set_ylim(0, 1.28 * max(counts["sites"].max(), 1))
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.set_xlabel("images of a site")
    axes.set_ylabel("sites")
    panel_title(axes, "a", "images a site")
    axes = figure.add_axes((0.5, 1 - (0.3 + upper) / height, 0.485, upper / height))
    draw_status(axes, status.rename(columns={"status": "bin"}), seasons, by="season")
    axes.get_legend().remove()
    _key_below(figure, axes, height)
    panel_title(axes, "b", "what became of every season")
    if lower:
        axes = figure.add_axes((0.0, 0.0, 1.0, lower / height))
        _draw_causes(axes, why, text, lower)
        panel_title(axes, "c", "why images are lacking")
    numbers = [counts.assign(panel="a"), status.assign(panel="b"), why.assign(panel="c")]
    columns = ["panel", "images", "sites", "share", "season", "status", "cause", "count"]
    return figure, pd.concat(numbers, ignore_index=True).reindex(columns=columns)


def _key_below(figure: Figure, axes: Axes, height: float) -> None:
    handles, labels = axes.get_legend_handles_labels()
    box = axes.get_position()
    where = (box.x1 + 0.01, box.y0 - 0.36 / height)
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=where, ncols=len(labels), columnspacing=0.9,
                  handlelength=1.0, borderaxespad=0.0, fontsize=6.5)  # fmt: skip


def _draw_causes(axes: Axes, why: pd.DataFrame, text: list[str], tall: float) -> None:
    """A line of text a cause, with its count before it and a bar as long as its share below."""
    axes.axis("off")
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(tall, 0)
    down, largest = 0.12, max(int(why["count"].max()), 1)
    for words, count in zip(text, why["count"], strict=True):
        rows = words.count("\n") + 1
        axes.text(0.55, down, f"{count:,}", ha="right", va="top", fontsize=7, fontweight="bold")
        axes.text(0.65, down, words, ha="left", va="top", fontsize=6.5, linespacing=1.2)
        down += 0.13 * rows
        axes.barh(down + 0.035, 6.4 * count / largest, left=0.65, height=0.035, color=VERMILION)
        down += 0.16


def draw_cloud(facts: Facts) -> tuple[Figure, pd.DataFrame]:
    """Cloud cover by which the images were chosen, and their share of pixels without data."""
    cloud, invalid = cloud_counts(facts, CLOUD_BINS), invalid_counts(facts)
    figure = new_figure(2.3)
    axes = figure.add_axes((0.075, 0.19, 0.42, 0.68))
    known = cloud[cloud["low"].notna()]
    base = np.zeros(len(CLOUD_BINS) - 1)
    for of, one in known.groupby("cloud_of", sort=True):
        words, colour = CLOUD_OF.get(str(of), (str(of), GREEN))
        axes.bar(one["low"], one["count"], width=one["high"] - one["low"], bottom=base, align="edge", color=colour,
                 edgecolor="white", linewidth=0.3, label=f"{words}: {one['count'].sum():,}")  # fmt: skip
        base += one["count"].to_numpy()
    unknown = int(cloud.loc[cloud["low"].isna(), "count"].sum())
    if unknown:
        axes.bar([np.nan], [np.nan], color=FAINT, label=f"unknown: {unknown:,}")
    used = np.flatnonzero(base)
    if len(used):
        axes.set_xlim(0, min(100.0, CLOUD_BINS[used[-1] + 2] if used[-1] + 2 < len(CLOUD_BINS) else 100.0))
        axes.legend(loc="upper right")
    else:
        _nothing(axes, f"cloud is unknown\nof all {unknown:,} images")
    axes.set_ylim(0, 1.1 * max(base.max(), 1))
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.set_xlabel("cloud cover (%)")
    axes.set_ylabel("images")
    panel_title(axes, "a", "cloud of the images")
    axes = figure.add_axes((0.58, 0.19, 0.405, 0.68))
    x = np.arange(len(invalid))
    axes.bar(x, 100 * invalid["share"], width=0.8, color=[BLUE, *[ORANGE] * (len(invalid) - 1)])
    for xi, count, share in zip(x, invalid["count"], invalid["share"], strict=True):
        axes.text(xi, 100 * share + 1, f"{count:,}", ha="center", va="bottom", fontsize=6.2)
    names = ["none", *(f"{a:g}–{b:g}" for a, b in zip(invalid["low"][1:], invalid["high"][1:], strict=True))]
    axes.set_xticks(x, names)
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 112)
    axes.set_xlabel("pixels without data (% of an image)")
    axes.set_ylabel("images (%)")
    panel_title(axes, "b", "pixels without data")
    numbers = [cloud.assign(panel="a"), invalid.assign(panel="b")]
    return figure, pd.concat(numbers, ignore_index=True).reindex(
        columns=["panel", "cloud_of", "low", "high", "count", "share"]
    )


def draw_offset(facts: Facts) -> tuple[Figure, pd.DataFrame]:
    """Days from the middle of the season, a panel a season with its median and 5 to 95 percent."""
    summary = quantiles_by_season(facts, "days_from_middle").set_index("season")
    seasons = season_order(summary.index)
    across = min(4, len(seasons))
    down = -(-len(seasons) // across)
    height = 0.3 + down * 1.25 + (down - 1) * 0.55 + 0.45
    figure = new_figure(height)
    grid = figure.add_gridspec(down, across, left=0.07, right=0.985, top=1 - 0.3 / height, bottom=0.45 / height,
                               wspace=0.28, hspace=0.45)  # fmt: skip
    values = {s: facts.images.loc[facts.images["season"] == s, "days_from_middle"].dropna() for s in seasons}
    reach = max((float(v.abs().max()) for v in values.values() if len(v)), default=10.0)
    step = float(OFFSET_BINS[1] - OFFSET_BINS[0]) / (1 if reach > 60 else 2 if reach > 20 else 5)
    ends = (min(reach, OFFSET_BINS[-1]) // step + 1.5) * step
    edges = np.arange(-ends, ends + step / 2, step)
    colours, parts = season_colours(seasons), []
    for i, season in enumerate(seasons):
        axes = figure.add_subplot(grid[i // across, i % across])
        # Days further off count in the outer classes.
        counts, _ = np.histogram(np.clip(values[season], edges[0], edges[-1]), edges)
        axes.stairs(counts, edges, fill=True, color=colours[season], alpha=0.85)
        row = summary.loc[season]
        if counts.any():
            axes.axvspan(row["p05"], row["p95"], ymin=0.93, ymax=0.97, color=GREY, linewidth=0)
            # Ends below the text.
            axes.axvline(row["median"], ymax=0.68, color=INK, linewidth=1.0)
            text = f"median {_signed(row['median'])}\n5–95 %: {_signed(row['p05'])} to {_signed(row['p95'])}"
            axes.annotate(text, (0.02, 0.9), xycoords="axes fraction", fontsize=6, va="top", linespacing=1.2)
        else:
            _nothing(axes, "no images" if not row["unknown"] else "not known")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.6 * max(counts.max(), 1))
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        if i // across == down - 1 or i + across >= len(seasons):
            axes.set_xlabel("days from mid-season", labelpad=1)
        if i % across == 0:
            axes.set_ylabel("images")
        panel_title(axes, chr(ord("a") + i % 26), f"{readable(season)} (n = {int(row['images']):,})")
        parts.append(pd.DataFrame({"season": season, "low": edges[:-1], "high": edges[1:], "count": counts}))
    return figure, pd.concat([summary.loc[seasons].reset_index(), *parts], ignore_index=True)


def draw_dates(facts: Facts) -> tuple[Figure, pd.DataFrame]:
    """Images by year and month, and by month for each hemisphere and season."""
    table = dates(facts)
    years = np.arange(int(table["year"].min()), int(table["year"].max()) + 1)
    tall = 0.2 * len(years)
    height = 0.3 + tall + 0.62 + 1.2 + 0.62
    figure = new_figure(height)
    axes = figure.add_axes((0.075, 1 - (0.3 + tall) / height, 0.81, tall / height))
    grid = table.pivot_table(index="year", columns="month", values="count", aggfunc="sum", fill_value=0)
    grid = grid.reindex(index=years, columns=np.arange(1, 13), fill_value=0).to_numpy()
    drawn = axes.pcolormesh(
        np.arange(13) + 0.5, np.arange(len(years) + 1) - 0.5, np.where(grid > 0, grid, np.nan), cmap="YlGnBu",
        norm=LogNorm(1, max(grid.max(), 2)), edgecolors="white", linewidth=0.8,
    )  # fmt: skip
    for (i, j), count in np.ndenumerate(grid):
        dark = count > 0 and drawn.norm(count) > 0.6
        label = f"{count:,}" if count < 1e5 else f"{count / 1e3:.0f}k"
        if count:
            axes.text(j + 1, i, label, ha="center", va="center", fontsize=6, color="white" if dark else INK)
    axes.set_ylim(len(years) - 0.5, -0.5)
    axes.set_yticks(np.arange(len(years)), years)
    axes.set_xticks(np.arange(1, 13), list("JFMAMJJASOND"))
    axes.tick_params(length=0)
    for i, year in enumerate(years):
        total = int(table.loc[table["year"] == year, "count"].sum())
        axes.annotate(f"{total:,}", (1.012, i), xycoords=("axes fraction", "data"), fontsize=6.5, va="center")
    axes.annotate(
        "images", (1.012, 1), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=6.5
    )
    panel_title(axes, "a", "year and month of the images")
    seasons = season_order(facts.rows["season"].cat.categories)
    months = table.assign(bin=table["month"])
    for k, hemisphere in enumerate(("north", "south")):
        axes = figure.add_axes((0.075 + 0.485 * k, 0.62 / height, 0.425, 1.2 / height))
        mine = months[months["hemisphere"] == hemisphere]
        draw_months(axes, mine, seasons)
        axes.set_xlabel("month of acquisition", labelpad=1)
        panel_title(axes, "bc"[k], f"{hemisphere}ern hemisphere ({int(mine['count'].sum()):,} images)")
    season_legend(figure, seasons, height)
    return figure, table


def draw_values(facts: Facts, statistics: dict[str, Any]) -> tuple[Figure, pd.DataFrame]:
    """Where the centres of the patches lie from their sites, and the range of the values of each channel.

    ``statistics``: the content of statistics.json.
    """
    table = channel_table(statistics)
    kinds = list(dict.fromkeys(table["kind"]))
    height = max(2.7, 0.3 + 0.17 * len(table) + 0.55 * len(kinds) - 0.1)
    figure = new_figure(height)
    side = 2.0
    axes = figure.add_axes((0.075, 1 - (0.3 + side) / height, side / WIDTH, side / height))
    east, north = facts.images["east_m"].to_numpy(float), facts.images["north_m"].to_numpy(float)
    reach = 1.15 * max(float(np.abs([east, north]).max()), 5.0)
    if len(east) > 2_000:
        drawn = axes.hexbin(east, north, gridsize=24, extent=(-reach, reach, -reach, reach), mincnt=1, cmap="YlGnBu",
                            linewidths=0.1)  # fmt: skip
        drawn.set_norm(Normalize(0, drawn.get_array().max()))
    else:
        axes.scatter(east, north, s=6, color=BLUE, alpha=0.5, linewidths=0)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("east of the site (m)", labelpad=1)
    axes.set_ylabel("north of the site (m)", labelpad=1)
    median, far = np.quantile(np.hypot(east, north), [0.5, 1.0])
    panel_title(axes, "a", f"patch centres (median {median:.0f} m off, at most {far:.0f} m)")
    down = 0.3
    for k, kind in enumerate(kinds):
        mine = table[table["kind"] == kind]
        tall = 0.17 * len(mine)
        axes = figure.add_axes((0.5, 1 - (down + tall) / height, 0.485, tall / height))
        _draw_ranges(axes, mine, has_key=k == 0)
        axes.set_xlabel(_OF_KIND[kind], labelpad=1)
        if k == 0:
            panel_title(axes, "b", "values of the channels")
        down += tall + 0.55
    offsets = pd.DataFrame({"panel": "a", **_offset_summary(east, north)}, index=[0])
    return figure, pd.concat([offsets, table.assign(panel="b")], ignore_index=True)


def _offset_summary(east: np.ndarray, north: np.ndarray) -> dict[str, float]:
    """Distance of patch centres from their sites (m)."""
    distance = np.hypot(east, north)
    values = dict(zip(("p05", "p50", "p95"), np.quantile(distance, [0.05, 0.5, 0.95]), strict=True))
    return {"channel": "distance_m", "mean": distance.mean(), "std": distance.std(), **values, "max": distance.max()}


def channel_table(statistics: dict[str, Any]) -> pd.DataFrame:
    """Statistics of each channel in physical units: columns channel, kind, mean, std, p02, p50, p98."""
    rows = []
    for name, found in statistics["channels"].items():
        band = BANDS[name]
        row = {k: found[k] / band.scale + band.offset for k in ("mean", "p02", "p50", "p98")}
        rows.append({"channel": name, "kind": band.kind, "std": found["std"] / band.scale, **row})
    return pd.DataFrame(rows, columns=["channel", "kind", "mean", "std", "p02", "p50", "p98"])


def _draw_ranges(axes: Axes, table: pd.DataFrame, *, has_key: bool) -> None:
    """A bar from 2 to 98 percent a channel, its median as a stroke, its mean as a dot."""
    y = np.arange(len(table))[::-1]
    axes.barh(y, table["p98"] - table["p02"], left=table["p02"], height=0.6, color=SKY)
    axes.scatter(table["p50"], y, marker="|", s=42, color=INK, linewidths=1.2, zorder=3, label="median")
    axes.scatter(table["mean"], y, marker="o", s=9, color=VERMILION, zorder=4, linewidths=0, label="mean")
    axes.set_yticks(y, table["channel"])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(table) - 0.4)
    if (table["p02"] >= 0).all():
        axes.set_xlim(left=0)
    if has_key:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, borderaxespad=0.1, fontsize=6.5)


def _signed(days: float) -> str:
    """Whole days with their sign: +3, −27, 0."""
    return "0" if round(days) == 0 else f"{round(days):+d}".replace("-", "−")


def _nothing(axes: Axes, text: str) -> None:
    axes.yaxis.set_visible(False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=7)
