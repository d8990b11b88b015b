"""The images of a dataset as STAC items in one stac-geoparquet file: an item an image, its asset a row of a shard.

Written with pyarrow by the STAC GeoParquet specification (properties as columns, assets as a struct) and GeoParquet 1.1
(geometry as WKB in degrees, bbox as covering), a row group at a time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import Geod, Transformer
from shapely import affinity

from greenup.files import atomic_path

STAC_VERSION = "1.1.0"
HDF5 = "application/x-hdf5"
STAC_GEOPARQUET = "application/vnd.apache.parquet"
EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    for name, version in (("projection", "2.0.0"), ("eo", "2.0.0"), ("sat", "1.0.0"))
}

_GROUP_ROWS = 20_000
_TEXT_LIST = pa.list_(pa.string())
_LINKS = pa.list_(pa.struct([("href", pa.string()), ("rel", pa.string()), ("type", pa.string())]))
_PIXELS = pa.struct(
    [
        ("href", pa.string()),
        ("type", pa.string()),
        ("title", pa.string()),
        ("roles", _TEXT_LIST),
        ("greenup:row", pa.int64()),
        ("greenup:checksum", pa.string()),
    ]
)
_BBOX = pa.struct([(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")])


@dataclass(frozen=True)
class Footprints:
    """Ground covered by patches, in degrees (WGS 84).

    ``corners`` (n, 4, 2): lon and lat, from the lower-left corner counterclockwise; ``centres`` (n, 2).
    """

    corners: np.ndarray
    centres: np.ndarray

    @property
    def crosses(self) -> np.ndarray:
        """(n,) bool: which lie across the antimeridian."""
        return np.ptp(self.corners[..., 0], axis=1) > 180

    def boxes(self) -> np.ndarray:
        """(n, 4) west, south, east, north; west is greater than east across the antimeridian (RFC 7946)."""
        lon = np.where(self.crosses[:, None] & (self.corners[..., 0] < 0), 360, 0) + self.corners[..., 0]
        east = lon.max(axis=1)
        lat = self.corners[..., 1]
        return np.stack([lon.min(axis=1), lat.min(axis=1), np.where(east > 180, east - 360, east), lat.max(axis=1)], 1)

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all; the whole circle where one lies across the antimeridian."""
        boxes = self.boxes()
        west, east = (-180.0, 180.0) if self.crosses.any() else (float(boxes[:, 0].min()), float(boxes[:, 2].max()))
        return west, float(boxes[:, 1].min()), east, float(boxes[:, 3].max())

    def geometries(self) -> np.ndarray:
        """(n,) polygons; those across the antimeridian cut in two."""
        shapes = shapely.polygons(self.corners)
        for i in np.flatnonzero(self.crosses):
            shapes[i] = _cut(self.corners[i])
        return shapes


def footprints(images: pd.DataFrame, size_px: int) -> Footprints:
    """Footprints of images by their columns epsg, west, north, pixel_x, pixel_y."""
    west, north, dx, dy = (images[c].to_numpy(np.float64) for c in ("west", "north", "pixel_x", "pixel_y"))
    east, south = west + size_px * dx, north - size_px * dy
    x = np.stack([west, east, east, west, (west + east) / 2], axis=1)
    y = np.stack([south, south, north, north, (south + north) / 2], axis=1)
    points = np.empty((len(images), 5, 2))
    epsg = images["epsg"].to_numpy(np.int64)
    for code in np.unique(epsg):
        here = epsg == code
        to_degrees = Transformer.from_crs(int(code), 4326, always_xy=True)
        points[here, :, 0], points[here, :, 1] = to_degrees.transform(x[here], y[here])
    return Footprints(points[:, :4], points[:, 4])


def offsets_m(images: pd.DataFrame, places: Footprints) -> np.ndarray:
    """(n,) metres on the ellipsoid from the site (columns lon, lat) to the centre of its patch."""
    lon, lat = (images[c].to_numpy(np.float64) for c in ("lon", "lat"))
    return np.asarray(Geod(ellps="WGS84").inv(lon, lat, places.centres[:, 0], places.centres[:, 1])[2])


def item_ids(images: pd.DataFrame) -> pd.Series:
    """``<site>_<season>``; where two pairs read alike, shard and row follow."""
    ids = images["site_id"].astype(str) + "_" + images["season"].astype(str)
    exact = ids + "_" + images["shard"].astype(str) + "_" + images["row"].astype(str)
    return ids.where(~ids.duplicated(keep=False), exact)


