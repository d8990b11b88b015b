"""Which file feeds which table of published results. A part of `greenup.plan`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from greenup.config import Study
from greenup.config.published import Names, cells_named, read_names


class PublishedPlan:
    """What of a study's scores stands beside published numbers."""

    study: Study
    root: str

    @cached_property
    def published_names(self) -> Names:
        """Published names -> those of this workflow, the study's own file first."""
        return read_names(self.study.paper.published_names)

    @cached_property
    def own_names(self) -> list[str]:
        """The study's own file of names, where it has one."""
        return [self.study.paper.published_names] if self.study.paper.published_names else []

    def published_scores(self, table: str) -> list[str]:
        """Scores of the study's cells that a table of results may show: of the models, tasks, protocols and kinds of
        folds that its published names stand for."""
        wanted = cells_named(table, self.published_names)
        return [p for m, t, p in self.cells if (m, t, *Path(p).stem.split(".")) in wanted]

    def result_table_inputs(self, table: str) -> dict[str, list[str]]:
        """Scores, and the bootstraps of those over one official test part, whose folds have no interval."""
        scores = self.published_scores(table)
        tasks = {t for _, t, p in self.cells if p in scores and p.endswith(".official.parquet")}
        doubt = [f"{self.root}/comparisons/{t}.doubt.parquet" for t in self.judged_tasks if t in tasks]
        return {"probes": scores, "doubt": doubt}

    @cached_property
    def compared_models(self) -> dict[str, dict[str, str | bool | None]]:
        """Of every evaluated model what a reader of Table 2 wants to know: dataset, network, method, and weights."""
        found = {}
        for name in self.study.evaluated_models:
            model = self.study.models[name]
            found[name] = {
                "dataset": model.dataset,
                "backbone": model.backbone if model.has_weights else None,
                "method": model.method.name,
                "simulated": model.dataset is not None and self.is_simulated(model.dataset),
                "weights": getattr(model.method, "weights", None),
            }
        return found

    @cached_property
    def approximated_tasks(self) -> dict[str, str]:
        """Evaluated tasks whose labels are not the published ones, though they stand for them -> why."""
        packaged = self.site_data()["ecoregions"] is None
        return {
            name: "biomes approximated from climate zone and land cover"
            for name in self.study.evaluated_tasks
            if packaged and getattr(self.study.tasks[name].labels, "column", None) in ("biome", "ecoregion")
        }
