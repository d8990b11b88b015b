"""What a method asks for of one site: groups of views, and perhaps a mask of patches to hide."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

Read = Callable[[int], np.ndarray]
"""Image ``i`` (0..images - 1) of a site: stored values, uint16 (C, H, W), pixels without data filled."""


class SampleViews(NamedTuple):
    """The views of one site.

    ``groups``: views of one size each, uint16 (V, C, S, S) in stored values. ``mask``: bool (rows, columns), True for
    patches of the view to hide; None where a method hides nothing.
    """

    groups: list[np.ndarray]
    mask: np.ndarray | None


class ViewMaker(Protocol):
    """Makes the views of a site, without a memory of its own: all that is random comes from ``rng``.

    Picklable, so that worker processes can have it. Raises ValueError for a site without images.
    """

    def __call__(self, read: Read, images: int, rng: np.random.Generator) -> SampleViews:
        """The views of a site of ``images`` images; only the dates drawn are read, each once."""
        ...
