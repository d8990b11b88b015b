"""The table of leakage: how much of a task a model has seen in pretraining, and its results without that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from greenup.evaluate.leakage import scores_apart
from greenup.paper.plain import PlainTable
from greenup.paper.style import readable
from greenup.paper.tables import number, title

NEAR_KM = 10.0
"""Images nearer than this to a pretraining site are counted in the table."""


def leakage_table(
    cells: Iterable[tuple[pd.DataFrame, pd.DataFrame]],
    audits: Mapping[tuple[str, str], pd.DataFrame],
    datasets: Mapping[str, str],
    metrics: Mapping[str, str],
) -> pd.DataFrame:
    """One row a task, model, protocol and kind of folds, for the main metric.

    ``cells``: scores (`probe` table with ``attrs["simulated"]``) and predictions of each; ``audits``: (task, dataset)
    -> `leakage` table; ``datasets``: model -> what it was trained on; ``metrics``: task -> main metric. Columns: task,
    dataset, model, protocol, folds, metric, images (tested), overlapping, near (nearer than `NEAR_KM`), median_km,
    n (folds), full, apart, difference (apart - full, fractions), simulated.
    """
    rows = []
    for scores, predictions in cells:
        about = {c: scores[c].iloc[0] for c in ("task", "model", "protocol", "folds")}
        task, dataset = about["task"], datasets[about["model"]]
        audit = audits[task, dataset]
        result = scores_apart(predictions, audit, metrics[task])
        km = audit.loc[audit["site_id"].isin(predictions["site_id"]), "nearest_km"]
        rows.append(
            {
                "task": task,
                "dataset": dataset,
                **{c: about[c] for c in ("model", "protocol", "folds")},
                "metric": metrics[task],
                "images": result["images"],
                "overlapping": result["overlapping"],
                "near": int((km < NEAR_KM).sum()),
                "median_km": float(km.median()),
                "n": result["folds"],
                "full": result["full"],
                "apart": result["apart"],
                "difference": result["apart"] - result["full"],
                "simulated": bool(scores.attrs.get("simulated", False)),
            }
        )
    return pd.DataFrame(rows)


def readable_leakage(table: pd.DataFrame) -> PlainTable:
    """A row a cell, a group each task and dataset trained on."""
    groups = []
    for (task, dataset), group in table.groupby(["task", "dataset"], sort=False):
        first = group.iloc[0]
        images = f"{first['images']:,}" if (group["images"] == first["images"]).all() else "the"
        head = (
            f"{readable(task)} and {dataset}: {first['overlapping']:,} of {images} images share ground with a patch, "
            f"{first['near']:,} lie nearer than {NEAR_KM:g} km to a site, median {first['median_km']:,.0f} km "
            f"({title(first['metric'])})"
        )
        groups.append((head, tuple(_row(r) for r in group.itertuples())))
    simulated = "Simulated images (miniature Earth). " if table["simulated"].any() else ""
    return PlainTable(
        ("model", "protocol", "folds", "all tested images", "without overlap", "difference"),
        tuple(groups),
        f"{simulated}Metrics × 100, means over folds. Without overlap: of the same predictions, those for images whose "
        "patch shares no ground with a patch that the model was trained on (without labels); – where a fold is left "
        "without what defines the metric. Probes are not trained again, so they may have learnt from overlapping "
        "images.",
        numeric=(3, 4, 5),
    )


def _row(cell: object) -> tuple[str, ...]:
    changed = "–" if np.isnan(cell.difference) else number(cell.difference, sign=True)
    names = cell.model, title(cell.protocol), title(cell.folds)
    return (*names, number(cell.full), number(cell.apart), changed)
