"""Noise that belongs to the world: hashed lattices, so that any window onto the same coordinates shows the same values.

Lattice noise sums octaves. At level L the lattice has cells of 2^L pixels of 10 m; a coarse lattice is brought to the
next finer one by linear doubling. Doubling has weights of 1/4 and 3/4, exact in binary, and repeated it makes
quadratic B-splines: smooth, and equal to the bit in every window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from greenup.randomness import stable_hash

Array = NDArray[np.float32]

NODE_LEVEL = 7
"""Level of the lattice on which places are described: cells of 1 280 m."""

_MARGIN = 2
_HALF_WAY = 3


def key(*parts: object) -> int:
    """A 32-bit key of a noise field."""
    return stable_hash(*parts) & 0xFFFFFFFF


def _mix(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Avalanche of 32 bits (the finaliser 'lowbias32' of C. Wellons), in place."""
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return h


def hash_ints(salt: int, *ints: NDArray[np.int64] | int) -> NDArray[np.uint32]:
    """32 random bits for each tuple of integers (broadcast together)."""
    h = np.asarray(salt & 0xFFFFFFFF, dtype=np.uint32)
    for i, values in enumerate(ints):
        values = np.atleast_1d(np.asarray(values, dtype=np.int64)) + 0x9E3779B9 * (i + 1)
        h = _mix(h ^ _mix((values & 0xFFFFFFFF).astype(np.uint32)))
    return h


