"""The user's own table of what is known at each site: read from CSV, Parquet, GeoPackage or GeoJSON, and joined to the
sites by name or by place."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.errors import UserError

log = logging.getLogger(__name__)

# Coordinates of a table are matched to this many decimals of a degree (about 1 m).
_DECIMALS = 5
_LAYERS = (".gpkg", ".geojson")
_PARQUET = (".parquet", ".geoparquet")


def read_rows(file: str, key: str) -> pd.DataFrame:
    """A table of the user's, a row a site; ``key`` is the place in the configuration that names the file.

    Of a CSV every cell is text (ids such as 007 and a class named NA stay what they are). The points of a GeoPackage or
    GeoJSON become the columns lon and lat (degrees, WGS 84), whatever their own reference system. Raises `UserError`
    for a file that is missing or cannot be read, and for a layer that is not one of points.
    """
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{file}: no such file", f"mend {key} (paths start at the working directory)")
    suffix = path.suffix.lower()
    if suffix in _LAYERS:
        # geopandas takes a second to import, and most tables are none of its.
        from greenup.sites.points import read_features

        return read_features(path)
    try:
        if suffix in _PARQUET:
            return pd.read_parquet(path)
        table = pd.read_csv(
            path, dtype="string", keep_default_na=False, na_values=[""], skipinitialspace=True, encoding="utf-8-sig"
        )
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file}: cannot be read ({error})", "give a CSV (UTF-8, commas), Parquet, GeoPackage or GeoJSON file"
        ) from error
    table.columns = [str(c).strip() for c in table.columns]
    return table


def columns_of(table: pd.DataFrame, columns: list[str], file: str) -> pd.DataFrame:
    """Some columns of a table; `UserError` names one that is missing and those that are there."""
    if missing := [c for c in columns if c not in table.columns]:
        there = ", ".join(str(c) for c in table.columns if c != "geometry")
        raise UserError(f"{file}: column {missing[0]!r} is missing", f"columns there: {there}")
    return table[columns]


def match_rows(table: pd.DataFrame, images: pd.DataFrame, file: str, of: str = "images") -> np.ndarray:
    """The row of the table of each of ``images`` (columns site_id, lon, lat): by site_id, or else by lon and lat.

    Returns row numbers (N,). Raises `UserError` when the table has neither, when one of the images has no row or
    several; ``of`` says in the message what they are. Rows of no image are counted in the log.
    """
    if "site_id" in table.columns:
        theirs = pd.Index(table["site_id"].astype("string").str.strip())
        ours = pd.Index(images["site_id"].astype("string"))
        what = "site_id"
    elif {"lon", "lat"} <= set(table.columns):
        places = {axis: numbers(table[axis], pd.Series(range(len(table))), file) for axis in ("lon", "lat")}
        theirs = pd.MultiIndex.from_arrays([places[axis].round(_DECIMALS) for axis in ("lon", "lat")])
        ours = pd.MultiIndex.from_arrays([images[axis].round(_DECIMALS) for axis in ("lon", "lat")])
        what = "lon, lat"
    else:
        raise UserError(f"{file}: neither column 'site_id' nor columns 'lon' and 'lat'", "add one of them")
    twice = theirs.duplicated()
    if (relevant := twice & theirs.isin(ours)).any():
        row = int(relevant.argmax())
        raise UserError(f"{file}: row {row}: {what} {theirs[row]} stands twice", "keep one row a site")
    # Rows that stand twice are of no image here; without them the look-up is unique.
    first = np.flatnonzero(~twice)
    found = theirs[first].get_indexer(ours)
    lost = found < 0
    if lost.any():
        shown = ", ".join(str(o) for o in ours[lost][:3])
        raise UserError(
            f"{file}: {int(lost.sum())} of {len(ours)} {of} have no row by {what}: {shown}",
            "add their rows (an empty cell leaves an image out)"
            + ("" if not lost.all() else f"; no {what} matches at all: is this the file of another dataset?"),
        )
    spare = len(first) - len(np.unique(found))
    if spare:
        log.info("%s: %d rows are of no image of this dataset", file, spare)
    return first[found]


def numbers(values: pd.Series, ids: pd.Series, file: str) -> pd.Series:
    """A column as finite float64, empty cells as NaN. Raises `UserError` naming the first cell that is no number."""
    if not pd.api.types.is_numeric_dtype(values):
        values = values.mask(values.astype("string").str.strip().eq("").fillna(False).astype(bool))
    found = pd.to_numeric(values, errors="coerce").astype("Float64").to_numpy("float64", na_value=np.nan)
    bad = (np.isnan(found) & values.notna().to_numpy() & ~_is_float_nan(values)) | np.isinf(found)
    if bad.any():
        row = int(bad.argmax())
        raise UserError(
            f"{file}: column {values.name!r}, {ids.iloc[row]}: {values.iloc[row]!r} is not a finite number",
            "write a number with a decimal point, or leave the cell empty to leave the image out",
        )
    return pd.Series(found, name=values.name)


def _is_float_nan(values: pd.Series) -> np.ndarray:
    return np.fromiter((isinstance(v, float) and v != v for v in values), bool, len(values))