def write_items(
    path: str | Path, images: pd.DataFrame, places: Footprints, collection: Mapping[str, Any], *, size_px: int, gsd: int
) -> None:
    """Write items.parquet beside the collection.

    ``images``: index and ledger of every image, joined (site_id, season, shard, row, file, scene_id, time, cloud, orbit
    if there is one, valid_fraction, epsg, west, north, pixel_x, pixel_y, checksum); ``file`` relative to the study's
    folder, two above that of ``path``. ``gsd``: the finest resolution (m).
    """
    path = Path(path)
    up = Path(os.path.relpath(path.parents[2], path.parent)).as_posix()
    ids = item_ids(images)
    optional = {
        "eo:cloud_cover": ("cloud", pa.float64(), "eo"),
        "sat:orbit_state": ("orbit", pa.string(), "sat"),
    }
    used = {k: v for k, v in optional.items() if v[0] in images and images[v[0]].notna().any()}
    extensions = [EXTENSIONS[name] for name in ("projection", *(v[2] for v in used.values()))]
    fields: dict[str, pa.DataType] = {
        "stac_version": pa.string(),
        "stac_extensions": _TEXT_LIST,
        "id": pa.string(),
        "collection": pa.string(),
        "geometry": pa.binary(),
        "bbox": _BBOX,
        "links": _LINKS,
        "assets": pa.struct([("pixels", _PIXELS)]),
        "datetime": pa.timestamp("us", "UTC"),
        "gsd": pa.int64(),
        "proj:code": pa.string(),
        "proj:shape": pa.list_(pa.int64()),
        "proj:transform": pa.list_(pa.float64()),
        **{name: kind for name, (_, kind, _) in used.items()},
        "greenup:site": pa.string(),
        "greenup:season": pa.string(),
        "greenup:scene": pa.string(),
        "greenup:valid_fraction": pa.float64(),
    }
    schema = pa.schema(list(fields.items()))
    link = {"href": "./collection.json", "rel": "collection", "type": "application/json"}

    def group(start: int) -> pa.Table:
        part, n = images.iloc[start : start + _GROUP_ROWS], min(_GROUP_ROWS, len(images) - start)
        here = Footprints(places.corners[start : start + n], places.centres[start : start + n])
        assets = [
            {
                "pixels": {
                    "href": f"{up}/{file}",
                    "type": HDF5,
                    "title": "bands, masks and validity: one row of the shard",
                    "roles": ["data"],
                    "greenup:row": int(row),
                    "greenup:checksum": check,
                }
            }
            for file, row, check in zip(part["file"], part["row"], part["checksum"], strict=True)
        ]
        grid = part[["pixel_x", "west", "pixel_y", "north"]].to_numpy(np.float64)
        columns: dict[str, Any] = {
            "stac_version": [STAC_VERSION] * n,
            "stac_extensions": [extensions] * n,
            "id": ids.iloc[start : start + n],
            "collection": [collection["id"]] * n,
            "geometry": shapely.to_wkb(here.geometries()),
            "bbox": [dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) for box in here.boxes().tolist()],
            "links": [[link]] * n,
            "assets": assets,
            "datetime": part["time"],
            "gsd": [gsd] * n,
            "proj:code": "EPSG:" + part["epsg"].astype(str),
            "proj:shape": [[size_px, size_px]] * n,
            "proj:transform": [[dx, 0.0, west, 0.0, -dy, north] for dx, west, dy, north in grid.tolist()],
            **{name: part[column] for name, (column, _, _) in used.items()},
            "greenup:site": part["site_id"],
            "greenup:season": part["season"],
            "greenup:scene": part["scene_id"],
            "greenup:valid_fraction": part["valid_fraction"],
        }
        arrays = [
            pa.Array.from_pandas(v, type=kind) if isinstance(v, pd.Series) else pa.array(v, type=kind)
            for v, kind in ((columns[name], kind) for name, kind in fields.items())
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    described = schema.with_metadata(_metadata(places, collection))
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, described, compression="zstd") as writer:
        for start in range(0, len(images), _GROUP_ROWS):
            writer.write_table(group(start).replace_schema_metadata(described.metadata))


def _metadata(places: Footprints, collection: Mapping[str, Any]) -> dict[str, str]:
    geometry = {
        "encoding": "WKB",
        "geometry_types": ["Polygon", "MultiPolygon"] if places.crosses.any() else ["Polygon"],
        "bbox": list(places.bounds()),
        "covering": {"bbox": {name: ["bbox", name] for name in ("xmin", "ymin", "xmax", "ymax")}},
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    stac = {"version": "1.0.0", "collections": {collection["id"]: dict(collection)}}
    return {"geo": json.dumps(geo), "stac-geoparquet": json.dumps(stac)}


def _cut(corners: np.ndarray) -> shapely.MultiPolygon:
    """A patch across the antimeridian as its parts west and east of it."""
    turned = corners.copy()
    turned[turned[:, 0] < 0, 0] += 360
    whole = shapely.Polygon(turned)
    west = whole.intersection(shapely.box(0, -90, 180, 90))
    east = affinity.translate(whole.intersection(shapely.box(180, -90, 360, 90)), -360)
    return shapely.MultiPolygon([west, east])
