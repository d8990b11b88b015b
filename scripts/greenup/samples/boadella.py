"""Twelve dates of the Boadella reservoir (Catalonia): Sentinel-2 on a grid in degrees, without a cloud mask."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
import rasterio.errors
from pyproj import Transformer

from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.grids import utm_epsg
from greenup.imagery.items import ESTIMATE
from greenup.imagery.writing import (
    band_asset,
    footprint,
    item,
    item_folder,
    write_catalogue,
    write_geotiff,
)
from greenup.samples.place import Point

NAME = "boadella"
ATTRIBUTION = "Contains modified Copernicus Sentinel data 2020-2022"
PATCH_PX = 128
"""Side of the crops (10 m pixels) that the points are laid out for."""
_ROWS_OF_POINTS = 3
_SOURCE = "EarthPulse EOTDL, github.com/earthpulse/eotdl"
_FILE = re.compile(r"Boadella_(\d{4}-\d{2}-\d{2})\.tif")
# No value of the product: zeros in these files are dark water, whose values were cut at 0 when the offset was removed.
_NODATA = -32_768


def convert_boadella(files: list[Path], folder: Path) -> list[Point]:
    """Write the archive of ``Boadella_<date>.tif`` files; returns nine points whose crops lie wholly inside the image.

    The files state neither clouds nor processing baseline nor time of day: cloud cover is `estimated_cloud`, marked as
    an estimate; no offset shows in the values (the least is 0 in 2022 too); times are midnight of the day.
    """
    items, points = [], []
    for file in files:
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise UserError(f"{file}: unexpected name", "leave the files' names as they are at the source")
        time = datetime.fromisoformat(match[1])
        try:
            with rasterio.open(file) as source:
                values, transform, epsg = source.read(), source.transform, source.crs.to_epsg()
        except rasterio.errors.RasterioIOError as error:
            raise UserError(f"{file}: cannot be read ({error})", "fetch the file again") from error
        if values.shape[0] != len(S2_L2A) or epsg != 4326:
            raise UserError(
                f"{file}: {values.shape[0]} bands in EPSG:{epsg}", "fetch the file again: 12 bands, EPSG:4326"
            )
        item_id = f"{NAME}_{time:%Y%m%d}"
        path = item_folder(folder, NAME, item_id) / "reflectance.tif"
        write_geotiff(path, values, epsg, transform, nodata=_NODATA, names=S2_L2A)
        properties = {
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "proj:code": f"EPSG:{epsg}",
            "start_datetime": f"{time:%Y-%m-%d}T00:00:00Z",
            "end_datetime": f"{time:%Y-%m-%d}T23:59:59Z",
            "eo:cloud_cover": round(estimated_cloud(values), 2),
            ESTIMATE: True,
            "greenup:cloud_cover_method": "share of pixels with blue reflectance above 0.10 and NDVI below 0.4",
            # No offset is to be seen: the least value of the dates of 2022 is 0, as of those before.
            "earthsearch:boa_offset_applied": True,
        }
        asset = band_asset(
            f"./{path.name}",
            S2_L2A,
            nodata=_NODATA,
            dtype=values.dtype,
            gsd=10,
            title="12 bands on one grid of about 10 m",
        )
        outline = footprint(epsg, transform, *values.shape[1:])
        items.append(item(item_id, time, outline, properties, {"reflectance": asset}))
        points = points or _points(rasterio.transform.array_bounds(*values.shape[1:], transform))
    write_catalogue(
        folder,
        NAME,
        "Sentinel-2 (very likely L2A, harmonised) over the Boadella reservoir, 12 dates of 2020-2022. Cloud cover "
        "is an estimate from brightness and NDVI. The time of day is not known.",
        items,
        licence="other",
        attribution=ATTRIBUTION,
        source=_SOURCE,
        url="https://github.com/earthpulse/eotdl",
    )
    return points


def estimated_cloud(values: np.ndarray) -> float:
    """Cloud cover (percent) of an image (12 bands, rows, columns; x 10 000), a rule of thumb: bright and not green.

    The share of pixels with blue reflectance above 0.10 and NDVI below 0.4. Haze raises it, and so do bare shores and
    muddy water: on the twelve dates it is 25-100 % for the three cloudy ones and below 12 % for the others.
    """
    blue, red, nir = (values[S2_L2A.index(b)].astype(np.float64) / 10_000 for b in ("B2", "B4", "B8"))
    total = nir + red
    ndvi = np.divide(nir - red, total, out=np.zeros_like(total), where=total > 0)
    return 100.0 * float(((blue > 0.10) & (ndvi < 0.4)).mean())


def _points(bounds: tuple[float, float, float, float]) -> list[Point]:
    """Points on a square lattice, so far apart as the image allows; neighbouring crops share a strip of some pixels."""
    west, south, east, north = bounds
    epsg = utm_epsg((west + east) / 2, (south + north) / 2)
    to_utm = Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = to_utm.transform([west, west, east, east], [south, north, south, north])
    # Inside the tilted outline, less half a crop, the 30 m by which a grid's corner is rounded, and a pixel to spare.
    margin = PATCH_PX * 5 + 40
    xs = np.linspace(max(x[0], x[1]) + margin, min(x[2], x[3]) - margin, _ROWS_OF_POINTS)
    ys = np.linspace(min(y[1], y[3]) - margin, max(y[0], y[2]) + margin, _ROWS_OF_POINTS)
    points = []
    for row, northing in enumerate(ys):
        for column, easting in enumerate(xs):
            lon, lat = to_utm.transform(easting, northing, direction="INVERSE")
            points.append(Point(f"boadella_{row}{column}", lon, lat, "catalonia_reservoir"))
    return points
