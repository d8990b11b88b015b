"""Configuration of the methods of pretraining: one block a method, what all have in common in `TrainedMethod`.

The published recipes stand in config/methods/<name>.yaml; the defaults here are those of SSL4EO-S12 or SSL4Eco.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.config.block import Block
from greenup.config.given import FeaturesMethod, FolderMethod

VIT_METHODS = ("mae", "data2vec")
"""Methods that hide patches and so need a vision transformer."""


class Optimizer(Block):
    """Optimiser and schedules of learning rate and weight decay."""

    name: Literal["sgd", "adamw"] = "sgd"
    """Optimiser."""
    lr: float = Field(0.03, gt=0)
    """Peak learning rate, for the batch size of the method as it stands."""
    weight_decay: float = Field(1e-4, ge=0)
    """Weight decay (coupled in SGD, decoupled in AdamW)."""
    final_weight_decay: float | None = Field(None, ge=0)
    """Weight decay at the end, reached along a half cosine (DINO); constant when empty."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """SGD momentum."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay rates of the gradient's first and second moments."""
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """Learning rate after the warm-up: constant, falling to final_lr along a half cosine, or times 0.1 at each
    milestone."""
    every: Literal["step", "epoch"] = "step"
    """Whether the cosine falls at every step, or at every epoch (MoCo-v2)."""
    final_lr: float = Field(0.0, ge=0)
    """Learning rate at the end of the cosine."""
    warmup_steps: int = Field(0, ge=0)
    """Steps of linear warm-up."""
    warmup_epochs: float = Field(0.0, ge=0)
    """The same in epochs; give one of the two."""
    milestones: tuple[int, ...] = ()
    """Epochs at which `steps` multiplies the rate by 0.1."""
    clip_norm: float | None = Field(None, gt=0)
    """Gradients longer than this are shortened to it; never when empty."""
    clip: Literal["all", "each"] = "all"
    """What clip_norm is the length of: all gradients together, or each parameter's by itself (DINO)."""

    @model_validator(mode="after")
    def _one_warmup(self) -> Optimizer:
        if self.warmup_steps and self.warmup_epochs:
            raise ValueError("warmup_steps and warmup_epochs both given; keep one of the two")
        return self


class Colours(Block):
    """Artificial changes of a view, each with its probability (SSL4Eco, appendix A-2; SSL4EO-S12)."""

    jitter: float = Field(0.8, ge=0, le=1)
    """Probability of brightness, contrast (and saturation, hue), all together."""
    brightness: float = Field(0.4, ge=0, lt=1)
    """Factor drawn from 1 - this .. 1 + this."""
    contrast: float = Field(0.4, ge=0, lt=1)
    """Factor about the view's mean, drawn from 1 - this .. 1 + this."""
    saturation: float = Field(0.0, ge=0, lt=1)
    """Factor about the grey image, of red, green and blue views alone (SeCo's RGB: 0.4)."""
    hue: float = Field(0.0, ge=0, le=0.5)
    """Shift of the hue in turns, drawn from -this .. this, of red, green and blue views alone (SeCo's RGB: 0.1)."""
    grey: float = Field(0.2, ge=0, le=1)
    """Probability that all channels become their mean."""
    blur: float = Field(0.5, ge=0, le=1)
    """Probability of a Gaussian blur."""
    sigma: tuple[float, float] = (0.1, 2.0)
    """Its standard deviation is drawn from this range (pixels of the image before resizing)."""
    flip: float = Field(0.5, ge=0, le=1)
    """Probability of mirroring left to right."""
    solarize: float = Field(0.0, ge=0, le=1)
    """Probability of inverting what is above half of the range (DINO)."""


Quirk = Literal["dates_with_replacement", "ndvi_as_reflectance", "integer_wrap", "solarize_below"]
"""Quirks of the released code that a training can reproduce."""


