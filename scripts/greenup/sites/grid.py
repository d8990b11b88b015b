"""The equal-distance grid of Major-TOM, and its land cells as sites (SSL4Eco, section 3.1).

Construction (Francis & Czerkawski 2024, arXiv:2402.12095): the 180 degrees of latitude are cut into
ceil(pi R / spacing) equal rows, counted from the equator (0U, 1U, ... northward, 1D, 2D, ... southward); a row whose
southern edge lies at latitude phi into ceil(2 pi R cos(phi) / spacing) equal columns, counted from longitude 0 (0R, 1R,
... eastward, 1L, 2L, ... westward). R is the equatorial radius, 6378.137 km. A cell is named row_column, and Major-TOM
keeps its lower-left corner; a site here is the cell's centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from greenup.config.sites import GridSites
from greenup.errors import UserError
from greenup.randomness import stable_hash
from greenup.sites.packaged import is_land
from greenup.sites.sphere import inside, wrap_lon

RADIUS_KM = 6378.137
"""Radius by which Major-TOM counts rows and columns."""


@dataclass(frozen=True)
class Cells:
    """Cells of a grid, arrays of one length, from south to north and from west to east.

    ``row``, ``col``: numbers as in the names (0 and up: U or R; below 0: D or L). ``south``, ``west``: lower-left
    corner (degrees). ``height``, ``width``: extent (degrees; the height is one number).
    """

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    south: NDArray[np.float64]
    west: NDArray[np.float64]
    height: float
    width: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, chosen: NDArray) -> Cells:
        """Some of the cells, by mask or by position."""
        return Cells(
            self.row[chosen], self.col[chosen], self.south[chosen], self.west[chosen], self.height, self.width[chosen]
        )

    @property
    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude of the centres (degrees); a cell across the date line has its centre beyond it."""
        return wrap_lon(self.west + self.width / 2), self.south + self.height / 2

    @property
    def names(self) -> pd.arrays.ArrowStringArray:
        """Names such as 12U_34R."""
        return cell_names(self.row, self.col)


def grid_cells(spacing_km: float, max_lat: float = 90.0) -> Cells:
    """All cells whose lower-left corner lies within +-``max_lat`` degrees (Major-TOM stops at 85)."""
    rows = int(np.ceil(np.pi * RADIUS_KM / spacing_km))
    height = 180.0 / rows
    number = np.arange(-(rows // 2), rows - rows // 2)
    number = number[np.abs(number * height) <= max_lat]
    columns = np.ceil(2 * np.pi * RADIUS_KM * np.cos(np.radians(number * height)) / spacing_km).astype(np.int64)
    width = 360.0 / columns
    first = np.cumsum(columns) - columns
    row = np.repeat(number, columns)
    # Columns of a row run from -floor(n / 2): with an odd number the easternmost cell spans the date line.
    col = np.arange(columns.sum()) - np.repeat(first + columns // 2, columns)
    wide = np.repeat(width, columns)
    return Cells(row, col, row * height, col * wide, height, wide)


def cell_names(row: NDArray[np.int64], col: NDArray[np.int64]) -> pd.arrays.ArrowStringArray:
    """Names of cells from their row and column numbers, e.g. (12, 34) -> 12U_34R and (-1, -2) -> 1D_2L."""

    def labels(number: NDArray[np.int64], up: str, down: str) -> pa.Array:
        low = int(number.min())
        words = [f"{k}{up}" if k >= 0 else f"{-k}{down}" for k in range(low, int(number.max()) + 1)]
        return pa.array(words, pa.large_string()).take(pa.array(number - low))

    if not len(row):
        return pd.array([], dtype="string")
    underscore = pa.scalar("_", pa.large_string())
    names = pc.binary_join_element_wise(labels(row, "U", "D"), labels(col, "R", "L"), underscore)
    return pd.arrays.ArrowStringArray(names)


def sample_grid(name: str, sites: GridSites, *, seed: int) -> pd.DataFrame:
    """Centres of the grid's land cells: site_id (the cell's name), lon, lat.

    With ``limit`` the cells of smallest hash of (seed, cell name) are kept: an even random draw over the land in which
    a larger limit only adds cells. Raises `UserError` when the region holds no land cell or fewer than ``limit``.
    """
    cells = grid_cells(sites.spacing_km)
    lon, lat = cells.centres
    wanted = np.flatnonzero(inside(lon, lat, sites.region))
    land = wanted[is_land(lon[wanted], lat[wanted])]
    if not len(land) or len(land) < (sites.limit or 0):
        raise UserError(
            f"dataset {name}: {len(land)} land cells of a {sites.spacing_km:g} km grid lie in its region"
            + (f", sites.limit asks for {sites.limit}" if sites.limit else ""),
            "lower limit or spacing_km, or widen region",
        )
    table = pd.DataFrame({"site_id": cells[land].names, "lon": lon[land], "lat": lat[land]})
    if sites.limit:
        rank = np.array([stable_hash(seed, "grid", cell) for cell in table["site_id"]], dtype=np.uint64)
        table = table.iloc[np.sort(np.argsort(rank, kind="stable")[: sites.limit])].reset_index(drop=True)
    return table
