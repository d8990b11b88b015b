"""Reading images at random from the shards of a dataset."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.bands import physical
from greenup.errors import UserError
from greenup.files import read_table
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches.channels import assemble, parts_of
from greenup.patches.container import Packed, Row, ShardFile
from greenup.schemas import INDEX

# Below the 1 024 open files that most systems allow a process.
_MAX_OPEN = 256


class PatchStore:
    """The images of one dataset, by site and season.

    ``index`` is ``results/<study>/datasets/<dataset>/index.parquet`` or its table. Pixel files are found below
    ``root``, the study's folder, which is two folders above the index's unless given.

    A store may be handed to forked or spawned workers and used by several threads: files are opened when first read,
    once a process, without file locks.

    Attributes
    ----------
    index : the table (schema ``index``).
    root : the study's folder.
    """

    def __init__(self, index: str | Path | pd.DataFrame, root: str | Path | None = None) -> None:
        if isinstance(index, pd.DataFrame):
            if root is None:
                raise ValueError("a PatchStore made from a table needs root=, the study's folder")
            self.index = INDEX.check(index, "index")
        else:
            self.index = read_table(index, INDEX)
        self.root = Path(root) if root is not None else Path(index).parents[2]
        self._place = pd.MultiIndex.from_frame(self.index[["site_id", "season"]].astype(object))
        # Two names a shard are shared by hundreds of images: numbers and a short list stay small in every worker.
        codes, files = pd.factorize(self.index["file"].astype(object))
        self._file_of, self._files = codes.astype(np.int32), [str(f) for f in files]
        self._row_of = self.index["row"].to_numpy(np.int64)
        self._forget()

    def __len__(self) -> int:
        return len(self.index)

    # --------------------------------------------------------------------------------------------------- reading
    def read_native(self, site_id: str, season: str) -> tuple[Pixels, PatchGrid]:
        """All bands and masks of one image at native resolution, as stored, and its grid.

        Raises `KeyError` when the dataset has no such image, `UserError` naming the file when that is damaged.
        """
        file, packed, _, row = self._fetch(site_id, season)
        return file.unpack(packed), file.grid(row)

    def read(
        self, site_id: str, season: str, channels: Sequence[str], *, physical: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Some channels of one image on the 10 m grid: bands, masks, and indices computed of the bands.

        Returns ``image`` (C, H, W) in the order of ``channels`` and ``valid`` (H, W) bool. ``image`` holds the stored
        values, uint16 (reflectance, NDVI and EVI x 10 000; backscatter as (dB + 80) x 500), invalid pixels 0 in all
        channels. With ``physical`` it is float32: reflectance, index, dB, a mask's own number; invalid pixels NaN.

        Coarse bands are interpolated bilinearly; a mask's pixels are repeated. A pixel is valid where every product
        pixel behind its bands has data. Masks make no pixel invalid unless nothing but masks is asked for: one that
        says nothing of a pixel, or that its scene lacks, holds `greenup.bands.Band.unknown` there (0 in SCL, "no
        data"; 65 535 in the others, NaN if physical).

        Raises `KeyError` when the dataset has no such image, `UserError` for a channel that is not stored or a damaged
        file.
        """
        channels = tuple(channels)
        file, packed, whole, _ = self._fetch(site_id, season, channels)
        form = file.form
        image, valid = assemble(parts_of(form, channels), len(channels), form.size_px, file.unpack(packed), whole)
        if physical:
            return _physical(image, valid, channels), valid
        if not valid.all():
            image *= valid
        return image, valid

    def read_many(
        self, keys: Sequence[tuple[str, str]], channels: Sequence[str], *, physical: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """`read` of several (site_id, season): images (N, C, H, W) and masks (N, H, W) bool, in that order."""
        if not keys:
            raise ValueError("no keys given")
        # Shard after shard, whatever the order asked for.
        first = self.read(*keys[0], channels, physical=physical)
        images = np.empty((len(keys), *first[0].shape), first[0].dtype)
        valid = np.empty((len(keys), *first[1].shape), bool)
        for i in np.argsort([self._file_of[self._locate(*k)] for k in keys], kind="stable"):
            images[i], valid[i] = self.read(*keys[i], channels, physical=physical)
        return images, valid

    def row(self, site_id: str, season: str) -> Row:
        """Scene, time, grid and checksum of one image, as its pixel file has them."""
        at = self._locate(site_id, season)
        self._check_process()
        with self._lock:
            return self._open(self._file_of[at]).row(int(self._row_of[at]))

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands and masks of the dataset, in the exported order."""
        self._check_process()
        with self._lock:
            return self._open(0).form.bands

    def _locate(self, site_id: str, season: str) -> int:
        try:
            return int(self._place.get_loc((site_id, season)))
        except KeyError:
            raise KeyError(f"no image of site {site_id!r}, season {season!r} in this dataset") from None

    def _fetch(
        self, site_id: str, season: str, channels: tuple[str, ...] | None = None
    ) -> tuple[ShardFile, Packed, frozenset[int], int]:
        """The file, what it holds of the bands behind some channels, or of all bands; the resolutions at which all
        pixels are valid; the row."""
        at = self._locate(site_id, season)
        self._check_process()
        # The lock spans the reading, so that no other thread closes the file meanwhile; HDF5 reads one at a time
        # anyway. Unpacking, most of the work, goes on beside that of other threads.
        with self._lock:
            file = self._open(self._file_of[at])
            row = int(self._row_of[at])
            key = (site_id.encode(), season.encode())
            if row >= len(file) or (file.column("site_id")[row], file.column("season")[row]) != key:
                raise UserError(
                    f"{file.path}: row {row} is not site {site_id}, {season}, as the index of the dataset says",
                    "the index is older than the pixel file: run the workflow again",
                )
            resolutions = file.form.resolutions
            if channels is not None:
                try:
                    resolutions = tuple(part.native_m for part in parts_of(file.form, channels))
                except UserError as error:
                    raise UserError(f"{file.path}: {error.message}", error.mend) from None
            whole = frozenset(m for m in resolutions if not file.invalid(m)[row])
            return file, file.packed(row, resolutions), whole, row

    # ----------------------------------------------------------------------------------------------------- files
    def _open(self, code: int) -> ShardFile:
        file = self._opened.get(code)
        if file is None:
            file = self._opened[code] = ShardFile(self.root / self._files[code])
            if len(self._opened) > _MAX_OPEN:
                self._opened.popitem(last=False)[1].close()
        else:
            self._opened.move_to_end(code)
        return file

    def _check_process(self) -> None:
        # A forked worker has inherited its parent's handles: it leaves them alone and opens its own.
        if self._pid != os.getpid():
            self._inherited = self._opened
            self._forget()

    def _forget(self) -> None:
        self._opened: OrderedDict[int, ShardFile] = OrderedDict()
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def close(self) -> None:
        """Close all files; the store may still be read from and opens them again."""
        for file in self._opened.values():
            file.close()
        self._opened.clear()

    def __getstate__(self) -> dict:
        hidden = ("_opened", "_lock", "_pid", "_inherited")
        return {k: v for k, v in self.__dict__.items() if k not in hidden}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._forget()


def _physical(image: np.ndarray, valid: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """Stored values (C, H, W) as float32 in physical units, NaN where invalid."""
    out = np.empty(image.shape, np.float32)
    for name, band, target in zip(channels, image, out, strict=True):
        target[:] = physical(band, name)
    if not valid.all():
        out[:, ~valid] = np.nan
    return out
