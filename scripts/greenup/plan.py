"""Which file feeds which: the paths of a study, for the rules. Imports nothing heavy: every job plans anew."""

from __future__ import annotations

import json
from shlex import quote

from pydantic import BaseModel

from greenup.bands import native_resolutions
from greenup.config import Dataset, Model, Study, Task
from greenup.config.learning import FileLabels
from greenup.config.phenology import TablePhenology
from greenup.config.seasons import EviSeasons
from greenup.config.sites import PointSites

STAGES = ("sites", "phenology", "scenes", "patches", "pretrain", "tasks", "evaluate", "paper")


class Plan:
    """Paths below results/<study>/ and what the configuration says of each."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.root = f"results/{study.study}"

    # ------------------------------------------------------------------------------------------------ blocks
    def dataset(self, name: str) -> Dataset:
        return self.study.datasets[name]

    def model(self, name: str) -> Model:
        return self.study.models[name]

    def task(self, name: str) -> Task:
        return self.study.tasks[name]

    @staticmethod
    def settings(block: BaseModel | None) -> dict:
        """A block as plain JSON for ``params:``."""
        return block.model_dump(mode="json") if block is not None else {}

    @staticmethod
    def json(block: BaseModel) -> str:
        """A block as one line of JSON, for the command line of a job."""
        return block.model_dump_json()

    def shell_prefix(self, basedir: str) -> str:
        """What every ``shell:`` command starts with: strict bash, $SCRIPTS and $RUNTIME.

        Braces are doubled because Snakemake formats the prefix like any command.
        """
        variables = {"SCRIPTS": f"{basedir}/scripts", "RUNTIME": self.study.runtime.model_dump_json()}
        text = " ".join(f"{name}={quote(value)};" for name, value in variables.items())
        return "set -euo pipefail; " + text.replace("{", "{{").replace("}", "}}") + " "

    # ----------------------------------------------------------------------------------------------- datasets
    @property
    def imaged(self) -> list[str]:
        """Datasets that have images."""
        return [n for n, d in self.study.datasets.items() if d.imagery is not None]

    @property
    def used(self) -> list[str]:
        """Datasets whose images a model, a task, Figure 2 or ``evaluation.embed`` asks for; the others are only drawn.

        Where nothing asks, the images are what the study is for, and all are made.
        """
        wanted = {m.dataset for m in self.study.models.values()} | {t.dataset for t in self.study.tasks.values()}
        wanted |= {self.study.paper.fig2_dataset, *self.study.evaluation.embed}
        wanted -= {None}
        return [n for n in self.imaged if n in wanted or not wanted]

    def sites_inputs(self, dataset: str) -> list[str]:
        sites = self.dataset(dataset).sites
        return [sites.file] if isinstance(sites, PointSites) else []

    def phenology_inputs(self, dataset: str) -> list[str]:
        phenology = self.dataset(dataset).phenology
        return [phenology.file] if isinstance(phenology, TablePhenology) else []

    def seasons_inputs(self, dataset: str) -> list[str]:
        """The evi rule reads the dates, the others only the sites."""
        needs = isinstance(self.dataset(dataset).seasons, EviSeasons)
        return [f"{self.root}/phenology/{dataset}.parquet"] if needs else []

    def grid(self, dataset: str) -> str:
        """Size (10 m pixels) and native resolutions (m) of a dataset's patches: all that scene choice needs of them."""
        patches = self.dataset(dataset).patches
        return json.dumps({"size_px": patches.size_px, "native_m": native_resolutions(patches.bands)})

    @property
    def phenology(self) -> list[str]:
        return [n for n, d in self.study.datasets.items() if d.phenology is not None]

    def shards(self, dataset: str) -> list[str]:
        return [f"{i:04d}" for i in range(self.dataset(dataset).shards)]

    def shard_files(self, dataset: str, pattern: str) -> list[str]:
        """``pattern`` with {dataset} and {shard} filled in for every shard."""
        return [f"{self.root}/" + pattern.format(dataset=dataset, shard=s) for s in self.shards(dataset)]

    def dataset_files(self, dataset: str) -> dict[str, str | list[str]]:
        """What a reader of a dataset needs."""
        return {
            "index": f"{self.root}/datasets/{dataset}/index.parquet",
            "statistics": f"{self.root}/datasets/{dataset}/statistics.json",
            "pixels": self.shard_files(dataset, "patches/{dataset}/{shard}.h5"),
        }

    # ----------------------------------------------------------------------------------------- models and tasks
    @property
    def weighted_models(self) -> list[str]:
        return [n for n, m in self.study.models.items() if m.has_weights]

    def label_inputs(self, task: str) -> list[str]:
        labels = self.task(task).labels
        return [labels.file] if isinstance(labels, FileLabels) else []

    def embed_inputs(self, model: str, dataset: str) -> dict[str, str | list[str]]:
        files = self.dataset_files(dataset)
        if self.model(model).has_weights:
            files["weights"] = f"{self.root}/models/{model}/weights.safetensors"
            files["model_config"] = f"{self.root}/models/{model}/config.json"
        return files

    @property
    def embeddings(self) -> list[str]:
        """Embeddings belong to datasets: tasks on the same images share them."""
        datasets = {self.task(t).dataset: None for t in self.study.evaluated_tasks}
        datasets |= dict.fromkeys(self.study.evaluation.embed)
        return [f"{self.root}/embeddings/{m}/{d}.parquet" for m in self.study.evaluated_models for d in datasets]

    @property
    def protocols(self) -> tuple[str, ...]:
        return ("linear", "knn")

    @property
    def probes(self) -> list[str]:
        return [
            f"{self.root}/probes/{m}/{t}/{p}.{f}.parquet"
            for m in self.study.evaluated_models
            for t in self.study.evaluated_tasks
            for p in self.protocols
            for f in self.study.evaluation.folds.kinds
        ]

    # ------------------------------------------------------------------------------------------------- paper
    @property
    def figures(self) -> dict[str, str]:
        """Figures of this study by name: the PNG of each (PDF and CSV stand beside it)."""
        names = []
        if self.study.paper.fig1_datasets:
            names.append("fig1")
        if self.study.paper.fig2_dataset:
            names.append("fig2")
        if self.trained_models:
            names.append("training")
        if self.used:
            names.append("quality")
        return {n: f"{self.root}/paper/figures/{n}.png" for n in names}

    @property
    def trained_models(self) -> list[str]:
        """Models whose method is trained, with a training curve."""
        return [n for n in self.weighted_models if self.model(n).method.name != "random_init"]

    @property
    def tables(self) -> dict[str, str]:
        return {"results": f"{self.root}/paper/tables/results.csv"} if self.probes else {}
