"""Drawing candidates in a fixed order until enough of them are good, and keeping sites apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greenup.errors import UserError
from greenup.randomness import generator
from greenup.sites.sphere import chord_of, unit_vectors

BLOCK = 8192
"""Candidates drawn from one generator. The n-th candidate of a dataset depends only on seed, dataset and n."""

_MOST_BLOCKS = 64  # drawn at once

_MOST_NEAR = 1_000_000  # neighbours listed at once, about: pairs that are walked through in a quarter of a second

_PATIENCE = 2_000_000  # candidates drawn at least before giving up

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]


def draw_until(
    draw: Draw,
    accept: Callable[[Floats, Floats], Bools],
    *,
    count: int,
    seed: int,
    purpose: str,
    name: str,
    keep: Callable[[Floats, Floats], Bools] | None = None,
    mend: str,
) -> tuple[Floats, Floats]:
    """The first ``count`` acceptable candidates in the order drawn: (lon, lat), degrees.

    ``draw(rng, n)`` gives n candidates (lon, lat), or fewer; ``accept(lon, lat)`` says which are good by themselves;
    ``keep(lon, lat)`` which of the good ones stay beside each other, by a rule that settles each candidate by those
    before it, such as `thin`. A larger count only adds sites. Raises `UserError` with ``mend`` when a thousand
    candidates a site, and at least two million, do not give enough.
    """
    most = max(_PATIENCE, 1000 * count)
    lon = lat = np.empty(0)
    drawn, good = 0, 0
    while good < count:
        if drawn >= most:
            raise UserError(f"dataset {name}: {good} of {count} sites found among {drawn:,} places drawn", mend)
        # A first block, then as many as the share accepted so far suggests.
        wanted = (count - good) / max(good / drawn, 1e-3) if drawn else 0.0
        blocks = max(1, min(int(np.ceil(1.02 * wanted / BLOCK)), _MOST_BLOCKS))
        parts = [draw(generator(seed, purpose, name, drawn // BLOCK + i), BLOCK) for i in range(blocks)]
        drawn += blocks * BLOCK
        new_lon, new_lat = (rounded(np.concatenate(p)) for p in zip(*parts, strict=True))
        ok = accept(new_lon, new_lat)
        lon, lat = np.concatenate([lon, new_lon[ok]]), np.concatenate([lat, new_lat[ok]])
        if keep is not None:
            stays = keep(lon, lat)
            lon, lat = lon[stays], lat[stays]
        good = len(lon)
    return lon[:count], lat[:count]


def rounded(degrees: Floats) -> Floats:
    """Degrees rounded to a centimetre, so that results do not hang on the last bit of a machine's trigonometry."""
    return np.round(degrees, 7)


def thin(lon: Floats, lat: Floats, min_km: float) -> Bools:
    """Which points stay when each, in turn, is dropped if a point that stayed lies nearer than ``min_km``.

    Distances are great circles. The result of the point-by-point rule, found from the few pairs that are near at all.
    """
    return _thin(unit_vectors(lon, lat), _just_below(float(chord_of(min_km))))


def thin_beside(lon: Floats, lat: Floats, min_km: float, settled: Floats) -> Bools:
    """As `thin`, where the points at ``settled`` (unit vectors, shape (n, 3)) stay whatever comes."""
    points, radius = unit_vectors(lon, lat), _just_below(float(chord_of(min_km)))
    stays = np.ones(len(points), dtype=bool)
    if len(settled):
        distance, _ = cKDTree(settled, balanced_tree=False).query(points, distance_upper_bound=radius)
        stays = np.isinf(distance)
    stays[stays] = _thin(points[stays], radius)
    return stays


def thin_in_degree_cells(lon: Floats, lat: Floats, min_degrees: float) -> Bools:
    """As `thin`, by the overlap rule of SSL4EO-S12's released ``grid`` mode: distances as if degrees were plane, and
    only between points of one cell of one degree, floor(lon + 180) and floor(lat + 90).

    So neighbours across the border of a cell are missed, and east-west distances are counted too long by 1 / cos(lat).
    """
    shifted = np.stack([lon + 180.0, lat + 90.0], axis=-1)
    cell = np.floor(shifted)
    # Cells moved so far apart that none comes within the distance of another.
    return _thin(shifted - cell + cell * (2.0 + min_degrees), _just_below(min_degrees))


def _just_below(radius: float) -> float:
    # A hair less, so that points exactly a radius apart both stay.
    return radius * (1 - 1e-12)


def _thin(points: Floats, radius: float) -> Bools:
    """The rule among points in space, shape (n, dimensions); distances up to and including ``radius`` are near."""
    if len(points) < 2:
        return np.ones(len(points), dtype=bool)
    # Points in disorder make a tree of even depth without looking for medians.
    tree = cKDTree(points, balanced_tree=False)
    # How many pairs there are is judged from some points: to count them all takes as long as to list them.
    some = points[:: max(1, len(points) // 256)]
    near = tree.query_ball_point(some, radius, return_length=True).mean() * len(points)
    if near > _MOST_NEAR:
        # A crowd: the first half settles the fate of most of the second before pairs are listed.
        keep, half = np.zeros(len(points), dtype=bool), len(points) // 2
        keep[:half] = _thin(points[:half], radius)
        distance, _ = cKDTree(points[:half][keep[:half]]).query(points[half:], distance_upper_bound=radius)
        free = half + np.flatnonzero(np.isinf(distance))
        keep[free] = _thin(points[free], radius)
        return keep
    pairs = tree.query_pairs(radius, output_type="ndarray")
    pairs.sort(axis=1)
    stays = [True] * len(points)
    # In the order of the later point of a pair, the fate of the earlier one is already settled.
    for earlier, later in pairs[np.argsort(pairs[:, 1], kind="stable")].tolist():
        if stays[earlier]:
            stays[later] = False
    return np.array(stays, dtype=bool)
