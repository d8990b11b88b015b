"""Table 2: the models that are compared, as published and in this study (SSL4Eco, Table 2)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from greenup.config.published import Names
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.paper.table1 import OWN

COLUMNS = ("model", "stands_for", "dataset", "backbone", "pretraining", "simulated", "source")
"""Columns of the numbers: all text but simulated, which says whether the images trained on are invented."""

_PAPER = "ssl4eco"


def compared_models(
    published: pd.DataFrame, models: Mapping[str, Mapping[str, str | bool | None]], names: Names
) -> pd.DataFrame:
    """The models as printed, then those that the study evaluates: columns `COLUMNS`.

    ``published``: as `greenup.paper.published.read_models` returns it; ``models``: of each evaluated model its dataset,
    backbone, method, weights (of released ones, their name) and whether its images are simulated; ``names``: which of
    them stands for a published model of SSL4Eco, the first that is there.
    """
    stands = {}
    for name in names.papers[_PAPER].models.values():
        if own := next((m for m in name.ours if m in models), None):
            stands.setdefault(own, name.title)
    rows = [
        {
            "model": name,
            "stands_for": stands.get(name, ""),
            "dataset": model["dataset"] or "",
            "backbone": model["backbone"] or "",
            "pretraining": f"as released: {model['weights']}" if model["weights"] else str(model["method"]),
            "simulated": bool(model["simulated"]),
            "source": OWN,
        }
        for name, model in models.items()
    ]
    printed = published.assign(stands_for="", simulated=False)
    return pd.concat([printed, pd.DataFrame(rows, columns=list(COLUMNS))], ignore_index=True)[list(COLUMNS)]


def readable_models(table: pd.DataFrame) -> PlainTable:
    """Table 2 for readers: a group as printed, and one of the study's own; simulated images are said beside the
    dataset."""
    groups = []
    for source, rows in table.groupby("source", sort=False):
        shown = tuple(_row(r) for r in rows.itertuples())
        groups.append((source if source == OWN else f"as published: {source}", shown))
    if OWN not in set(table["source"]):
        groups.append((OWN, (("no model is evaluated", "–", "–", "–", "–"),)))
    return PlainTable(
        ("model", "stands for", "dataset", "backbone", "pretraining"),
        tuple(groups),
        "Stands for: the published model in whose row of the result tables this study's model is shown; where its "
        "network is another one, it is shown there but not compared.",
    )


def _row(r: object) -> tuple[str, ...]:
    dataset = f"{r.dataset} (simulated images)" if r.simulated else r.dataset
    return (r.model, r.stands_for or "–", dataset or "–", r.backbone or "–", readable(r.pretraining) or "–")
