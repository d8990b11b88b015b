"""Species of blind plots, as the GeoLifeCLEF 2023 competition takes them: one line a plot, ``Id,Predicted``.

The probe learns from all surveys but a tenth, which stops it, and predicts for plots whose species only the competition
knows (Kaggle: geolifeclef-2023-lifeclef-2023-x-fgvc10; 22 404 lines, species numbers between spaces).
"""

from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd

from greenup.config.evaluation import Folds, Protocols, Submission
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.evaluate.knn import knn_scores
from greenup.evaluate.vectors import Vectors
from greenup.tasks.folds import split_folds
from greenup.tasks.labels import SEPARATOR

log = logging.getLogger(__name__)

LINES = 22_404
"""Plots of the competition's test_blind.csv."""


def predict_species(
    embeddings: Vectors,
    labels: pd.DataFrame,
    blind: Vectors,
    plots: pd.DataFrame,
    task: Task,
    protocols: Protocols,
    submission: Submission,
    *,
    seed: int,
) -> pd.DataFrame:
    """Columns Id and Predicted (numbers of species in rising order, between spaces), a row a row of ``plots``.

    ``embeddings`` and ``labels``: of the surveys; ``blind``: embeddings of the blind plots; ``plots``: Id, patchID, lon
    and lat of these (`greenup.tasks.image_sets.geolifeclef.read_plots`), several rows of which may share an image.

    Raises `UserError` naming a survey or a plot without an embedding, and for k-NN with several k.
    """
    labels = labels.sort_values("site_id", ignore_index=True)
    x = embeddings.of_images(labels, "surveys")
    images = plots.drop_duplicates("patchID", ignore_index=True)
    test = blind.of_images(pd.DataFrame({"site_id": images["patchID"], "season": ""}), "blind plots")
    if test.shape[1] != x.shape[1]:
        raise UserError(
            f"embeddings of surveys have {x.shape[1]} dimensions, those of blind plots {test.shape[1]}",
            "delete both and run again: they are of two versions of the model",
        )
    species, y = _presence(labels["label"])
    if submission.protocol == "linear":
        scores = _linear(x, y, test, labels, task, protocols, seed)
    else:
        if len(task.neighbours) > 1:
            raise UserError(
                f"k: {list(task.neighbours)}: a submission has no validation part to choose among several",
                "write a single k for the task",
            )
        scores = knn_scores(x, y, test, k=task.neighbours[0], temperature=protocols.knn.temperature)
    predicted = predicted_species(scores, species, submission)
    log.info(
        "%s: %.1f species a plot (%d to %d), %d of %d ever predicted",
        submission.protocol, *(f([len(p) for p in predicted]) for f in (np.mean, min, max)),
        len(set().union(*predicted)), len(species),
    )  # fmt: skip
    if len(plots) != LINES:
        log.warning("the table of blind plots has %d rows, the competition %d", len(plots), LINES)
    lines = pd.Series([" ".join(p) for p in predicted], index=images["patchID"])
    return pd.DataFrame({"Id": plots["Id"], "Predicted": lines.reindex(plots["patchID"]).to_numpy()})


def predicted_species(scores: np.ndarray, species: list[str], submission: Submission) -> list[list[str]]:
    """Species of each plot whose probability reaches the threshold; where none does, the most probable one.

    ``scores``: probabilities (M, C). Under compat *threshold_on_logits* the threshold is held against the logits of the
    linear probe, 0.5 of which is a probability of 0.62; under *species_5_if_none* a plot without any gets species 5.
    """
    threshold = submission.threshold
    if "threshold_on_logits" in submission.compat and submission.protocol == "linear":
        threshold = 1 / (1 + math.exp(-threshold))
    lines = []
    for row in scores:
        present = np.flatnonzero(row >= threshold)
        if present.size:
            lines.append([species[i] for i in present])
        else:
            lines.append(["5"] if "species_5_if_none" in submission.compat else [species[int(row.argmax())]])
    return lines


def _presence(labels: pd.Series) -> tuple[list[str], np.ndarray]:
    """Species in rising order of their numbers, and 0/1 (N, C)."""
    sets = [set(text.split(SEPARATOR)) - {""} for text in labels.astype(str)]
    species = sorted(set().union(*sets), key=lambda name: (len(name), name))
    column = {name: i for i, name in enumerate(species)}
    y = np.zeros((len(sets), len(species)))
    for row, present in enumerate(sets):
        y[row, [column[name] for name in present]] = 1.0
    return species, y


def _linear(
    x: np.ndarray,
    y: np.ndarray,
    test: np.ndarray,
    labels: pd.DataFrame,
    task: Task,
    protocols: Protocols,
    seed: int,
) -> np.ndarray:
    # torch takes seconds to import, and k-NN does without.
    from greenup.evaluate.linear import fit_linear

    # The tenth that stops the training is drawn as for an official split, whose test part is elsewhere here.
    split = pd.concat(
        [labels.assign(split="train"), labels.iloc[:1].assign(site_id="", lon=np.nan, lat=np.nan, split="test")]
    )
    folds = split_folds(split, "multilabel", Folds(kinds=("official",)), seed=seed).set_index("site_id")["part"]
    part = folds.reindex(labels["site_id"]).to_numpy(dtype=object)
    probe = fit_linear(
        x, y, (part == "train")[None], (part == "val")[None], "multilabel", protocols.linear, seed=seed,
        positive_weight=task.positive_weight,
    )  # fmt: skip
    return probe.predict(test, 0)
