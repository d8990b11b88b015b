"""Tables of files that can be fetched: config/sources.csv, config/weights.csv, config/label_tables.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from greenup.errors import UserError
from greenup.redact import has_credentials


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


def check_address(url: str, where: str) -> None:
    """Refuse (`UserError`) what is no http(s) address, and one with a password, token or signature in it: it would be
    kept in logs and in Snakemake's records."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{where}: {url!r} is no address", "write http:// or https:// and where the file lies")
    if has_credentials(url):
        raise UserError(
            f"{where}: {url!r} holds a password, token or signature",
            "leave it out: logins are read from ~/.netrc; what needs a signed link is fetched by hand",
        )


def is_plain(name: str) -> bool:
    """Whether a name is that of a file in the folder where it is to lie: not empty, no path, not hidden."""
    return bool(name) and "/" not in name and not name.startswith(".")
