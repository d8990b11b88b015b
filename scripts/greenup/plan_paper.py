"""Which figures and tables a study makes, what each lacks where it does not, and what they are drawn from. A part of
`greenup.plan`."""

from __future__ import annotations

from functools import cached_property

from greenup.config import Model, Study
from greenup.config.data import MiniatureImagery
from greenup.config.methods import TrainedMethod
from greenup.config.phenology import ImagesPhenology, MiniaturePhenology
from greenup.config.published import read_names, result_tables


class PaperPlan:
    """Paths below results/<study>/paper/."""

    study: Study
    root: str

    # ---------------------------------------------------------------------------------------- figures and tables
    @cached_property
    def figures_lacking(self) -> dict[str, str | None]:
        """Every figure in the order of the report -> what the study file would need for it; None where it is made.

        A figure that is added here has a rule that writes {root}/paper/figures/NAME.{png,pdf,csv}. The text follows
        "it needs": a key of the configuration and what it has to say.
        """
        paper = self.study.paper
        return {
            "fig1": None if paper.fig1_datasets else "paper.fig1_datasets: two or three datasets to compare",
            "coverage": None,
            "sampling_check": None if paper.check_dataset else "paper.check_dataset and paper.check_reference",
            "fig2": None if paper.fig2_dataset else "paper.fig2_dataset: a dataset with images",
            "fig3": None if self.probes else "models and tasks: at least one of each, judged",
            "figA1": self._lacks_dates,
            "cycles": self._lacks_dates,
            "figA2": None if self.mapped_tasks else "tasks: at least one task that is judged, and not of change",
            "training": None if self.trained_models else "models: at least one model that is trained",
            "season_fit": self._lacks_truth,
            "quality": None if self.used else "datasets: at least one with imagery that something asks for",
        }

    @cached_property
    def tables_lacking(self) -> dict[str, str | None]:
        """Every table in the order of the report -> what the study file would need for it; None where it is made.

        A table that is added here has a rule that writes {root}/paper/tables/NAME.{csv,md,tex,html}.
        """
        paper = self.study.paper
        judged = None if self.probes else "models and tasks: at least one of each, judged"
        return {
            "table1": None,
            # Of published results; what the study has not run says so in them.
            **dict.fromkeys(("table2", *result_tables())),
            "tableA1": None if self.dated else "datasets: at least one with phenology and imagery",
            "results": judged,
            "comparisons": judged,
            "season_fit_table": self._lacks_truth,
            "sampling_effect": None
            if paper.sampling_effect
            else "paper.sampling_effect: two models, e.g. of two rules",
            **dict.fromkeys(
                ("ablation_table", "ablation_effects"), None if self.ablated else "ablation: a grid, judged"
            ),
            "errata": None,
            "leakage": None if self.audits else "models: one that is trained, judged on images that say where they lie",
            "learning": None if self.compares_trainings else "models: a trained model with a `seed` of its own, judged",
        }

    @cached_property
    def _lacks_truth(self) -> str | None:
        fit = self.study.paper.season_fit
        return None if fit.datasets else "paper.season_fit: {datasets: [a dataset with phenology]}"

    @cached_property
    def figures(self) -> dict[str, str]:
        """Figures of this study by name: the PNG of each (PDF and CSV stand beside it)."""
        return {n: f"{self.root}/paper/figures/{n}.png" for n, lack in self.figures_lacking.items() if lack is None}

    @cached_property
    def tables(self) -> dict[str, str]:
        """Tables of this study by name: the CSV of each (Markdown, LaTeX and HTML stand beside it)."""
        return {n: f"{self.root}/paper/tables/{n}.csv" for n, lack in self.tables_lacking.items() if lack is None}

    @cached_property
    def provenance(self) -> str:
        """Where each figure and table comes from, as JSON (`greenup.provenance`)."""
        return f"{self.root}/paper/provenance.json"

    @cached_property
    def paper_targets(self) -> dict[str, tuple[str, str | None]]:
        """Name of every figure and table -> the file that its target makes, and what the study lacks for it or None."""
        root = f"{self.root}/paper"
        figures = {n: (f"{root}/figures/{n}.png", lack) for n, lack in self.figures_lacking.items()}
        return figures | {n: (f"{root}/tables/{n}.csv", lack) for n, lack in self.tables_lacking.items()}

    # ------------------------------------------------------------------------------------ what they are drawn from
    @cached_property
    def fig3_model(self) -> str:
        """The model of Figure 3: the study's choice, the one that stands for SeCo-Eco, or the first that is judged."""
        judged = self.study.evaluated_models
        stands = read_names(self.study.paper.published_names).paper("ssl4eco").model("SeCo-Eco").ours
        return self.study.paper.fig3_model or next((n for n in stands if n in judged), judged[0])

    @cached_property
    def mapped_tasks(self) -> list[str]:
        """Evaluated tasks that have labels, which Figure A-2 shows on maps; those of change have masks instead."""
        return [t for t in self.study.evaluated_tasks if t not in self.change_tasks]

    @cached_property
    def fig3_baselines(self) -> list[str]:
        """What Figure 3 holds its model against: not the same model, trained once more from another seed."""
        alike = self.called_together
        others = [n for n in self.study.evaluated_models if alike[n] != alike[self.fig3_model]]
        return list(self.study.paper.fig3_baselines) or others

    @cached_property
    def figA1_dataset(self) -> str | None:
        """The dataset of Figure A-1; without dates there is none."""
        name = self.study.paper.figA1_dataset or self.study.paper.fig2_dataset
        return name if name in self.phenology else None

    @cached_property
    def _lacks_dates(self) -> str | None:
        return None if self.figA1_dataset else "paper.figA1_dataset: a dataset with phenology"

    def curve_index(self, dataset: str | None) -> str:
        """Vegetation index of a dataset's curves; EVI where its source of dates names none."""
        block = self.study.datasets.get(dataset)
        return getattr(block.phenology, "index", "evi") if block else "evi"

    def is_simulated(self, dataset: str | None) -> bool:
        """Whether the images of a dataset are invented."""
        return dataset is not None and isinstance(self.dataset(dataset).imagery, MiniatureImagery)

    def has_simulated_dates(self, dataset: str) -> bool:
        """Whether the four dates of a dataset are invented: the miniature Earth's own, or of its images."""
        return self.is_simulated(dataset) and isinstance(
            self.dataset(dataset).phenology, MiniaturePhenology | ImagesPhenology
        )

    @cached_property
    def check_inputs(self) -> list[str]:
        """Files behind the attributes of the sites that the rebuilt sampling is held against."""
        name = self.study.paper.check_dataset
        return [str(path) for path in self._data(name).files.values()] if name else []

    def site_map_inputs(self, dataset: str) -> dict[str, str | list[str]]:
        """What the report's map shows of a dataset beside its sites; nothing where only these are drawn."""
        if dataset not in self.used:
            return {}
        return {
            "seasons": self.scenes_inputs(dataset, self.shards(dataset)[0])["seasons"],
            "ledgers": self.shard_files(dataset, "patches/{dataset}/{shard}.ledger.parquet"),
            "index": self.dataset_files(dataset)["index"],
            "pixels": self.dataset_files(dataset)["pixels"],
        }

    def site_map_most(self, dataset: str) -> int:
        """Sites of a dataset that the report's map shows one by one, so that the page stays below 15 MB: those with
        images take about 600 bytes each, and share 6 000; of a dataset without images 2 000 take as much as 200."""
        return min(2_000, 6_000 // len(self.used)) if dataset in self.used else 2_000

    @cached_property
    def dated(self) -> list[str]:
        """Datasets whose four dates are made anyway: those with images, and that of Figure A-1."""
        return [n for n in self.phenology if n in self.used or n == self.figA1_dataset]

    @cached_property
    def trained_models(self) -> list[str]:
        """Models whose method is trained, with a training curve."""
        return [n for n in self.weighted_models if isinstance(self.model(n).method, TrainedMethod)]

    @cached_property
    def trainings(self) -> dict[str, dict[str, str | int | None]]:
        """Method, network (vit_tiny/8: patches of 8 px; None where there is none) and seed of every model."""

        def network(model: Model) -> str | None:
            return f"{model.backbone}/{model.patch_px}" if model.backbone.startswith("vit") else model.backbone

        return {
            n: {
                "method": m.method.name,
                "backbone": network(m) if m.has_weights else None,
                "seed": self.model_seed(n),
            }
            for n, m in self.study.models.items()
        }

    @cached_property
    def compares_trainings(self) -> bool:
        """Whether methods are compared over several trainings each: some evaluated model has a seed of its own."""
        trained = set(self.trained_models) & set(self.study.evaluated_models)
        return bool(self.probes) and any(self.model(n).seed is not None for n in trained)
