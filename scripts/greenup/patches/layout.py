"""A dataset as the folders of SSL4EO-S12: one GeoTIFF a band, for software that reads those.

    <out>/{s1,s2c,s2a}/<site number>/<image>/<band>.tif + metadata.json
    <out>/contents.csv

Bands are written at native resolution as they are stored: uint16 reflectance x 10 000, backscatter as float32 dB.
Pixels without data hold 0, as in the original, and 0 is tagged as nodata, which the original does not do. Unlike there,
files have their true UTM grid: the original's are in degrees over a UTM grid and shifted by half a pixel. Masks are no
part of the layout and are left out. Files are deflated without loss, about half the size of the original's.

Sites are numbered from 0 without gaps, because readers count (torchgeo's SSL4EOS12) or list (the authors') folders.
An image's folder appears whole, by a rename; what is there whole is not written again; contents.csv comes last.

Source: Wang et al. 2023, SSL4EO-S12, and its downloader; torchgeo 0.6 ``SSL4EOS12``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio

from greenup.bands import BANDS, PRODUCTS, bands_at, measured_of, native_resolutions, physical
from greenup.errors import UserError
from greenup.files import atomic_path, read_json
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches.fetch import Progress
from greenup.patches.store import PatchStore
from greenup.schemas import CONTENTS

FOLDERS = {"s1_grd": "s1", "s2_l1c": "s2c", "s2_l2a": "s2a"}
"""Product -> folder of the layout."""
SEASONS = 4
"""Images a site that readers of the layout expect."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Image:
    """One image to be written: its place in the store, and its folder (relative to the layout's)."""

    site_id: str
    season: str
    scene_id: str
    orbit: str | None
    lon: float
    lat: float
    folder: str


def write_layout(
    indexes: Sequence[str | Path], out: str | Path, *, seasons: int = SEASONS, threads: int = 1
) -> pd.DataFrame:
    """Write datasets as one folder of SSL4EO-S12's layout; returns what contents.csv holds (schema ``contents``).

    Parameters
    ----------
    indexes : index.parquet of a dataset, or of several of different products: those of the same sites (`pair_with`)
        then share their numbers, as s1, s2c and s2a of SSL4EO-S12 do.
    out : folder of the layout. Images of an earlier call that are no longer wanted are removed; a folder that holds
        anything else is refused.
    seasons : sites with fewer images, in any of the datasets, are left out.
    threads : images are compressed and written in parallel.

    Raises
    ------
    UserError
        when no site has enough images, when two datasets are of one product, when something in the folder was not
        written by this function, or when it cannot be written.
    """
    out = Path(out)
    stores = {product: store for product, store in map(_open, indexes)}
    if len(stores) < len(indexes):
        raise UserError(
            f"{', '.join(map(str, indexes))}: two datasets of one product", "give one of each of s1, s2c and s2a"
        )
    numbers = _number(stores, seasons)
    planned = {product: _plan(store.index, numbers, FOLDERS[product]) for product, store in stores.items()}
    contents = out / "contents.csv"
    try:
        # It says that all is there.
        contents.unlink(missing_ok=True)
        room = out / ".unfinished"
        room.mkdir(parents=True, exist_ok=True)
        _sweep(room)
        for product, images in planned.items():
            _remove_others(out, FOLDERS[product], {image.folder for image in images})
        rows: list[tuple] = []
        for product, images in planned.items():
            times = _write_images(stores[product], product, images, out, room, threads)
            rows += [
                (int(i.folder.split("/")[1]), i.site_id, i.season, i.scene_id, i.folder, times[i.folder], i.lon, i.lat)
                for i in images
            ]
        table = CONTENTS.check(pd.DataFrame(rows, columns=[c.name for c in CONTENTS.columns]), str(contents))
        with atomic_path(contents) as temporary:
            table.to_csv(temporary, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
        with suppress(OSError):
            # Empty, unless another writer is at work or a folder of another machine's has been left.
            room.rmdir()
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error})",
            "make room or mend the permissions, then run again: finished images are kept",
        ) from error
    log.info("%s: %d images of %d sites", out, sum(map(len, planned.values())), len(numbers))
    return table


# ------------------------------------------------------------------------------------------------------------ planning
def _open(index: str | Path) -> tuple[str, PatchStore]:
    index = Path(index)
    about = read_json(index.parent / "statistics.json")
    product, store = about.get("product"), PatchStore(index)
    if product not in FOLDERS:
        raise UserError(f"{index.parent / 'statistics.json'}: product {product!r}", f"choose from {', '.join(FOLDERS)}")
    absent = [b for b in measured_of(PRODUCTS[product]) if b not in store.bands]
    if absent:
        log.warning(
            "%s: bands %s are not in the dataset; readers of SSL4EO-S12 that ask for all bands will miss their files",
            index,
            ", ".join(absent),
        )
    return product, store