class TrainedMethod(Block):
    """What all methods of pretraining have in common."""

    recipe: int = 1
    """Bumped by hand when the code of this method changes its results: trained models are then made again."""
    epochs: int = Field(100, gt=0)
    """Passes over the sites."""
    batch_size: int = Field(256, gt=1)
    """Sites a step, over all devices and accumulated parts."""
    accumulate: int = Field(1, ge=1)
    """Parts a batch is cut into, one after the other, where it does not fit the device whole. Batch norm then sees a
    part at a time."""
    crop_px: int = Field(224, gt=0)
    """Side of a view (pixels after resizing)."""
    crop_scale: tuple[float, float] = (0.2, 1.0)
    """Share of the patch area a random crop covers."""
    colours: Colours = Colours()
    """Artificial changes of views."""
    optimizer: Optimizer = Optimizer()
    """Optimiser and schedules."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Autocast type of the forward pass."""
    held_out: float = Field(0.1, ge=0, lt=0.5)
    """Share of the sites whose loss is watched and never trained on."""
    order: Literal["sites", "shards"] = "sites"
    """In which order sites come: any, or a few shards at a time and any within them, which disks and parallel file
    systems read faster."""
    shards_at_once: int = Field(8, gt=0)
    """Shards that order `shards` mixes."""
    probe_epochs: int = Field(0, ge=0)
    """Every so many epochs a k-NN probe of the sites' land cover is run on the held-out sites; never when 0."""
    compat: tuple[Quirk, ...] = ()
    """Quirks of the released code to reproduce. dates_with_replacement: a site's dates may repeat.
    ndvi_as_reflectance: brightness and contrast change NDVI too. integer_wrap: colours are computed in 8 bits that wrap
    around. solarize_below: inverts what is below half of the range, not above."""

    @model_validator(mode="after")
    def _parts(self) -> TrainedMethod:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} cannot be cut into {self.accumulate} equal parts")
        queue = getattr(self, "queue", None)
        if queue is not None and queue % self.batch_size:
            up = -(-queue // self.batch_size) * self.batch_size
            raise ValueError(f"queue {queue} is no multiple of batch_size {self.batch_size}; write queue: {up}")
        return self


class SeCoMethod(TrainedMethod):
    """Seasonal Contrast: three embedding spaces (SeCo 2021, section 3; SSL4Eco, appendix A-2)."""

    name: Literal["seco"]
    """Kind of method."""
    dim: int = Field(128, gt=0)
    """Width of each embedding space."""
    queue: int = Field(65_536, gt=0)
    """Negatives kept a space; a multiple of batch_size, below the number of sites."""
    temperature: float = Field(0.2, gt=0)
    """Divides the similarities before the softmax of the InfoNCE loss."""
    key_momentum: float = Field(0.999, ge=0, le=1)
    """Momentum of the key encoder."""


class AnyMoCoMethod(TrainedMethod):
    """MoCo-v2 (Chen et al. 2020), whichever two views it compares."""

    dim: int = Field(128, gt=0)
    """Width of the embedding space."""
    queue: int = Field(65_536, gt=0)
    """Negatives kept; a multiple of batch_size, below the number of sites."""
    temperature: float = Field(0.2, gt=0)
    """Divides the similarities before the softmax of the InfoNCE loss."""
    key_momentum: float = Field(0.999, ge=0, le=1)
    """Momentum of the key encoder."""


class MoCoMethod(AnyMoCoMethod):
    """MoCo-v2 (Chen et al. 2020): two augmented views of one date."""

    name: Literal["moco"]
    """Kind of method."""


class MoCoTemporalMethod(AnyMoCoMethod):
    """MoCo-v2 with temporal positives (SeCo 2021): augmented views of two dates, SeCo's recipe."""

    name: Literal["moco_tp"]
    """Kind of method."""


class MoCoSeasonalMethod(AnyMoCoMethod):
    """MoCo-v2 over seasons (SSL4EO-S12, MoCo-Eco): augmented views of two dates, their recipe."""

    name: Literal["moco_seasonal"]
    """Kind of method."""


class MoCoV3Method(TrainedMethod):
    """MoCo-v3 (Chen, Xie and He 2021): no queue, a predictor, a symmetric loss over two dates."""

    name: Literal["mocov3"]
    """Kind of method."""
    dim: int = Field(256, gt=0)
    """Width of the embedding space."""
    hidden: int = Field(4096, gt=0)
    """Width of the hidden layers of projector and predictor."""
    temperature: float = Field(0.2, gt=0)
    """Divides the similarities; the loss is multiplied by twice this."""
    key_momentum: float = Field(0.99, ge=0, le=1)
    """Momentum of the key encoder at the start; it rises to 1 along a half cosine."""
    freeze_patches: bool = True
    """The first layer of a ViT keeps its random weights."""
    second_colours: Colours | None = None
    """Artificial changes of the second view; those of the first when empty."""


class DinoMethod(TrainedMethod):
    """DINO (Caron et al. 2021): self-distillation over global and local crops of several dates."""

    name: Literal["dino"]
    """Kind of method."""
    out_dim: int = Field(65_536, gt=0)
    """Prototypes: width of the head's output."""
    hidden: int = Field(2048, gt=0)
    """Width of the head's hidden layers."""
    bottleneck: int = Field(256, gt=0)
    """Width of the head before its last, weight-normed layer."""
    norm_last_layer: bool = True
    """The last layer's weights keep length 1."""
    freeze_last_epochs: int = Field(1, ge=0)
    """Epochs in which the last layer is not trained."""
    student_temperature: float = Field(0.1, gt=0)
    """Divides the student's outputs."""
    teacher_temperature: float = Field(0.04, gt=0)
    """Divides the teacher's centred outputs."""
    teacher_momentum: float = Field(0.996, ge=0, le=1)
    """Momentum of the teacher at the start; it rises to 1 along a half cosine."""
    center_momentum: float = Field(0.9, ge=0, le=1)
    """Momentum of the centre of the teacher's outputs."""
    local_views: int = Field(8, ge=0)
    """Small crops a site."""
    local_px: int = Field(96, gt=0)
    """Side of a small crop (pixels after resizing)."""
    local_scale: tuple[float, float] = (0.05, 0.14)
    """Share of the patch area a small crop covers."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Stochastic depth of the student (ViT)."""
    blurs: tuple[float, float, float] = (1.0, 0.1, 0.5)
    """Probability of blur of the first and the second global crop, and of small ones."""
    solarizes: tuple[float, float, float] = (0.0, 0.2, 0.0)
    """Probability of solarisation of the same."""


class MaeMethod(TrainedMethod):
    """Masked autoencoder (He et al. 2022)."""

    name: Literal["mae"]
    """Kind of method."""
    mask_ratio: float = Field(0.7, gt=0, lt=1)
    """Share of the patches that are hidden."""
    norm_pixels: bool = True
    """Targets are standardised patch by patch."""
    decoder_dim: int = Field(512, gt=0)
    """Width of the decoder."""
    decoder_depth: int = Field(8, gt=0)
    """Blocks of the decoder."""
    decoder_heads: int = Field(16, gt=0)
    """Attention heads of the decoder."""


class Data2vecMethod(TrainedMethod):
    """data2vec for images (Baevski et al. 2022): predicts a teacher's deep features of hidden patches."""

    name: Literal["data2vec"]
    """Kind of method."""
    masked: float = Field(120 / 196, gt=0, lt=1)
    """Share of the patches that are hidden, in blocks (BEiT)."""
    block_min: int = Field(16, gt=0)
    """Patches of the smallest block."""
    block_max: int = Field(196, gt=0)
    """Patches of the largest block."""
    target_blocks: int = Field(6, gt=0)
    """The target is the mean of the teacher's last so many blocks."""
    beta: float = Field(2.0, gt=0)
    """Where the smooth L1 loss turns from quadratic to linear."""
    teacher_momentum: tuple[float, float] = (0.999, 0.9998)
    """Momentum of the teacher at the start, and where it ends."""
    drop_path: float = Field(0.25, ge=0, lt=1)
    """Stochastic depth."""
    layer_scale: float = Field(1e-4, ge=0)
    """First value of the blocks' scales; none when 0."""
    attention_drop: float = Field(0.05, ge=0, lt=1)
    """Dropout of the attention."""


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


class PublishedMethod(Block):
    """Weights that others have released, with the preprocessing they were trained with."""

    name: Literal["published"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results."""
    weights: str = Field(examples=["seco_eco_resnet50"])
    """Name of a row of config/weights.csv."""
    file: str | None = None
    """The downloaded file; data/weights/<file> when empty."""


Method = Annotated[
    SeCoMethod
    | MoCoMethod
    | MoCoTemporalMethod
    | MoCoSeasonalMethod
    | MoCoV3Method
    | DinoMethod
    | MaeMethod
    | Data2vecMethod
    | RandomInitMethod
    | BandStatisticsMethod
    | FeaturesMethod
    | FolderMethod
    | PublishedMethod,
    Field(discriminator="name"),
]
