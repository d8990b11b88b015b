"""Asking a source for images: passing failures are tried again after a pause, a source that is down is left alone."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from greenup.grids import PatchGrid
from greenup.imagery.base import ImagerySource, PassingError, Pixels
from greenup.patches.container import Form
from greenup.randomness import generator

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


@dataclass(frozen=True)
class Patience:
    """``attempts`` an image; pauses grow from ``pause_s`` by doubling, each times 0.5..1.5 at random.

    After ``give_up`` images in a row have failed, the source is asked for no more.
    """

    attempts: int = 4
    pause_s: float = 2.0
    give_up: int = 8


class Fetcher:
    """Reads images from a source, from several threads if need be, and counts."""

    def __init__(self, source: ImagerySource, form: Form, patience: Patience) -> None:
        self.source, self.form, self.patience = source, form, patience
        self.failures: list[tuple[Image, PassingError]] = []
        self.skipped = 0
        self._in_a_row = 0
        self._lock = threading.Lock()

    def read(self, image: Image) -> Pixels | None:
        """Pixels of one image; None when it could not be had now. Raises `SceneMissing` when it never will be."""
        with self._lock:
            if self._in_a_row >= self.patience.give_up:
                self.skipped += 1
                return None
        for attempt in range(self.patience.attempts):
            try:
                pixels = self.source.read(image.scene_id, image.grid, self.form.bands)
            except PassingError as error:
                failure = error
                if attempt + 1 < self.patience.attempts:
                    self._pause(image, attempt)
            else:
                with self._lock:
                    self._in_a_row = 0
                return self.form.check(pixels, f"site {image.site_id}, {image.season}, scene {image.scene_id}")
        with self._lock:
            self.failures.append((image, failure))
            self._in_a_row += 1
            if self._in_a_row == self.patience.give_up:
                log.warning("%d images in a row failed: no more are asked for in this job", self._in_a_row)
        return None

    def _pause(self, image: Image, attempt: int) -> None:
        # Jobs that were refused together must not come back together, so the draw differs between processes.
        rng = generator(os.getpid(), "pause", image.site_id, image.season, attempt)
        time.sleep(self.patience.pause_s * 2**attempt * rng.uniform(0.5, 1.5))

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
