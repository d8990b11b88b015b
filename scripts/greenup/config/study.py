"""Configuration of a study: the root of what a user writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from greenup.bands import sources_of
from greenup.config.ablation import Ablation
from greenup.config.block import Block
from greenup.config.data import Dataset, MiniatureImagery
from greenup.config.evaluation import Evaluation
from greenup.config.image_sets import ImageSet
from greenup.config.labels import FileLabels, MiniatureLabels, OccurrenceLabels, RasterLabels, TableLabels
from greenup.config.models import Model
from greenup.config.paper import Paper
from greenup.config.seasons import QuarterSeasons, RandomSeasons
from greenup.config.sites import DatasetSites, GridSites, PointSites, Sources
from greenup.config.tasks import Task

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Runtime(Block):
    """Keys that change how fast things go and never what comes out; changing them reruns nothing."""

    workers: int = Field(1, ge=0)
    """Processes that load images for training and embedding, beside the main one."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """What networks are trained on: gpu is an error where there is none; auto takes a GPU where there is one."""
    devices: int = Field(1, ge=1)
    """GPUs, or processes on the CPU, that train one model together on this machine and share each batch."""
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
    image_sets: dict[Name, ImageSet] = Field(default_factory=dict)
    """Named image sets of others."""
    tasks: dict[Name, Task] = Field(default_factory=dict)
    """Named tasks."""
    ablation: Ablation | None = None
    """A grid of samplings, season rules, methods and bands: more datasets and models, one a cell."""
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

    def sampled_as(self, dataset: str) -> str:
        """The dataset whose sampler draws the sites of this one: itself, unless it takes those of another."""
        while isinstance(sites := self.datasets[dataset].sites, DatasetSites):
            dataset = sites.dataset
        return dataset

    @property
    def evaluated_models(self) -> tuple[str, ...]:
        return self.evaluation.models or tuple(self.models)

    @property
    def evaluated_tasks(self) -> tuple[str, ...]:
        return self.evaluation.tasks or tuple(self.tasks)

    def tasks_of(self, model: str) -> tuple[str, ...]:
        """The evaluated tasks that a model is judged on."""
        only = self.evaluation.only.get(model, self.evaluated_tasks)
        return tuple(t for t in self.evaluated_tasks if t in only)

    @model_validator(mode="after")
    def _names(self) -> Study:
        def known(name: str, among: dict, what: str, where: str) -> None:
            if name not in among:
                choices = f"choose from: {', '.join(among)}, or add it" if among else "add it"
                raise ValueError(f"{where}: {what} {name!r} is not in this study; {choices} under {what}s:")

        self._check_chain("sites.dataset", {n: getattr(d.sites, "dataset", None) for n, d in self.datasets.items()})
        self._check_chain("scenes.pair_with", {n: d.scenes.pair_with for n, d in self.datasets.items()})
        for name in self.datasets:
            self._check_borrowed_sites(name)
            self._check_pair(name)
        for name, model in self.models.items():
            if model.dataset is not None:
                known(model.dataset, self.datasets, "dataset", f"models.{name}.dataset")
                dataset = self.datasets[model.dataset]
                if dataset.imagery is None:
                    raise ValueError(
                        f"models.{name}.dataset: {model.dataset!r} has no images; give it seasons and imagery"
                    )
                self._check_channels(name, model, dataset)
        for name, task in self.tasks.items():
            if task.image_set is not None:
                known(task.image_set, self.image_sets, "image_set", f"tasks.{name}.image_set")
                continue
            known(task.dataset, self.datasets, "dataset", f"tasks.{name}.dataset")
            dataset = self.datasets[task.dataset]
            if dataset.imagery is None and (blind := self._needing_images(name)) is not None:
                raise ValueError(blind)
            if wrong := self._wrong_labels(task, dataset):
                raise ValueError(f"tasks.{name}.labels: {wrong}")
        if both := set(self.datasets) & set(self.image_sets):
            raise ValueError(f"image_sets.{min(both)}: a dataset has this name too; rename one of them")
        for name in self.evaluation.models:
            known(name, self.models, "model", "evaluation.models")
        if (name := self.evaluation.reference) is not None:
            known(name, dict.fromkeys(self.evaluated_models), "model", "evaluation.reference")
        for name in self.evaluation.tasks:
            known(name, self.tasks, "task", "evaluation.tasks")
        for name, tasks in self.evaluation.only.items():
            known(name, dict.fromkeys(self.evaluated_models), "model", "evaluation.only")
            for task in tasks:
                known(task, dict.fromkeys(self.evaluated_tasks), "task", f"evaluation.only.{name}")
        for name in self.evaluation.embed:
            known(name, self.datasets | self.image_sets, "dataset", "evaluation.embed")
            if name in self.datasets and self.datasets[name].imagery is None:
                raise ValueError(f"evaluation.embed: {name!r} has no images; give it seasons and imagery")
        self._check_finetune(known)
        for name in self.paper.fig1_datasets:
            known(name, self.datasets, "dataset", "paper.fig1_datasets")
        if (self.paper.check_dataset is None) != (self.paper.check_reference is None):
            raise ValueError("paper.check_dataset and paper.check_reference belong together; give both or neither")
        if name := self.paper.figA1_dataset:
            known(name, self.datasets, "dataset", "paper.figA1_dataset")
            if self.datasets[name].phenology is None:
                raise ValueError(f"paper.figA1_dataset: {name!r} has no dates; give it phenology")
        for name in filter(None, (self.paper.fig3_model, *self.paper.fig3_baselines)):
            known(name, dict.fromkeys(self.evaluated_models), "model", "paper.fig3_model and fig3_baselines")
        if self.paper.check_dataset:
            known(self.paper.check_dataset, self.datasets, "dataset", "paper.check_dataset")
            if not isinstance(self.datasets[self.paper.check_dataset].seasons, QuarterSeasons | RandomSeasons):
                raise ValueError(
                    f"paper.check_dataset: {self.paper.check_dataset!r} places its dates more than once; "
                    "name a dataset with season rule quarters or random"
                )
        self._check_beyond(known)
        if self.paper.fig2_dataset:
            known(self.paper.fig2_dataset, self.datasets, "dataset", "paper.fig2_dataset")
            if self.datasets[self.paper.fig2_dataset].imagery is None:
                raise ValueError(
                    f"paper.fig2_dataset: {self.paper.fig2_dataset!r} has no images; give it seasons and imagery"
                )
        return self

    # ----------------------------------------------------------------------------- what blocks must be to one another
    def _check_finetune(self, known: Callable[[str, dict, str, str], None]) -> None:
        """What is fine-tuned must have weights and see images, on tasks that a linear head can answer."""
        cells, where = self.evaluation.finetune, "evaluation.finetune"
        for name in cells.models:
            known(name, self.models, "model", f"{where}.models")
            if not self.models[name].has_weights:
                raise ValueError(f"{where}.models: {name!r} has no weights to train; leave it out")
            if name not in self.evaluated_models:
                raise ValueError(f"{where}.models: {name!r} is not evaluated; add it to evaluation.models")
        for name in cells.tasks:
            known(name, self.tasks, "task", f"{where}.tasks")
            if name not in self.evaluated_tasks:
                raise ValueError(f"{where}.tasks: {name!r} is not evaluated; add it to evaluation.tasks")
            task = self.tasks[name]
            if task.kind == "change":
                raise ValueError(
                    f"{where}.tasks: {name!r} asks what has changed, which protocol siamese answers; leave it out"
                )
            if task.dataset is not None and self.datasets[task.dataset].imagery is None:
                raise ValueError(f"{where}.tasks: {name!r} has no images; leave it out")

    def _check_beyond(self, known: Callable[[str, dict, str, str], None]) -> None:
        """The truths of the season fit have dates, and the models of an effect are two trainings that are judged."""
        for name in self.paper.season_fit.datasets:
            known(name, self.datasets, "dataset", "paper.season_fit.datasets")
            if self.datasets[name].phenology is None:
                raise ValueError(f"paper.season_fit.datasets: {name!r} has no dates; give it phenology")
        pair = self.paper.sampling_effect or ()
        for name in pair:
            known(name, dict.fromkeys(self.evaluated_models), "model", "paper.sampling_effect")
        if pair and pair[0] == pair[1]:
            raise ValueError(f"paper.sampling_effect: {pair[0]!r} is named twice; name two models")

    def _needing_images(self, task: str) -> str | None:
        """What is wrong with a task on points that have no images: a model that would have to see one."""
        evaluated = [(n, self.models[n]) for n in self.evaluated_models if n in self.models]
        where = f"tasks.{task}.dataset: {self.tasks[task].dataset!r} has no images"
        if not evaluated:
            return f"{where}; give it seasons and imagery"
        seeing = [n for n, m in evaluated if m.needs_images]
        if not seeing:
            return None
        return (
            f"{where}, which model {seeing[0]!r} needs; give it seasons and imagery, or evaluate models of method "
            "features alone (evaluation.models)"
        )

    @staticmethod
    def _wrong_labels(task: Task, dataset: Dataset) -> str | None:
        """What is wrong with labels beside the images of a dataset: simulated and real never meet."""
        is_simulated = isinstance(dataset.imagery, MiniatureImagery)
        if isinstance(task.labels, MiniatureLabels) and not is_simulated:
            return (
                "source 'miniature' needs images of the miniature Earth; "
                f"write another source, or datasets.{task.dataset}.imagery: {{source: miniature}}"
            )
        real = isinstance(task.labels, TableLabels | RasterLabels | OccurrenceLabels)
        if is_simulated and (real or (isinstance(task.labels, FileLabels) and not task.labels.simulated)):
            return (
                f"what {getattr(task.labels, 'file', None) or task.labels.source} holds counts as real, but the images "
                f"of {task.dataset!r} are simulated, and a score of these two would mean nothing; give the dataset "
                "images of the real Earth, or, for a trial with values of your own that are made up, a file with "
                "simulated: true"
            )
        return None

    def _check_channels(self, name: str, model: Model, dataset: Dataset) -> None:
        """Every channel must be exported, or be computed of bands that are."""
        where, bands = f"models.{name}.channels", dataset.patches.bands
        if self.ablation is not None and name in (cells := {c.model: c for c in self.ablation.cells}):
            where = f"ablation.bands.{cells[name].bands}"
        for channel in model.channels:
            lacking = [b for b in sources_of([channel]) if b not in bands]
            if not lacking:
                continue
            what = f"{channel!r}" if lacking == [channel] else f"{lacking[0]!r}, which {channel} is computed of,"
            mend = (
                f"add it to datasets.{model.dataset}.patches.bands or leave {channel} out"
                if lacking[0] in dataset.imagery.offered
                else f"{dataset.imagery.product} has no such band: choose from {', '.join(bands)}"
            )
            raise ValueError(f"{where}: {what} is not exported by dataset {model.dataset!r}; {mend}")

    def _check_chain(self, key: str, following: dict[str, str | None]) -> None:
        """Datasets that refer to others must reach one that does not."""
        for name in following:
            chain, at = [name], following[name]
            while at is not None:
                if at not in self.datasets:
                    choices = ", ".join(n for n in self.datasets if n not in chain) or "none is left"
                    raise ValueError(
                        f"datasets.{chain[-1]}.{key}: dataset {at!r} is not in this study; "
                        f"name it under datasets: too, or choose from: {choices}"
                    )
                if at in chain:
                    loop = " -> ".join([*chain[chain.index(at) :], at])
                    raise ValueError(
                        f"datasets.{at}.{key}: goes round in a circle: {loop}; let one of them have its own"
                    )
                chain.append(at)
                at = following[at]

    def _check_borrowed_sites(self, name: str) -> None:
        dataset = self.datasets[name]
        if isinstance(dataset.sites, DatasetSites) and dataset.shards != (
            shards := self.datasets[dataset.sites.dataset].shards
        ):
            raise ValueError(
                f"datasets.{name}.shards: {dataset.shards}, but it takes the sites of {dataset.sites.dataset!r} with "
                f"their {shards} shards; write shards: {shards}"
            )

    def _check_pair(self, name: str) -> None:
        """A scene is paired shard by shard with that of the same site and season of the other dataset."""
        dataset = self.datasets[name]
        if (other_name := dataset.scenes.pair_with) is None:
            return
        where, other = f"datasets.{name}", self.datasets[other_name]
        if dataset.imagery is None or other.imagery is None:
            without = name if dataset.imagery is None else other_name
            raise ValueError(
                f"{where}.scenes.pair_with: {without!r} has no images to pair; give it seasons and imagery, or drop "
                "pair_with"
            )
        if not self.same_sites(name, other_name):
            raise ValueError(
                f"{where}.scenes.pair_with: its sites are not those of {other_name!r}; "
                f"write sites: {{sampler: dataset, dataset: {other_name}}}"
            )
        if dataset.shards != other.shards:
            raise ValueError(
                f"{where}.shards: {dataset.shards}, but its pair {other_name!r} has {other.shards}; "
                f"write shards: {other.shards}"
            )
        for key, why in (("seasons", "their seasons must be the same"), ("phenology", "their dates must be the same")):
            if getattr(dataset, key) != getattr(other, key):
                raise ValueError(
                    f"{where}.{key}: differs from that of {other_name!r}, with which its scenes are paired; {why}, "
                    "copy the block"
                )

    def same_sites(self, name: str, other: str) -> bool:
        """Whether two datasets have the same sites."""
        one, two = self.sampled_as(name), self.sampled_as(other)
        if one == two:
            return True
        # Cells of a grid and the user's own points have their names whatever the dataset is called.
        first, second = self.datasets[one].sites, self.datasets[two].sites
        return isinstance(first, GridSites | PointSites) and first == second