def uniform(salt: int, *ints: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Uniform numbers in (0, 1), one for each tuple of integers."""
    return (hash_ints(salt, *ints).astype(np.float64) + 0.5) / 2.0**32


def _lattice(salt: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Array:
    """Uniform values in -1..1 at lattice rows x columns."""
    h = hash_ints(salt, rows)[:, None] ^ hash_ints(salt ^ 0x5BD1E995, cols)[None, :]
    return _mix(h).astype(np.int32).astype(np.float32) * np.float32(2.0**-31)


@dataclass(frozen=True)
class Window:
    """A rectangle of 10 m pixels in one UTM zone: columns count east from 0 m, rows count south from 0 m north."""

    zone: int
    col: int
    row: int
    cols: int
    rows: int
    rim: int = 1
    """Pixels by which the window may be `grown` and still have the same nodes."""

    def box(self, level: int, margin: int = _MARGIN) -> tuple[int, int, int, int]:
        """First and last-plus-one lattice row and column at a level, with a margin."""
        return (
            (self.row >> level) - margin,
            ((self.row + self.rows - 1) >> level) + margin + 1,
            (self.col >> level) - margin,
            ((self.col + self.cols - 1) >> level) + margin + 1,
        )

    def grown(self, px: int) -> Window:
        return Window(self.zone, self.col - px, self.row - px, self.cols + 2 * px, self.rows + 2 * px, self.rim - px)

    def shifted(self, rows: int, cols: int) -> Window:
        return Window(self.zone, self.col + cols, self.row + rows, self.cols, self.rows)

    # ------------------------------------------------------------------------------------------------------- nodes
    def node_box(self) -> tuple[int, int, int, int]:
        rim = self.rim
        widest = Window(self.zone, self.col - rim, self.row - rim, self.cols + 2 * rim, self.rows + 2 * rim)
        return widest.box(NODE_LEVEL, 1)

    def nodes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Easting and northing (m) of the nodes around the window, flattened row by row."""
        r0, r1, c0, c1 = self.node_box()
        side = 10 << NODE_LEVEL
        east, south = np.meshgrid((np.arange(c0, c1) + 0.5) * side, (np.arange(r0, r1) + 0.5) * side)
        return east.ravel(), -south.ravel()

    def spread(self, node_values: NDArray[np.floating]) -> Array:
        """A value given at the nodes, at the window's pixels: linear to 80 m, and again to 10 m."""
        r0, r1, c0, c1 = self.node_box()
        grid = np.asarray(node_values, dtype=np.float32).reshape(r1 - r0, c1 - c0)
        if not grid.any():
            return np.zeros((self.rows, self.cols), np.float32)
        box, factor = self.box(_HALF_WAY, 1), 1 << (NODE_LEVEL - _HALF_WAY)
        half = cv2.resize(grid, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        top, left = box[0] - r0 * factor, box[2] - c0 * factor
        half = np.ascontiguousarray(half[top : top + box[1] - box[0], left : left + box[3] - box[2]])
        factor = 1 << _HALF_WAY
        fine = cv2.resize(half, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        top, left = self.row - box[0] * factor, self.col - box[2] * factor
        return np.ascontiguousarray(fine[top : top + self.rows, left : left + self.cols])

    # ------------------------------------------------------------------------------------------------------- noise
    def fractal(
        self,
        salt: int,
        levels: tuple[int, int],
        amplitude: Sequence[float] | Callable[[int], NDArray[np.floating] | float],
    ) -> Array:
        """Sum of octaves from ``levels[0]`` (coarsest) to ``levels[1]`` (finest) at the window's pixels.

        ``amplitude``: one number an octave, or a function of the level that gives a number or node values (octaves may
        then weigh differently from place to place; node values are for levels up to `NODE_LEVEL`).
        """
        total, box = self.octaves(salt, levels, amplitude)
        for level in range(levels[1] - 1, -1, -1):
            b = self.box(level, _MARGIN if level else 0)
            total = cv2.resize(total, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            top, left = b[0] - 2 * box[0], b[2] - 2 * box[2]
            total, box = total[top : top + b[1] - b[0], left : left + b[3] - b[2]], b
        top, left = self.row - box[0], self.col - box[2]
        return np.ascontiguousarray(total[top : top + self.rows, left : left + self.cols])

    def octaves(
        self,
        salt: int,
        levels: tuple[int, int],
        amplitude: Sequence[float] | Callable[[int], NDArray[np.floating] | float],
    ) -> tuple[Array, tuple[int, int, int, int]]:
        """The sum of octaves on the lattice of ``levels[1]``, and the box it covers (see `box`)."""
        salt = key(salt, self.zone)
        total, box = None, (0, 0, 0, 0)
        for i, level in enumerate(range(levels[0], levels[1] - 1, -1)):
            b = self.box(level)
            octave = _lattice(salt + 0x632BE5AB * level, np.arange(b[0], b[1]), np.arange(b[2], b[3]))
            a = amplitude(level) if callable(amplitude) else amplitude[i]
            octave *= self._spread_with_margin(a, level) if isinstance(a, np.ndarray) else np.float32(a)
            if total is not None:
                total = cv2.resize(total, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
                top, left = b[0] - 2 * box[0], b[2] - 2 * box[2]
                octave += total[top : top + octave.shape[0], left : left + octave.shape[1]]
            total, box = octave, b
        return total, box

    def white(self, salt: int) -> Array:
        """Independent uniform values in -1..1, one a pixel."""
        salt = key(salt, self.zone)
        return _lattice(salt, np.arange(self.row, self.row + self.rows), np.arange(self.col, self.col + self.cols))

    def _spread_with_margin(self, node_values: NDArray[np.floating], level: int) -> Array:
        r0, r1, c0, c1 = self.node_box()
        grid = np.asarray(node_values, dtype=np.float32).reshape(r1 - r0, c1 - c0)
        b = self.box(level)
        scale = 1 << (NODE_LEVEL - level)
        fine = cv2.resize(grid, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        rows = np.clip(np.arange(b[0], b[1]) - r0 * scale, 0, fine.shape[0] - 1)
        cols = np.clip(np.arange(b[2], b[3]) - c0 * scale, 0, fine.shape[1] - 1)
        return fine[np.ix_(rows, cols)]


_PLACES_AT_ONCE, _FIELDS_AT_ONCE = 1024, 8  # arrays of a step that stay in the processor's cache


def sphere_noise(lon: NDArray, lat: NDArray, fields: Sequence[tuple[float, int]]) -> NDArray[np.float64]:
    """Smooth noises on the globe, (fields, n), each about standard normal in spread: without a seam.

    ``fields``: wavelength (km) and key of each. Lattice noise in three dimensions, read on the sphere.
    """
    lam, phi = np.radians(lon), np.radians(lat)
    unit = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    scale, salt = 6371.0 / np.array([f[0] for f in fields]), np.array([f[1] for f in fields], dtype=np.uint32)
    out = np.empty((len(fields), len(lam)))
    for first in range(0, len(lam), _PLACES_AT_ONCE):
        places = np.s_[first : first + _PLACES_AT_ONCE]
        for start in range(0, len(fields), _FIELDS_AT_ONCE):
            some = np.s_[start : start + _FIELDS_AT_ONCE]
            out[some, places] = _lattice_3d(unit[:, None, places] * scale[None, some, None] + 0.5, salt[some, None])
    # Standard deviation of smoothed uniform corners: sqrt(1/12 * 0.743^3).
    return (out - 0.5) / 0.185


def _lattice_3d(xyz: NDArray[np.float64], salt: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Smoothed values 0..1 of lattices in three dimensions: (3, fields, n) coordinates -> (fields, n)."""
    base = np.floor(xyz)
    t = xyz - base
    t = t * t * (3.0 - 2.0 * t)
    index = base.astype(np.int64)
    # The 8 corners grow from axis to axis, so that those with equal beginnings are hashed once: (hash, weight) each.
    corners: list[tuple[NDArray[np.uint32], NDArray | float]] = [(salt, 1.0)]
    for axis in range(3):
        sides = []
        for side, share in ((0, 1.0 - t[axis]), (1, t[axis])):
            h = ((index[axis] + side + 0x9E3779B9 * (axis + 1)) & 0xFFFFFFFF).astype(np.uint32)
            sides.append((_mix(h), share))
        corners = [(_mix(h ^ step), weight * share) for step, share in sides for h, weight in corners]
    a, b, c, d, e, f, g, h = (weight * h for h, weight in corners)
    # Added up in this order: floating-point sums depend on it, and the world must not.
    return (((a + b) + (c + d)) + ((e + f) + (g + h))) / 2.0**32
