"""Configuration of fine-tuning: how a whole network is trained on a task's labels, and which models on which tasks.

The published recipes stand in config/finetune.yaml; ``like:`` takes one of them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from greenup.config.block import Block
from greenup.config.methods import Optimizer

FinetuneQuirk = Literal["head_only", "adapting_batch_norm", "last_weights"]
"""Quirks of the released code that a fine-tuning can reproduce."""


class FinetuneProtocol(Block):
    """The whole network and a linear head trained on a task's labels."""

    recipe: int = 1
    """Bumped by hand when the code of this protocol changes its results."""
    epochs: int = Field(50, gt=0)
    """Passes over the training part, at most."""
    batch_size: int = Field(64, gt=1)
    """Images a step, over all accumulated parts; what an epoch leaves over is dropped."""
    accumulate: int = Field(1, ge=1)
    """Parts a batch is cut into where it does not fit the device whole."""
    optimizer: Optimizer = Optimizer(name="adamw", lr=1e-4, weight_decay=0.05, schedule="cosine", warmup_epochs=2)
    """Optimiser and schedules. AdamW without weight decay is Adam."""
    head_rate: float = Field(1.0, gt=0)
    """Learning rate of the head, as a multiple of that of the network's last layers."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """Each layer learns at this times the rate of the one after it (BEiT, MAE, data2vec: 0.65). Layers are the input
    layer and the blocks of a vision transformer, or the stem and the four stages of a ResNet."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout of the pooled features before the head."""
    head_norm: bool = False
    """Batch norm without weights before the head (MAE)."""
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Stochastic depth of the last block; it grows from 0 at the first."""
    bn_eval: bool = False
    """The network's batch norms keep the statistics of pretraining (SeCo); their weights are trained all the same."""
    crop_scale: tuple[float, float] = (0.8, 1.0)
    """Share of the image's area that a random crop covers; [1, 1] takes the image whole."""
    crop_px: int | None = Field(None, gt=0)
    """Side of training crops (pixels after resizing); that of the images the model is given when empty. Crops of half
    the side take a quarter of the time; with crop_scale about 0.25 they show things at their size."""
    flips: Literal["none", "horizontal", "all"] = "horizontal"
    """none; horizontal: mirrored left to right in half of all draws; all: any of a square's eight positions, which are
    alike when looking straight down."""
    patience: int | None = Field(10, gt=0)
    """Epochs without a better validation value before stopping; all epochs are trained when empty. The best weights are
    restored in any case."""
    watch: Literal["loss", "metric"] = "loss"
    """Which validation value says what is best: the loss, or the task's main metric."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Autocast type of the forward pass in training; scores are computed in float32."""
    compat: tuple[FinetuneQuirk, ...] = ()
    """Quirks of the released code to reproduce. head_only: the optimiser is given the head alone. adapting_batch_norm:
    with head_only, statistics of the frozen network's batch norms go on adapting. last_weights: the last weights are
    tested, not the best."""

    @model_validator(mode="after")
    def _fits(self) -> FinetuneProtocol:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} cannot be cut into {self.accumulate} equal parts")
        low, high = self.crop_scale
        if not 0 < low <= high <= 1:
            raise ValueError(f"crop_scale {[low, high]}: write [least, most] share of the area, from above 0 up to 1")
        if "adapting_batch_norm" in self.compat:
            if "head_only" not in self.compat:
                raise ValueError("compat adapting_batch_norm is of a frozen network; add head_only")
            if self.bn_eval:
                raise ValueError("compat adapting_batch_norm and bn_eval contradict each other; keep one of the two")
        return self


class Finetune(Block):
    """Which models are fine-tuned on which tasks; none by default."""

    models: tuple[str, ...] = ()
    """Models to fine-tune."""
    tasks: tuple[str, ...] = ()
    """Tasks to fine-tune each of them on."""
    folds: Literal["random", "blocks", "official"] = "random"
    """Kind of split; of an image set with a split of its own, official takes the place of random."""
    count: int = Field(1, gt=0)
    """How many of its folds, from the first; all when there are fewer."""
    recipes: dict[str, FinetuneProtocol] = Field(default_factory=dict)
    """Recipes of single models, by name, in place of evaluation.protocols.finetune."""

    @model_validator(mode="after")
    def _both(self) -> Finetune:
        if bool(self.models) != bool(self.tasks):
            raise ValueError("models and tasks: give both or neither")
        if spare := [name for name in self.recipes if name not in self.models]:
            raise ValueError(f"recipes.{spare[0]}: the model is not among those fine-tuned; add it to models")
        return self
