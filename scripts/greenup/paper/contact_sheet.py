"""Contact sheet: images of a few sites drawn at random, all with one stretch, as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill, shorten

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from greenup.bands import BANDS, indices_of, masks_of, measured_of
from greenup.paper.fig2 import PatchReader
from greenup.paper.maps import degrees
from greenup.paper.stretch import Stretch, hatched, stretch_of
from greenup.paper.style import GREY, ORANGE, SIMULATED_NOTE, WIDTH, new_figure, readable, season_colours, season_order
from greenup.randomness import generator

MOST = 40
"""Most images on a sheet."""

NUMBERS: tuple[str, ...] = ("site_id", "lon", "lat", "season", "status", "time", "cloud", "cloud_of", "scene_id")
"""Columns of the numbers behind the sheet, before one a view: the stored values that are black and white in it."""

_ACROSS = 4  # images beside one another
_GAP, _INNER = 0.13, 0.03  # inches between images, and between the two views of one
_CAPTION, _HEAD, _LEG = 0.37, 0.42, 0.3  # inches below an image, above and below the sheet
_FALSE_COLOURS = (("B8", "B4", "B3"), ("B11", "B8", "B4"), ("B12", "B11", "B8A"))
_CLOUD_OF = {"tile": "tile", "patch": "patch", "tile_estimate": "tile, estimated"}


@dataclass(frozen=True)
class View:
    """One way to show an image. ``kind``: colour (three channels), index (0..1 in colours), or grey (one channel)."""

    name: str
    channels: tuple[str, ...]
    kind: str

    @property
    def title(self) -> str:
        return f"{self.name} ({', '.join(self.channels)})" if self.kind == "colour" else self.name


def views_of(bands: Sequence[str]) -> tuple[tuple[View, ...], str]:
    """At most two views of images with these bands, and in words what is lacking for true colour (empty if nothing).

    True colour and NDVI where the bands allow; otherwise false colours; radar VV and VH; of a single band its grey.
    """
    measured = measured_of(bands)
    radar = [b for b in measured if BANDS[b].kind == "backscatter"]
    if radar:
        return tuple(View(b, (b,), "grey") for b in radar[:2]), ""
    if not measured:
        mask = masks_of(bands)[0]
        return (View(mask, (mask,), "grey"),), "no measured band is stored: a mask is shown"
    lacking = [b for b in ("B4", "B3", "B2") if b not in measured]
    found = [View("true colour", ("B4", "B3", "B2"), "colour")] if not lacking else []
    if "NDVI" in indices_of(bands):
        found.append(View("NDVI", ("NDVI",), "index"))
    falses = [View("false colour", c, "colour") for c in _FALSE_COLOURS if set(c) <= set(measured)]
    found = (found[:1] + falses[:1] if not lacking else falses[:1] + found[:1]) if len(found) < 2 else found
    found = found or [View(measured[0], measured[:1], "grey")]
    return tuple(found[:2]), f"no true colour: the dataset has no {', '.join(lacking)}" if lacking else ""


def choose_sites(site_ids: Sequence[str], seasons: int, seed: int, dataset: str, *, most: int = MOST) -> list[str]:
    """Sites drawn at random, so many that their images are at most ``most`` (one site at least).

    ``site_ids``: the sites with an image, in any order; the same for the same seed and dataset.
    """
    ids = sorted(set(map(str, site_ids)))
    count = max(1, most // max(seasons, 1))
    return [ids[i] for i in generator(seed, "contact_sheet", dataset).permutation(len(ids))[:count]]


def draw_contact_sheet(
    rows: pd.DataFrame, store: PatchReader, bands: Sequence[str], *, simulated: bool, attribution: str
) -> tuple[Figure, pd.DataFrame]:
    """Every image of some sites in its views, one stretch for all, with site, season, date, cloud and place below.

    ``rows``: a row a site x season, with or without an image, with the columns `NUMBERS`, and cause; ``bands``: of the
    dataset. Pixels without data are striped grey. Returns the figure and its numbers: `NUMBERS`, and for each view the
    stored values that are darkest and brightest in it.
    """
    views, lacking = views_of(bands)
    channels = tuple(dict.fromkeys(c for v in views for c in v.channels))
    seasons = season_order(rows["season"].astype(str))
    order = rows.assign(rank=rows["season"].astype(str).map({s: i for i, s in enumerate(seasons)}))
    order = order.sort_values(["lat", "site_id", "rank"], ascending=[False, True, True]).reset_index(drop=True)
    there = np.flatnonzero(order["status"] == "ok")
    read = {i: store.read(str(order["site_id"][i]), str(order["season"][i]), channels) for i in there}
    stretches = {v: _stretch(v, channels, list(read.values())) for v in views}
    places = _places([len(one) for _, one in order.groupby("site_id", sort=False)], len(seasons))
    across = min(_ACROSS, max(c for _, c in places) + 1)
    cell = (WIDTH - _GAP * (_ACROSS - 1)) / _ACROSS
    side = (cell - _INNER) / 2
    row_height = side + _CAPTION + _GAP
    height = _HEAD + row_height * (places[-1][0] + 1) + _LEG
    figure = new_figure(height)
    colours = season_colours(seasons)
    # A narrow sheet stands in the middle.
    margin = (WIDTH - across * cell - (across - 1) * _GAP) / 2
    for i, (down, right) in enumerate(places):
        row = order.loc[i]
        left, bottom = margin + right * (cell + _GAP), 1 - (_HEAD + down * row_height + side) / height
        size = side / WIDTH, side / height
        for k, view in enumerate(views if i in read else views[:1]):
            width = size[0] if i in read else size[0] * 2 + _INNER / WIDTH
            axes = figure.add_axes(((left + k * (side + _INNER)) / WIDTH, bottom, width, size[1]))
            _frame(axes, colours[str(row["season"])])
            if i in read:
                image, valid = read[i]
                picked = image[[channels.index(c) for c in view.channels]]
                picture = hatched(_picture(view, picked, stretches[view]), valid)
                axes.imshow(picture, interpolation="nearest" if len(picture) < 100 else "antialiased")
            else:
                axes.set_facecolor("#F2F2F2")
                why = readable(str(row["status"])) if pd.isna(row["cause"]) else str(row["cause"])
                text = "no image\n" + fill(shorten(why, 90, placeholder=" …"), 36)
                axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=6, color=GREY)
            if k == 0:
                below = {"xytext": (0, -3), "textcoords": "offset points", "va": "top", "annotation_clip": False}
                axes.annotate(_caption(row), (0, 0), xycoords="axes fraction", fontsize=6, linespacing=1.25, **below)
    _head(figure, views, stretches, lacking, simulated, height)
    if attribution:
        figure.text(0, 0.02 / height, fill(attribution, 150), fontsize=6, color=GREY, va="bottom", gid="attribution")
    limits = {}
    for view in views:
        limits |= {f"{view.name} {end}": getattr(stretches[view], end) for end in ("low", "high")}
    return figure, order.reindex(columns=list(NUMBERS)).assign(**limits)


def _places(counts: Sequence[int], seasons: int) -> list[tuple[int, int]]:
    """Row and column of each image: sites with few seasons stand beside one another, those with many are broken."""
    beside, places = max(1, _ACROSS // max(seasons, 1)), []
    rows_a_site = -(-seasons // _ACROSS)
    for site, count in enumerate(counts):
        first = site % beside * seasons
        down = site // beside * rows_a_site
        places += [(down + j // _ACROSS, first + j % _ACROSS) for j in range(count)]
    return places


def _stretch(view: View, channels: Sequence[str], read: Sequence[tuple[np.ndarray, np.ndarray]]) -> Stretch:
    if view.kind == "index":
        return Stretch(0.0, BANDS[view.channels[0]].scale, 1.0)
    at = [channels.index(c) for c in view.channels]
    # Decibels are a logarithm already. A few images under snow may be white, so that the others are not all dark.
    about = {"has_gamma": True, "percent": (1, 95)} if view.kind == "colour" else {"has_gamma": False}
    return stretch_of([i[at] for i, _ in read], [v for _, v in read], **about)


def _colours(view: View) -> Colormap:
    return matplotlib.colormaps["YlGn" if view.kind == "index" else "gray"]


def _picture(view: View, image: np.ndarray, stretch: Stretch) -> np.ndarray:
    """RGB in 0..1, (height, width, 3)."""
    values = stretch(image)
    return np.moveaxis(values, 0, -1) if view.kind == "colour" else _colours(view)(values[0])[..., :3]


def _frame(axes: Axes, colour: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=1.0)


def _caption(row: pd.Series) -> str:
    """Site and season; date and cloud; place."""
    first = f"{shorten_id(str(row['site_id']))}, {readable(str(row['season']))}"
    place = f"{degrees(row['lat'], 'NS', 0.01)}, {degrees(row['lon'], 'EW', 0.01)}"
    if row["status"] != "ok":
        return f"{first}\n{readable(str(row['status']))}\n{place}"
    cloud = "cloud unknown"
    if not pd.isna(row["cloud"]):
        of = "" if pd.isna(row["cloud_of"]) else f" ({_CLOUD_OF.get(str(row['cloud_of']), str(row['cloud_of']))})"
        cloud = f"cloud {row['cloud']:.0f} %{of}"
    return f"{first}\n{row['time']:%Y-%m-%d}, {cloud}\n{place}"


def shorten_id(site_id: str, most: int = 22) -> str:
    """A long name of a site with its middle left out."""
    return site_id if len(site_id) <= most else f"{site_id[: most // 2]}…{site_id[-(most - most // 2 - 1) :]}"


def limits_in_words(view: View, stretch: Stretch) -> str:
    """What is black and white in a view, in physical units."""
    band = BANDS[view.channels[0]]
    if band.kind == "mask":
        return f"{stretch.low:g} to {stretch.high:g}"
    low, high = (v / band.scale + band.offset for v in (stretch.low, stretch.high))
    if band.kind == "backscatter":
        return f"{low:.1f} to {high:.1f} dB"
    gamma = f", gamma {stretch.gamma:.2f}" if stretch.gamma != 1 else ""
    return f"reflectance {low:.3f} to {high:.3f}{gamma}" if band.kind == "reflectance" else f"{low:g} to {high:g}"


def _head(
    figure: Figure,
    views: Sequence[View],
    stretches: dict[View, Stretch],
    lacking: str,
    simulated: bool,
    height: float,
) -> None:
    """Above the sheet: what is left and right, one stretch for all, stripes, and whether it is simulated."""
    sides = ["left: ", "right: "] if len(views) == 2 else [""]
    words = [f"{s}{v.title}, {limits_in_words(v, stretches[v])}" for s, v in zip(sides, views, strict=True)]
    lines = [
        "; ".join(words),
        "one stretch for all images; striped grey: no data" + (f"; {lacking}" if lacking else ""),
    ]
    figure.text(0, 1 - 0.02 / height, "\n".join(lines), fontsize=6.5, va="top", linespacing=1.35, gid="stretch")
    for view in views:
        if view.kind == "index":
            strip = figure.add_axes(((WIDTH - 1.1) / WIDTH, 1 - 0.24 / height, 0.95 / WIDTH, 0.07 / height))
            bar = figure.colorbar(ScalarMappable(Normalize(0, 1), _colours(view)), strip, orientation="horizontal")
            bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"])
            bar.ax.tick_params(labelsize=6, length=2, pad=1)
            bar.outline.set_linewidth(0.4)
            bar.ax.set_title(view.name, fontsize=6, fontweight="normal", loc="center", pad=2)
    if simulated:
        box = dict(boxstyle="round,pad=0.3", facecolor="#FFF3D6", edgecolor=ORANGE, linewidth=0.6)
        figure.text(0, 1 + 0.12 / height, SIMULATED_NOTE, fontsize=7, va="bottom", bbox=box, gid="simulated_sheet")
