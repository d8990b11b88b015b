"""How many: sites, seasons and images of a dataset, from its configuration alone; no site is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.bands import bands_at, native_resolutions
from greenup.config import Dataset, Study
from greenup.config.block import Region
from greenup.config.data import Patches, PublishedImagery
from greenup.config.label_tables import table_named
from greenup.config.seasons import (
    CalendarSeasons,
    CustomSeasons,
    EviSeasons,
    QuarterSeasons,
    RandomSeasons,
    Seasons,
    WindowSeasons,
)
from greenup.config.sites import GridSites, PointSites, PublishedSites, TableSites
from greenup.costs.amount import Amount, total
from greenup.errors import UserError
from greenup.imagery.published.layouts import LAYOUTS, count_sites
from greenup.phenology.seasons import QUARTER_DAYS, SHIFT_DAYS
from greenup.schemas import SEASONS
from greenup.sites.grid import grid_cells
from greenup.sites.label_table import sample_label_table
from greenup.sites.land import on_land
from greenup.sites.points import sample_points
from greenup.sites.region import in_region
from greenup.sites.sources import SiteData

DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Searched:
    """What a season rule asks of a site. ``seasons``: images wanted. ``days``: days searched for one site.
    ``days_together``: days in which at least one of many neighbouring sites is searched, in so many ``spans``."""

    seasons: float
    days: float
    days_together: float
    spans: int = 1

    @property
    def years(self) -> float:
        return self.days / DAYS_A_YEAR


@dataclass(frozen=True)
class ImageCount:
    """Images of a dataset: wanted (site x season), expected in the archive, and kept with the sites that have enough.

    ``sites_kept``: sites with at least min_images; ``sites_with[k]``: those with k images.
    """

    wanted: Amount
    found: Amount
    kept: Amount
    sites_kept: Amount
    sites_with: tuple[Amount, ...]

    @property
    def sites_asked(self) -> Amount:
        """Sites with at least one image."""
        return total(list(self.sites_with[1:]))


def site_count(study: Study, name: str, data: SiteData) -> tuple[int, str]:
    """Sites of a dataset, and a word on the number where it is not simply configured.

    A grid's land cells are counted by the land that ``data`` names, or by the packaged mask while that file is not
    fetched; points are counted in their file. Samplers with a minimal distance may find room for fewer. Raises
    `UserError` for files that are wrong or missing.
    """
    drawn_as = study.sampled_as(name)
    sites = study.datasets[drawn_as].sites
    match sites:
        case GridSites(limit=int(limit)):
            return limit, ""
        case GridSites():
            lacking = data.land is not None and not data.land.is_file()
            land = None if lacking else data.land
            count = _land_cells(sites.spacing_km, sites.region, land)
            return count, "land cells of the grid" + (" by the packaged land mask" if land is None else "")
        case PointSites():
            return len(sample_points(drawn_as, sites)), f"points in {sites.file}"
        case TableSites():
            table = table_named(sites.table)
            if sites.count is not None:
                return sites.count, ""
            if not table.path.is_file():
                return table.rows, f"about, in {table.name}: it is not fetched yet"
            return len(sample_label_table(drawn_as, sites, seed=study.seed)), f"points of {table.name}"
        case PublishedSites():
            imagery = study.datasets[drawn_as].imagery
            count = min(count_sites(imagery), sites.limit or math.inf)
            return count, f"folders in {imagery.path}" + (", at most: inside the region" if sites.region else "")
    at_most = getattr(sites, "min_distance_km", None) is not None
    return sites.count, "at most: fewer where there is no room" if at_most else ""


@lru_cache(maxsize=16)
def _land_cells(spacing_km: float, region: Region | None, land: Path | None) -> int:
    lon, lat = grid_cells(spacing_km).centres
    wanted = np.flatnonzero(in_region(lon, lat, region))
    return int(on_land(lon[wanted], lat[wanted], SiteData(land=land)).sum())


def searched(seasons: Seasons, years: tuple[int, int], sites: int) -> Searched:
    """What a season rule asks of each of ``sites`` sites when ``years`` (first, last) are searched.

    Windows at the very ends of the years count in full. Raises `UserError` for a file of windows that cannot be read.
    """
    count = years[1] - years[0] + 1
    whole = count * DAYS_A_YEAR
    match seasons:
        case EviSeasons():
            # The four seasons of a site make up the whole year.
            return Searched(len(SEASONS), whole, whole)
        case CalendarSeasons():
            placed = count if seasons.year is None else 1
            windows = len(SEASONS) * placed * (2 if seasons.fallback else 1)
            days = windows * _window(seasons.days)
            return _bounded(len(SEASONS), days, days, whole, windows)
        case WindowSeasons():
            days = _window(seasons.days) * count
            return _bounded(1, days, days, whole, count)
        case QuarterSeasons():
            window = _window(seasons.days)
            return _bounded(
                len(QUARTER_DAYS), len(QUARTER_DAYS) * window, QUARTER_DAYS[0] + SHIFT_DAYS - 1 + window, whole
            )
        case RandomSeasons():
            window, apart = _window(seasons.days), seasons.spacing_days * (seasons.count - 1)
            return _bounded(seasons.count, seasons.count * window, apart + SHIFT_DAYS - 1 + window, whole)
        case CustomSeasons(file=None):
            days = count * sum(_length(first, last) for first, last in seasons.windows.values())
            return _bounded(len(seasons.windows), days, days, whole, count * len(seasons.windows))
        case CustomSeasons():
            return _of_file(Path(seasons.file), sites, whole)
    raise TypeError(seasons)


def _window(half: int) -> int:
    return 2 * half + 1


def _length(first: str, last: str) -> int:
    days = (pd.Timestamp(f"2001-{last}") - pd.Timestamp(f"2001-{first}")).days
    return days % 365 + 1


def _bounded(seasons: float, days: float, together: float, whole: float, spans: int = 1) -> Searched:
    # Windows that fill the years have become one.
    return Searched(seasons, min(days, whole), min(together, whole), spans if together < whole else 1)


def _of_file(path: Path, sites: int, whole: float) -> Searched:
    columns = ["site_id", "season", "first", "last"]
    try:
        table = pd.read_csv(path, dtype=str, usecols=columns, encoding="utf-8-sig")
        first, last = (pd.to_datetime(table[c], format="%Y-%m-%d") for c in ("first", "last"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read as a table of windows ({error})", f"write a CSV with {', '.join(columns)}"
        ) from error
    days = float(((last - first).dt.days + 1).sum()) / sites
    together = float((last.max() - first.min()).days + 1)
    return _bounded(len(table[["site_id", "season"]].drop_duplicates()) / sites, days, together, whole)


def image_count(sites: int, seasons: float, min_images: int, found_share: Amount) -> ImageCount:
    """Expected images where each season of each site has one with probability ``found_share``, independently."""
    # A table of windows may give sites different numbers of seasons: all are taken to have the mean.
    most = round(seasons)
    sites_with = tuple(
        sites * math.comb(most, k) * found_share**k * (1 - found_share) ** (most - k) for k in range(most + 1)
    )
    kept, enough = total([k * sites_with[k] for k in range(min_images, most + 1)]), total(list(sites_with[min_images:]))
    scale = seasons / most if most else 0.0
    wanted = Amount(sites * seasons)
    return ImageCount(wanted, wanted * found_share, kept * scale, enough, sites_with)


def native_values(patches: Patches) -> int:
    """Stored values of one image: pixels of all its bands at their native resolutions."""
    return sum(len(bands_at(patches.bands, m)) * side_px(patches, m) ** 2 for m in native_resolutions(patches.bands))


def side_px(patches: Patches, native_m: int) -> int:
    """Side of a patch at a resolution (pixels)."""
    return math.ceil(patches.size_px * 10 / native_m)


def image_seasons(dataset: Dataset, sites: int) -> Searched:
    """`searched` of a dataset with images. A published folder has them already: nothing is searched."""
    if isinstance(dataset.imagery, PublishedImagery):
        return Searched(LAYOUTS[dataset.imagery.layout].images, 0.0, 0.0, 0)
    return searched(dataset.seasons, dataset.scenes.years, sites)
