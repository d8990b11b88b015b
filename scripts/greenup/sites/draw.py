"""Drawing candidates in a fixed order, until enough of them are good."""

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

_MOST_NEAR = 4_000_000  # neighbours listed at once, about: some 50 MB of pairs

_PATIENCE = 2_000_000  # candidates drawn at least before giving up

Floats = NDArray[np.float64]


def draw_until(
    draw: Callable[[np.random.Generator, int], tuple[Floats, Floats]],
    accept: Callable[[Floats, Floats], NDArray[np.bool_]],
    *,
    count: int,
    seed: int,
    purpose: str,
    name: str,
    min_km: float | None = None,
    mend: str,
) -> tuple[Floats, Floats]:
    """The first ``count`` acceptable candidates in the order drawn: (lon, lat), degrees.

    ``draw(rng, n)`` gives n candidates (lon, lat), ``accept(lon, lat)`` says which are good. With ``min_km`` a
    candidate nearer than that to an earlier site is passed over. A larger count only adds sites. Raises `UserError`
    with ``mend`` when a thousand candidates a site, and at least two million, do not give enough.
    """
    most = max(_PATIENCE, 1000 * count)
    lon = lat = np.empty(0)
    drawn, good = 0, 0
    while good < count:
        if drawn >= most:
            raise UserError(f"dataset {name}: {good} of {count} sites found among {drawn:,} places drawn", mend)
        # As many blocks as the share accepted so far suggests; half of the candidates to begin with.
        share = max(good / drawn, 1e-3) if drawn else 0.5
        blocks = max(1, min(int(np.ceil(1.05 * (count - good) / share / BLOCK)), 64))
        parts = [draw(generator(seed, purpose, name, drawn // BLOCK + i), BLOCK) for i in range(blocks)]
        drawn += blocks * BLOCK
        # Rounded to a centimetre, so that results do not hang on the last bit of a machine's trigonometry.
        new_lon, new_lat = (np.round(np.concatenate(p), 7) for p in zip(*parts, strict=True))
        ok = accept(new_lon, new_lat)
        lon, lat = np.concatenate([lon, new_lon[ok]]), np.concatenate([lat, new_lat[ok]])
        if min_km is not None:
            keep = thin(lon, lat, min_km)
            lon, lat = lon[keep], lat[keep]
        good = len(lon)
    return lon[:count], lat[:count]


def thin(lon: Floats, lat: Floats, min_km: float) -> NDArray[np.bool_]:
    """Which points stay when each, in turn, is dropped if a point that stayed lies nearer than ``min_km``.

    The result of the point-by-point rule, found from the few pairs that are near at all.
    """
    # A hair less, so that points exactly ``min_km`` apart both stay.
    return _thin(unit_vectors(lon, lat), float(chord_of(min_km)) * (1 - 1e-12))


def _thin(points: Floats, radius: float) -> NDArray[np.bool_]:
    tree = cKDTree(points)
    # How many pairs there are is judged from some points: to count them all takes as long as to list them.
    some = points[:: max(1, len(points) // 256)]
    near = tree.query_ball_point(some, radius, return_length=True).mean() * len(points) if len(points) else 0
    if len(points) > 1 and near > _MOST_NEAR:
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
