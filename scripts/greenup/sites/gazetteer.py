"""Lists of cities: the packaged GeoNames, its own cities15000.txt, or a CSV such as simplemaps'."""

from __future__ import annotations

import csv
import io
import zipfile
from functools import lru_cache
from pathlib import Path

import pandas as pd

from greenup.archives import read_member
from greenup.errors import UserError
from greenup.sites import packaged
from greenup.sites.sources import SiteData

COLUMNS: tuple[str, ...] = ("name", "country", "lon", "lat", "population")
"""Columns of every list of cities."""

_GEONAMES = {1: "name", 4: "lat", 5: "lon", 8: "country", 14: "population"}
_GEONAMES_COLUMNS = 19
_NAMES = {
    "name": ("name", "city_ascii", "city"),
    "country": ("country", "country_code", "iso2"),
    "lon": ("lon", "lng", "longitude"),
    "lat": ("lat", "latitude"),
    "population": ("population", "pop"),
}


def cities(data: SiteData) -> pd.DataFrame:
    """Cities as name, country, lon, lat (degrees), population, largest first; equal ones by name, lon, lat.

    With ``data.cities`` a CSV with a header (lon, lng or longitude; lat or latitude; population, an empty one counting
    as 0, as in simplemaps' world cities), or GeoNames' tab-separated table (19 columns, no header); either may stand
    alone in a zip archive. Raises `UserError` for another file, and for a row without a place.
    """
    if data.cities is None:
        return packaged.cities()
    return _read(data.cities, data.cities.stat().st_mtime_ns).copy()


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> pd.DataFrame:
    text = _text(path)
    table = _geonames(path, text) if _is_geonames(text) else _with_header(path, text)
    for column in ("lon", "lat", "population"):
        values = pd.to_numeric(table[column], errors="coerce")
        if column == "population":
            # ASSUME: an unknown population is a small one; simplemaps leaves it empty where no census counts.
            values = values.where(values.notna() | (table[column] != ""), 0)
        if (bad := values.isna()).any():
            row = int(bad.to_numpy().argmax())
            raise UserError(f"{path}: city {row}: {column} is {table[column].iloc[row]!r}", "write a number")
        table[column] = values
    packaged.degrees(table["lon"], table["lat"])
    table["population"] = table["population"].astype("int64")
    return packaged.largest_first(table[list(COLUMNS)])


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            tables = [n for n in archive.namelist() if Path(n).suffix.lower() in (".csv", ".txt", ".tsv")]
            # GeoNames packs its table alone; simplemaps adds a licence, which is no CSV.
            tables = [n for n in tables if n.lower().endswith(".csv")] or tables
            if len(tables) != 1:
                raise UserError(f"{path}: tables in the archive: {', '.join(tables) or 'none'}", "leave one in it")
            raw = read_member(archive, tables[0], str(path))
    return raw.decode("utf-8-sig")


def _is_geonames(text: str) -> bool:
    return text.partition("\n")[0].count("\t") == _GEONAMES_COLUMNS - 1


def _geonames(path: Path, text: str) -> pd.DataFrame:
    table = pd.read_csv(
        io.StringIO(text), sep="\t", header=None, dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE,
        usecols=list(_GEONAMES),
    )  # fmt: skip
    return table.rename(columns=_GEONAMES)


def _with_header(path: Path, text: str) -> pd.DataFrame:
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    by_lower = {str(c).strip().lower(): c for c in table.columns}
    found = {ours: next((by_lower[n] for n in names if n in by_lower), None) for ours, names in _NAMES.items()}
    for column in ("lon", "lat", "population"):
        if found[column] is None:
            raise UserError(
                f"{path}: no column {' or '.join(_NAMES[column])}; it has {', '.join(map(str, table.columns))}",
                "give a CSV with lon, lat and population, or GeoNames' cities15000.txt",
            )
    return pd.DataFrame({ours: table[theirs] if theirs else "" for ours, theirs in found.items()})
