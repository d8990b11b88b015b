"""Slots that all processes of a user on one machine share, for a service that limits requests at once.

A slot is a lock (flock) on one of some numbered files. The system drops the locks of a process that ends, however it
ends, so that a killed job keeps no slot.
"""

from __future__ import annotations

import fcntl
import os
import random
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenup.errors import UserError
from greenup.files import checksum

_SHORTEST_S, _LONGEST_S = 0.005, 0.1


class Slots:
    """``count`` slots known by ``name`` to every process of this user; ``folder``: where the locks are (tests).

    Raises `UserError` when the folder belongs to someone else or cannot be written.
    """

    def __init__(self, name: str, count: int, folder: Path | None = None) -> None:
        parent = folder or Path(tempfile.gettempdir(), f"greenup-{os.getuid()}")
        self.count, self.folder = count, parent / f"slots-{checksum(name.encode())[:12]}"
        try:
            for path in (parent, self.folder):
                path.mkdir(mode=0o700, exist_ok=True)
                found = path.lstat()
                # The temporary folder is everybody's: a link or a folder laid there by another is not to be used.
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                    raise UserError(f"{path}: is not a folder of this user", "remove it, or set TMPDIR")
        except OSError as error:
            raise UserError(
                f"{parent}: cannot be written ({error})", "set TMPDIR to a folder on this machine"
            ) from error

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot; waits until one is free."""
        pause = _SHORTEST_S
        while (handle := self._take()) is None:
            # Timing only: who waits how long shapes no result.
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_S)
        try:
            yield
        finally:
            os.close(handle)

    def _take(self) -> int | None:
        """An open file that holds a free slot's lock; None when all are taken."""
        first = random.randrange(self.count)
        for number in range(self.count):
            path = self.folder / str((first + number) % self.count)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Each opening is a lock of its own, so threads of one process shut each other out too.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
            except OSError as error:
                os.close(handle)
                raise UserError(
                    f"{path}: cannot be locked ({error})", "set TMPDIR to a folder on this machine's own disk"
                ) from error
            else:
                return handle
        return None
