"""Polygons of a user's file, and which of them hold which points.

Polygons are plane figures in longitude and latitude (EPSG:4326), as all files of this field are. Borders are half open:
a point on a western or southern border is in, on an eastern or northern one it is out; so of polygons that share a
border one holds each of its points. (Within rounding, 1e-12 degrees, of a slanting border a point may fall to either
side, but not to both or none.) Longitude 180 is -180 and a polygon on either side of it will do; the north pole
belongs to what lies below it.
"""

from __future__ import annotations

import zipfile
from functools import cached_property, lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import ArrayLike, NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from greenup.errors import UserError
from greenup.sites.dateline import into_range, mend_jumps
from greenup.sites.edges import Rings, Rows, nearest_edge, winding
from greenup.sites.sphere import wrap_lon

Floats = NDArray[np.float64]

_FORMATS = "a GeoPackage, GeoJSON, shapefile (or a zip of it) or GeoParquet of polygons"
_POINTS_A_ROW = 4
"""Points a parallel from which on crossing the parallels is tried,"""
_CROSSINGS_A_POINT = 4
"""unless that makes more crossings a point than this: then each point is sooner located on its own."""
_SEGMENT_KM = 10.0
"""Edges of projected files get a vertex this often before they are reprojected: straight there is not straight here."""


