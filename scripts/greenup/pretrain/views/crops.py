"""Random resized crops of planar images.

Resizing is bilinear with pixel centres aligned, and nothing is smoothed before it is made smaller: so works OpenCV,
with which SSL4EO-S12 and SSL4Eco crop (SSL4EO-S12's DINO alone is bicubic). SeCo crops with PIL, whose bilinear filter
widens as images get smaller; from windows of at most 264 pixels to 224 that is by a factor of 1.18 at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

_ASPECT = (math.log(3 / 4), math.log(4 / 3))


class Window(NamedTuple):
    """A rectangle of an image, pixels."""

    top: int
    left: int
    height: int
    width: int


def draw_window(height: int, width: int, scale: tuple[float, float], rng: np.random.Generator) -> Window:
    """A random crop window: its share of the area uniform in ``scale``, its aspect log-uniform in 3/4..4/3.

    torchvision's ``RandomResizedCrop``: ten attempts, then the largest centred window of allowed aspect.
    """
    for _ in range(10):
        area = height * width * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(*_ASPECT))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return Window(int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w)
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return Window((height - h) // 2, (width - w) // 2, h, w)


def cut(planes: np.ndarray, window: Window) -> np.ndarray:
    """The window of a plane (H, W) or of planes (C, H, W), not copied."""
    return planes[..., window.top : window.top + window.height, window.left : window.left + window.width]


def with_margin(window: Window, shape: Sequence[int], margin: int) -> tuple[Window, Window]:
    """The window and ``margin`` pixels around it, as far as an image of ``shape`` (H, W) goes; and where in it the
    window lies.
    """
    top, left = max(0, window.top - margin), max(0, window.left - margin)
    bottom = min(shape[0], window.top + window.height + margin)
    right = min(shape[1], window.left + window.width + margin)
    inner = Window(window.top - top, window.left - left, window.height, window.width)
    return Window(top, left, bottom - top, right - left), inner


def resized(picture: np.ndarray, size: int, out: np.ndarray | None = None) -> np.ndarray:
    """A plane (H, W) or a picture (H, W, 3) in ``size`` x ``size`` pixels, of the same type, integers rounded."""
    return cv2.resize(picture, (size, size), dst=out, interpolation=cv2.INTER_LINEAR)
