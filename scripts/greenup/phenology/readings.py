"""Vegetation-index series from the user's own table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.phenology.user_table import PLACE_KM, numbers, site_ids
from greenup.schemas import CURVES

GOOD, MARGINAL, SNOW, CLOUDY = 0, 1, 2, 3
"""SummaryQA of the MODIS vegetation indices (MOD13 user guide, pixel reliability): 0 use with confidence, 1 useful, 2
snow or ice, 3 cloudy; -1 (255 in unsigned files) is no data."""

_NO_DATA = (-1, 255)
_TRUE, _FALSE = ("true", "t", "yes", "1", "1.0"), ("false", "f", "no", "0", "0.0")
_MEND = (
    "give site_id (or lon and lat), date (2019-04-17), evi or ndvi (-1..1), and clear and snow (true or false) or "
    "SummaryQA (0 good, 1 marginal, 2 snow, 3 cloudy)"
)
_log = logging.getLogger(__name__)


def read_curves(file: str, sites: pd.DataFrame, index: Literal["evi", "ndvi"]) -> pd.DataFrame:
    """The series of ``sites`` in a CSV or Parquet table, as a `CURVES` table whose column ``evi`` holds the index.

    Columns, in any case and order: site_id, or lon and lat (degrees; the nearest site within `PLACE_KM`); date (ISO
    8601, UTC where it says nothing else); the index, -1..1; clear and snow, or SummaryQA. With a column DayOfYear
    (MOD13: the day a composite's value is from) that day replaces the date, the first day of its composite. Without
    clear and SummaryQA every value counts as clear. Values under snow are not clear. Rows of other places, without a
    value, or with SummaryQA -1 are left out; values that are not clear are cut to -1..1, as bright clouds throw indices
    far out.

    Raises `UserError` with file, row (the first below the header is 1), column and value for a column that is missing,
    a value that cannot be read or lies out of range (with the scale that it seems to have), a site's moment that stands
    twice, and a table without a row of these sites.
    """
    path = Path(file)
    table = _read(path)
    if index not in table:
        other = {"evi": "ndvi", "ndvi": "evi"}[index]
        hint = f"set phenology.index: {other}, or add the column" if other in table else _MEND
        raise _missing(table, index, path, hint)
    if "date" not in table:
        raise _missing(table, "date", path, _MEND)
    clear, snow, is_known = _flags(table, path)
    given = _times(table, path)
    out = pd.DataFrame({"site_id": site_ids(table, sites, path, _MEND), "time": _composite_days(table, given, path)})
    values = numbers(table, index, path, _MEND)
    out["evi"] = _in_range(values, clear & is_known, index, path)
    out["clear"], out["snow"] = clear & ~snow, snow
    keep = out["site_id"].notna().to_numpy() & is_known & np.isfinite(values)
    if not keep.any():
        raise UserError(
            f"{path}: none of its rows belongs to a site of this dataset and has a value",
            "check site_id, or lon and lat, and the index",
        )
    out = out[keep]
    if (twice := out.assign(time=given).duplicated(["site_id", "time"])).any():
        row = int(out.index[twice][0])
        raise UserError(
            f"{path}: row {row + 1}: site {out['site_id'][row]}, {given[row]:%Y-%m-%d %H:%M} stands twice",
            "keep one value a site and moment; only one series may lie within "
            f"{PLACE_KM:g} km of a site when rows have lon and lat",
        )
    # The last composite of a year and the first of the next overlap, and may both have taken the same day: the better
    # one stays.
    out = out.sort_values(["site_id", "time", "clear", "snow"], ascending=[True, True, False, False], kind="stable")
    out = CURVES.check(out.drop_duplicates(["site_id", "time"]), str(path))
    _log.info(
        "%s: %d %s values of %d sites, %.0f %% clear, %.0f %% under snow",
        path, len(out), index.upper(), out["site_id"].nunique(), 100 * out["clear"].mean(), 100 * out["snow"].mean(),
    )  # fmt: skip
    return out


def _read(path: Path) -> pd.DataFrame:
    """The table with stripped, lower-case column names."""
    if not path.is_file():
        raise UserError(f"{path}: no such file", "mend phenology.file; paths start at the working directory")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path)
        else:
            # Names such as 007 and dates such as 20190417 are no numbers.
            header = pd.read_csv(path, nrows=0).columns
            texts = {c: str for c in header if str(c).strip().lower() in ("site_id", "date")}
            table = pd.read_csv(path, dtype=texts, low_memory=False)
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV or Parquet ({error})", _MEND) from error
    table.columns = [str(c).strip().lower() for c in table.columns]
    if table.columns.has_duplicates:
        raise UserError(f"{path}: column {table.columns[table.columns.duplicated()][0]!r} stands twice", "keep one")
    if table.empty:
        raise UserError(f"{path}: the table has no rows", _MEND)
    return table.reset_index(drop=True)


def _missing(table: pd.DataFrame, column: str, path: Path, mend: str) -> UserError:
    return UserError(f"{path}: column {column!r} is missing; the file has: {', '.join(table.columns)}", mend)


def _in_range(values: np.ndarray, clear: np.ndarray, index: str, path: Path) -> np.ndarray:
    """The values, those that are not clear cut to -1..1. Refused: clear ones outside of it, and whole other scales."""
    far = np.abs(values) > np.where(clear, 1.0, 100.0)
    if far.any():
        row = int(far.argmax())
        value = abs(values[row])
        scale = 10_000 if value > 100 else 100 if value > 2 else None
        raise UserError(
            f"{path}: row {row + 1}, column {index!r}: {values[row]:g} is outside -1..1",
            f"it looks like {index.upper()} x {scale:,}: divide the column by {scale:,}, and empty its fill values"
            if scale
            else "mend the value, or write clear: false for it",
        )
    return np.clip(values, -1.0, 1.0)


def _times(table: pd.DataFrame, path: Path) -> pd.Series:
    given = table["date"]
    if pd.api.types.is_numeric_dtype(given):
        times = pd.Series(pd.NaT, index=given.index)
    else:
        times = pd.to_datetime(given, utc=True, errors="coerce", format=None if _is_time(given) else "ISO8601")
    if (bad := times.isna().to_numpy()).any():
        row = int(bad.argmax())
        raise UserError(f"{path}: row {row + 1}, column 'date': {given.iloc[row]!r} is no date", "write 2019-04-17")
    return times


def _composite_days(table: pd.DataFrame, times: pd.Series, path: Path) -> pd.Series:
    """The days that the values of composites are from, where the table tells them; else the times themselves."""
    if "dayofyear" not in table:
        return times
    doy = numbers(table, "dayofyear", path, _MEND)
    if (bad := np.isfinite(doy) & ~((doy >= 1) & (doy <= 366))).any():
        row = int(bad.argmax())
        raise UserError(f"{path}: row {row + 1}, column 'dayofyear': {doy[row]:g} is no day of year", "write 1 to 366")
    # A composite that starts in December may hold a day of January.
    year = times.dt.year + (times.dt.day_of_year - doy > 180)
    january = pd.to_datetime(year.astype(str) + "-01-01", utc=True)
    return (january + pd.to_timedelta(doy - 1, unit="D")).fillna(times)


def _is_time(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column)


def _flags(table: pd.DataFrame, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clear, snow, and whether a row is an observation at all."""
    everywhere = np.ones(len(table), dtype=bool)
    if "summaryqa" in table:
        if both := [c for c in ("clear", "snow") if c in table]:
            raise UserError(f"{path}: it has both SummaryQA and {both[0]}", "keep one of them: they may disagree")
        quality = numbers(table, "summaryqa", path, _MEND)
        known = np.isin(quality, (GOOD, MARGINAL, SNOW, CLOUDY))
        if (bad := ~known & np.isfinite(quality) & ~np.isin(quality, _NO_DATA)).any():
            row = int(bad.argmax())
            raise UserError(f"{path}: row {row + 1}, column 'summaryqa': {quality[row]:g} is none of -1, 0-3", _MEND)
        return np.isin(quality, (GOOD, MARGINAL)), quality == SNOW, known
    snow = _truth(table, "snow", path) if "snow" in table else ~everywhere
    if "clear" in table:
        return _truth(table, "clear", path), snow, everywhere
    _log.warning("%s: neither clear nor SummaryQA: every value that is not under snow counts as clear", path)
    return ~snow, snow, everywhere


def _truth(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    text = table[column].astype("string").str.strip().str.lower()
    known = text.isin([*_TRUE, *_FALSE]).to_numpy()
    if not known.all():
        row = int((~known).argmax())
        shown = table[column].iloc[row]
        raise UserError(
            f"{path}: row {row + 1}, column {column!r}: {'no value' if pd.isna(shown) else repr(shown)}",
            "write true or false",
        )
    return text.isin(_TRUE).to_numpy(dtype=bool)
