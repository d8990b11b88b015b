"""Tables of files that can be fetched: config/sources.csv, config/weights.csv, config/label_tables.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from greenup.errors import UserError


def read_rows(path: Path, columns: Sequence[str], variable: str) -> list[tuple[str, dict[str, str]]]:
    """Each row of a CSV as where it stands (``<path>, line <n>``) and its values, stripped, by column.

    ``variable``: the environment variable that may name another table. Raises `UserError` for a table that
    cannot be read or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", f"mend the path in {variable}") from None
    if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
        raise UserError(f"{path}: column {missing[0]!r} is missing", f"the columns are {', '.join(columns)}")
    return [(f"{path}, line {n}", {c: (row[c] or "").strip() for c in columns}) for n, row in enumerate(rows, start=2)]
