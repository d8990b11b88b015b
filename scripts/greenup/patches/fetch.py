"""Asking a source for images: passing failures are tried again after a pause, a source that is down is left alone."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from greenup.grids import PatchGrid
from greenup.imagery.base import ImagerySource, PassingError, Pixels, read_many
from greenup.imagery.patience import Patience
from greenup.patches.container import Form

log = logging.getLogger(__name__)

_LOG_EVERY_S = 10.0


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


class Fetcher:
    """Reads images from a source, from several threads if need be, and counts."""

    def __init__(self, source: ImagerySource, form: Form, patience: Patience) -> None:
        self.source, self.form, self.patience = source, form, patience
        self.failures: list[tuple[Image, PassingError]] = []
        self.skipped = 0
        self._in_a_row = 0
        self._lock = threading.Lock()

    def read(self, images: Sequence[Image]) -> list[Pixels | Exception | None]:
        """Pixels of images on one grid, in order. None stands for one that could not be had now, `SceneMissing` for one
        that never will be; any other exception is a fault for the caller to raise when it has kept the rest.
        """
        found: list[Pixels | Exception | None] = [None] * len(images)
        with self._lock:
            if self._in_a_row >= self.patience.give_up:
                self.skipped += len(images)
                return found
        waiting, tried = list(range(len(images))), 0
        failures: dict[int, PassingError] = {}
        while waiting:
            answers = read_many(
                self.source, [images[i].scene_id for i in waiting], images[waiting[0]].grid, self.form.bands
            )
            failures = {}
            for i, answer in zip(waiting, answers, strict=True):
                if isinstance(answer, PassingError):
                    failures[i] = answer
                else:
                    found[i] = self._checked(images[i], answer)
            waiting, tried = list(failures), tried + 1
            if waiting:
                # One refusal for too many requests says how the others would fare.
                cause = "quota" if any(e.cause == "quota" for e in failures.values()) else "error"
                first = images[waiting[0]]
                if not self.patience.wait(cause, tried, first.site_id, first.season):
                    break
        self._count(images, failures)
        return found

    def _checked(self, image: Image, answer: Pixels | Exception) -> Pixels | Exception:
        if isinstance(answer, Exception):
            return answer
        try:
            return self.form.check(answer, f"site {image.site_id}, {image.season}, scene {image.scene_id}")
        except ValueError as error:
            return error

    def _count(self, images: Sequence[Image], failures: dict[int, PassingError]) -> None:
        with self._lock:
            for i, image in enumerate(images):
                if i not in failures:
                    self._in_a_row = 0
                    continue
                self.failures.append((image, failures[i]))
                self._in_a_row += 1
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
    """Logs how far a count has come, its rate and the time left, every ten seconds."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self._began = self._logged = time.monotonic()
        self._lock = threading.Lock()

    def step(self, count: int = 1) -> None:
        with self._lock:
            self.done += count
            now = time.monotonic()
            if now - self._logged < _LOG_EVERY_S:
                return
            self._logged = now
            rate = self.done / (now - self._began)
            left = (self.total - self.done) / rate
        shown = f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min"
        log.info("%s: %d of %d images, %.1f images/s, %s left", self.what, self.done, self.total, rate, shown)
