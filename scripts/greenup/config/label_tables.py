"""The table of published labels, config/label_tables.csv: tables of labelled points, and the maps and occurrences that
such tables were made of. Imports nothing heavy: every job plans anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import ClassVar

from greenup.errors import UserError
from greenup.listing import check_address, is_plain, read_rows

TABLE = Path(__file__).resolve().parents[3] / "config" / "label_tables.csv"
"""One row a file; the columns are the fields of `LabelTable`."""

TABLE_VARIABLE = "GREENUP_LABEL_TABLES"
"""Environment variable that names a table to read in place of config/label_tables.csv: own mirrors, tests."""

FOLDER = "data/label_tables"
"""Where the files lie, below the working directory."""

LEGENDS = TABLE.parent / "legends"
"""Folder of the named legends: CSV files with columns value, class and note."""

KINDS: tuple[str, ...] = ("points", "raster", "occurrences")
"""Labelled points (CSV with ind, lon, lat); a map (GeoTIFF); species at cells of a grid (CSV)."""


@dataclass(frozen=True)
class LabelColumn:
    """What a column of labels, or the value of a map, means."""

    column: str
    """Name in the file; ``value`` of a map."""
    kind: str
    """class (a number of a legend), text (a class name as it stands), list (names between commas) or number."""
    meaning: str
    """Of a class the legend, of a number the name of the target with its unit; empty for others."""


@dataclass(frozen=True)
class LabelTable:
    """A row of config/label_tables.csv: one file that can be fetched."""

    name: str
    """What a study writes."""
    kind: str
    """One of `KINDS`."""
    title: str
    file: str
    """Name of the file below data/label_tables/."""
    url: str
    mirror: str
    """Second address, tried when the first fails; empty where none is known."""
    checksum: str
    """``sha256:`` or ``md5:`` and digits; where empty, the sha256 of the first download must not change."""
    member: str
    """File inside the zip archive at the address; empty: the file is no archive."""
    columns: tuple[LabelColumn, ...]
    """Columns that hold labels; in the file ``name:kind:meaning``, parted by spaces."""
    rows: int
    """About how many points it has (for the plan of costs); 0 for others."""
    licence: str
    citation: str
    """What to cite, without a full stop."""
    source: str
    """Page where the publisher hands it out."""

    table: ClassVar[str] = "config/label_tables.csv"

    @property
    def path(self) -> Path:
        """Where the file lies once fetched, below the working directory."""
        return Path(FOLDER, self.file)

    @property
    def download(self) -> str:
        """Name of what is downloaded: addresses of these publishers seldom end in one."""
        return f"{self.name}.zip" if self.member else self.file

    @property
    def attribution(self) -> str:
        return self.citation

    @property
    def instead(self) -> str:
        """What to do where no address can be reached."""
        return (
            f"fetch it from {self.source} and put it at {self.path} (unpacked); or name a mirror in a table of your "
            f"own ({TABLE_VARIABLE})"
        )

    def column(self, name: str) -> LabelColumn:
        """A column by its name; `UserError` with those that the table has."""
        for column in self.columns:
            if column.column == name:
                return column
        there = ", ".join(c.column for c in self.columns) or "none"
        raise UserError(f"label table {self.name!r} has no column {name!r} of labels", f"its columns are {there}")


def known() -> dict[str, LabelTable]:
    """Rows of config/label_tables.csv, or of the table that `TABLE_VARIABLE` names, by name.

    Raises `UserError` with the line for a table that is missing or has a row that cannot be right.
    """
    return _read(Path(os.environ.get(TABLE_VARIABLE) or TABLE))


def table_named(name: str, *kinds: str) -> LabelTable:
    """A row by its name, which must be of one of the kinds, if any is named; `UserError` with the choices."""
    found = known().get(name)
    if found is None or (kinds and found.kind not in kinds):
        fitting = [n for n, t in known().items() if not kinds or t.kind in kinds]
        what = f"{name!r} is none of config/label_tables.csv" if found is None else f"{name!r} is of kind {found.kind}"
        raise UserError(f"label table {what}", f"choose from: {', '.join(fitting) or 'none'}")
    return found


def resolve(value: str, kind: str) -> tuple[Path, LabelTable | None]:
    """The file that a value stands for: that of the row of this name, or a path of the user's own.

    A path has a suffix, a name has none. Raises `UserError` for a name that is not known, or of another kind.
    """
    if value in known() or not PurePosixPath(value).suffix:
        row = table_named(value, kind)
        return row.path, row
    return Path(value), None


def fetchable(path: str | Path) -> LabelTable | None:
    """The row whose file lies at a path below the working directory; None for a file of the user's own."""
    return next((t for t in known().values() if t.path == Path(path)), None)


def is_named_legend(name: str) -> bool:
    """Whether a legend is one of config/legends/, which wins over a path."""
    return (LEGENDS / f"{name}.csv").is_file()


def legend_path(name: str) -> Path:
    """The file of a legend: a name of config/legends/, or a path. Raises `UserError` where there is none."""
    path = LEGENDS / f"{name}.csv" if is_named_legend(name) else Path(name)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in LEGENDS.glob("*.csv")))
        raise UserError(f"legend {name!r} is neither a file nor one of config/legends", f"its names are {names}")
    return path


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, LabelTable]:
    names = [f.name for f in fields(LabelTable)]
    found: dict[str, LabelTable] = {}
    for where, row in read_rows(path, names, TABLE_VARIABLE):
        table = _row(row, where)
        if table.name in found or table.file in {t.file for t in found.values()}:
            raise UserError(f"{where}: name {table.name!r} or file {table.file!r} is taken", "write others")
        found[table.name] = table
    return found


def _row(cells: dict[str, str], where: str) -> LabelTable:
    if cells["kind"] not in KINDS:
        raise UserError(f"{where}: kind {cells['kind']!r}", f"choose from: {', '.join(KINDS)}")
    if not cells["name"].replace("_", "").isalnum() or not is_plain(cells["file"]):
        raise UserError(f"{where}: name {cells['name']!r} or file {cells['file']!r} is none", "write plain names")
    for url in (cells["url"], *filter(None, [cells["mirror"]])):
        check_address(url, where)
    kind, _, digits = cells["checksum"].partition(":")
    if cells["checksum"] and len(digits) != {"sha256": 64, "md5": 32}.get(kind):
        raise UserError(f"{where}: checksum {cells['checksum']!r} is neither", "write sha256:<64 digits> or md5:<32>")
    if cells["rows"] and not cells["rows"].isdigit():
        raise UserError(f"{where}: rows {cells['rows']!r} is no number", "write a whole number, or leave it empty")
    columns = tuple(_column(text, where) for text in cells["columns"].split())
    return LabelTable(**{**cells, "columns": columns, "rows": int(cells["rows"] or 0)})


def _column(text: str, where: str) -> LabelColumn:
    name, kind, meaning, *_ = [*text.split(":"), "", ""]
    if not name or kind not in ("class", "text", "list", "number") or (kind in ("class", "number")) != bool(meaning):
        raise UserError(
            f"{where}: column {text!r} cannot be read",
            "write name:class:<legend>, name:number:<target>, name:text or name:list",
        )
    if kind == "class":
        legend_path(meaning)
    return LabelColumn(name, kind, meaning)
