"""The products on Earth Engine: collections, which of their bands are ours, how values become what is stored.

Sources: the Earth Engine data catalogue's pages of the collections named here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import ee

from greenup.bands import BANDS, PRODUCTS
from greenup.errors import UserError

CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
"""Cloud Score+ of every Sentinel-2 image, of the same system:index (Pasquarella et al. 2023)."""

# Bands whose name in the collection differs from ours.
_ASSET_NAMES = {"CLDPRB": "MSK_CLDPRB", "CSPLUS": "cs_cdf"}

# MGRS tile at the end of a Sentinel-2 id: zone and latitude band, whose letters from N on lie in the north.
_TILE = re.compile(r"_T(\d{2})([C-X])[A-Z]{2}$")


@dataclass(frozen=True)
class Product:
    """One product. ``collection``: its image collection; ``searched``: the property that a search lists beside id and
    time, cloud cover (percent) or orbit direction."""

    name: str
    collection: str
    searched: str
    attribution: str

    @property
    def is_radar(self) -> bool:
        return self.name == "s1_grd"

    def scenes(self, collection: str) -> ee.ImageCollection:
        """The images of a collection that are of this product."""
        images = ee.ImageCollection(collection)
        if not self.is_radar:
            return images
        # Over land, ground range detected at 10 m: interferometric wide swath, both polarisations.
        return (
            images.filter(ee.Filter.eq("instrumentMode", "IW"))
            .filter(ee.Filter.eq("resolution_meters", 10))
            .filter(ee.Filter.listContains("transmitterReceiverPolarisation", "VV"))
            .filter(ee.Filter.listContains("transmitterReceiverPolarisation", "VH"))
        )

    def epsg(self, scene_id: str) -> int | None:
        """EPSG code of a scene's own grid where its id tells it (the MGRS tile of Sentinel-2: ..._T31UDS)."""
        tile = _TILE.search(scene_id)
        return None if tile is None else (32600 if tile[2] >= "N" else 32700) + int(tile[1])

    def image(self, collection: str, scene_id: str, bands: tuple[str, ...]) -> ee.Image:
        """A scene with these bands, by our names, in the collection's own values."""
        image = ee.Image(f"{collection}/{scene_id}")
        if "CSPLUS" in bands:
            # Where the score of an image is still to be made, its band is masked.
            image = image.linkCollection(ee.ImageCollection(CLOUD_SCORE), [_ASSET_NAMES["CSPLUS"]])
        return image.select([_ASSET_NAMES.get(b, b) for b in bands], list(bands))


def stored(image: ee.Image, band: str) -> ee.Image:
    """Values of one band of the collection as they are stored (`greenup.bands.Band`), before rounding."""
    if BANDS[band].kind == "backscatter":
        # The collection holds dB. 65 535 stands for masked pixels on the way here.
        return image.subtract(BANDS[band].offset).multiply(BANDS[band].scale).clamp(0, 65_534)
    return image.multiply(100) if band == "CSPLUS" else image


_COPERNICUS = "Contains modified Copernicus Sentinel data, via Google Earth Engine"
_CLOUD = "CLOUDY_PIXEL_PERCENTAGE"

_PRODUCTS = {
    p.name: p
    for p in (
        Product("s2_l2a", "COPERNICUS/S2_SR_HARMONIZED", _CLOUD, _COPERNICUS),
        Product("s2_l1c", "COPERNICUS/S2_HARMONIZED", _CLOUD, _COPERNICUS),
        Product("s1_grd", "COPERNICUS/S1_GRD", "orbitProperties_pass", _COPERNICUS),
    )
}


def product(name: str, collection: str | None) -> tuple[Product, str]:
    """A product and the collection to take it from, its own when None.

    Raises `UserError` for a product that is not known and a Sentinel-2 collection that is not harmonised.
    """
    if name not in _PRODUCTS:
        raise UserError(f"imagery.product: {name!r} is not known", f"choose from {', '.join(_PRODUCTS)}")
    chosen = _PRODUCTS[name]
    if collection and not chosen.is_radar and "HARMONIZED" not in collection:
        raise UserError(
            f"imagery.collection: {collection!r} is not harmonised: its values change by 1000 in January 2022",
            f"write {chosen.collection}, or leave it out",
        )
    return chosen, collection or chosen.collection


def check_product_bands(chosen: Product, bands: tuple[str, ...]) -> None:
    """Refuse bands that the product never has (`UserError`)."""
    for band in bands:
        if band not in PRODUCTS[chosen.name]:
            raise UserError(
                f"patches.bands: {chosen.name} has no band {band}", f"choose from {', '.join(PRODUCTS[chosen.name])}"
            )
