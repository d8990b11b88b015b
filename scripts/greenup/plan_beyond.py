"""Which file feeds which in the experiments that the papers did not make. A part of `greenup.plan`."""

from __future__ import annotations

from functools import cached_property

from greenup.config import Study
from greenup.config.phenology import TablePhenology


class BeyondPlan:
    """Paths below results/<study>/season_fit/, and what the effect of a sampling and an ablation are worked out of."""

    study: Study
    root: str

    # ------------------------------------------------------------------------------------------------- season fit
    def fit_images(self, dataset: str) -> list[str]:
        """Datasets with the same sites as this one whose images are made anyway, itself among them."""
        return [n for n in self.used if self.study.same_sites(n, dataset)]

    def fit_inputs(self, dataset: str) -> dict[str, str | list[str]]:
        """The sites and their dates, the curves of some, and the images that are there."""
        return {
            "sites": f"{self.root}/sites/{dataset}.parquet",
            "phenology": f"{self.root}/phenology/{dataset}.parquet",
            "curves": f"{self.root}/phenology/{dataset}.curves.parquet",
            "images": [f"{self.root}/datasets/{d}/index.parquet" for d in self.fit_images(dataset)],
        }

    def is_halfway(self, dataset: str) -> bool:
        """Whether half of the amplitude stands in for maturity and senescence in the dates of a dataset."""
        phenology = self.study.datasets[dataset].phenology
        return isinstance(phenology, TablePhenology) and phenology.halfway

    @cached_property
    def season_fits(self) -> list[str]:
        """Summaries of the season fit, one a dataset whose dates are the truth."""
        return [f"{self.root}/season_fit/{d}.summary.parquet" for d in self.study.paper.season_fit.datasets]

    # ------------------------------------------------------------------------------------- effect of the sampling
    @cached_property
    def effect_sides(self) -> dict[str, list[str]]:
        """The two compared models by the names of their trainings -> trainings; empty where nothing is compared."""
        pair = self.study.paper.sampling_effect
        if pair is None:
            return {}
        together = self.called_together
        return {together[name]: [m for m, t in together.items() if t == together[name]] for name in pair}

    @cached_property
    def effect_scores(self) -> dict[str, list[str]]:
        """Scores of the two sides on every task that both are judged on, and the bootstraps of those tasks."""
        models = [m for side in self.effect_sides.values() for m in side]
        scores = [p for m, _, p in self.cells if m in models]
        tasks = dict.fromkeys(t for m, t, _ in self.cells if m in models)
        return {"scores": scores, "doubt": [f"{self.root}/comparisons/{t}.doubt.parquet" for t in tasks]}

    # --------------------------------------------------------------------------------------------------- ablation
    @cached_property
    def ablated(self) -> list[str]:
        """Scores of the models of the ablation's grid."""
        grid = self.study.ablation
        models = {c.model for c in grid.cells} if grid is not None else set()
        return [p for m, _, p in self.cells if m in models]
