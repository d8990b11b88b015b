"""Which file feeds which from weights to numbers: models, labels, embeddings and probes. A part of `greenup.plan`."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from greenup.config import Study, label_tables, weights
from greenup.config.finetune import FinetuneProtocol
from greenup.config.labels import label_files
from greenup.config.request import USAGE, Request
from greenup.errors import UserError

SPLIT = frozenset({"eurosat", "so2sat", "bigearthnet", "treesatai", "biomassters", "oscd"})
"""Kinds of image set whose publishers split them. (GeoLifeCLEF's test is judged by the competition alone.)"""

PLACED = {"eurosat": 640.0, "bigearthnet": 1200.0, "treesatai": 60.0, "geolifeclef": 1280.0}
"""Kinds of image set that say where their images lie, and the side of an image on the ground (m)."""


class EvaluatePlan:
    """Paths of models, tasks, embeddings and probes below results/<study>/."""

    study: Study
    request: Request | None
    root: str

    # ----------------------------------------------------------------------------------------- models and tasks
    @cached_property
    def weighted_models(self) -> list[str]:
        """Models whose weights this study makes or fetches."""
        return [n for n, m in self.study.models.items() if m.has_weights and not m.is_given]

    def model_folder(self, model: str) -> str:
        """Where the weights of a model lie: below this study, or where they were made."""
        settings = self.model(model)
        return settings.method.path if settings.is_given else f"{self.root}/models/{model}"

    @cached_property
    def image_models(self) -> list[str]:
        """Models whose vectors are made from images."""
        return [n for n, m in self.study.models.items() if m.needs_images]

    @cached_property
    def table_models(self) -> list[str]:
        """Models whose vectors are columns of a table."""
        return [n for n, m in self.study.models.items() if not m.needs_images]

    @cached_property
    def published_models(self) -> list[str]:
        """Models whose weights others have released."""
        return [n for n, m in self.study.models.items() if m.is_published]

    def released_row(self, model: str) -> dict[str, object]:
        """The row of config/weights.csv that a model takes, for ``params:``."""
        return asdict(weights.weights_named(self.model(model).method.weights))

    def released_file(self, model: str) -> str:
        """The downloaded weights of a model: the user's own file, or that of the row, fetched where it has an address.

        Raises `UserError` where the file must be fetched by hand and is not there.
        """
        method = self.model(model).method
        row = weights.weights_named(method.weights)
        path = Path(method.file) if method.file is not None else row.path
        if not path.is_file() and (method.file is not None or not row.url):
            where = f"models.{model}.method.{'file' if method.file is not None else 'weights'}"
            note = f" ({row.note})" if row.note else ""
            raise UserError(
                f"{where}: {path} is not there, and {row.name} has no address that a program can fetch"
                if method.file is None
                else f"{where}: {path} is not there",
                f"fetch {row.file} from {row.source}{note} and put it at {path}",
            )
        return str(path)

    def fetched_weights(self, file: str) -> weights.ReleasedWeights:
        """The row of config/weights.csv whose file lies at data/weights/<file> and has an address."""
        row = weights.fetchable(f"{weights.FOLDER}/{file}")
        if row is None or not row.url:
            raise UserError(
                f"{weights.FOLDER}/{file}: no row of config/weights.csv gives an address of this file",
                "put the file there by hand",
            )
        return row

    @cached_property
    def point_tasks(self) -> list[str]:
        """Tasks on the points of a dataset; the others bring their labels in their image set."""
        return [n for n, t in self.study.tasks.items() if t.dataset is not None]

    def label_inputs(self, task: str) -> list[str]:
        return label_files(self.task(task).labels)

    def fetched_labels(self, file: str) -> label_tables.LabelTable:
        """The row of config/label_tables.csv whose file lies at data/label_tables/<file>."""
        row = label_tables.fetchable(f"{label_tables.FOLDER}/{file}")
        if row is None:
            raise UserError(
                f"{label_tables.FOLDER}/{file}: no row of config/label_tables.csv gives this file",
                f"its names are {', '.join(label_tables.known())}",
            )
        return row

    def embed_inputs(self, model: str, dataset: str) -> dict[str, str | list[str]]:
        files = self.dataset_files(dataset)
        if self.model(model).has_weights:
            files["weights"] = f"{self.model_folder(model)}/weights.safetensors"
            files["model_config"] = f"{self.model_folder(model)}/config.json"
        return files

    def feature_inputs(self, model: str, dataset: str) -> dict[str, list[str]]:
        """What a model of method features reads: its table, and the places to look up in it."""
        return {"table": [self.model(model).method.file], **self.places(dataset)}

    def places(self, dataset: str) -> dict[str, list[str]]:
        """The images of a dataset, or its sites where it has no images."""
        has_images = self.study.datasets[dataset].imagery is not None
        index, sites = f"{self.root}/datasets/{dataset}/index.parquet", f"{self.root}/sites/{dataset}.parquet"
        return {"index": [index] if has_images else [], "sites": [] if has_images else [sites]}

    @property
    def requested(self) -> str:
        """What `embed` writes; `UserError` where nothing was asked for."""
        if self.request is None:
            raise UserError("embed: which points, and which model?", USAGE)
        return self.request.out

    @property
    def requested_inputs(self) -> dict[str, str | list[str]]:
        """What the file of `embed` is made of."""
        model = self.request.model
        return {
            "points": self.request.points,
            "sites": f"{self.root}/sites/points.parquet",
            "ledgers": self.shard_files("points", "patches/{dataset}/{shard}.ledger.parquet"),
            "embeddings": f"{self.root}/embeddings/{model}/points.parquet",
            "model": self.embed_inputs(model, "points").get("model_config", []),
        }

    @cached_property
    def embeddings(self) -> list[str]:
        """Embeddings belong to datasets: tasks on the same images share them."""
        datasets = {
            m: {self.task(t).images: None for t in self.study.tasks_of(m) if t not in self.change_tasks}
            | dict.fromkeys(self.study.evaluation.embed)
            for m in self.study.evaluated_models
        }
        return [f"{self.root}/embeddings/{m}/{d}.parquet" for m, names in datasets.items() for d in names]

    def probe_config(self, model: str) -> list[str]:
        """The config.json by which a probe tells whether embeddings are of these weights; none without weights."""
        return [f"{self.model_folder(model)}/config.json"] if self.model(model).has_weights else []

    @cached_property
    def protocols(self) -> tuple[str, ...]:
        return ("linear", "knn")

    def fold_kinds(self, task: str) -> tuple[str, ...]:
        """Kinds of split that a task's images can have, of those that the study asks for."""
        name = self.task(task).image_set
        kind = self.study.image_sets[name].kind if name is not None else None
        return self.study.evaluation.folds.kinds_for(
            has_splits=kind in SPLIT, has_places=name is None or kind in PLACED
        )

    @cached_property
    def probes(self) -> list[str]:
        return [
            f"{self.root}/probes/{m}/{t}/{p}.{f}.parquet"
            for m in self.study.evaluated_models
            for t in self.study.tasks_of(m)
            if t not in self.change_tasks
            for p in self.protocols
            for f in self.fold_kinds(t)
        ] + self.change_probes

    # ---------------------------------------------------------------------------------------------- fine-tuning
    def finetune_recipe(self, model: str) -> FinetuneProtocol:
        """How a model is fine-tuned: by a recipe of its own, or as all are."""
        evaluation = self.study.evaluation
        return evaluation.finetune.recipes.get(model, evaluation.protocols.finetune)

    def finetune_folds(self, task: str) -> str:
        """Kind of split of a fine-tuning: the one asked for, or the official one in place of random.

        Raises `UserError` when the task's images are not split so.
        """
        asked, kinds = self.study.evaluation.finetune.folds, self.fold_kinds(task)
        if asked in kinds:
            return asked
        if asked == "random" and "official" in kinds:
            return "official"
        raise UserError(
            f"evaluation.finetune.folds: {asked!r} is not made of the images of task {task!r}",
            f"write one of {', '.join(kinds)}, or add it to evaluation.folds.kinds",
        )

    def finetune_inputs(self, model: str, task: str) -> dict[str, str | list[str]]:
        """What a fine-tuning reads beside labels and folds: weights, and the images where this study makes them."""
        dataset, folder = self.task(task).dataset, self.model_folder(model)
        files = {} if dataset is None else self.dataset_files(dataset)
        return {**files, "weights": f"{folder}/weights.safetensors", "model_config": f"{folder}/config.json"}

    def finetune_images(self, task: str) -> str:
        """Where a task's images are, as one line of JSON: index and statistics of a dataset, or an image set."""
        settings = self.task(task)
        if settings.dataset is None:
            return self.study.image_sets[settings.image_set].model_dump_json()
        files = self.dataset_files(settings.dataset)
        return json.dumps({"index": files["index"], "statistics": files["statistics"]})

    @cached_property
    def finetuned(self) -> list[str]:
        """Scores of the fine-tunings that are asked for."""
        cells = self.study.evaluation.finetune
        return [
            f"{self.root}/probes/{m}/{t}/finetune.{self.finetune_folds(t)}.parquet"
            for m in cells.models
            for t in cells.tasks
        ]

    # -------------------------------------------------------------------------------------- change, and competitions
    @cached_property
    def change_tasks(self) -> list[str]:
        """Tasks that ask which pixels have changed: judged by the siamese head, and never by embeddings."""
        return [n for n, t in self.study.tasks.items() if t.kind == "change"]

    @cached_property
    def change_models(self) -> list[str]:
        """Models that the siamese head fits on: ResNets."""
        return [n for n, m in self.study.models.items() if m.has_weights and m.backbone in ("resnet18", "resnet50")]

    @cached_property
    def change_probes(self) -> list[str]:
        return [
            f"{self.root}/probes/{m}/{t}/siamese.official.parquet"
            for m in self.study.evaluated_models
            if m in self.change_models
            for t in self.study.tasks_of(m)
            if t in self.change_tasks
        ]

    def blind_set(self, task: str) -> str:
        """The image set of the plots that a submission for this task is made of.

        Raises `UserError` where the task is not GeoLifeCLEF's, or the study has no such set.
        """
        name = self.task(task).image_set
        shown = self.study.image_sets[name] if name is not None else None
        if shown is None or shown.kind != "geolifeclef":
            raise UserError(f"tasks.{task}: nothing is submitted for it", "name a task on GeoLifeCLEF 2023")
        for other, settings in self.study.image_sets.items():
            if settings.kind == "geolifeclef" and settings.part == "blind" and settings.folder == shown.folder:
                return other
        raise UserError(
            f"image_sets: none is the blind part of {name!r}, for which the submission is made",
            f"add geolifeclef_blind: {{kind: geolifeclef, folder: {shown.folder}, part: blind}}",
        )

    @cached_property
    def submissions(self) -> list[str]:
        """Files for the competition: of every evaluated model, for every task on GeoLifeCLEF."""
        sets = self.study.image_sets
        tasks = [
            t
            for t in self.study.evaluated_tasks
            if (n := self.task(t).image_set) is not None and sets[n].kind == "geolifeclef"
        ]
        return [
            f"{self.root}/submissions/{m}/{t}.csv"
            for m in self.study.evaluated_models
            for t in tasks
            if t in self.study.tasks_of(m)
        ]
