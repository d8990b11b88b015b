"""Very many points on a map, as one picture: drawn in a moment, and small in a PDF."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from greenup.paper.style import DPI

MANY = 3_000
"""From so many points on, they are a picture instead of a mark each."""


def draw_dots(axes: Axes, x: np.ndarray, y: np.ndarray, colours: np.ndarray, *, size: float) -> AxesImage:
    """Discs at ``x``, ``y`` (data units) in ``colours`` (n, 4; 0..1), later points above earlier ones.

    ``size``: area of a disc's square (points squared, as that of ``Axes.scatter``). The picture fills the axes, whose
    limits must have been set, at the resolution of the PNGs; where there is no point it is transparent. Points beyond
    the limits are left out.
    """
    figure = axes.get_figure()
    box, (west, east), (south, north) = axes.get_position(), axes.get_xlim(), axes.get_ylim()
    width = max(1, round(box.width * figure.get_figwidth() * DPI))
    height = max(1, round(box.height * figure.get_figheight() * DPI))
    column = (np.asarray(x) - west) / (east - west) * width
    row = (north - np.asarray(y)) / (north - south) * height
    picture = np.zeros((height, width, 4), dtype=np.uint8)
    paint = np.round(255 * np.asarray(colours)).astype(np.uint8)
    is_inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row, paint = column[is_inside].astype(int), row[is_inside].astype(int), paint[is_inside]
    for down, right in _disc(size**0.5 / 2 / 72 * DPI):
        picture[np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)] = paint
    return axes.imshow(picture, extent=(west, east, south, north), interpolation="none", aspect="equal", zorder=3)


def _disc(radius: float) -> np.ndarray:
    """Offsets (n, 2) in pixels of a disc; a single pixel at least. The middle comes last, so that no point is lost."""
    reach = int(radius)
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    far = (offsets**2).sum(axis=1)
    kept = offsets[far <= max(radius, 0.5) ** 2]
    return kept[np.argsort(-(kept**2).sum(axis=1), kind="stable")]
