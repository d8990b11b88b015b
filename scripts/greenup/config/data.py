"""Configuration of datasets: which images (imagery, scenes), what is kept of them (patches), and the dataset itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from greenup.bands import KEPT, MINIATURE, PRODUCTS, check_product
from greenup.config.block import Block, MeasuredBands, Years
from greenup.config.phenology import ImagesPhenology, MiniaturePhenology, Phenology
from greenup.config.seasons import EviSeasons, Seasons
from greenup.config.sites import Sites
from greenup.errors import UserError


# ---------------------------------------------------------------------------------------------------------- imagery
class MiniatureImagery(Block):
    """The miniature Earth: simulated images, no account, no network."""

    source: Literal["miniature"]
    """Kind of source."""
    seed: int = 2025
    """World seed: another number is another world of the same climate."""

    @property
    def product(self) -> str:
        """What its images look like; it renders no other product."""
        return "s2_l2a"

    @property
    def has_cloud(self) -> bool:
        """Whether clouds hide the ground in its images."""
        return True

    @property
    def offered(self) -> tuple[str, ...]:
        """Bands and masks that it renders."""
        return MINIATURE


class _Product(Block):
    product: Literal["s2_l2a", "s2_l1c", "s1_grd"] = "s2_l2a"
    """Sentinel-2 surface reflectance (L2A) or top of atmosphere (L1C), or Sentinel-1 backscatter (GRD, dB)."""

    @property
    def has_cloud(self) -> bool:
        """Whether clouds hide the ground in its images; radar sees through them."""
        return self.product != "s1_grd"

    @property
    def offered(self) -> tuple[str, ...]:
        """Bands and masks of the product."""
        return PRODUCTS[self.product]


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
    """What max_cloud speaks of: the whole tile, or the patch alone, measured for the best candidates until one is below
    it; not every source can."""
    index: str | None = None
    """Instead of a search: CSV of scene ids with site_id or lon and lat, and image_id_1, image_id_2, ... or season and
    image_id. Every id is taken as it is: max_cloud and order do not apply."""
    pair_with: str | None = None
    """Dataset of the same sites and seasons: take the scene nearest in time to the one chosen there."""
    pair_days: float = Field(3.0, gt=0)
    """A paired scene lies at most this many days from the other."""

    @model_validator(mode="after")
    def _one_way(self) -> Scenes:
        if self.index is not None and self.pair_with is not None:
            raise ValueError("index and pair_with both say which scene is taken; keep one of the two")
        return self


class Patches(Block):
    """What is cut out and kept."""

    size_px: int = Field(264, gt=0)
    """Side of a patch in 10 m pixels."""
    bands: MeasuredBands | None = None
    """Bands and masks to export, at native resolution; all bands of the product and
    its own mask (SCL of L2A, QA60 of L1C) when empty."""


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
    patches: Patches = Field(Patches(), validate_default=True)
    """What is cut out of it and kept."""
    shards: int = Field(1, ge=1)
    """Jobs the sites are split into, in spatial order; about 500 sites each is good."""

    @field_validator("patches")
    @classmethod
    def _bands_of_the_product(cls, patches: Patches, info: ValidationInfo) -> Patches:
        """Whatever reads a dataset finds its bands written out. Without imagery they say nothing: those of L2A."""
        imagery = info.data.get("imagery")
        if patches.bands is None:
            product = "s2_l2a" if imagery is None else imagery.product
            return patches.model_copy(update={"bands": KEPT[product]})
        if imagery is not None:
            try:
                check_product(patches.bands, imagery.product, "bands")
            except UserError as error:
                raise ValueError(f"{error.message}; {error.mend}") from None
            if other := [b for b in patches.bands if b not in imagery.offered]:
                raise ValueError(
                    f"bands: imagery source {imagery.source!r} has no {other[0]!r}; "
                    f"leave it out, or choose from {', '.join(imagery.offered)}"
                )
        return patches

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
        if isinstance(self.phenology, ImagesPhenology) and not self.imagery.has_cloud:
            raise ValueError("phenology source 'images' reads an index of plants, which radar has not; take another")
        if self.scenes.cloud_of == "patch" and self.imagery is not None:
            if not self.imagery.has_cloud:
                raise ValueError("radar sees no cloud; leave scenes.cloud_of out")
            if "SCL" not in self.imagery.offered:
                raise ValueError(
                    f"cloud over a patch is measured by the band SCL, which {self.imagery.product} has not; "
                    "write scenes: {cloud_of: tile}"
                )
            if isinstance(self.imagery, MiniatureImagery):
                raise ValueError("the miniature Earth tells the cloud of tiles only; write scenes: {cloud_of: tile}")
        if self.imagery is not None and self.seasons is None:
            raise ValueError("images need dates; add e.g. seasons: {rule: calendar}")
        return self
