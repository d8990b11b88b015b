"""One look at a published folder: its sites, where they lie, and their images in order of time.

Folders are listed, not opened: the time stands in the names. Of each site one GeoTIFF's header is read for its place,
unless an index gives it, and of each image the metadata.json beside it for its cloud. A million images take minutes.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from greenup.bands import BANDS
from greenup.config.data import PublishedImagery
from greenup.errors import UserError
from greenup.imagery.published.files import Damaged, ImageFiles
from greenup.imagery.published.index import Index, read_index
from greenup.imagery.published.layouts import LAYOUTS, Layout, is_site, site_root, time_of
from greenup.imagery.published.metadata import NOTHING, Metadata, read_metadata
from greenup.imagery.published.place import place_of
from greenup.schemas import PUBLISHED

_log = logging.getLogger(__name__)

_THREADS = 16
_A_TURN = 4096
"""Sites handed to the threads at a time, so that millions do not wait in memory."""
_LOG_EVERY_S = 10.0
_NAMED = 20


@dataclass(frozen=True)
class Listed:
    """One image: the name of its folder (of SSL4Eco its file, without .tif), and what is told of it."""

    name: str
    time: pd.Timestamp
    cloud: float | None
    orbit: str | None
    metadata: Metadata


def images_of(site: Path, layout: Layout) -> list[Listed]:
    """The images of a site's folder in order of time, then of name; entries that are no images are passed over."""
    found = []
    with os.scandir(site) as entries:
        for entry in entries:
            if layout.whole:
                name, is_image = entry.name.removesuffix(".tif"), entry.name.endswith(".tif")
                about = NOTHING
            else:
                # Previews are files beside the folders of the images.
                name, is_image = entry.name, entry.is_dir()
                about = read_metadata(Path(entry.path) / "metadata.json") if is_image else NOTHING
            at = about.time if (told := time_of(name)) is None else told
            if is_image and at is not None:
                found.append(Listed(name, at, about.cloud, about.orbit, about))
    return sorted(found, key=lambda i: (i.time, i.name))


def list_published(imagery: PublishedImagery, *, threads: int = _THREADS) -> tuple[pd.DataFrame, str]:
    """The `PUBLISHED` table of a folder, sites in the order of their names, and the attribution of its pixels.

    Seasons are d1, d2, ... in order of time; with SSL4Eco's index, spring to winter. Sites without images are left out
    and counted. Raises `UserError` for a folder of another layout, without images, or of which some sites have no file
    that says where they lie (with ``damaged: skip`` these are left out), and for an index that cannot be used.
    """
    layout = LAYOUTS[imagery.layout]
    root = site_root(layout, imagery.product, imagery.path)
    index = read_index(Path(imagery.index)) if imagery.index is not None else None
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if is_site(e.name) and e.is_dir())
    rows: list[tuple] = []
    empty: list[str] = []
    lost: list[Damaged] = []
    for name, images, place in _looked_at(names, root, layout, imagery, index, threads):
        if not images:
            empty.append(name)
        elif isinstance(place, Damaged):
            lost.append(place)
        else:
            if imagery.place == "utm" and not rows:
                _check_grids(root / name / images[0].name, images[0], imagery)
            seasons = _seasons(name, images, index)
            rows += [
                (name, season, *place, f"{name}/{i.name}", i.time, i.cloud, i.orbit)
                for season, i in zip(seasons, images, strict=True)
            ]
    if empty:
        _log.warning(
            "%s: %d of %d sites have no image and are left out: %s", root, len(empty), len(names), _some(empty)
        )
    if lost:
        _without_place(lost, root, imagery)
    if not rows:
        raise UserError(f"{root}: none of its {len(names)} sites has an image", "look at what was downloaded")
    columns = ["site_id", "season", "lon", "lat", "scene_id", "time", "cloud", "orbit"]
    table = pd.DataFrame(rows, columns=columns)
    if imagery.product != "s1_grd":
        table = table.drop(columns="orbit")
    table["time"] = pd.to_datetime(table["time"], utc=True)
    counts = Counter(Counter(table["site_id"]).values())
    _log.info(
        "%s: %d images of %d sites (%s)",
        root,
        len(table),
        len(names) - len(empty) - len(lost),
        ", ".join(f"{sites} with {images}" for images, sites in sorted(counts.items())),
    )
    return PUBLISHED.check(table, f"images in {root}"), layout.attribution


def _looked_at(
    names: list[str], root: Path, layout: Layout, imagery: PublishedImagery, index: Index | None, threads: int
) -> Iterator[tuple[str, list[Listed], tuple[float, float] | Damaged | None]]:
    """Of each site its images, and its place or why there is none; in order, with progress."""

    def look(name: str) -> tuple[str, list[Listed], tuple[float, float] | Damaged | None]:
        images = images_of(root / name, layout)
        if not images:
            return name, images, None
        if index is not None and (place := index.place(name)) is not None:
            return name, images, place
        return name, images, _place(name, images, root, layout, imagery)

    began = logged = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        done = 0
        for start in range(0, len(names), _A_TURN):
            for found in pool.map(look, names[start : start + _A_TURN]):
                yield found
                done += 1
                if (now := time.monotonic()) - logged >= _LOG_EVERY_S:
                    logged, rate = now, done / (now - began)
                    left = (len(names) - done) / rate
                    _log.info("%s: %d of %d sites, %.0f sites/s, %.0f s left", root, done, len(names), rate, left)


def _place(
    name: str, images: Iterable[Listed], root: Path, layout: Layout, imagery: PublishedImagery
) -> tuple[float, float] | Damaged:
    """The middle of the first image that says where it lies."""
    first: Damaged | None = None
    for image in images:
        try:
            return place_of(ImageFiles(root, f"{name}/{image.name}", layout), imagery)
        except Damaged as error:
            first = first or error
    return first


def _seasons(name: str, images: list[Listed], index: Index | None) -> list[str]:
    given = index.seasons(name) if index is not None else {}
    named = [given.get(image.name) for image in images]
    # Numbers go on where an index does not know an image.
    return [season or f"d{i + 1}" for i, season in enumerate(named)]


def _check_grids(folder: Path, image: Listed, imagery: PublishedImagery) -> None:
    """Told by the first image, before all jobs find out."""
    if not any(BANDS[b].native_m == 10 and b in (image.metadata.grids or {}) for b in imagery.offered):
        raise UserError(
            f"{folder / 'metadata.json'}: tells no UTM grid of the image's 10 m bands (bands with crs and "
            "crs_transform), which place: utm needs",
            "write imagery: {place: as_written}",
        )


def _without_place(lost: list[Damaged], root: Path, imagery: PublishedImagery) -> None:
    told = "\n".join(f"  {error}" for error in lost[:_NAMED])
    more = f"\n  and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    said = f"{root}: {len(lost)} sites have no image that can be read:\n{told}{more}"
    if imagery.damaged == "skip":
        _log.warning("%s\n  they are left out", said)
        return
    raise UserError(said, "fetch these again, or write imagery: {damaged: skip} to go on without them")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
