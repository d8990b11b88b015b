"""The quality report of a dataset: figures, the numbers behind each, and one page that needs no other file."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from greenup.config.data import Patches
from greenup.files import read_json, read_table
from greenup.paper.contact_sheet import choose_sites, draw_contact_sheet
from greenup.paper.dataset_figures import draw_cloud, draw_dates, draw_images, draw_offset, draw_values
from greenup.paper.dataset_map import KINDS, draw_map, reached
from greenup.paper.dataset_tables import tables_of
from greenup.paper.page import caption, data_uri, write_page
from greenup.paper.plain import to_html
from greenup.paper.style import save_figure
from greenup.patches.quality import Facts, read_facts, strata
from greenup.patches.store import PatchStore
from greenup.schemas import INDEX
from greenup.sites.coverage import read_coverage

log = logging.getLogger(__name__)

TITLES: dict[str, str] = {
    "map": "Where images are",
    "images": "Images a site, and what is lacking",
    "cloud": "Cloud and pixels without data",
    "offset": "Distance from mid-season",
    "dates": "When the images were taken",
    "contact_sheet": "Images drawn at random",
    "values": "Place and values of the patches",
}
"""Figures of the report in order (the names of their files), and the title of each."""


def write_quality(
    name: str,
    patches: Patches,
    *,
    seed: int,
    sites: str | Path,
    ledgers: list[str | Path],
    scenes: list[str | Path],
    index: str | Path,
    statistics: str | Path,
    page: str | Path,
    folder: str | Path,
    coverage: str | Path | None = None,
) -> None:
    """Write ``page``, and below ``folder`` each figure as PNG and PDF with its numbers as CSV, and the contact sheet as
    a small JPEG too, for the report of the study.

    Tables are read by the columns that are needed, and pixels of at most `greenup.paper.contact_sheet.MOST` images.
    ``index`` lies at ``<study>/datasets/<dataset>/index.parquet``; ``coverage`` is a `COVERAGE` table, without which no
    shares of the land are given. Same inputs, same bytes. Raises `UserError` for a file that cannot be read.
    """
    facts = read_facts(sites, ledgers, scenes, size_px=patches.size_px)
    about = read_json(statistics)
    layers = strata(facts, read_coverage(coverage) if coverage is not None else None, KINDS)
    drawn: dict[str, tuple[Figure, pd.DataFrame]] = {}
    for figure, draw in {
        "map": lambda: draw_map(facts, layers),
        "images": lambda: draw_images(facts),
        "cloud": lambda: draw_cloud(facts),
        "offset": lambda: draw_offset(facts),
        "dates": lambda: draw_dates(facts),
        "contact_sheet": lambda: _sheet(name, patches, facts, Path(index), seed),
        "values": lambda: draw_values(facts, about),
    }.items():
        drawn[figure] = draw()
        files = {kind: str(Path(folder) / f"{figure}.{kind}") for kind in ("png", "pdf", "csv")}
        more = {"jpg": str(Path(folder) / f"{figure}.jpg")} if figure == "contact_sheet" else {}
        save_figure(*drawn[figure], SimpleNamespace(**files, **more), simulated=facts.simulated)
    numbers = {figure: table for figure, (_, table) in drawn.items()}
    tables = tables_of(facts, numbers["map"], about, numbers["contact_sheet"])
    alternatives = _alternatives(facts, layers, numbers["contact_sheet"])
    write_page(
        page,
        "dataset_report.html.j2",
        {
            "name": name,
            "simulated": facts.simulated,
            "attribution": facts.attribution,
            "facts": _facts(facts),
            "sections": [
                {
                    "name": figure,
                    "title": title,
                    "uri": data_uri(Path(folder) / f"{figure}.png"),
                    "alt": alternatives[figure],
                    "caption": caption(
                        figure if figure == "contact_sheet" else f"dataset_{figure}", simulated=facts.simulated
                    ),
                    "tables": [to_html(table) for table in tables[figure]],
                }
                for figure, title in TITLES.items()
            ],
        },
    )
    log.info("quality report of %s: %d images of %d sites", name, len(facts.images), len(facts.sites))


def _sheet(name: str, patches: Patches, facts: Facts, index: Path, seed: int) -> tuple[Figure, pd.DataFrame]:
    """The contact sheet of some sites; of the index only their rows are read."""
    seasons = facts.rows["season"].nunique()
    chosen = choose_sites(facts.sites.loc[facts.sites["images"] > 0, "site_id"], seasons, seed, name)
    here = read_table(index, INDEX, only={"site_id": chosen})
    rows = facts.rows[facts.rows["site_id"].isin(chosen)].astype({"season": str})
    rows = rows.merge(here[["site_id", "season", "scene_id"]], on=["site_id", "season"], how="left")
    store = PatchStore(here, index.parents[2])
    try:
        about = {"simulated": facts.simulated, "attribution": facts.attribution}
        return draw_contact_sheet(rows, store, patches.bands, **about)
    finally:
        store.close()


def _facts(facts: Facts) -> list[tuple[str, str]]:
    """What a reader wants to know first: a number and what it says."""
    images, sites = facts.images, facts.sites
    there = int((sites["images"] > 0).sum())
    cloud, days = images["cloud"].dropna(), images["days_from_middle"].dropna().abs()
    partly = float((images["valid_fraction"] < 1).mean())
    return [
        (f"{len(images):,}", f"images, of {len(facts.rows):,} sites × seasons"),
        (f"{there:,}", f"sites with images, of {len(sites):,} drawn"),
        (f"{100 * len(images) / len(facts.rows):.0f} %", "of sites × seasons have an image"),
        (f"{cloud.median():.1f} %" if len(cloud) else "unknown", "cloud cover, median of the images"),
        (f"{days.median():.0f} days" if len(days) else "unknown", "from mid-season, median of the images"),
        (f"{100 * partly:.1f} %", "of images have pixels without data"),
    ]


def _alternatives(facts: Facts, layers: pd.DataFrame, sheet: pd.DataFrame) -> dict[str, str]:
    """What each figure shows, for who cannot see it."""
    sites, images = facts.sites, facts.images
    shown = int((sheet["status"] == "ok").sum())
    east, north = images["east_m"].to_numpy(float), images["north_m"].to_numpy(float)
    reach = "; ".join(reached(layers, kind) for kind in KINDS)
    there, lost = int((sites["images"] > 0).sum()), int((sites["images"] == 0).sum())
    first, last = images["time"].min(), images["time"].max()
    off = np.median(np.hypot(east, north))
    return {
        "map": f"Map of {there:,} sites with images and {lost:,} without; strata with images: {reach}",
        "images": f"Histogram of images a site (mean {sites['images'].mean():.2f}), bars of what became of every "
        "season, and the causes of what is lacking",
        "cloud": f"Histograms of cloud cover (unknown of {int(images['cloud'].isna().sum()):,} images) and of pixels "
        "without data",
        "offset": "Histograms of days from mid-season, one a season, with median and 5 to 95 percent",
        "dates": f"Images by year and month, {first:%Y-%m} to {last:%Y-%m}, and by month in each hemisphere",
        "contact_sheet": f"{shown} images of {sheet['site_id'].nunique()} sites drawn at random, with site, season, "
        "date, cloud and place below each",
        "values": f"Centres of the patches around their sites (median {off:.1f} m away) and range of the values of "
        "each channel",
    }
