"""All rows of the errata, in the order of the work."""

from __future__ import annotations

from greenup.paper.errata.row import Erratum
from greenup.paper.errata.rows_data import IMAGES, SEASONS, SITES
from greenup.paper.errata.rows_evaluation import IMAGE_SETS, PROBES, SCORES, TRAINED_HEADS
from greenup.paper.errata.rows_training import NETWORKS, TRAINING

STAGES: dict[str, str] = {
    "seasons": "When: dates and seasons",
    "sites": "Where: sites",
    "images": "What: images",
    "training": "Pretraining",
    "networks": "What networks are fed",
    "scores": "Scores",
    "probes": "Probes and folds",
    "image_sets": "Image sets",
    "heads": "Change detection and fine-tuning",
}
"""Parts of the work, by the word in a row; the first row of all is the one that matters most."""

_ALL = (*SEASONS, *SITES, *IMAGES, *TRAINING, *NETWORKS, *SCORES, *PROBES, *IMAGE_SETS, *TRAINED_HEADS)

ERRATA: dict[str, Erratum] = {row.name: row for row in _ALL}
"""Rows by name."""

if len(ERRATA) != len(_ALL) or {row.stage for row in _ALL} != set(STAGES):
    raise RuntimeError("errata: a name stands twice, or a row is of no stage")
