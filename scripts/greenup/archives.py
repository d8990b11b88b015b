"""Reading members of zip archives that others have made: no name is trusted, no size is taken on trust.

A member is never written where its name says but under a name that the caller chooses, so that ``../``, absolute paths,
links and devices in an archive mean nothing. zipfile ends a member at the size that the archive declares for it, and
checks its CRC-32 there: what is declared is what can come.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from greenup.errors import UserError

BOMB_RATIO = 200
"""Unpacked to packed size beyond which a large member counts as a bomb; maps and tables reach 10 to 50."""

BOMB_BYTES = 1 << 30
"""Smaller members are never refused for their ratio."""


def check_size(info: zipfile.ZipInfo, where: str, room: int | None = None) -> None:
    """Refuse (`UserError`) a member that would unpack to more than ``room`` bytes, or out of all proportion.

    ``where``: what the message calls the archive; ``room``: free bytes on the disk, None where it is read into memory.
    """
    size = f"{where}: {info.filename} would unpack to {info.file_size / 1e9:.1f} GB"
    if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(info.compress_size, 1):
        raise UserError(
            f"{size}, {info.file_size / max(info.compress_size, 1):.0f} times its packed size: refused as a zip bomb",
            "look at where the archive comes from; unpack it by hand if you trust it",
        )
    if room is not None and info.file_size > room:
        raise UserError(
            f"{size}, and {room / 1e9:.1f} GB are free", "make room, or set the working directory elsewhere"
        )


def extract(archive: zipfile.ZipFile, name: str, target: Path, where: str) -> None:
    """Write one member to ``target``, whose folder exists. Raises `UserError` as `check_size`, and what zipfile raises
    of a damaged archive."""
    info = archive.getinfo(name)
    check_size(info, where, shutil.disk_usage(target.parent).free)
    # Reading to the end checks the member's own checksum.
    with archive.open(info) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def read_member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """The content of one member, in memory. Raises as `extract`."""
    check_size(archive.getinfo(name), where)
    return archive.read(name)
