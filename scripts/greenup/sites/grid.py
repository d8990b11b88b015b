"""The equal-distance grid of Major-TOM, and its land cells as sites (SSL4Eco, section 3.1).

Construction (Francis & Czerkawski 2024, arXiv:2402.12095): the 180 degrees of latitude are cut into
ceil(pi R / spacing) equal rows, counted from the equator (0U, 1U, ... northward, 1D, 2D, ... southward); a row whose
southern edge lies at latitude phi into ceil(2 pi R cos(phi) / spacing) equal columns, counted from longitude 0 (0R, 1R,
... eastward, 1L, 2L, ... westward). R is the equatorial radius, 6378.137 km. A cell is named row_column, and Major-TOM
keeps its lower-left corner; a site here is the cell's centre.

Where the number of rows is odd, counting from the equator leaves half a row at either pole. Here both are cells; of
Major-TOM's the northern one reaches beyond the pole and the southern one is missing. Spacings of 1, 5, 10,
20, 23 and 25 km give even numbers, 2, 50 and 100 km odd ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from greenup.config.sites import GridSites
from greenup.errors import UserError
from greenup.randomness import uniform_integers
from greenup.sites.land import on_land
from greenup.sites.region import in_region
from greenup.sites.sources import SiteData
from greenup.sites.sphere import wrap_lon

RADIUS_KM = 6378.137
"""Radius by which Major-TOM counts rows and columns."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Cells of a grid, arrays of one length, from south to north and from west to east.

    ``row``, ``col``: numbers as in the names (0 and up: U or R; below 0: D or L). ``south``, ``west``: lower-left
    corner; ``height``, ``width``: extent (degrees). A cell may reach over longitude 180.
    """

    row: Ints
    col: Ints
    south: Floats
    west: Floats
    height: Floats
    width: Floats

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, chosen: NDArray) -> Cells:
        """Some of the cells, by mask or by position."""
        return Cells(*(values[chosen] for values in vars(self).values()))

    @property
    def centres(self) -> tuple[Floats, Floats]:
        """Longitude and latitude of the centres (degrees); a cell across the date line has its centre beyond it."""
        return wrap_lon(self.west + self.width / 2), self.south + self.height / 2

    @property
    def names(self) -> pd.arrays.ArrowStringArray:
        """Names such as 12U_34R."""
        return cell_names(self.row, self.col)

    @property
    def epsg(self) -> Ints:
        """EPSG code of the UTM zone of the lower-left corner, Major-TOM's utm_zone."""
        return utm_zones(self.west, self.south)


