"""Reading and writing files so that a half-written one never carries its final name.

Tables are Parquet (GeoParquet where a row is a place). Each carries in its metadata the name of its schema
(`greenup.schemas`), whether its content is simulated, and the attribution line of its sources.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from greenup.errors import UserError
from greenup.schemas import Schema

_META = b"greenup"
_GROUP_ROWS = 1 << 20
_HOST = hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


@contextmanager
def atomic_path(final: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``final``; on success sync it and rename it into place, on failure remove it.

    Two writers of one file do no harm: each has its own temporary name and the later rename wins whole. What a writer
    killed on this machine has left behind is removed by the next one.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    remove_orphans(final.parent, glob.escape(final.name))
    temporary = final.with_name(f".{final.name}.{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(final)
        directory = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        temporary.unlink(missing_ok=True)


def remove_orphans(folder: Path, name: str = "*") -> None:
    """Remove the temporary files of a folder, or those of one name in it (a glob pattern), whose writer, on this
    machine, is no more."""
    for path in folder.glob(f".{name}.{_HOST}-*.part"):
        pid = path.name.rsplit(f".{_HOST}-", 1)[1].split("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except PermissionError:
            # It lives, as another user.
            continue


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON (sorted keys as given, two-space indent) whole or not at all; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON; a damaged file is a `UserError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})", "delete it and run again") from error


def write_table(
    path: str | Path, table: pd.DataFrame, schema: Schema, *, simulated: bool, attribution: str, **extra: Any
) -> None:
    """Check a table against its schema and write it as (Geo)Parquet whole or not at all.

    ``extra`` (JSON-able) is kept in the file's metadata and comes back as ``read_table(...).attrs``.
    """
    table = schema.check(table, str(path))
    table.attrs = {}  # what it was read with is not what this file says of itself
    meta = {"schema": schema.name, "simulated": simulated, "attribution": attribution, **extra}
    if schema.is_geo:
        frame = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=4326)
        with atomic_path(path) as temporary:
            frame.to_parquet(temporary, index=False, compression="zstd")
            arrow = pq.read_table(temporary)
            _write_arrow(arrow, temporary, meta)
    else:
        with atomic_path(path) as temporary:
            _write_arrow(pa.Table.from_pandas(table, preserve_index=False), temporary, meta)


def _write_arrow(arrow: pa.Table, path: Path, meta: dict[str, Any]) -> None:
    """Write in row groups of `_GROUP_ROWS`; categories become the text they stand for, a group at a time."""
    merged = {**(arrow.schema.metadata or {}), _META: json.dumps(meta).encode()}
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in arrow.schema]
    plain = pa.schema(fields, metadata=merged)
    with pq.ParquetWriter(path, plain, compression="zstd") as writer:
        for start in range(0, max(arrow.num_rows, 1), _GROUP_ROWS):
            writer.write_table(arrow.slice(start, _GROUP_ROWS).cast(plain), row_group_size=_GROUP_ROWS)


def read_table(
    path: str | Path, schema: Schema | None = None, *, only: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Read a table written by `write_table`; its metadata (simulated, attribution, ...) stands in ``.attrs``.

    ``only``: columns and the values whose rows are wanted; the others are dropped while reading, which of millions of
    rows takes a fraction of the time and memory. Raises `UserError` naming the file when it is missing, damaged, of
    another schema, or empty where rows are required.
    """
    path = Path(path)
    arrow = _read_arrow(
        path, filters=[(column, "in", list(values)) for column, values in only.items()] if only else None
    )
    meta = json.loads((arrow.schema.metadata or {}).get(_META, b"{}"))
    if b"geo" in (arrow.schema.metadata or {}):
        arrow = arrow.drop_columns(["geometry"])
    table = arrow.to_pandas()
    if schema is not None:
        if meta.get("schema") not in (schema.name, None):
            raise UserError(f"{path}: holds {meta['schema']!r}, expected {schema.name!r}", "check which file is given")
        table = schema.check(table, str(path))
    table.attrs.update(meta)
    return table


def read_columns(paths: Sequence[str | Path], schema: Schema, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of several tables of one schema, one below the other; nothing else of the files is read.

    For tables of millions of rows of which a few columns are wanted. Texts that are not ``site_id`` come as categories;
    values are not checked. ``attrs`` are those of the first table, but ``simulated`` tells whether any of them is.
    Raises `UserError` naming a file that is missing, damaged, of another schema, or without a column.
    """
    parts, metas = [], []
    for path in map(Path, paths):
        arrow = _read_arrow(path, columns=list(columns))
        if lacking := [c for c in columns if c not in arrow.column_names]:
            raise UserError(f"{path}: column {lacking[0]!r} is missing", f"a {schema.name} table has {schema.header()}")
        meta = json.loads((arrow.schema.metadata or {}).get(_META, b"{}"))
        if meta.get("schema") not in (schema.name, None):
            raise UserError(f"{path}: holds {meta['schema']!r}, expected {schema.name!r}", "check which file is given")
        metas.append(meta)
        parts.append(arrow.replace_schema_metadata(None))
    if not parts:
        raise ValueError("no tables given")
    # A table without a row may have lost the types of its columns.
    full = [p for p in parts if p.num_rows] or parts[:1]
    arrow = pa.concat_tables(full, promote_options="permissive")
    for i, field in enumerate(arrow.schema):
        if field.name != "site_id" and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            arrow = arrow.set_column(i, field.name, arrow[i].dictionary_encode().unify_dictionaries())
    table = arrow.to_pandas()
    table.attrs.update(metas[0] | {"simulated": any(bool(m.get("simulated")) for m in metas)})
    return table


def distinct(path: str | Path, column: str) -> list[str]:
    """The values of one column of a table, each once, as they first appear; nothing else of the file is read."""
    return _read_arrow(Path(path), columns=[column])[column].unique().to_pylist()


def _read_arrow(path: Path, **how: Any) -> pa.Table:
    try:
        return pq.read_table(path, **how)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file", "make it by running the workflow, or mend the path") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: damaged or not Parquet ({error})", "delete it and run again") from error


def checksum(*parts: bytes) -> str:
    """128-bit BLAKE2b of some bytes as hexadecimal text."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
