"""Lists of scenes: many sites in one request."""

from __future__ import annotations

import ee
import numpy as np
from pyproj import Transformer

from greenup.grids import PatchGrid
from greenup.imagery.candidates import Span, merge_spans
from greenup.imagery.earthengine.products import Product

SITES_A_SEARCH = 25
"""Sites of one search request: four seasons over eight years are some 300 scenes a site, about 25 kB of answer."""


def scene_lists(product: Product, collection: str, patches: list[tuple[PatchGrid, list[Span]]]) -> ee.List:
    """Expression: for each patch and its spans of time the scenes whose footprint contains the whole patch, each as
    system:index, time (ms since 1970) and the product's searched property, which may be null."""
    images = product.scenes(collection)
    lists = []
    for grid, spans in patches:
        dates = [ee.Filter.date(a.isoformat(), b.isoformat()) for a, b in merge_spans(spans)]
        patch = outline(grid)
        scenes = (
            images.filterBounds(patch)
            .filter(ee.Filter.Or(*dates) if len(dates) > 1 else dates[0])
            .filter(ee.Filter.contains(leftField=".geo", rightValue=patch, maxError=1))
        )
        # One reducer for all three, so that they stay together; the last may be missing.
        reducer = ee.Reducer.toList(tupleSize=3, numOptional=1)
        columns = ["system:index", "system:time_start", product.searched]
        lists.append(scenes.reduceColumns(reducer, columns).get("list"))
    return ee.List(lists)


def outline(grid: PatchGrid) -> ee.Geometry:
    """The patch as a polygon in degrees: its edges, at most some km long, bend by less than a metre on the way.

    Across the antimeridian longitudes go on beyond 180, so that the polygon is the patch and not the rest of the Earth.
    """
    west, south, east, north = grid.bounds()
    to_degrees = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    lon, lat = to_degrees.transform([west, east, east, west], [south, south, north, north])
    lon = np.asarray(lon)
    if np.ptp(lon) > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    return ee.Geometry.Polygon([[[float(x), float(y)] for x, y in zip(lon, lat, strict=True)]])
