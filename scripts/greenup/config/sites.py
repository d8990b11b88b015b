"""Configuration of sites: the samplers, and the sources of what is known of the land."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from greenup.config.block import Block, Region
from greenup.config.label_tables import table_named
from greenup.errors import UserError


class GridSites(Block):
    """Centres of the land cells of an equal-distance grid (Major-TOM's construction; SSL4Eco)."""

    sampler: Literal["grid"]
    """Kind of sampler."""
    spacing_km: float = Field(23.0, gt=0)
    """Distance between rows and between columns (km)."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""
    limit: int | None = Field(None, gt=0)
    """Keep this many cells, drawn evenly over the land by the study's seed; all of them when empty."""


class CitySites(Block):
    """Normally distributed around the largest cities (SeCo, SSL4EO-S12)."""

    sampler: Literal["cities"]
    """Kind of sampler."""
    count: int = Field(250_000, gt=0)
    """Sites to draw."""
    cities: int = Field(10_000, gt=0)
    """How many of the largest cities."""
    sigma_km: float = Field(50.0, gt=0)
    """Standard deviation of the distance east and north (km)."""
    min_distance_km: float | None = Field(None, gt=0)
    """No two sites nearer than this (SSL4EO-S12 meant 1.98 km); no rule when empty."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""
    compat: tuple[
        Literal["sigma_in_degrees", "sea_allowed", "overlap_in_degree_cells", "overlap_check_ineffective"], ...
    ] = ()
    """Quirks of the released downloaders to reproduce. sigma_in_degrees: as many degrees of longitude as of latitude,
    at any latitude. sea_allowed: places at sea count. overlap_in_degree_cells: distances in plane degrees, within cells
    of one degree only. overlap_check_ineffective: min_distance_km has no effect."""


class UniformSites(Block):
    """Uniform on land, equal area."""

    sampler: Literal["uniform"]
    """Kind of sampler."""
    count: int = Field(gt=0, examples=[1000])
    """Sites to draw."""
    min_distance_km: float | None = Field(None, gt=0)
    """No two sites nearer than this; no rule when empty."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""


class EcoregionSites(Block):
    """Stratified over ecoregions or biomes, uniform by area within each."""

    sampler: Literal["ecoregion"]
    """Kind of sampler."""
    count: int = Field(250_000, gt=0)
    """Sites to draw."""
    strata: Literal["ecoregion", "biome"] = "ecoregion"
    """What the sites are shared out over."""
    allocation: Literal["equal", "proportional", "square_root"] = "square_root"
    """equal: every stratum the same number; proportional: by land area; square_root: by its square root."""
    min_sites: int = Field(1, ge=0)
    """Sites that every stratum gets at least, as far as it has room."""
    min_distance_km: float | None = Field(2.64, gt=0)
    """No two sites nearer than this, by default the side of a patch; no rule when empty."""
    exclude: tuple[str, ...] = ()
    """Strata left out, by name."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""


class PointSites(Block):
    """The user's own points."""

    sampler: Literal["points"]
    """Kind of sampler."""
    file: str = Field(examples=["data/points.csv"])
    """CSV, GeoPackage or GeoJSON of points; a CSV needs columns lon and lat (degrees, WGS 84), and may have site_id and
    stratum."""
    region: Region | None = None
    """Only points inside [west, south, east, north] (degrees), or inside the polygons of this file."""
    sea: Literal["keep", "drop", "refuse"] = "keep"
    """Points that the land mask (about 1 km) calls sea. keep: taken, with a warning; drop: left out, with a warning;
    refuse: an error."""


class TableSites(Block):
    """The points of a published table of labels (config/label_tables.csv), those that share a place too; the 1 km cells
    of its occurrences; or places drawn uniformly by area in the classes of its map."""

    sampler: Literal["label_table"]
    """Kind of sampler."""
    table: str = Field(examples=["ssl4eco_biomes"])
    """Name of config/label_tables.csv; fetched when it is not there."""
    count: int | None = Field(None, gt=0)
    """Keep this many, drawn by the study's seed; all of them when empty. A map needs it."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""

    @field_validator("table")
    @classmethod
    def _known(cls, table: str) -> str:
        try:
            return table_named(table).name
        except UserError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None


class DatasetSites(Block):
    """The sites of another dataset, in the same shards."""

    sampler: Literal["dataset"]
    """Kind of sampler."""
    dataset: str = Field(examples=["ssl4eo_s12"])
    """Name of the other dataset."""


class PublishedSites(Block):
    """The sites of a published folder, by the names of its folders (imagery source published)."""

    sampler: Literal["published"]
    """Kind of sampler."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees), or inside the polygons of this file."""
    limit: int | None = Field(None, gt=0)
    """Keep this many sites, drawn evenly by the study's seed; all of them when empty."""


Sites = Annotated[
    GridSites | CitySites | UniformSites | EcoregionSites | PointSites | TableSites | DatasetSites | PublishedSites,
    Field(discriminator="sampler"),
]


class Sources(Block):
    """Where what is known of the land comes from. Each is `packaged` (data that come with the installation), a name of
    config/sources.csv (downloaded once to data/sources/), or the path of a file."""

    land: str = "packaged"
    """Land: packaged 1 km mask, or polygons of land."""
    ecoregions: str = "packaged"
    """Ecoregion, biome and realm: packaged rules from climate and land cover (an approximation), or polygons with the
    columns of RESOLVE Ecoregions 2017 (ECO_NAME, BIOME_NAME, REALM) or of Olson et al. 2001."""
    land_cover: str = "packaged"
    """Land cover: packaged MCD12C1 of 2019 (0.05 degrees), or a GeoTIFF in degrees."""
    land_cover_legend: Literal["igbp", "copernicus"] = "igbp"
    """Class codes of a land_cover file: IGBP 0-17 (MODIS), or Copernicus Global Land Service LC100 0-200."""
    mountains: str = "packaged"
    """Mountains: packaged relief (an approximation), or polygons such as GMBA's mountain inventory."""
    cities: str = "packaged"
    """Cities: packaged GeoNames above 15 000 inhabitants, or a CSV with lon or lng, lat and population."""
