"""Items of a stac-geoparquet file: one row an item, properties as columns, assets as a struct.

Read with pyarrow alone, by the STAC GeoParquet specification (stac-utils): columns id, geometry (WKB, degrees), assets,
datetime; the STAC collection, if any, as JSON in the file's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pystac
import shapely

from greenup.errors import UserError

_REQUIRED = ("id", "geometry", "assets")
# Columns that are members of the item itself; all others are its properties.
_MEMBERS = {"type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection"}
# In this order: written by the specification, and by its Python library since 0.7.
_COLLECTIONS = (b"stac:collection", b"stac-geoparquet", b"stac:collections")
_ROWS_AT_ONCE = 5_000


def read_items(path: Path) -> tuple[list[pystac.Item], list[str]]:
    """All items with absolute asset links, and the attributions of their collections.

    Relative links count from the file's own folder. Raises `UserError` naming file and column for a file that is no
    stac-geoparquet.
    """
    try:
        with parquet.ParquetFile(path) as file:
            _check(file.schema_arrow, path)
            items = [
                _item(row, path)
                for batch in file.iter_batches(_ROWS_AT_ONCE)
                for row in batch.to_pylist()  # datetimes of nanoseconds would need pandas; STAC has microseconds
            ]
            return items, list(_attributions(file.schema_arrow.metadata or {}))
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error})", "mend or make the index again") from error


def _check(schema: pyarrow.Schema, path: Path) -> None:
    missing = [name for name in _REQUIRED if name not in schema.names]
    if "datetime" not in schema.names and "start_datetime" not in schema.names:
        missing.append("datetime")
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}",
            "write it as the STAC GeoParquet specification says, e.g. `rustac translate items.json index.parquet`",
        )
    crs = _json(schema.metadata, b"geo").get("columns", {}).get("geometry", {}).get("crs")
    # Without a CRS GeoParquet means longitude and latitude.
    name = crs.get("id", {}) if isinstance(crs, dict) else {}
    if name and (name.get("authority"), str(name.get("code"))) not in (("OGC", "CRS84"), ("EPSG", "4326")):
        raise UserError(f"{path}: geometry in {name.get('authority')}:{name.get('code')}", "write it in degrees")


def _item(row: dict[str, Any], path: Path) -> pystac.Item:
    row = _without_nulls(row)
    where = f"{path}: item {row.get('id')}"
    if not isinstance(row.get("id"), str) or "geometry" not in row or "assets" not in row:
        raise UserError(f"{where}: no id, geometry or assets", "write all three; scenes are found and read by them")
    try:
        footprint = shapely.from_wkb(row["geometry"])
    except (shapely.errors.GEOSException, TypeError) as error:
        raise UserError(f"{where}: geometry is no WKB ({error})", "write the index again") from error
    times = {name: _time(row.get(name)) for name in ("datetime", "start_datetime", "end_datetime")}
    if times["datetime"] is None and (times["start_datetime"] is None or times["end_datetime"] is None):
        raise UserError(f"{where}: no datetime", "write it; scenes are found by it")
    item = pystac.Item(
        row["id"],
        shapely.geometry.mapping(footprint),
        list(footprint.bounds),
        times["datetime"],
        {k: v for k, v in row.items() if k not in _MEMBERS | set(times)},
        start_datetime=times["start_datetime"],
        end_datetime=times["end_datetime"],
        collection=row.get("collection"),
    )
    for key, fields in row["assets"].items():
        if "href" in fields:
            asset = pystac.Asset.from_dict(fields)
            asset.href = _absolute(asset.href, path)
            item.add_asset(key, asset)
    return item


def _without_nulls(value: Any) -> Any:
    """What a struct of uniform rows holds beyond the item's own fields is null: left out."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _time(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    time = pystac.utils.str_to_datetime(value) if isinstance(value, str) else value
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _absolute(href: str, path: Path) -> str:
    return href if "://" in href or href.startswith("/vsi") else str((path.parent / href).resolve())


def _attributions(metadata: dict[bytes, bytes]) -> Iterator[str]:
    for key in _COLLECTIONS:
        stored = _json(metadata, key)
        stored = stored.get("collections", stored)
        for collection in [stored, *stored.values()]:
            if isinstance(collection, dict) and isinstance(collection.get("attribution"), str):
                yield collection["attribution"]


def _json(metadata: dict[bytes, bytes] | None, key: bytes) -> dict[str, Any]:
    try:
        stored = json.loads((metadata or {}).get(key, b"{}"))
    except ValueError:
        return {}
    return stored if isinstance(stored, dict) else {}
