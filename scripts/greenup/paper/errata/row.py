"""What a row of the errata is, and what its numbers rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

System = Literal["SeCo", "SSL4EO-S12", "SSL4Eco", "TorchGeo"]
Status = Literal["measured", "shown by a test", "documented"]

SEED = 0
"""Of every draw behind a number: the same numbers in every study."""


@dataclass(frozen=True)
class Number:
    """One number of a quirk: as the released code has it, and as it is right (None where there is only the former).

    ``is_detail``: in the CSV and behind a table or figure, but not among those that a reader sees first.
    """

    what: str
    unit: str
    released: float
    right: float | None = None
    is_detail: bool = False
    digits: int | None = None
    """Decimals as printed; three significant digits when None."""


@dataclass(frozen=True)
class Samples:
    """Files of others that some numbers are measured on; None and () where a study gives none."""

    ssl4eo_sites: Path | None = None
    """Real sites of SSL4EO-S12: Parquet or CSV with site_id, lon, lat, time."""
    label_tables: tuple[Path, ...] = ()
    """Label tables published by the authors of SSL4Eco: CSVs with columns lon and lat (degrees)."""

    @property
    def given(self) -> frozenset[str]:
        """Names of the fields that hold something."""
        return frozenset(name for name in ("ssl4eo_sites", "label_tables") if getattr(self, name))


Measure = Callable[[Samples], list[Number]]


@dataclass(frozen=True)
class Erratum:
    """A quirk. Texts are sentences for readers, without markup but ``code`` marks."""

    name: str
    """Unique word, also that of the switch where there is one."""
    stage: str
    """Part of the work: a key of `greenup.paper.errata.registry.STAGES`."""
    title: str
    """A few words."""
    systems: tuple[System, ...]
    released: str
    """What the released code does."""
    right: str
    """What is right, or what is done here."""
    measure: Measure | None = None
    """Numbers of what it costs; None where there are none."""
    basis: str = ""
    """What the numbers are of: real files, a draw of a sampler, invented values."""
    needs: str = ""
    """Field of `Samples` without which nothing is measured."""
    packages: tuple[str, ...] = ()
    """Packages, beyond those of the figures' environment, without which nothing is measured."""
    switch: str = ""
    """What reproduces it in a configuration; empty where nothing does."""
    test: str = ""
    """Test that shows it, as path::name."""
    why: str = ""
    """Of a documented row: why it cannot be measured here."""

    @property
    def status(self) -> Status:
        """Measured if there are numbers; else shown by a test; else documented."""
        if self.measure is not None:
            return "measured"
        return "documented" if self.why else "shown by a test"
