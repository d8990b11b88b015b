"""Configuration of datasets: which images (imagery, scenes), what is kept of them (patches), and the dataset itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from greenup.bands import KEPT, MINIATURE, PRODUCTS, check_product, measured_of
from greenup.config.block import Block, MeasuredBands, Years
from greenup.config.phenology import ImagesPhenology, MiniaturePhenology, Phenology
from greenup.config.seasons import EviSeasons, PublishedSeasons, Seasons
from greenup.config.sites import DatasetSites, PointSites, PublishedSites, Sites
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


class PublishedImagery(_Product):
    """The folder of a published data set as it is downloaded: SSL4EO-S12, SSL4Eco or SeCo. Its own sites and dates are
    taken, all of its images, and their own pixels."""

    source: Literal["published"]
    """Kind of source."""
    layout: Literal["ssl4eo_s12", "ssl4eco", "seco"] = Field(examples=["ssl4eo_s12"])
    """Whose folder it is; SSL4EO-S12 has three products, the other two surface reflectance (s2_l2a) alone."""
    path: str = Field(examples=["data/ssl4eo-s12"])
    """Folder that holds the folders of the sites, or, of SSL4EO-S12, the folders s1, s2c and s2a."""
    index: str | None = None
    """SSL4Eco's CSV with index, lon, lat, image_id_1 .. image_id_4: sites get its places, images its seasons."""
    place: Literal["as_written", "utm"] = "as_written"
    """as_written: coordinates as the files say, degrees for a UTM grid. utm: the UTM grid worked out from
    metadata.json; not of SSL4Eco, which has none."""
    damaged: Literal["refuse", "skip"] = "refuse"
    """An image that cannot be read, or lacks a band: the job names it and does not end, or the season stays without."""

    @property
    def offered(self) -> tuple[str, ...]:
        """Bands of the product; masks were not published."""
        return measured_of(PRODUCTS[self.product])

    @property
    def size_px(self) -> int:
        """Side of its images in 10 m pixels."""
        return 256 if self.layout == "ssl4eco" else 264

    @model_validator(mode="after")
    def _as_published(self) -> PublishedImagery:
        if self.layout != "ssl4eo_s12" and self.product != "s2_l2a":
            raise ValueError(f"product: layout {self.layout!r} has no {self.product}; leave product out")
        if self.layout == "ssl4eco" and self.place == "utm":
            raise ValueError("place: 'utm' needs metadata.json, which SSL4Eco's folder has not; leave place out")
        if self.layout != "ssl4eco" and self.index is not None:
            raise ValueError(f"index: layout {self.layout!r} has no index of images; leave index out")
        return self


Imagery = Annotated[
    MiniatureImagery | ArchiveImagery | StacImagery | EarthEngineImagery | PublishedImagery,
    Field(discriminator="source"),
]


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
    grid: Literal["site", "image"] = "site"
    """site: a UTM grid centred on the site. image: the image's own pixels as they lie, for archives of images that are
    already cut or are on another grid; bands that lie there at 10 m stay at 10 m."""


def _as_cut(patches: Patches, imagery: PublishedImagery) -> Patches:
    """What is kept of images that are cut already: their own pixels, all of them where nothing else is said."""
    said = patches.model_fields_set
    if patches.grid == "site" and "grid" in said:
        raise ValueError("grid: images of a published folder are cut already; write grid: image, or leave it out")
    size = patches.size_px if "size_px" in said else imagery.size_px
    if size > imagery.size_px:
        raise ValueError(f"size_px: {size}, but images of layout {imagery.layout!r} have {imagery.size_px} pixels")
    return patches.model_copy(update={"grid": "image", "size_px": size})


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

    @model_validator(mode="before")
    @classmethod
    def _sites_and_dates_of_a_folder(cls, written: Any) -> Any:
        """A published folder brings its own sites and dates: they need not be written."""
        if isinstance(written, Mapping):
            imagery = written.get("imagery")
            if isinstance(imagery, Mapping) and imagery.get("source") == "published":
                return {"sites": {"sampler": "published"}, "seasons": {"rule": "published"}, **written}
        return written

    @field_validator("patches")
    @classmethod
    def _bands_of_the_product(cls, patches: Patches, info: ValidationInfo) -> Patches:
        """Whatever reads a dataset finds its bands written out. Without imagery they say nothing: those of L2A."""
        imagery = info.data.get("imagery")
        if isinstance(imagery, PublishedImagery):
            patches = _as_cut(patches, imagery)
        if patches.bands is None:
            product = "s2_l2a" if imagery is None else imagery.product
            # No published folder has a mask.
            kept = imagery.offered if isinstance(imagery, PublishedImagery) else KEPT[product]
            return patches.model_copy(update={"bands": kept})
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
    def _published_together(self) -> Dataset:
        """Images, dates and sites of a published folder belong to one another."""
        is_published = isinstance(self.imagery, PublishedImagery)
        if is_published != isinstance(self.seasons, PublishedSeasons):
            if is_published:
                raise ValueError(
                    f"season rule {self.seasons.rule!r} searches for images, those of a published folder are given; "
                    "write seasons: {rule: published}, or give the dataset a name of its own"
                    if self.seasons
                    else "images of a published folder have its dates; write seasons: {rule: published}"
                )
            raise ValueError("season rule 'published' needs the images of a published folder; take another rule")
        if is_published and not isinstance(self.sites, PublishedSites | DatasetSites | PointSites):
            raise ValueError(
                f"sampler {self.sites.sampler!r} draws new sites, but a published folder has only its own; "
                "write sites: {sampler: published}, or give the dataset a name of its own"
            )
        if isinstance(self.sites, PublishedSites) and not is_published:
            raise ValueError("sampler 'published' needs the images of a published folder; take another sampler")
        asked = [key for key in ("index", "pair_with") if getattr(self.scenes, key) is not None]
        if is_published and asked:
            raise ValueError(f"scenes.{asked[0]}: all images of a published folder are taken; leave it out")
        if is_published and isinstance(self.phenology, ImagesPhenology):
            raise ValueError("phenology source 'images' needs every scene of a site; take another source")
        return self

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
