"""What a STAC item says of a scene: when, where, how cloudy, which file holds which band, in which units.

Shared by the local archive and by STAC APIs, for Sentinel-2 (Levels 2A and 1C) and Sentinel-1 backscatter. Understood
are STAC 1.0 (``eo:bands``, ``raster:bands``) and 1.1 (``bands``), and the asset names of Earth Search (blue), the
Planetary Computer (B02, vv) and the Copernicus Data Space (B02_10m).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pystac
import shapely
from shapely.geometry import shape

from greenup.bands import BANDS
from greenup.errors import UserError
from greenup.imagery.backscatter import is_power
from greenup.imagery.offsets import Silent, number, scale_and_offset

ESTIMATE = "greenup:cloud_cover_is_estimate"
"""Item property: true when eo:cloud_cover comes from a rule of thumb and not from a cloud mask."""

# Earth Search numbers the red-edge bands, whose common name in its items is "rededge" for all three.
_ALIASES = {b.common_name: b.name for b in BANDS.values() if b.common_name} | {
    "rededge1": "B5",
    "rededge2": "B6",
    "rededge3": "B7",
    # Cloud probability: Earth Search's Collection 1, ESA's product.
    "cloud": "CLDPRB",
    "msk_cldprb": "CLDPRB",
    "cld": "CLDPRB",
}
_KEY = re.compile(r"(\w+?)(?:_(\d+)m)?", re.IGNORECASE)
# Pictures made of bands, not bands: their band names are those of the true ones.
_PICTURES = re.compile(r"visual|tci|wvp|aot|overview|thumbnail|preview|tilejson", re.IGNORECASE)


@dataclass(frozen=True)
class BandFile:
    """Where a band lies, and what its values mean.

    Reflectance, decibels or class = value x ``scale`` + ``offset``; with ``is_power`` that is linear power, to be put
    into decibels. ``nodata`` counts where the file names none.
    """

    href: str
    index: int
    scale: float
    offset: float
    nodata: float
    is_power: bool = False


@dataclass(frozen=True)
class Scene:
    """One item. ``footprint`` in degrees; ``cloud`` in percent; ``orbit`` of radar: ascending or descending."""

    scene_id: str
    time: pd.Timestamp
    footprint: shapely.Geometry
    cloud: float | None
    is_estimate: bool
    bands: Mapping[str, BandFile]
    orbit: str | None = None

    @property
    def scl(self) -> BandFile | None:
        """The scene classification, if it has one."""
        return self.bands.get("SCL")

    def files(self, names: tuple[str, ...]) -> dict[str, BandFile]:
        """The files of these bands; masks, which are optional, may be absent.

        Raises `UserError` if the item lacks any other.
        """
        for name in names:
            if name not in self.bands and BANDS[name].kind != "mask":
                raise UserError(
                    f"scene {self.scene_id}: no asset holds band {name}",
                    f"leave {name} out of patches.bands, or check imagery.product; the scene has "
                    f"{', '.join(self.bands) or 'no band'}",
                )
        return {n: self.bands[n] for n in names if n in self.bands}


def read_item(item: pystac.Item, where: str, silent: Silent = "metadata") -> Scene:
    """A `Scene` from an item whose asset links are absolute. Raises `UserError` for an item that cannot be used.

    ``where`` names the catalogue in errors; ``silent``: see `greenup.imagery.offsets.scale_and_offset`.
    """
    here = f"{where}: item {item.id}"
    time = item.datetime or item.common_metadata.start_datetime
    if time is None or item.geometry is None:
        raise UserError(f"{here}: no datetime or no geometry", "write both; scenes are found by them")
    time = pd.Timestamp(time)
    bands = band_files(item, here, silent)
    cloud = number(item.properties, "eo:cloud_cover", here)
    return Scene(
        scene_id=item.id,
        time=time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC"),
        footprint=shape(item.geometry),
        # Radar sees through cloud.
        cloud=0.0 if cloud is None and {"VV", "VH"} & set(bands) else cloud,
        is_estimate=bool(item.properties.get(ESTIMATE, False)),
        bands=bands,
        orbit=item.properties.get("sat:orbit_state"),
    )


def band_name(name: str) -> str | None:
    """The registry's name of a band (B2) from what items write (B02, b2, blue); None for anything else."""
    if name.lower() in _ALIASES:
        return _ALIASES[name.lower()]
    plain = re.sub(r"^B0", "B", name.upper())
    return plain if plain in BANDS and not BANDS[plain].derived else None


def band_files(item: pystac.Item, where: str, silent: Silent = "metadata") -> dict[str, BandFile]:
    """The file of every band of an item, in the registry's order.

    The asset's own name decides before the band names inside it. Bands resampled to another than their native
    resolution (B02_20m) are passed over.
    """
    by_key: dict[str, tuple[str, int]] = {}
    by_band: dict[str, tuple[str, int]] = {}
    for key, asset in item.assets.items():
        if _PICTURES.search(key) or {"visual", "overview", "thumbnail"} & set(asset.roles or []):
            continue
        match = _KEY.fullmatch(key)
        own = band_name(match[1]) if match else None
        if own is not None:
            if not (match[2] and int(match[2]) != BANDS[own].native_m):
                by_key.setdefault(own, (key, 0))
            continue
        if asset.media_type and "jp2" in asset.media_type:
            continue
        for position, band in enumerate(_bands(asset)):
            names = (band.get("name"), band.get("eo:common_name"), band.get("common_name"))
            found = next((n for n in (band_name(str(x)) for x in names if x) if n), None)
            if found is not None:
                by_band.setdefault(found, (key, position))
    places = {name: by_key.get(name) or by_band.get(name) for name in BANDS}
    return {name: _file(item, name, *place, where, silent) for name, place in places.items() if place}


def _file(item: pystac.Item, name: str, key: str, position: int, where: str, silent: Silent) -> BandFile:
    asset = item.assets[key]
    values = {**asset.extra_fields, **_at(_bands(asset), position), **_at(_raster(asset), position)}
    here = f"{where}, asset {key}"
    nodata = number(values, "nodata", here)
    match BANDS[name].kind:
        case "mask":
            # Classes, flags and percent stand as they are.
            return BandFile(asset.href, position + 1, 1.0, 0.0, 0.0 if nodata is None else nodata)
        case "backscatter":
            power = is_power(values, item.collection_id, here)
            scale, offset = number(values, "scale", here), number(values, "offset", here)
            # 0 is no power, but a fair number of decibels.
            missing = nodata if nodata is not None else 0.0 if power else float("nan")
            return BandFile(
                asset.href, position + 1, 1.0 if scale is None else scale, offset or 0.0, missing, is_power=power
            )
    scale, offset = scale_and_offset(item.properties, values, here, silent)
    # Sentinel-2 product specification: 0 is no data.
    return BandFile(asset.href, position + 1, scale, offset, 0.0 if nodata is None else nodata)


def _bands(asset: pystac.Asset) -> list[dict[str, Any]]:
    return asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []


def _raster(asset: pystac.Asset) -> list[dict[str, Any]]:
    return asset.extra_fields.get("raster:bands") or []


def _at(bands: list[dict[str, Any]], position: int) -> dict[str, Any]:
    return bands[position] if position < len(bands) else {}
