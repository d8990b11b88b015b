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
