"""Fetching the files of config/sources.csv and config/weights.csv: checked, unpacked, and whole or not there at all."""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

import pooch
import requests

from greenup.errors import UserError
from greenup.files import write_text

_log = logging.getLogger(__name__)

TIMEOUT_S = 60
"""Longest silence of a server (s) before the address counts as failed."""

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
    in the format of `sha256sum`; where the publisher gives no checksum, a later download must agree with it.

    Raises `UserError` with what went wrong at each address.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    record = target.with_name(f"{file.download}.sha256")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        download = _download(file, Path(folder), record)
        used = _unpack(download, file, Path(folder, "unpacked")) if file.member else [download]
        record_text = f"{pooch.file_hash(str(download), alg='sha256')}  {file.download}\n"
        # What the target is read with comes first, the target itself last.
        for path in sorted(used, key=lambda p: p.name == target.name):
            path.replace(target.with_name(path.name))
        write_text(record, record_text)
    _log.info("%s: %s (%.1f MB). %s", file.name, target, target.stat().st_size / 1e6, file.attribution)


def _download(file: Fetchable, folder: Path, record: Path) -> Path:
    """The file from the first address that gives it whole and with the right checksum."""
    expected, told_by = file.checksum, f"{file.table} says"
    mend = (
        "compare with the publisher's page; if the file there is new, put its checksum into "
        f"{file.table} (results may change)"
    )
    if not expected and record.is_file():
        expected, told_by = f"sha256:{record.read_text(encoding='utf-8').split()[0]}", f"by {record} it was"
        mend = f"the publisher has changed the file; to take the new one, delete {record} (results may change)"
    failures, wrong = [], False
    for url in filter(None, (file.url, file.mirror)):
        try:
            path = _retrieve(url, file.download, folder)
        except (requests.RequestException, OSError) as error:
            failures.append(f"{url}: {error}")
            _log.warning("%s", failures[-1])
            continue
        if not expected:
            return path
        kind = expected.partition(":")[0]
        found = f"{kind}:{pooch.file_hash(str(path), alg=kind)}"
        if found.startswith(expected.lower()):
            return path
        failures.append(f"{url}: the file's checksum is {found}, {told_by} {expected}")
        _log.warning("%s", failures[-1])
        wrong = True
        path.unlink()
    if not wrong:
        mend = f"look whether this machine reaches the internet; or {file.instead}"
    raise UserError("\n".join([f"{file.name} ({file.title}) cannot be fetched", *failures]), mend)


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
            for name in dict.fromkeys([str(member), *companions]):
                out.append(folder / PurePosixPath(name).name)
                # Reading to the end checks the member's own checksum (CRC-32).
                with contents.open(name) as source, out[-1].open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{file.name}: {file.download} is no whole zip archive ({error})",
            f"look at {file.url}: the publisher may have moved the file",
        ) from None
    return out


def _beside(path: PurePosixPath, shapefile: PurePosixPath) -> bool:
    return path.parent == shapefile.parent and path.name.startswith(f"{shapefile.stem}.")
