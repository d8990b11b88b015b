"""Pictures inside a page: as they are, or smaller where all of them together would make it too large."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from greenup.errors import UserError

log = logging.getLogger(__name__)

BUDGET = 10_000_000
"""Most bytes of all pictures of a page together, as text: the rest of 15 MB is for map and tables."""

_STEPS: tuple[tuple[int, int], ...] = ((2000, 85), (1600, 78), (1200, 70), (900, 60))
"""Longest side (pixels) and quality of the JPEGs that a picture too many becomes, one step after the other."""

_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Picture:
    """A picture as text: an address that holds it, and its size in pixels."""

    uri: str
    width: int
    height: int


def load_pictures(paths: Sequence[str | Path], budget: int = BUDGET) -> list[Picture]:
    """The pictures (PNG or JPEG) in the order given, together at most ``budget`` bytes of text where that can be.

    While they are more, the largest becomes a JPEG and then ever smaller ones, down to 900 pixels. Same files, same
    bytes. Raises `UserError` for a file that cannot be read.
    """
    pictures, steps = [_load(Path(p)) for p in paths], [0] * len(paths)
    while sum(len(p.uri) for p in pictures) > budget:
        left = [i for i in range(len(paths)) if steps[i] < len(_STEPS)]
        if not left:
            log.warning("pictures take %d bytes, more than the %d meant for them", _size(pictures), budget)
            break
        largest = max(left, key=lambda i: (len(pictures[i].uri), -i))
        smaller = _shrink(Path(paths[largest]), *_STEPS[steps[largest]])
        steps[largest] += 1
        if len(smaller.uri) < len(pictures[largest].uri):
            pictures[largest] = smaller
            log.info("%s: shown with %d x %d pixels", paths[largest], smaller.width, smaller.height)
    return pictures


def _size(pictures: Sequence[Picture]) -> int:
    return sum(len(p.uri) for p in pictures)


def _load(path: Path) -> Picture:
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})", "run the workflow again to make it") from error
    return Picture(_uri(data, _TYPES[path.suffix]), width, height)


def _shrink(path: Path, side: int, quality: int) -> Picture:
    with Image.open(path) as image:
        flat = Image.new("RGB", image.size, "white")
        whole = image.convert("RGBA")
        flat.paste(whole, mask=whole.getchannel("A"))
    flat.thumbnail((side, side), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    flat.save(held, "JPEG", quality=quality, optimize=True)
    return Picture(_uri(held.getvalue(), "image/jpeg"), *flat.size)


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