def _number(stores: dict[str, PatchStore], seasons: int) -> dict[str, int]:
    """Number of each site that has enough images in every dataset, in the order of the first index."""
    counts = [s.index.groupby("site_id", sort=False)["scene_id"].nunique() for s in stores.values()]
    enough = set.intersection(*(set(c.index[c >= seasons]) for c in counts))
    order = [site for site in counts[0].index if site in enough]
    if not order:
        most = min(int(c.max()) for c in counts)
        raise UserError(
            f"none of {len(counts[0])} sites has {seasons} images or more in every dataset (the most is {most})",
            f"write --seasons {most}; readers that expect {SEASONS} then have to be told so",
        )
    return {site: number for number, site in enumerate(order)}


def _plan(index: pd.DataFrame, numbers: dict[str, int], split: str) -> list[_Image]:
    """The images of the numbered sites, by number, then season as in the index."""
    images: list[_Image] = []
    names: dict[tuple[int, str], str] = {}
    for row in index[index["site_id"].isin(numbers)].itertuples(index=False):
        number = numbers[row.site_id]
        name = _folder_name(row.scene_id)
        if names.setdefault((number, name.lower()), row.scene_id) != row.scene_id:
            raise UserError(
                f"site {row.site_id}: scenes {names[number, name.lower()]!r} and {row.scene_id!r} would both be "
                f"written to folder {name!r}",
                "give the scenes ids that differ in letters, digits, dots and dashes",
            )
        folder = f"{split}/{number:07d}/{name}"
        orbit = None if pd.isna(row.orbit) else str(row.orbit)
        images.append(_Image(row.site_id, row.season, row.scene_id, orbit, row.lon, row.lat, folder))
    return sorted(images, key=lambda image: numbers[image.site_id])


def _folder_name(scene_id: str) -> str:
    """An image's folder: its ``system:index``, the last part of its id in Earth Engine; other ids are made fit."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", scene_id.rsplit("/", 1)[-1]).strip(".")
    return name or "image"


# ------------------------------------------------------------------------------------------------------------- writing
def _write_images(
    store: PatchStore, product: str, images: list[_Image], out: Path, room: Path, threads: int
) -> dict[str, pd.Timestamp]:
    """Write what is not there; returns the time of each folder's image."""
    # Two seasons of a site may have chosen the same scene: one folder.
    distinct = list({image.folder: image for image in images}.values())
    progress = Progress(f"{FOLDERS[product]} of {out}", len(distinct))

    def write(image: _Image) -> tuple[str, pd.Timestamp]:
        row = store.row(image.site_id, image.season)
        if not _is_whole(out / image.folder, row.checksum):
            _write_image(store, product, image, out, room)
        progress.step()
        return image.folder, row.time

    times: dict[str, pd.Timestamp] = {}
    some = 8 * threads
    with ThreadPoolExecutor(threads) as pool:
        # A few at a time, so that an error ends the work soon.
        for first in range(0, len(distinct), some):
            times |= dict(pool.map(write, distinct[first : first + some]))
    return times


def _write_image(store: PatchStore, product: str, image: _Image, out: Path, room: Path) -> None:
    pixels, grid = store.read_native(image.site_id, image.season)
    row = store.row(image.site_id, image.season)
    simulated, attribution = (store.index.attrs.get(k) for k in ("simulated", "attribution"))
    with _whole_folder(out / image.folder, room, row.checksum) as folder:
        bands = []
        for native_m, names in bands_of(store.bands, pixels).items():
            for i, name in enumerate(names):
                if name in measured_of(names):
                    values = _as_written(pixels.values[native_m][i], pixels.valid[native_m], name)
                    tags = {"scene_id": image.scene_id, "attribution": str(attribution), "simulated": str(simulated)}
                    _write_band(folder / f"{name}.tif", values, grid, native_m, tags)
                    bands.append(_band_info(name, values, grid, native_m))
        order = list(PRODUCTS[product])
        about: dict[str, Any] = {
            "type": "Image",
            "id": image.scene_id,
            "system:index": image.folder.rsplit("/", 1)[-1],
            "system:time_start": int(row.time.timestamp() * 1000),
            "CLOUDY_PIXEL_PERCENTAGE": row.cloud if product != "s1_grd" else None,
            "orbitProperties_pass": image.orbit and image.orbit.upper(),
            "site_id": image.site_id,
            "season": image.season,
            "lon": image.lon,
            "lat": image.lat,
            "simulated": simulated,
            "attribution": attribution,
            "bands": sorted(bands, key=lambda b: order.index(b["id"])),
        }
        about = {key: value for key, value in about.items() if value is not None}
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        # By these a later call tells that the image is there whole, and the same.
        about |= {"greenup:checksum": row.checksum, "greenup:bytes": sizes}
        _write_json_synced(folder / "metadata.json", about)


