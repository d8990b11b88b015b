"""How long a failure that may pass is waited for: bounded attempts, pauses that grow, by cause, with jitter."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from greenup.imagery.base import PassingError
from greenup.randomness import generator

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often one thing is asked for. Pauses (s) grow from ``pause_s`` by doubling up to ``longest_s``, each times
    0.5..1.5 at random.

    ``attempts`` after errors, of which a damaged file needs no second; ``quota_attempts`` after a refusal for too many
    requests, which passes with time alone. After ``give_up`` images in a row have failed, a source is asked for no
    more.
    """

    attempts: int = 4
    pause_s: float = 2.0
    give_up: int = 8
    quota_attempts: int = 8
    longest_s: float = 60.0

    def pause_after(self, cause: str, tried: int) -> float | None:
        """Seconds to wait before the next attempt, before jitter; None when ``tried`` attempts are enough."""
        if cause == "damaged" or tried >= (self.quota_attempts if cause == "quota" else self.attempts):
            return None
        return min(self.pause_s * 2 ** (tried - 1), self.longest_s)

    def wait(self, cause: str, tried: int, *key: object) -> bool:
        """Sleep before the next attempt at what ``key`` names; False when there is to be none."""
        pause = self.pause_after(cause, tried)
        if pause is None:
            return False
        # Jobs that were refused together must not come back together, so the draw differs between processes.
        time.sleep(pause * generator(os.getpid(), "pause", *key, tried).uniform(0.5, 1.5))
        return True


def patiently(
    call: Callable[[], T], patience: Patience, *key: object, unless: tuple[type[PassingError], ...] = ()
) -> T:
    """The result of a call that is made again after a `PassingError`; raises the last one when patience ends, and those
    of the kinds ``unless``, for which the caller knows something better, at once."""
    tried = 0
    while True:
        try:
            return call()
        except PassingError as error:
            tried += 1
            if isinstance(error, unless) or not patience.wait(error.cause, tried, *key):
                raise
