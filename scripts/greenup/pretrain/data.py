"""Sites as training samples: who is held out, in which order sites come, and how their views are made in workers.

All that is random is keyed by seed, epoch and site (`greenup.randomness`), so a batch is the same whoever makes it, and
a training resumed at step n sees exactly what it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from greenup.errors import UserError
from greenup.pretrain.preprocess import fill_invalid
from greenup.pretrain.views import decibel_steps, draw_dates, seco_views
from greenup.randomness import generator, stable_hash

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
    """A site and the seasons of which it has an image."""

    site_id: str
    seasons: tuple[str, ...]
    weight: float


def sites_of(index: pd.DataFrame) -> list[Site]:
    """The sites of a dataset's index, by name; seasons by name too, so that no order of rows matters.

    Raises `UserError` for a weight that is negative or not a number.
    """
    sites = []
    for site_id, rows in index.sort_values(["site_id", "season"]).groupby("site_id", sort=True):
        weight = float(rows["weight"].iloc[0])
        if not (np.isfinite(weight) and weight >= 0):
            raise UserError(f"index: column 'weight', site {site_id}: {weight}", "write a number from 0 up")
        sites.append(Site(str(site_id), tuple(rows["season"]), weight))
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


def epoch_order(weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Rows of the sites of one epoch, as many as there are sites.

    With unequal weights drawn with replacement in proportion to them, as torch's ``WeightedRandomSampler``; with equal
    ones a permutation, so that each site comes once.
    """
    rng = generator(seed, "epoch", epoch)
    if np.all(weights == weights[0]):
        return rng.permutation(len(weights))
    return rng.choice(len(weights), size=len(weights), replace=True, p=weights / weights.sum())


@dataclass(frozen=True)
class Draw:
    """One sample of the training: the ``nth`` time (from 0) that the site of this row comes up in this epoch."""

    epoch: int
    row: int
    nth: int


class TrainingBatches(Sampler[list[Draw]]):
    """The batches of the whole training, from step ``first`` on: epoch after epoch without a pause for the workers.

    The incomplete last batch of an epoch is dropped, so that every step has ``batch_size`` sites.
    """

    def __init__(self, weights: np.ndarray, batch_size: int, epochs: int, seed: int, first: int = 0) -> None:
        self.weights, self.batch_size, self.epochs, self.seed, self.first = weights, batch_size, epochs, seed, first
        self.steps_per_epoch = len(weights) // batch_size

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch - self.first

    def __iter__(self) -> Iterator[list[Draw]]:
        for epoch in range(self.first // self.steps_per_epoch, self.epochs):
            seen: dict[int, int] = {}
            draws = []
            for row in epoch_order(self.weights, self.seed, epoch).tolist():
                draws.append(Draw(epoch, row, seen.get(row, 0)))
                seen[row] = seen.get(row, 0) + 1
            skip = max(0, self.first - epoch * self.steps_per_epoch)
            for step in range(skip, self.steps_per_epoch):
                yield draws[step * self.batch_size : (step + 1) * self.batch_size]


class SiteViews(Dataset):
    """Site -> its four views, uint16 (4, C, S, S), for a `Draw` (training) or a row number (held out, always the same).

    Each process opens the store for itself at its first read: open HDF5 files do not survive a fork.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        open_store: OpenStore,
        channels: Sequence[str],
        crop_px: int,
        crop_scale: tuple[float, float],
        seed: int,
    ) -> None:
        self.sites, self.open_store, self.channels = sites, open_store, tuple(channels)
        self.crop_px, self.crop_scale, self.seed = crop_px, crop_scale, seed
        self._decibels = decibel_steps(self.channels)
        self._store: Store | None = None

    def __len__(self) -> int:
        return len(self.sites)

    def __getitem__(self, key: Draw | int) -> np.ndarray:
        if isinstance(key, Draw):
            site = self.sites[key.row]
            rng = generator(self.seed, "views", key.epoch, site.site_id, key.nth)
        else:
            site = self.sites[key]
            rng = generator(self.seed, "held-out", site.site_id)
        dates = draw_dates(len(site.seasons), rng)
        images = {d: self._image(site, site.seasons[d]) for d in set(dates)}
        return seco_views([images[d] for d in dates], self.crop_px, self.crop_scale, rng, self._decibels)

    def _image(self, site: Site, season: str) -> np.ndarray:
        if self._store is None:
            self._store = self.open_store()
        return fill_invalid(*self._store.read(site.site_id, season, self.channels))

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_store": None}


def collate(samples: list[np.ndarray]) -> torch.Tensor:
    """N samples (4, C, S, S) -> uint16 tensor (4, N, C, S, S). Sent as stored: half the bytes of float32."""
    return torch.from_numpy(np.stack(samples, axis=1))


def _quiet_worker(_: int) -> None:
    # A worker is one process on one core; OpenCV would otherwise start threads for planes of 64 x 64 pixels.
    cv2.setNumThreads(0)


def loader(views: SiteViews, batches: Sampler[list], workers: int, *, pin: bool) -> DataLoader:
    """A loader of uint16 batches (4, N, C, S, S) in ``workers`` processes (0: in this one)."""
    return DataLoader(
        views,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_quiet_worker,
        pin_memory=pin,
    )


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
