"""Layouts in which the same dates can be kept, for benchmarks/patch_store.py: each can be written, read and damaged.

Every layout holds 12 bands of Sentinel-2 L2A; read as (13, 264, 264) with NDVI, or as RGB only. Those that keep native
resolution resample by the same code, `greenup.patches.resample`, ours included.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import rasterio
from greenup.bands import BANDS, RGB, S2_L2A, bands_at
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches import chunks
from greenup.patches.container import Form, Row, ShardFile, pixel_checksum, writing
from greenup.patches.resample import bilinear_to_10m, ndvi
from greenup.patches.store import PatchStore

SIZE_PX = 264
GRID = PatchGrid(32631, 600_000.0, 5_000_040.0, SIZE_PX)
CHANNELS = (*S2_L2A, "NDVI")
RESOLUTIONS = (10, 20, 60)
Place = tuple[Path, int, int]
"""File, first byte and number of bytes of stored pixels."""


def resampled(values: dict[int, np.ndarray], channels: tuple[str, ...]) -> np.ndarray:
    """Native pixels, resolution -> (bands, n, n), as channels on the 10 m grid."""
    image = np.empty((len(channels), SIZE_PX, SIZE_PX), np.uint16)
    for m, bands in values.items():
        names = bands_at(S2_L2A, m)
        at = [channels.index(b) for b in names if b in channels]
        if m == 10:
            for name in set(names).intersection(channels):
                image[channels.index(name)] = bands[names.index(name)]
        else:
            whole = np.ones(bands.shape[1:], bool)
            bilinear_to_10m(bands, whole, m // 10, SIZE_PX, [image[i] for i in at], all_valid=True)
    if "NDVI" in channels:
        red, nir = (values[10][bands_at(S2_L2A, 10).index(b)] for b in ("B4", "B8"))
        image[channels.index("NDVI")] = ndvi(red, nir)
    return image


class Layout:
    """One way to keep dates. ``needs``: packages beyond numpy and rasterio, by import name; ``reader``: what a reader
    has to have, in words."""

    name: str
    needs: ClassVar[tuple[str, ...]] = ()
    reader = "numpy"

    def lacking(self) -> list[str]:
        return [n for n in self.needs if importlib.util.find_spec(n) is None]

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        raise NotImplementedError

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        """A function of a date's number and channels that gives (channels, 264, 264) uint16."""
        raise NotImplementedError

    def places(self, folder: Path, number: int) -> list[Place]:
        """Where the pixels of a date lie."""
        raise NotImplementedError


class Native(Layout):
    """A layout that keeps native resolution and reads one array a resolution."""

    def opened(self, folder: Path) -> Callable[[int, int], np.ndarray]:
        """A function of a date's number and a resolution that gives (bands, n, n) uint16."""
        raise NotImplementedError

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        native = self.opened(folder)

        def read(number: int, channels: tuple[str, ...]) -> np.ndarray:
            wanted = (10,) if channels == RGB else RESOLUTIONS
            return resampled({m: native(number, m) for m in wanted}, channels)

        return read


