"""A line of an estimate."""

from __future__ import annotations

from dataclasses import dataclass

from greenup.costs.amount import Amount

TOTAL = "total"
"""Scope of the sums over the study."""

INSTEAD = "instead"
"""Begins the note of a line that is another way to do what a line before it counts; sums leave it out."""


@dataclass(frozen=True)
class Line:
    """``scope``: dataset, model, task or `TOTAL`. ``unit``: empty for counts, else h, core-h, GPU-h, EECU-h, bytes,
    requests or files. ``done``: share of it that is there already (0..1). ``done_exact``: counted, where it is."""

    scope: str
    stage: str
    what: str
    unit: str
    amount: Amount
    done: float = 0.0
    note: str = ""
    done_exact: float | None = None

    @property
    def done_amount(self) -> float:
        return self.amount.value * self.done if self.done_exact is None else self.done_exact

    @property
    def to_do(self) -> float:
        """What is left, by the share of the files that are there; never negative."""
        return self.amount.value * (1 - self.done)

    @property
    def on_disk(self) -> bool:
        return self.unit == "bytes" and self.what != "transferred"

    @property
    def counts(self) -> bool:
        """Whether sums over different things take it in."""
        return not self.note.startswith(INSTEAD)
