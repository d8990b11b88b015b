"""Configuration of tasks: which images, which labels, and how answers are scored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.config.block import Block
from greenup.config.evaluation import Subsets
from greenup.config.labels import Labels

METRICS: dict[str, tuple[str, ...]] = {
    "classification": ("macro_f1", "accuracy"),
    "multilabel": ("micro_map", "micro_f1"),
    "regression": ("r2_mean",),
    "distribution": ("r2_mean",),
    "change": ("f1",),
}
"""Main metrics that fit each kind of task."""

Neighbours = Annotated[int, Field(gt=0)]


class Task(Block):
    """Labelled images, and how answers are scored."""

    dataset: str | None = Field(None, examples=["my_dataset"])
    """Dataset whose images are labelled."""
    image_set: str | None = None
    """Published image set, in place of a dataset; it brings its labels along."""
    labels: Labels | None = None
    """Where the labels of a dataset's images come from."""
    kind: Literal["classification", "multilabel", "regression", "distribution", "change"]
    """What is said of an image: one class, any number of classes, numbers, shares that add up to 1, or which pixels
    have changed."""
    metric: Literal["macro_f1", "accuracy", "micro_map", "micro_f1", "r2_mean", "f1"]
    """Main metric: macro_f1 or accuracy (classification), micro_map or micro_f1 (multilabel), r2_mean (regression,
    distribution), f1 of the changed pixels (change)."""
    k: Neighbours | Annotated[tuple[Neighbours, ...], Field(min_length=1)] = 10
    """Neighbours of the k-NN probe; of several candidates each fold takes the one with the best main metric on its
    validation part."""
    positive_weight: float = Field(1.0, gt=0)
    """How much more a present label counts than an absent one in the loss of a multilabel task."""
    season: str | None = None
    """Which season's image is labelled; the only one, or the first found, when empty."""

    subsets: Subsets | None = None
    """Of an official split: a fold for each of some random parts of its training part, all tested on its test part
    (SSL4Eco's BigEarthNet of 10 %); the whole training part, once, when empty."""

    @property
    def neighbours(self) -> tuple[int, ...]:
        """The candidates of ``k``, one or more."""
        return self.k if isinstance(self.k, tuple) else (self.k,)

    @property
    def images(self) -> str:
        """Name of the dataset or image set whose images are labelled."""
        return self.dataset or self.image_set

    @model_validator(mode="after")
    def _source(self) -> Task:
        if (self.dataset is None) == (self.image_set is None):
            raise ValueError("dataset and image_set: give one of the two")
        if (self.dataset is None) != (self.labels is None):
            raise ValueError(
                "labels: write where they come from, e.g. {source: file, file: data/labels.csv, columns: [habitat]}"
                if self.labels is None
                else "labels: an image set brings its own; leave labels out"
            )
        return self

    @model_validator(mode="after")
    def _metric(self) -> Task:
        fits = METRICS[self.kind]
        if self.metric not in fits:
            raise ValueError(f"metric {self.metric!r} does not fit kind {self.kind!r}; write one of {', '.join(fits)}")
        return self
