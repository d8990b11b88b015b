"""The file of one shard: HDF5, one dataset a native resolution, one chunk an image.

    pixels_10, pixels_20, pixels_60      (n, bands, h, w) uint16: reflectance x 10 000, (dB + 80) x 500, or a mask's
                                         number
    valid_10, valid_20, valid_60         (n, h, w) uint8, 1 where the product has data in every measured band
    invalid_10, invalid_20, invalid_60   (n,) int32: how many pixels of the mask are 0
    checksum_10, ...                     (n,) XXH3-128 of pixels and mask at one resolution (`greenup.patches.form`)
    packed_10, ...                       (n,) XXH3-128 of the same as packed (`greenup.patches.chunks`)
    site_id, season, scene_id, time, cloud, epsg, west, north, pixel_x, pixel_y, checksum, valid_fraction   (n,)

A resolution stands in the file only if a band or mask has it; in a file whose bands were all resampled to 10 m by those
who published them, everything stands at 10. A mask (scene classification and the like) is a band
among the others of its resolution; where it says nothing it holds `greenup.bands.Band.unknown`. Where all pixels of an
image are valid, its chunk of ``valid_*`` is not written: HDF5 gives the fill value, 1.

Attributes name the bands of each resolution, the patch size, the version of this layout, whether the pixels are
simulated, their attribution line, and what they were made from.

Sums notice damage. `ShardFile.read` compares packed chunks with ``packed_*`` before it unpacks them, so an image that
is read is the one that was exported, at its own row. ``checksum_*`` and ``checksum`` say the same of the pixels
themselves, however they are packed; `ShardFile.is_intact` recomputes them. HDF5's own structures carry sums of their
own, and the attribute ``checksum`` covers all other attributes and columns.
docs/store.md tells how other programs read such a file, and how this container was chosen.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xxhash

from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches.chunks import FILTER, pack, packed_checksum, unpack
from greenup.patches.form import Form, Row, checksums_of, joint, pixel_checksum

__all__ = ["COLUMNS", "DAMAGE", "VERSION", "Form", "Row", "ShardFile", "ShardWriter", "pixel_checksum", "writing"]

VERSION = 3
"""Version of the layout; a file of another version is not read."""

_TEXT = ("site_id", "season", "scene_id", "checksum")
_NUMBERS = ("cloud", "west", "north", "pixel_x", "pixel_y", "valid_fraction")
COLUMNS = (*_TEXT, "time", "epsg", *_NUMBERS)

Packed = dict[int, tuple[bytes, bytes | None]]
"""An image as it lies in a file: resolution (m) -> chunk of the pixels, chunk of the mask."""

# What h5py and HDF5 raise on a file that is cut short or altered.
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError)


class ShardWriter:
    """Writes one file of ``count`` images, row by row; every row must be put or copied before `close`.

    The same rows give the same file, byte for byte. ``attrs`` takes what a caller wants to note in the file.
    """

    def __init__(self, path: Path, form: Form, count: int) -> None:
        # v110: structures with checksums, and smaller than the layout of 1998 that is HDF5's default.
        self._file = h5py.File(path, "w", libver="v110", rdcc_nbytes=0, locking=False)
        self.form = form
        self._rows: list[Row | None] = [None] * count
        self._checksums = {m: [""] * count for m in form.resolutions}
        self._packed = {m: [""] * count for m in form.resolutions}
        self._invalid = {m: np.zeros(count, "<i4") for m in form.resolutions}
        attrs = self.attrs = _Attributes(self._file)
        attrs["version"] = VERSION
        attrs["size_px"] = form.size_px
        attrs["simulated"] = form.simulated
        attrs["attribution"] = form.attribution
        attrs["origin"] = form.origin
        attrs["resampled"] = form.resampled
        attrs["bands"] = list(form.bands)
        attrs["checksums"] = "XXH3-128"
        self._pixels, self._valid = {}, {}
        for m in form.resolutions:
            shape = form.shape(m)
            self._pixels[m] = self._image_dataset(f"pixels_{m}", (count, *shape), "<u2")
            about = _Attributes(self._pixels[m])
            about["bands"] = list(form.bands_at(m))
            about["native_m"] = m
            self._valid[m] = self._image_dataset(f"valid_{m}", (count, *shape[1:]), "u1", fillvalue=1)

    def _image_dataset(self, name: str, shape: tuple[int, ...], dtype: str, **more: Any) -> h5py.Dataset:
        # maxshape: HDF5 refuses a chunk longer than a fixed dimension, and a shard may hold no image.
        chunks, longest = (1, *shape[1:]), (None, *shape[1:])
        return self._file.create_dataset(name, shape, dtype, chunks=chunks, maxshape=longest, **FILTER, **more)

    def put(self, index: int, row: Row, pixels: Pixels) -> None:
        """Write one image. Raises `ValueError` when the row's checksum is not that of the pixels."""
        checksums = checksums_of(pixels)
        if joint(checksums) != row.checksum:
            raise ValueError(f"row {index}: the pixels given do not have the checksum given, {row.checksum}")
        for m in self.form.resolutions:
            valid = pixels.valid[m]
            self._checksums[m][index] = checksums[m]
            self._invalid[m][index] = invalid = valid.size - np.count_nonzero(valid)
            self._put_chunks(index, m, pack(pixels.values[m]), pack(valid.view("u1")) if invalid else None)
        self._rows[index] = row

    def copy(self, index: int, row: Row, source: ShardFile, source_index: int) -> None:
        """Take over one image from another file of the same form, without unpacking it.

        Raises `UserError` when it is damaged there.
        """
        for m, (chunk, mask) in source.packed(source_index).items():
            self._checksums[m][index] = source.column(f"checksum_{m}")[source_index].decode()
            self._invalid[m][index] = source.invalid(m)[source_index]
            self._put_chunks(index, m, chunk, mask)
        self._rows[index] = row

    def _put_chunks(self, index: int, native_m: int, chunk: bytes, mask: bytes | None) -> None:
        self._packed[native_m][index] = packed_checksum(chunk, mask)
        with _as_os_error():
            self._pixels[native_m].id.write_direct_chunk((index, 0, 0, 0), chunk)
            if mask is not None:
                self._valid[native_m].id.write_direct_chunk((index, 0, 0), mask)

    def close(self) -> None:
        """Write the columns and close the file."""
        rows = self._rows
        if any(r is None for r in rows):
            raise ValueError(f"row {rows.index(None)} was not written")
        columns: dict[str, np.ndarray] = {name: _text([getattr(r, name) for r in rows]) for name in _TEXT}
        times = pd.DatetimeIndex([r.time for r in rows], tz="UTC") if rows else pd.DatetimeIndex([], tz="UTC")
        columns["time"] = times.as_unit("us").asi8.astype("<i8")
        columns["epsg"] = np.array([r.grid.epsg for r in rows], "<i4")
        columns["cloud"] = np.array([np.nan if r.cloud is None else r.cloud for r in rows], "<f8")
        columns["valid_fraction"] = np.array([r.valid_fraction for r in rows], "<f8")
        for name in ("west", "north", "pixel_x", "pixel_y"):
            columns[name] = np.array([getattr(r.grid, name) for r in rows], "<f8")
        for m in self.form.resolutions:
            columns[f"checksum_{m}"] = _text(self._checksums[m])
            columns[f"packed_{m}"] = _text(self._packed[m])
            columns[f"invalid_{m}"] = self._invalid[m]
        with _as_os_error():
            for name, values in columns.items():
                self._file.create_dataset(name, data=values)
            _Attributes(self._file["time"])["units"] = "microseconds since 1970-01-01T00:00:00Z"
            self.attrs["checksum"] = _checksum_beside(dict(self._file.attrs), columns)
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


