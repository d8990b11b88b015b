"""Polygons as one table of edges: how many polygons hold a point, and how far the nearest edge is.

Winding numbers along parallels: on the parallel of a point, every edge that crosses it west of the point counts +1
where a polygon is entered going east, -1 where one is left. The sum is the number of polygons that hold the point;
holes, parts and overlaps come out by themselves. Edges are half open: a point on a western or southern border is in, on
an eastern or northern one it is out, so polygons that share a border share out its points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greenup.sites.sphere import EARTH_KM, arc_km, chord_of, unit_vectors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_COUNT = 1 << 32
"""One polygon in the running sum; the lower half holds the polygons' numbers."""
_PIECE_KM = 5.0
"""Edges are cut into pieces of at most this length to search the nearest of them."""
_PAIRS = 2_000_000
"""Crossings, or pairs of point and piece, that are worked on at a time."""


@dataclass(frozen=True)
class Edges:
    """Edges of many polygons, arrays of one length; ``south`` <= ``north``, whichever way the ring runs.

    ``lon0``, ``south``: the southern end (degrees); ``lon1``, ``north``: the northern end. ``entering``: +1 where the
    polygon lies east of the edge, -1 where it lies west. ``owner``: position of the polygon.
    """

    lon0: Floats
    south: Floats
    lon1: Floats
    north: Floats
    entering: NDArray[np.int8]
    owner: NDArray[np.int32]

    @classmethod
    def of(cls, geometries: NDArray[np.object_]) -> Edges:
        """The edges of (multi)polygons; rings may run either way."""
        parts, owner = shapely.get_parts(geometries, return_index=True)
        rings, part = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        start = np.flatnonzero(ring[1:] == ring[:-1])
        (x0, y0), (x1, y1) = xy[start].T, xy[start + 1].T
        # Shells run counter-clockwise: the polygon lies left of its edges, and west of one that goes north.
        up = y1 >= y0
        return cls(
            np.where(up, x0, x1),
            np.where(up, y0, y1),
            np.where(up, x1, x0),
            np.where(up, y1, y0),
            np.where(up, -1, 1).astype(np.int8),
            owner[part[ring[start]]].astype(np.int32),
        )

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, chosen: NDArray) -> Edges:
        return Edges(*(v[chosen] for v in vars(self).values()))


@dataclass(frozen=True)
class Rows:
    """Points in the order of latitude, then longitude, and the parallels they lie on."""

    order: Ints | slice
    """Positions of the points in that order."""
    points: NDArray[np.complex128]
    """latitude + i longitude, ascending; NumPy orders complex numbers by their real, then their imaginary part."""
    parallels: Floats
    """Distinct latitudes, ascending."""

    @classmethod
    def of(cls, lon: Floats, lat: Floats) -> Rows:
        points = np.empty(len(lon), dtype=np.complex128)
        points.real, points.imag = lat, lon
        step = np.diff(lat)
        order: Ints | slice = slice(None)
        if not ((step > 0) | ((step == 0) & (np.diff(lon) >= 0))).all():
            order = np.argsort(points, kind="stable")
            points = points[order]
        new = np.ones(len(lon), dtype=bool)
        new[1:] = np.diff(points.real) != 0
        return cls(order, points, points.real[new])

    def spans(self, edges: Edges) -> tuple[Ints, Ints]:
        """First parallel that crosses each edge, and how many do: south <= latitude < north."""
        first = np.searchsorted(self.parallels, edges.south)
        return first, np.searchsorted(self.parallels, edges.north) - first


