"""Files that say what is known of the land: which there are, where they come from, and where they lie.

A value of the study's ``sources:`` block is `packaged`, a name of config/sources.csv, or a path. Imports nothing heavy:
every job plans anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from greenup.config.explain import nearest
from greenup.config.sites import Sources
from greenup.errors import UserError
from greenup.listing import check_address, is_plain, read_rows

TABLE = Path(__file__).resolve().parents[3] / "config" / "sources.csv"
"""One row a file that can be fetched; the columns are the fields of `SourceFile`."""

TABLE_VARIABLE = "GREENUP_SOURCES"
"""Environment variable that names a table to read in place of config/sources.csv: an institute's own mirrors, tests."""

FOLDER = "data/sources"
"""Where fetched files lie, below the working directory: data/sources/<name>/<file>."""

PACKAGED = "packaged"


@dataclass(frozen=True)
class SourceFile:
    """A row of config/sources.csv: one file that can be fetched."""

    name: str
    """What a study writes under `sources:`, and the folder below data/sources/."""
    source: str
    """Key of `sources:` that it serves: land, ecoregions, land_cover, mountains or cities."""
    title: str
    url: str
    mirror: str
    """Second address, tried when the first fails; empty where none is known."""
    checksum: str
    """Of the file as downloaded, as ``sha256:`` or ``md5:`` and hexadecimal digits: the publisher's, or one that
    several independent users have recorded alike. Empty where there is none: then the sha256 of the first download is
    kept beside the file and must not change."""
    member: str
    """File inside the zip archive that is used, a shapefile's companions with it; empty: the file is no archive."""
    legend: str
    """Class codes of a land-cover map: igbp or copernicus; empty for other files."""
    licence: str
    attribution: str
    """What a figure or table that rests on the file credits, without a full stop."""

    table: ClassVar[str] = "config/sources.csv"

    @property
    def instead(self) -> str:
        """What to do where no address can be reached."""
        return (
            f"fetch the file elsewhere, put it at {self.path} (unpacked), or write its path as "
            f"sources.{self.source}; or name a mirror in a table of your own ({TABLE_VARIABLE})"
        )

    @property
    def download(self) -> str:
        """Name of the file at its address."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    @property
    def path(self) -> Path:
        """Where the file that is used lies once fetched, below the working directory."""
        return Path(FOLDER, self.name, PurePosixPath(self.member or self.download).name)


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


KINDS: tuple[str, ...] = tuple(f.name for f in fields(SiteData) if f.name != "land_cover_legend")
"""Keys of `sources:` that name a file."""


def known() -> dict[str, SourceFile]:
    """Rows of config/sources.csv, or of the table that `TABLE_VARIABLE` names, by name.

    Raises `UserError` for a table that is missing or has a row that cannot be right.
    """
    return _read(Path(os.environ.get(TABLE_VARIABLE) or TABLE))


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, SourceFile]:
    columns = [f.name for f in fields(SourceFile)]
    found: dict[str, SourceFile] = {}
    for where, row in read_rows(path, columns, TABLE_VARIABLE):
        file = SourceFile(**row)
        if file.source not in KINDS:
            raise UserError(f"{where}: source {file.source!r} is no key of `sources:`", nearest(file.source, KINDS))
        if not file.name or file.name == PACKAGED or file.name in found or not file.name.replace("_", "").isalnum():
            raise UserError(f"{where}: name {file.name!r} is taken or no name", "write one of its own: a-z, 0-9 and _")
        for url in (file.url, *filter(None, [file.mirror])):
            check_address(url, where)
        if not is_plain(file.path.name):
            raise UserError(f"{where}: {file.path.name!r} is no name of a file", "mend member, or the end of url")
        kind, _, digits = file.checksum.partition(":")
        if file.checksum and len(digits) != {"sha256": 64, "md5": 32}.get(kind):
            raise UserError(f"{where}: checksum {file.checksum!r} is neither", "write sha256:<64 digits> or md5:<32>")
        found[file.name] = file
    return found


def fetchable(path: str | Path) -> SourceFile | None:
    """The row whose file lies at a path below the working directory; None for a file of the user's own."""
    return next((f for f in known().values() if f.path == Path(path)), None)


def credit(path: str | Path) -> str:
    """What to credit for a file: the attribution of its row, or its name where it is the user's own."""
    file = fetchable(path)
    return file.attribution if file else Path(path).name


def resolve(sources: Sources, *, where: str = "sources") -> SiteData:
    """The files behind a study's ``sources:`` block.

    A name of config/sources.csv becomes the place of that file below data/sources/, whether it is there yet or not, and
    brings its own legend with it. Raises `UserError` for a name of another source, and for a value that is neither a
    name nor a file that is there.
    """
    files: dict[str, Path] = {}
    legend = sources.land_cover_legend
    for kind in KINDS:
        value = getattr(sources, kind)
        if value == PACKAGED:
            continue
        if value in known():
            file = known()[value]
            if file.source != kind:
                fitting = [n for n, f in known().items() if f.source == kind]
                raise UserError(
                    f"{where}.{kind}: {value!r} is a file of {file.source}",
                    f"write {where}.{file.source}: {value}; for {kind} choose from: {', '.join([PACKAGED, *fitting])}",
                )
            files[kind], legend = file.path, file.legend or legend
        elif Path(value).is_file():
            files[kind] = Path(value)
        else:
            choices = [PACKAGED, *(n for n, f in known().items() if f.source == kind)]
            raise UserError(
                f"{where}.{kind}: {value!r} is neither a name of config/sources.csv nor a file that is there",
                f"{nearest(value, choices)}; or give the path of a file",
            )
    return SiteData(**files, land_cover_legend=legend)
