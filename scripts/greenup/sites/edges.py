"""The edges of polygons: how many polygons hold a point, and how far the nearest edge is.

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
    """Edges of polygons, arrays of one length; ``south`` <= ``north``, whichever way the ring runs.

    ``lon0``, ``south``: the southern end (degrees); ``lon1``, ``north``: the northern end. ``entering``: +1 where the
    polygon lies east of the edge, -1 where it lies west. ``owner``: position of the polygon.
    """

    lon0: Floats
    south: Floats
    lon1: Floats
    north: Floats
    entering: Ints
    owner: Ints

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, chosen: NDArray) -> Edges:
        return Edges(*(v[chosen] for v in vars(self).values()))


@dataclass(frozen=True)
class Rings:
    """Vertices of the rings of polygons, one ring after the other.

    ``lon``, ``lat``: of the vertices (degrees). ``ring``: of each vertex, the number of its ring. ``left``: of each
    ring, +1 where its polygon lies left of it (a shell that runs counter-clockwise, a hole that runs clockwise), else
    -1. ``owner``: of each ring, the position of its polygon.
    """

    lon: Floats
    lat: Floats
    ring: Ints
    left: Ints
    owner: Ints

    @classmethod
    def of(cls, geometries: NDArray[np.object_]) -> Rings:
        """The rings of (multi)polygons."""
        parts, owner = geometries, np.arange(len(geometries))
        if (shapely.get_type_id(geometries) != shapely.GeometryType.POLYGON).any():
            parts, owner = shapely.get_parts(geometries, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        # Of each part the shell comes first.
        shell = np.diff(part, prepend=-1) != 0
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        lon, lat = np.ascontiguousarray(xy.T)
        return cls(lon, lat, ring, np.where(shapely.is_ccw(rings) == shell, 1, -1), owner[part])

    def edges(self, chosen: Ints | None = None) -> Edges:
        """All edges, or those that start at ``chosen`` vertices."""
        start = np.flatnonzero(self.ring[1:] == self.ring[:-1]) if chosen is None else chosen
        x0, y0, x1, y1 = self.lon[start], self.lat[start], self.lon[start + 1], self.lat[start + 1]
        up, left = y1 >= y0, self.left[self.ring[start]]
        return Edges(
            np.where(up, x0, x1),
            np.where(up, y0, y1),
            np.where(up, x1, x0),
            np.where(up, y1, y0),
            # What lies left of an edge that goes north lies west of it.
            np.where(up, -left, left),
            self.owner[self.ring[start]],
        )


@dataclass(frozen=True)
class Rows:
    """Points in rows: runs of one latitude and ascending longitude, in any order of latitude.

    ``lon``: of the points, row by row. ``first``: where each row begins, and the number of points at the end. ``lat``:
    of each row. ``order``: positions of the points among those given, None where they came in rows.
    """

    lon: Floats
    first: Ints
    lat: Floats
    order: Ints | None

    @classmethod
    def of(cls, lon: Floats, lat: Floats, points_a_row: float = 0.0) -> Rows | None:
        """Rows of points (n,) in degrees, sorted only where they come in short ones; None where even then a row has
        fewer than ``points_a_row`` points in the mean."""
        first, order = _breaks(lon, lat), None
        if len(first) * points_a_row > len(lon):
            order = np.lexsort((lon, lat))
            lon, lat = lon[order], lat[order]
            first = _breaks(lon, lat)
            if len(first) * points_a_row > len(lon):
                return None
        return cls(lon, np.append(first, len(lon)), lat[first], order)


def _breaks(lon: Floats, lat: Floats) -> Ints:
    """Where rows begin: another latitude than the point before, or a longitude west of its."""
    begins = np.ones(len(lon), dtype=bool)
    np.not_equal(lat[1:], lat[:-1], out=begins[1:])
    begins[1:] |= lon[1:] < lon[:-1]
    return np.flatnonzero(begins)


def winding(rows: Rows, rings: Rings, most: float = np.inf) -> tuple[Ints, Ints] | None:
    """For each point, how many polygons hold it, and the sum of their positions: where one does, its position.

    None where edges cross rows more than ``most`` times.
    """
    by_lat = np.argsort(rows.lat)
    # Rows south of each vertex: those between the two of an edge cross it, south <= latitude < north.
    below = np.searchsorted(rows.lat[by_lat], rings.lat)
    number = np.abs(np.diff(below))
    number[rings.ring[1:] != rings.ring[:-1]] = 0
    crossed = np.flatnonzero(number)
    number = number[crossed]
    if number.sum() > most:
        return None
    first = np.minimum(below[crossed], below[crossed + 1])
    steps = np.zeros(len(rows.lon) + 1, dtype=np.int64)
    for block in np.split(np.arange(len(crossed)), np.flatnonzero(np.diff(np.cumsum(number) // _PAIRS)) + 1):
        edge = np.repeat(np.arange(len(block)), number[block])
        place = np.arange(len(edge)) - np.repeat(np.cumsum(number[block]) - number[block] - first[block], number[block])
        position, value = _crossings(rows, by_lat[place], rings.edges(crossed[block])[edge])
        np.add.at(steps, position, value)
    # Over a whole row the values sum to 0: no row sees those before it.
    total = np.cumsum(steps[:-1])
    if rows.order is not None:
        given = np.empty_like(total)
        given[rows.order] = total
        total = given
    return total >> 32, total & (_COUNT - 1)


def _crossings(rows: Rows, row: Ints, edges: Edges) -> tuple[Ints, Ints]:
    """Crossings of edges with rows: the first point that is not west of it (the end of the row if none), and the value
    with which it counts from there on."""
    # From the southern end, so that two polygons reckon their common edge alike, to the last bit.
    share = (rows.lat[row] - edges.south) / (edges.north - edges.south)
    lon = edges.lon0 + share * (edges.lon1 - edges.lon0)
    lon = np.clip(lon, np.minimum(edges.lon0, edges.lon1), np.maximum(edges.lon0, edges.lon1))
    low, high = rows.first[row], rows.first[row + 1]
    while (low < high).any():
        middle = (low + high) // 2
        west = (low < high) & (rows.lon[np.minimum(middle, len(rows.lon) - 1)] < lon)
        low, high = np.where(west, middle + 1, low), np.where(west, high, middle)
    return low, edges.entering * (_COUNT + edges.owner)


def nearest_edge(lon: Floats, lat: Floats, edges: Edges, within_km: float) -> tuple[Ints, Floats]:
    """The polygon of the nearest edge within ``within_km`` of each point, -1 for none, and its distance (km, else inf).

    Edges are straight in longitude and latitude; distances are great-circle distances on the sphere. Pieces of edges
    are measured as chords, which errs by less than 1 m for distances below 500 km.
    """
    owner, distance = np.full(len(lon), -1), np.full(len(lon), np.inf)
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
        tied = np.where(away == np.repeat(least, number[block]), of[pieces], np.iinfo(np.int64).max)
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


def _pieces(edges: Edges) -> tuple[Floats, Floats, Ints]:
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
