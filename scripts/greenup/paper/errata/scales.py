"""What networks are fed: TorchGeo's transforms beside the pretraining's, SeCo's scale, rounding before resizing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from greenup.paper.errata.row import SEED, Number, Samples
from greenup.randomness import generator

STORED = 3000.0
"""A reflectance of 0.3, as stored."""


def torchgeo_ssl4eco(samples: Samples) -> list[Number]:
    """What a stored 3 000 becomes by TorchGeo's transform of the weights SENTINEL2_ALL_NDVI_SECO_ECO, and by the
    pretraining's division by 255; and the factor between the two."""
    from torchgeo.models import ResNet50_Weights

    from greenup.pretrain.scales import scale_of

    fed = _through(ResNet50_Weights.SENTINEL2_ALL_NDVI_SECO_ECO.transforms, STORED, 9)
    scale = scale_of("published_255", ["B4"], None, "errata")
    right = (STORED - scale.mean[0]) / scale.std[0]
    return [
        Number("stored 3 000 as the network sees it", "input", fed, right),
        Number("pretraining's input / that of the transform", "times", right / fed, 1.0),
    ]


def torchgeo_seco(samples: Samples) -> list[Number]:
    """Range of a channel's input, from its 2 % to its 98 % quantile, by TorchGeo's transform of SENTINEL2_RGB_SECO and
    by SeCo's own stretch, division by 255 and ImageNet's mean and deviation: red, green and blue. And the quantiles (of
    255) between which the transform stretches red."""
    from torchgeo.models import ResNet50_Weights

    from greenup.pretrain.constants import IMAGENET, SECO_QUANTILES

    transform = ResNet50_Weights.SENTINEL2_RGB_SECO.transforms
    numbers = []
    for channel, (band, colour) in enumerate((("B4", "red"), ("B3", "green"), ("B2", "blue"))):
        low, high = SECO_QUANTILES[band]
        least, most = (_through(transform, value, 3, channel) for value in (low, high))
        numbers.append(
            Number(f"range of {colour}, as the network sees it", "input", most - least, 1 / IMAGENET[band][1])
        )
    slope = _through(transform, 101.0, 3, 0) - _through(transform, 100.0, 3, 0)
    width = 255 / (IMAGENET["B4"][1] * slope)
    low, high = SECO_QUANTILES["B4"]
    return [*numbers, Number("bytes between the quantiles of red", "of 255", width, float(high - low))]


def _through(transform: Callable[[Any], Any], value: float, channels: int, channel: int = 0) -> float:
    """An image of one value through a TorchGeo transform: one channel of the middle pixel."""
    import torch

    out = transform(torch.full((1, channels, 256, 256), float(value)))
    return float(out[0, channel, out.shape[-2] // 2, out.shape[-1] // 2])


def seco_as_ssl4eco_feeds_it(samples: Samples) -> list[Number]:
    """What three stored values of red become by the scale with which SSL4Eco feeds SeCo, and by that of SeCo's
    pretraining: the weights seco_resnet50_1m_in_ssl4eco and seco_resnet50_1m of this project."""
    from greenup.pretrain.scales import scale_of

    numbers = []
    for stored, written in ((300.0, "300"), (1000.0, "1 000"), (3000.0, "3 000")):
        fed = []
        for name in ("two_sigma_bigearthnet", "rgb_quantiles_imagenet"):
            scale = scale_of(name, ["B4"], None, "errata")
            value = np.clip(stored, scale.low[0], scale.high[0])
            fed.append(float((value - scale.mean[0]) / scale.std[0]))
        numbers.append(Number(f"red {written} as the network sees it", "input", *fed))
    return numbers


def rounded_before_resizing(samples: Samples) -> list[Number]:
    """Largest and mean difference (steps of 255) of an image of 32 px, resized to 224 by bicubic interpolation, that
    was rounded down to 8 bits before, from one that is resized first. A smooth invented texture."""
    import cv2

    rng = generator(SEED, "errata", "8 bits")
    texture = cv2.resize(rng.uniform(0, 0.3, (9, 9)).astype(np.float32), (32, 32), interpolation=cv2.INTER_CUBIC)
    values = np.clip(texture, 0, 1) * 255

    def resized(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image.astype(np.float32), (224, 224), interpolation=cv2.INTER_CUBIC)

    apart = np.abs(resized(np.floor(values)) - resized(values))
    return [
        Number("mean difference", "steps of 255", float(apart.mean()), 0.0),
        Number("largest difference", "steps of 255", float(apart.max()), 0.0),
    ]
