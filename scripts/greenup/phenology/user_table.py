"""What the user's own tables of dates and of series share: numbers in columns, and the site of each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from greenup.errors import UserError
from greenup.sites.sphere import chord_of, unit_vectors

PLACE_KM = 0.5
"""A row given by lon and lat belongs to the nearest site within this distance, one pixel of MODIS at 500 m."""


def numbers(table: pd.DataFrame, column: str, path: Path, mend: str) -> np.ndarray:
    """A column as float64, NaN where it has no value. Raises `UserError` with file, row, column and value otherwise."""
    values = pd.to_numeric(table[column], errors="coerce")
    if (bad := (values.isna() & table[column].notna()).to_numpy()).any():
        row = int(bad.argmax())
        raise UserError(f"{path}: row {row + 1}, column {column!r}: {table[column].iloc[row]!r} is not a number", mend)
    return values.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)


def site_ids(table: pd.DataFrame, sites: pd.DataFrame, path: Path, mend: str) -> np.ndarray:
    """The site of each row, None where it is none of ours: by site_id, else by lon and lat within `PLACE_KM`.

    Raises `UserError` when the table has neither, or a row is no place on Earth.
    """
    names = sites["site_id"].to_numpy(dtype=object)
    if "site_id" in table:
        given = table["site_id"].astype("string").str.strip().to_numpy(dtype=object, na_value=None)
        at = pd.Index(names).get_indexer(given)
        return np.where(at >= 0, names[at], None)
    if not {"lon", "lat"} <= set(table.columns):
        found = ", ".join(table.columns)
        raise UserError(f"{path}: column 'site_id' is missing, and so are lon and lat; the file has: {found}", mend)
    lon, lat = numbers(table, "lon", path, mend), numbers(table, "lat", path, mend)
    if (bad := ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))).any():
        row = int(bad.argmax())
        raise UserError(f"{path}: row {row + 1}: lon {lon[row]:g}, lat {lat[row]:g} is no place on Earth", mend)
    # Tables have many rows a place.
    places, of = np.unique(np.column_stack([lon, lat]), axis=0, return_inverse=True)
    tree = cKDTree(unit_vectors(sites["lon"], sites["lat"]))
    chord, nearest = tree.query(unit_vectors(places[:, 0], places[:, 1]))
    return np.where(chord <= chord_of(PLACE_KM), names[nearest], None)[of.ravel()]
