"""One look for every figure, and how a figure is written: PNG, PDF and the numbers behind it, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from greenup.files import atomic_path
from greenup.schemas import SEASONS

WIDTH = 7.2
"""Width of a full-page figure (inches): 183 mm, two columns of a journal."""

DPI = 300
"""Resolution of the PNGs (dots per inch)."""

# Okabe and Ito (2008), "Color universal design": told apart with every common kind of colour vision.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
CYCLE: tuple[str, ...] = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Colours of datasets and models, in the order of the study."""

INK, GREY, FAINT, LAND, OCEAN = "#222222", "#6E6E6E", "#D9D9D9", "#E4E2DD", "#FFFFFF"

SEASON_COLOURS: dict[str, str] = dict(zip(SEASONS, (GREEN, ORANGE, VERMILION, SKY), strict=True))

LAND_COVER_COLOURS: dict[str, str] = {
    "evergreen_needleleaf_forest": "#11503B",
    "closed_evergreen_needleleaf_forest": "#11503B",
    "open_evergreen_needleleaf_forest": "#5E8A79",
    "evergreen_broadleaf_forest": "#1C7A4C",
    "closed_evergreen_broadleaf_forest": "#1C7A4C",
    "open_evergreen_broadleaf_forest": "#6AAE8A",
    "deciduous_needleleaf_forest": "#4C9A6A",
    "closed_deciduous_needleleaf_forest": "#4C9A6A",
    "open_deciduous_needleleaf_forest": "#8FC2A3",
    "deciduous_broadleaf_forest": "#7DBE6C",
    "closed_deciduous_broadleaf_forest": "#7DBE6C",
    "open_deciduous_broadleaf_forest": "#B0DAA3",
    "mixed_forest": "#3E8E75",
    "closed_mixed_forest": "#3E8E75",
    "open_mixed_forest": "#86BBAA",
    "closed_other_forest": "#2F6B3A",
    "open_other_forest": "#7FA287",
    "closed_shrubland": "#8C7A4F",
    "open_shrubland": "#C9B27C",
    "shrubland": "#A8925F",
    "woody_savanna": "#A7A64A",
    "savanna": "#CFC45B",
    "grassland": "#DDD38A",
    "herbaceous_vegetation": "#DDD38A",
    "moss_and_lichen": "#B7C48C",
    "permanent_wetland": "#4F8FA8",
    "herbaceous_wetland": "#4F8FA8",
    "cropland": "#E8A33D",
    "urban": "#B03A2E",
    "cropland_natural_mosaic": "#D98A4E",
    "snow_and_ice": "#A9CFE8",
    "barren": "#B9AFA3",
    "bare_sparse_vegetation": "#B9AFA3",
    "water": "#2B6C99",
    "sea": "#1F4E70",
}
"""Classes of the IGBP and the Copernicus legend from tree to bare ground; the order of every land-cover axis. No two of
a legend have one colour; what both know has the same."""

BIOME_COLOURS: dict[str, str] = {
    "tropical_moist_broadleaf_forest": "#0B5A3E",
    "tropical_dry_broadleaf_forest": "#A3A53C",
    "tropical_coniferous_forest": "#6B8E23",
    "temperate_broadleaf_mixed_forest": "#5DB96B",
    "temperate_coniferous_forest": "#2E8B8B",
    "boreal_forest": "#3D6FB0",
    "tropical_grassland_savanna": "#F0C23B",
    "temperate_grassland": "#EFE38F",
    "flooded_grassland": "#8FD3E8",
    "montane_grassland": "#C79BD2",
    "tundra": "#8E7CC3",
    "mediterranean_forest_woodland": "#D1495B",
    "desert_xeric_shrubland": "#E2B48C",
    "mangrove": "#7A1E6C",
    "rock_and_ice": "#B7C4CF",
}
"""Biomes of WWF and RESOLVE: forests green to blue from the equator to the pole, open land yellow and brown."""

CLASS_COLOURS: tuple[str, ...] = (
    *(BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW),
    *("#332288", "#882255", "#999933", "#44AA99", "#AA4499", "#661100", "#6699CC", "#3F3F3F"),
)
"""Colours of classes that have none of their own: Okabe and Ito's, then Tol's muted scheme (2021), commonest first."""

OTHER = "#C4C4C4"
"""Colour of all classes for which a legend has no room."""

SIMULATED_NOTE = "simulated (miniature Earth)"

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.3,
    "text.color": INK,
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "svg.hashsalt": "greenup",
    # Text in PDFs stays text (TrueType), so that an editor of a journal can change it.
    "pdf.fonttype": 42,
}


