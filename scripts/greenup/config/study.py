"""Configuration of a study: the root of what a user writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from greenup.config.block import Block
from greenup.config.data import Dataset, MiniatureImagery
from greenup.config.learning import Evaluation, MiniatureLabels, Model, Paper, Task
from greenup.config.seasons import QuarterSeasons, RandomSeasons
from greenup.config.sites import Sources

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Runtime(Block):
    """Keys that change how fast things go and never what comes out; changing them reruns nothing."""

    workers: int = Field(1, ge=0)
    """Processes that load images for training and embedding, beside the main one."""
    requests: int = Field(20, gt=0)
    """Requests in flight at once to a remote image source, per job."""
    checkpoint_minutes: float = Field(10.0, gt=0)
    """At most this much training is lost by an interruption."""


class Study(Block):
    """A study: named datasets, models and tasks, and how they are compared. Results go to results/<study>/."""

    study: Name = Field(examples=["my_study"])
    """Name of the study and of its folder below results/."""
    seed: int = 42
    """Everything random is drawn from this and the name of what is drawn."""
    sources: Sources = Sources()
    """Where what is known of the land comes from."""
    datasets: dict[Name, Dataset] = Field(min_length=1)
    """Named datasets."""
    models: dict[Name, Model] = Field(default_factory=dict)
    """Named models."""
    tasks: dict[Name, Task] = Field(default_factory=dict)
    """Named tasks."""
    evaluation: Evaluation = Evaluation()
    """Which models on which tasks, and how."""
    paper: Paper = Paper()
    """What the figures show."""
    runtime: Runtime = Runtime()
    """How fast things go."""

    @property
    def simulated(self) -> bool:
        """Whether any image of this study is invented."""
        return any(isinstance(d.imagery, MiniatureImagery) for d in self.datasets.values())

    @property
    def evaluated_models(self) -> tuple[str, ...]:
        return self.evaluation.models or tuple(self.models)

    @property
    def evaluated_tasks(self) -> tuple[str, ...]:
        return self.evaluation.tasks or tuple(self.tasks)

    @model_validator(mode="after")
    def _names(self) -> Study:
        def known(name: str, among: dict, what: str, where: str) -> None:
            if name not in among:
                choices = f"choose from: {', '.join(among)}, or add it" if among else "add it"
                raise ValueError(f"{where}: {what} {name!r} is not in this study; {choices} under {what}s:")

        for name, model in self.models.items():
            if model.dataset is not None:
                known(model.dataset, self.datasets, "dataset", f"models.{name}.dataset")
                dataset = self.datasets[model.dataset]
                if dataset.imagery is None:
                    raise ValueError(
                        f"models.{name}.dataset: {model.dataset!r} has no images; give it seasons and imagery"
                    )
                lacking = [c for c in model.channels if c != "NDVI" and c not in dataset.patches.bands]
                if lacking:
                    raise ValueError(
                        f"models.{name}.channels: {lacking[0]!r} is not exported by dataset {model.dataset!r}; add it "
                        f"to datasets.{model.dataset}.patches.bands or leave it out"
                    )
        for name, task in self.tasks.items():
            known(task.dataset, self.datasets, "dataset", f"tasks.{name}.dataset")
            dataset = self.datasets[task.dataset]
            if dataset.imagery is None:
                raise ValueError(f"tasks.{name}.dataset: {task.dataset!r} has no images; give it seasons and imagery")
            if isinstance(task.labels, MiniatureLabels) and not isinstance(dataset.imagery, MiniatureImagery):
                raise ValueError(
                    f"tasks.{name}.labels: source 'miniature' needs images of the miniature Earth; "
                    f"write another source, or datasets.{task.dataset}.imagery: {{source: miniature}}"
                )
        for name in self.evaluation.models:
            known(name, self.models, "model", "evaluation.models")
        for name in self.evaluation.tasks:
            known(name, self.tasks, "task", "evaluation.tasks")
        for name in self.evaluation.embed:
            known(name, self.datasets, "dataset", "evaluation.embed")
            if self.datasets[name].imagery is None:
                raise ValueError(f"evaluation.embed: {name!r} has no images; give it seasons and imagery")
        for name in self.paper.fig1_datasets:
            known(name, self.datasets, "dataset", "paper.fig1_datasets")
        if (self.paper.check_dataset is None) != (self.paper.check_reference is None):
            raise ValueError("paper.check_dataset and paper.check_reference belong together; give both or neither")
        if name := self.paper.figA1_dataset:
            known(name, self.datasets, "dataset", "paper.figA1_dataset")
            if self.datasets[name].phenology is None:
                raise ValueError(f"paper.figA1_dataset: {name!r} has no dates; give it phenology")
        if self.paper.check_dataset:
            known(self.paper.check_dataset, self.datasets, "dataset", "paper.check_dataset")
            if not isinstance(self.datasets[self.paper.check_dataset].seasons, QuarterSeasons | RandomSeasons):
                raise ValueError(
                    f"paper.check_dataset: {self.paper.check_dataset!r} places its dates more than once; "
                    "name a dataset with season rule quarters or random"
                )
        if self.paper.fig2_dataset:
            known(self.paper.fig2_dataset, self.datasets, "dataset", "paper.fig2_dataset")
            if self.datasets[self.paper.fig2_dataset].imagery is None:
                raise ValueError(
                    f"paper.fig2_dataset: {self.paper.fig2_dataset!r} has no images; give it seasons and imagery"
                )
        return self
