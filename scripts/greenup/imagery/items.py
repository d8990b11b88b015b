"""What a STAC item says of a Sentinel-2 L2A scene: when, where, how cloudy, which file holds which band, which offset.

Shared by the local archive and by STAC APIs. Understood are STAC 1.0 (``eo:bands``, ``raster:bands``) and 1.1
(``bands``), and the asset names of Earth Search (blue), the Planetary Computer (B02) and the Copernicus Data Space
(B02_10m).
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

ESTIMATE = "greenup:cloud_cover_is_estimate"
"""Item property: true when eo:cloud_cover comes from a rule of thumb and not from a cloud mask."""

# Earth Search numbers the red-edge bands, whose common name in its items is "rededge" for all three.
_ALIASES = {b.common_name: b.name for b in BANDS.values() if b.common_name} | {
    "rededge1": "B5",
    "rededge2": "B6",
    "rededge3": "B7",
}
_KEY = re.compile(r"(B\d{1,2}A?)(?:_(\d+)m)?", re.IGNORECASE)
# Pictures made of bands, not bands: their band names are those of the true ones.
_PICTURES = re.compile(r"visual|tci|wvp|aot|overview|thumbnail|preview|tilejson", re.IGNORECASE)
_SCL = re.compile(r"scl(_\d+m)?", re.IGNORECASE)

_STORED = 10_000.0  # stored value of a reflectance of 1, see greenup.bands
_OFFSET = -0.1  # reflectance: BOA_ADD_OFFSET -1000 over the quantification value 10 000, Sentinel-2 baseline 04.00


@dataclass(frozen=True)
class BandFile:
    """Where a band lies: reflectance = value x ``scale`` + ``offset``; ``nodata`` counts where the file names none."""

    href: str
    index: int
    scale: float
    offset: float
    nodata: float


@dataclass(frozen=True)
class Scene:
    """One item. ``footprint`` in degrees; ``cloud`` in percent; ``scl`` is the scene classification, if it has one."""

    scene_id: str
    time: pd.Timestamp
    footprint: shapely.Geometry
    cloud: float | None
    is_estimate: bool
    bands: Mapping[str, BandFile]
    scl: str | None

    def files(self, names: tuple[str, ...]) -> dict[str, BandFile]:
        """The files of these bands. Raises `UserError` if the item lacks one."""
        for name in names:
            if name not in self.bands:
                raise UserError(
                    f"scene {self.scene_id}: no asset holds band {name}",
                    f"leave {name} out of patches.bands; the scene has {', '.join(self.bands) or 'no band'}",
                )
        return {n: self.bands[n] for n in names}


def read_item(item: pystac.Item, where: str) -> Scene:
    """A `Scene` from an item whose asset links are absolute. Raises `UserError` for an item that cannot be used.

    ``where`` names the catalogue in errors.
    """
    here = f"{where}: item {item.id}"
    time = item.datetime or item.common_metadata.start_datetime
    if time is None or item.geometry is None:
        raise UserError(f"{here}: no datetime or no geometry", "write both; scenes are found by them")
    time = pd.Timestamp(time)
    return Scene(
        scene_id=item.id,
        time=time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC"),
        footprint=shape(item.geometry),
        cloud=item.properties.get("eo:cloud_cover"),
        is_estimate=bool(item.properties.get(ESTIMATE, False)),
        bands=band_files(item, here),
        scl=next((a.href for key, a in item.assets.items() if _SCL.fullmatch(key)), None),
    )


def band_name(name: str) -> str | None:
    """The registry's name of a band (B2) from what items write (B02, b2, blue); None for anything else."""
    if name.lower() in _ALIASES:
        return _ALIASES[name.lower()]
    plain = re.sub(r"^B0", "B", name.upper())
    return plain if plain in BANDS and not BANDS[plain].derived else None


def band_files(item: pystac.Item, where: str) -> dict[str, BandFile]:
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
        own = band_name(match[1] if match else key)
        if own is not None:
            if not (match and match[2] and int(match[2]) != BANDS[own].native_m):
                by_key.setdefault(own, (key, 0))
            continue
        if asset.media_type and "jp2" in asset.media_type:
            continue
        for position, band in enumerate(_bands(asset)):
            names = (band.get("name"), band.get("eo:common_name"), band.get("common_name"))
            found = next((n for n in (band_name(str(x)) for x in names if x) if n), None)
            if found is not None:
                by_band.setdefault(found, (key, position))
    out = {}
    for name in BANDS:
        if name in by_key or name in by_band:
            key, position = by_key.get(name) or by_band[name]
            asset = item.assets[key]
            values = {**asset.extra_fields, **_at(_bands(asset), position), **_at(_raster(asset), position)}
            scale, offset = scale_and_offset(item.properties, values, f"{where}, asset {key}")
            nodata = values.get("nodata")
            # Sentinel-2 product specification: 0 is no data.
            nodata = 0.0 if nodata is None else float(nodata)
            out[name] = BandFile(asset.href, position + 1, scale, offset, nodata)
    return out


def scale_and_offset(properties: Mapping[str, Any], values: Mapping[str, Any], where: str) -> tuple[float, float]:
    """Scale and offset from a stored value to reflectance, by metadata only.

    From processing baseline 04.00 on (25 January 2022) ESA adds 1000 to every stored value, so that dark surfaces need
    no negative number; some archives take it off again. In this order:

    1. ``earthsearch:boa_offset_applied: true``: the archive took it off, whatever ``raster:bands`` repeats of it
       (Earth Search writes offset -0.1 in either case).
    2. an offset in the asset's ``raster:bands`` (or ``bands``).
    3. ``s2:processing_baseline``: -0.1 from 04.00 on, 0 before.

    ``values``: the asset's fields for this band (scale, offset, or raster:scale, raster:offset). Returns scale and
    offset in reflectance. Raises `UserError` when the item says none of these: the pixels alone cannot tell.
    """
    scale = _number(values, "scale", where)
    scale = 1.0 / _STORED if scale is None else scale
    offset = _number(values, "offset", where)
    baseline = properties.get("s2:processing_baseline")
    if properties.get("earthsearch:boa_offset_applied") is True:
        return scale, 0.0
    if offset is not None:
        return scale, offset
    if baseline is not None:
        try:
            number = float(baseline)
        except ValueError:
            raise UserError(
                f"{where}: s2:processing_baseline {baseline!r} is no number", "write it as ESA does, e.g. '05.09'"
            ) from None
        return scale, _OFFSET if number >= 4.0 else 0.0
    raise UserError(
        f"{where}: the item does not say whether its values carry the +1000 offset of processing baseline 04.00",
        'write one of these in the item\'s properties: "s2:processing_baseline": "05.09" (or what the product\'s name '
        'says after N), or "earthsearch:boa_offset_applied": true when the offset was taken off or never there',
    )


def _number(values: Mapping[str, Any], name: str, where: str) -> float | None:
    value = values.get(f"raster:{name}", values.get(name))
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where}: {name} {value!r} is no number", "mend the item") from None


def _bands(asset: pystac.Asset) -> list[dict[str, Any]]:
    return asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []


def _raster(asset: pystac.Asset) -> list[dict[str, Any]]:
    return asset.extra_fields.get("raster:bands") or []


def _at(bands: list[dict[str, Any]], position: int) -> dict[str, Any]:
    return bands[position] if position < len(bands) else {}