def winding(rows: Rows, edges: Edges) -> tuple[Ints, Ints]:
    """For each point, how many polygons hold it, and the sum of their positions.

    Where one polygon holds a point, the sum is its position.
    """
    first, number = rows.spans(edges)
    crossing = np.flatnonzero(number)
    steps = np.zeros(len(rows.points) + 1, dtype=np.int64)
    blocks = np.flatnonzero(np.diff(np.cumsum(number[crossing]) // _PAIRS)) + 1
    for chosen in np.split(crossing, blocks):
        position, value = _crossings(rows, edges[chosen], first[chosen], number[chosen])
        np.add.at(steps, position, value)
    total = np.empty(len(rows.points), dtype=np.int64)
    total[rows.order] = np.cumsum(steps)[:-1]
    return total >> 32, total & (_COUNT - 1)


def _crossings(rows: Rows, edges: Edges, first: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Of every crossing of an edge with a parallel: the point from which on it counts, and its value."""
    edge = np.repeat(np.arange(len(edges)), number)
    row = np.arange(len(edge)) + np.repeat(first - np.cumsum(number) + number, number)
    at = np.empty(len(edge), dtype=np.complex128)
    at.real = lat = rows.parallels[row]
    # From the southern end, so that two polygons reckon their common edge alike, to the last bit.
    south, lon0, lon1 = edges.south[edge], edges.lon0[edge], edges.lon1[edge]
    lon = lon0 + (lat - south) * ((lon1 - lon0) / (edges.north[edge] - south))
    at.imag = np.clip(lon, np.minimum(lon0, lon1), np.maximum(lon0, lon1))
    # It counts from the first point of its parallel that is not west of it; east of the last point, from the next
    # parallel, where the sum over the whole parallel, which is 0, has been reached.
    value = edges.entering[edge] * (_COUNT + edges.owner[edge].astype(np.int64))
    return np.searchsorted(rows.points, at), value


def nearest_edge(lon: Floats, lat: Floats, edges: Edges, within_km: float) -> tuple[NDArray[np.int32], Floats]:
    """The polygon of the nearest edge within ``within_km`` of each point, -1 for none, and its distance (km, else inf).

    Edges are straight in longitude and latitude; distances are great-circle distances on the sphere. Pieces of edges
    are measured as chords, which errs by less than 1 m for distances below 500 km.
    """
    owner, distance = np.full(len(lon), -1, dtype=np.int32), np.full(len(lon), np.inf)
    if not len(lon) or not len(edges):
        return owner, distance
    points = unit_vectors(lon, lat)
    edges = edges[_near(points, edges, within_km)]
    if not len(edges):
        return owner, distance
    start, end, of = _pieces(edges)
    middle = (start + end) / 2
    half = float(np.linalg.norm(end - start, axis=1).max()) / 2
    tree = cKDTree(middle)
    bound, _ = tree.query(points, distance_upper_bound=float(chord_of(within_km)) + half)
    asked = np.flatnonzero(np.isfinite(bound))
    if not len(asked):
        return owner, distance
    # A piece nearer than the one of the nearest middle has its own middle within half a piece more.
    reach = bound[asked] + half + 1e-12
    number = tree.query_ball_point(points[asked], reach, return_length=True)
    for block in np.split(np.arange(len(asked)), np.flatnonzero(np.diff(np.cumsum(number) // _PAIRS)) + 1):
        lists = tree.query_ball_point(points[asked[block]], reach[block])
        pieces = np.concatenate([np.asarray(v, dtype=np.int64) for v in lists])
        begin = np.cumsum(number[block]) - number[block]
        away = _chord(np.repeat(points[asked[block]], number[block], axis=0), start[pieces], end[pieces])
        least = np.minimum.reduceat(away, begin)
        # Of polygons equally near (they share the border) the first.
        tied = np.where(away == np.repeat(least, number[block]), of[pieces], np.iinfo(np.int32).max)
        owner[asked[block]], distance[asked[block]] = np.minimum.reduceat(tied, begin), arc_km(least)
    beyond = distance > within_km
    owner[beyond], distance[beyond] = -1, np.inf
    return owner, distance


def _length_km(edges: Edges) -> Floats:
    """Length of edges (km), along the parallel of their end nearest the equator: at least the true one."""
    lat = np.minimum(np.abs(edges.south), np.abs(edges.north)) * (edges.south * edges.north > 0)
    east, north = (edges.lon1 - edges.lon0) * np.cos(np.radians(lat)), edges.north - edges.south
    return EARTH_KM * np.radians(np.hypot(east, north))


def _near(points: Floats, edges: Edges, within_km: float) -> Ints:
    """Edges that may lie within ``within_km`` of a point: one in a voxel of space beside the point's, or a long one."""
    size = float(chord_of(within_km + 2 * _PIECE_KM))
    base = int(np.ceil(2 / size)) + 3

    def voxel(xyz: Floats) -> Ints:
        i, j, k = (np.floor((v + 1) / size).astype(np.int64) + 1 for v in xyz.T)
        return (i * base + j) * base + k

    around = np.add.outer(base * np.add.outer(base * np.arange(-1, 2), np.arange(-1, 2)), np.arange(-1, 2)).ravel()
    wanted = np.unique(np.add.outer(np.unique(voxel(points)), around))
    middle = unit_vectors((edges.lon0 + edges.lon1) / 2, (edges.south + edges.north) / 2)
    return np.flatnonzero(np.isin(voxel(middle), wanted) | (_length_km(edges) > 2 * _PIECE_KM))


def _pieces(edges: Edges) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Edges cut into pieces of at most `_PIECE_KM`: ends as unit vectors (n, 3), and the polygon of each."""
    number = np.maximum(1, np.ceil(_length_km(edges) / _PIECE_KM)).astype(np.int64)
    edge = np.repeat(np.arange(len(edges)), number)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(number) - number, number)

    def vectors(share: Floats) -> Floats:
        lon0, south = edges.lon0[edge], edges.south[edge]
        return unit_vectors(lon0 + share * (edges.lon1[edge] - lon0), south + share * (edges.north[edge] - south))

    return vectors(step / number[edge]), vectors((step + 1) / number[edge]), edges.owner[edge]


def _chord(point: Floats, start: Floats, end: Floats) -> Floats:
    """Straight distance between points and straight pieces, row by row."""
    along, to = end - start, point - start
    square = np.einsum("ij,ij->i", along, along)
    share = np.einsum("ij,ij->i", to, along) / np.where(square > 0, square, 1.0)
    return np.linalg.norm(to - np.clip(share, 0.0, 1.0)[:, None] * along, axis=1)
