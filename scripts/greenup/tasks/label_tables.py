"""Published tables of labelled points: read, checked, and their numbers turned into names."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.config.label_tables import LabelTable, legend_path
from greenup.errors import UserError
from greenup.tasks.own_table import columns_of, numbers, read_rows

log = logging.getLogger(__name__)

NEAR_DEG = 1e-4
"""A row belongs to the site of its id if it lies there too, within this (about 10 m): ids are bare numbers."""

_LIMITS = {"lon": 180.0, "lat": 90.0}


def read_points(table: LabelTable) -> pd.DataFrame:
    """The rows of a table of kind points: site_id (its column ind), lon, lat (degrees) and all other columns as text.

    Rows that stand twice are counted and kept once. Raises `UserError` for a missing file or column, a place that is
    none, and an id that stands for two different rows.
    """
    file = str(table.path)
    rows = read_rows(file, "config/label_tables.csv")
    columns_of(rows, ["ind", "lon", "lat", *(c.column for c in table.columns)], file)
    for axis, limit in _LIMITS.items():
        rows[axis] = numbers(rows[axis], "row " + rows["ind"].fillna("without ind"), file)
        if (bad := ~(rows[axis].abs() <= limit)).any():
            row = int(bad.to_numpy().argmax())
            raise UserError(
                f"{file}: line {row + 2}, column {axis!r}: {rows[axis].iloc[row]} is outside -{limit:g}..{limit:g}",
                "the file is damaged: delete it and fetch it again",
            )
    rows = rows.rename(columns={"ind": "site_id"})
    if (nameless := rows["site_id"].isna()).any():
        raise UserError(
            f"{file}: line {int(nameless.to_numpy().argmax()) + 2}: no ind", "delete the file and fetch it again"
        )
    whole = rows.duplicated()
    if whole.any():
        log.warning("%s: %d rows stand twice and are taken once", file, int(whole.sum()))
        rows = rows[~whole].reset_index(drop=True)
    if (again := rows["site_id"].duplicated()).any():
        row = int(again.to_numpy().argmax())
        raise UserError(
            f"{file}: ind {rows['site_id'].iloc[row]} stands for two rows that differ",
            "the file is damaged: delete it and fetch it again",
        )
    return rows


def read_legend(name: str) -> pd.DataFrame:
    """A legend: value (int64), class (None where it has none) and note (text), a row a value.

    ``name``: of config/legends/, or a path. Raises `UserError` for missing columns, values that are no whole numbers or
    stand twice, and a legend without a class.
    """
    return _legend(legend_path(name)).copy()


@lru_cache(maxsize=8)
def _legend(path: Path) -> pd.DataFrame:
    rows = read_rows(str(path), "labels.legend")
    columns_of(rows, ["value", "class"], str(path))
    values = numbers(rows["value"], rows["class"].fillna("no class"), str(path))
    if (bad := ~(values % 1 == 0)).any():
        row = int(bad.to_numpy().argmax())
        raise UserError(f"{path}: line {row + 2}: {rows['value'].iloc[row]!r} is no whole number", "write the number")
    if (again := values.duplicated()).any():
        raise UserError(f"{path}: value {values[again].iloc[0]:g} stands twice", "keep one")
    if rows["class"].isna().all():
        raise UserError(f"{path}: no value has a class", "name the classes in the column class")
    notes = rows["note"].fillna("") if "note" in rows else pd.Series("", index=rows.index)
    classes = rows["class"].astype(object).where(rows["class"].notna(), None)
    return pd.DataFrame({"value": values.astype("int64"), "class": classes, "note": notes.astype(str)})


def named(values: pd.Series, legend: str) -> tuple[pd.Series, pd.Series]:
    """The classes of numbers of a legend, None where there is none; and why not (None where there is one).

    ``values``: numbers (N,), NaN where unknown (the reason then is for the caller to say). Reasons are ``no class for
    91 (fresh water)`` and, for a number that the legend has not, ``95 is not in the legend``.
    """
    table = read_legend(legend).set_index("value")
    classes = values.map(table["class"]).astype(object)
    classes = classes.where(classes.notna(), None)
    distinct = {v: _reason(v, table) for v in values.dropna().unique()}
    why = pd.Series([distinct.get(v) for v in values], index=values.index, dtype=object)
    return classes, why.where(why.notna(), None)


def _reason(value: float, legend: pd.DataFrame) -> str | None:
    if value not in legend.index:
        return f"{value:g} is not in the legend"
    if legend.loc[value, "class"] is not None:
        return None
    note = legend.loc[value, "note"]
    return f"no class for {value:g}" + (f" ({note})" if note else "")


def rows_of_images(rows: pd.DataFrame, images: pd.DataFrame, file: str) -> np.ndarray:
    """The row of a table of points (`read_points`) of each image (site_id, lon, lat): numbers (N,), -1 for none.

    By id, if the row lies at the site of that id (`NEAR_DEG`); where no image has a row by its id, by place, the first
    row of each. Raises `UserError` when none has one by place either.
    """
    found = pd.Index(rows["site_id"]).get_indexer(pd.Index(images["site_id"].astype("string")))
    for axis in ("lon", "lat"):
        apart = np.abs(rows[axis].to_numpy()[found] - images[axis].to_numpy("float64"))
        found = np.where((found >= 0) & (apart <= NEAR_DEG), found, -1)
    if (found < 0).all():
        first = rows.reset_index().assign(_lon=rows["lon"].round(5), _lat=rows["lat"].round(5))
        first = first.drop_duplicates(["_lon", "_lat"])
        theirs = pd.MultiIndex.from_arrays([first["_lon"], first["_lat"]])
        places = [images[axis].astype("float64").round(5) for axis in ("lon", "lat")]
        position = theirs.get_indexer(pd.MultiIndex.from_arrays(places))
        found = np.where(position >= 0, first["index"].to_numpy()[position], -1)
    if (found < 0).all():
        raise UserError(
            f"{file}: none of the {len(images)} images is at one of its points",
            "take the dataset whose sites are its points, e.g. sites: {sampler: label_table, table: <its name>}",
        )
    return found
