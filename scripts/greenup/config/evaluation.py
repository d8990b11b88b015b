"""Configuration of evaluation: which models on which tasks, by which protocols and folds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from greenup.config.block import Block
from greenup.config.finetune import Finetune, FinetuneProtocol
from greenup.errors import UserError

NotNegative = Annotated[float, Field(ge=0)]
LinearQuirk = Literal["last_weights", "statistics_of_all_rows", "threshold_on_logits", "batch_means"]
KnnQuirk = Literal["unstandardised", "scores_above_one", "sigmoid_of_shares", "batch_means"]


class LinearProtocol(Block):
    """Linear probe on standardised frozen embeddings (SSL4Eco, section 4.1)."""

    lr: float = Field(1e-3, gt=0)
    """Learning rate of AdamW."""
    weight_decay: NotNegative | Annotated[tuple[NotNegative, ...], Field(min_length=1)] = 0.01
    """Weight decay of AdamW; of several candidates each fold takes the one with the lowest validation loss."""
    batch_size: int = Field(256, gt=0)
    """Embeddings a step."""
    max_epochs: int = Field(1000, gt=0)
    """Epochs after which training stops in any case."""
    patience: int = Field(10, gt=0)
    """Epochs without a better validation loss before stopping; the best weights are restored."""
    compat: tuple[LinearQuirk, ...] = ()
    """Quirks of the released code to reproduce. last_weights: those of the last epoch are kept, not the best.
    statistics_of_all_rows: embeddings and targets are standardised by all images, tested ones too.
    threshold_on_logits: of a multilabel task a label is predicted where its logit is above 0.5, which is a probability
    above 0.62. batch_means: metrics are means over batches of 256 tested images, the last one dropped."""

    @property
    def weight_decays(self) -> tuple[float, ...]:
        """The candidates, one or more."""
        return self.weight_decay if isinstance(self.weight_decay, tuple) else (self.weight_decay,)


class KnnProtocol(Block):
    """Weighted k-NN by cosine similarity (SSL4Eco, section 4.1); k stands in the task."""

    temperature: float = Field(0.07, gt=0)
    """Softmax temperature over the k similarities."""
    compat: tuple[KnnQuirk, ...] = ()
    """Quirks of the released code to reproduce. unstandardised: vectors are compared as they come.
    scores_above_one: rounding lifts scores of a multilabel task just above 1, and all are then taken for logits.
    sigmoid_of_shares: the shares of a distribution go through a sigmoid before they are judged.
    batch_means: metrics are means over batches of 256 tested images, the last one dropped."""


class SiameseProtocol(Block):
    """Change detection with a frozen siamese ResNet: a small U-Net decoder on |features before - features after|.

    The head of SeCo (appendix, OSCD), which SSL4EO-S12 takes too; defaults are SeCo's.
    """

    first_stage: Literal["convolution", "relu"] = "convolution"
    """What of the stem goes to the decoder beside the four stages: the output of the first convolution (SeCo), or what
    batch norm and ReLU make of it (SSL4EO-S12)."""
    input_scale: Literal["model", "oscd_quantiles"] = "model"
    """model: the scaling that the network was trained with; oscd_quantiles: every band stretched between quantiles of
    OSCD to 0..1 in 255 steps, as both papers' code does for every network."""
    tile_px: int = Field(96, gt=0, multiple_of=32)
    """Side of the tiles that the images are cut into."""
    borders: Literal["pad", "drop"] = "pad"
    """What is done where an image is no whole number of tiles: pad fills the last tiles with zeros (SeCo), so that
    every pixel is judged; drop leaves such tiles out (SSL4EO-S12)."""
    lr: float = Field(1e-3, gt=0)
    """Learning rate of Adam."""
    lr_decay: float = Field(0.95, gt=0, le=1)
    """What the learning rate is multiplied with after each epoch."""
    weight_decay: float = Field(1e-4, ge=0)
    """L2 penalty of Adam."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of feature maps dropped after each level of the decoder."""
    batch_size: int = Field(32, gt=0)
    """Tiles a step."""
    epochs: int = Field(100, gt=0)
    """Epochs; the last weights are judged."""
    compat: tuple[Literal["adapting_batch_norm", "padding_counts"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class Protocols(Block):
    """Probe protocols."""

    linear: LinearProtocol = LinearProtocol()
    """Linear probe."""
    knn: KnnProtocol = KnnProtocol()
    """Weighted k nearest neighbours."""
    finetune: FinetuneProtocol = FinetuneProtocol()
    """Fine-tuning; `like:` takes a recipe of config/finetune.yaml."""
    siamese: SiameseProtocol = SiameseProtocol()
    """Change detection, of tasks of kind change alone."""


FoldKind = Literal["random", "blocks", "official"]
"""Kinds of split; see `greenup.tasks.folds`."""


class Folds(Block):
    """How images are split."""

    kinds: tuple[FoldKind, ...] = Field(("random", "blocks", "official"), min_length=1)
    """random: as published (stratified by class); blocks: whole spatial blocks, so that neighbours never part;
    official: as the publishers of an image set split it, in place of random. Each where it can be made: blocks need
    coordinates, official a split."""
    count: int = Field(10, ge=2)
    """Folds, of kinds random and blocks."""
    block_km: float = Field(300.0, gt=0)
    """Side of a spatial block (km)."""

    def kinds_for(self, *, has_splits: bool, has_places: bool) -> tuple[FoldKind, ...]:
        """Those kinds that images can have. Raises `UserError` when it is none."""
        can = {"official": has_splits, "blocks": has_places, "random": not (has_splits and "official" in self.kinds)}
        kinds = tuple(dict.fromkeys(kind for kind in self.kinds if can[kind]))
        if not kinds:
            lacks = " and ".join(
                word for word, there in (("coordinates", has_places), ("an official split", has_splits)) if not there
            )
            raise UserError(
                f"evaluation.folds.kinds: [{', '.join(self.kinds)}] cannot be made of images without {lacks}",
                "add random",
            )
        return kinds


class Subsets(Block):
    """Random parts of an official training part, one a fold."""

    count: int = Field(10, ge=1)
    """Subsets."""
    share: float = Field(0.11, gt=0, le=1)
    """Share of the training images in each; a tenth of it is held back for validation (SSL4Eco's BigEarthNet of 10
    %)."""


class Submission(Block):
    """The file of predictions for plots whose species are kept secret (GeoLifeCLEF)."""

    protocol: Literal["linear", "knn"] = "linear"
    """Which probe predicts."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A species is predicted where its probability reaches this."""
    compat: tuple[Literal["threshold_on_logits", "species_5_if_none"], ...] = ()
    """Published quirks to reproduce; see docs/quirks.md."""


class Evaluation(Block):
    """Which models on which tasks, and how."""

    models: tuple[str, ...] = ()
    """Models to evaluate; all of the study when empty."""
    tasks: tuple[str, ...] = ()
    """Tasks to evaluate on; all of the study when empty."""
    only: dict[str, tuple[str, ...]] = Field({}, examples=[{"my_model": ["my_task"]}])
    """Models that are judged on some of the tasks alone, e.g. further seeds; every task for the others."""
    reference: str | None = None
    """Model that every other is compared with in the table of comparisons; every pair is compared when empty."""
    embed: tuple[str, ...] = ()
    """Datasets to embed with every evaluated model though no task labels them."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What networks compute embeddings in. bfloat16 is more than twice as fast on processors and GPUs that have it, and
    moves vectors by about half a percent of their length."""
    protocols: Protocols = Protocols()
    """How embeddings are judged."""
    finetune: Finetune = Finetune()
    """Which models are trained as a whole on which tasks' labels."""
    folds: Folds = Folds()
    """How images are split into training, validation and test parts."""
    submission: Submission = Submission()
    """How species are submitted to a competition."""
