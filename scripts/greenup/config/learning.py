"""Configuration of models, tasks, evaluation and paper."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.bands import SECO_ECO
from greenup.config.block import Block, Channels


# ----------------------------------------------------------------------------------------------------------- models
class Optimizer(Block):
    """Optimiser and learning-rate schedule."""

    name: Literal["sgd", "adamw"] = "sgd"
    """Optimiser."""
    lr: float = Field(0.03, gt=0)
    """Peak learning rate."""
    weight_decay: float = Field(1e-4, ge=0)
    """Weight decay (coupled in SGD, decoupled in AdamW)."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """SGD momentum; AdamW uses its usual betas."""
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """Learning rate after the warm-up: constant, falling to 0 along a half cosine, or times 0.1 at each milestone."""
    warmup_steps: int = Field(0, ge=0)
    """Steps of linear warm-up."""
    milestones: tuple[int, ...] = ()
    """Epochs at which `steps` multiplies the rate by 0.1."""


class SeCoMethod(Block):
    """Seasonal Contrast: three embedding spaces (SeCo 2021, section 3; SSL4Eco, appendix A-2)."""

    name: Literal["seco"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results: trained models are then made again."""
    dim: int = Field(128, gt=0)
    """Width of each embedding space."""
    queue: int = Field(65_536, gt=0)
    """Negatives kept a space; a multiple of batch_size, below the number of sites."""
    temperature: float = Field(0.2, gt=0)
    """Divides the similarities before the softmax of the InfoNCE loss."""
    key_momentum: float = Field(0.999, ge=0, le=1)
    """Momentum of the key encoder."""
    epochs: int = Field(100, gt=0)
    """Passes over the sites."""
    batch_size: int = Field(256, gt=1)
    """Sites a step."""
    crop_px: int = Field(224, gt=0)
    """Side of a view (pixels of 10 m before resizing are drawn by crop_scale)."""
    crop_scale: tuple[float, float] = (0.2, 1.0)
    """Share of the patch area a random crop covers."""
    optimizer: Optimizer = Optimizer()
    """Optimiser and learning rate."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Autocast type of the forward pass."""
    held_out: float = Field(0.1, ge=0, lt=0.5)
    """Share of the sites whose loss is watched and never trained on."""

    @model_validator(mode="after")
    def _queue(self) -> SeCoMethod:
        if self.queue % self.batch_size:
            up = -(-self.queue // self.batch_size) * self.batch_size
            raise ValueError(f"queue {self.queue} is no multiple of batch_size {self.batch_size}; write queue: {up}")
        return self


class RandomInitMethod(Block):
    """Random weights with batch-norm statistics calibrated on the dataset: the baseline of every table."""

    name: Literal["random_init"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results."""


class BandStatisticsMethod(Block):
    """Mean and standard deviation of each channel: the trivial baseline, without weights."""

    name: Literal["band_statistics"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results."""


Method = Annotated[SeCoMethod | RandomInitMethod | BandStatisticsMethod, Field(discriminator="name")]


class Model(Block):
    """A dataset x a method x a backbone."""

    method: Method
    """How it is trained; `method: seco` is short for `method: {name: seco}`."""
    dataset: str | None = Field(None, examples=["my_dataset"])
    """Dataset trained on (or whose statistics scale the input)."""
    backbone: Literal["resnet18", "resnet50"] = "resnet50"
    """Network without its classifier; its pooled features are the embedding."""
    channels: Channels = SECO_ECO
    """Input channels, in this order."""
    input_scale: Literal["standardise", "reflectance", "published_255"] = "standardise"
    """standardise: (x - mean) / std of the dataset; reflectance: x / 10 000; published_255: x / 255, what the released
    SSL4Eco code feeds its networks."""
    size_px: int | None = Field(None, gt=0)
    """Side of the image given to the network when embedding (centre crop, or resized up); the patch's when empty."""

    @property
    def has_weights(self) -> bool:
        return not isinstance(self.method, BandStatisticsMethod)

    @model_validator(mode="after")
    def _dataset(self) -> Model:
        if self.dataset is None and self.has_weights:
            raise ValueError(f"method {self.method.name!r} needs a dataset; write dataset: ssl4eco (or another)")
        return self


# ------------------------------------------------------------------------------------------------------------ tasks
class SiteLabels(Block):
    """Classes from a column of the sites table."""

    source: Literal["site"]
    """Kind of source."""
    column: Literal["biome", "climate_zone", "land_cover", "stratum"]
    """Column of the sites table."""
    min_count: int = Field(1, ge=1)
    """Classes with fewer images are left out, and counted."""


class MiniatureLabels(Block):
    """Values that the miniature Earth knows of its sites: simulated."""

    source: Literal["miniature"]
    """Kind of source."""
    variable: Literal["climate", "genera"]
    """climate: numbers (regression); genera: which tree genera grow there (multilabel)."""


class FileLabels(Block):
    """Columns of a table, joined by site_id, or by position to a `points` dataset made of the same file."""

    source: Literal["file"]
    """Kind of source."""
    file: str = Field(examples=["data/labels.csv"])
    """CSV or Parquet file."""
    columns: tuple[str, ...] = Field(min_length=1, examples=[["habitat"]])
    """One column of class names (classification), of comma-separated names (multilabel), or numbers (regression)."""


Labels = Annotated[SiteLabels | MiniatureLabels | FileLabels, Field(discriminator="source")]


class Task(Block):
    """Labelled points: a dataset and its labels."""

    dataset: str = Field(examples=["my_dataset"])
    """Dataset whose images are labelled."""
    labels: Labels
    """Where the labels come from."""
    kind: Literal["classification", "multilabel", "regression"]
    """Kind of labels: one class an image, any number of classes, or numbers."""
    metric: Literal["macro_f1", "accuracy", "micro_map", "micro_f1", "r2_mean"]
    """Main metric: macro_f1 or accuracy (classification), micro_map or micro_f1 (multilabel), r2_mean (regression)."""
    k: int = Field(10, gt=0)
    """Neighbours of the k-NN probe."""
    season: str | None = None
    """Which season's image is labelled; the only one, or the first found, when empty."""

    @model_validator(mode="after")
    def _metric(self) -> Task:
        fits = {
            "classification": ("macro_f1", "accuracy"),
            "multilabel": ("micro_map", "micro_f1"),
            "regression": ("r2_mean",),
        }[self.kind]
        if self.metric not in fits:
            raise ValueError(f"metric {self.metric!r} does not fit kind {self.kind!r}; write one of {', '.join(fits)}")
        return self


# ------------------------------------------------------------------------------------------------------- evaluation
class LinearProtocol(Block):
    """Linear probe on standardised frozen embeddings (SSL4Eco, section 4.1)."""

    lr: float = Field(1e-3, gt=0)
    """Learning rate of AdamW."""
    weight_decay: float = Field(0.01, ge=0)
    """Weight decay of AdamW."""
    batch_size: int = Field(256, gt=0)
    """Embeddings a step."""
    max_epochs: int = Field(1000, gt=0)
    """Epochs after which training stops in any case."""
    patience: int = Field(10, gt=0)
    """Epochs without a better validation loss before stopping; the best weights are restored."""


class KnnProtocol(Block):
    """Weighted k-NN by cosine similarity (SSL4Eco, section 4.1); k stands in the task."""

    temperature: float = Field(0.07, gt=0)
    """Softmax temperature over the k similarities."""


class Protocols(Block):
    """Probe protocols."""

    linear: LinearProtocol = LinearProtocol()
    """Linear probe."""
    knn: KnnProtocol = KnnProtocol()
    """Weighted k nearest neighbours."""


class Folds(Block):
    """How images are split."""

    kinds: tuple[Literal["random", "blocks"], ...] = ("random", "blocks")
    """random: as published (stratified by class); blocks: whole spatial blocks, so that neighbours never part."""
    count: int = Field(10, ge=2)
    """Folds."""
    block_km: float = Field(300.0, gt=0)
    """Side of a spatial block (km)."""


class Evaluation(Block):
    """Which models on which tasks, and how."""

    models: tuple[str, ...] = ()
    """Models to evaluate; all of the study when empty."""
    tasks: tuple[str, ...] = ()
    """Tasks to evaluate on; all of the study when empty."""
    embed: tuple[str, ...] = ()
    """Datasets to embed with every evaluated model though no task labels them."""
    protocols: Protocols = Protocols()
    """How embeddings are judged."""
    folds: Folds = Folds()
    """How images are split into training, validation and test parts."""


# ------------------------------------------------------------------------------------------------------------ paper
class Paper(Block):
    """What the figures show."""

    fig1_datasets: tuple[str, ...] = ()
    """Samplings whose maps and land-cover bars are compared (two or three); no Figure 1 when empty."""
    fig2_dataset: str | None = None
    """Dataset whose seasons and images Figure 2 shows; no Figure 2 when empty."""
    fig2_sites: int = Field(3, ge=1, le=6)
    """Sites in Figure 2."""
    figA1_dataset: str | None = None
    """Dataset of whose curves Figure A-1 shows one with its four dates; that of Figure 2 when empty."""
    check_dataset: str | None = None
    """Dataset whose sampling is held against real sites; no such figure when empty."""
    check_reference: str | None = None
    """The real sites: Parquet or CSV with site_id, lon, lat, time."""
    note: str = ""
    """A sentence shown at the head of the report."""
