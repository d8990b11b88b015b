"""Batches made in worker processes: what they hold, and what happens when a worker or a file is lost."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from greenup.errors import UserError
from greenup.files import write_table
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches.container import Form, Row, pixel_checksum, writing
from greenup.pretrain.data import SiteViews, open_patch_store, sites_of
from greenup.pretrain.loading import collate, loader, lost_worker
from greenup.pretrain.order import TrainingBatches
from greenup.pretrain.views import SampleViews, build_views
from greenup.pretrain.views.dates import draw_dates
from greenup.randomness import generator
from greenup.schemas import INDEX
from learners import model_of
from torch.utils.data import get_worker_info

CHANNELS = ("B2", "NDVI")
SIDE = 64


@dataclass(frozen=True)
class OneDate:
    """The first image alone, as it is; at the site numbered ``deadly`` a worker dies, by a signal or of itself."""

    deadly: int = -1
    by: int = 0

    def __call__(self, read, images, rng):
        image = read(0)
        if get_worker_info() is not None and image[0, 0, 0] == self.deadly:
            # Not before the training process has begun to watch.
            time.sleep(0.5)
            if self.by:
                os.kill(os.getpid(), self.by)
            os._exit(3)
        return SampleViews([image[None]], None)


@dataclass(frozen=True)
class NumberedStore:
    """Ten sites; every pixel of site n is n."""

    def __call__(self):
        return self

    @property
    def index(self):
        names = [f"s{i}" for i in range(10)]
        return pd.DataFrame({"site_id": names, "season": "summer", "weight": 1.0, "shard": 0})

    def read(self, site_id, season, channels):
        return np.full((len(channels), 4, 4), int(site_id[1:]), np.uint16), np.ones((4, 4), bool)


def numbered(maker=None):
    store = NumberedStore()
    return SiteViews(sites_of(store.index), store, maker or OneDate(), CHANNELS, seed=1)


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_batches_are_the_same_however_workers_start(context):
    views = numbered()
    batches = TrainingBatches(views.sites, 5, 2, seed=1)
    alone = list(loader(views, batches, 0, pin=False))
    others = list(loader(views, batches, 1, pin=False, context=context))
    assert len(alone) == len(others) == 4
    for a, b in zip(alone, others, strict=True):
        assert torch.equal(a.views[0], b.views[0]) and torch.equal(a.rows, b.rows)
        assert (a.views[0][0, :, 0, 0, 0].long() == a.rows).all(), "row n holds site n"
        assert b.views[0].is_shared() and b.views[0].is_contiguous()


def test_a_batch_is_what_stacking_gives():
    rng = np.random.default_rng(0)
    samples = [
        (
            SampleViews(
                [rng.integers(0, 65_536, (2, 3, 8, 8), np.uint16), rng.integers(0, 9, (1, 3, 4, 4), np.uint16)],
                rng.random((2, 2)) < 0.5,
            ),
            row,
        )
        for row in (7, 1, 4)
    ]
    batch = collate(samples)
    for i, group in enumerate(batch.views):
        assert group.dtype == torch.uint16
        np.testing.assert_array_equal(group.numpy(), np.stack([s.groups[i] for s, _ in samples], axis=1))
    np.testing.assert_array_equal(batch.masks.numpy(), np.stack([s.mask for s, _ in samples]))
    assert batch.rows.tolist() == [7, 1, 4] and batch.rows.dtype == torch.int64


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        collate([])


@pytest.mark.parametrize("by", [signal.SIGKILL, 0])
@pytest.mark.parametrize("waiting", [True, False])
def test_a_lost_worker_ends_the_training_with_what_to_do(by, waiting):
    views = numbered(OneDate(deadly=4, by=by))
    batches = TrainingBatches(views.sites, 2, 50, seed=1)
    whole = 0
    with pytest.raises(UserError, match=r"a process that loads data \(pid \d+\) is gone: \w") as caught:
        for _ in loader(views, batches, 2, pin=False):
            if not waiting:
                # A step that takes long: the loss is noticed in its midst.
                for _ in range(400):
                    signal.sigtimedwait([], 0.05)
                whole += 1
    assert "fewer runtime.workers" in caught.value.mend and "memory" in caught.value.mend
    assert whole == 0


def test_python_ends_although_an_error_keeps_a_loader_alive(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        f"import sys; sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "from test_loading import numbered\n"
        "from greenup.pretrain.loading import loader\n"
        "kept = iter(loader(numbered(), [[0, 1]] * 50, 2, pin=False))\n"
        "next(kept)\n"
        "sys.exit('failed')\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (1, "failed\n")


def test_other_errors_are_not_taken_for_a_lost_worker():
    assert lost_worker(RuntimeError("CUDA error: out of memory")) is None


class Store:
    """A patch store on disk: two shards of four sites, two seasons, random pixels, which do not compress."""

    def __init__(self, root):
        self.root, self.index = root, root / "datasets" / "d" / "index.parquet"
        grid = PatchGrid(32631, 600_000.0, 5_000_000.0, SIDE)
        form, rows, when = Form(("B2", "B4", "B8"), SIDE, True, "test"), [], pd.Timestamp("2021-05-06", tz="UTC")
        for shard in range(2):
            self.shard(shard).parent.mkdir(parents=True, exist_ok=True)
            with writing(self.shard(shard), form, 8) as out:
                for i in range(8):
                    site, season = f"s{4 * shard + i // 2}", ("spring", "summer")[i % 2]
                    values = generator(0, site, season).integers(1, 65_535, (3, SIDE, SIDE), np.uint16)
                    pixels = Pixels({10: values}, {10: np.ones((SIDE, SIDE), bool)})
                    out.put(i, Row(site, season, "scene", when, grid, pixel_checksum(pixels), 1.0), pixels)
                    rows.append(
                        {
                            "site_id": site, "season": season, "lon": 1.0, "lat": 2.0, "stratum": "x", "weight": 1.0,
                            "land_cover": None, "shard": shard, "row": i, "file": f"patches/d/{shard:04d}.h5",
                            "scene_id": "scene", "time": when, "cloud": None, "valid_fraction": 1.0,
                        }
                    )  # fmt: skip
        write_table(self.index, pd.DataFrame(rows), INDEX, simulated=True, attribution="test")

    def shard(self, number):
        return self.root / "patches" / "d" / f"{number:04d}.h5"

    def damage(self, shard):
        """Flip bits in the midst of a file, nearly all of which are pixels; the images that cannot be read since."""
        raw = bytearray(self.shard(shard).read_bytes())
        at = len(raw) // 2
        raw[at : at + 16] = bytes(b ^ 0xFF for b in raw[at : at + 16])
        self.shard(shard).write_bytes(raw)
        store, lost = open_patch_store(self.index)(), []
        for site, season in store.index[["site_id", "season"]].itertuples(index=False):
            try:
                store.read(site, season, CHANNELS)
            except UserError:
                lost.append((site, season))
        store.close()
        return lost


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_damaged_on_disk_costs_its_images_alone(tmp_path, workers):
    files = Store(tmp_path)
    lost = files.damage(1)
    assert 1 <= len(lost) <= 2 and all(site in ("s4", "s5", "s6", "s7") for site, _ in lost)
    opener = open_patch_store(files.index)
    sites = sites_of(opener().index)
    model = model_of("moco", "vit_tiny", channels=CHANNELS, queue=12)
    views = SiteViews(sites, opener, build_views(model), CHANNELS, seed=1)
    batches = TrainingBatches(sites, 4, 12, seed=1)
    run = list(loader(views, batches, workers, pin=False))
    assert len(run) == 24 and all(len(b.rows) == 4 for b in run), "the training goes on, its batches whole"
    # moco draws its one date first of all, so which samples are hit is known beforehand.
    hit = 0
    for batch, drawn in zip(run, batches, strict=True):
        for row, draw in zip(batch.rows.tolist(), drawn, strict=True):
            site = sites[draw.row]
            (date,) = draw_dates(2, 1, generator(1, "views", draw.epoch, site.site_id, draw.nth))
            if (site.site_id, site.seasons[date]) in lost:
                hit += 1
            else:
                assert row == draw.row, "all others are what they would have been"
    # What is taken instead may be hit in its turn.
    assert 0 < hit <= views.counters.skipped <= 2 * hit
