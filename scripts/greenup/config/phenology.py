"""Configuration of phenology: where the four dates of a site come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from greenup.config.block import Block, Years

_QUIRKS = """Quirks to reproduce. plain_median: median of days of year that does not know that December meets
January. fill_each_date: each missing date from the nearest site that has that one. planar_distance: nearest in plane
degrees."""


class _Phenology(Block):
    compat: tuple[Literal["plain_median", "fill_each_date", "planar_distance"], ...] = Field((), description=_QUIRKS)


class _Product(_Phenology):
    cycle: Literal["first", "second", "largest"] = "first"
    """Which of the product's up to two vegetation cycles a year; largest by EVI amplitude."""
    max_quality: int | None = Field(None, ge=0, le=3)
    """Keep cycles whose overall quality is at most this: 0 best, 1 good, 2 fair, 3 poor; all when empty."""


class MiniaturePhenology(_Phenology):
    """The miniature Earth's own dates: simulated, with gaps as in MCD12Q2."""

    source: Literal["miniature"]
    """Kind of source."""


class EarthEnginePhenology(_Product):
    """MCD12Q2 v6.1 from Earth Engine."""

    source: Literal["earthengine"]
    """Kind of source."""
    collection: str = "MODIS/061/MCD12Q2"
    """Image collection."""
    years: Years = (2001, 2023)
    """First and last year of the medians."""
    curves: str = "MODIS/061/MOD13Q1"
    """Image collection of the EVI curves shown in figures."""


class TilesPhenology(_Product):
    """MCD12Q2 v6.1 tiles on disk: the product's own HDF files, or GeoTIFFs of its layers."""

    source: Literal["tiles"]
    """Kind of source."""
    folder: str = Field(examples=["data/mcd12q2"])
    """Folder with files such as MCD12Q2.A2019001.h18v04.061.*.hdf, or MCD12Q2.061_Greenup_0_doy2019001_*.tif."""
    years: Years = (2001, 2023)
    """First and last year of the medians."""


class TablePhenology(_Product):
    """MCD12Q2 values from a table: site_id (or lon, lat), year, Greenup, Maturity, Senescence, Dormancy."""

    source: Literal["table"]
    """Kind of source."""
    file: str = Field(examples=["data/mcd12q2.csv"])
    """CSV or Parquet with days since 1970-01-01; 32767 is no date."""
    halfway: bool = False
    """Read MidGreenup and MidGreendown, half of the amplitude, in place of Maturity and Senescence, for tables that
    lack these: summer is then the whole growing season, and figures say so."""


class _Extracted(_Phenology):
    index: Literal["evi", "ndvi"] = "evi"
    """Vegetation index that is followed through the year."""
    min_observations: int = Field(15, gt=3)
    """Observations a year, clear or under snow, below which no date is given."""
    min_amplitude: float = Field(0.1, gt=0)
    """Smallest rise and fall of the index that is a cycle (MCD12Q2: 0.1 of EVI)."""


class SeriesPhenology(_Extracted):
    """Dates from a table of EVI or NDVI series: site_id (or lon, lat), date, evi or ndvi, and clear and snow."""

    source: Literal["series"]
    """Kind of source."""
    file: str = Field(examples=["data/evi.csv"])
    """CSV or Parquet; values -1..1; `clear` and `snow` true or false, or MODIS `SummaryQA` 0-3."""


class ImagesPhenology(_Extracted):
    """Dates from the imagery itself, for places where nothing but images is at hand."""

    source: Literal["images"]
    """Kind of source."""


Phenology = Annotated[
    MiniaturePhenology | EarthEnginePhenology | TilesPhenology | TablePhenology | SeriesPhenology | ImagesPhenology,
    Field(discriminator="source"),
]
