"""Colours in 8 bits that wrap around, as in the released code of SSL4EO-S12: what that costs can so be measured.

There, images are bytes, reflectance x 255, and every result of brightness or contrast is cast to a byte: what is above
255 or below 0 comes out at the other end. Brightness 1.4 makes 24 of 200; contrast 1.4 about a mean of 70 makes 228 of
0; and a reflectance of 1.2 is stored as 50.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from greenup.bands import BANDS
from greenup.config.methods import Colours
from greenup.errors import UserError
from greenup.pretrain.views.colours import Change, blur_radius, blurred, solarize
from greenup.pretrain.views.crops import Window, cut, resized, with_margin

_WHITE, _SCALE = 255, 10_000


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers of any size as bytes: the fraction dropped, and modulo 256."""
    return values.astype(np.int64).astype(np.uint8)


def bytes_of(stored: np.ndarray) -> np.ndarray:
    """Stored values (x 10 000) as bytes (x 255), wrapped around: 12 000 gives 50."""
    return as_bytes(stored.astype(np.float64) / _SCALE * _WHITE)


def brightened(values: np.ndarray, factor: float) -> np.ndarray:
    """``factor`` times bytes, wrapped around."""
    return as_bytes(values.astype(np.float64) * factor)


def contrasted(values: np.ndarray, factor: float, mean: float) -> np.ndarray:
    """Bytes moved by ``factor`` away from ``mean``, wrapped around."""
    return as_bytes((values.astype(np.float64) - mean) * factor + mean)


class WrappingPainter:
    """`greenup.pretrain.views.colours.Painter` in bytes that wrap around; they come back as stored values, x 10 000 /
    255. All views are bytes, changed or not.

    Raises `UserError` for backscatter and for saturation or hue, which no released code computes so.
    """

    def __init__(
        self,
        channels: Sequence[str],
        colours: Sequence[Colours],
        *,
        index_as_reflectance: bool = False,
        solarize_below: bool = False,
    ) -> None:
        if radar := [c for c in channels if BANDS[c].kind == "backscatter"]:
            raise UserError(
                f"method.compat: integer_wrap is of Sentinel-2 in 8 bits; {radar[0]!r} is backscatter",
                "leave integer_wrap out of compat",
            )
        if any(c.saturation or c.hue for c in colours):
            raise UserError(
                "method.compat: integer_wrap: saturation and hue are SeCo's, which computes them without wrapping",
                "leave integer_wrap out of compat, or write colours: {saturation: 0, hue: 0}",
            )
        self._lit = [index_as_reflectance or BANDS[c].kind == "reflectance" for c in channels]
        self.solarize_below = solarize_below

    def paint(self, image: np.ndarray, window: Window, size: int, change: Change, out: np.ndarray) -> None:
        """See `greenup.pretrain.views.colours.Painter.paint`."""
        around, inner = with_margin(window, image.shape[1:], blur_radius(change.sigma))
        part = bytes_of(cut(image, around))
        for plane in (p for p, lit in zip(part, self._lit, strict=True) if lit):
            if change.brightness != 1:
                plane[...] = brightened(plane, change.brightness)
            if change.contrast != 1:
                plane[...] = contrasted(plane, change.contrast, float(cut(plane, inner).mean()))
        if change.grey:
            part[...] = as_bytes(part.mean(axis=0))
        for plane, target in zip(part, out, strict=True):
            view = resized(np.ascontiguousarray(cut(blurred(plane, change.sigma), inner)), size)
            if change.solarize:
                solarize(view, 0, _WHITE, below=self.solarize_below)
            if change.flip:
                view = cv2.flip(view, 1)
            target[...] = np.rint(view * (_SCALE / _WHITE))
