"""The STAC Collection of a dataset (STAC 1.1: common ``bands``, and the electro-optical extension)."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pystac

import greenup
from greenup.bands import BANDS

if TYPE_CHECKING:
    from greenup.patches.describe import Description

_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
]
COPERNICUS_TERMS = "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"

_ASSETS = {
    "index": ("index.parquet", "application/vnd.apache.parquet", "one row an image (GeoParquet)"),
    "statistics": ("statistics.json", "application/json", "mean, standard deviation and quantiles of every channel"),
    "card": ("README.md", "text/markdown", "dataset card"),
}


def stac_collection(about: Description) -> dict[str, Any]:
    """The collection as JSON-able values. Every reference is relative to its own folder."""
    index, statistics, form = about.index, about.statistics, about.form
    box = [float(f(index[axis])) for f, axis in ((min, "lon"), (min, "lat"), (max, "lon"), (max, "lat"))]
    first, last = (t.to_pydatetime().astimezone(UTC) for t in (index["time"].min(), index["time"].max()))
    kind = "Simulated Sentinel-2-like" if form.simulated else "Sentinel-2"
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
        keywords=["simulated", "seasons"] if form.simulated else ["Sentinel-2", "seasons"],
        providers=_providers(form.simulated, statistics["attribution"]),
        summaries=pystac.Summaries(
            {
                "bands": [_band(name) for name in form.bands],
                "gsd": list(form.resolutions),
                "greenup:seasons": list(statistics["seasons"]),
                "greenup:simulated": [form.simulated],
            },
            maxcount=100,
        ),
        stac_extensions=_EXTENSIONS,
        extra_fields={"greenup:version": greenup.__version__, "greenup:simulated": form.simulated},
    )
    for key, (href, media_type, title) in _ASSETS.items():
        collection.add_asset(key, pystac.Asset(f"./{href}", title=title, media_type=media_type, roles=["metadata"]))
    if not form.simulated:
        collection.add_link(pystac.Link("license", COPERNICUS_TERMS, title="Copernicus Sentinel data terms"))
    return collection.to_dict(include_self_link=False)


def _band(name: str) -> dict[str, Any]:
    band = BANDS[name]
    return {
        "name": name,
        "gsd": band.native_m,
        "data_type": "uint16",
        "raster:scale": 1 / band.scale,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": band.wavelength_um,
    }


def _providers(simulated: bool, attribution: str) -> list[pystac.Provider]:
    maker = pystac.Provider("greenup", description=attribution, roles=[pystac.ProviderRole.PROCESSOR])
    if simulated:
        return [maker]
    roles = [pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR]
    return [pystac.Provider("ESA / Copernicus", roles=roles, url="https://sentinels.copernicus.eu"), maker]
