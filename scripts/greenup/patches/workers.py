"""Going through the images of many shards in several processes: HDF5 lets only one thread of a process read."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

# Enough that starting on a run costs nothing beside reading it, few enough that all processes end together.
_RUN = 256

Run = tuple[Path, int, int]
"""A pixel file, the first row of it, and the first row after."""


def runs(path: Path, count: int) -> Iterator[Run]:
    """The rows of a pixel file of ``count`` images in runs of a few hundred."""
    for start in range(0, count, _RUN):
        yield path, start, min(start + _RUN, count)


def each_run(call: Callable[[Run], Result], todo: Iterable[Run], workers: int) -> Iterator[tuple[Run, Result]]:
    """Every run with what ``call`` says of it, in the order in which the answers come.

    With one worker in this process, with more in as many spawned ones: ``call`` is then a function of a module, and the
    entry script does its work below ``if __name__ == "__main__"``. At most two runs a worker are under way, so that
    answers do not pile up.
    """
    if workers <= 1:
        yield from ((run, call(run)) for run in todo)
        return
    # Spawned and not forked: threads of Arrow may be at work here, and a fork would copy the locks that they hold.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: dict[Future[Result], Run] = {}
        try:
            for run in todo:
                waiting[pool.submit(call, run)] = run
                if len(waiting) >= 2 * workers:
                    yield from _answered(waiting)
            while waiting:
                yield from _answered(waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _answered(waiting: dict[Future[Result], Run]) -> Iterator[tuple[Run, Result]]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        run = waiting.pop(future)
        yield run, future.result()
