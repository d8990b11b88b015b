"""Small made GeoTIFFs and the STAC items that name them, written without the library under test."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pystac
import rasterio
from affine import Affine
from rasterio.warp import transform_geom
from shapely.geometry import box, mapping, shape

EPSG, WEST, NORTH = 32631, 501_360.0, 5_629_680.0
SIDE = 96  # 10 m pixels

CORRECTED = {"earthsearch:boa_offset_applied": True}


def tif(
    path: Path,
    values: np.ndarray,
    transform: Affine,
    epsg: int = EPSG,
    nodata: float | None = 0,
    compress: str | None = None,
) -> Path:
    """Write (bands, rows, columns)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, crs=f"EPSG:{epsg}",
        transform=transform, nodata=nodata, tiled=True, blockxsize=16, blockysize=16, compress=compress,
    ) as file:  # fmt: skip
        file.write(values)
    return path


def square(native_m: int, west: float = WEST, north: float = NORTH) -> Affine:
    return Affine(native_m, 0, west, 0, -native_m, north)


def outline(epsg: int = EPSG, west: float = WEST, north: float = NORTH, side_m: float = SIDE * 10) -> dict:
    return transform_geom(f"EPSG:{epsg}", "EPSG:4326", mapping(box(west, north - side_m, west + side_m, north)))


def item(
    item_id: str,
    time: str,
    assets: dict[str, pystac.Asset],
    geometry: dict | None = None,
    **properties: object,
) -> pystac.Item:
    geometry = geometry or outline()
    made = pystac.Item(
        item_id, geometry, list(shape(geometry).bounds), datetime.fromisoformat(time), properties, collection="s2"
    )
    for key, asset in assets.items():
        made.add_asset(key, asset)
    return made


def asset(href: str | Path, bands: list[str] | None = None, **fields: object) -> pystac.Asset:
    extra = {"eo:bands": [{"name": b} for b in bands]} if bands else {}
    return pystac.Asset(str(href), media_type=pystac.MediaType.COG, roles=["data"], extra_fields={**extra, **fields})


def catalogue(folder: Path, items: list[pystac.Item], **fields: object) -> Path:
    made = pystac.Catalog("made", "made for a test", extra_fields=fields)
    made.add_items(items)
    made.normalize_and_save(f"{folder}/", catalog_type=pystac.CatalogType.SELF_CONTAINED)
    return folder
