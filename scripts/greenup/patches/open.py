"""One site of a dataset as an xarray Dataset: bands by name, over time, with true coordinates.

Follows the CF conventions and what rioxarray and GDAL read: pixel centres in ``x`` and ``y``, the CRS in the scalar
coordinate ``spatial_ref`` that every variable names as its grid mapping. rioxarray itself is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from pyproj import CRS

from greenup.bands import BANDS
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.patches.store import PatchStore


def open_store(dataset: str | Path | PatchStore) -> PatchStore:
    """The store of a dataset, given as its folder ``results/<study>/datasets/<dataset>``, its index.parquet, or itself.

    Raises `UserError` for a folder without index.parquet.
    """
    if isinstance(dataset, PatchStore):
        return dataset
    path = Path(dataset)
    if path.is_dir():
        path = path / "index.parquet"
        if not path.is_file():
            raise UserError(
                f"{path.parent}: no index.parquet", "give results/<study>/datasets/<dataset> of a finished dataset"
            )
    return PatchStore(path)


def open_site(
    dataset: str | Path | PatchStore,
    site_id: str,
    bands: Sequence[str] | None = None,
    seasons: Sequence[str] | None = None,
) -> xr.Dataset:
    """The images of one site on its 10 m grid, in order of time.

    Parameters
    ----------
    dataset : folder ``results/<study>/datasets/<dataset>``, its index.parquet, or a `PatchStore`.
    bands : bands, masks and indices (NDVI, EVI); all that are stored when empty.
    seasons : names of seasons; all that the site has when empty.

    Returns
    -------
    A Dataset with one float32 variable (time, y, x) a band: reflectance, dB, index, or a mask's own number; NaN where
    there is no data. Coarse bands are interpolated to 10 m. Coordinates: ``time`` (UTC, without zone), along it
    ``season``, ``scene_id`` and ``cloud`` (percent, NaN where unknown); ``x``, ``y`` pixel centres in units of the CRS;
    ``spatial_ref``.

    Raises
    ------
    KeyError
        when the dataset has no such site, or the site no such season.
    UserError
        when a band is not stored, or when the images of the site lie on different grids of their own.
    """
    store = open_store(dataset)
    index = store.index
    table = index[index["site_id"] == site_id]
    if table.empty:
        raise KeyError(f"no image of site {site_id!r} in this dataset")
    if seasons is not None:
        absent = [s for s in seasons if s not in set(table["season"])]
        if absent:
            raise KeyError(f"site {site_id!r} has no season {absent[0]!r}, only {', '.join(table['season'])}")
        table = table[table["season"].isin(list(seasons))]
    table = table.sort_values("time", kind="stable")
    names = tuple(bands) if bands is not None else store.bands
    grid = _common_grid(store, site_id, list(table["season"]))
    images = np.stack([store.read(site_id, season, names, physical=True)[0] for season in table["season"]])
    n = np.arange(grid.size_px) + 0.5
    t = grid.transform(10)
    crs = CRS.from_epsg(grid.epsg)
    of_x, of_y = _axes(crs)
    coordinates = {
        "time": ("time", pd.DatetimeIndex(table["time"]).tz_localize(None).as_unit("ns"), {"long_name": "acquisition"}),
        "y": ("y", t.f + n * t.e, of_y),
        "x": ("x", t.c + n * t.a, of_x),
        "season": ("time", table["season"].to_numpy(object)),
        "scene_id": ("time", table["scene_id"].to_numpy(object)),
        "cloud": ("time", table["cloud"].to_numpy(float), {"units": "percent", "long_name": "cloud cover"}),
        "spatial_ref": ((), 0, _spatial_ref(crs, grid)),
    }
    variables = {}
    for i, name in enumerate(names):
        variable = xr.Variable(("time", "y", "x"), images[:, i], _about(name))
        # Where rioxarray looks first, and what is written to netCDF.
        variable.encoding["grid_mapping"] = "spatial_ref"
        variables[name] = variable
    place = table.iloc[0]
    # Numbers and text only, so that it can be written as netCDF.
    attributes = {
        "Conventions": "CF-1.10",
        "site_id": site_id,
        "lon": float(place["lon"]),
        "lat": float(place["lat"]),
        "simulated": int(bool(index.attrs.get("simulated", False))),
        "attribution": str(index.attrs.get("attribution", "")),
    }
    return xr.Dataset(variables, coordinates, attributes)


def _common_grid(store: PatchStore, site_id: str, seasons: list[str]) -> PatchGrid:
    grids = {season: store.row(site_id, season).grid for season in seasons}
    if len(set(grids.values())) > 1:
        found = "; ".join(f"{season}: {grid.key}" for season, grid in grids.items())
        raise UserError(
            f"site {site_id}: its images lie on different grids of their own ({found})",
            "open them one by one: seasons=",
        )
    return grids[seasons[0]]


def _about(name: str) -> dict[str, str | float]:
    band = BANDS[name]
    if band.kind == "mask":
        return {"long_name": name, "units": "percent" if band.stored_as == "percent" else "1"}
    about: dict[str, str | float] = {"long_name": f"{name} {band.kind}"}
    about["units"] = "dB" if band.kind == "backscatter" else "1"
    if band.wavelength_um is not None:
        about |= {"wavelength_um": band.wavelength_um, "standard_name": "surface_bidirectional_reflectance"}
    return about


def _axes(crs: CRS) -> tuple[dict[str, str], dict[str, str]]:
    """CF attributes of x and y."""
    if crs.is_geographic:
        return (
            {"standard_name": "longitude", "units": "degrees_east", "axis": "X"},
            {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"},
        )
    return (
        {"standard_name": "projection_x_coordinate", "units": "m", "axis": "X"},
        {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"},
    )


def _spatial_ref(crs: CRS, grid: PatchGrid) -> dict[str, str | float | list[float]]:
    t = grid.transform(10)
    wkt = crs.to_wkt()
    # GeoTransform: GDAL's order of the six numbers.
    corner = " ".join(repr(float(v)) for v in (t.c, t.a, t.b, t.f, t.d, t.e))
    return {**crs.to_cf(), "crs_wkt": wkt, "spatial_ref": wkt, "GeoTransform": corner}
