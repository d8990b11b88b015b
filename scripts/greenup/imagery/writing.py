"""Writing a STAC archive of GeoTIFFs that `greenup.imagery.archive` reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from affine import Affine
from rasterio.warp import transform_geom
from shapely.geometry import box, mapping, shape

from greenup.bands import BANDS

_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
]
_ATTRIBUTION = "https://stac-extensions.github.io/attribution/v0.1.0/schema.json"


def write_geotiff(
    path: Path, values: np.ndarray, epsg: int, transform: Affine, *, nodata: float, names: Sequence[str]
) -> None:
    """Write (bands, rows, columns) as one deflated GeoTIFF; the same input gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "count": values.shape[0],
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": values.dtype,
        "crs": f"EPSG:{epsg}",
        "transform": transform,
        "nodata": nodata,
        "compress": "deflate",
        "predictor": 2 if values.dtype.itemsize > 1 else 1,
        "interleave": "band",
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
        file.descriptions = tuple(names)


def footprint(epsg: int, transform: Affine, height: int, width: int) -> dict[str, Any]:
    """The outline of a raster in degrees, as GeoJSON."""
    west, north = transform.c, transform.f
    east, south = west + width * transform.a, north + height * transform.e
    return transform_geom(f"EPSG:{epsg}", "EPSG:4326", mapping(box(west, south, east, north)), precision=9)


def band_asset(
    href: str, names: Sequence[str], *, nodata: float, dtype: np.dtype, gsd: int, title: str
) -> pystac.Asset:
    """An asset of reflectance bands (registry names), x 10 000 without offset."""
    bands = [{"name": n, "eo:common_name": BANDS[n].common_name, "raster:scale": 1.0 / BANDS[n].scale} for n in names]
    fields = {"bands": bands, "nodata": nodata, "data_type": str(dtype), "gsd": gsd}
    return pystac.Asset(href, title=title, media_type=pystac.MediaType.GEOTIFF, roles=["data"], extra_fields=fields)


def class_asset(href: str) -> pystac.Asset:
    """The asset of a Sentinel-2 scene classification."""
    return pystac.Asset(
        href,
        title="Sentinel-2 L2A scene classification (SCL)",
        media_type=pystac.MediaType.GEOTIFF,
        roles=["data"],
        extra_fields={"nodata": 0, "data_type": "uint8", "gsd": 20},
    )


def item(
    item_id: str, time: datetime, geometry: dict[str, Any], properties: dict[str, Any], assets: dict[str, pystac.Asset]
) -> pystac.Item:
    """An item of the archive; asset links are relative to the item's own folder."""
    bounds = [round(float(x), 9) for x in shape(geometry).bounds]
    made = pystac.Item(
        item_id,
        geometry=geometry,
        bbox=bounds,
        datetime=time.replace(tzinfo=UTC),
        properties=properties,
        stac_extensions=list(_EXTENSIONS),
    )
    for key, asset in assets.items():
        made.add_asset(key, asset)
    return made


def write_catalogue(
    folder: Path,
    name: str,
    description: str,
    items: Sequence[pystac.Item],
    *,
    licence: str,
    attribution: str,
    source: str,
    url: str,
) -> None:
    """Write catalog.json, one collection and the items, self-contained below ``folder``."""
    boxes = np.array([i.bbox for i in items])
    extent = pystac.Extent(
        pystac.SpatialExtent([[*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]]),
        pystac.TemporalExtent([[min(i.datetime for i in items), max(i.datetime for i in items)]]),
    )
    collection = pystac.Collection(
        name,
        description=f"{description}\n\nSource: {source}",
        extent=extent,
        license=licence,
        stac_extensions=[_ATTRIBUTION],
        extra_fields={"attribution": attribution},
        providers=[
            pystac.Provider("European Union/ESA/Copernicus", roles=[pystac.ProviderRole.PRODUCER]),
            pystac.Provider(source, roles=[pystac.ProviderRole.HOST], url=url),
        ],
    )
    collection.add_items(items)
    catalogue = pystac.Catalog(f"{name}-samples", description=f"Real samples: {name}")
    catalogue.add_child(collection)
    # Items lie at <collection>/<item>/<item>.json, beside their GeoTIFFs.
    # The slash says to pystac that a folder with a dot in its name is a folder.
    catalogue.normalize_and_save(f"{folder}/", catalog_type=pystac.CatalogType.SELF_CONTAINED)


def item_folder(folder: Path, name: str, item_id: str) -> Path:
    """Where `write_catalogue` puts an item of collection ``name``."""
    return folder / name / item_id
