"""Where the time of a training goes: into steps, or into waiting for data."""

from __future__ import annotations

import time

import torch


class StepClock:
    """Seconds in all, and of them those in which the device had nothing to do since data were not there.

    On the CPU the two alternate. A GPU works on while the process already waits for the next batch; what counts is
    how long the GPU itself stands idle between two steps, which events on its stream tell without stopping it.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._mark = time.monotonic()
        self._waited = 0.0
        self._since: torch.cuda.Event | None = None
        self._gaps: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._counted = self._mark

    def data_there(self) -> None:
        """A batch has come."""
        if self._cuda:
            if self._since is not None:
                self._gaps.append((self._since, self._event()))
        else:
            self._waited += time.monotonic() - self._mark

    def done(self) -> None:
        """Its work is done, or is the GPU's to do; the next batch is asked for."""
        if self._cuda:
            self._since = self._event()
        else:
            self._mark = time.monotonic()

    def skip(self) -> None:
        """Leave out what has passed since the last `take`: time for neither steps nor data."""
        self._mark = self._counted = time.monotonic()
        self._waited, self._since = 0.0, None
        self._gaps.clear()

    def take(self) -> tuple[float, float]:
        """(seconds, seconds waited) since it was last asked."""
        if self._cuda:
            torch.cuda.synchronize()
            self._waited = sum(first.elapsed_time(last) for first, last in self._gaps) / 1e3
            self._gaps.clear()
        now = time.monotonic()
        passed, waited = now - self._counted, self._waited
        self._counted, self._waited = now, 0.0
        return passed, waited

    @staticmethod
    def _event() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
