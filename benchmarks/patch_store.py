"""What the patch store costs and brings, against the layout of the published archives.

    python benchmarks/patch_store.py [--dates 60] [--folder DIR]

Both sides hold the same dates in one run: 264 x 264 px, 12 bands of Sentinel-2 L2A at 10, 20 and 60 m, and NDVI. The
published layout is that of SSL4EO-S12: a folder a date with one uncompressed single-band GeoTIFF a band, here 13 with
NDVI, read with rasterio and resized bilinearly to 264 px. Ours is `greenup.patches`: one HDF5 file, compressed, with
checksums. Each side writes all dates and then reads every date once, in random order, as (13, 264, 264) uint16; the
best of three readings counts, files in the page cache on both sides. Other compressions of the same container are shown
too.

The pixels are textured as land is: noise smoothed at many scales, fields with sharp edges, sensor noise; random
noise would not compress, smooth ramps would compress too well.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import hdf5plugin
import numpy as np
import pandas as pd
import rasterio

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.bands import BANDS, S2_L2A, bands_at, native_resolutions
from greenup.files import write_table
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches import container
from greenup.patches.container import Form, Row, pixel_checksum, valid_fraction, writing
from greenup.patches.resample import ndvi
from greenup.patches.store import PatchStore
from greenup.randomness import generator
from greenup.schemas import INDEX

SIZE_PX = 264
CHANNELS = (*S2_L2A, "NDVI")


def textured(number: int, grid: PatchGrid) -> Pixels:
    """One date: reflectance x 10 000 of a land cover with texture, sharp edges and sensor noise."""
    rng = generator(1, "benchmark", number)
    texture = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    for scale in (3, 6, 12, 24, 48, 96):
        coarse = rng.normal(size=(SIZE_PX // scale + 2,) * 2).astype(np.float32)
        texture += scale**0.6 * cv2.resize(coarse, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    corners = rng.random((40, 2)) * SIZE_PX
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    field = ((y[..., None] - corners[:, 0]) ** 2 + (x[..., None] - corners[:, 1]) ** 2).argmin(-1)
    values, valid = {}, {}
    for m in native_resolutions(S2_L2A):
        side, bands = grid.shape(m), []
        for band in bands_at(S2_L2A, m):
            green = BANDS[band].wavelength_um > 0.7
            level = (2_400 if green else 700) * (0.6 + 0.8 * rng.random(40))[field] + (60 if green else 25) * texture
            fine = cv2.resize(level.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
            bands.append((fine + rng.normal(0, 12, fine.shape)).clip(1, 20_000))
        values[m], valid[m] = np.stack(bands).astype(np.uint16), np.ones((side, side), bool)
    return Pixels(values, valid)


def write_published(folder: Path, dates: list[Pixels], grid: PatchGrid) -> None:
    for number, pixels in enumerate(dates):
        place = folder / f"{number:07d}" / f"2020{number:04d}T100000_T31TGN"
        place.mkdir(parents=True)
        layers = [(b, m, pixels.values[m][i]) for m in pixels.values for i, b in enumerate(bands_at(S2_L2A, m))]
        red, nir = (pixels.values[10][bands_at(S2_L2A, 10).index(b)] for b in ("B4", "B8"))
        for band, m, values in [*layers, ("NDVI", 10, ndvi(red, nir))]:
            side = len(values)
            about = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": f"EPSG:{grid.epsg}"}
            with rasterio.open(
                place / f"{band}.tif", "w", width=side, height=side, transform=grid.transform(m), **about
            ) as out:
                out.write(values, 1)


def read_published(folder: Path, number: int) -> np.ndarray:
    (place,) = (folder / f"{number:07d}").iterdir()
    image = np.empty((len(CHANNELS), SIZE_PX, SIZE_PX), np.uint16)
    for i, channel in enumerate(CHANNELS):
        with rasterio.open(place / f"{channel}.tif") as band:
            image[i] = cv2.resize(band.read(1), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)
    return image


def write_ours(root: Path, dates: list[Pixels], grid: PatchGrid) -> PatchStore:
    path = root / "patches" / "d" / "0000.h5"
    path.parent.mkdir(parents=True)
    rows = []
    with writing(path, Form(S2_L2A, SIZE_PX, True, "benchmark"), len(dates)) as out:
        for number, pixels in enumerate(dates):
            row = Row(
                f"s{number}", "summer", f"scene {number}", pd.Timestamp(2020, 7, 1, tz="UTC"), grid,
                pixel_checksum(pixels), valid_fraction(pixels, S2_L2A),
            )  # fmt: skip
            out.put(number, row, pixels)
            rows.append(
                {
                    "site_id": row.site_id, "season": row.season, "lon": 0.0, "lat": 0.0, "stratum": "", "weight": 1.0,
                    "land_cover": None, "shard": 0, "row": number, "file": "patches/d/0000.h5", "cloud": 0.0,
                    "scene_id": row.scene_id, "time": row.time, "valid_fraction": 1.0,
                }
            )  # fmt: skip
    index = root / "datasets" / "d" / "index.parquet"
    write_table(index, pd.DataFrame(rows), INDEX, simulated=True, attribution="benchmark")
    return PatchStore(index)


def seconds(call, *args) -> tuple[float, object]:
    began = time.perf_counter()
    result = call(*args)
    return time.perf_counter() - began, result


def best_reading(read, order: np.ndarray) -> float:
    """Seconds a date, the best of three rounds over all dates."""
    return min(seconds(lambda: [read(int(n)) for n in order])[0] for _ in range(3)) / len(order)


def size_of(folder: Path) -> tuple[float, int]:
    files = [p for p in folder.rglob("*") if p.is_file() and "datasets" not in p.parts]
    return sum(p.stat().st_size for p in files) / 1e6, len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dates", type=int, default=60)
    parser.add_argument("--folder", help="where to write (a temporary folder)")
    args = parser.parse_args()
    grid = PatchGrid(32631, 600_000.0, 5_000_040.0, SIZE_PX)
    dates = [textured(n, grid) for n in range(args.dates)]
    order = generator(1, "order").permutation(args.dates)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        published, ours = Path(name, "published"), Path(name, "ours")
        wrote, _ = seconds(write_published, published, dates, grid)
        measured = {"published": (wrote / args.dates, best_reading(lambda n: read_published(published, n), order))}
        sizes = {"published": size_of(published)}
        usual = container._FILTER
        others = {f"ours, zstd {n}": hdf5plugin.Bitshuffle(cname="zstd", clevel=n) for n in (1, 3)}
        for label, compression in {"ours": usual, **others}.items():
            root = ours / label.replace(", ", "_").replace(" ", "_")
            container._FILTER = compression
            wrote, store = seconds(write_ours, root, dates, grid)
            container._FILTER = usual
            reading = best_reading(lambda n, s=store: s.read(f"s{n}", "summer", CHANNELS)[0], order)
            measured[label], sizes[label] = (wrote / args.dates, reading), size_of(root)
            if label == "ours":
                # The same image on both sides, else the times compare nothing; rounding apart, coarse bands too.
                a, b = read_published(published, 0).astype(int), store.read("s0", "summer", CHANNELS)[0].astype(int)
                assert np.abs(a - b).max() <= 1, "the two sides do not read the same image"
                rgb = best_reading(lambda n, s=store: s.read(f"s{n}", "summer", ("B4", "B3", "B2"))[0], order)
                measured["ours, RGB only"], sizes["ours, RGB only"] = (float("nan"), rgb), size_of(root)
    base, (base_mb, _) = measured["published"], sizes["published"]
    print(f"{args.dates} dates of {len(CHANNELS)} channels, {SIZE_PX} px; checksums are made while ours is written\n")
    head = f"{'':<16}{'write ms':>10}{'ratio':>8}{'read ms':>10}{'ratio':>8}{'MB a date':>11}{'ratio':>8}"
    print(f"{head}{'files a date':>14}")
    for label, (write, read) in measured.items():
        mb, files = sizes[label]
        print(
            f"{label:<16}{write * 1e3:>10.2f}{base[0] / write:>8.1f}{read * 1e3:>10.2f}{base[1] / read:>8.1f}"
            f"{mb / args.dates:>11.3f}{base_mb / mb:>8.2f}{files / args.dates:>14.3f}"
        )
    print("\nratio: published / ours, above 1 ours is faster or smaller")


if __name__ == "__main__":
    main()
