"""Batches made in worker processes, in memory that these share with the training process.

Workers are forked. They start in hundredths of a second where a process started afresh imports for seconds, share the
table of sites, and need no importable main module (the entry scripts have none: started afresh, a worker would run the
training again). What makes forking risky is kept out of them: each opens its HDF5 files itself, none touches CUDA,
and neither OpenCV nor torch starts threads there. The loader also works with ``spawn`` and ``forkserver``.
"""

from __future__ import annotations

import atexit
import multiprocessing
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info
from torch.utils.data._utils.signal_handling import _error_if_any_worker_fails

from greenup.errors import UserError
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.views import SampleViews

Sample = tuple[SampleViews, int]
"""The views of a site, and its row in the table of sites."""

_LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)\s*(.*)", re.DOTALL)


def collate(samples: Sequence[Sample]) -> Batch:
    """N samples -> a `Batch` of uint16 views, groups of (V, N, C, S, S). Sent as stored: half the bytes of float32."""
    return assembled(samples, len(samples))


def assembled(samples: Iterable[Sample], count: int) -> Batch:
    """`collate` of ``count`` samples that are still to be made: each is put in its place before the next is made.

    In a worker the place is shared memory, so that the batch reaches the training process without another copy.
    Raises ValueError for no sample.
    """
    views: list[torch.Tensor] = []
    masks, rows = None, torch.empty(count, dtype=torch.int64)
    for i, (sample, row) in enumerate(samples):
        if i == 0:
            views = [_empty((len(g), count, *g.shape[1:]), torch.uint16) for g in sample.groups]
            places = [v.numpy() for v in views]
            masks = None if sample.mask is None else _empty((count, *sample.mask.shape), torch.bool)
        for place, group in zip(places, sample.groups, strict=True):
            place[:, i] = group
        if masks is not None:
            masks[i] = torch.from_numpy(sample.mask)
        rows[i] = row
    if not views:
        raise ValueError("a batch of no samples")
    return Batch(views, masks, rows)


def _empty(shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
    if get_worker_info() is None:
        return torch.empty(shape, dtype=kind)
    # As torch's default_collate does; share_memory_ would first make the tensor elsewhere and then copy it.
    storage = torch.UntypedStorage._new_shared(int(np.prod(shape)) * kind.itemsize)
    return torch.empty(0, dtype=kind).set_(storage, 0, shape)


class Loader(DataLoader):
    """torch's loader; the death of a worker is a `UserError`, wherever in the step it is noticed."""

    def __iter__(self) -> Iterator[Batch]:
        batches = super().__iter__()
        if self.num_workers and threading.current_thread() is threading.main_thread():
            _translate_deaths()
        try:
            yield from batches
        except RuntimeError as error:
            if lost := lost_worker(error):
                raise lost from error
            raise


def loader(views: Dataset, batches: Sampler[list], workers: int, *, pin: bool, context: str = "fork") -> Loader:
    """A loader of `Batch`es of uint16 views in ``workers`` processes (0: in this one), started by way of ``context``.

    ``views`` makes whole batches (``__getitems__``). Two batches a worker are made ahead: in shared memory, of which
    the system must have workers x 2 batches.
    """
    return Loader(
        views,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_as_is,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_quiet_worker,
        pin_memory=pin,
        multiprocessing_context=context if workers else None,
    )


def lost_worker(error: RuntimeError) -> UserError | None:
    """What to do about torch's report of a dead worker; None for any other error."""
    report = _LOST.match(str(error))
    if report is None:
        return None
    pid, how = report[1].strip(), report[2].strip().rstrip(".") or "died"
    return UserError(
        f"a process that loads data (pid {pid}) is gone: {how}",
        "most likely memory ran out: write fewer runtime.workers, or give the job more memory (after a bus error: more "
        "shared memory, /dev/shm); run again to continue from the last checkpoint",
    )


class _DeathTold:
    """torch's handler of SIGCHLD raises a RuntimeError in the midst of whatever the training does; this one a
    `UserError`. It asks for dead workers itself: torch sets its handler once a process, and another may replace it."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        try:
            _error_if_any_worker_fails()
            if callable(self.handler):
                self.handler(signum, frame)
        except RuntimeError as error:
            if lost := lost_worker(error):
                raise lost from error
            raise


def _translate_deaths() -> None:
    handler = signal.getsignal(signal.SIGCHLD)
    if not isinstance(handler, _DeathTold) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, _DeathTold(handler))


@atexit.register
def _end_workers() -> None:
    # An error's traceback may keep a loader alive to the end of Python. Its workers are then ended with SIGTERM, which
    # they ignore, and waited for, for ever.
    if isinstance(signal.getsignal(signal.SIGCHLD), _DeathTold):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


def _as_is(batch: Batch) -> Batch:
    return batch


def _quiet_worker(_: int) -> None:
    # A worker is one process on one core; OpenCV would otherwise start threads for planes of 64 x 64 pixels.
    cv2.setNumThreads(0)
    # A scheduler warns whole process groups; the training process saves first and then ends its workers itself.
    for signum in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(signum, signal.SIG_IGN)
