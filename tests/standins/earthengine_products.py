"""MODIS products on the Earth Engine stand-in: yearly or 16-day images that are sampled at points.

An image is a function of the place, so that every test can compute what must come back. Evaluated are the functions
that sampling needs: stacking a collection's bands, choosing them by pattern, reducing across bands, and regions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.standins.earthengine import EarthEngineStandIn, Refused

Place = tuple[float, float]
Value = Callable[[float, float], float | None]


@dataclass(frozen=True)
class ProductImage:
    """An image of a collection. ``index`` is its first day (2001_01_01); ``bands``: name -> (lon, lat) -> value, None
    where it is masked."""

    index: str
    bands: Mapping[str, Value]


class ProductStandIn(EarthEngineStandIn):
    """``collections``: asset id -> its images. ``limit``: most sites of one request, as if its memory ended there."""

    def __init__(self, collections: Mapping[str, list[ProductImage]], limit: int | None = None) -> None:
        super().__init__("COPERNICUS/S2_SR_HARMONIZED", [])
        self.collections, self.limit = collections, limit

    @property
    def sites_asked(self) -> list[int]:
        """Number of sites of each request, refused ones included."""
        return [
            sum(
                call.get("functionInvocationValue", {}).get("functionName") == "GeometryConstructors.Point"
                for call in _nodes(body["expression"]["values"])
            )
            for body in self.called("compute")
        ]

    def _function(self, name: str) -> Callable[..., object]:
        own = {
            "ImageCollection.load": self._load_product,
            "DateRange": lambda start, end: (start, end),
            "Filter.dateRangeContains": lambda leftValue, rightField: (
                lambda image: leftValue[0] <= image.index.replace("_", "-") < leftValue[1]
            ),
            "ImageCollection.toBands": lambda collection: {
                f"{image.index}_{band}": value for image in collection for band, value in image.bands.items()
            },
            "Image.select": _select,
            "Image.reduce": _reduce,
            "Image.rename": lambda input, names: dict(zip(names, input.values(), strict=True)),
            "Image.addBands": lambda dstImg, srcImg: {**dstImg, **srcImg},
            "GeometryConstructors.Point": lambda coordinates, **_: tuple(coordinates),
            "Feature": lambda geometry, metadata: (geometry, metadata),
            "Collection": lambda features: features,
            "Reducer.first": lambda: "first",
            "Reducer.max": lambda: max,
            "Image.reduceRegions": self._regions,
        }
        return own[name] if name in own else super()._function(name)

    def _load_product(self, id: str) -> list[ProductImage]:
        if id not in self.collections:
            raise Refused(
                f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does not have "
                "access)."
            )
        return self.collections[id]

    def _regions(self, image: dict[str, Value], collection: list, reducer: str, **_: object) -> dict[str, object]:
        assert reducer == "first"
        if self.limit is not None and len(collection) > self.limit:
            raise Refused("User memory limit exceeded.")
        features = []
        for (lon, lat), properties in collection:
            values = {band: value(lon, lat) for band, value in image.items()}
            # As the service does, masked values give no property.
            seen = {band: value for band, value in values.items() if value is not None}
            features.append({"type": "Feature", "properties": {**properties, **seen}})
        return {"type": "FeatureCollection", "features": features}


def _select(input: dict[str, Value], bandSelectors: list[str]) -> dict[str, Value]:
    chosen = {}
    for selector in bandSelectors:
        found = {band: value for band, value in input.items() if re.fullmatch(selector, band)}
        if not found:
            raise Refused(f"Image.select: Band pattern '{selector}' did not match any bands.")
        chosen |= found
    return chosen


def _reduce(image: dict[str, Value], reducer: Callable[..., float]) -> dict[str, Value]:
    def value(lon: float, lat: float) -> float | None:
        seen = [v for v in (band(lon, lat) for band in image.values()) if v is not None]
        return reducer(seen) if seen else None

    return {"reduced": value}


def _nodes(node: object) -> list[dict]:
    """All dictionaries inside an expression."""
    if isinstance(node, dict):
        return [node, *(n for v in node.values() for n in _nodes(v))]
    return [n for v in node for n in _nodes(v)] if isinstance(node, list) else []
