"""From stored pixels to what a network sees: scale, then centre crop or resize. One definition for training and use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch

from greenup.bands import BANDS, check_bands
from greenup.config import Model
from greenup.errors import UserError


@dataclass(frozen=True)
class Preprocess:
    """``(x - mean) / std`` per channel on stored values, then a centre crop (or a bilinear resize up) to ``size_px``.

    ``mean`` and ``std`` are in stored units (`greenup.bands.Band.stored_as`). ``input_scale`` is the name of the choice
    that gave them:

    - ``standardise``: of the dataset, channel by channel; for reflectance and dB alike.
    - ``reflectance``: 0 and 10 000, what the band registry says the number means. Backscatter has no reflectance: the
      network would see dB, numbers of -30 .. 0 where reflectance gives 0 .. 1.
    - ``published_255``: 0 and 255: the released SSL4Eco code divides stored values by 255, since the OpenCV
      ``ToTensor`` it uses does so to every image above 1. Of Sentinel-2 only; refused for backscatter.

    ``size_px`` None leaves the size alone.
    """

    channels: tuple[str, ...]
    input_scale: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size_px: int | None = None

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError(f"{len(self.channels)} channels, {len(self.mean)} means, {len(self.std)} deviations")

    @classmethod
    def from_model(cls, model: Model, statistics: Mapping[str, Any]) -> Preprocess:
        """What this model's configuration and its dataset's statistics.json ask for.

        Raises `UserError` for a channel that is a mask, when the scaling does not fit the channels, and when the
        statistics lack a channel or hold a deviation that cannot be divided by.
        """
        check_bands(model.channels, "channels", masks=False)
        n = len(model.channels)
        if model.input_scale == "published_255":
            if radar := [c for c in model.channels if BANDS[c].kind == "backscatter"]:
                raise UserError(
                    f"input_scale: published_255 is how SSL4Eco's code scales Sentinel-2; {radar[0]!r} is backscatter",
                    "write input_scale: standardise",
                )
            mean, std = [0.0] * n, [255.0] * n
        elif model.input_scale == "reflectance":
            bands = [BANDS[c] for c in model.channels]
            mean, std = [-b.offset * b.scale for b in bands], [float(b.scale) for b in bands]
        else:
            known = statistics["channels"]
            for channel in model.channels:
                if channel not in known:
                    raise UserError(
                        f"statistics.json: channels: {channel!r} is missing (there are {', '.join(known)})",
                        f"add {channel!r} to datasets.{model.dataset}.patches.bands, or leave it out of the model",
                    )
                if not (np.isfinite(known[channel]["std"]) and known[channel]["std"] > 0):
                    raise UserError(
                        f"statistics.json: channels.{channel}.std is {known[channel]['std']}: every image is the same",
                        "look at the dataset's quality report, or leave the channel out of the model",
                    )
            mean = [float(known[c]["mean"]) for c in model.channels]
            std = [float(known[c]["std"]) for c in model.channels]
        return cls(tuple(model.channels), model.input_scale, tuple(mean), tuple(std), model.size_px)

    def to_json(self) -> dict[str, Any]:
        """JSON-able values; `from_json` gives back an equal object."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Preprocess:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})

    def scale(self, pixels: torch.Tensor) -> torch.Tensor:
        """Stored values (..., C, H, W) of any type -> float32 of the same shape, on the same device.

        A batch (N, C, H, W) comes back in channels-last memory, which is what convolutions are fastest on.
        """
        layout = torch.channels_last if pixels.ndim == 4 else torch.contiguous_format
        x = pixels.to(torch.float32, memory_format=layout)
        mean = torch.tensor(self.mean, device=x.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=x.device).view(-1, 1, 1)
        return (x - mean) / std

    def __call__(self, pixels: np.ndarray) -> torch.Tensor:
        """One image of stored values (C, H, W), uint16 -> float32 tensor (C, S, S), S = ``size_px``."""
        if pixels.ndim != 3 or len(pixels) != len(self.channels):
            raise ValueError(f"an image of shape {pixels.shape} does not have the {len(self.channels)} channels")
        return self.scale(torch.from_numpy(np.ascontiguousarray(self._fit(pixels), dtype=np.float32)))

    def _fit(self, pixels: np.ndarray) -> np.ndarray:
        size = self.size_px
        if size is None or pixels.shape[1:] == (size, size):
            return pixels
        _, height, width = pixels.shape
        if min(height, width) < size:
            zoom = size / min(height, width)
            height, width = max(size, round(height * zoom)), max(size, round(width * zoom))
            planes = pixels.astype(np.float32)
            pixels = np.stack([cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in planes])
        top, left = (height - size) // 2, (width - size) // 2
        return pixels[:, top : top + size, left : left + size]


def fill_invalid(pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Give pixels without data the mean of the image's valid ones, channel by channel.

    ``pixels`` uint16 (C, H, W), ``valid`` bool (H, W); returns ``pixels`` itself when all are valid. A network has no
    notion of nodata; the image's own mean is what least looks like a border or a shadow.
    """
    if valid.all():
        return pixels
    if not valid.any():
        raise ValueError("an image without one valid pixel")
    mean = pixels[:, valid].mean(axis=1)
    return np.where(valid, pixels, np.rint(mean)[:, None, None].astype(pixels.dtype))
