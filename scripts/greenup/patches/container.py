"""The file of one shard: HDF5, one dataset a native resolution, one chunk an image.

    pixels_10, pixels_20, pixels_60   (n, bands, h, w) uint16: reflectance x 10 000, (dB + 80) x 500, or a mask's number
    valid_10, valid_20, valid_60      (n, h, w) uint8, 1 where the product has data in every measured band
    site_id, season, scene_id, time, epsg, west, north, checksum, valid_fraction   (n,)

A resolution stands in the file only if a band or mask has it. A mask (scene classification and the like) is a band
among the others of its resolution; where it says nothing it holds `greenup.bands.Band.unknown`. Attributes name the
bands of each resolution, the patch size, the version of this layout, whether the pixels are simulated, their
attribution line, and what they were made from. Chunks are compressed by bitshuffle with LZ4 (hdf5plugin) and carry
Fletcher-32 sums, HDF5's own structures carry theirs, so damage is noticed while reading; the BLAKE2b checksum of each
row says that an image is the one that was exported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pandas as pd

from greenup.bands import bands_at, measured_of, native_resolutions
from greenup.errors import UserError
from greenup.files import checksum
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels

VERSION = 1
"""Version of the layout; a file of another version is not read."""

# LZ4 rather than zstd: 4 % larger on textured reflectance, read more than twice as fast (benchmarks/patch_store.py).
_FILTER = hdf5plugin.Bitshuffle(cname="lz4")

COLUMNS = ("site_id", "season", "scene_id", "time", "epsg", "west", "north", "checksum", "valid_fraction")

# What h5py and HDF5 raise on a file that is cut short or altered.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, OverflowError)


@dataclass(frozen=True)
class Form:
    """What all images of a file have in common. ``bands``: bands and masks in the exported order.

    ``origin`` names the source and its settings: the same scene id from another source is another image.
    """

    bands: tuple[str, ...]
    size_px: int
    simulated: bool
    attribution: str
    origin: str = ""

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Native resolutions (m), finest first."""
        return native_resolutions(self.bands)

    def shape(self, native_m: int) -> tuple[int, int, int]:
        """Bands, height and width of one image at a native resolution."""
        side = PatchGrid(0, 0.0, 0.0, self.size_px).shape(native_m)
        return len(bands_at(self.bands, native_m)), side, side

    def check(self, pixels: Pixels, where: str) -> Pixels:
        """The pixels as they are stored: invalid ones set to 0.

        Raises `ValueError` when a source has handed out another shape or type than `Pixels` promises.
        """
        values, valid = {}, {}
        for m in self.resolutions:
            v, ok = pixels.values[m], pixels.valid[m]
            if v.shape != self.shape(m) or v.dtype != np.uint16 or ok.shape != v.shape[1:] or ok.dtype != np.bool_:
                raise ValueError(
                    f"{where}: at {m} m the source gave {v.dtype} {v.shape} and mask {ok.dtype} {ok.shape}; "
                    f"asked for uint16 {self.shape(m)} and bool {self.shape(m)[1:]}"
                )
            values[m], valid[m] = (v if ok.all() else v * ok), ok
        return Pixels(values, valid)


@dataclass(frozen=True)
class Row:
    """What is kept of one image beside its pixels. ``time`` is the acquisition time (UTC)."""

    site_id: str
    season: str
    scene_id: str
    time: pd.Timestamp
    grid: PatchGrid
    checksum: str
    valid_fraction: float


def pixel_checksum(pixels: Pixels) -> str:
    """BLAKE2b-128 of an image: for each native resolution, finest first, the values (uint16, little-endian, band by
    band, row by row), then the mask (one byte a pixel, 0 or 1)."""
    parts = []
    for m in sorted(pixels.values):
        parts.append(np.ascontiguousarray(pixels.values[m], "<u2").data)
        parts.append(np.ascontiguousarray(pixels.valid[m], "u1").data)
    return checksum(*parts)


def valid_fraction(pixels: Pixels, bands: Sequence[str]) -> float:
    """Share of pixels with data at the finest resolution of these bands; masks count only if there is nothing else."""
    return float(pixels.valid[native_resolutions(measured_of(bands) or bands)[0]].mean())


