"""What a schema of a table is: columns with types and meaning, a key, and how a table is checked against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.errors import UserError

KINDS: dict[str, str] = {
    "text": "string",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "time": "datetime64[us, UTC]",
    "date": "datetime64[us]",
}


@dataclass(frozen=True)
class Column:
    """One column. ``kind``: text, int, float, bool, time (UTC), date, or list (of float32)."""

    name: str
    kind: str
    doc: str
    null: bool = False
    optional: bool = False  # a table may lack it


@dataclass(frozen=True)
class Schema:
    """A table's columns, its key (unique together), and whether rows are places (GeoParquet) or it is kept as CSV."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_geo: bool = False
    may_be_empty: bool = False
    is_csv: bool = False

    def check(self, table: pd.DataFrame, where: str) -> pd.DataFrame:
        """Return the table with exactly the schema's types and column order; extra columns are kept at the end.

        Text may come as categories, which millions of rows that share few texts are best held in, and stays so.

        Raises `UserError` for a missing column, a value of another type, a null where none may be, a repeated key, an
        empty table, a latitude outside -90..90 or a longitude outside -180..180.
        """
        absent = [c for c in self.columns if c.name not in table.columns]
        missing = [c.name for c in absent if not c.optional]
        if missing:
            raise UserError(f"{where}: column {missing[0]!r} is missing", f"a {self.name} table has {self.header()}")
        if table.empty and not self.may_be_empty:
            raise UserError(f"{where}: the {self.name} table has no rows", "look at the stage that made it")
        out = {}
        for c in self.columns:
            values = pd.Series(pd.NA, table.index, dtype=KINDS[c.kind]) if c in absent else table[c.name]
            if c.kind != "list":
                try:
                    if c.kind == "time":
                        values = pd.to_datetime(values, utc=True).astype(KINDS[c.kind])
                    elif c.kind == "text" and isinstance(values.dtype, pd.CategoricalDtype):
                        values = values.cat.rename_categories(values.cat.categories.astype(KINDS[c.kind]))
                    else:
                        values = values.astype(KINDS[c.kind])
                except (TypeError, ValueError) as error:
                    raise UserError(f"{where}: column {c.name!r} is not {c.kind} ({error})", c.doc) from error
            if not c.null and values.isna().any():
                row = int(values.isna().to_numpy().argmax())
                raise UserError(f"{where}: column {c.name!r}, row {row}: no value", c.doc)
            out[c.name] = values
        for extra in table.columns.difference(list(out), sort=False):
            if extra != "geometry":
                out[extra] = table[extra]
        # Columns are shared with the table given until one of the two is written to (pandas copies on write).
        checked = pd.DataFrame(out, copy=False).reset_index(drop=True)
        checked.attrs.update(table.attrs)
        for axis, limit in (("lat", 90.0), ("lon", 180.0)):
            if self.is_geo and (bad := checked[axis].abs() > limit).any():
                row = int(bad.to_numpy().argmax())
                raise UserError(
                    f"{where}: column {axis!r}, row {row}: {checked[axis][row]:g} is outside -{limit:g}..{limit:g}",
                    "write degrees (WGS 84); are lon and lat swapped?",
                )
        if self.key and not _is_rising(checked, self.key) and (twice := checked.duplicated(list(self.key))).any():
            row = int(twice.to_numpy().argmax())
            shown = ", ".join(str(checked[k][row]) for k in self.key)
            raise UserError(f"{where}: {' + '.join(self.key)} {shown} stands twice (row {row})", "make it unique")
        return checked

    def header(self) -> str:
        return ", ".join(c.name for c in self.columns)


def _is_rising(table: pd.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether each row's key of categories and whole numbers comes after the one before: then none stands twice.

    A look at neighbours instead of a hash of every row; the tables of millions of rows are made in such an order.
    """
    rank, size = np.zeros(len(table), dtype=np.int64), 1
    for name in key:
        values = table[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            number, count = values.cat.codes.to_numpy(), len(values.cat.categories)
        elif pd.api.types.is_integer_dtype(values.dtype) and len(values):
            number = values.to_numpy(dtype=np.int64)
            number = number - number.min()
            count = int(number.max()) + 1
        else:
            return False
        size *= count
        if size >= 1 << 62:
            return False
        rank = rank * count + number
    return bool((rank[1:] > rank[:-1]).all())
