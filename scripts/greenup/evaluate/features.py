"""Vectors that are no image's: columns of a table, in the place of embeddings.

What a model of images has to beat (elevation and latitude alone tell much of the climate), and what runs a task of real
labels end to end where there are no images. The probes standardise each column by their training part, so columns of
different units may stand side by side.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from greenup.config.given import FeaturesMethod
from greenup.errors import UserError
from greenup.tasks.own_table import columns_of, match_rows, numbers, read_rows

log = logging.getLogger(__name__)


def take_features(method: FeaturesMethod, images: pd.DataFrame) -> pd.DataFrame:
    """The columns of the table at each image or point: an `embeddings` table, in the order of ``images``.

    ``images``: columns site_id, season, lon, lat (of an index, or of `greenup.tasks.bare_points.without_images`).
    Vectors are float32, (C,), in the units of the table. Raises `UserError` when the table lacks a column or a row, or
    when a cell is empty or no number: a vector has no gaps.
    """
    columns = list(method.columns)
    table = read_rows(method.file, "models.<name>.method.file")
    picked = columns_of(table, columns, method.file)
    rows = match_rows(table, images, method.file, of="points")
    picked = picked.iloc[rows].reset_index(drop=True)
    values = np.column_stack([numbers(picked[c], images["site_id"], method.file) for c in columns])
    empty = np.isnan(values)
    if empty.any():
        row, column = np.argwhere(empty)[0]
        raise UserError(
            f"{method.file}: column {columns[column]!r} is empty for {int(empty.any(axis=1).sum())} of {len(values)} "
            f"points, first {images['site_id'].iloc[row]}",
            "fill it in, leave the column out of method.columns, or leave the points out of the dataset",
        )
    huge = np.abs(values) > np.finfo("float32").max
    if huge.any():
        row, column = np.argwhere(huge)[0]
        raise UserError(
            f"{method.file}: column {columns[column]!r}, {images['site_id'].iloc[row]}: {values[row, column]:g} is "
            "beyond float32",
            "write it in a larger unit",
        )
    vectors = values.astype("float32")
    log.info("%d vectors of %d columns of %s: %s", *vectors.shape, method.file, ", ".join(columns))
    return pd.DataFrame(
        {
            "site_id": images["site_id"].to_numpy(),
            "season": images["season"].to_numpy(),
            "embedding": list(vectors),
        }
    )
