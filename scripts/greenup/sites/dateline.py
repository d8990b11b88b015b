"""Polygons over the date line: longitudes beyond +-180, and rings cut apart by a reprojection, brought into +-180.

In longitude and latitude a polygon over the date line is two, one on either side (RFC 7946, section 3.1.9). Many files
hold it whole, with longitudes up to 190 or 360; and a projected file reprojected vertex by vertex jumps from 179 to
-179, or runs round a pole without closing.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

_ROUNDING = 1e-6
"""Degrees by which a vertex may stick out over +-180 or +-90 and be put back on the edge of the map."""


def into_range(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The same polygons with longitudes within +-180: parts beyond are cut off and moved by 360 degrees.

    ``geometries``: valid polygons, degrees, longitudes within +-540, latitudes within +-90 but for rounding.
    """
    bounds = shapely.bounds(geometries)
    out = geometries.copy()
    for i in np.flatnonzero(np.abs(bounds[:, [0, 2]]).max(axis=1) > 180):
        overshoot = np.abs(bounds[i, [0, 2]]).max() - 180
        out[i] = shapely.transform(geometries[i], _clip) if overshoot <= _ROUNDING else _wrap(geometries[i])
    for i in np.flatnonzero(np.abs(bounds[:, [1, 3]]).max(axis=1) > 90):
        out[i] = shapely.transform(out[i], _clip)
    return out


def mend_jumps(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Polygons whose rings jump over the date line between two vertices, cut along it; a ring round a pole holds it.

    For polygons reprojected vertex by vertex, with vertices dense enough that no true edge spans 180 degrees of
    longitude. Polygons without a jump are returned as they are.
    """
    coordinates, of = shapely.get_coordinates(shapely.get_rings(geometries), return_index=True)
    jumps = np.flatnonzero((np.abs(np.diff(coordinates[:, 0])) > 180) & (of[1:] == of[:-1]))
    if not len(jumps):
        return geometries
    _, owner = shapely.get_rings(geometries, return_index=True)
    out = geometries.copy()
    for i in np.unique(owner[of[jumps]]):
        out[i] = shapely.union_all([_mend(part) for part in shapely.get_parts(geometries[i])])
    return out


def _mend(polygon: shapely.Polygon) -> shapely.Geometry:
    shell = _wrap(shapely.make_valid(shapely.Polygon(_unrolled(polygon.exterior))))
    holes = [_wrap(shapely.make_valid(shapely.Polygon(_unrolled(ring)))) for ring in polygon.interiors]
    return shapely.difference(shell, shapely.union_all(holes)) if holes else shell


def _unrolled(ring: shapely.LinearRing) -> NDArray[np.float64]:
    """A ring's vertices with continuous longitudes, closed over the pole when it runs round it."""
    xy = shapely.get_coordinates(ring)
    xy[1:, 0] -= 360 * np.cumsum(np.round(np.diff(xy[:, 0]) / 360))
    if abs(xy[-1, 0] - xy[0, 0]) < 180:
        return xy
    # ASSUME: it holds the pole of its own hemisphere.
    pole = np.copysign(90.0, xy[:, 1].mean())
    return np.vstack([xy, [[xy[-1, 0], pole], [xy[0, 0], pole]], xy[:1]])


def _wrap(geometry: shapely.Geometry) -> shapely.Geometry:
    """Cut at odd multiples of 180 degrees, every piece moved into +-180."""
    west, _, east, _ = shapely.bounds(geometry)
    pieces = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.ceil((east + 180) / 360))):
        piece = shapely.intersection(geometry, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        moved = shapely.transform(piece, lambda xy, turn=turn: _clip(xy - [360.0 * turn, 0.0]))
        pieces += [p for p in shapely.get_parts(moved) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(pieces)


def _clip(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(xy, [-180.0, -90.0], [180.0, 90.0])
