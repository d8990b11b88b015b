"""Configuration of datasets: where (sites), when (phenology, seasons), which (scenes) and what (patches)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from greenup.bands import S2_L2A, check_bands
from greenup.errors import UserError


class Block(BaseModel):
    """A configuration block: unknown keys are refused, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def _measured(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_bands(names, derived=False)
    except UserError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None
    return names


def _channels(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_bands(names)
    except UserError as error:
        raise ValueError(f"{error.message}; {error.mend}") from None
    return names


def _month_day(value: str) -> str:
    try:
        date.fromisoformat(f"2001-{value}")
    except ValueError:
        raise ValueError(f"{value!r} is not a day of the year; write month-day such as '07-15'") from None
    return value


def _bbox(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = value
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError(
            f"{list(value)} is not a region; "
            "write [west, south, east, north] in degrees with west < east, south < north"
        )
    return value


def _years(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"{list(value)}: the first year lies after the last; write [first, last]")
    return value


MeasuredBands = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_measured)]
Channels = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_channels)]
MonthDay = Annotated[str, AfterValidator(_month_day)]
Region = Annotated[tuple[float, float, float, float], AfterValidator(_bbox)]
Years = Annotated[tuple[int, int], AfterValidator(_years)]


# ------------------------------------------------------------------------------------------------------------ sites
class GridSites(Block):
    """Centres of the land cells of an equal-distance grid (Major-TOM's construction; SSL4Eco)."""

    sampler: Literal["grid"]
    """Kind of sampler."""
    spacing_km: float = Field(23.0, gt=0)
    """Distance between rows and between columns (km)."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees)."""
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
    """Only sites inside [west, south, east, north] (degrees)."""


class UniformSites(Block):
    """Uniform on land, equal area."""

    sampler: Literal["uniform"]
    """Kind of sampler."""
    count: int = Field(gt=0, examples=[1000])
    """Sites to draw."""
    region: Region | None = None
    """Only sites inside [west, south, east, north] (degrees)."""


class PointSites(Block):
    """The user's own points."""

    sampler: Literal["points"]
    """Kind of sampler."""
    file: str = Field(examples=["data/points.csv"])
    """CSV, GeoPackage or GeoJSON of points; a CSV needs columns lon and lat (degrees, WGS 84), and may have site_id and
    stratum."""


Sites = Annotated[GridSites | CitySites | UniformSites | PointSites, Field(discriminator="sampler")]


# -------------------------------------------------------------------------------------------------------- phenology
class MiniaturePhenology(Block):
    """The miniature Earth's own dates: simulated, with gaps as in MCD12Q2."""

    source: Literal["miniature"]
    """Kind of source."""


class TablePhenology(Block):
    """MCD12Q2 values from a table: site_id (or lon, lat), year, Greenup, Maturity, Senescence, Dormancy."""

    source: Literal["table"]
    """Kind of source."""
    file: str = Field(examples=["data/mcd12q2.csv"])
    """CSV or Parquet with days since 1970-01-01; 32767 is no date."""


class ImagesPhenology(Block):
    """Dates from the EVI of the imagery itself, for places where nothing but images is at hand."""

    source: Literal["images"]
    """Kind of source."""
    min_observations: int = Field(15, gt=3)
    """Clear observations a year below which no date is given."""


class EarthEnginePhenology(Block):
    """MCD12Q2 v6.1 from Earth Engine."""

    source: Literal["earthengine"]
    """Kind of source."""
    collection: str = "MODIS/061/MCD12Q2"
    """Image collection."""
    years: Years = (2001, 2023)
    """First and last year of the medians."""


Phenology = Annotated[
    MiniaturePhenology | TablePhenology | ImagesPhenology | EarthEnginePhenology, Field(discriminator="source")
]


# ---------------------------------------------------------------------------------------------------------- seasons
class EviSeasons(Block):
    """Spring, summer, autumn, winter between the site's own four dates (SSL4Eco)."""

    rule: Literal["evi"]
    """Kind of rule."""


class CalendarSeasons(Block):
    """Windows around solstices and equinoxes, the same everywhere on the hemisphere (SSL4EO-S12's intention)."""

    rule: Literal["calendar"]
    """Kind of rule."""
    days: int = Field(30, ge=0)
    """Half width of a window (days)."""
    winter: MonthDay = "12-21"
    """Middle day of northern winter, month-day."""
    spring: MonthDay = "03-20"
    """Middle day of northern spring."""
    summer: MonthDay = "06-21"
    """Middle day of northern summer."""
    autumn: MonthDay = "09-22"
    """Middle day of northern autumn."""
    swap_south: bool = False
    """Name southern windows by the southern season (summer for winter, spring for autumn); off, as published, they keep
    the northern names."""


class QuarterSeasons(Block):
    """Four windows a quarter of a year apart with one random phase a site (SSL4EO-S12 as released)."""

    rule: Literal["quarters"]
    """Kind of rule."""
    days: int = Field(15, ge=0)
    """Half width of a window (days)."""
    last: date = date(2021, 9, 22)
    """Reference day of the last window before the random backward shift of 0-364 days."""


