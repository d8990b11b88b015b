"""The STAC Collection of a dataset (STAC 1.1: common ``bands``; extensions eo or sar, raster, classification).

Its items, one an image, stand in items.parquet beside it (`greenup.patches.items`).
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pystac

import greenup
from greenup.bands import BANDS, QA60_BITS, SCL_CLASSES
from greenup.patches.items import HDF5, STAC_GEOPARQUET

if TYPE_CHECKING:
    from greenup.patches.container import Form
    from greenup.patches.describe import Description

_EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    for name, version in (("eo", "2.0.0"), ("sar", "1.0.0"), ("raster", "2.0.0"), ("classification", "2.0.0"))
}
# Sentinel-1 product specification: C band, 5.405 GHz; over land in interferometric wide swath mode.
_SENTINEL_1 = {"sar:instrument_mode": ["IW"], "sar:frequency_band": ["C"], "sar:center_frequency": [5.405]}
COPERNICUS_TERMS = "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"

_ASSETS = {
    # The role by which readers of STAC GeoParquet know the file of a collection's items.
    "items": ("items.parquet", STAC_GEOPARQUET, "STAC items, one an image (stac-geoparquet)", "collection-mirror"),
    "index": ("index.parquet", STAC_GEOPARQUET, "one row an image (GeoParquet)", "metadata"),
    "statistics": ("statistics.json", "application/json", "statistics of every channel, counts of images", "metadata"),
    "card": ("README.md", "text/markdown", "dataset card", "metadata"),
    "quality": ("quality.html", "text/html", "quality report with pictures", "overview"),
}


def stac_collection(about: Description) -> dict[str, Any]:
    """The collection as JSON-able values. Every reference is relative to its own folder."""
    index, statistics, form = about.index, about.statistics, about.form
    box = list(about.footprints.bounds())
    first, last = (t.to_pydatetime().astimezone(UTC) for t in (index["time"].min(), index["time"].max()))
    sensor = "Sentinel-1" if statistics["product"] == "s1_grd" else "Sentinel-2"
    kind = f"Simulated {sensor}-like" if form.simulated else sensor
    bands = [_band(name, form) for name in form.bands]
    summaries = {
        "bands": bands,
        "gsd": list(form.resolutions),
        "greenup:product": [statistics["product"]],
        "greenup:seasons": list(statistics["seasons"]),
        "greenup:simulated": [form.simulated],
    }
    if radar := [name for name in form.bands if BANDS[name].kind == "backscatter"]:
        summaries |= {**_SENTINEL_1, "sar:polarizations": radar}
    collection = pystac.Collection(
        id=about.name,
        title=f"greenup dataset {about.name}",
        description=(
            f"{kind} patches of {form.size_px * 10 / 1000:g} km, {statistics['images']} images of "
            f"{statistics['sites']} sites. {statistics['attribution']}"
        ),
        extent=pystac.Extent(pystac.SpatialExtent([box]), pystac.TemporalExtent([[first, last]])),
        # STAC's word for a licence that is not in the SPDX list.
        license="other",
        keywords=["simulated" if form.simulated else sensor, "seasons"],
        providers=_providers(form.simulated, statistics["attribution"]),
        summaries=pystac.Summaries(summaries, maxcount=100),
        # Those of which a field is used, in the bands or beside them.
        stac_extensions=[
            url
            for name, url in _EXTENSIONS.items()
            if any(key.startswith(f"{name}:") for fields in (summaries, *bands) for key in fields)
        ],
        extra_fields={
            "item_assets": {"pixels": {"title": "one row of a shard", "type": HDF5, "roles": ["data"]}},
            "attribution": statistics["attribution"],
            "greenup:version": greenup.__version__,
            "greenup:simulated": form.simulated,
        },
    )
    for key, (href, media_type, title, role) in _ASSETS.items():
        collection.add_asset(key, pystac.Asset(f"./{href}", title=title, media_type=media_type, roles=[role]))
    if not form.simulated:
        collection.add_link(pystac.Link("license", COPERNICUS_TERMS, title="Copernicus Sentinel data terms"))
    return collection.to_dict(include_self_link=False)


def _band(name: str, form: Form) -> dict[str, Any]:
    """A band object: value = stored x raster:scale + raster:offset, in ``unit`` where it has one."""
    band = BANDS[name]
    stored_at = next(m for m in form.resolutions if name in form.bands_at(m))
    fields: dict[str, Any] = {"name": name, "gsd": stored_at, "data_type": "uint16"}
    if band.kind == "mask":
        return fields | _meaning(name)
    fields["raster:scale"] = 1 / band.scale
    if band.kind == "backscatter":
        return fields | {"raster:offset": band.offset, "unit": "dB"}
    return fields | {"eo:common_name": band.common_name, "eo:center_wavelength": band.wavelength_um}


def _meaning(mask: str) -> dict[str, Any]:
    """What the numbers of a mask say: classes, bit fields, or percent."""
    if mask == "SCL":
        return {"classification:classes": [_class(v, text) for v, text in SCL_CLASSES.items()]}
    if mask == "QA60":
        fields = [
            {"offset": bit, "length": 1, "name": _slug(text), "classes": [_class(0, f"no {text}"), _class(1, text)]}
            for bit, text in QA60_BITS.items()
        ]
        return {"classification:bitfields": fields}
    return {"unit": "%"}


def _class(value: int, text: str) -> dict[str, Any]:
    return {"value": value, "name": _slug(text), "description": text}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower())


def _providers(simulated: bool, attribution: str) -> list[pystac.Provider]:
    maker = pystac.Provider("greenup", description=attribution, roles=[pystac.ProviderRole.PROCESSOR])
    if simulated:
        return [maker]
    roles = [pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR]
    return [pystac.Provider("ESA / Copernicus", roles=roles, url="https://sentinels.copernicus.eu"), maker]
