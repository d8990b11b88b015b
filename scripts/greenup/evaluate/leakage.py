"""Leakage: whether a model has seen the ground that it is judged on, and what its scores are elsewhere.

Pretraining uses no labels, but a network that has seen a place knows its pixels. Sites are drawn all over the land, so
some images of a task lie near one, or share ground with its patch.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from greenup.errors import UserError
from greenup.evaluate.weighted import weighted_metric
from greenup.sites.sphere import EARTH_KM, arc_km, chord_of, unit_vectors

log = logging.getLogger(__name__)


def audit(labels: pd.DataFrame, sites: pd.DataFrame, *, task_m: float, site_m: float) -> pd.DataFrame:
    """Distance of each labelled image to the nearest pretraining site, and whether they overlap: a `leakage` table.

    ``labels`` and ``sites``: site_id, lon, lat (degrees) of images of a task and of sites of a dataset, a row each or
    several; ``task_m`` and ``site_m``: sides of their square patches on the ground (m).

    Distances are great circles between centres. Patches overlap where both the east-west and the north-south distance
    of their centres are below the mean of the sides; squares are taken to lie north up, though a UTM grid is turned by
    up to a few degrees, so that patches which touch by less than that may be told either way.

    Raises `UserError` for an image without coordinates.
    """
    labels = labels.drop_duplicates("site_id").sort_values("site_id", ignore_index=True)
    sites = sites.drop_duplicates("site_id").sort_values("site_id", ignore_index=True)
    here, there = (t[["lon", "lat"]].to_numpy("float64", na_value=np.nan) for t in (labels, sites))
    if not np.isfinite(here).all():
        lost = labels["site_id"][~np.isfinite(here).all(axis=1)].iloc[0]
        raise UserError(f"labels: image {lost} has no coordinates", "leakage can only be told of images with a place")
    tree = cKDTree(unit_vectors(*there.T))
    points = unit_vectors(*here.T)
    chord, nearest = tree.query(points)
    km = arc_km(chord)
    reach_km = (task_m + site_m) / 2 / 1000
    overlaps = np.zeros(len(labels), dtype=bool)
    # The corners of two squares reach farther than their sides.
    near = np.flatnonzero(km <= np.sqrt(2) * reach_km)
    around = tree.query_ball_point(points[near], float(chord_of(np.sqrt(2) * reach_km)) * (1 + 1e-9))
    for i, others in zip(near, around, strict=True):
        east, north = _offsets_km(here[i], there[others])
        overlaps[i] = bool(((np.abs(east) < reach_km) & (np.abs(north) < reach_km)).any())
    log.info(
        "%d of %d images overlap a patch of the dataset; median distance to its nearest site %.1f km",
        int(overlaps.sum()), len(labels), float(np.median(km)),
    )  # fmt: skip
    return pd.DataFrame(
        {
            "site_id": labels["site_id"],
            "nearest_site": sites["site_id"].to_numpy()[nearest],
            "nearest_km": km,
            "overlaps": overlaps,
        }
    )


def _offsets_km(place: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances east and north (km) of near places (M, 2) from one (2,), degrees; right across the date line too."""
    east = (others[:, 0] - place[0] + 180.0) % 360.0 - 180.0
    middle = np.deg2rad((others[:, 1] + place[1]) / 2)
    return np.deg2rad(east) * np.cos(middle) * EARTH_KM, np.deg2rad(others[:, 1] - place[1]) * EARTH_KM


def scores_apart(predictions: pd.DataFrame, leakage: pd.DataFrame, metric: str) -> dict[str, float | int]:
    """A metric of all tested images and of those that share no ground with a pretraining patch.

    ``predictions``: of one probe, all folds; ``leakage``: from `audit`. Nothing is trained again: a linear probe or
    neighbours may still have *trained* on overlapping images. Returns images, overlapping, full and apart (means over
    folds; NaN where some fold is left without what defines the metric) and folds. Raises `UserError` for a tested image
    that was not audited.
    """
    overlaps = leakage.set_index("site_id")["overlaps"]
    tested = predictions["site_id"].drop_duplicates()
    if lost := sorted(set(tested) - set(overlaps.index)):
        raise UserError(f"leakage: tested image {lost[0]} was not audited", "rerun audit_leakage")
    full, apart = [], []
    for _, part in predictions.groupby("fold", sort=True):
        kept = ~overlaps.loc[part["site_id"]].to_numpy(dtype=bool)
        values = weighted_metric(part, metric)(np.stack([np.ones(len(part)), kept]))
        full.append(values[0])
        apart.append(values[1] if kept.any() else np.nan)
    return {
        "images": len(tested),
        "overlapping": int(overlaps.loc[tested].sum()),
        "folds": len(full),
        "full": float(np.mean(full)),
        "apart": float(np.mean(apart)),
    }