class ShardWriter:
    """Writes one file of ``count`` images, row by row; every row must be put or copied before `close`."""

    def __init__(self, path: Path, form: Form, count: int) -> None:
        # v110: structures with checksums, and smaller than the layout of 1998 that is HDF5's default.
        self._file = h5py.File(path, "w", libver="v110", rdcc_nbytes=0, locking=False)
        self.form = form
        self._rows: list[Row | None] = [None] * count
        attrs = self._file.attrs
        attrs["version"] = VERSION
        attrs["size_px"] = form.size_px
        attrs["simulated"] = form.simulated
        attrs["attribution"] = form.attribution
        attrs["origin"] = form.origin
        attrs["bands"] = list(form.bands)
        for m in form.resolutions:
            shape = form.shape(m)
            pixels = self._image_dataset(f"pixels_{m}", (count, *shape), "<u2")
            pixels.attrs["bands"] = list(bands_at(form.bands, m))
            pixels.attrs["native_m"] = m
            self._image_dataset(f"valid_{m}", (count, *shape[1:]), "u1")

    def _image_dataset(self, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
        # maxshape: HDF5 refuses a chunk longer than a fixed dimension, and a shard may hold no image.
        return self._file.create_dataset(
            name, shape, dtype, chunks=(1, *shape[1:]), maxshape=(None, *shape[1:]), fletcher32=True, **_FILTER
        )

    @property
    def attrs(self) -> h5py.AttributeManager:
        """Attributes of the file, for what a caller wants to note in it."""
        return self._file.attrs

    def put(self, index: int, row: Row, pixels: Pixels) -> None:
        """Write one image."""
        with _as_os_error():
            for m in self.form.resolutions:
                self._file[f"pixels_{m}"][index] = pixels.values[m]
                self._file[f"valid_{m}"][index] = pixels.valid[m]
        self._rows[index] = row

    def copy(self, index: int, row: Row, source: ShardFile, source_index: int) -> None:
        """Take over one image from another file of the same form, without decompressing it."""
        for name in [f"{kind}_{m}" for kind in ("pixels", "valid") for m in self.form.resolutions]:
            rest = (0,) * (self._file[name].ndim - 1)
            mask, chunk = source.handle[name].id.read_direct_chunk((source_index, *rest))
            with _as_os_error():
                self._file[name].id.write_direct_chunk((index, *rest), chunk, mask)
        self._rows[index] = row

    def close(self) -> None:
        """Write the columns and close the file."""
        rows = self._rows
        if any(r is None for r in rows):
            raise ValueError(f"row {rows.index(None)} was not written")
        columns: dict[str, np.ndarray] = {
            name: _text([getattr(r, name) for r in rows]) for name in ("site_id", "season", "scene_id", "checksum")
        }
        times = pd.DatetimeIndex([r.time for r in rows], tz="UTC") if rows else pd.DatetimeIndex([], tz="UTC")
        columns["time"] = times.as_unit("us").asi8.astype("<i8")
        columns["epsg"] = np.array([r.grid.epsg for r in rows], "<i4")
        columns["west"] = np.array([r.grid.west for r in rows], "<f8")
        columns["north"] = np.array([r.grid.north for r in rows], "<f8")
        columns["valid_fraction"] = np.array([r.valid_fraction for r in rows], "<f8")
        with _as_os_error():
            for name, values in columns.items():
                self._file.create_dataset(name, data=values)
            self._file["time"].attrs["units"] = "microseconds since 1970-01-01T00:00:00Z"
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is, unfinished."""
        # What brought us here is on its way to the user; that the rest cannot be flushed either adds nothing.
        with suppress(OSError, RuntimeError):
            self._file.close()


@contextmanager
def writing(path: Path, form: Form, count: int) -> Iterator[ShardWriter]:
    """A `ShardWriter` that is closed at the end, and abandoned when the body fails.

    Raises `OSError` with the system's own words when the file cannot be written.
    """
    with _as_os_error():
        writer = ShardWriter(path, form, count)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.abandon()
        raise


@contextmanager
def _as_os_error() -> Iterator[None]:
    """HDF5 tells of a full disk by several exceptions and a page of its inner state: make it the system's error."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = re.search(r"errno = (\d+)", str(error))
        raise OSError(*([int(number[1]), os.strerror(int(number[1]))] if number else [str(error)])) from error


def _text(values: list[str]) -> np.ndarray:
    """Fixed-length UTF-8: unlike HDF5's variable-length text it stands in the dataset itself."""
    encoded = [v.encode() for v in values]
    width = max([1, *map(len, encoded)])
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))


