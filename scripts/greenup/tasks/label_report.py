"""What became of the images of a task: classes, images left out by reason, and images that share a place."""

from __future__ import annotations

import logging

import pandas as pd

from greenup.tasks.label_sources import RESERVED, SEPARATOR
from greenup.tasks.labels import Labelled

log = logging.getLogger(__name__)

# Coordinates that agree to this many decimals of a degree (about 1 m) are one place, as in the folds.
_DECIMALS = 5


def label_report(task: str, kind: str, labelled: Labelled) -> dict[str, object]:
    """The report of a task's labels as JSON, with keys task, kind, images, labelled, left_out, at_sea, source, classes
    and rare_classes or targets, and duplicates. Images that share a place are told in the log too."""
    table = labelled.table
    report = {
        "task": task,
        "kind": kind,
        "images": labelled.images,
        "labelled": len(table),
        "left_out": labelled.left_out,
        "at_sea": labelled.at_sea,
        "source": labelled.about,
    }
    if "label" in table:
        lists = table["label"].str.split(SEPARATOR) if kind == "multilabel" else table["label"]
        counts = lists.explode().value_counts().drop("", errors="ignore").sort_index()
        report |= {"classes": {str(c): int(n) for c, n in counts.items()}, "rare_classes": labelled.rare}
    else:
        targets = table.columns.difference(list(RESERVED), sort=False)
        report["targets"] = {
            t: {name: float(getattr(table[t], name)()) for name in ("min", "mean", "max")} for t in targets
        }
    return {**report, "duplicates": duplicates(table)}


def duplicates(table: pd.DataFrame) -> dict[str, object]:
    """The images of a `labels` table that share a place (to 1e-5 degrees) with another.

    Keys: places (how many are shared), images (at them), disagreeing (places whose images have different labels), and
    groups, the site_ids of each place. SSL4Eco's tables have such places under several ids; `split_folds` keeps them
    together.
    """
    place = [(table["lon"] % 360).round(_DECIMALS) % 360, table["lat"].round(_DECIMALS)]
    shared = pd.concat(place, axis=1).duplicated(keep=False)
    labels = ["label"] if "label" in table else [c for c in table.columns if c not in RESERVED]
    groups, disagreeing = [], 0
    for _, members in table[shared].groupby([p[shared] for p in place], sort=True):
        groups.append(sorted(members["site_id"].astype(str)))
        disagreeing += int(len(members[labels].drop_duplicates()) > 1)
    groups.sort()
    images = sum(map(len, groups))
    if groups:
        shown = "; ".join(", ".join(group) for group in groups[:5]) + ("; ..." if len(groups) > 5 else "")
        log.warning(
            "%d images share %d places (%d of them with different labels) and stay in one fold together: %s",
            images, len(groups), disagreeing, shown,
        )  # fmt: skip
    return {"places": len(groups), "images": images, "disagreeing": disagreeing, "groups": groups}
