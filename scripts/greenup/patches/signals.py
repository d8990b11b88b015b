"""Ending at once when told to: by Slurm before its time is up, by a user's Ctrl-C, by Snakemake."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_before_death(message: str) -> Iterator[None]:
    """Within, SIGTERM and SIGINT log a line and kill the process at once.

    Threads are not waited for: one may be in a pause of a minute, or in a request of three. For bodies that can be
    killed at any moment; only the main thread can set this up, in others it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        log.warning("ended by %s; %s", signal.Signals(number).name, message)
        signal.signal(number, signal.SIG_DFL)
        # By the signal itself, so that the caller sees what it was.
        os.kill(os.getpid(), number)

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
