"""What the patch store costs and brings, against the layout of the published archives and against other formats.

    OMP_NUM_THREADS=1 python benchmarks/patch_store.py [--dates 200] [--formats] [--folder DIR]

All layouts hold the same dates in one run: 264 x 264 px, 12 bands of Sentinel-2 L2A at 10, 20 and 60 m, and NDVI. The
published layout is that of SSL4EO-S12: a folder a date with one uncompressed single-band GeoTIFF a band, here 13 with
NDVI. Ours is `greenup.patches`: one HDF5 file, compressed, with checksums, made while it is written and checked while
it is read. Each side writes all dates twice, the faster counts, and then reads every date once, in random order, as
(13, 264, 264) uint16, and as RGB only; the best of three readings counts, files in the page cache. A date that was read
is let go before the next. With ``--formats`` the layouts of benchmarks/containers.py are measured beside them
(pip install "greenup[benchmarks]" brings what they need), and in each a bit is flipped at 20 seeded places of the
pixels' bytes: is it noticed on reading, does the reader crash, or is it not noticed?

The pixels are textured as land is: noise smoothed at many scales, fields with sharp edges, sensor noise; random
noise would not compress, smooth ramps would compress too well.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from containers import CHANNELS, GRID, SIZE_PX, Layout, Ours, Published, others
from greenup.bands import BANDS, RGB, S2_L2A, bands_at, native_resolutions
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.randomness import generator

FLIPS = 20
GOALS = {"write": 5.0, "read": 10.0, "mb": 0.55, "files": 0.05}


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


def seconds(call, *args) -> float:
    gc.collect()
    began = time.perf_counter()
    call(*args)
    return time.perf_counter() - began


def measure(layout: Layout, folder: Path, dates: list[Pixels], truth: np.ndarray | None) -> dict[str, float]:
    """Seconds a date of writing, reading and reading RGB, megabytes and files a date; and ``image``, the first date."""
    wrote = []
    layout.write(folder / "warm", dates[:2])
    for _ in range(2):
        shutil.rmtree(folder / "all", ignore_errors=True)
        wrote.append(seconds(layout.write, folder / "all", dates) / len(dates))
    read = layout.open(folder / "all")
    image = read(0, CHANNELS)
    # The same image everywhere, else the times compare nothing.
    assert truth is None or (image == truth).all(), f"{layout.name} does not read the same image"
    order = generator(1, "order").permutation(len(dates)).tolist()

    def every(channels: tuple[str, ...]) -> None:
        for number in order:
            read(number, channels)

    reading, rgb = (min(seconds(every, c) for _ in range(3)) / len(dates) for c in (CHANNELS, RGB))
    files = [p for p in (folder / "all").rglob("*") if p.is_file() and "datasets" not in p.parts]
    # Blocks on disk are what LMDB's sparse map takes; the others are as long as they say.
    size = sum(min(p.stat().st_size, p.stat().st_blocks * 512) for p in files)
    return {
        "write": min(wrote), "read": reading, "rgb": rgb, "mb": size / 1e6 / len(dates),
        "files": len(files) / len(dates), "image": image,
    }  # fmt: skip


def damaged(layout: Layout, folder: Path, dates: list[Pixels]) -> Counter:
    """What reading says to a flipped bit: error, crash, other (another image, and not a word) or same."""
    # Everything is read by processes of their own: a decoder may crash, and nothing that was open before is used.
    context = multiprocessing.get_context("fork")
    rng, said = generator(1, "flips"), Counter()
    for number in rng.integers(0, len(dates), FLIPS).tolist():
        places = layout.places(folder / "all", number)
        path, first, size = places[
            rng.choice(len(places), p=np.array([p[2] for p in places]) / sum(p[2] for p in places))
        ]
        at, bit = first + int(rng.integers(size)), 1 << int(rng.integers(8))

        def flip(path=path, at=at, bit=bit) -> None:
            with path.open("r+b") as file:
                file.seek(at)
                byte = file.read(1)[0] ^ bit
                file.seek(at)
                file.write(bytes([byte]))

        whole = layout.open(folder / "all")(number, CHANNELS)
        flip()
        child = context.Process(target=_try, args=(layout, folder / "all", number, whole))
        child.start()
        child.join()
        flip()
        said[{0: "same", 1: "other", 2: "error"}.get(child.exitcode, "crash")] += 1
    return said


def _try(layout: Layout, folder: Path, number: int, whole: np.ndarray) -> None:
    sys.stderr = None
    try:
        image = layout.open(folder)(number, CHANNELS)
    except Exception:  # whatever a library says, it has noticed
        sys.exit(2)
    sys.exit(0 if np.array_equal(image, whole) else 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dates", type=int, default=200)
    parser.add_argument("--formats", action="store_true", help="measure the other formats too, and damage")
    parser.add_argument("--folder", help="where to write (a temporary folder)")
    args = parser.parse_args()
    dates = [textured(n, GRID) for n in range(args.dates)]
    print(f"{args.dates} dates of {len(CHANNELS)} channels, {SIZE_PX} px\n")
    head = f"{'':<42}{'write ms':>9}{'ratio':>7}{'read ms':>9}{'ratio':>7}{'RGB ms':>8}{'ratio':>7}"
    print(f"{head}{'MB a date':>11}{'files a date':>14}{'  noticed, crash, unnoticed' if args.formats else ''}")
    base, ours = None, None
    for layout in [Published(), Ours(), *(others() if args.formats else [])]:
        if lacking := layout.lacking():
            print(f"{layout.name:<42}not installed: {', '.join(lacking)}")
            continue
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            found = measure(layout, Path(name), dates, base and base["image"])
            base = base or found
            ours = found if ours is None and base is not found else ours
            line = f"{layout.name:<42}"
            for key, width in (("write", 9), ("read", 9), ("rgb", 8)):
                line += f"{found[key] * 1e3:>{width}.2f}{base[key] / found[key]:>7.1f}"
            line += f"{found['mb']:>11.3f}{found['files']:>14.3f}"
            if args.formats:
                said = damaged(layout, Path(name), dates)
                line += f"{said['error']:>9},{said['crash']:>6},{said['other'] + said['same']:>10}"
                line += f"   needs {layout.reader}"
        print(line, flush=True)
    print("\nratio: the published layout's time over this one's")
    print(
        f"held to, of ours: write {base['write'] / ours['write']:.1f} (>= {GOALS['write']:g}), "
        f"read {base['read'] / ours['read']:.1f} (>= {GOALS['read']:g}), MB {ours['mb']:.3f} (<= {GOALS['mb']:g}), "
        f"files {ours['files']:.3f} (<= {GOALS['files']:g})"
    )


if __name__ == "__main__":
    main()
