"""Which file feeds which: the paths of a study, for the rules. Imports nothing heavy: every job plans anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import BaseModel

from greenup.bands import native_resolutions
from greenup.config import Model, Study, Task
from greenup.config.data import PublishedImagery
from greenup.config.phenology import SeriesPhenology, TablePhenology, TilesPhenology
from greenup.config.request import Request
from greenup.config.seasons import CustomSeasons, EviSeasons, PublishedSeasons
from greenup.patches.repair import waiting
from greenup.plan_beyond import BeyondPlan
from greenup.plan_doubt import DoubtPlan
from greenup.plan_evaluate import EvaluatePlan
from greenup.plan_image_sets import ImageSetPlan
from greenup.plan_paper import PaperPlan
from greenup.plan_published import PublishedPlan
from greenup.plan_sites import SitesPlan
from greenup.pretrain.processes import launcher
from greenup.sites import sources

STAGES = ("sites", "phenology", "scenes", "patches", "pretrain", "tasks", "evaluate", "paper")

QUALITY_FIGURES = ("map", "images", "cloud", "offset", "dates", "contact_sheet", "values")
"""Figures of the quality report of a dataset, in its order."""


class Plan(SitesPlan, EvaluatePlan, ImageSetPlan, DoubtPlan, BeyondPlan, PaperPlan, PublishedPlan):
    """Paths below results/<study>/ and what the configuration says of each."""

    def __init__(self, study: Study, request: Request | None = None) -> None:
        self.study, self.request = study, request
        self.root = f"results/{study.study}"
        # Here and not in a rule, so that a wrong name is told before any job.
        self._site_data = sources.resolve(study.sources)

    # ------------------------------------------------------------------------------------------------ blocks
    def model(self, name: str) -> Model:
        return self.study.models[name]

    def model_seed(self, name: str) -> int:
        """What a model is drawn from: its own seed, or the study's."""
        seed = self.model(name).seed
        return self.study.seed if seed is None else seed

    def launcher(self, name: str, resources: Mapping[str, Any], threads: int) -> str:
        """What starts the processes that train a model, by its job's resources (see `greenup.pretrain.processes`)."""
        return launcher(name, self.model(name), resources, threads, self.study.runtime)

    def task(self, name: str) -> Task:
        return self.study.tasks[name]

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
    @cached_property
    def imaged(self) -> list[str]:
        """Datasets that have images."""
        return [n for n, d in self.study.datasets.items() if d.imagery is not None]

    @cached_property
    def used(self) -> list[str]:
        """Datasets whose images a model, a task, Figure 2 or ``evaluation.embed`` asks for; the others are only drawn.

        Where nothing asks, and no image set is judged on, the images are what the study is for, and all are made.
        """
        wanted = {m.dataset for m in self.study.models.values()} | {t.dataset for t in self.study.tasks.values()}
        wanted |= {self.study.paper.fig2_dataset, *self.study.evaluation.embed}
        wanted -= {None}
        return [n for n in self.imaged if n in wanted or not (wanted or self.labelled_sets)]

    # ----------------------------------------------------------------------------------------- phenology, patches
    def phenology_inputs(self, dataset: str) -> list[str]:
        """The user's table or series, or folder of tiles."""
        match self.dataset(dataset).phenology:
            case TablePhenology(file=path) | SeriesPhenology(file=path) | TilesPhenology(folder=path):
                return [path]
        return []

    def seasons_inputs(self, dataset: str) -> dict[str, list[str]]:
        """What a season rule reads beside the sites: the evi rule the dates, the custom rule its table of windows,
        the published rule the list of the folder."""
        seasons = self.dataset(dataset).seasons
        phenology = [f"{self.root}/phenology/{dataset}.parquet"] if isinstance(seasons, EviSeasons) else []
        windows = [seasons.file] if isinstance(seasons, CustomSeasons) and seasons.file is not None else []
        published = self._listing(dataset) if isinstance(seasons, PublishedSeasons) else []
        return {"phenology": phenology, "windows": windows, "published": published}

    def scenes_inputs(self, dataset: str, shard: str) -> dict[str, str | list[str]]:
        """What scene choice reads beside the sites: the seasons, a table of scene ids, the scenes to pair with, the
        list of a published folder.

        A dataset that is paired has the seasons of the other, so that nothing is asked for their dates again.
        """
        scenes, dated = self.dataset(dataset).scenes, dataset
        pair = [f"{self.root}/scenes/{scenes.pair_with}/{shard}.parquet"] if scenes.pair_with is not None else []
        while (other := self.dataset(dated).scenes.pair_with) is not None:
            dated = other
        index = [scenes.index] if scenes.index is not None else []
        published = self._listing(dataset) if isinstance(self.dataset(dataset).imagery, PublishedImagery) else []
        return {"seasons": f"{self.root}/seasons/{dated}.parquet", "index": index, "pair": pair, "published": published}

    def grid(self, dataset: str) -> str:
        """Size (10 m pixels) and native resolutions (m) of a dataset's patches: all that scene choice needs of them.

        An image whose own pixels are kept must only show the site: how far it reaches is its own affair.
        """
        patches = self.dataset(dataset).patches
        if patches.grid == "image":
            return json.dumps({"size_px": 1, "native_m": (10,)})
        return json.dumps({"size_px": patches.size_px, "native_m": native_resolutions(patches.bands)})

    @cached_property
    def phenology(self) -> list[str]:
        return [n for n, d in self.study.datasets.items() if d.phenology is not None]

    def shards(self, dataset: str) -> list[str]:
        return [f"{i:04d}" for i in range(self.dataset(dataset).shards)]

    def shard_files(self, dataset: str, pattern: str) -> list[str]:
        """``pattern`` with {dataset} and {shard} filled in for every shard."""
        return [f"{self.root}/" + pattern.format(dataset=dataset, shard=s) for s in self.shards(dataset)]

    @property
    def patches_wanted(self) -> list[str]:
        """Files of the target `patches`: indexes, and the pixel files of all shards, so that one that was moved aside
        is made again though all that was made of it is there.

        While a shard of a dataset is moved aside, the index is not asked for: whether it has to be made again shows
        when the shard is there.
        """
        aside = waiting(self.root)
        indexes = [(d, f"{self.root}/datasets/{d}/index.parquet") for d in self.used]
        wanted = [path for d, path in indexes if not (d in aside and Path(path).is_file())]
        return wanted + [f for d in self.used for f in self.shard_files(d, "patches/{dataset}/{shard}.h5")]

    @cached_property
    def patches_configured(self) -> str:
        """What `verify` holds the shards of each dataset against, as JSON."""
        return json.dumps(
            {
                d: {"shards": len(self.shards(d)), "bands": block.patches.bands, "size_px": block.patches.size_px}
                for d, block in ((d, self.dataset(d)) for d in self.imaged)
            }
        )

    def dataset_files(self, dataset: str) -> dict[str, str | list[str]]:
        """What a reader of a dataset needs."""
        return {
            "index": f"{self.root}/datasets/{dataset}/index.parquet",
            "statistics": f"{self.root}/datasets/{dataset}/statistics.json",
            "pixels": self.shard_files(dataset, "patches/{dataset}/{shard}.h5"),
        }

    def quality_figures(self, kind: str) -> list[str]:
        """The figures of a dataset's quality report, with {dataset} in their paths: all as png, pdf or csv."""
        return [f"{self.root}/datasets/{{dataset}}/quality/{name}.{kind}" for name in QUALITY_FIGURES]
