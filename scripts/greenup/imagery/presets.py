"""STAC APIs known by name: address, the collection of each product, and how their links are signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from greenup.errors import UserError


@dataclass(frozen=True)
class Preset:
    """``collections``: product -> collection. ``lacking``: product -> why the API has no usable one, and what has."""

    url: str
    collections: Mapping[str, str]
    lacking: Mapping[str, str]


PRESETS = {
    # sentinel-2-l2a: COGs in a public bucket. sentinel-2-l1c: JPEG 2000 where the reader pays (AWS account).
    "earth-search": Preset(
        "https://earth-search.aws.element84.com/v1",
        {"s2_l2a": "sentinel-2-l2a", "s2_l1c": "sentinel-2-l1c"},
        {"s1_grd": "its sentinel-1-grd are uncalibrated counts on no map grid; take url: planetary-computer"},
    ),
    # sentinel-1-rtc: GRD scenes made gamma nought with terrain correction, linear power, 10 m UTM (account needed).
    "planetary-computer": Preset(
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        {"s2_l2a": "sentinel-2-l2a", "s1_grd": "sentinel-1-rtc"},
        {"s2_l1c": "it keeps no Level-1C; take url: earth-search, or source: earthengine"},
    ),
}

# What APIs usually call the collection.
_USUAL = {"s2_l2a": "sentinel-2-l2a"}
_SIGNED_HOST = "planetarycomputer.microsoft.com"


def endpoint(url: str, collection: str | None, product: str) -> tuple[str, str]:
    """Address and collection of ``imagery.url``, ``imagery.collection`` and ``imagery.product``.

    Raises `UserError` for a product that a preset lacks, a plain address without a collection, or no address at all.
    """
    preset = PRESETS.get(url)
    if preset is None:
        if not url.startswith(("http://", "https://")):
            raise UserError(
                f"imagery.url: {url!r} is neither an address nor a known name",
                f"write https://... or one of {', '.join(PRESETS)}",
            )
        if (collection := collection or _USUAL.get(product)) is None:
            raise UserError(
                f"imagery.collection: empty, and {url} has no usual collection for {product}",
                f"name the collection; {url}/collections lists them",
            )
        return url, collection
    if collection is None and product in preset.lacking:
        raise UserError(f"imagery.product: {product} of {url}: {preset.lacking[product]}", "change url or product")
    return preset.url, collection or preset.collections[product]


def signing(sign: str, url: str) -> str:
    """``imagery.sign`` with *auto* settled by the address."""
    if sign != "auto":
        return sign
    return "planetary-computer" if urlsplit(url).hostname == _SIGNED_HOST else "none"
