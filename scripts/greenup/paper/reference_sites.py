"""Real sites with their dates, against which samplings are held."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from greenup.errors import UserError

_COLUMNS = ("site_id", "lon", "lat", "time")


def read_reference(path: str | Path) -> pd.DataFrame:
    """Real sites: site_id, lon, lat (degrees), time (UTC), one row an image, from Parquet or CSV.

    Raises `UserError` naming file and column for a file that cannot be read, lacks a column, or has a site whose number
    of images differs from the others'.
    """
    try:
        table = pd.read_parquet(path) if Path(path).suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", f"give a table of {', '.join(_COLUMNS)}") from error
    if lacking := [c for c in _COLUMNS if c not in table]:
        raise UserError(f"{path}: column {lacking[0]!r} is missing", f"give a table of {', '.join(_COLUMNS)}")
    table = table[list(_COLUMNS)].assign(time=pd.to_datetime(table["time"], utc=True))
    counts = table["site_id"].value_counts()
    if counts.empty or counts.min() != counts.max():
        raise UserError(f"{path}: sites have unequal numbers of images", "give as many rows for every site")
    return table.sort_values(["site_id", "time"], ignore_index=True)
