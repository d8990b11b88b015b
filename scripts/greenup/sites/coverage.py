"""Coverage: the sites of a sampling against the land they are drawn from, stratum by stratum.

The land is a set of cells of an equal-distance grid, each with its exact area on the sphere and the attributes of its
centre; `map_land` makes it once a study, and `measure_coverage` compares a sampling with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from greenup.config.block import Region
from greenup.errors import UserError
from greenup.files import atomic_path
from greenup.schemas import COVERAGE
from greenup.sites.attributes import add_attributes
from greenup.sites.ecoregions import read_ecoregions
from greenup.sites.land import on_land
from greenup.sites.region import Box, bounds_of, in_region
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM

_log = logging.getLogger(__name__)

KINDS: tuple[str, ...] = ("ecoregion", "biome", "realm", "land_cover", "climate_zone", "mountain")
"""Attributes of sites whose values are strata of the coverage report."""

UNKNOWN = "unknown"
"""Stratum of cells and sites of which the source says nothing."""

EQUAL_AREA = "EPSG:6933"
"""Equal-area projection of the whole Earth (EASE-Grid 2.0), for areas of polygons."""

SPACING_KM = (1.0, 23.0)
"""Least and largest distance between cells (km): the packaged land mask resolves 1 km; 23 km is SSL4Eco's grid."""

CELLS = 300_000
"""A region gets about so many cells, land and sea together, as far as `SPACING_KM` allows; the whole Earth has 964 000
of 23 km, 278 000 of them on land."""


def cells(bounds: Box, spacing_km: float) -> pd.DataFrame:
    """Cells that fill a box of ``bounds`` (west, south, east, north, degrees): lon, lat of the centres, area_km2.

    Rows are ``spacing_km`` high and cells as wide at the middle of their row, or a little less so that whole numbers
    fit. Areas are exact on the sphere of radius `EARTH_KM`: the sum over the box is its area.
    """
    west, south, east, north = bounds
    km = np.radians(1.0) * EARTH_KM
    rows = max(1, int(np.ceil((north - south) * km / spacing_km)))
    edges = south + (north - south) * np.arange(rows + 1) / rows
    middle = (edges[:-1] + edges[1:]) / 2
    columns = np.maximum(1, np.ceil((east - west) * km * np.cos(np.radians(middle)) / spacing_km)).astype(np.int64)
    width = (east - west) / columns
    area = EARTH_KM**2 * np.radians(width) * np.diff(np.sin(np.radians(edges)))
    row = np.repeat(np.arange(rows), columns)
    column = np.arange(len(row)) - np.repeat(np.cumsum(columns) - columns, columns)
    return pd.DataFrame({"lon": west + (column + 0.5) * width[row], "lat": middle[row], "area_km2": area[row]})


def spacing_of(bounds: Box) -> float:
    """Distance between cells (km) for a box: that of `CELLS` cells, within `SPACING_KM`."""
    west, south, east, north = np.radians(bounds)
    area = EARTH_KM**2 * (east - west) * (np.sin(north) - np.sin(south))
    return float(np.clip(np.sqrt(area / CELLS), *SPACING_KM))


def map_land(regions: Iterable[Region | None], data: SiteData) -> pd.DataFrame:
    """The land cells of a study, as the `LAND` table: those whose centre lies on land.

    ``regions``: of the datasets; None is the whole Earth. The cells fill the smallest box around all of them. Where a
    layer of ecoregions is given, each that no cell represents (islands) is added as one cell of its own.
    """
    boxes = np.array([bounds_of(r) for r in regions])
    box = (*map(float, boxes[:, :2].min(axis=0)), *map(float, boxes[:, 2:].max(axis=0)))
    spacing = spacing_of(box)
    table = cells(box, spacing)
    table = table[on_land(table["lon"].to_numpy(), table["lat"].to_numpy(), data)].reset_index(drop=True)
    if table.empty:
        raise UserError(f"no land between {box[:2]} and {box[2:]} degrees", "mend the region of the datasets")
    table = add_attributes(table, data)[["lon", "lat", "area_km2", *KINDS]]
    total = table["area_km2"].sum()
    _log.info("%d land cells %.3g km apart, %.4g million km2", len(table), spacing, total / 1e6)
    if data.ecoregions is not None:
        table = pd.concat([table, _small_ecoregions(table, box, data)], ignore_index=True)
    return table


def _small_ecoregions(land: pd.DataFrame, box: Box, data: SiteData) -> pd.DataFrame:
    """Ecoregions of the layer that lie in the box but have no land cell: a point of each, and its area."""
    layer = read_ecoregions(data.ecoregions)
    layer = layer[layer["ecoregion"].notna() & ~layer["ecoregion"].isin(set(land["ecoregion"].dropna()))]
    point = layer.representative_point()
    west, south, east, north = box
    here = point.x.between(west, east) & point.y.between(south, north)
    layer, point = layer[here], point[here]
    # ASSUME: their area is counted in the ecoregions around them too; all of RESOLVE's are 0.003 % of the land.
    area = layer.to_crs(EQUAL_AREA).area / 1e6
    table = pd.DataFrame({"lon": point.x, "lat": point.y, "area_km2": area}).reset_index(drop=True)
    if len(table):
        _log.info("%d ecoregions without a cell added, %.0f km2", layer["ecoregion"].nunique(), area.sum())
    named = {c: layer[c].to_numpy() for c in ("ecoregion", "biome", "realm")}
    return add_attributes(table, data).assign(**named)[list(land.columns)]