class Outputs(Protocol):
    """The files of a figure, as Snakemake's ``output`` gives them; a ``jpg`` may stand beside them."""

    png: str
    pdf: str
    csv: str


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure in the style of the study (inches)."""
    # The style is set for the process: text and ticks read it only when they are made, after this function returned.
    matplotlib.rcParams.update(_RC)
    return plt.figure(figsize=(width, height))


def season_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each season name: fixed for the four seasons, by position for the dates of other rules."""
    others = [n for n in names if n not in SEASON_COLOURS]
    spare = (BLUE, PURPLE, YELLOW, "#6E6E6E", "#A0522D", "#1B3A4B")
    return {**SEASON_COLOURS, **{n: spare[i % len(spare)] for i, n in enumerate(others)}}


def season_order(names: Iterable[str]) -> list[str]:
    """Season names in the order of the year, then the others by name."""
    found = set(names)
    return [s for s in SEASONS if s in found] + sorted(found - set(SEASONS))


def land_cover_order(names: Iterable[str]) -> list[str]:
    """Land-cover classes in the order of `LAND_COVER_COLOURS`, then unknown ones by name."""
    found = set(names)
    return [c for c in LAND_COVER_COLOURS if c in found] + sorted(found - set(LAND_COVER_COLOURS))


def land_cover_colour(name: str) -> str:
    """Colour of a class of `LAND_COVER_COLOURS`; grey for other names."""
    return LAND_COVER_COLOURS.get(name, "#9A9A9A")


def class_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each class, commonest first: those of land cover or biomes where all are known, else by rank.

    From the sixteenth class on that has no colour of its own, all are `OTHER`.
    """
    names = list(names)
    for known in (LAND_COVER_COLOURS, BIOME_COLOURS):
        if names and all(n in known for n in names):
            return {n: known[n] for n in names}
    spare = [*CLASS_COLOURS, *[OTHER] * len(names)]
    return dict(zip(names, spare, strict=False))


def readable(name: str) -> str:
    """A class or metric name as prose: ``open_shrubland`` -> open shrubland."""
    return name.replace("_", " ")


_UNITS = {"c": "°C", "mm": "mm", "m": "m", "km": "km", "percent": "%", "kg": "kg", "t_ha": "t/ha", "mg_ha": "Mg/ha"}


def with_unit(column: str) -> str:
    """A column as prose, with the unit that its name ends in: ``temperature_c`` -> temperature (°C)."""
    for end, unit in _UNITS.items():
        if column.endswith(f"_{end}"):
            return f"{readable(column.removesuffix(f'_{end}'))} ({unit})"
    return readable(column)


def panel_title(axes: Axes, letter: str, title: str = "") -> None:
    """A bold letter and a title above the upper left corner of a panel."""
    for text, right, size, weight in ((letter, 0, 10, "bold"), (title, 13 if letter else 0, 8, "bold")):
        axes.annotate(
            text,
            (0, 1),
            xycoords="axes fraction",
            xytext=(right, 5),
            textcoords="offset points",
            fontsize=size,
            fontweight=weight,
            va="baseline",
            ha="left",
            annotation_clip=False,
        )


def note_below(figure: Figure, lines: Mapping[str, str]) -> None:
    """Small lines under a figure; keys become the artists' ids (``gid``), so that tests and editors find them."""
    for i, (gid, text) in enumerate(lines.items()):
        box = dict(boxstyle="round,pad=0.3", facecolor="#FFF3D6", edgecolor=ORANGE, linewidth=0.6)
        down = 0.05 + 0.17 * i
        figure.text(
            0.995,
            -down / figure.get_figheight(),
            text,
            gid=gid,
            ha="right",
            va="top",
            fontsize=6.5,
            bbox=box if gid == "simulated" else None,
        )


def save_figure(figure: Figure, data: pd.DataFrame, outputs: Outputs, *, simulated: bool | str) -> None:
    """Write ``outputs.png``, ``outputs.pdf`` and, with the numbers shown, ``outputs.csv``; then close the figure.

    ``simulated`` adds a visible note to the figure, or its own words where only a part is, and is a column of the
    numbers, unless these have one that tells row by row. The files hold no time and no software version, so that the
    same data give the same bytes. Where ``outputs`` has a ``jpg``, a copy small enough for a page of many figures is
    written too.
    """
    if simulated:
        note_below(figure, {"simulated": simulated if isinstance(simulated, str) else SIMULATED_NOTE})
    with atomic_path(outputs.png) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight", pad_inches=0.06, metadata={"Software": None})
    if jpg := getattr(outputs, "jpg", None):
        with atomic_path(jpg) as temporary:
            look = {"dpi": 130, "pil_kwargs": {"quality": 80, "optimize": True}}
            figure.savefig(temporary, format="jpeg", bbox_inches="tight", pad_inches=0.06, **look)
    with atomic_path(outputs.pdf) as temporary:
        bare = {"Creator": None, "Producer": None, "CreationDate": None}
        figure.savefig(temporary, format="pdf", bbox_inches="tight", pad_inches=0.06, metadata=bare)
    with atomic_path(outputs.csv) as temporary:
        rows = data if "simulated" in data else data.assign(simulated=bool(simulated))
        rows.to_csv(temporary, index=False, float_format="%.6g")
    plt.close(figure)
