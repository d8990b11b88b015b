"""Files of MCD12Q2 as they come: HDF4 tiles of the sinusoidal grid, and AppEEARS' GeoTIFFs of its layers."""

from __future__ import annotations

import numpy as np
import rasterio
from pyhdf import SD
from pyproj import Proj, Transformer
from rasterio.transform import Affine, from_origin

SPHERE = "+R=6371007.181"
TILE = 1111950.5196666666
NAMES = ("Greenup", "Maturity", "Senescence", "Dormancy", "QA_Overall", "EVI_Amplitude")

# The grid of MODIS as GDAL describes it for the product's files.
MODIS = (
    'PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom '
    'spheroid)",SPHEROID["Custom spheroid",6371007.181,0]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Sinusoidal"],PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],'
    'PARAMETER["false_northing",0],UNIT["metre",1]]'
)
GRIDS: dict[str, tuple[str | None, Affine, tuple[int, int]]] = {
    "degrees": ("EPSG:4326", from_origin(8, 48, 1 / 240, 1 / 240), (480, 720)),
    "sinusoidal": (MODIS, from_origin(600_000, 5_300_000, 463.3127165, 463.3127165), (500, 700)),
    "utm": ("EPSG:32632", from_origin(400_000, 5_300_000, 500, 500), (400, 400)),
}
"""Coordinate system, transform and shape."""


def write_tile(
    folder, year=2019, tile="h18v04", size=24, production="2022112233445", collection="061", names=NAMES, **layers
):
    """A tile file; ``layers``: name -> array; others of ``names`` are made up: 12 000 + row + 1000 x cycle + 3000 x
    number."""
    path = folder / f"MCD12Q2.A{year}001.{tile}.{collection}.{production}.hdf"
    file = SD.SD(str(path), SD.SDC.WRITE | SD.SDC.CREATE)
    row = np.arange(size)[:, None, None]
    made = {n: row + 1000 * np.arange(2) + 12_000 + 3000 * i + np.zeros((size, size, 1)) for i, n in enumerate(names)}
    made["NumCycles"] = np.ones((size, size))
    for name, values in (made | layers).items():
        data = np.asarray(values, dtype=np.int16)
        dataset = file.create(name, SD.SDC.INT16, data.shape)
        dataset.setcompress(SD.SDC.COMP_DEFLATE, 5)
        dataset[:] = data
        dataset.endaccess()
    file.end()
    return path


def inside_tile(tile, n, seed=0):
    """Points inside a tile, with their column and row as shares of its sides."""
    h, v = int(tile[1:3]), int(tile[4:6])
    u, w = np.random.default_rng(seed).uniform(0.001, 0.999, (2, n))
    lon, lat = Proj(f"+proj=sinu {SPHERE}")((h - 18 + u) * TILE, (9 - v - w) * TILE, inverse=True)
    return np.asarray(lon), np.asarray(lat), u, w


def write_layer(folder, layer, values, grid="degrees", year=2019, aid="0001", time="", nodata=32767):
    """A GeoTIFF of one layer (Greenup_1, NumCycles); ``grid``: a name of `GRIDS`, or such a triple."""
    name, _, number = layer.rpartition("_")
    shown = layer if layer == "NumCycles" else f"{name}_{int(number) - 1}"
    path = folder / f"MCD12Q2.061_{shown}_doy{year}001{time}_aid{aid}.tif"
    crs, transform, _ = grid if isinstance(grid, tuple) else GRIDS[grid]
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="int16", crs=crs,
                       transform=transform, nodata=nodata) as file:  # fmt: skip
        file.write(values.astype(np.int16), 1)
    return path


def inside_grid(grid, n=300, seed=1):
    """Points in the middle of pixels: lon, lat, row, column."""
    crs, transform, (height, width) = GRIDS[grid]
    rng = np.random.default_rng(seed)
    row, column = rng.integers(0, height, n), rng.integers(0, width, n)
    x, y = transform.c + transform.a * (column + 0.5), transform.f + transform.e * (row + 0.5)
    if grid == "sinusoidal":
        # Latitudes of the product are those of WGS 84, taken as they are for latitudes on the sphere.
        crs = f"+proj=sinu {SPHERE}"
        lon, lat = Transformer.from_crs(crs, f"+proj=longlat {SPHERE}", always_xy=True).transform(x, y)
    else:
        lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.asarray(lon), np.asarray(lat), row, column