def read_polygons(path: str | Path, what: str) -> gpd.GeoDataFrame:
    """Polygons of a file with their columns: in EPSG:4326, valid, longitudes within +-180; other rows are left out.

    GeoPackage, GeoJSON, shapefile, FileGDB, a zip that holds one of them, or GeoParquet. ``what`` names the setting for
    messages, e.g. ``region``. The table is kept in memory until the file changes: treat it as read-only.

    Raises `UserError` when the file is missing or unreadable, has several layers of polygons, no coordinate reference
    system or no polygons, or when its coordinates are not what its reference system says.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{what}: {path}: no such file", "mend the path; relative ones start at the working directory")
    state = path.stat()
    return _read(str(path), what, state.st_mtime_ns, state.st_size)


def covers(lon: ArrayLike, lat: ArrayLike, geometries: ArrayLike) -> NDArray[np.bool_]:
    """Whether any of the polygons holds each point. Points (n,) in degrees; ``geometries``: array or series of valid
    polygons in degrees, within +-180 (as `read_polygons` gives)."""
    return _holders(lon, lat, _polygons(geometries)) >= 0


def which(lon: ArrayLike, lat: ArrayLike, geometries: ArrayLike, nearest_km: float = 0.0) -> NDArray[np.int64]:
    """Position of the polygon that holds each point, the first where several do; -1 where none does.

    With ``nearest_km`` a point in none takes the polygon with the nearest border, if that is within so many km of
    great-circle distance. Points and ``geometries`` as for `covers`.
    """
    polygons = _polygons(geometries)
    found = _holders(lon, lat, polygons)
    lost = np.flatnonzero(found < 0)
    if nearest_km > 0 and len(lost):
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        found[lost], _ = nearest_edge(lon[lost], lat[lost], polygons.rings.edges(), nearest_km)
    return found


# ----------------------------------------------------------------------------------------------------------- points in
class _Polygons:
    """Polygons made ready for many points; what either way of searching needs is made when it is first used."""

    def __init__(self, geometries: NDArray[np.object_]) -> None:
        self.geometries = geometries

    @cached_property
    def rings(self) -> Rings:
        return Rings.of(self.geometries)

    @cached_property
    def parts(self) -> tuple[NDArray[np.object_], NDArray[np.int64], shapely.STRtree]:
        """Single polygons, prepared; the position of the polygon each is part of; a tree of their boxes."""
        parts, owner = shapely.get_parts(self.geometries, return_index=True)
        shapely.prepare(parts)
        return parts, owner, shapely.STRtree(parts)


_kept: dict[bytes, _Polygons] = {}
_KEEP = 4


def _polygons(geometries: ArrayLike) -> _Polygons:
    array = np.asarray(geometries, dtype=object).ravel().copy()
    # Shapely's geometries never change, and those of a kept array stay alive: their addresses name them.
    key = array.tobytes()
    polygons = _kept.pop(key, None) or _Polygons(array)
    _kept[key] = polygons
    while len(_kept) > _KEEP:
        del _kept[next(iter(_kept))]
    return polygons


def forget() -> None:
    """Drop what is kept of polygons for the next search; benchmarks time a first search with it."""
    _kept.clear()


def _holders(lon: ArrayLike, lat: ArrayLike, polygons: _Polygons) -> NDArray[np.int64]:
    """Position of the first polygon that holds each point, -1 for none."""
    lon, lat = wrap_lon(lon), np.minimum(np.asarray(lat, dtype=np.float64), np.nextafter(90.0, 0.0))
    if not len(lon) or not len(polygons.geometries):
        return np.full(len(lon), -1)
    # Points on the date line are looked for on both sides of it, in one search.
    seam = np.flatnonzero(lon == -180)
    east = np.full(len(seam), np.nextafter(180.0, 0.0))
    found = _search(np.concatenate([lon, east]), np.concatenate([lat, lat[seam]]), polygons)
    found, beyond = found[: len(lon)], found[len(lon) :]
    found[seam] = np.where(found[seam] < 0, beyond, found[seam])
    return found


def _search(lon: Floats, lat: Floats, polygons: _Polygons) -> NDArray[np.int64]:
    """`_holders` by the quicker of two ways that give the same answer."""
    rows = Rows.of(lon, lat, _POINTS_A_ROW)
    found = None if rows is None else _by_rows(lon, lat, polygons, rows, _CROSSINGS_A_POINT * len(lon))
    return _by_points(lon, lat, polygons) if found is None else found


def _by_rows(
    lon: Floats, lat: Floats, polygons: _Polygons, rows: Rows, most: float = np.inf
) -> NDArray[np.int64] | None:
    """For points on few parallels, such as a grid's: each parallel is crossed with the edges once. None where edges
    cross parallels more than ``most`` times."""
    sums = winding(rows, polygons.rings, most)
    if sums is None:
        return None
    count, total = sums
    found = np.where(count == 1, total, -1)
    several = np.flatnonzero(count > 1)
    if len(several):
        found[several] = _by_points(lon[several], lat[several], polygons)
    return found


def _by_points(lon: Floats, lat: Floats, polygons: _Polygons) -> NDArray[np.int64]:
    """For scattered points: those in the box of a part are located in it by GEOS."""
    parts, owner, tree = polygons.parts
    point, part = tree.query(shapely.points(lon, lat))
    touched = shapely.intersects_xy(parts[part], lon[point], lat[point])
    point, part = point[touched], part[touched]
    inside = shapely.contains_xy(parts[part], lon[point], lat[point])
    # GEOS counts a whole border as in or as out: points on one are settled by the half-open rule.
    for one in np.unique(part[~inside]):
        on = np.flatnonzero((part == one) & ~inside)
        rows = Rows.of(lon[point[on]], lat[point[on]])
        inside[on] = winding(rows, Rings.of(parts[one : one + 1]))[0] > 0
    none = np.iinfo(np.int64).max
    found = np.full(len(lon), none)
    np.minimum.at(found, point[inside], owner[part[inside]])
    return np.where(found == none, -1, found)


# ---------------------------------------------------------------------------------------------------------------- file
@lru_cache(maxsize=8)
def _read(path: str, what: str, _mtime: int, _size: int) -> gpd.GeoDataFrame:
    where = f"{what}: {path}"
    try:
        if Path(path).suffix.lower() in (".parquet", ".geoparquet"):
            table = gpd.read_parquet(path)
        else:
            source = _member(path, where) if zipfile.is_zipfile(path) else path
            table = gpd.read_file(source, layer=_layer(source, where))
    except (DataSourceError, DataLayerError, pa.ArrowInvalid, ValueError, OSError) as error:
        raise UserError(f"{where}: cannot be read as polygons ({error})", f"give {_FORMATS}") from error
    return _clean(table, where)


def _member(path: str, where: str) -> str:
    """The one file of polygons inside a zip, as GDAL names it."""
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if not n.startswith("__MACOSX/")]
    members = [n for n in names if Path(n).suffix.lower() in (".shp", ".gpkg", ".geojson", ".json")]
    members += sorted({n.split(".gdb/")[0] + ".gdb" for n in names if ".gdb/" in n})
    if len(members) != 1:
        held = ", ".join(members) or "none"
        raise UserError(f"{where}: a zip with one file of polygons is expected, it holds {held}", f"give {_FORMATS}")
    return f"/vsizip/{path}/{members[0]}"


def _layer(source: str, where: str) -> str:
    """The one layer of polygons of a file."""
    layers = {name: kind for name, kind in pyogrio.list_layers(source) if kind is not None}
    polygons = [n for n, k in layers.items() if "Polygon" in k or k.split()[0] in ("Unknown", "GeometryCollection")]
    if len(polygons) > 1:
        raise UserError(
            f"{where}: has {len(polygons)} layers of polygons: {', '.join(polygons)}",
            "write the one that is meant to a file of its own, e.g. `ogr2ogr region.gpkg file layer`",
        )
    if not polygons:
        kinds = ", ".join(f"{n} ({k})" for n, k in layers.items()) or "nothing with places"
        raise UserError(f"{where}: holds no polygons but {kinds}", "give polygons; lines and points enclose nothing")
    return polygons[0]


def _clean(table: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Polygons only, in degrees, valid, within the date line."""
    if table.crs is None:
        raise UserError(
            f"{where}: names no coordinate reference system",
            "set it, e.g. `ogr2ogr -a_srs EPSG:4326 region.gpkg file`; a shapefile needs its .prj beside it",
        )
    table = table.loc[shapely.get_dimensions(table.geometry.to_numpy()) == 2]
    if projected := table.crs.is_projected:
        metres = table.crs.axis_info[0].unit_conversion_factor
        table = table.set_geometry(table.geometry.segmentize(1000 * _SEGMENT_KM / metres))
    table = table.to_crs(4326).reset_index(drop=True)
    geometries = shapely.force_2d(table.geometry.to_numpy())
    bounds = shapely.bounds(geometries)
    if not (np.abs(bounds) <= [540, 90.001, 540, 90.001]).all():
        west, south, east, north = (f(bounds[:, i]) for i, f in enumerate((np.min, np.min, np.max, np.max)))
        raise UserError(
            f"{where}: reaches from {west:g}, {south:g} to {east:g}, {north:g}, which are no degrees",
            "its coordinate reference system is not the one its coordinates are in: set the right one",
        )
    if projected:
        geometries = mend_jumps(geometries)
    geometries = into_range(_valid(geometries))
    table = table.set_geometry(gpd.GeoSeries(geometries, crs=4326))
    table = table.loc[~shapely.is_empty(geometries)].reset_index(drop=True)
    if table.empty:
        raise UserError(f"{where}: holds no polygons", "give polygons; lines and points enclose nothing")
    return table


def _valid(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Self-crossing rings mended; what is left of them as lines and points is dropped."""
    wrong = np.flatnonzero(~shapely.is_valid(geometries))
    out = geometries.copy()
    out[wrong] = shapely.make_valid(geometries[wrong], method="structure", keep_collapsed=False)
    for i in np.flatnonzero(shapely.get_type_id(out) == shapely.GeometryType.GEOMETRYCOLLECTION):
        parts = shapely.get_parts(shapely.get_parts(out[i]))
        out[i] = shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    return out
