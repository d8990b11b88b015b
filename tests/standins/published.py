"""Folders as SSL4EO-S12, SeCo and SSL4Eco are downloaded, made by what is known of their writers: products on UTM grids
are cut out, cropped band by band, and written with coordinates in degrees, half a pixel too far up and left."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.errors import NotGeoreferencedWarning

NATIVE_M = {
    "B1": 60, "B2": 10, "B3": 10, "B4": 10, "B5": 20, "B6": 20, "B7": 20, "B8": 10, "B8A": 20, "B9": 60, "B10": 60,
    "B11": 20, "B12": 20, "VV": 10, "VH": 10,
}  # fmt: skip
BANDS = {
    "s2c": tuple(b for b in NATIVE_M if b[0] == "B"),
    "s2a": tuple(b for b in NATIVE_M if b[0] == "B" and b != "B10"),
    "s1": ("VV", "VH"),
}
RADIUS_M = {"ssl4eo_s12": 1320.0, "seco": 1325.0}
SIDE_10 = 264

DAYS = ("20200115", "20200415", "20200715", "20201015")
TILE = "T32TNT"


def s2_name(day: str, tile: str = TILE) -> str:
    return f"{day}T101021_{day}T101353_{tile}"


def s1_name(day: str) -> str:
    return f"S1A_IW_GRDH_1SDV_{day}T053012_{day}T053037_031234_0397C1_ABCD"


@dataclass
class Image:
    """What was written of one image. ``values``: band -> array as in its file. ``corner``: true UTM corner (m) of the
    10 m bands. ``bounds``: west, south, east, north (degrees) that were asked for."""

    folder: Path
    epsg: int
    corner: tuple[float, float]
    values: dict[str, np.ndarray] = field(default_factory=dict)


def bounds_of_circle(lon: float, lat: float, radius_m: float) -> tuple[float, float, float, float]:
    """Of the circle of a radius round a place, in degrees."""
    wgs84 = Geod(ellps="WGS84")
    east, west = (wgs84.fwd(lon, lat, azimuth, radius_m)[0] for azimuth in (90, 270))
    north, south = (wgs84.fwd(lon, lat, azimuth, radius_m)[1] for azimuth in (0, 180))
    return west, south, east, north


def write_degrees(path: Path, image: np.ndarray, box: tuple[tuple[float, float], tuple[float, float]], **how) -> None:
    """As the originals write: pixels spread over a box of degrees, the origin half a pixel outside its corner."""
    (left, upper), (right, lower) = box
    count, height, width = image.shape
    x, y = (right - left) / width, (upper - lower) / height
    place = Affine(x, 0, left - x / 2, 0, -y, upper + y / 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, crs="+proj=latlong", transform=place,
            dtype=image.dtype, **how,
        ) as file:  # fmt: skip
            file.write(image)


def _first(size: int, kept: int) -> int:
    return int((size - kept + 1) * 0.5)


def _made(random: np.random.Generator, side: int, kind: str) -> np.ndarray:
    """Smooth ground with texture, in the unit and type of a release."""
    y, x = np.mgrid[0:side, 0:side] / side
    ground = 1500 + 900 * np.sin(6 * x + random.uniform(0, 6)) * np.cos(5 * y) + random.normal(0, 60, (side, side))
    if kind == "dB":
        return (ground / 200 - 20).astype("float32")
    values = np.clip(ground, 1, 10_000).astype("uint16")
    return np.clip(values / 10_000 * 255, 1, 255).astype("uint8") if kind == "uint8" else values


def write_image(
    site: Path,
    name: str,
    lon: float,
    lat: float,
    *,
    layout: str = "ssl4eo_s12",
    modality: str = "s2c",
    epsg: int = 32632,
    origin: tuple[float, float] = (399_960.0, 5_300_040.0),
    metadata: str = "full",
    masked: bool = False,
    seed: int = 0,
    cloud: float = 3.5,
) -> Image:
    """One image of SSL4EO-S12 or SeCo: a file a band and metadata.json.

    ``origin``: corner of the product's pixels. ``metadata``: full (all of Earth Engine's info), properties (with
    system:bands), plain (without any grid), or none. ``masked``: the upper left corner is 0 in every band.
    """
    random = np.random.default_rng([seed, *name.encode()])
    west, south, east, north = bounds_of_circle(lon, lat, RADIUS_M[layout])
    to_utm = Transformer.from_crs(4326, epsg, always_xy=True)
    t = np.linspace(0, 1, 101)
    edge_lon = np.concatenate([west + t * (east - west)] * 2 + [np.full(101, v) for v in (west, east)])
    edge_lat = np.concatenate([np.full(101, v) for v in (south, north)] + [south + t * (north - south)] * 2)
    x, y = to_utm.transform(edge_lon, edge_lat)
    bands = BANDS[modality]
    image = Image(site / name, epsg, (0.0, 0.0))
    box = None
    for band in bands:
        m = NATIVE_M[band]
        # The product's own pixels that cover the bounds, and the middle of them.
        column, row = math.floor((min(x) - origin[0]) / m), math.floor((origin[1] - max(y)) / m)
        width = math.ceil((max(x) - origin[0]) / m) - column
        height = math.ceil((origin[1] - min(y)) / m) - row
        side = SIDE_10 * 10 // m
        left, top = _first(width, side), _first(height, side)
        if box is None:
            # From the first band alone, as if its pixels lay along meridians and parallels.
            dx, dy = (east - west) / width, (north - south) / height
            box = (
                (west + left * dx, north - top * dy),
                (west + (left + side) * dx, north - (top + side) * dy),
            )
        if m == 10:
            image.corner = (origin[0] + (column + left) * 10, origin[1] - (row + top) * 10)
        values = _made(random, side, "dB" if modality == "s1" else "uint8" if layout == "seco" else "uint16")
        if masked:
            values[: side // 4, : side // 4] = 0
        compress = {"compress": "JPEG"} if layout == "seco" else {}
        write_degrees(image.folder / f"{band}.tif", values[None], box, **compress)
        with rasterio.open(image.folder / f"{band}.tif") as file:
            image.values[band] = file.read(1)
    if metadata != "none":
        (image.folder / "metadata.json").write_text(json.dumps(_info(name, bands, epsg, origin, cloud, metadata)))
    return image


def _info(name: str, bands: tuple[str, ...], epsg: int, origin: tuple[float, float], cloud: float, kind: str) -> dict:
    properties = {"system:index": name, "system:time_start": 1_579_083_021_000}
    if bands[0] == "VV":
        properties["orbitProperties_pass"] = "DESCENDING"
    else:
        properties["CLOUDY_PIXEL_PERCENTAGE"] = cloud
    grids = {
        b: {"crs": f"EPSG:{epsg}", "crs_transform": [NATIVE_M[b], 0, origin[0], 0, -NATIVE_M[b], origin[1]]}
        for b in bands
    }
    if kind == "full":
        return {"type": "Image", "bands": [{"id": b, **g} for b, g in grids.items()], "properties": properties}
    return {**properties, "system:bands": grids} if kind == "properties" else properties


def write_folder(
    root: Path, places: dict[str, tuple[float, float]], modality: str = "s2c", layout: str = "ssl4eo_s12", **how
) -> dict[str, Image]:
    """Sites (name -> lon, lat) with four images each; scene id -> image."""
    below = root / modality if layout == "ssl4eo_s12" else root
    images = {}
    for number, (site, (lon, lat)) in enumerate(places.items()):
        for day in DAYS:
            name = s1_name(day) if modality == "s1" else s2_name(day)
            images[f"{site}/{name}"] = write_image(
                below / site, name, lon, lat, layout=layout, modality=modality, seed=number, **how
            )
    return images


def write_ssl4eco(
    root: Path, places: dict[str, tuple[float, float]], *, index: bool = True, wrong_ndvi: bool = False
) -> dict[str, np.ndarray]:
    """Folder imgs of SSL4Eco, and its index; scene id -> the 13 bands."""
    images, rows = {}, []
    for number, (site, (lon, lat)) in enumerate(places.items()):
        for i, day in enumerate(DAYS):
            random = np.random.default_rng([number, i])
            bands = np.stack([_made(random, 256, "uint16") for _ in range(12)])
            red, near = bands[3].astype("float64"), bands[7].astype("float64")
            ndvi = np.clip((near - red) / (near + red + 1e-5), 0, None) * 10_000
            values = np.concatenate([bands, (ndvi + 5 * wrong_ndvi).astype("uint16")[None]])
            west, south, east, north = bounds_of_circle(lon, lat, 1300.0)
            path = root / "imgs" / site / f"{day}_{TILE}.tif"
            write_degrees(path, values, ((west, north), (east, south)), compress="LZW", predictor=2)
            images[f"{site}/{path.stem}"] = values
        rows.append(f"{int(site)},{lon},{lat}," + ",".join(s2_name(d) for d in DAYS))
    if index:
        head = "index,lon,lat," + ",".join(f"image_id_{i}" for i in range(1, 5))
        (root / "index.csv").write_text("\n".join([head, *rows]) + "\n")
    return images
