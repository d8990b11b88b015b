"""Twelve places of S2-100K: one Sentinel-2 L2A image each, all bands resampled to 10 m, without a date."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import rasterio
import rasterio.errors
from pyproj import Transformer

from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.files import write_text
from greenup.imagery.writing import band_asset, footprint, item, item_folder, write_catalogue, write_geotiff
from greenup.samples.place import Point

NAME = "s2_100k"
ATTRIBUTION = "Contains modified Copernicus Sentinel data 2021-2023"
FIRST_DAY, LAST_DAY = "2021-01-01", "2023-05-17"
"""The search of S2-100K (SatCLIP, Klemmer et al. 2023): the acquisition lies between these days, which one the files do
not tell."""
SEASON = "undated"
"""Season name of the images in ``scenes.csv``."""
_SOURCE = "S2-100K, github.com/microsoft/satclip"
_FILE = re.compile(r"patch_(\d+)\.tif")
# Not a value of these files, whose zeros are dark: no pixel is 0 in all bands, as one without data would be.
_NODATA = 65_535


def convert_s2_100k(files: list[Path], folder: Path) -> list[Point]:
    """Write the archive of ``patch_<number>.tif`` files; returns each patch's centre as a point, which has its number.

    Beside the archive, ``scenes.csv`` is an index of the images: site_id, season (`SEASON`), image_id, and the
    placeholder as time.

    Pixels, grid and CRS are copied as they are: the images are kept whole with ``patches: {grid: image}``. The files
    have neither date nor cloud nor processing baseline. The items' time is a placeholder, the first day of the
    publisher's search, and says so (property ``greenup:datetime_is_placeholder``, and start and end of the search).
    Values are passed on as they are, as if no offset were left; some patches have no dark pixel, of which a warning is
    given when they are read, and nothing is corrected.
    """
    items, points = [], []
    for file in files:
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise UserError(f"{file}: unexpected name", "leave the files' names as they are at the source")
        try:
            with rasterio.open(file) as source:
                values, transform, epsg = source.read(), source.transform, source.crs.to_epsg()
        except rasterio.errors.RasterioIOError as error:
            raise UserError(f"{file}: cannot be read ({error})", "fetch the file again") from error
        if values.shape[0] != len(S2_L2A) or values.dtype != "uint16" or values.max() == _NODATA:
            raise UserError(
                f"{file}: {values.shape[0]} bands of {values.dtype} up to {values.max()}",
                f"fetch the file again: 12 bands of uint16 below {_NODATA}",
            )
        item_id = f"{NAME}_{match[1]}"
        path = item_folder(folder, NAME, item_id) / "reflectance.tif"
        write_geotiff(path, values, epsg, transform, nodata=_NODATA, names=S2_L2A)
        properties = {
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "proj:code": f"EPSG:{epsg}",
            "start_datetime": f"{FIRST_DAY}T00:00:00Z",
            "end_datetime": f"{LAST_DAY}T23:59:59Z",
            "greenup:datetime_is_placeholder": True,
        }
        asset = band_asset(
            f"./{path.name}",
            S2_L2A,
            nodata=_NODATA,
            dtype=values.dtype,
            gsd=10,
            title="12 bands, all at 10 m",
        )
        # The reader refuses items that say nothing of the offset of baseline 04.00. These values are taken as they are.
        for band in asset.extra_fields["bands"]:
            band["raster:offset"] = 0.0
        items.append(
            item(
                item_id,
                datetime.fromisoformat(FIRST_DAY),
                footprint(epsg, transform, *values.shape[1:]),
                properties,
                {"reflectance": asset},
            )
        )
        west, south, east, north = rasterio.transform.array_bounds(*values.shape[1:], transform)
        to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True)
        lon, lat = to_degrees.transform((west + east) / 2, (south + north) / 2)
        points.append(Point(item_id, lon, lat, "s2_100k"))
    write_catalogue(
        folder,
        NAME,
        "Sentinel-2 L2A of twelve places of S2-100K, 256 x 256 pixels, all bands resampled to 10 m by the publisher. "
        f"The files carry no date: {FIRST_DAY} in every item is a placeholder, the acquisition lies between it and "
        f"{LAST_DAY}. Whether values carry the +1000 offset of processing baseline 04.00 is not known; some look so. "
        "Cloud cover is not known.",
        items,
        licence="other",
        attribution=f"{ATTRIBUTION} (S2-100K; dates not known)",
        source=_SOURCE,
        url="https://github.com/microsoft/satclip",
    )
    # Without a cloud cover no image is chosen by a search; an index names them.
    rows = [f"{p.site_id},{SEASON},{p.site_id},{FIRST_DAY}T00:00:00" for p in points]
    write_text(folder / "scenes.csv", "\n".join(["site_id,season,image_id,time", *rows]) + "\n")
    return points
