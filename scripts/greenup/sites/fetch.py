"""Fetching the files of config/sources.csv and config/weights.csv: checked, unpacked, and whole or not there at all."""

from __future__ import annotations

import logging
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import pooch
import requests

from greenup.archives import extract
from greenup.errors import UserError
from greenup.files import write_text

_log = logging.getLogger(__name__)

TIMEOUT_S = 60
"""Longest silence of a server (s) before the address counts as failed."""

_DIGITS = {"sha256": 64, "md5": 32}
# Some publishers turn the libraries of scripts away.
_HEADERS = {"User-Agent": "greenup"}


class Fetchable(Protocol):
    """A row of a table of files: `greenup.sites.sources.SourceFile` or `greenup.config.weights.ReleasedWeights`."""

    name: str
    title: str
    url: str
    mirror: str
    checksum: str
    """``sha256:`` or ``md5:`` and hexadecimal digits: all, or the first that are known."""
    member: str
    attribution: str
    table: str
    """Where the row stands."""
    instead: str
    """What to do where no address can be reached."""
    download: str


def fetch_source(file: Fetchable, target: str | Path) -> None:
    """Download a file, check it, unpack it, and move what is used to ``target``.

    The mirror is tried where the first address fails or gives a file with a wrong checksum. Everything happens in a
    folder beside the target: nothing half written ever carries a final name, and a shapefile appears after its
    companions (.shx, .dbf, .prj, ...). The sha256 of the download is kept beside the target as ``<download>.sha256``,
    in the format of `sha256sum`. Where the table gives no checksum, or only the first digits of one, the log says so
    and a later download must agree with that record.

    Raises `UserError` with what went wrong at each address.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    record = target.with_name(f"{file.download}.sha256")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        download = _download(file, Path(folder), record)
        used = _unpack(download, file, Path(folder, "unpacked")) if file.member else [download]
        record_text = f"{_digest(download, 'sha256')}  {file.download}\n"
        # What the target is read with comes first, the target itself last.
        for path in sorted(used, key=lambda p: p.name == target.name):
            path.replace(target.with_name(path.name))
        write_text(record, record_text)
    _log.info("%s: %s (%.1f MB). %s", file.name, target, target.stat().st_size / 1e6, file.attribution)


def _download(file: Fetchable, folder: Path, record: Path) -> Path:
    """The file from the first address that gives it whole and with the right checksum."""
    known = _checksums(file, record)
    failures, mend = [], f"look whether this machine reaches the internet; or {file.instead}"
    for url in filter(None, (file.url, file.mirror)):
        try:
            path = _retrieve(url, file.download, folder)
        except (requests.RequestException, OSError) as error:
            failures.append(f"{url}: {error}")
        else:
            wrong = next((k for k in known if not _agrees(path, k.value)), None)
            if wrong is None:
                return path
            kind = wrong.value.partition(":")[0]
            failures.append(
                f"{url}: the file's checksum is {kind}:{_digest(path, kind)}, {wrong.told_by} {wrong.value}"
            )
            mend = wrong.mend
            path.unlink()
        _log.warning("%s", failures[-1])
    raise UserError("\n".join([f"{file.name} ({file.title}) cannot be fetched", *failures]), mend)


@dataclass(frozen=True)
class _Known:
    """A checksum that a download must have, who says so, and what to do where it has another."""

    value: str
    told_by: str
    mend: str


def _checksums(file: Fetchable, record: Path) -> list[_Known]:
    """What is known of a file: the table's checksum and, where that is none or only the first digits, that of the
    first download."""
    kind, _, digits = file.checksum.partition(":")
    table = _Known(
        file.checksum,
        f"{file.table} says",
        "compare with the publisher's page; if the file there is new, put its checksum into "
        f"{file.table} (results may change)",
    )
    known = [table] if digits else []
    if len(digits) == _DIGITS.get(kind):
        # It decides alone: where the publisher has a new file, it is mended in the table.
        return known
    if record.is_file():
        mend = f"the publisher has changed the file; to take the new one, delete {record} (results may change)"
        return [*known, _Known(f"sha256:{record.read_text(encoding='utf-8').split()[0]}", f"by {record} it was", mend)]
    _log.warning(
        "%s: %s has %s of this file, so that nobody can tell whether it is what its publisher meant; its sha256 is "
        "kept in %s, and a later download must agree",
        file.name,
        file.table,
        "only the first digits of the checksum" if digits else "no checksum",
        record,
    )
    return known


def _agrees(path: Path, expected: str) -> bool:
    kind, _, digits = expected.partition(":")
    return _digest(path, kind).startswith(digits.lower())


def _digest(path: Path, kind: str) -> str:
    return pooch.file_hash(str(path), alg=kind)


def _retrieve(url: str, name: str, folder: Path) -> Path:
    """Pooch streams to a temporary file and gives it its name when the server has sent all it announced."""
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S, headers=_HEADERS)
    _log.info("fetching %s", url)
    return Path(pooch.retrieve(url, known_hash=None, fname=name, path=folder, downloader=downloader))


def _unpack(archive: Path, file: Fetchable, folder: Path) -> list[Path]:
    """Extract the member and, for a shapefile, the files of the same stem beside it; flat, into ``folder``."""
    folder.mkdir()
    wanted = PurePosixPath(file.member)
    try:
        with zipfile.ZipFile(archive) as contents:
            names = [n for n in contents.namelist() if not n.endswith("/") and not n.startswith("__MACOSX/")]
            # The folder inside an archive changes from release to release, the file's name does not.
            found = [n for n in names if n == file.member] or [n for n in names if PurePosixPath(n).name == wanted.name]
            if len(found) != 1:
                held = ", ".join(names[:8]) or "nothing"
                raise UserError(
                    f"{file.name}: {file.download} holds {len(found)} files named {wanted.name} (it holds {held})",
                    f"mend the column member in {file.table}",
                )
            member = PurePosixPath(found[0])
            companions = [n for n in names if _beside(PurePosixPath(n), member)] if member.suffix == ".shp" else []
            out = []
            for name in dict.fromkeys([found[0], *companions]):
                # By its last part alone, whatever folders the archive names.
                out.append(folder / PurePosixPath(name).name)
                extract(contents, name, out[-1], f"{file.name}: {file.download}")
    except (zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{file.name}: {file.download} is no whole zip archive ({error})",
            f"look at {file.url}: the publisher may have moved the file",
        ) from None
    return out


def _beside(path: PurePosixPath, shapefile: PurePosixPath) -> bool:
    return path.parent == shapefile.parent and path.name.startswith(f"{shapefile.stem}.")
