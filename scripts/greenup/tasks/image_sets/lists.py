"""Lists of names: who trains and who tests."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from greenup.errors import UserError

log = logging.getLogger(__name__)


def read_names(path: Path) -> list[str]:
    """First column of a list, a name a line; empty lines are passed over.

    Raises `UserError` when the file cannot be read or holds no name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "download it again") from error
    names = [name for line in lines if (name := line.split(",")[0].strip())]
    if not names:
        raise UserError(f"{path}: names nothing", "download it again")
    return names


def parts_of(names: Sequence[str], lists: Mapping[str, Sequence[str]]) -> list[str]:
    """The part (a key of ``lists``) of each name, empty where no list has it.

    What is listed without being there is counted in the log. Raises `UserError` for a name in two lists, and when no
    name is listed at all.
    """
    part_of: dict[str, str] = {}
    for part, listed in lists.items():
        for name in listed:
            if part_of.setdefault(name, part) != part:
                raise UserError(f"{name!r} stands in the list of {part_of[name]} and in that of {part}", "keep one")
    parts = [part_of.get(name, "") for name in names]
    if not any(parts):
        raise UserError(
            f"none of the {len(part_of)} listed names is there, e.g. {next(iter(part_of), 'nothing is listed')!r}",
            "are the lists of this image set, and is it unpacked?",
        )
    if absent := len(part_of.keys() - set(names)):
        log.warning("%d of %d listed images are not there", absent, len(part_of))
    if unlisted := parts.count(""):
        log.info("%d of %d images stand in no list", unlisted, len(names))
    return parts
