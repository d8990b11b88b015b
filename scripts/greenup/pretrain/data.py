"""Sites as training samples: who is held out, and how their views are made in workers.

All that is random is keyed by seed, epoch and site (`greenup.randomness`), so a batch is the same whoever makes it, and
a training resumed at step n sees exactly what it would have seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from greenup.errors import UserError
from greenup.pretrain.loading import assembled
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.preprocess import fill_invalid
from greenup.pretrain.views import SampleViews, ViewMaker
from greenup.randomness import generator, stable_hash

log = logging.getLogger("greenup.pretrain")

# Sites in a row that cannot be read before a training is stopped: one damaged file is an accident, ten are a lost disk.
_ATTEMPTS = 10
_WORKERS = 256

HELD_OUT_AT_LEAST = 16
"""Sites held out however small the share, as long as that is no more than a quarter of all."""


class Store(Protocol):
    """What is asked of `greenup.patches.store.PatchStore`."""

    index: pd.DataFrame

    def read(self, site_id: str, season: str, channels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Stored values uint16 (C, H, W) at 10 m, and which pixels hold data, bool (H, W)."""
        ...


OpenStore = Callable[[], Store]


@dataclass(frozen=True)
class Site:
    """A site, the seasons of which it has an image, and the shard that holds them."""

    site_id: str
    seasons: tuple[str, ...]
    weight: float
    shard: int = 0


def sites_of(index: pd.DataFrame) -> list[Site]:
    """The sites of a dataset's index, by name; seasons by name too, so that no order of rows matters.

    Raises `UserError` for an index without a row, and for a weight that is negative or not a number.
    """
    if index.empty:
        raise UserError("index: the dataset has no image", "look at the ledgers of its shards")
    ordered = index.sort_values(["site_id", "season"], kind="stable")
    names = ordered["site_id"].astype(str).to_numpy()
    seasons = ordered["season"].astype(str).to_numpy()
    weights = ordered["weight"].to_numpy(dtype=np.float64)
    shards = ordered["shard"].to_numpy(dtype=np.int64) if "shard" in ordered else np.zeros(len(ordered), np.int64)
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    sites = []
    for first, after in zip(starts, np.r_[starts[1:], len(names)], strict=True):
        weight = float(weights[first])
        if not (np.isfinite(weight) and weight >= 0):
            raise UserError(f"index: column 'weight', site {names[first]}: {weight}", "write a number from 0 up")
        sites.append(Site(names[first], tuple(seasons[first:after].tolist()), weight, int(shards[first])))
    return sites


def split_held_out(sites: Sequence[Site], share: float) -> tuple[list[Site], list[Site]]:
    """(training sites, held-out sites). A site is held out by the hash of its name alone: the same one for ever,
    whatever the seed and the other sites. Of small sets the lowest hashes are added up to `HELD_OUT_AT_LEAST`.
    """
    if share == 0:
        return list(sites), []
    ranked = sorted(sites, key=lambda s: stable_hash("held-out", s.site_id))
    below = sum(stable_hash("held-out", s.site_id) < share * 2**64 for s in sites)
    count = max(below, min(HELD_OUT_AT_LEAST, len(sites) // 4))
    held = {s.site_id for s in ranked[:count]}
    return [s for s in sites if s.site_id not in held], [s for s in sites if s.site_id in held]


@dataclass(frozen=True)
class Draw:
    """One sample of the training: the ``nth`` time (from 0) that the site of this row comes up in this epoch."""

    epoch: int
    row: int
    nth: int


class SiteViews(Dataset):
    """Site -> its views, for a `Draw` (training) or a row number (held out, always the same).

    Each process opens the store for itself at its first read: open HDF5 files do not survive a fork. A site of which an
    image cannot be read is replaced by another, drawn from what was asked for alone, and counted in ``counters``; the
    training goes on.
    """

    def __init__(
        self, sites: Sequence[Site], open_store: OpenStore, maker: ViewMaker, channels: Sequence[str], seed: int
    ) -> None:
        self.sites, self.open_store, self.maker, self.channels = sites, open_store, maker, tuple(channels)
        self.seed = seed
        self.counters = Counters()
        self._store: Store | None = None

    def __len__(self) -> int:
        return len(self.sites)

    def __getitem__(self, key: Draw | int) -> tuple[SampleViews, int]:
        row = key.row if isinstance(key, Draw) else key
        for attempt in range(_ATTEMPTS):
            site = self.sites[row]
            if isinstance(key, Draw):
                rng = generator(self.seed, "views", key.epoch, site.site_id, key.nth)
            else:
                rng = generator(self.seed, "held-out", site.site_id)
            try:
                return self.maker(partial(self._image, site), len(site.seasons), rng), row
            except UserError as error:
                self.counters.skip(site.site_id, error)
                row = int(generator(self.seed, "instead", key, attempt).integers(len(self.sites)))
        raise UserError(
            f"{_ATTEMPTS} sites in a row could not be read, the last {site.site_id}",
            "run `snakemake verify` with your --configfile: it names every damaged file",
        )

    def __getitems__(self, keys: Sequence[Draw | int]) -> Batch:
        """A whole batch at once, as torch's loader asks for it: each site's views are put in place as they are made, so
        that a worker never holds a batch twice."""
        return assembled((self[key] for key in keys), len(keys))

    def _image(self, site: Site, number: int) -> np.ndarray:
        if self._store is None:
            self._store = self.open_store()
        image, valid = self._store.read(site.site_id, site.seasons[number], self.channels)
        if not valid.any():
            raise UserError(
                f"site {site.site_id}, {site.seasons[number]}: no valid pixel in {', '.join(self.channels)}",
                "look at its row in the ledger",
            )
        self.counters.read(image.nbytes)
        return fill_invalid(image, valid)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_store": None}


class Counters:
    """What loading processes have read and skipped, in memory that they share with the training process."""

    def __init__(self) -> None:
        self._sums = torch.zeros(_WORKERS, 2, dtype=torch.int64).share_memory_()
        self._told: set[str] = set()

    def read(self, size: int) -> None:
        """Count the bytes of an image's pixels."""
        self._sums[_worker(), 0] += size

    def skip(self, site_id: str, error: UserError) -> None:
        """Count a site that could not be read; each process names it once."""
        self._sums[_worker(), 1] += 1
        if site_id not in self._told:
            self._told.add(site_id)
            log.warning("site %s is left out: %s", site_id, error.message)

    @property
    def bytes(self) -> int:
        """Bytes of pixels read since the training began."""
        return int(self._sums[:, 0].sum())

    @property
    def skipped(self) -> int:
        """Samples for which another site was taken, since the training began."""
        return int(self._sums[:, 1].sum())


def _worker() -> int:
    # A row for each process, so that none waits for another; the training process has the first.
    info = torch.utils.data.get_worker_info()
    return 0 if info is None else (info.id + 1) % _WORKERS


def runs_of(count: int, size: int) -> list[list[int]]:
    """Row numbers 0..count-1 in runs of at most ``size``, as equal as they can be."""
    return [run.tolist() for run in np.array_split(np.arange(count), -(-count // size))] if count else []


def open_patch_store(index: str | Path) -> OpenStore:
    """Opener of a dataset's images; picklable, so that workers started afresh can use it."""
    return _PatchStoreOpener(str(index))


@dataclass(frozen=True)
class _PatchStoreOpener:
    index: str

    def __call__(self) -> Store:
        from greenup.patches.store import PatchStore

        return PatchStore(self.index)
