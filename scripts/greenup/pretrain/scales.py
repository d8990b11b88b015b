"""Input scales: what is taken off stored values, and what they are divided by, before a network sees them.

Those of released weights are what their authors' code does to the pixels, not what others say of them: the SSL4Eco code
divides stored values by 255 (the OpenCV ``ToTensor`` it uses does so to every image above 1), where TorchGeo's
transforms for the same weights divide by 10 000. SatMAE, CROMA, Satlas and DOFA are fed as SSL4Eco's evaluation feeds
them (its downstream_tasks/test_modules), whose numbers `greenup.pretrain.constants` traces to their authors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from greenup.bands import BANDS
from greenup.config.models import InputScale
from greenup.errors import UserError
from greenup.pretrain.constants import (
    BIGEARTHNET,
    DOFA_8BIT,
    DOFA_TOP,
    FMOW,
    IMAGENET,
    SATLAS_TOP,
    SECO_QUANTILES,
    SSL4EO_L1C,
    SSL4EO_S1,
    Spread,
)


@dataclass(frozen=True)
class Scale:
    """``(x - mean) / std`` a channel, on stored values that were first cut to ``low``..``high`` and rounded down to
    ``levels`` steps between the two (0: not rounded); None: neither cut nor rounded. With ``steps`` the result is cut
    to 0..1 and rounded down to so many steps: values that were stored in 8 bits twice."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    levels: tuple[int, ...] | None = None
    steps: int | None = None


def scale_of(name: InputScale, channels: Sequence[str], statistics: Mapping[str, Any] | None, where: str) -> Scale:
    """The constants of a scale for some channels, in stored units.

    - ``standardise``: mean and deviation of the dataset, from its ``statistics`` (statistics.json).
    - ``reflectance``: 0 and 10 000, what the band registry says the number means. Backscatter has no reflectance: the
      network would see dB, numbers of -30 .. 0 where reflectance gives 0 .. 1.
    - ``published_255``: 0 and 255 (SSL4Eco). Of Sentinel-2 only.
    - ``reflectance_8bit``: cut to reflectances 0..1, in 255 steps (SSL4EO-S12, whose code lets larger ones
      wrap around).
    - ``rgb_quantiles_imagenet``: red, green and blue in 8 bits, stretched between quantiles, then ImageNet's mean and
      deviation (SeCo).
    - ``two_sigma``: mean -+ 2 deviations of SSL4EO-S12 to 0..1, in 255 steps (its radar, and its compressed release).
    - ``two_sigma_bigearthnet``, ``two_sigma_fmow``: the same of BigEarthNet (SeCo, as SSL4Eco feeds it) and of
      fMoW-Sentinel (SatMAE; CROMA, as SSL4Eco feeds it).
    - ``satlas``: red, green and blue cut to reflectances 0..1 in 255 steps, other bands to 0..0.816, made 0..1.
    - ``dofa``: red, green and blue cut to reflectances 0..0.25, other bands to 0..0.816, in 255 steps; then their mean
      -+ 2 deviations to 0..1, in 255 steps again.

    Raises `UserError` naming ``where`` for a channel that the scale has no constants for, and for statistics that lack
    one or cannot be divided by.
    """
    n = len(channels)
    if name == "reflectance":
        bands = [BANDS[c] for c in channels]
        return Scale(tuple(-b.offset * b.scale for b in bands), tuple(float(b.scale) for b in bands))
    if name in ("published_255", "reflectance_8bit"):
        if radar := [c for c in channels if BANDS[c].kind == "backscatter"]:
            raise UserError(
                f"{where}: {name} is a scale of Sentinel-2; {radar[0]!r} is backscatter",
                "write input_scale: standardise",
            )
        if name == "published_255":
            return Scale((0.0,) * n, (255.0,) * n)
        return Scale((0.0,) * n, (1e4,) * n, (0.0,) * n, (1e4,) * n, (255,) * n)
    if name == "rgb_quantiles_imagenet":
        _known(name, channels, SECO_QUANTILES, where)
        low = np.array([SECO_QUANTILES[c][0] for c in channels]) * 1e4 / 255
        high = np.array([SECO_QUANTILES[c][1] for c in channels]) * 1e4 / 255
        mean, std = np.array([IMAGENET[c] for c in channels]).T
        levels = tuple(int(SECO_QUANTILES[c][1] - SECO_QUANTILES[c][0]) for c in channels)
        return _scale(low + mean * (high - low), std * (high - low), low, high, levels)
    if name in _TWO_SIGMA:
        _known(name, channels, _TWO_SIGMA[name], where)
        mean, std = np.array([_TWO_SIGMA[name][c] for c in channels]).T
        return _scale(mean - 2 * std, 4 * std, mean - 2 * std, mean + 2 * std, (255,) * n)
    if name == "satlas":
        _known(name, channels, SATLAS_TOP, where)
        top = np.array([SATLAS_TOP[c] for c in channels])
        levels = tuple(255 if c in ("B4", "B3", "B2") else 0 for c in channels)
        return _scale(0 * top, top, 0 * top, top, levels)
    if name == "dofa":
        _known(name, channels, DOFA_8BIT, where)
        step = np.array([DOFA_TOP[c] for c in channels]) / 255
        mean, std = np.array([DOFA_8BIT[c] for c in channels]).T
        once = _scale((mean - 2 * std) * step, 4 * std * step, 0 * step, 255 * step, (255,) * n)
        return replace(once, steps=255)
    return _standardise(channels, statistics or {}, where)


def _standardise(channels: Sequence[str], statistics: Mapping[str, Any], where: str) -> Scale:
    known = statistics.get("channels", {})
    for channel in channels:
        if channel not in known:
            raise UserError(
                f"statistics.json: channels: {channel!r} is missing (there are {', '.join(known)})",
                f"add {channel!r} to the dataset's patches.bands, or leave it out of the model",
            )
        if not (np.isfinite(known[channel]["std"]) and known[channel]["std"] > 0):
            raise UserError(
                f"statistics.json: channels.{channel}.std is {known[channel]['std']}: every image is the same",
                "look at the dataset's quality report, or leave the channel out of the model",
            )
    return Scale(tuple(float(known[c]["mean"]) for c in channels), tuple(float(known[c]["std"]) for c in channels))


def _known(name: str, channels: Sequence[str], known: Mapping[str, Any], where: str) -> None:
    for channel in channels:
        if channel not in known:
            raise UserError(
                f"{where}: {name} is known for {', '.join(known)}, not for {channel!r}",
                "write input_scale: standardise",
            )


def _stored(channel: str, mean: float, std: float) -> tuple[float, float]:
    """Mean and deviation in physical units as stored ones."""
    band = BANDS[channel]
    return (mean - band.offset) * band.scale, std * band.scale


_TWO_SIGMA: dict[str, Spread] = {
    "two_sigma": {**SSL4EO_L1C, **{c: _stored(c, *v) for c, v in SSL4EO_S1.items()}},
    "two_sigma_bigearthnet": BIGEARTHNET,
    "two_sigma_fmow": FMOW,
}


def _scale(mean: np.ndarray, std: np.ndarray, low: np.ndarray, high: np.ndarray, levels: tuple[int, ...]) -> Scale:
    return Scale(*(tuple(map(float, v)) for v in (mean, std, low, high)), levels)
