"""What is said of a published image set, and how its files are looked for. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from greenup.config.image_sets import ImageSet


@dataclass(frozen=True)
class About:
    """An image set in words.

    ``size_gb``: what is downloaded, in 10^9 bytes; ``url``: where; ``attribution``: the line that goes with what is
    made of it; ``needs``: names of files and folders below the set's folder, told by its settings (alternatives
    between `` | ``, patterns of `pathlib.Path.glob` allowed); ``unpack``: how the download becomes these.
    """

    title: str
    url: str
    size_gb: float
    licence: str
    citation: str
    attribution: str
    needs: Callable[[ImageSet], tuple[str, ...]]
    unpack: str = "unpack it there"
    simulated: bool = False


def found(settings: ImageSet, need: str) -> Path | None:
    """The first of the alternatives of a need that is there."""
    folder = Path(settings.folder)
    if not folder.is_dir():
        return None
    # A pattern is looked for only as far as its first match: some folders hold half a million others.
    return next((path for pattern in need.split(" | ") if (path := next(folder.glob(pattern), None))), None)
