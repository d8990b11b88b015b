"""Labels of a task: one image a site, and what is to be predicted from it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from greenup.config.data import Imagery
from greenup.config.labels import RasterLabels, SiteLabels
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.schemas import SEASONS
from greenup.tasks.label_sources import CLIMATE, NO_VALUE, PLACE, SEPARATOR, SILENT, values_of, where

__all__ = ["CLIMATE", "MIN_IMAGES", "SEPARATOR", "Labelled", "label_images", "labelled_images"]

log = logging.getLogger(__name__)

MIN_IMAGES = 3
"""One image each to train, validate and test is the least that a task can be made of."""

AT_SEA, RARE = "at sea", "only classes with too few images"


@dataclass(frozen=True)
class Labelled:
    """The labelled images of a task, and what became of the others."""

    table: pd.DataFrame
    """A `labels` table."""
    images: int
    """Images before any was left out."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Images left out, by reason, the most frequent first."""
    rare: dict[str, int] = field(default_factory=dict)
    """Classes left out for having too few images, with their numbers."""
    at_sea: int = 0
    """Labelled images whose site is not on land."""
    about: dict[str, object] = field(default_factory=dict)
    """What the source of the labels tells of itself, as JSON."""
    attribution: str = ""
    """What to credit for the labels, without a full stop; empty where the images credit it already."""


def label_images(task: Task, sites: pd.DataFrame, index: pd.DataFrame, imagery: Imagery | None) -> pd.DataFrame:
    """The labelled images of a task: the table alone of `labelled_images`."""
    return labelled_images(task, sites, index, imagery).table


def labelled_images(task: Task, sites: pd.DataFrame, index: pd.DataFrame, imagery: Imagery | None) -> Labelled:
    """The labelled images of a task: a `labels` table, sorted by site_id, one row a site; and those left out.

    ``sites`` and ``index`` are the tables of the task's dataset, ``imagery`` its image source. Beside site_id, season,
    lon and lat the table has: for classification `label` (class name); for multilabel `label` (sorted class names
    between `SEPARATOR`, possibly none); for regression one float column a target, in the unit of its source.

    Images without a value are left out and counted by reason in the log. So are classes below ``min_count``: of a
    multilabel task the class leaves the lists of its images, and images leave that have none but such classes.

    Raises `UserError` when the season has no image, when a label file lacks columns or sites or holds what is no
    number, when fewer than two classes (or a constant target) or fewer than `MIN_IMAGES` images are left.
    """
    images = _one_image_a_site(index, task.season)
    values = values_of(task, sites, images, imagery)
    source = where(task)
    known = values.table.notna().all(axis=1).to_numpy()
    left_out = _count(_reasons(task, values.why, _on_land(images, sites))[~known])
    if left_out:
        counted = "; ".join(f"{n} {reason}" for reason, n in left_out.items())
        log.warning("%s: %d of %d images are left out: %s", source, int((~known).sum()), len(images), counted)
    table = pd.concat([images, values.table], axis=1)[known].reset_index(drop=True)
    rare: dict[str, int] = {}
    if (min_count := getattr(task.labels, "min_count", 1)) > 1 and "label" in table:
        before = len(table)
        table, rare = _without_rare(table, task.kind, min_count, source)
        if before > len(table):
            left_out[RARE] = before - len(table)
    _check_enough(task, table, source)
    at_sea = int((~_on_land(table, sites)).sum())
    if at_sea:
        log.info("%s: %d labelled images are at sea by the land mask, and stay", source, at_sea)
    log.info("%s: %d labelled images", source, len(table))
    return Labelled(table, len(images), left_out, rare, at_sea, values.about, values.attribution)


def _on_land(table: pd.DataFrame, sites: pd.DataFrame) -> np.ndarray:
    return table["site_id"].map(sites.set_index("site_id")["land"]).eq(True).to_numpy()


def _one_image_a_site(index: pd.DataFrame, season: str | None) -> pd.DataFrame:
    """The image of the named season at each site; unnamed, the first season that the site has, in yearly order."""
    found = sorted(index["season"].unique(), key=lambda s: (SEASONS.index(s) if s in SEASONS else len(SEASONS), s))
    if season is not None:
        if season not in found:
            raise UserError(
                f"season: no image of season {season!r} in the dataset's index",
                f"write one of {', '.join(map(str, found))}, or leave season empty",
            )
        index = index[index["season"] == season]
    elif len(found) > 1:
        log.warning("the dataset has seasons %s: each site's first is labelled; name one by season:", ", ".join(found))
    order = index["season"].map({s: i for i, s in enumerate(found)})
    images = index.assign(_order=order).sort_values(["site_id", "_order"]).drop_duplicates("site_id")
    return images[list(PLACE)].reset_index(drop=True)


def _reasons(task: Task, why: pd.Series | None, on_land: np.ndarray) -> pd.Series:
    """Why each image has no value. Of what lies at sea a map of the land says nothing."""
    given = pd.Series(None, index=range(len(on_land)), dtype=object) if why is None else why
    reasons = given.where(given.notna(), NO_VALUE)
    is_map = isinstance(task.labels, SiteLabels | RasterLabels)
    return reasons.mask(reasons.isin(SILENT) & ~on_land, AT_SEA) if is_map else reasons


def _count(reasons: pd.Series) -> dict[str, int]:
    counts = reasons.value_counts()
    return {str(r): int(n) for r, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}


# ------------------------------------------------------------------------------------------------------------ checks
def _without_rare(table: pd.DataFrame, kind: str, min_count: int, source: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """The table without classes of fewer images than ``min_count``, and those classes with their numbers."""
    lists = table["label"].str.split(SEPARATOR) if kind == "multilabel" else table["label"].map(lambda name: [name])
    counts = lists.explode().value_counts().drop("", errors="ignore")
    rare = counts[counts < min_count].sort_index()
    if rare.empty:
        return table, {}
    kept = lists.map(lambda names: [n for n in names if n not in rare.index])
    # An image without any class to begin with is none of a rare class.
    stays = (kept.map(len) > 0).to_numpy()
    log.warning(
        "%s: %d classes with fewer than %d images are left out (%d images): %s",
        source, len(rare), min_count, int((~stays).sum()), ", ".join(f"{c} {n}" for c, n in rare.items()),
    )  # fmt: skip
    table = table.assign(label=kept.map(SEPARATOR.join).astype("string"))
    return table[stays].reset_index(drop=True), {str(c): int(n) for c, n in rare.items()}


def _check_enough(task: Task, table: pd.DataFrame, source: str) -> None:
    if len(table) < MIN_IMAGES:
        raise UserError(
            f"{source}: {len(table)} labelled images are left, at least {MIN_IMAGES} are needed",
            "give the dataset more sites, check the ledger for why images are missing, or lower labels.min_count",
        )
    if task.kind == "regression":
        for target in table.columns.difference(list(PLACE), sort=False):
            if table[target].nunique() < 2:
                raise UserError(
                    f"{source}: target {target!r} is {table[target].iloc[0]:g} at every image",
                    "leave it out: nothing can be learnt from a constant",
                )
        return
    names = {n for text in table["label"] for n in (text.split(SEPARATOR) if task.kind == "multilabel" else [text])}
    if len(names - {""}) < 2:
        raise UserError(
            f"{source}: fewer than two classes are left ({', '.join(sorted(names - {''})) or 'none'})",
            "give the dataset more or other sites, or lower labels.min_count",
        )
