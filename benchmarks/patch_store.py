"""What the patch store costs and brings, against the layout of the published archives and against other formats.

    OMP_NUM_THREADS=1 python benchmarks/patch_store.py [--dates 200] [--formats] [--folder DIR]

All layouts hold the same dates in one run: 264 x 264 px, 12 bands of Sentinel-2 L2A at 10, 20 and 60 m, and NDVI. The
published layout is that of SSL4EO-S12: a folder a date with one uncompressed single-band GeoTIFF a band, here 13 with
NDVI. Ours is `greenup.patches`: one HDF5 file, compressed, with checksums, made while it is written and checked while
it is read. Each layout writes all dates, the first two twice, and reads every date in random order as (13, 264, 264)
uint16, and as RGB only, in five rounds, layout after layout in each; the least time counts, files in the page cache. A
date that was read is let go before the next.

With ``--formats`` the layouts of benchmarks/containers.py are measured beside them (pip install "greenup[benchmarks]"
brings what they need), and in each a bit is flipped at 20 seeded places of the pixels' bytes: is it noticed on
reading, does the reader crash, or is it not noticed?

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
ROUNDS = 5
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


class Measured:
    """One layout in a folder of its own: its times, the least of several rounds, and its size."""

    def __init__(self, layout: Layout, folder: Path, dates: list[Pixels], truth: np.ndarray | None) -> None:
        self.layout, self.folder, self.dates = layout, folder, dates
        self.seconds: dict[str, float] = {}
        layout.write(folder / "warm", dates[:2])
        self.write()
        self.read = layout.open(folder / "all")
        self.image = self.read(0, CHANNELS)
        # The same image everywhere, else the times compare nothing.
        assert truth is None or (self.image == truth).all(), f"{layout.name} does not read the same image"
        self.order = generator(1, "order").permutation(len(dates)).tolist()

    def write(self) -> None:
        shutil.rmtree(self.folder / "all", ignore_errors=True)
        self._note("write", seconds(self.layout.write, self.folder / "all", self.dates))

    def read_all(self) -> None:
        for key, channels in (("read", CHANNELS), ("rgb", RGB)):
            self._note(key, seconds(lambda c=channels: [self.read(number, c) is None for number in self.order]))

    def _note(self, key: str, took: float) -> None:
        self.seconds[key] = min(self.seconds.get(key, float("inf")), took / len(self.dates))

    def size(self) -> tuple[float, float]:
        """Megabytes and files a date."""
        files = [p for p in (self.folder / "all").rglob("*") if p.is_file() and "datasets" not in p.parts]
        # Blocks on disk are what LMDB's sparse map takes; the others are as long as they say.
        size = sum(min(p.stat().st_size, p.stat().st_blocks * 512) for p in files)
        return size / 1e6 / len(self.dates), len(files) / len(self.dates)


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
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        measured: list[Measured] = []
        for number, layout in enumerate([Published(), Ours(), *(others() if args.formats else [])]):
            if lacking := layout.lacking():
                print(f"{layout.name:<42}not installed: {', '.join(lacking)}")
                continue
            truth = measured[0].image if measured else None
            measured.append(Measured(layout, Path(name) / str(number), dates, truth))
        # In turn, so that what else the machine does meets all of them alike.
        for _ in range(ROUNDS):
            for one in measured:
                one.read_all()
        for one in measured[:2]:
            one.write()
        for one in measured:
            line = f"{one.layout.name:<42}"
            for key, width in (("write", 9), ("read", 9), ("rgb", 8)):
                line += f"{one.seconds[key] * 1e3:>{width}.2f}{measured[0].seconds[key] / one.seconds[key]:>7.1f}"
            line += "{:>11.3f}{:>14.3f}".format(*one.size())
            if args.formats:
                # LMDB opens a folder once a process.
                one.read = None
                gc.collect()
                said = damaged(one.layout, one.folder, dates)
                line += f"{said['error']:>9},{said['crash']:>6},{said['other'] + said['same']:>10}"
                line += f"   needs {one.layout.reader}"
            print(line, flush=True)
        base, ours = measured[:2]
        mb, files = ours.size()
    print("\nratio: the published layout's time over this one's")
    print(
        f"held to, of ours: write {base.seconds['write'] / ours.seconds['write']:.1f} (>= {GOALS['write']:g}), "
        f"read {base.seconds['read'] / ours.seconds['read']:.1f} (>= {GOALS['read']:g}), "
        f"MB {mb:.3f} (<= {GOALS['mb']:g}), "
        f"files {files:.3f} (<= {GOALS['files']:g})"
    )


if __name__ == "__main__":
    main()