# --------------------------------------------------------------------------------------------------------- published
class Published(Layout):
    """SSL4EO-S12's: a folder a date, 13 uncompressed single-band GeoTIFFs at native resolution."""

    name = "13 GeoTIFFs a date"
    reader = "GDAL"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        for number, pixels in enumerate(dates):
            place = folder / f"{number:07d}"
            place.mkdir(parents=True)
            layers = [(b, m, pixels.values[m][i]) for m in pixels.values for i, b in enumerate(bands_at(S2_L2A, m))]
            red, nir = (pixels.values[10][bands_at(S2_L2A, 10).index(b)] for b in ("B4", "B8"))
            for band, m, values in [*layers, ("NDVI", 10, ndvi(red, nir))]:
                side = len(values)
                about = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": f"EPSG:{GRID.epsg}"}
                with rasterio.open(
                    place / f"{band}.tif", "w", width=side, height=side, transform=GRID.transform(m), **about
                ) as out:
                    out.write(values, 1)

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        def read(number: int, channels: tuple[str, ...]) -> np.ndarray:
            image = np.empty((len(channels), SIZE_PX, SIZE_PX), np.uint16)
            for i, channel in enumerate(channels):
                with rasterio.open(folder / f"{number:07d}" / f"{channel}.tif") as band:
                    values, factor = band.read(1), BANDS[channel].native_m // 10
                if factor == 1:
                    image[i] = values
                else:
                    whole = np.ones(values.shape, bool)
                    bilinear_to_10m(values[None], whole, factor, SIZE_PX, image[i : i + 1], all_valid=True)
            return image

        return read

    def places(self, folder: Path, number: int) -> list[Place]:
        # Uncompressed: the pixels are the end of the file, but for what GDAL writes after them.
        return [(p, p.stat().st_size // 2, p.stat().st_size // 4) for p in (folder / f"{number:07d}").iterdir()]


class MultiBand(Layout):
    """SSL4Eco's: one GeoTIFF a date with 13 bands, all resampled to 10 m."""

    reader = "GDAL"

    def __init__(self, compression: str) -> None:
        self.compression = compression
        self.name = f"one GeoTIFF, {compression} predictor 2"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        folder.mkdir(parents=True)
        for number, pixels in enumerate(dates):
            with rasterio.open(
                folder / f"{number:07d}.tif", "w", driver="GTiff", width=SIZE_PX, height=SIZE_PX, count=len(CHANNELS),
                dtype="uint16", crs=f"EPSG:{GRID.epsg}", transform=GRID.transform(10), compress=self.compression,
                predictor=2, interleave="band",
            ) as out:  # fmt: skip
                out.write(resampled(pixels.values, CHANNELS))

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        def read(number: int, channels: tuple[str, ...]) -> np.ndarray:
            with rasterio.open(folder / f"{number:07d}.tif") as file:
                return file.read([CHANNELS.index(c) + 1 for c in channels])

        return read

    def places(self, folder: Path, number: int) -> list[Place]:
        path = folder / f"{number:07d}.tif"
        return [(path, path.stat().st_size // 10, path.stat().st_size * 8 // 10)]


# ------------------------------------------------------------------------------------------------------------- ours
class Ours(Layout):
    """`greenup.patches`: one HDF5 file, a chunk an image and resolution, checksums checked while reading."""

    name = "HDF5, Blosc LZ4, XXH3 (ours)"
    needs = ("h5py", "hdf5plugin", "numcodecs")
    reader = "h5py and hdf5plugin"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        path = folder / "patches" / "d" / "0000.h5"
        path.parent.mkdir(parents=True)
        with writing(path, Form(S2_L2A, SIZE_PX, True, "benchmark"), len(dates)) as out:
            for number, pixels in enumerate(dates):
                row = Row(
                    f"s{number}", "summer", f"scene {number}", pd.Timestamp(2020, 7, 1, tz="UTC"), GRID,
                    pixel_checksum(pixels), out.form.valid_fraction(pixels),
                )  # fmt: skip
                out.put(number, row, pixels)

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        with ShardFile(folder / "patches" / "d" / "0000.h5") as file:
            rows = [file.row(i) for i in range(len(file))]
        table = pd.DataFrame(
            {
                "site_id": row.site_id, "season": row.season, "lon": 0.0, "lat": 0.0, "stratum": "", "weight": 1.0,
                "land_cover": None, "shard": 0, "row": i, "file": "patches/d/0000.h5", "cloud": 0.0,
                "scene_id": row.scene_id, "time": row.time, "valid_fraction": 1.0,
            }
            for i, row in enumerate(rows)
        )  # fmt: skip
        store = PatchStore(table, root=folder)
        return lambda number, channels: store.read(f"s{number}", "summer", channels)[0]

    def places(self, folder: Path, number: int) -> list[Place]:
        path = folder / "patches" / "d" / "0000.h5"
        with ShardFile(path) as file:
            found = [file.handle[f"pixels_{m}"].id.get_chunk_info(number) for m in RESOLUTIONS]
        return [(path, c.byte_offset, c.size) for c in found]


class FilteredHdf5(Layout):
    """HDF5 that packs and sums by its own filters: the pixels of `Ours`, and nothing beside them."""

    needs = ("h5py", "hdf5plugin")
    reader = "h5py and hdf5plugin"

    def __init__(self, label: str, compression: object, *, summed: bool = True) -> None:
        self.name = f"HDF5, {label}{', Fletcher-32' if summed else ''}"
        self.options = {**compression, "fletcher32": summed}

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        folder.mkdir(parents=True)
        with h5py.File(folder / "0000.h5", "w", libver="v110", rdcc_nbytes=0) as file:
            for m in RESOLUTIONS:
                shape = dates[0].values[m].shape
                pixels = file.create_dataset(
                    f"pixels_{m}", (len(dates), *shape), "<u2", chunks=(1, *shape), **self.options
                )
                for number, date in enumerate(dates):
                    pixels[number] = date.values[m]

    def open(self, folder: Path) -> Callable[[int, tuple[str, ...]], np.ndarray]:
        file = h5py.File(folder / "0000.h5", "r", rdcc_nbytes=0)
        pixels = {m: file[f"pixels_{m}"] for m in RESOLUTIONS}

        def read(number: int, channels: tuple[str, ...]) -> np.ndarray:
            wanted = [m for m in RESOLUTIONS if m == 10 or set(bands_at(S2_L2A, m)).intersection(channels)]
            return resampled({m: pixels[m][number] for m in wanted}, channels)

        return read

    def places(self, folder: Path, number: int) -> list[Place]:
        path = folder / "0000.h5"
        with h5py.File(path) as file:
            found = [file[f"pixels_{m}"].id.get_chunk_info(number) for m in RESOLUTIONS]
        return [(path, c.byte_offset, c.size) for c in found]


# ------------------------------------------------------------------------------------------------------------ others
class Zarr(Native):
    """Zarr v3: an array a resolution, one shard of all dates, one inner chunk an image."""

    needs = ("zarr",)
    reader = "zarr 3"

    def __init__(self, codec: str, checked: bool) -> None:
        self.codec, self.checked = codec, checked
        self.name = f"Zarr 3 sharded, Blosc {codec}{' and CRC32C' if checked else ''}"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        import zarr
        from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

        inner = [BytesCodec(), BloscCodec(cname=self.codec, clevel=3, shuffle="bitshuffle", typesize=2)]
        if self.checked:
            inner.append(Crc32cCodec())
        group = zarr.create_group(store=folder)
        for m in RESOLUTIONS:
            shape = dates[0].values[m].shape
            array = group.create_array(
                f"pixels_{m}", shape=(len(dates), *shape), dtype="uint16", chunks=(len(dates), *shape),
                serializer=ShardingCodec(chunk_shape=(1, *shape), codecs=inner), compressors=None, filters=None,
            )  # fmt: skip
            # A shard is written whole: image by image zarr would read and write it anew each time.
            array[:] = np.stack([d.values[m] for d in dates])

    def opened(self, folder: Path) -> Callable[[int, int], np.ndarray]:
        import zarr

        group = zarr.open_group(folder, mode="r")
        arrays = {m: group[f"pixels_{m}"] for m in RESOLUTIONS}
        return lambda number, m: arrays[m][number]

    def places(self, folder: Path, number: int) -> list[Place]:
        found = []
        for path in sorted(folder.glob("pixels_*/c/0/0/0/0")):
            offset, size = self._index(path).reshape(-1, 2)[number]
            found.append((path, int(offset), int(size)))
        return found

    def _index(self, path: Path) -> np.ndarray:
        import zarr

        count = zarr.open_group(path.parents[5], mode="r")[path.parents[4].name].shape[0]
        return np.frombuffer(path.read_bytes()[-16 * count - 4 : -4], "<u8")


class Tar(Native):
    """WebDataset: a tar of one array a date and resolution. It is meant to be streamed; here an index of the tar, made
    when it is opened, allows random reads."""

    needs = ("webdataset",)

    def __init__(self, suffix: str) -> None:
        self.suffix, self.name = suffix, f"WebDataset tar of .{suffix}"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        import webdataset

        folder.mkdir(parents=True)
        with webdataset.TarWriter(str(folder / "0000.tar"), encoder=False) as out:
            for number, pixels in enumerate(dates):
                sample = {"__key__": f"{number:07d}"}
                for m in RESOLUTIONS:
                    packed = io.BytesIO()
                    if self.suffix == "npz":
                        np.savez_compressed(packed, pixels=pixels.values[m])
                    else:
                        np.save(packed, pixels.values[m])
                    sample[f"{m}.{self.suffix}"] = packed.getvalue()
                out.write(sample)

    def opened(self, folder: Path) -> Callable[[int, int], np.ndarray]:
        where = {name: (offset, size) for name, offset, size in self._members(folder)}
        file = (folder / "0000.tar").open("rb")

        def native(number: int, m: int) -> np.ndarray:
            offset, size = where[f"{number:07d}.{m}.{self.suffix}"]
            found = np.load(io.BytesIO(os.pread(file.fileno(), size, offset)))
            return found["pixels"] if self.suffix == "npz" else found

        return native

    def _members(self, folder: Path) -> list[tuple[str, int, int]]:
        with tarfile.open(folder / "0000.tar") as file:
            return [(e.name, e.offset_data, e.size) for e in file.getmembers()]

    def places(self, folder: Path, number: int) -> list[Place]:
        # Without the header of 128 bytes.
        found = [e for e in self._members(folder) if e[0].startswith(f"{number:07d}.")]
        return [(folder / "0000.tar", offset + 128, size - 256) for _, offset, size in found]


class Lmdb(Native):
    """LMDB: a value a date and resolution, compressed by Blosc."""

    name = "LMDB, Blosc lz4"
    needs = ("lmdb", "numcodecs")
    reader = "lmdb, numcodecs, shapes known"

    def write(self, folder: Path, dates: list[Pixels]) -> None:
        import lmdb
        from numcodecs import Blosc

        folder.mkdir(parents=True)
        codec = Blosc("lz4", 5, Blosc.BITSHUFFLE)
        with lmdb.open(str(folder), map_size=2**32, sync=False) as file, file.begin(write=True) as writer:
            for number, pixels in enumerate(dates):
                for m in RESOLUTIONS:
                    writer.put(f"{number}/{m}".encode(), codec.encode(pixels.values[m]))

    def opened(self, folder: Path) -> Callable[[int, int], np.ndarray]:
        import lmdb
        from numcodecs import Blosc

        codec = Blosc("lz4", 5, Blosc.BITSHUFFLE)
        file = lmdb.open(str(folder), readonly=True, lock=False)
        shapes = {m: (len(bands_at(S2_L2A, m)), GRID.shape(m), GRID.shape(m)) for m in RESOLUTIONS}

        def native(number: int, m: int) -> np.ndarray:
            with file.begin(buffers=True) as reader:
                return np.frombuffer(codec.decode(reader.get(f"{number}/{m}".encode())), np.uint16).reshape(shapes[m])

        return native

    def places(self, folder: Path, number: int) -> list[Place]:
        import lmdb

        with lmdb.open(str(folder), readonly=True, lock=False) as file, file.begin() as reader:
            values = [reader.get(f"{number}/{m}".encode()) for m in RESOLUTIONS]
        whole = (folder / "data.mdb").read_bytes()
        return [(folder / "data.mdb", whole.index(v), len(v)) for v in values]


def others() -> list[Layout]:
    """All layouts but the published one and ours. Blosc works on one thread, as everything else does."""
    if importlib.util.find_spec("numcodecs"):
        from numcodecs import blosc

        blosc.use_threads = False
    return [
        FilteredHdf5("bitshuffle LZ4", hdf5plugin.Bitshuffle(cname="lz4")),
        FilteredHdf5("bitshuffle LZ4", hdf5plugin.Bitshuffle(cname="lz4"), summed=False),
        FilteredHdf5("Blosc LZ4", chunks.FILTER, summed=False),
        FilteredHdf5("bitshuffle zstd 3", hdf5plugin.Bitshuffle(cname="zstd", clevel=3)),
        FilteredHdf5("Blosc2 LZ4", hdf5plugin.Blosc2(cname="lz4", clevel=5, filters=hdf5plugin.Blosc2.BITSHUFFLE)),
        Zarr("lz4", True),
        Zarr("zstd", True),
        Zarr("lz4", False),
        MultiBand("deflate"),
        MultiBand("zstd"),
        MultiBand("lzw"),
        Tar("npy"),
        Tar("npz"),
        Lmdb(),
    ]
