"""Man-made and wind-made patterns that have a direction: field parcels, streets, dunes.

Both live on turned grids. A grid has one direction inside a block of the world (10 km for parcels, 41 km for dunes), so
that any window onto the block draws the same lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from greenup.imagery.miniature.land import ARID, Land
from greenup.imagery.miniature.noise import Array, Window, hash_ints, key, uniform

PARCEL_BLOCK, DUNE_BLOCK = 10, 12
"""Levels: blocks of 2^10 and 2^12 pixels."""

# Typical parcel side (10 m pixels) by climate zone: tropical smallholders to the square miles of dry plains.
_PARCEL_PX = np.array([9.0, 36.0, 20.0, 40.0, 22.0])
_STREET_PX = 10.0


@dataclass(frozen=True)
class Parcels:
    """Per pixel: 32 random bits of its parcel, distance to the parcel's edge (pixels), whether in a round field."""

    bits: NDArray[np.uint32]
    edge: Array
    pivot: NDArray[np.bool_]
    """Inside the circle that a centre-pivot sprinkler waters (everywhere, where there are none)."""
    hedged: NDArray[np.bool_]
    """Whether the block's parcels have hedges rather than tracks."""

    def draw(self, salt: int) -> Array:
        """A uniform number 0..1 for each parcel."""
        h = self.bits * np.uint32((2 * salt + 1) & 0xFFFFFFFF)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x2C1B3C6D)
        h ^= h >> np.uint32(13)
        return h.astype(np.float32) * np.float32(2.0**-32)


def blocks(window: Window, level: int) -> list[tuple[int, int]]:
    """Row and column of the blocks that a window touches."""
    r0, r1, c0, c1 = window.box(level, 0)
    return [(r, c) for r in range(r0, r1) for c in range(c0, c1)]


def block_middles(window: Window, level: int) -> NDArray[np.float64]:
    """Easting and northing (m) of their middles, (blocks, 2)."""
    side = 10 << level
    return np.array([((c + 0.5) * side, -(r + 0.5) * side) for r, c in blocks(window, level)])


def _pieces(window: Window, level: int) -> Iterator[tuple[int, tuple[int, int], tuple[slice, slice], Array, Array]]:
    """For each block: its number, row and column, its slice of the window, pixel rows and columns from its corner."""
    for i, (r, c) in enumerate(blocks(window, level)):
        top, left = max(window.row, r << level), max(window.col, c << level)
        bottom = min(window.row + window.rows, (r + 1) << level)
        right = min(window.col + window.cols, (c + 1) << level)
        where = np.s_[top - window.row : bottom - window.row, left - window.col : right - window.col]
        y = np.arange(top - (r << level), bottom - (r << level), dtype=np.float32)[:, None]
        x = np.arange(left - (c << level), right - (c << level), dtype=np.float32)[None, :]
        yield i, (r, c), where, y, x


def parcels(seed: int, window: Window, land: Land, *, streets: bool = False) -> Parcels:
    """The parcels (or street blocks) of a window; ``land``: the places at `block_middles`."""
    shape = (window.rows, window.cols)
    bits, edge = np.zeros(shape, np.uint32), np.zeros(shape, np.float32)
    pivot, hedged = np.ones(shape, bool), np.zeros(shape, bool)
    salt = key(seed, "streets" if streets else "parcels", window.zone)
    for i, (r, c), where, y, x in _pieces(window, PARCEL_BLOCK):
        angle, long, size, hedge, round_ = (float(uniform(salt + k, r, c)[0]) for k in range(5))
        theta = np.radians(60.0 * angle - 30.0)
        width = np.float32((_STREET_PX if streets else _PARCEL_PX[land.zone[i]]) * np.exp(1.0 * size - 0.5))
        pivots = not streets and land.zone[i] == ARID and round_ < 0.5
        height = width * np.float32(1.0 if pivots else 1.0 + 2.2 * long)
        along = (x * np.float32(np.cos(theta)) + y * np.float32(np.sin(theta))) / width
        across = (y * np.float32(np.cos(theta)) - x * np.float32(np.sin(theta))) / height
        line = np.floor(across)
        # Each row of parcels starts at a place of its own.
        rows = line.astype(np.int64) + 512
        starts = uniform(salt + 7, np.arange(2048), r, c).astype(np.float32)
        if not pivots:
            along = along + starts[np.clip(rows, 0, 2047)]
        column = np.floor(along)
        u, v = along - column, across - line
        number = column.astype(np.int64) * 4096 + rows
        bits[where] = hash_ints(salt + 11 + 31 * (r % 1024) + 37 * (c % 1024), number)
        edge[where] = np.minimum(np.minimum(u, 1 - u) * width, np.minimum(v, 1 - v) * height)
        if pivots:
            pivot[where] = (u - 0.5) ** 2 + (v - 0.5) ** 2 < 0.23
        hedged[where] = hedge < 0.45
    return Parcels(bits, edge, pivot, hedged)


def dunes(seed: int, window: Window, warp: Array) -> tuple[Array, Array, Array]:
    """Height (-1..1) of dunes and its slope east and south per pixel. ``warp``: noise that bends the crests."""
    shape = (window.rows, window.cols)
    height, east, south = (np.zeros(shape, np.float32) for _ in range(3))
    salt = key(seed, "dunes", window.zone)
    for _, (r, c), where, y, x in _pieces(window, DUNE_BLOCK):
        angle, length = (float(uniform(salt + k, r, c)[0]) for k in range(2))
        theta = np.pi * angle
        wave = np.float32(2 * np.pi / (11.0 * np.exp(1.3 * length)))
        cos, sin = np.float32(np.cos(theta)), np.float32(np.sin(theta))
        phase = (x * cos + y * sin) * wave + np.float32(2.6) * warp[where]
        # A second harmonic makes the lee side steeper than the windward one.
        height[where] = 0.8 * np.sin(phase) + 0.3 * np.sin(2 * phase + 0.9)
        steep = 0.8 * np.cos(phase) + 0.6 * np.cos(2 * phase + 0.9)
        east[where], south[where] = steep * cos, steep * sin
    return height, east, south