class RandomSeasons(Block):
    """Dates at equal spacing, shifted backwards together by 0-364 days (SeCo)."""

    rule: Literal["random"]
    """Kind of rule."""
    count: int = Field(5, gt=0)
    """Dates a site."""
    spacing_days: int = Field(84, gt=0)
    """Days between them."""
    days: int = Field(7, ge=0)
    """Half width of a window (days)."""
    last: date = date(2020, 12, 1)
    """Reference day of the latest date before the shift."""


class WindowSeasons(Block):
    """One window a year, by hemisphere (the downstream tasks' mid-summer image)."""

    rule: Literal["window"]
    """Kind of rule."""
    name: str = "summer"
    """Season name in the tables."""
    north: MonthDay = "07-15"
    """Middle day north of the equator."""
    south: MonthDay = "01-15"
    """Middle day south of it."""
    days: int = Field(30, ge=0)
    """Half width (days)."""


Seasons = Annotated[
    EviSeasons | CalendarSeasons | QuarterSeasons | RandomSeasons | WindowSeasons, Field(discriminator="rule")
]


# ---------------------------------------------------------------------------------------------------------- imagery
class MiniatureImagery(Block):
    """The miniature Earth: simulated images, no account, no network."""

    source: Literal["miniature"]
    """Kind of source."""
    seed: int = 2025
    """World seed: another number is another world of the same climate."""


class ArchiveImagery(Block):
    """A folder with a STAC catalogue (catalog.json) of GeoTIFFs."""

    source: Literal["archive"]
    """Kind of source."""
    path: str = Field(examples=["data/archive"])
    """Folder of the catalogue."""


class StacImagery(Block):
    """A STAC API with Cloud-Optimized GeoTIFFs."""

    source: Literal["stac"]
    """Kind of source."""
    url: str = Field(examples=["https://earth-search.aws.element84.com/v1"])
    """Address of the API's landing page."""
    collection: str = "sentinel-2-l2a"
    """Collection of Sentinel-2 L2A scenes."""
    sign: Literal["none", "planetary-computer"] = "none"
    """How links are signed: none, or by Planetary Computer's token service."""


class EarthEngineImagery(Block):
    """Google Earth Engine."""

    source: Literal["earthengine"]
    """Kind of source."""
    collection: str = "COPERNICUS/S2_SR_HARMONIZED"
    """Image collection."""


Imagery = Annotated[MiniatureImagery | ArchiveImagery | StacImagery | EarthEngineImagery, Field(discriminator="source")]


class Scenes(Block):
    """Which scene stands for a season."""

    years: Years = (2017, 2024)
    """First and last year searched."""
    max_cloud: float = Field(20.0, gt=0, le=100)
    """Scenes at or above this cloud cover (percent) are not taken."""
    order: Literal["cloud", "mid", "recent"] = "cloud"
    """cloud: least cloud, then nearest mid-season; mid: nearest mid-season, then least cloud; recent: latest."""
    min_images: int = Field(2, ge=1)
    """Sites with fewer seasons found are dropped."""


class Patches(Block):
    """What is cut out and kept."""

    size_px: int = Field(264, gt=0)
    """Side of a patch in 10 m pixels."""
    bands: MeasuredBands = S2_L2A
    """Bands to export, at native resolution."""


class Dataset(Block):
    """A sampling of sites x a season rule x an imagery source x bands."""

    sites: Sites
    """Where: the sampler."""
    phenology: Phenology | None = None
    """Where the four dates come from; needed by the evi rule."""
    seasons: Seasons | None = None
    """When: the season rule; without one the dataset is only a sampling of sites."""
    imagery: Imagery | None = None
    """The image source; without one the dataset ends at its seasons."""
    scenes: Scenes = Scenes()
    """Which scene stands for a season."""
    patches: Patches = Patches()
    """What is cut out of it and kept."""
    shards: int = Field(1, ge=1)
    """Jobs the sites are split into, in spatial order; about 500 sites each is good."""

    @model_validator(mode="after")
    def _needs(self) -> Dataset:
        if isinstance(self.seasons, EviSeasons) and self.phenology is None:
            raise ValueError(
                "season rule 'evi' needs dates; add phenology: with source miniature, images, table or earthengine"
            )
        if isinstance(self.phenology, MiniaturePhenology | ImagesPhenology) and self.imagery is None:
            raise ValueError(f"phenology source {self.phenology.source!r} reads the imagery; add an imagery block")
        if isinstance(self.phenology, MiniaturePhenology) and not isinstance(self.imagery, MiniatureImagery):
            raise ValueError("phenology source 'miniature' belongs to imagery source 'miniature'; change one of them")
        if self.imagery is not None and self.seasons is None:
            raise ValueError("images need dates; add e.g. seasons: {rule: calendar}")
        return self
