"""The user's own points, from CSV, GeoPackage or GeoJSON, with errors that say where the file is wrong."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.config.sites import PointSites
from greenup.errors import UserError
from greenup.sites.region import in_region

_log = logging.getLogger(__name__)

_LIMITS = {"lon": 180.0, "lat": 90.0}
_MEND_COLUMNS = "a CSV of points has columns lon and lat (degrees, WGS 84), and may have site_id and stratum"


def sample_points(name: str, sites: PointSites) -> pd.DataFrame:
    """Sites of the user's file: site_id, lon, lat, and stratum where the file has it.

    Rows are numbered as in the file (a CSV's header is line 1). Without a column site_id the sites are named
    point_000000, point_000001, ... in the file's order. With ``region`` points outside it are left out, and the others
    keep their names. Raises `UserError` with file, line, column and value for missing columns, values that are no
    numbers or out of range, places or names that stand twice, and files that cannot be read; and for a region without
    points.
    """
    path = Path(sites.file)
    if not path.is_file():
        raise UserError(
            f"dataset {name}: {path}: no such file", "mend sites.file; paths start at the working directory"
        )
    if path.suffix.lower() in (".gpkg", ".geojson"):
        table, row_word, first = read_features(path), "feature", 1
    elif ".csv" in [s.lower() for s in path.suffixes]:
        table, row_word, first = _read_csv(path), "line", 2
    else:
        raise UserError(f"{path}: points are read from .csv, .gpkg and .geojson", "convert the file to one of these")
    if table.empty:
        raise UserError(f"{path}: the file has no points", _MEND_COLUMNS)

    def at(row: int) -> str:
        return f"{path}: {row_word} {row + first}"

    table["lon"], table["lat"] = _degrees(table, "lon", at), _degrees(table, "lat", at)
    if "site_id" not in table:
        table["site_id"] = [f"point_{i:06d}" for i in range(len(table))]
    table["site_id"] = table["site_id"].astype("string").str.strip()
    if (empty := (table["site_id"].isna() | (table["site_id"] == "")).to_numpy()).any():
        raise UserError(f"{at(int(empty.argmax()))}, column 'site_id': no value", "name every site, or drop the column")
    for columns in (["site_id"], ["lon", "lat"]):
        if (again := table.duplicated(columns).to_numpy()).any():
            row = int(again.argmax())
            same = (table[columns] == table[columns].iloc[row]).all(axis=1).to_numpy()
            shown = ", ".join(f"{c} {table[c].iloc[row]}" for c in columns)
            raise UserError(
                f"{at(row)}: {shown} stands already in {row_word} {int(same.argmax()) + first}", "drop one of the two"
            )
    table = table[[c for c in ("site_id", "lon", "lat", "stratum") if c in table]]
    inside = in_region(table["lon"].to_numpy(), table["lat"].to_numpy(), sites.region)
    if inside.all():
        return table
    if not inside.any():
        raise UserError(f"{path}: none of the {len(table)} points lies in sites.region", "widen or drop sites.region")
    _log.info("%s: %d of %d points lie outside the region and are left out", name, (~inside).sum(), len(table))
    return table[inside].reset_index(drop=True)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # As text, and without skipping blank lines, so that errors can quote the value and its line.
        table = pd.read_csv(path, dtype=str, skip_blank_lines=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", _MEND_COLUMNS) from error
    table.columns = [str(c).strip() for c in table.columns]
    for axis in _LIMITS:
        if axis not in table:
            found = ", ".join(table.columns)
            raise UserError(f"{path}: column {axis!r} is missing; the file has: {found}", _MEND_COLUMNS)
    return table


def read_features(path: Path) -> pd.DataFrame:
    """The only layer of a GeoPackage or GeoJSON, a layer of points: its columns, and lon and lat (degrees, WGS 84).

    Raises `UserError` for several layers, another kind of geometry, an unknown reference system, a damaged file.
    """
    import geopandas as gpd
    import pyogrio

    try:
        layers = pyogrio.list_layers(path)[:, 0].tolist()
        if len(layers) != 1:
            raise UserError(f"{path}: {len(layers)} layers ({', '.join(layers)})", "keep the layer of points alone")
        frame = gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "write a GeoPackage with one layer of points") from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
        raise UserError(f"{path}: the layer has no coordinate reference system", "set it, e.g. EPSG:4326")
    kinds = frame.geometry.geom_type
    if (other := (kinds != "Point").to_numpy()).any():
        row = int(other.argmax())
        raise UserError(
            f"{path}: feature {row + 1}: {kinds.iloc[row] or 'no geometry'} is not a point", "give points only"
        )
    places = frame.geometry.to_crs(4326)
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    table["lon"], table["lat"] = places.x.to_numpy(), places.y.to_numpy()
    return table


def _degrees(table: pd.DataFrame, axis: str, at) -> np.ndarray:
    text = table[axis]
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if (bad := ~np.isfinite(values)).any():
        row = int(bad.argmax())
        shown = "no value" if pd.isna(text.iloc[row]) else f"{text.iloc[row]!r} is not a number"
        raise UserError(f"{at(row)}, column {axis!r}: {shown}", "write decimal degrees such as 47.25")
    limit = _LIMITS[axis]
    if (far := np.abs(values) > limit).any():
        row = int(far.argmax())
        other = pd.to_numeric(table["lon" if axis == "lat" else "lat"], errors="coerce").iloc[row]
        swapped = "are lon and lat swapped? " if axis == "lat" and abs(values[row]) <= 180 and abs(other) <= 90 else ""
        raise UserError(
            f"{at(row)}, column {axis!r}: {values[row]:g} is outside -{limit:g}..{limit:g}",
            swapped + "write degrees (WGS 84), longitude in lon and latitude in lat",
        )
    return values
