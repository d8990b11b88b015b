"""Occurrences of species at the 1 km cells of the INSPIRE grid (EU-Forest), gathered to one row a cell."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from greenup.errors import UserError
from greenup.tasks.own_table import numbers

log = logging.getLogger(__name__)

CELL_M = 1000
"""Side of a cell of INSPIRE's grid (ETRS89-LAEA, EPSG:3035); EU-Forest's coordinates are centres of such cells."""

_NAMES = ("SPECIES NAME", "SPECIES.NAME", "SPECIES_NAME", "GENUS NAME", "GENUS.NAME", "GENUS_NAME")
_MEND = "a CSV of occurrences has columns X and Y (m, EPSG:3035) and SPECIES NAME, a row an occurrence"


def read_occurrences(path: str | Path) -> pd.DataFrame:
    """The distinct occurrences of a file: cell (text such as 1kmE4321N3210) and name, sorted.

    EU-Forest (Mauri et al. 2017, doi:10.1038/sdata.2016.123) has a row for each species, survey and diameter class of a
    cell, and columns beside X, Y and SPECIES NAME that are not read. Rows without a name are counted and left out.
    Raises `UserError` for missing columns, and for coordinates that are no numbers or cannot be those of Europe's grid.
    """
    path = Path(path)
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0).copy()


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: no such file", "mend the path; paths start at the working directory")
    try:
        header = [str(c).strip().lstrip("\ufeff") for c in pd.read_csv(path, nrows=0).columns]
        by_upper = {c.upper(): i for i, c in enumerate(header)}
        name = next((n for n in _NAMES if n in by_upper), None)
        if missing := [c for c in ("X", "Y") if c not in by_upper] + ([] if name else ["SPECIES NAME"]):
            raise UserError(f"{path}: column {missing[0]!r} is missing; the file has: {', '.join(header)}", _MEND)
        wanted = [by_upper["X"], by_upper["Y"], by_upper[name]]
        table = pd.read_csv(path, usecols=wanted, dtype="string", header=0, names=header, keep_default_na=False)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: cannot be read as CSV ({error})", _MEND) from error
    table = table.iloc[:, np.argsort(np.argsort(wanted))]
    table.columns = ["x", "y", "name"]
    table = table.apply(lambda column: column.str.strip().replace("", pd.NA))
    line = pd.Series([f"line {i}" for i in range(2, len(table) + 2)])
    place = {axis: numbers(table[axis], line, str(path)) for axis in ("x", "y")}
    for axis, values in place.items():
        if (bad := ~values.between(0, 1e7)).any():
            row = int(bad.to_numpy().argmax())
            raise UserError(
                f"{path}: {line[row]}: {axis.upper()} {table[axis].iloc[row]!r} is no coordinate of EPSG:3035 (m)",
                _MEND,
            )
    nameless = table["name"].isna()
    if nameless.any():
        log.warning("%s: %d occurrences have no name and are left out", path, int(nameless.sum()))
    if nameless.all():
        raise UserError(f"{path}: no occurrence has a name", _MEND)
    cell = pd.Series(cell_names(place["x"], place["y"]))
    found = pd.DataFrame({"cell": cell, "name": table["name"].astype(str)})[~nameless]
    return found.drop_duplicates().sort_values(["cell", "name"], ignore_index=True)


def names_by_cell(occurrences: pd.DataFrame, rank: str, separator: str) -> pd.Series:
    """The sorted names of each cell as one text, index cell. ``rank``: species, or genus (the first word)."""
    names = occurrences["name"] if rank == "species" else occurrences["name"].str.split().str[0]
    pairs = pd.DataFrame({"cell": occurrences["cell"], "name": names}).drop_duplicates()
    return pairs.sort_values(["cell", "name"]).groupby("cell")["name"].agg(separator.join)


def cell_names(x: ArrayLike, y: ArrayLike) -> NDArray[np.object_]:
    """Names of the cells that hold places (m, EPSG:3035) after INSPIRE: 1kmE4321N3210."""
    east, north = (np.floor(np.asarray(a, dtype=np.float64) / CELL_M).astype(np.int64) for a in (x, y))
    return np.array([f"1kmE{e}N{n}" for e, n in zip(east, north, strict=True)], dtype=object)


def cells_at(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.object_]:
    """Names of the cells that hold places (degrees, WGS 84); None outside Europe's grid."""
    x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(np.asarray(lon), np.asarray(lat))
    inside = np.isfinite(x) & np.isfinite(y) & (x >= 0) & (y >= 0) & (x < 1e7) & (y < 1e7)
    names = cell_names(np.where(inside, x, 0), np.where(inside, y, 0))
    return np.where(inside, names, None)


def cell_centres(cells: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude (degrees) of the centres of cells, by name."""
    parts = pd.Series(np.asarray(cells, dtype=object)).str.extract(r"^1kmE(\d+)N(\d+)$").astype("float64")
    x, y = ((parts[i].to_numpy() + 0.5) * CELL_M for i in (0, 1))
    lon, lat = Transformer.from_crs(3035, 4326, always_xy=True).transform(x, y)
    return np.asarray(lon), np.asarray(lat)
