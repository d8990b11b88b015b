"""Configuration of datasets: which images (imagery, scenes), what is kept of them (patches), and the dataset itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.bands import S2_L2A
from greenup.config.block import Block, MeasuredBands, Years
from greenup.config.phenology import ImagesPhenology, MiniaturePhenology, Phenology
from greenup.config.seasons import EviSeasons, Seasons
from greenup.config.sites import Sites


# ---------------------------------------------------------------------------------------------------------- imagery
class MiniatureImagery(Block):
    """The miniature Earth: simulated images, no account, no network."""

    source: Literal["miniature"]
    """Kind of source."""
    seed: int = 2025
    """World seed: another number is another world of the same climate."""


class _Product(Block):
    product: Literal["s2_l2a", "s2_l1c", "s1_grd"] = "s2_l2a"
    """Sentinel-2 surface reflectance (L2A) or top of atmosphere (L1C), or Sentinel-1 backscatter (GRD, dB)."""


class _Files(_Product):
    offset: Literal["metadata", "none", "subtract_1000"] = "metadata"
    """Sentinel-2 values from processing baseline 04.00 on are 1000 too large unless the archive took that off.
    metadata: as each item says, and an item that says nothing is refused; none, subtract_1000: what to do with those
    that say nothing."""


class ArchiveImagery(_Files):
    """GeoTIFFs on disk, with a STAC catalogue or a GeoParquet index of them."""

    source: Literal["archive"]
    """Kind of source."""
    path: str = Field(examples=["data/archive"])
    """Folder with a catalog.json, or a stac-geoparquet file."""


class StacImagery(_Files):
    """A STAC API with Cloud-Optimized GeoTIFFs."""

    source: Literal["stac"]
    """Kind of source."""
    url: str = Field(examples=["earth-search"])
    """Address of the API's landing page, or one of the names earth-search and planetary-computer."""
    collection: str | None = None
    """Collection of the product; the API's usual one when empty."""
    sign: Literal["auto", "none", "planetary-computer"] = "auto"
    """How links are signed: by Planetary Computer's token service, or not at all; auto by the address."""


class EarthEngineImagery(_Product):
    """Google Earth Engine."""

    source: Literal["earthengine"]
    """Kind of source."""
    collection: str | None = None
    """Image collection; the product's harmonised one when empty."""


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
    cloud_of: Literal["tile", "patch"] = "tile"
    """What the cloud cover is measured over where the source can do both: the whole tile, or the patch alone."""
    index: str | None = None
    """Instead of a search: CSV of scene ids with site_id or lon and lat, and image_id_1, image_id_2, ... or season and
    image_id."""
    pair_with: str | None = None
    """Dataset of the same sites and seasons: take the scene nearest in time to the one chosen there."""
    pair_days: float = Field(3.0, gt=0)
    """A paired scene lies at most this many days from the other."""


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
