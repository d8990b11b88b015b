"""Input scales: what is taken off stored values, and what they are divided by, before a network sees them.

Those of released weights are what their authors' code does to the pixels, not what others say of them: the SSL4Eco code
divides stored values by 255 (the OpenCV ``ToTensor`` it uses does so to every image above 1), where TorchGeo's
transforms for the same weights divide by 10 000.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from greenup.bands import BANDS
from greenup.config.learning import InputScale
from greenup.errors import UserError


@dataclass(frozen=True)
class Scale:
    """``(x - mean) / std`` a channel, on stored values that were first cut to ``low``..``high`` and rounded down to
    ``levels`` steps between the two; None: neither cut nor rounded."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    levels: tuple[int, ...] | None = None


# 2 % and 98 % quantiles of SeCo's 8-bit red, green and blue, from 3 000 images (its datasets/seco_dataset.py).
_SECO_QUANTILES = {"B2": (3, 88), "B3": (2, 103), "B4": (0, 129)}
_IMAGENET = {"B4": (0.485, 0.229), "B3": (0.456, 0.224), "B2": (0.406, 0.225)}

# Mean and standard deviation of 50 000 sites of SSL4EO-S12 (its datasets/SSL4EO/ssl4eo_dataset.py): DN, and dB.
_L1C = dict(
    zip(
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"),
        zip(
            (1605.6, 1390.8, 1314.9, 1363.5, 1549.4, 2091.7, 2371.7, 2299.9, 2560.3, 830.1, 22.1, 2177.1, 1524.1),
            (786.8, 850.3, 875.1, 1138.8, 1122.2, 1161.6, 1274.4, 1248.4, 1345.5, 577.3, 51.2, 1336.1, 1136.5),
            strict=True,
        ),
        strict=True,
    )
)
_S1 = {"VV": (-12.548, 5.257), "VH": (-20.192, 5.912)}


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
        _known(name, channels, _SECO_QUANTILES, where)
        low = np.array([_SECO_QUANTILES[c][0] for c in channels]) * 1e4 / 255
        high = np.array([_SECO_QUANTILES[c][1] for c in channels]) * 1e4 / 255
        mean, std = np.array([_IMAGENET[c] for c in channels]).T
        levels = tuple(_SECO_QUANTILES[c][1] - _SECO_QUANTILES[c][0] for c in channels)
        return _scale(low + mean * (high - low), std * (high - low), low, high, levels)
    if name == "two_sigma":
        known = {**_L1C, **{c: _stored(c, *v) for c, v in _S1.items()}}
        _known(name, channels, known, where)
        mean, std = np.array([known[c] for c in channels]).T
        return _scale(mean - 2 * std, 4 * std, mean - 2 * std, mean + 2 * std, (255,) * n)
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


def _scale(mean: np.ndarray, std: np.ndarray, low: np.ndarray, high: np.ndarray, levels: tuple[int, ...]) -> Scale:
    return Scale(*(tuple(map(float, v)) for v in (mean, std, low, high)), levels)
