"""Asking a source for images: passing failures are tried again after a pause, a source that is down is left alone."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from greenup.grids import PatchGrid
from greenup.imagery.base import ImagerySource, PassingError, Pixels, read_many
from greenup.imagery.patience import Patience
from greenup.patches.container import Form

log = logging.getLogger(__name__)

AT_ONCE_BYTES = 200_000_000
"""Pixels that may be held at once by all threads of a job, in bytes: 222 patches of 264 px with all bands of L2A.

Sources hold about three times as much of what they are reading: the answer, its array and the pixels.
"""

_LOG_EVERY_S = 10.0
_RATE_OVER_S = 60.0

Answer = Pixels | Exception


@dataclass(frozen=True)
class Image:
    """One image to be had. ``time``: acquisition (UTC)."""

    site_id: str
    season: str
    scene_id: str
    time: pd.Timestamp
    grid: PatchGrid

    @property
    def key(self) -> tuple[str, str]:
        """What the image is known by, whatever site and season it stands for."""
        return self.scene_id, self.grid.key


def image_bytes(form: Form) -> int:
    """Bytes of one image in memory: two a value, one a pixel of the masks."""
    shapes = [form.shape(m) for m in form.resolutions]
    return sum((2 * bands + 1) * height * width for bands, height, width in shapes)


def shares(form: Form, threads: int) -> tuple[int, int]:
    """How many threads may fetch, and how many images each may hold, so that together they hold at most
    `AT_ONCE_BYTES` of pixels, or one image where that is larger."""
    images = max(1, AT_ONCE_BYTES // image_bytes(form))
    threads = max(1, min(threads, images))
    return threads, images // threads


class Fetcher:
    """Reads images from a source, from several threads if need be, and counts what could not be had."""

    def __init__(self, source: ImagerySource, form: Form, patience: Patience) -> None:
        self.source, self.form, self.patience = source, form, patience
        self.failures: list[tuple[Image, PassingError]] = []
        self.skipped = 0
        self._in_a_row = 0
        self._lock = threading.Lock()

    def answers(self, images: Sequence[Image]) -> Iterator[list[tuple[Image, Answer]]]:
        """What is learnt of images on one grid, attempt by attempt, so that nothing waits unsaved through a pause.

        Each image appears at most once: with its pixels, with `SceneMissing` when it never can be had, or with another
        exception, a fault for the caller to raise when it has kept the rest. Those that could not be had now do not
        appear.
        """
        with self._lock:
            if self._in_a_row >= self.patience.give_up:
                self.skipped += len(images)
                return
        waiting, tried = list(images), 0
        failures: list[tuple[Image, PassingError]] = []
        while waiting:
            got = read_many(self.source, [i.scene_id for i in waiting], waiting[0].grid, self.form.bands)
            pairs = list(zip(waiting, got, strict=True))
            failures = [(image, answer) for image, answer in pairs if isinstance(answer, PassingError)]
            settled = [(i, self._checked(i, answer)) for i, answer in pairs if not isinstance(answer, PassingError)]
            for _, error in failures:
                # Frames of its traceback hold the images read beside it, and failures are kept to the end of the job.
                error.__traceback__ = error.__cause__ = error.__context__ = None
            # The caller's alone from here on: pixels it has saved must not stay in memory through a pause.
            del got, pairs
            if settled:
                with self._lock:
                    self._in_a_row = 0
                yield settled
            del settled
            waiting, tried = [image for image, _ in failures], tried + 1
            if waiting:
                # One refusal for too many requests says how the others would fare.
                causes = {e.cause for _, e in failures}
                cause = next((c for c in ("quota", "error") if c in causes), "damaged")
                if not self.patience.wait(cause, tried, waiting[0].site_id, waiting[0].season):
                    break
        self._count(failures)

    def read(self, images: Sequence[Image]) -> list[Answer | None]:
        """`answers` of all attempts together, in the order of ``images``; None where one could not be had now."""
        found = {id(image): answer for batch in self.answers(images) for image, answer in batch}
        return [found.get(id(image)) for image in images]

    def _checked(self, image: Image, answer: Answer) -> Answer:
        if isinstance(answer, Exception):
            return answer
        try:
            return self.form.check(answer, f"site {image.site_id}, {image.season}, scene {image.scene_id}")
        except ValueError as error:
            return error

    def _count(self, failures: list[tuple[Image, PassingError]]) -> None:
        with self._lock:
            for failure in failures:
                self.failures.append(failure)
                # One damaged file says nothing of the next.
                self._in_a_row += failure[1].cause != "damaged"
                if self._in_a_row == self.patience.give_up:
                    log.warning("%d images in a row failed: no more are asked for in this job", self._in_a_row)

    @property
    def lacking(self) -> int:
        """Images that are still to be had."""
        return len(self.failures) + self.skipped

    def causes(self) -> str:
        """Counts of what went wrong, the most frequent message of each cause quoted."""
        parts = []
        for cause, count in Counter(e.cause for _, e in self.failures).most_common():
            message = Counter(str(e) for _, e in self.failures if e.cause == cause).most_common(1)[0][0]
            parts.append(f"{count} {cause} ({message})")
        if self.skipped:
            parts.append(f"{self.skipped} no longer asked for")
        return ", ".join(parts)


class Progress:
    """Logs how far a count has come, its rate and the time left, every ten seconds.

    Things that were there already (``kept`` of them, as far as is known beforehand) pass at once and say nothing of how
    long the others take: the rate is that of the others over the last minute, and so is the time left.
    """

    def __init__(self, what: str, total: int, kept: int = 0) -> None:
        self.what, self.total, self.kept, self.done, self.slow = what, total, kept, 0, 0
        self._began = self._logged = self._last = time.monotonic()
        self._recent = deque([(self._began, 0)])
        self._lock = threading.Lock()

    def step(self, count: int = 1, reused: int = 0) -> None:
        """``count`` more are done, ``reused`` of them without having been worked for."""
        with self._lock:
            now = time.monotonic()
            if self.slow == 0 and count > reused:
                # The work begins where the last kept one was passed.
                self._recent = deque([(self._last, 0)])
            self._last = now
            self.done += count
            self.slow += count - reused
            if now - self._logged < _LOG_EVERY_S:
                return
            self._logged = now
            self._recent.append((now, self.slow))
            while len(self._recent) > 2 and now - self._recent[1][0] >= _RATE_OVER_S:
                self._recent.popleft()
            since, before = self._recent[0]
            rate = (self.slow - before) / (now - since)
            # What is left to be worked for; kept ones that proved useless had to be as well.
            left = min(self.total - self.done, max(0, self.total - self.kept - self.slow))
            done = self.done
        if rate == 0:
            shown = "time left unknown" if left else f"{self.total - done} kept ones left to check"
        else:
            seconds = left / rate
            shown = f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"
        log.info("%s: %d of %d images, %.1f images/s, %s", self.what, done, self.total, rate, shown)

    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began