def measure_coverage(name: str, sites: pd.DataFrame, land: pd.DataFrame, region: Region | None) -> pd.DataFrame:
    """Sites of a sampling against the land of its region, as the `COVERAGE` table.

    ``sites``: a `SITES` table; ``land``: a `LAND` table. Within a kind the shares of area and of sites each sum to 1; a
    stratum that no cell represents (a small island) has area 0 and no ratio. Largest strata first.
    """
    inside = land[in_region(land["lon"].to_numpy(), land["lat"].to_numpy(), region)]
    total = inside["area_km2"].sum()
    if not total:
        _log.warning("%s: its region is smaller than the cells of the land map; no shares of area are given", name)
    parts = []
    for kind in KINDS:
        area = inside["area_km2"].to_numpy().astype(float)
        by_area = pd.Series(area).groupby(_strata(inside[kind])).sum()
        table = pd.DataFrame({"area_km2": by_area, "sites": pd.Series(_strata(sites[kind])).value_counts()}).fillna(0)
        share = table["area_km2"] / total if total else table["area_km2"] * np.nan
        site_share = table["sites"] / len(sites)
        ratio = (site_share / share).where(table["area_km2"] > 0)
        table = table.assign(area_share=share, site_share=site_share, ratio=ratio, empty=table["sites"] == 0)
        table = table.rename_axis("stratum").reset_index().assign(kind=kind)
        parts.append(table.sort_values(["area_km2", "stratum"], ascending=[False, True]))
    table = COVERAGE.check(pd.concat(parts, ignore_index=True), f"coverage of {name}")
    _tell(name, table, len(sites))
    return table


def _strata(values: pd.Series) -> NDArray[np.object_]:
    """Names of strata; mountains are yes or no."""
    if values.name == "mountain":
        return np.where(values.to_numpy(dtype=bool), "mountain", "no_mountain").astype(object)
    return values.astype(object).where(values.notna(), UNKNOWN).to_numpy(dtype=object)


def _tell(name: str, table: pd.DataFrame, sites: int) -> None:
    said = []
    for kind in KINDS:
        mine = table[(table["kind"] == kind) & (table["stratum"] != UNKNOWN)]
        share = mine.loc[mine["empty"], "area_share"].sum()
        said.append(f"{int(mine['empty'].sum())} of {len(mine)} strata of {kind} ({share:.2%} of the land)")
    _log.info("%s: %d sites; without a site: %s", name, sites, ", ".join(said))


def write_coverage(path: str | Path, table: pd.DataFrame) -> None:
    """Write a `COVERAGE` table as CSV, whole or not at all."""
    with atomic_path(path) as temporary:
        COVERAGE.check(table, str(path)).to_csv(temporary, index=False)


def read_coverage(path: str | Path) -> pd.DataFrame:
    """Read a table of `write_coverage`; a damaged one is a `UserError` that names it."""
    try:
        # A stratum may be called "None" or "NA".
        table = pd.read_csv(path, keep_default_na=False, na_values={c: [""] for c in ("area_share", "ratio")})
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", "delete it and run again") from error
    return COVERAGE.check(table, str(path))


def summary(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a sampling, of `COVERAGE` tables by dataset name: what a reader wants to know first.

    dataset; sites; for ecoregions and biomes the number reached (with a site) and of all (on the land map);
    ecoregion_area: share of the land in ecoregions reached; displaced: share of sites that would have to lie in another
    biome for every biome to have its share of area (half the sum of absolute differences, 0..1); lacking,
    lacking_ratio: the biome whose share of sites falls furthest behind its share of area, and the ratio of the two
    (none and 1 where no biome falls behind).
    """
    rows = []
    for name, table in tables.items():
        row: dict[str, object] = {"dataset": name, "sites": int(table.loc[table["kind"] == KINDS[0], "sites"].sum())}
        named = table[table["stratum"] != UNKNOWN]
        for kind in ("ecoregion", "biome"):
            mine = named[(named["kind"] == kind) & (named["area_km2"] > 0)]
            row |= {f"{kind}s_reached": int((~mine["empty"]).sum()), f"{kind}s": len(mine)}
            if kind == "ecoregion":
                row["ecoregion_area"] = float(mine.loc[~mine["empty"], "area_share"].sum())
        biomes = table[table["kind"] == "biome"].reset_index(drop=True)
        behind = (biomes["area_share"] - biomes["site_share"]).fillna(0.0).astype(float)
        row["displaced"] = float(behind.abs().sum() / 2)
        candidates = behind.where(biomes["stratum"] != UNKNOWN, -1.0)
        most = int(candidates.argmax())
        falls = bool(candidates[most] > 0)
        row["lacking"] = str(biomes["stratum"][most]) if falls else "none"
        row["lacking_ratio"] = float(biomes["ratio"][most]) if falls else 1.0
        rows.append(row)
    return pd.DataFrame(rows)
