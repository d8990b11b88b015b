"""MCD12Q2 dates from the user's own table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.phenology.doy import year_of
from greenup.phenology.fill import DATES
from greenup.phenology.mcd12q2 import DATE_LAYERS, FILL, Cycle, choose_cycle, layers_of, split_layer
from greenup.phenology.user_table import numbers, site_ids

_MEND = (
    "give site_id (or lon and lat), year, Greenup, Maturity, Senescence, Dormancy in days since 1970-01-01, 32767 for "
    "none; names as in the product (Greenup_1) will do"
)

_HALFWAY = {"Maturity": "MidGreenup", "Senescence": "MidGreendown"}


def read_dates(
    file: str,
    sites: pd.DataFrame,
    *,
    cycle: Cycle = "first",
    max_quality: int | None = None,
    is_halfway: bool = False,
) -> pd.DataFrame:
    """The dates of ``sites`` in a CSV or Parquet table: site_id, year, greenup, maturity, senescence, dormancy (days
    since 1970-01-01, NaN where there is none).

    Columns are named as the product's layers, in any case. Cycle 1 may go without its suffix (Greenup or Greenup_1);
    cycle 2 is Greenup_2 and so on. ``max_quality`` needs QA_Overall, ``cycle: largest`` both cycles and their
    EVI_Amplitude; see `mcd12q2.choose_cycle`. ``is_halfway`` reads MidGreenup and MidGreendown, where EVI passes half
    of its amplitude, as maturity and senescence. Rows of other places are left out. Raises `UserError` with file, row,
    column and value when a column is missing, a value is no day near its year, a site's year stands twice, or no row
    belongs to a site.
    """
    path = Path(file)
    table = _read(path)
    stand_in = _HALFWAY if is_halfway else {}
    columns = {
        layer: _column(table, f"{stand_in.get(name, name)}_{number}", path)
        for layer in layers_of(cycle, max_quality)
        for name, number in [split_layer(layer)]
    }
    if "year" not in table:
        raise UserError(f"{path}: column 'year' is missing; the file has: {', '.join(table.columns)}", _MEND)
    year = numbers(table, "year", path, _MEND)
    if (bad := ~np.isfinite(year)).any():
        raise UserError(f"{path}: row {int(bad.argmax()) + 1}, column 'year': no value", _MEND)
    layers = {}
    for layer, column in columns.items():
        values = numbers(table, column, path, _MEND)
        values[values == FILL] = np.nan
        if split_layer(layer)[0] in DATE_LAYERS:
            _check_days(values, year, column, path)
        layers[layer] = values
    out = pd.DataFrame({"site_id": site_ids(table, sites, path, _MEND), "year": year.astype(np.int64)})
    out[list(DATES)] = choose_cycle(layers, cycle, max_quality)
    out = out[out["site_id"].notna()].reset_index(drop=True)
    if out.empty:
        raise UserError(f"{path}: none of its rows belongs to a site of this dataset", "check site_id, or lon and lat")
    if (twice := out.duplicated(["site_id", "year"])).any():
        first = out[twice].iloc[0]
        raise UserError(
            f"{path}: site {first['site_id']}, year {first['year']} stands twice",
            "write one row a site and year; a second cycle goes into columns Greenup_2, ...",
        )
    return out


def _check_days(days: np.ndarray, year: np.ndarray, column: str, path: Path) -> None:
    # A cycle's dates may lie in the year before or after the one it is counted to, never further off.
    far = np.abs(year_of(days) - year) > 1
    if far.any():
        row = int(far.argmax())
        hint = "it looks like a day of year; " if 0 < days[row] <= 366 else ""
        raise UserError(
            f"{path}: row {row + 1}, column {column!r}: {days[row]:g} is no day of {year[row]:.0f}",
            f"{hint}write days since 1970-01-01, and {FILL} where there is no date",
        )


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: no such file", "mend phenology.file; paths start at the working directory")
    try:
        table = (
            pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path, dtype={"site_id": str})
        )
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV or Parquet ({error})", _MEND) from error
    table.columns = [str(c).strip() for c in table.columns]
    return table


def _column(table: pd.DataFrame, layer: str, path: Path) -> str:
    """The file's name of a layer: Greenup_1 may be greenup_1, Greenup or greenup."""
    name, number = split_layer(layer)
    wanted = {layer.lower(), name.lower()} if number == 1 else {layer.lower()}
    found = [column for column in table.columns if column.lower() in wanted]
    if len(found) > 1:
        raise UserError(f"{path}: columns {found[0]!r} and {found[1]!r} are the same layer", "keep one of them")
    if found:
        return found[0]
    if name in _HALFWAY.values():
        why = "phenology.halfway: true reads it; leave that out where the table has Maturity and Senescence"
    elif name in DATE_LAYERS:
        why = f"the evi rule needs all four dates: {_MEND}"
        if name in _HALFWAY:
            why += "; a table with MidGreenup and MidGreendown instead is read with halfway: true"
    else:
        why = f"phenology.{'max_quality' if name == 'QA_Overall' else 'cycle: largest'} needs it"
    if number == 2:
        why += "; without second cycles write cycle: first"
    shown = name if number == 1 else layer
    raise UserError(f"{path}: column {shown!r} is missing; the file has: {', '.join(table.columns)}", why)
