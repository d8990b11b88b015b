"""Configuration of published image sets: labelled images that others hand out, read from where they were unpacked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from greenup.config.block import Block


class EuroSatSet(Block):
    """EuroSAT, 13 bands of Sentinel-2 L1C: ten classes of land use and cover."""

    kind: Literal["eurosat"]
    """Kind of set."""
    folder: str = Field("data/image_sets/eurosat", examples=["data/image_sets/eurosat"])
    """Where it was unpacked: folders of classes lie in it, however deep."""
    lists: Literal["stratified", "in_domain", "spatial"] = "stratified"
    """Who trains and who tests. stratified: 80 to 20 at random within classes, as SSL4EO-S12 drew it; in_domain: the
    lists of Neumann et al. 2019, eurosat-train.txt, -val.txt and -test.txt (or SeCo's train.txt and val.txt) beside the
    images; spatial: torchgeo's eurosat-spatial-*.txt, parted by longitude."""


class So2SatSet(Block):
    """So2Sat LCZ42, 10 bands of Sentinel-2: 17 local climate zones of 52 cities."""

    kind: Literal["so2sat"]
    """Kind of set."""
    folder: str = Field("data/image_sets/so2sat", examples=["data/image_sets/so2sat"])
    """Where training.h5, validation.h5 and testing.h5 lie."""
    compat: tuple[Literal["validation_as_test"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class BigEarthNetSet(Block):
    """BigEarthNet v1, 12 bands of Sentinel-2 L2A: any of 19 classes of land cover."""

    kind: Literal["bigearthnet"]
    """Kind of set."""
    folder: str = Field("data/image_sets/bigearthnet", examples=["data/image_sets/bigearthnet"])
    """Where the folder BigEarthNet-v1.0 and the lists lie."""
    lists: Literal["official", "in_domain"] = "official"
    """Who trains and who tests. official: train.csv, val.csv and test.csv of TU Berlin; in_domain: those of Neumann et
    al. 2019 without the patches of the snow and the cloud lists, which SeCo and SSL4EO-S12 take."""
    size_px: int = Field(120, ge=20)
    """Side to which every band is resampled (bicubic). The files have 120, 60 and 20 px a side; SeCo, SSL4EO-S12 and
    SSL4Eco take 128."""
    compat: tuple[Literal["validation_as_test"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class TreeSatAiSet(Block):
    """TreeSatAI, 12 bands of Sentinel-2 L2A on 60 m: any of 15 tree genera."""

    kind: Literal["treesatai"]
    """Kind of set."""
    folder: str = Field("data/image_sets/treesatai", examples=["data/image_sets/treesatai"])
    """Where s2, labels and the lists of files lie."""
    compat: tuple[Literal["bands_as_numbered"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class GeoLifeClefSet(Block):
    """GeoLifeCLEF 2023: plant species of 5 138 survey plots in Europe, and 22 404 whose species are kept secret."""

    kind: Literal["geolifeclef"]
    """Kind of set."""
    folder: str = Field("data/image_sets/geolifeclef", examples=["data/image_sets/geolifeclef"])
    """Where the tables of the competition and the folders of images lie."""
    part: Literal["surveys", "blind"] = "surveys"
    """surveys: plots whose species are known; blind: those of test_blind.csv, which a submission is made for."""
    size_px: int = Field(108, ge=32)
    """Side to which every band is resampled (bicubic): 108, of 10 m, in SSL4Eco's code."""


class BioMasstersSet(Block):
    """BioMassters, 10 bands of Sentinel-2 L2A: above-ground biomass of Finnish forests, as a histogram of 8 bins."""

    kind: Literal["biomassters"]
    """Kind of set."""
    folder: str = Field("data/image_sets/biomassters", examples=["data/image_sets/biomassters"])
    """Where train_features, train_agbm, test_features and test_agbm lie."""
    season: Literal["spring", "summer", "autumn", "winter"] = "summer"
    """Three months whose images are taken: summer is June to August, winter December to February."""
    images: Literal["every_month", "clearest"] = "every_month"
    """every_month: each month's image of a chip is one image of the set, as in SSL4Eco; clearest: one a chip, that with
    the largest share of pixels with data, and among these the lowest cloud probability."""
    compat: tuple[Literal["months_apart"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class OscdSet(Block):
    """Onera Satellite Change Detection, 13 bands of Sentinel-2 L1C: which pixels of 24 cities have changed."""

    kind: Literal["oscd"]
    """Kind of set."""
    folder: str = Field("data/image_sets/oscd", examples=["data/image_sets/oscd"])
    """Where its three archives were unpacked, or the folders of cities with train.txt and test.txt."""


ImageSet = Annotated[
    EuroSatSet | So2SatSet | BigEarthNetSet | TreeSatAiSet | GeoLifeClefSet | BioMasstersSet | OscdSet,
    Field(discriminator="kind"),
]
"""A published image set; see `greenup.tasks.image_sets`."""
