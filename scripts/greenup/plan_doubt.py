"""Which file feeds which from scores to what can be trusted of them: bootstraps, comparisons, leakage. A part of
`greenup.plan`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from greenup.config import Study
from greenup.plan_evaluate import PLACED


class DoubtPlan:
    """Paths below results/<study>/comparisons/ and of the leakage audits."""

    study: Study
    root: str

    @cached_property
    def scored(self) -> list[str]:
        """Scores of every cell: probes, change detection, and fine-tuned networks."""
        return [*self.probes, *self.finetuned]

    @cached_property
    def cells(self) -> list[tuple[str, str, str]]:
        """(model, task, scores) of every cell. Taken apart once: a study of all papers has thousands of them, and every
        job plans anew."""
        return [(*Path(p).parts[-3:-1], p) for p in self.scored]

    @cached_property
    def judged_tasks(self) -> list[str]:
        """Tasks on which some model is judged."""
        found = {task for _, task, _ in self.cells}
        return [t for t in self.study.evaluated_tasks if t in found]

    def judged(self, tasks: Sequence[str], models: Sequence[str] | None = None) -> dict[str, list[str]]:
        """Scores of all cells of some tasks (and models), and what was predicted in each."""
        scores = [p for m, t, p in self.cells if t in tasks and (models is None or m in models)]
        return {"scores": scores, "predictions": [p.removesuffix(".parquet") + ".predictions.parquet" for p in scores]}

    @cached_property
    def doubts(self) -> dict[str, list[str]]:
        """Per task: the bootstrap of each cell, and the comparisons of models."""
        return {
            "doubt": [f"{self.root}/comparisons/{t}.doubt.parquet" for t in self.judged_tasks],
            "comparisons": [f"{self.root}/comparisons/{t}.parquet" for t in self.judged_tasks],
        }

    @cached_property
    def called_together(self) -> dict[str, str]:
        """Evaluated model -> what it and those are called together that differ from it in nothing but their seed."""
        alike: dict[str, list[str]] = {}
        for name in self.study.evaluated_models:
            model = self.study.models[name]
            drawn = model.has_weights and not model.is_published and not model.is_given
            key = model.model_dump_json(exclude={"seed"}) if drawn else name
            alike.setdefault(key, []).append(name)
        return {name: _together(names, self.study.models) for names in alike.values() for name in names}

    @cached_property
    def reference(self) -> str | None:
        """The model that others are compared with, by the name of its trainings; None: every pair is compared."""
        name = self.study.evaluation.reference
        return self.called_together.get(name, name) if name is not None else None

    # ------------------------------------------------------------------------------------------------- leakage
    @cached_property
    def audits(self) -> dict[tuple[str, str], list[str]]:
        """(task, dataset) -> evaluated models that were trained on the images of the dataset."""
        found: dict[tuple[str, str], list[str]] = {}
        judged = {(model, task) for model, task, _ in self.cells}
        for task in self.judged_tasks:
            if self.side_m(task) is None:
                continue
            for name in self.trained_models:
                if (name, task) in judged:
                    found.setdefault((task, self.study.models[name].dataset), []).append(name)
        return found

    def side_m(self, task: str) -> float | None:
        """Side of a task's images on the ground (m); 0 of bare points, None where nobody knows where they lie."""
        settings = self.study.tasks[task]
        if settings.image_set is not None:
            return PLACED.get(self.study.image_sets[settings.image_set].kind)
        dataset = self.study.datasets[settings.dataset]
        return 10.0 * dataset.patches.size_px if dataset.imagery is not None else 0.0

    @cached_property
    def audited(self) -> dict[str, list[str]]:
        """Scores and predictions of the cells whose models were trained on images near their task's."""
        cells = [self.judged([task], models) for (task, _), models in self.audits.items()]
        return {kind: [p for cell in cells for p in cell[kind]] for kind in ("scores", "predictions")}

    @cached_property
    def leakage(self) -> list[str]:
        return [f"{self.root}/tasks/{t}/leakage.{d}.parquet" for t, d in self.audits]


def _together(names: list[str], others: Sequence[str]) -> str:
    """seco_s1, seco_s2 -> seco; the first name where they begin differently, or another model is called so."""
    if len(names) == 1:
        return names[0]
    common = re.sub(r"_*(_s|_seed)?_*$", "", os.path.commonprefix(names))  # noqa: RUF071 (names, not paths)
    return common if common and (common in names or common not in others) else names[0]
