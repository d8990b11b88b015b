"""The user's own windows from a table: which days to search, site by site."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.phenology.intervals import Days, Intervals

_COLUMNS = ("site_id", "season", "first", "last")
_MEND = "give site_id, season, first and last, the dates such as 2020-05-01"

_log = logging.getLogger(__name__)


def read_windows(file: str, sites: pd.DataFrame) -> Intervals:
    """The windows of ``sites`` in a CSV: site_id, season, first and last day (both included).

    A site's season may have several windows that do not overlap, one beginning in a year. Rows of other places are left
    out and counted in the log; sites without rows have no season. Raises `UserError` with file, line, column and value
    for a missing column, an empty value, a date that is none, a window that ends before it begins, windows of one
    season that overlap or begin in one year, and where no row belongs to a site.
    """
    path = Path(file)
    table = _read(path)
    first, last = (_dates(table, name, path) for name in ("first", "last"))
    if (backward := last < first).any():
        row = int(backward.argmax())
        raise UserError(
            f"{path}: line {row + 2}, column 'last': {last[row]} lies before the first day, {first[row]}",
            "write the first day in `first`, and dates with their years",
        )
    site = pd.Index(sites["site_id"]).get_indexer(table["site_id"])
    here = site >= 0
    if not here.any():
        raise UserError(
            f"{path}: none of its rows belongs to a site of this dataset",
            f"column 'site_id' has e.g. {table['site_id'].iloc[0]!r}; the sites are named like "
            f"{sites['site_id'].iloc[0]!r}",
        )
    if not here.all():
        _log.info("%s: %d of %d rows belong to no site of this dataset", path, int((~here).sum()), len(table))
    season, names = pd.factorize(table["season"])
    year = first.astype("datetime64[Y]").astype(np.int64) + 1970
    # In the order of the sites, then of the seasons, then of time.
    order = np.lexsort((first, season, site))
    order = order[here[order]]
    site, season, year, first, last = (values[order] for values in (site, season, year, first, last))
    same = (site[1:] == site[:-1]) & (season[1:] == season[:-1])
    for clash, what, mend in (
        (same & (first[1:] <= last[:-1]), "overlaps", "windows of one season must not share a day; join the two"),
        (same & (year[1:] == year[:-1]), "begins in the year of", "give the two windows different season names"),
    ):
        if clash.any():
            i = int(clash.argmax())
            raise UserError(
                f"{path}: line {order[i + 1] + 2}, column 'first': {first[i + 1]} {what} the window in line "
                f"{order[i] + 2} (site {table['site_id'].iloc[order[i]]}, season {names[season[i]]})",
                mend,
            )
    middle = first + (last - first) // 2
    return Intervals(tuple(map(str, names)), site, season, year, first, middle, last)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: no such file", "mend seasons.file; paths start at the working directory")
    try:
        # As text, and without skipping blank lines, so that errors can quote the value and its line.
        table = pd.read_csv(
            path, dtype=str, skip_blank_lines=False, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", _MEND) from error
    table.columns = [str(c).strip() for c in table.columns]
    for name in _COLUMNS:
        if name not in table:
            found = ", ".join(table.columns)
            raise UserError(f"{path}: column {name!r} is missing; the file has: {found}", _MEND)
    if table.empty:
        raise UserError(f"{path}: the file has no rows", _MEND)
    table = table[list(_COLUMNS)].apply(lambda column: column.str.strip())
    for name in _COLUMNS:
        if (empty := (table[name] == "").to_numpy()).any():
            raise UserError(f"{path}: line {int(empty.argmax()) + 2}, column {name!r}: no value", _MEND)
    return table


def _dates(table: pd.DataFrame, name: str, path: Path) -> Days:
    dates = pd.to_datetime(table[name], format="%Y-%m-%d", errors="coerce")
    if (bad := dates.isna().to_numpy()).any():
        row = int(bad.argmax())
        raise UserError(
            f"{path}: line {row + 2}, column {name!r}: {table[name].iloc[row]!r} is not a date",
            "write year-month-day such as 2020-05-01",
        )
    return dates.to_numpy().astype("datetime64[D]")
