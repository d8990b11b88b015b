"""Two Belgian places of WorldCereal's test data: every Sentinel-2 L2A acquisition of 16 months, with its SCL."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pystac
import xarray as xr
from affine import Affine
from pyproj import Transformer

from greenup.bands import BANDS, bands_at
from greenup.errors import UserError
from greenup.imagery.items import band_name
from greenup.imagery.pixels import SCL_CLOUD
from greenup.imagery.writing import (
    band_asset,
    class_asset,
    footprint,
    item,
    item_folder,
    write_catalogue,
    write_geotiff,
)
from greenup.samples.place import Point

NAME = "worldcereal"
ATTRIBUTION = "Contains modified Copernicus Sentinel data 2017-2019"
_SOURCE = "ESA WorldCereal, github.com/WorldCereal/worldcereal-classification"
_FILE = re.compile(r"S2_L2A_(10|20)m_([0-9A-F]+)_(\d+)_.*\.nc")


def convert_worldcereal(files: list[Path], folder: Path) -> list[Point]:
    """Write the archive of ``S2_L2A_{10,20}m_<place>_<epsg>_*.nc`` files; returns each patch's centre as a point.

    Values are copied as they are (reflectance x 10 000; 0 is no data). All acquisitions lie before January 2022, so
    none carries the offset of processing baseline 04.00.
    """
    pairs: dict[tuple[str, int], dict[int, Path]] = {}
    for file in files:
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise UserError(f"{file}: unexpected name", "leave the files' names as they are at the source")
        pairs.setdefault((match[2], int(match[3])), {})[int(match[1])] = file
    items, points = [], []
    for (place, epsg), pair in sorted(pairs.items()):
        if set(pair) != {10, 20}:
            lacking = ({10, 20} - set(pair)).pop()
            raise UserError(f"{next(iter(pair.values())).parent}: {place} lacks its {lacking} m file", "add it")
        with _open(pair[10]) as fine, _open(pair[20]) as coarse:
            items += _items(place, epsg, fine, coarse, folder)
            points.append(Point(f"worldcereal_{place.lower()}", *_centre(fine, epsg), "belgium_cropland"))
    write_catalogue(
        folder,
        NAME,
        "Every Sentinel-2 L2A acquisition over 640 x 640 m at two places in Belgium, with the scene classification. "
        "Bands without B1 and B9.",
        items,
        licence="other",
        attribution=ATTRIBUTION,
        source=_SOURCE,
        url="https://github.com/WorldCereal/worldcereal-classification",
    )
    return points


def _open(path: Path) -> xr.Dataset:
    try:
        # Stored integers, not xarray's masked floats: pixels must come through bit by bit.
        return xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as NetCDF ({error})", "fetch the file again") from error


def _items(place: str, epsg: int, fine: xr.Dataset, coarse: xr.Dataset, folder: Path) -> list[pystac.Item]:
    times = pd.DatetimeIndex(fine["timestamp"].values)
    if not times.equals(pd.DatetimeIndex(coarse["timestamp"].values)) or times.has_duplicates:
        raise UserError(f"worldcereal {place}: the times of the 10 m and 20 m files differ", "fetch both files again")
    names = {m: bands_at(_bands_of(d), m) for m, d in ((10, fine), (20, coarse))}
    grids = {m: _transform(d, m) for m, d in ((10, fine), (20, coarse))}
    stacks = {
        m: np.stack([d[_raw_name(d, b)].transpose("timestamp", "y", "x").to_numpy() for b in names[m]], axis=1)
        for m, d in ((10, fine), (20, coarse))
    }
    classes = coarse["SCL"].transpose("timestamp", "y", "x").to_numpy()
    outline = footprint(epsg, grids[10], *stacks[10].shape[2:])
    out = []
    for i, time in enumerate(times):
        item_id = f"{NAME}_{place}_{time:%Y%m%dT%H%M%S}"
        where = item_folder(folder, NAME, item_id)
        for m in (10, 20):
            write_geotiff(where / f"{m}m.tif", stacks[m][i], epsg, grids[m], nodata=0, names=names[m])
        write_geotiff(where / "SCL.tif", classes[i][None], epsg, grids[20], nodata=0, names=["SCL"])
        properties = {
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "proj:code": f"EPSG:{epsg}",
            "grid:code": f"MGRS-{fine.attrs['tile']}",
            "eo:cloud_cover": round(100.0 * float(np.isin(classes[i], SCL_CLOUD).mean()), 2),
            "view:sun_azimuth": round(float(coarse["sunAzimuthAngles"].to_numpy()[i]), 4),
            "view:sun_elevation": round(90.0 - float(coarse["sunZenithAngles"].to_numpy()[i]), 4),
            # Acquired before the offset existed.
            "earthsearch:boa_offset_applied": True,
        }
        assets = {
            f"reflectance_{m}m": band_asset(
                f"./{m}m.tif", names[m], nodata=0, dtype=stacks[m].dtype, gsd=m, title=f"{m} m bands"
            )
            for m in (10, 20)
        }
        assets["SCL"] = class_asset("./SCL.tif")
        out.append(item(item_id, time.to_pydatetime(), outline, properties, assets))
    return out


def _bands_of(data: xr.Dataset) -> tuple[str, ...]:
    """The registry's names of the bands in a file, in the registry's order."""
    here = {band_name(str(v)) for v in data.data_vars}
    return tuple(b for b in BANDS if b in here)


def _raw_name(data: xr.Dataset, band: str) -> str:
    return next(str(v) for v in data.data_vars if band_name(str(v)) == band)


def _transform(data: xr.Dataset, native_m: int) -> Affine:
    """From the coordinates, which are pixel centres, north up."""
    x, y = data["x"].to_numpy(), data["y"].to_numpy()
    if not (np.allclose(np.diff(x), native_m) and np.allclose(np.diff(y), -native_m)):
        raise UserError(f"{data.attrs.get('name')}: the grid is not {native_m} m, north up", "fetch the file again")
    return Affine(native_m, 0, float(x[0]) - native_m / 2, 0, -native_m, float(y[0]) + native_m / 2)


def _centre(fine: xr.Dataset, epsg: int) -> tuple[float, float]:
    x, y = float(fine["x"].to_numpy().mean()), float(fine["y"].to_numpy().mean())
    return Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