@dataclass(frozen=True)
class _Rows:
    """Rows from south to north: number, edges (degrees), number of columns."""

    number: Ints
    height: float
    south: Floats
    north: Floats
    columns: Ints

    @classmethod
    def of(cls, spacing_km: float) -> _Rows:
        rows = int(np.ceil(np.pi * RADIUS_KM / spacing_km))
        height = 180.0 / rows
        number = np.arange(-((rows + 1) // 2), (rows + 1) // 2)
        # The outermost edges are the poles, whatever rounding says.
        south = np.maximum(number * height, -90.0)
        north = np.append(south[1:], 90.0)
        columns = np.ceil(2 * np.pi * RADIUS_KM * np.cos(np.radians(south)) / spacing_km).astype(np.int64)
        return cls(number, height, south, north, columns)


def grid_cells(spacing_km: float, max_lat: float = 90.0) -> Cells:
    """All cells whose lower-left corner lies within +-``max_lat`` degrees (Major-TOM stops at 85)."""
    rows = _Rows.of(spacing_km)
    kept = np.abs(rows.south) <= max_lat
    number, south, north, columns = (v[kept] for v in (rows.number, rows.south, rows.north, rows.columns))
    # Columns of a row run from -floor(n / 2): with an odd number the easternmost cell spans the date line.
    first = np.cumsum(columns) - columns + columns // 2
    col = np.arange(columns.sum()) - np.repeat(first, columns)
    row, south, height, width = (np.repeat(v, columns) for v in (number, south, north - south, 360.0 / columns))
    # The westernmost edge is the date line, whatever rounding says.
    return Cells(row, col, south, np.maximum(col * width, -180.0), height, width)


def cell_of(lon: ArrayLike, lat: ArrayLike, spacing_km: float) -> tuple[Ints, Ints]:
    """Row and column number of the cell that holds each point (n,), in degrees; `cell_names` makes names of them.

    A cell holds its southern and western edge; the northernmost row also the pole.
    """
    rows = _Rows.of(spacing_km)
    lon, lat = wrap_lon(lon), np.asarray(lat, dtype=np.float64)
    at = np.clip(np.searchsorted(rows.south, lat, side="right") - 1, 0, len(rows.south) - 1)
    columns = rows.columns[at]
    width = 360.0 / columns
    col = np.floor(lon / width).astype(np.int64)
    # Division rounds; the edges are what `grid_cells` says they are.
    col += (lon >= (col + 1) * width).astype(np.int64) - (lon < col * width).astype(np.int64)
    # What lies west of the first column is the end of the last, which spans the date line.
    return rows.number[at], (col + columns // 2) % columns - columns // 2


def cell_names(row: Ints, col: Ints) -> pd.arrays.ArrowStringArray:
    """Names of cells from their row and column numbers, e.g. (12, 34) -> 12U_34R and (-1, -2) -> 1D_2L."""

    def labels(number: Ints, up: str, down: str) -> pa.Array:
        low = int(number.min())
        words = [f"{k}{up}" if k >= 0 else f"{-k}{down}" for k in range(low, int(number.max()) + 1)]
        return pa.array(words, pa.large_string()).take(pa.array(number - low))

    if not len(row):
        return pd.array([], dtype="string")
    underscore = pa.scalar("_", pa.large_string())
    names = pc.binary_join_element_wise(labels(row, "U", "D"), labels(col, "R", "L"), underscore)
    return pd.arrays.ArrowStringArray(names)


def cell_numbers(names: ArrayLike) -> tuple[Ints, Ints]:
    """Row and column numbers from names of cells, the inverse of `cell_names`.

    Raises `UserError` naming the first text that is no cell's name.
    """
    texts = pa.array(np.asarray(names, dtype=object), pa.large_string())
    found = pc.extract_regex(texts, r"^(?P<row>[0-9]+)(?P<up>[UD])_(?P<col>[0-9]+)(?P<right>[RL])$")
    if found.null_count:
        at = int(np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))[0])
        raise UserError(f"{texts[at].as_py()!r} is not the name of a grid cell", "write names such as 12U_34R or 1D_2L")

    def number(field: str, side: str, down: str) -> Ints:
        value = pc.cast(pc.struct_field(found, field), pa.int64()).to_numpy(zero_copy_only=False)
        return np.where(pc.equal(pc.struct_field(found, side), down).to_numpy(zero_copy_only=False), -value, value)

    return number("row", "up", "D"), number("col", "right", "L")


def utm_zones(lon: ArrayLike, lat: ArrayLike) -> Ints:
    """EPSG codes of the UTM zones of points (degrees), with the wider zones off Norway (32V) and over Svalbard (31X,
    33X, 35X, 37X) as in the military grid reference system; 32601-32660 north, 32701-32760 south of the equator."""
    lon, lat = wrap_lon(lon), np.asarray(lat, dtype=np.float64)
    zone = np.floor((lon + 180.0) / 6.0).astype(np.int64) + 1
    zone = np.where((lat >= 56) & (lat < 64) & (lon >= 3) & (lon < 12), 32, zone)
    svalbard = np.array([31, 33, 35, 37])[np.searchsorted([9.0, 21.0, 33.0], lon, side="right")]
    zone = np.where((lat >= 72) & (lat <= 84) & (lon >= 0) & (lon < 42), svalbard, zone)
    return np.where(lat >= 0, 32600, 32700) + zone


def sample_grid(name: str, sites: GridSites, data: SiteData, *, seed: int) -> pd.DataFrame:
    """Centres of the grid's land cells: site_id (the cell's name), lon, lat.

    ``data`` says what is land. With ``limit`` the cells are kept to which (seed, cell name) gives the smallest numbers:
    an even random draw over the land in which a larger limit only adds cells. Raises `UserError` when the region holds
    no land cell or fewer than ``limit``, or when a file of polygons cannot be used.
    """
    cells = grid_cells(sites.spacing_km)
    lon, lat = cells.centres
    wanted = np.flatnonzero(in_region(lon, lat, sites.region))
    land = wanted[on_land(lon[wanted], lat[wanted], data)]
    if not len(land) or len(land) < (sites.limit or 0):
        raise UserError(
            f"dataset {name}: {len(land)} land cells of a {sites.spacing_km:g} km grid lie in its region"
            + (f", sites.limit asks for {sites.limit}" if sites.limit else ""),
            "lower limit or spacing_km, or widen region",
        )
    names = cells[land].names
    if sites.limit:
        rank = np.argsort(uniform_integers(seed, "grid", names, 1 << 32), kind="stable")
        kept = np.sort(rank[: sites.limit])
        land, names = land[kept], names[kept]
    return pd.DataFrame({"site_id": names, "lon": lon[land], "lat": lat[land]})