class ShardFile:
    """One shard opened for reading.

    Raises `UserError` naming the file and saying how to rebuild it when the file is missing or damaged. File locks are
    not taken: files are complete before they get their name, and many network file systems do not offer locks.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"{self.path}: no such file", "run the workflow to make it")
        with self._damage_named("the file"):
            # No chunk cache: an image is read whole and once, and caches of hundreds of shards would fill the memory.
            self.handle = h5py.File(self.path, "r", rdcc_nbytes=0, locking=False)
            try:
                self._read_columns()
            except BaseException:
                self.handle.close()
                raise

    def _read_columns(self) -> None:
        attrs = self.handle.attrs
        if (version := int(attrs["version"])) != VERSION:
            raise UserError(
                f"{self.path}: layout version {version}, this greenup reads version {VERSION}",
                "delete the file and run again, or read it with the greenup that wrote it",
            )
        self.form = Form(
            tuple(attrs["bands"]),
            int(attrs["size_px"]),
            bool(attrs["simulated"]),
            str(attrs["attribution"]),
            str(attrs["origin"]),
        )
        self._columns = {name: self.handle[name][()] for name in COLUMNS}
        lengths = {len(c) for c in self._columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of {sorted(lengths)} rows")
        self._count = lengths.pop()
        # Looked up once: finding a dataset by name takes as long as reading a small one.
        self._pixels = {m: self.handle[f"pixels_{m}"] for m in self.form.resolutions}
        self._valid = {m: self.handle[f"valid_{m}"] for m in self.form.resolutions}
        for m in self.form.resolutions:
            shape = (self._count, *self.form.shape(m))
            for dataset, expected in ((self._pixels[m], shape), (self._valid[m], (shape[0], *shape[2:]))):
                if dataset.shape != expected:
                    raise ValueError(f"{dataset.name} has shape {dataset.shape}, expected {expected}")

    def __len__(self) -> int:
        return self._count

    def column(self, name: str) -> np.ndarray:
        """One of `COLUMNS` as it is stored: text as UTF-8 bytes, time in microseconds since 1970."""
        return self._columns[name]

    def row(self, index: int) -> Row:
        """What is kept of one image beside its pixels."""
        c = {name: values[index] for name, values in self._columns.items()}
        return Row(
            c["site_id"].decode(),
            c["season"].decode(),
            c["scene_id"].decode(),
            pd.Timestamp(int(c["time"]), unit="us", tz="UTC"),
            PatchGrid(int(c["epsg"]), float(c["west"]), float(c["north"]), self.form.size_px),
            c["checksum"].decode(),
            float(c["valid_fraction"]),
        )

    def read(self, index: int, resolutions: tuple[int, ...] | None = None) -> Pixels:
        """Pixels of one row, at all native resolutions or at some of them."""
        wanted = self.form.resolutions if resolutions is None else resolutions
        with self._damage_named(f"row {index}"):
            values = {m: self._pixels[m][index] for m in wanted}
            valid = {m: self._valid[m][index].astype(bool) for m in wanted}
        return Pixels(values, valid)

    def is_intact(self, index: int) -> bool:
        """Whether a row can be read and has the checksum that the file gives it."""
        try:
            return pixel_checksum(self.read(index)) == self.column("checksum")[index].decode()
        except UserError:
            return False

    def close(self) -> None:
        self.handle.close()

    def __enter__(self) -> ShardFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _damage_named(self, what: str) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise UserError(
                f"{self.path}: damaged: {what} cannot be read ({error})",
                "run `snakemake repair` with your --configfile: damaged files are moved aside and can be made again",
            ) from error
