"""From stored pixels to what a network sees: centre crop or resize, then scale. One definition for training and use."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from greenup.bands import check_bands, sources_of
from greenup.config import Model
from greenup.errors import UserError
from greenup.pretrain.scales import Scale, scale_of

log = logging.getLogger(__name__)

VIT_PX = 224
"""Side of the images of a vision transformer whose configuration names none."""

_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}

# Of a step: what float32 leaves below a whole number of steps that the stored integers reach exactly.
_SLACK = 1e-4


@dataclass(frozen=True)
class Preprocess:
    """A centre crop (or a resize up) to ``size_px``, then ``(x - mean) / std`` per channel on stored values.

    ``mean`` and ``std`` are in stored units (`greenup.bands.Band.stored_as`), and so are ``low`` and ``high``: where
    given, values are first cut to these and rounded down to ``levels`` steps between the two, what 8-bit pretraining
    data have gone through; 0 levels do not round. ``input_scale`` is the name of the choice that gave them
    (`greenup.pretrain.scales.scale_of`); with ``steps`` what comes out is cut to 0..1 and rounded down to so many
    steps. ``size_px`` None leaves the size alone. Images whose shorter side is below it are resized by OpenCV's
    ``interpolation`` (bilinear, bicubic) before they are scaled, those of all models alike; SSL4Eco's evaluation
    resizes SSL4EO-S12's and DOFA's only after they were scaled to 8 bits. Channels ``zero_when_missing`` are 0 at the
    network's input where images do not have them.
    """

    channels: tuple[str, ...]
    input_scale: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size_px: int | None = None
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    levels: tuple[int, ...] | None = None
    steps: int | None = None
    interpolation: str = "bilinear"
    zero_when_missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError(f"{len(self.channels)} channels, {len(self.mean)} means, {len(self.std)} deviations")
        if (self.low is None) != (self.high is None) or (self.levels is not None and self.low is None):
            raise ValueError("low and high stand together, and levels lie between them")
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(f"interpolation {self.interpolation!r}, none of {', '.join(_INTERPOLATIONS)}")
        for name in ("low", "high", "levels"):
            if (value := getattr(self, name)) is not None and len(value) != len(self.channels):
                raise ValueError(f"{len(self.channels)} channels, {len(value)} values of {name}")

    @classmethod
    def from_model(cls, model: Model, statistics: Mapping[str, Any] | None) -> Preprocess:
        """What this model's configuration and its dataset's statistics.json ask for.

        ``statistics`` are read for scale standardise alone. A vision transformer takes images of the size of its views
        where the configuration names none, because its side must be whole patches.

        Raises `UserError` for a channel that is a mask, when the scaling does not fit the channels, and when the
        statistics lack a channel or hold a deviation that cannot be divided by.
        """
        check_bands(model.channels, "channels", masks=False)
        scale = scale_of(model.input_scale, model.channels, statistics, _place(model))
        size = model.size_px
        if size is None and model.backbone.startswith("vit"):
            size = getattr(model.method, "crop_px", VIT_PX)
        made = cls.of_scale(tuple(model.channels), model.input_scale, scale, size)
        return replace(made, interpolation=model.interpolation, zero_when_missing=tuple(model.zero_when_missing))

    @classmethod
    def of_scale(cls, channels: tuple[str, ...], name: str, scale: Scale, size_px: int | None) -> Preprocess:
        return cls(channels, name, scale.mean, scale.std, size_px, scale.low, scale.high, scale.levels, scale.steps)

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
        known = _constants(self, x.device)
        if known.low is not None:
            x = torch.minimum(torch.maximum(x, known.low), known.high)
        if known.levels is not None:
            # Multiplied before it is divided: whole steps of whole numbers stay whole.
            steps = (x - known.low).mul_(known.levels).div_(known.high - known.low).add_(_SLACK).floor_()
            rounded = steps.mul_(known.high - known.low).div_(known.levels.clamp(min=1)).add_(known.low)
            x = torch.where(known.levels > 0, rounded, x) if 0 in self.levels else rounded
        x = (x - known.mean).div_(known.std)
        if self.steps is not None:
            x = x.clamp_(0, 1).mul_(self.steps).add_(_SLACK).floor_().div_(self.steps)
        return x

    def channels_of(self, available: Collection[str], where: str) -> tuple[str, ...]:
        """The channels to read of images that have these: all, less those that are 0 where they are missing.

        Of an index the bands that it is computed of must be there. ``where`` is named in the `UserError` for a channel
        that the images lack.
        """
        lacking = [c for c in self.channels if not set(sources_of([c])) <= set(available)]
        if needed := [c for c in lacking if c not in self.zero_when_missing]:
            raise UserError(
                f"{where}: the images have no channel {needed[0]!r}, which the model needs",
                "take images that have it, or leave it out of the model's channels",
            )
        if lacking:
            log.warning("%s: the images have no %s, which the network sees as 0", where, ", ".join(lacking))
        return tuple(c for c in self.channels if c not in lacking)

    def __call__(self, pixels: np.ndarray, channels: tuple[str, ...] | None = None) -> torch.Tensor:
        """One image of stored values (C, H, W), uint16 -> float32 tensor (C, S, S), S = ``size_px``.

        ``channels`` names the channels of ``pixels`` where some of ``zero_when_missing`` are left out (`channels_of`);
        the tensor has them all.
        """
        given = self.channels if channels is None else channels
        if pixels.ndim != 3 or len(pixels) != len(given):
            raise ValueError(f"an image of shape {pixels.shape} does not have the {len(given)} channels")
        if given == self.channels:
            return self._seen(pixels)
        if not set(self.channels) - set(self.zero_when_missing) <= set(given) <= set(self.channels):
            raise ValueError(f"channels {given} do not make {self.channels}")
        there = [self.channels.index(c) for c in given]
        whole = np.zeros((len(self.channels), *pixels.shape[1:]), pixels.dtype)
        whole[there] = pixels
        seen = self._seen(whole)
        # Zero is what the network sees, whatever a stored zero would become.
        seen[[i for i in range(len(self.channels)) if i not in there]] = 0
        return seen

    def _seen(self, pixels: np.ndarray) -> torch.Tensor:
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
            kind = _INTERPOLATIONS[self.interpolation]
            pixels = np.stack([cv2.resize(p, (width, height), interpolation=kind) for p in planes])
        top, left = (height - size) // 2, (width - size) // 2
        return pixels[:, top : top + size, left : left + size]


class _Constants(NamedTuple):
    """The numbers of a `Preprocess` as tensors (C, 1, 1)."""

    mean: torch.Tensor
    std: torch.Tensor
    low: torch.Tensor | None
    high: torch.Tensor | None
    levels: torch.Tensor | None


@lru_cache(maxsize=32)
def _constants(preprocess: Preprocess, device: torch.device) -> _Constants:
    # Made once a device: a new tensor a call would be a copy to the device, which waits for it. Tensors of inference
    # mode could not be used in training afterwards.
    with torch.inference_mode(False):
        values = (getattr(preprocess, name) for name in _Constants._fields)
        return _Constants(
            *(v if v is None else torch.tensor(v, dtype=torch.float32, device=device).view(-1, 1, 1) for v in values)
        )


def _place(model: Model) -> str:
    return f"the model on {model.dataset}" if model.dataset else "the model"


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