class _Attributes:
    """Attributes of a file or dataset, to be set. Text becomes text of fixed length, which stands in the header, under
    its checksum: variable-length text stands in HDF5's global heap, which has none, and damaged there makes HDF5 loop
    for ever."""

    def __init__(self, holder: h5py.File | h5py.Dataset) -> None:
        self._attrs = holder.attrs

    def __setitem__(self, name: str, value: str | list[str] | int | bool) -> None:
        if isinstance(value, str):
            value = _text([value])[0]
            self._attrs.create(name, value, dtype=h5py.string_dtype("utf-8", max(1, len(value))))
        else:
            self._attrs[name] = _text(value) if isinstance(value, list) else value


def _text(values: list[str]) -> np.ndarray:
    """Fixed-length UTF-8: unlike HDF5's variable-length text it stands in the dataset itself."""
    encoded = [v.encode() for v in values]
    width = max([1, *map(len, encoded)])
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))


def _checksum_beside(attrs: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> str:
    """XXH3-128 of all attributes but ``checksum`` itself, and of all columns, in the order of their names."""
    plain = {k: v.tolist() for k, v in attrs.items() if k != "checksum"}
    digest = xxhash.xxh3_128(json.dumps(plain, sort_keys=True, default=bytes.decode).encode())
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(columns[name].tobytes())
    return digest.hexdigest()


class ShardFile:
    """One shard opened for reading.

    Raises `UserError` naming the file and saying how to rebuild it when the file is missing, of another version or
    damaged. File locks are not taken: files are complete before they get their name, and many network file systems do
    not offer locks.
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
        # The version first: other layouts have other attributes.
        version = int(self.handle.attrs["version"])
        if version != VERSION:
            raise UserError(
                f"{self.path}: layout version {version}, this greenup reads version {VERSION}",
                "run `snakemake repair` with your --configfile: it moves the file aside and the next run makes it "
                "again; or read it with the greenup that wrote it",
            )
        attrs = dict(self.handle.attrs)
        form = self.form = Form(
            tuple(band.decode() for band in attrs["bands"]),
            int(attrs["size_px"]),
            bool(attrs["simulated"]),
            attrs["attribution"].decode(),
            attrs["origin"].decode(),
            bool(attrs["resampled"]),
        )
        names = (*COLUMNS, *(f"{kind}_{m}" for m in form.resolutions for kind in ("checksum", "packed", "invalid")))
        self._columns = {name: self._column(name) for name in names}
        if _checksum_beside(attrs, self._columns).encode() != attrs["checksum"]:
            raise ValueError("what stands beside the pixels does not match its checksum")
        lengths = {len(c) for c in self._columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of {sorted(lengths)} rows")
        self._count = lengths.pop()
        # Looked up once: finding a dataset by name takes as long as reading a small one.
        self._pixels = {m: self._dataset(f"pixels_{m}") for m in form.resolutions}
        self._valid = {m: self._dataset(f"valid_{m}") for m in form.resolutions}
        for m in form.resolutions:
            shape = (self._count, *form.shape(m))
            for dataset, expected, dtype in (
                (self._pixels[m], shape, "<u2"),
                (self._valid[m], (shape[0], *shape[2:]), "u1"),
            ):
                if dataset.shape != expected or dataset.dtype != dtype:
                    name, wanted = h5py.h5i.get_name(dataset).decode(), np.dtype(dtype)
                    raise ValueError(f"{name} is {dataset.dtype} {dataset.shape}, expected {wanted} {expected}")

    def _dataset(self, name: str) -> h5py.h5d.DatasetID:
        # By its identifier: `handle[name]` takes three times as long, which counts where a reader goes at random
        # through more shards than it may keep open.
        return h5py.h5d.open(self.handle.id, name.encode())

    def _column(self, name: str) -> np.ndarray:
        dataset = self._dataset(name)
        values = np.empty(dataset.shape, dataset.dtype)
        if values.size:
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return values

    def __len__(self) -> int:
        return self._count

    def column(self, name: str) -> np.ndarray:
        """One of `COLUMNS`, ``checksum_<m>`` or ``packed_<m>``, as it is stored: text as UTF-8 bytes, time in
        microseconds since 1970."""
        return self._columns[name]

    def invalid(self, native_m: int) -> np.ndarray:
        """How many pixels of each image have no data at a stored resolution, int32 (n,)."""
        return self._columns[f"invalid_{native_m}"]

    def grid(self, index: int) -> PatchGrid:
        """The pixel grid of one image."""
        west, north, x, y = (float(self._columns[n][index]) for n in ("west", "north", "pixel_x", "pixel_y"))
        return PatchGrid(int(self._columns["epsg"][index]), west, north, self.form.size_px, x, y)

    def row(self, index: int) -> Row:
        """What is kept of one image beside its pixels."""
        c = {name: self._columns[name][index] for name in COLUMNS}
        return Row(
            c["site_id"].decode(),
            c["season"].decode(),
            c["scene_id"].decode(),
            pd.Timestamp(int(c["time"]), unit="us", tz="UTC"),
            self.grid(index),
            c["checksum"].decode(),
            float(c["valid_fraction"]),
            None if np.isnan(c["cloud"]) else float(c["cloud"]),
        )

    def packed(self, index: int, resolutions: tuple[int, ...] | None = None) -> Packed:
        """One row as it lies in the file, at all stored resolutions or at some of them: by resolution (m), the chunk of
        the pixels, and that of the mask or None where all pixels are valid.

        Raises `UserError` naming file and row when they cannot be read or are not those that were written.
        """
        found: Packed = {}
        with self._damage_named(f"row {index}"):
            for m in self.form.resolutions if resolutions is None else resolutions:
                chunk = self._pixels[m].read_direct_chunk((index, 0, 0, 0))[1]
                mask = self._valid[m].read_direct_chunk((index, 0, 0))[1] if self.invalid(m)[index] else None
                if packed_checksum(chunk, mask).encode() != self._columns[f"packed_{m}"][index]:
                    raise ValueError(f"at {m} m it does not match its checksum")
                found[m] = chunk, mask
        return found

    def unpack(self, packed: Packed) -> Pixels:
        """The pixels of what `packed` gave. It touches nothing but its argument: threads may do it side by side."""
        values, valid = {}, {}
        for m, (chunk, mask) in packed.items():
            shape = self.form.shape(m)
            values[m] = unpack(chunk, shape, 2)
            valid[m] = np.ones(shape[1:], bool) if mask is None else unpack(mask, shape[1:], 1).view(bool)
        return Pixels(values, valid)

    def read(self, index: int, resolutions: tuple[int, ...] | None = None) -> Pixels:
        """Pixels of one row, at all stored resolutions or at some of them, each checked against its checksum.

        Raises `UserError` naming file and row when they cannot be read or are not those that were exported.
        """
        packed = self.packed(index, resolutions)
        with self._damage_named(f"row {index}"):
            return self.unpack(packed)

    def is_intact(self, index: int) -> bool:
        """Whether a row can be read and is what was exported."""
        try:
            checksums = checksums_of(self.read(index))
        except UserError:
            return False
        noted = {m: self.column(f"checksum_{m}")[index].decode() for m in self.form.resolutions}
        return checksums == noted and joint(checksums) == self.column("checksum")[index].decode()

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
                "run `snakemake repair` with your --configfile: it moves damaged files aside and the next run makes "
                "them again",
            ) from error
