"""Files that say what is known of the land: which there are, where they come from, and where they lie."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).resolve().parents[3] / "config" / "sources.csv"
"""One row a file that can be fetched: name, source (key of the `sources:` block), title, url, mirror, sha256, member
(file inside the archive that is used), licence, attribution."""

FOLDER = "data/sources"
"""Where fetched files lie, below the working directory: data/sources/<name>/<file>."""


@dataclass(frozen=True)
class SiteData:
    """Files behind the attributes of sites; None stands for the packaged data."""

    land: Path | None = None
    ecoregions: Path | None = None
    land_cover: Path | None = None
    land_cover_legend: str = "igbp"
    mountains: Path | None = None
    cities: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files given, by source."""
        return {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), Path)}


@lru_cache(maxsize=1)
def known() -> dict[str, dict[str, str]]:
    """Rows of config/sources.csv by name."""
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}
