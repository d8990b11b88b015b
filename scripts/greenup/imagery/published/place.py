"""Where a published image lies: its headers, and the middle of its patch."""

from __future__ import annotations

from greenup.config.data import PublishedImagery
from greenup.imagery.published.files import Damaged, Header, ImageFiles
from greenup.imagery.published.georeference import as_written, centre


def any_header(files: ImageFiles, imagery: PublishedImagery) -> Header:
    """How an image lies, by the first of its bands that can be read, finest first. Raises `Damaged` of the first."""
    first: Damaged | None = None
    for band in sorted(imagery.offered, key=files.native_m):
        try:
            return files.header(band)
        except Damaged as error:
            first = first or error
            if files.layout.whole:
                break
    raise first


def place_of(files: ImageFiles, imagery: PublishedImagery) -> tuple[float, float]:
    """Longitude and latitude of the middle of an image. Raises `Damaged` where no file of it can be read."""
    lon, lat = centre(as_written(any_header(files, imagery), files.layout))
    return round(lon, 7), round(lat, 7)