def bands_of(bands: Sequence[str], pixels: Pixels) -> dict[int, tuple[str, ...]]:
    """Resolution (m) -> the bands and masks that an image of a store holds there, in the order of its values.

    ``bands``: those of the dataset. All of them stand at 10 m where those who published the images resampled them.
    """
    if tuple(sorted(pixels.values)) == native_resolutions(bands):
        return {m: bands_at(bands, m) for m in native_resolutions(bands)}
    return {m: tuple(bands) for m in pixels.values}


def _as_written(values: np.ndarray, valid: np.ndarray, band: str) -> np.ndarray:
    """Stored values (rows, columns) as the layout has them, 0 where there is no data."""
    if BANDS[band].kind != "backscatter":
        return np.where(valid, values, np.uint16(0))
    # 0 means no data: a true 0 dB becomes the least number above it, far below the step of 0.002 dB that is stored.
    decibels = physical(values, band)
    decibels[decibels == 0] = np.float32(1e-6)
    return np.where(valid, decibels, np.float32(0))


def _write_band(path: Path, values: np.ndarray, grid: PatchGrid, native_m: int, tags: dict[str, str]) -> None:
    profile = {
        "driver": "GTiff",
        "count": 1,
        "height": values.shape[0],
        "width": values.shape[1],
        "dtype": values.dtype,
        "crs": f"EPSG:{grid.epsg}",
        "transform": grid.transform(native_m),
        "nodata": 0,
        "compress": "deflate",
        "predictor": 3 if values.dtype == np.float32 else 2,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
        file.set_band_description(1, path.stem)
        file.update_tags(**tags)
    _sync(path)


def _band_info(name: str, values: np.ndarray, grid: PatchGrid, native_m: int) -> dict[str, Any]:
    """What Earth Engine's getInfo tells of a band."""
    is_whole = values.dtype == np.uint16
    kind = {"precision": "int", "min": 0, "max": 65_535} if is_whole else {"precision": "float"}
    t = grid.transform(native_m)
    return {
        "id": name,
        "data_type": {"type": "PixelType", **kind},
        "dimensions": list(values.shape[::-1]),
        "crs": f"EPSG:{grid.epsg}",
        "crs_transform": [t.a, t.b, t.c, t.d, t.e, t.f],
    }


# -------------------------------------------------------------------------------------------------------- whole or not
def _is_whole(folder: Path, checksum: str) -> bool:
    """Whether an image's folder holds this image, every file as long as it was written.

    Raises `UserError` for a folder that was not written here.
    """
    if not folder.exists():
        return False
    about = _mark(folder)
    if about is None:
        raise _foreign(folder)
    if about["greenup:checksum"] != checksum:
        return False
    there = {p.name: p.stat().st_size for p in folder.iterdir() if p.name != "metadata.json"}
    return there == about["greenup:bytes"]


def _mark(folder: Path) -> dict[str, Any] | None:
    """The metadata of an image's folder that was written here, None for anything else."""
    if not (folder / "metadata.json").is_file():
        return None
    try:
        about = read_json(folder / "metadata.json")
    except UserError:
        return None
    return about if isinstance(about, dict) and {"greenup:checksum", "greenup:bytes"} <= set(about) else None


@contextmanager
def _whole_folder(final: Path, room: Path, checksum: str) -> Iterator[Path]:
    """A folder in ``room`` that takes its place as ``final`` at the end, or is removed on failure.

    Readers list the folders of a site: nothing unfinished may lie there. What stood in the place before is removed.
    """
    temporary = room / f"{_writer()}.{uuid.uuid4().hex[:12]}"
    temporary.mkdir(parents=True)
    try:
        yield temporary
        _sync(temporary)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists() and not _is_whole(final, checksum):
            # Moved aside first: a reader never sees half a folder.
            aside = room / f"{temporary.name}.old"
            with suppress(FileNotFoundError):
                final.rename(aside)
                shutil.rmtree(aside)
        try:
            temporary.rename(final)
        except OSError:
            # Another writer of this layout was faster, if it stands there.
            if not _is_whole(final, checksum):
                raise
        _sync(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_others(out: Path, split: str, wanted: set[str]) -> None:
    """Remove images of an earlier call that are no longer wanted; refuse what was not written here."""
    for site in sorted(out.glob(f"{split}/*")):
        for folder in sorted(site.iterdir()) if site.is_dir() else [site]:
            if folder.relative_to(out).as_posix() in wanted:
                continue
            if _mark(folder) is None:
                raise _foreign(folder)
            shutil.rmtree(folder)
        if not any(site.iterdir()):
            site.rmdir()


def _foreign(path: Path) -> UserError:
    return UserError(f"{path}: was not written by this rule", "give another folder, or move this one away")


def _writer() -> str:
    return f"{socket.gethostname().replace('.', '-')}.{os.getpid()}"


def _sweep(room: Path) -> None:
    """Remove what a writer on this machine that is no more has left."""
    host = _writer().split(".")[0]
    for folder in room.glob(f"{host}.*"):
        try:
            os.kill(int(folder.name.split(".")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            # It lives, as another user.
            continue


def _write_json_synced(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
