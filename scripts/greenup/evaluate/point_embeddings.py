"""The vectors of the user's own points, a row a point, in the order of the user's file."""

from __future__ import annotations

import logging

import pandas as pd

from greenup.config.sites import PointSites
from greenup.errors import UserError
from greenup.sites.points import sample_points

log = logging.getLogger(__name__)


def point_embeddings(
    points: PointSites, sites: pd.DataFrame, ledgers: list[pd.DataFrame], embeddings: pd.DataFrame
) -> pd.DataFrame:
    """A `point_embeddings` table: one row a point of the file ``points`` names, in its order.

    ``sites``, ``ledgers`` and ``embeddings`` are those of the points' dataset, which has one season. A point without a
    vector keeps its row: ``status`` says why (no_scene, cloudy, masked; sea where points at sea are left out), and the
    vector is empty. They are counted in the log.

    Raises `UserError` when no point has a vector.
    """
    order = sample_points("points", points)[["site_id", "lon", "lat"]]
    images = pd.concat(ledgers, ignore_index=True)[["site_id", "season", "status", "scene_id", "time", "cloud"]]
    table = order.merge(images, on="site_id", how="left").merge(embeddings, on=["site_id", "season"], how="left")
    table.loc[~table["site_id"].isin(sites["site_id"]), "status"] = "sea"
    found = table["embedding"].notna()
    counts = table["status"].value_counts()
    told = ", ".join(f"{status} {number}" for status, number in counts.items())
    if not found.any():
        raise UserError(
            f"{points.file}: none of the {len(table)} points has an image ({told})",
            "search more years (years=2017-2024) or another source (imagery=...)",
        )
    if not found.all():
        log.warning("%d of %d points have no vector: %s", int((~found).sum()), len(table), told)
    length = len(table["embedding"][found].iloc[0])
    log.info("%d points, vectors of length %d", int(found.sum()), length)
    return table
