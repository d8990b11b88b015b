"""Configuration of models, tasks, evaluation and paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from greenup.bands import SECO_ECO
from greenup.config.block import Block, Channels
from greenup.config.methods import VIT_METHODS, BandStatisticsMethod, Method, PublishedMethod
from greenup.config.weights import weights_named
from greenup.errors import UserError

InputScale = Literal[
    "standardise", "reflectance", "published_255", "reflectance_8bit", "rgb_quantiles_imagenet", "two_sigma"
]
"""Names of the input scales; see `greenup.pretrain.scales.scale_of`."""


# ----------------------------------------------------------------------------------------------------------- models
class Model(Block):
    """A dataset x a method x a backbone."""

    method: Method
    """How it is trained; `method: seco` is short for `method: {name: seco}`."""
    dataset: str | None = Field(None, examples=["my_dataset"])
    """Dataset trained on (or whose statistics scale the input)."""
    backbone: Literal["resnet18", "resnet50", "vit_small", "vit_tiny"] = "resnet50"
    """Network without its classifier; its pooled features are the embedding. ViT-S has width 384, 12 blocks, 6 heads;
    vit_tiny (192, 12, 3) is for small studies."""
    patch_px: int = Field(16, gt=0)
    """Side of a token of a ViT (pixels): ViT-S/16."""
    channels: Channels = SECO_ECO
    """Input channels, in this order."""
    input_scale: InputScale = "standardise"
    """standardise: (x - mean) / std of the dataset; reflectance: x / 10 000; published_255: x / 255, what the released
    SSL4Eco code feeds its networks; reflectance_8bit: reflectance cut to 0..1 in 255 steps (SSL4EO-S12);
    rgb_quantiles_imagenet: red, green and blue stretched in 8 bits, then ImageNet's mean and deviation (SeCo);
    two_sigma: mean -+ 2 deviations of SSL4EO-S12 to 0..1 in 255 steps (its radar)."""
    size_px: int | None = Field(None, gt=0)
    """Side of the image given to the network when embedding (centre crop, or resized up). When empty, the
    patch's; of a vision transformer, the side of its views."""
    seed: int | None = None
    """What its weights, and the order and the views of its sites, are drawn from, for several trainings of one method
    in one study; the study's seed when empty."""

    @model_validator(mode="before")
    @classmethod
    def _of_the_weights(cls, written: Any) -> Any:
        """Released weights decide what their network is and takes: nothing of it needs to be written."""
        if not isinstance(written, Mapping):
            return written
        method = written.get("method")
        if isinstance(method, PublishedMethod):
            name = method.weights
        elif isinstance(method, Mapping) and method.get("name") == "published":
            name = method.get("weights")
        else:
            return written
        if not isinstance(name, str):
            return written
        try:
            weights = weights_named(name)
        except UserError as error:
            raise ValueError(f"method.weights: {error.message}; {error.mend}") from None
        return {**weights.model, "size_px": weights.size_px, **written}

    @model_validator(mode="after")
    def _as_the_weights(self) -> Model:
        if isinstance(self.method, PublishedMethod):
            weights = weights_named(self.method.weights)
            for key, value in weights.model.items():
                if (written := getattr(self, key)) != value:
                    raise ValueError(
                        f"{key} is {_words(written)}, but the weights {weights.name!r} were trained with "
                        f"{_words(value)} (config/weights.csv); leave {key} out"
                    )
        return self

    @property
    def is_published(self) -> bool:
        return isinstance(self.method, PublishedMethod)

    @property
    def has_weights(self) -> bool:
        return not isinstance(self.method, BandStatisticsMethod)

    @model_validator(mode="after")
    def _dataset(self) -> Model:
        if self.dataset is None and self.has_weights and not self.is_published:
            raise ValueError(f"method {self.method.name!r} needs a dataset; write dataset: ssl4eco (or another)")
        return self

    @model_validator(mode="after")
    def _fits_the_backbone(self) -> Model:
        is_vit = self.backbone.startswith("vit")
        if self.method.name in VIT_METHODS and not is_vit:
            raise ValueError(
                f"method {self.method.name!r} hides patches of a vision transformer; write backbone: vit_small"
            )
        for key in ("crop_px", "local_px"):
            size = getattr(self.method, key, None)
            if is_vit and size is not None and size % self.patch_px:
                raise ValueError(f"method.{key} {size} is no multiple of patch_px {self.patch_px}")
        if is_vit and self.size_px is not None and self.size_px % self.patch_px:
            fits = max(1, round(self.size_px / self.patch_px)) * self.patch_px
            raise ValueError(
                f"size_px {self.size_px} is no multiple of patch_px {self.patch_px}; write size_px: {fits}"
            )
        return self


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else repr(value)


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
