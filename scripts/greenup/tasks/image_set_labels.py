"""Index and labels of a published image set: what its publishers say of its images, as tables of this workflow."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from greenup.bands import indices_of
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.patches.statistics import summarise
from greenup.randomness import generator
from greenup.schemas import IMAGE_SET
from greenup.tasks.image_sets.base import ImageSetReader
from greenup.tasks.labels import MIN_IMAGES, SEPARATOR

log = logging.getLogger(__name__)

STATISTICS_OF = 2_000
"""Images whose pixels the statistics are of, drawn at random, where a set has more."""


def images_with_pixels(reader: ImageSetReader) -> tuple[pd.DataFrame, int]:
    """The index of a set without the images that hold no pixel of data, and how many these are.

    Of what is 0 throughout no network can tell anything, so they neither train nor are tested, for any model or
    protocol; they are named in the log. Raises `UserError` when no image is left.
    """
    index = reader.index()
    empty = index["site_id"].isin(reader.without_pixels(index["site_id"].tolist())).to_numpy()
    if empty.all():
        raise UserError(f"{reader.folder}: none of {len(index)} images holds a pixel of data", "unpack it again")
    if empty.any():
        parts = index.loc[empty, "split"].replace("", "no part").value_counts()
        log.warning(
            "%d of %d images hold no pixel of data and are left out (%s): %s",
            int(empty.sum()), len(index), ", ".join(f"{n} of {part}" for part, n in parts.items()),
            ", ".join(index.loc[empty, "site_id"].iloc[:10]) + (", ..." if empty.sum() > 10 else ""),
        )  # fmt: skip
    return index[~empty].reset_index(drop=True), int(empty.sum())


def label_image_set(task: Task, index: pd.DataFrame) -> pd.DataFrame:
    """The labelled images of a task on an image set: a `labels` table, sorted by site_id, with column split.

    ``index``: an `image_set` table. Images without a value are left out and counted. Raises `UserError` where the set
    has no labels of the task's kind, and where what is left cannot be learnt: fewer than `MIN_IMAGES` images, one class
    only, or a target that is the same everywhere.
    """
    where = f"image set {task.image_set!r}"
    columns = list(index.columns.difference([c.name for c in IMAGE_SET.columns], sort=False))
    named = task.kind in ("classification", "multilabel")
    if named != (columns == ["label"]):
        fits = "classification or multilabel" if columns == ["label"] else "regression or distribution"
        raise UserError(
            f"{where} has {', '.join(columns)} of each image, which does not make a task of kind {task.kind!r}",
            f"write kind: {fits}",
        )
    known = index[columns].notna().all(axis=1).to_numpy()
    if not known.all():
        log.warning("%s: %d of %d images have no value and are left out", where, int((~known).sum()), len(index))
    table = index[known].assign(season="").sort_values("site_id", ignore_index=True)
    if len(table) < MIN_IMAGES:
        raise UserError(f"{where}: {len(table)} labelled images, at least {MIN_IMAGES} are needed", "is it complete?")
    if named:
        texts = table["label"].unique()
        names = {n for text in texts for n in (text.split(SEPARATOR) if task.kind == "multilabel" else [text])} - {""}
        if len(names) < 2:
            raise UserError(f"{where}: one class only ({', '.join(names) or 'none'})", "is it complete?")
    elif constant := [c for c in columns if table[c].nunique() < 2]:
        raise UserError(f"{where}: target {constant[0]!r} is the same at every image", "is it complete?")
    log.info("%s: %d labelled images", where, len(table))
    placed = [c for c in ("split", "group") if c in table]
    return table[["site_id", "season", "lon", "lat", *placed, *columns]]


def image_set_statistics(reader: ImageSetReader, index: pd.DataFrame, *, seed: int) -> dict[str, object]:
    """What statistics.json says of a set: number of images, and of each band and index its `summarise`d stored values
    over valid pixels of at most `STATISTICS_OF` images."""
    ids = index["site_id"].to_numpy(dtype=object)
    if len(ids) > STATISTICS_OF:
        drawn = generator(seed, "image set statistics", reader.settings.kind).choice(len(ids), STATISTICS_OF, False)
        ids = ids[np.sort(drawn)]
    channels = (*reader.channels, *indices_of(reader.channels))
    counts = np.zeros((len(channels), 65_536), np.int64)
    for image_id in ids:
        pixels, valid = reader.read(image_id, channels)
        for row, band in zip(counts, pixels, strict=True):
            row += np.bincount(band[valid], minlength=65_536)
    if not counts.sum(axis=1).all():
        raise UserError(f"{reader.folder}: a band has no valid pixel in {len(ids)} images", "is it complete?")
    return {
        "images": len(index),
        "images_read": len(ids),
        "simulated": reader.about.simulated,
        "channels": {name: summarise(row) for name, row in zip(channels, counts, strict=True)},
    }
