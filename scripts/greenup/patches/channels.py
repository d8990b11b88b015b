"""From bands and masks as stored to the channels somebody asks for, on the 10 m grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from greenup.bands import BANDS, check_bands, indices_of, masks_of
from greenup.errors import UserError
from greenup.imagery.base import Pixels
from greenup.patches.form import Form
from greenup.patches.resample import bilinear_to_10m, index_of, nearest_to_10m


@dataclass(frozen=True)
class Part:
    """What channels take from one stored resolution. Numbers are places among the stored bands (``source``) and among
    the channels (``target``).

    ``copied``: (source, target) of what is taken as it is. ``masks``: (source, target, value where invalid), repeated.
    ``smooth``: (source, target) of what is interpolated. ``indices``: (name, target, source of each band it needs).
    ``counts``: whether an invalid pixel here makes the pixel of the image invalid.
    """

    native_m: int
    copied: tuple[tuple[int, int], ...]
    masks: tuple[tuple[int, int, int], ...]
    smooth: tuple[tuple[int, int], ...]
    indices: tuple[tuple[str, int, dict[str, int]], ...]
    counts: bool


@lru_cache(maxsize=64)
def parts_of(form: Form, channels: tuple[str, ...]) -> tuple[Part, ...]:
    """How channels are made of what a file of this form holds, finest resolution first.

    Raises `UserError` for a channel that does not exist, comes twice or is not stored.
    """
    check_bands(channels, "channels")
    known = (*form.bands, *indices_of(form.bands))
    for channel in channels:
        if channel not in known:
            raise UserError(f"channel {channel!r} is not stored", f"choose from {', '.join(known)}")
    masks = set(masks_of(channels))
    target = {name: i for i, name in enumerate(channels)}
    parts = []
    for m in form.resolutions_of(channels):
        source = {name: i for i, name in enumerate(form.bands_at(m))}
        here = [c for c in channels if c in source]
        bands = [(source[c], target[c]) for c in here if c not in masks]
        indices = tuple(
            (c, target[c], {band: source[band] for band in BANDS[c].needs})
            for c in channels
            if m == 10 and c not in form.bands
        )
        parts.append(
            Part(
                m,
                tuple(bands if m == 10 else ()),
                tuple((source[c], target[c], BANDS[c].unknown) for c in here if c in masks),
                tuple(bands if m > 10 else ()),
                indices,
                bool(bands or indices or masks == set(channels)),
            )
        )
    return tuple(parts)


def assemble(
    parts: tuple[Part, ...], count: int, size_px: int, pixels: Pixels, whole: frozenset[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Image (``count``, size_px, size_px) uint16 and validity (size_px, size_px) bool, of pixels as stored.

    ``whole``: the resolutions (m) at which all pixels are valid. Values on invalid ground are not yet set to 0.
    """
    image = np.empty((count, size_px, size_px), np.uint16)
    valid = np.ones((size_px, size_px), bool)
    for part in parts:
        factor, values, known = part.native_m // 10, pixels.values[part.native_m], pixels.valid[part.native_m]
        all_valid = part.native_m in whole
        if part.counts and not all_valid:
            valid &= nearest_to_10m(known, factor, size_px)
        for source, target in part.copied:
            image[target] = values[source]
        for source, target, unknown in part.masks:
            mask = values[source] if all_valid else np.where(known, values[source], np.uint16(unknown))
            image[target] = nearest_to_10m(mask, factor, size_px)
        if part.smooth:
            bands, planes = [values[s] for s, _ in part.smooth], [image[t] for _, t in part.smooth]
            bilinear_to_10m(bands, known, factor, size_px, planes, all_valid=all_valid)
        for name, target, sources in part.indices:
            image[target] = index_of(name, {band: values[s] for band, s in sources.items()})
    return image, valid
