"""Places uniform by area over boxes: where polygons are scattered, their boxes waste fewer draws than their bounds."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from greenup.config.sites import Region
from greenup.sites.draw import Floats, rounded
from greenup.sites.polygons import read_polygons
from greenup.sites.region import bounds_of
from greenup.sites.sphere import EARTH_KM


class Boxes:
    """Boxes in degrees, and places uniform by area over their union.

    ``bounds``: west, south, east, north (n, 4), as `shapely.bounds` gives them; ``disjoint``: whether it is known that
    no two overlap. ``area_km2``: the boxes' areas on the sphere, added up.
    """

    def __init__(self, bounds: NDArray[np.float64], *, disjoint: bool = False) -> None:
        self._west, south, self._east, north = bounds.T
        self._low, self._high = np.sin(np.radians(south)), np.sin(np.radians(north))
        area = np.radians(self._east - self._west) * (self._high - self._low)
        self._total = np.cumsum(area)
        self.area_km2 = EARTH_KM**2 * float(self._total[-1])
        self._tree = shapely.STRtree(shapely.box(*bounds.T)) if len(bounds) > 1 and not disjoint else None

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Places (2, at most n): longitudes and latitudes, degrees. Drawn at once or one by one they are the same.

        A place is drawn in a box, and dropped where an earlier box holds it too: so each counts once.
        """
        # A row a place: the stream of numbers is cut alike however many are asked for.
        which, across, along = rng.random((n, 3)).T
        box = np.minimum(np.searchsorted(self._total, which * self._total[-1], side="right"), len(self._total) - 1)
        lon = self._west[box] + across * (self._east - self._west)[box]
        sin_lat = self._low[box] + along * (self._high - self._low)[box]
        places = rounded(np.stack([lon, np.degrees(np.arcsin(np.clip(sin_lat, -1.0, 1.0)))]))
        if self._tree is None:
            return places
        point, holder = self._tree.query(shapely.points(places.T), predicate="intersects")
        again = np.zeros(n, dtype=bool)
        again[point[holder < box[point]]] = True
        return places[:, ~again]


def boxes_of(region: Region | None) -> Boxes:
    """The box of a region in degrees, or the boxes of the parts of its polygons; the world where it is None."""
    if isinstance(region, str):
        return Boxes(shapely.bounds(shapely.get_parts(read_polygons(region, "region").geometry.to_numpy())))
    return Boxes(np.array([bounds_of(region)]))
