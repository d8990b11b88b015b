"""Views of a site for seasonal contrast: which dates, which crops, which colours. NumPy and OpenCV, any channels.

Images are planar stored values, uint16 (C, H, W): reflectance x 10 000, NDVI x 10 000, backscatter (dB + 80) x 500.
Colours change in these units, before the network's scaling, as in the released code. That code works on integers that
wrap around (brightness 1.4 on 200 of 255 gives 24); here all is computed in float32 and clipped to what uint16 holds,
0..65535.

The released code augments the whole image and crops it afterwards. Here the crop comes first, since colours then change
on a fraction of the pixels. Brightness, grey and flip give the same either way; contrast pivots on the mean of the crop
instead of the image's; the blur's sigma, drawn in pixels of the image, is multiplied by the crop's zoom.

Backscatter is stored as a logarithm with an arbitrary zero, of which a factor would be no brightness: 1.4 x (dB + 80)
is 27 dB more at -12 dB. There the factor is that of the power, hence a shift of 10 log10(factor) dB, -2.2 .. +1.5 dB.
Contrast, which turns on the mean, blur and resizing work on dB as they stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from greenup.bands import BANDS

_HIGHEST = float(np.iinfo(np.uint16).max)


@dataclass(frozen=True)
class Window:
    """A rectangle of an image, pixels."""

    top: int
    left: int
    height: int
    width: int


def draw_dates(images: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Which of a site's ``images`` play t0, t1, t2: without replacement, so that seasons really differ.

    Three or more: three distinct ones. Two: t1 = t2 = the one that t0 is not. One: the same thrice. (SeCo draws with
    replacement; SSL4Eco, appendix A-2, mends it.)
    """
    if images < 1:
        raise ValueError("a site without images")
    order = rng.permutation(images)
    return int(order[0]), int(order[1 % images]), int(order[2 if images > 2 else images - 1])


def draw_window(height: int, width: int, scale: tuple[float, float], rng: np.random.Generator) -> Window:
    """A random crop window: its share of the area uniform in ``scale``, its aspect log-uniform in 3/4..4/3.

    torchvision's ``RandomResizedCrop``: ten attempts, then the largest centred window of allowed aspect.
    """
    for _ in range(10):
        area = height * width * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return Window(int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w)
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return Window((height - h) // 2, (width - w) // 2, h, w)


def resized_crop(image: np.ndarray, window: Window, size: int) -> np.ndarray:
    """The window of an image (C, H, W), resized bilinearly: float32 (C, size, size)."""
    part = image[:, window.top : window.top + window.height, window.left : window.left + window.width]
    out = np.empty((len(image), size, size), np.float32)
    for target, plane in zip(out, part.astype(np.float32), strict=True):
        cv2.resize(plane, (size, size), dst=target, interpolation=cv2.INTER_LINEAR)
    return out


def decibel_steps(channels: Sequence[str]) -> np.ndarray:
    """Stored units a dB of each channel, float32 (C,): 0 for what is not backscatter."""
    return np.array([BANDS[c].scale if BANDS[c].kind == "backscatter" else 0.0 for c in channels], np.float32)


def augment(
    view: np.ndarray,
    rng: np.random.Generator,
    zoom: tuple[float, float] = (1.0, 1.0),
    decibels: np.ndarray | None = None,
) -> np.ndarray:
    """Artificial changes of a view, float32 (C, H, W) in stored units; returns the same, within 0..65535.

    Brightness and contrast by factors U[0.6, 1.4], together with probability 0.8; all channels replaced by their mean,
    0.2; Gaussian blur of sigma U[0.1, 2] image pixels, 0.5; mirrored left to right, 0.5 (SSL4Eco, appendix A-2).
    ``zoom`` is the view's pixels per image pixel (vertical, horizontal); ``decibels`` comes from `decibel_steps`, None
    for images without backscatter.
    """
    if rng.random() < 0.8:
        brightness, contrast = rng.uniform(0.6, 1.4, size=2)
        view = np.clip(_brighten(view, brightness, decibels), 0, _HIGHEST)
        mean = view.mean(axis=(1, 2), keepdims=True)
        view = np.clip((view - mean) * np.float32(contrast) + mean, 0, _HIGHEST)
    if rng.random() < 0.2:
        view = np.broadcast_to(view.mean(axis=0, keepdims=True), view.shape)
    if rng.random() < 0.5:
        sigma = rng.uniform(0.1, 2.0)
        down, across = sigma * zoom[0], sigma * zoom[1]
        view = np.stack([cv2.GaussianBlur(np.ascontiguousarray(p), (0, 0), across, sigmaY=down) for p in view])
    if rng.random() < 0.5:
        view = view[:, :, ::-1]
    return view


def _brighten(view: np.ndarray, factor: float, decibels: np.ndarray | None) -> np.ndarray:
    """``factor`` times the light: times the stored value, and plus its dB where values are dB."""
    if decibels is None or not decibels.any():
        return view * np.float32(factor)
    times = np.where(decibels == 0, np.float32(factor), np.float32(1.0))
    plus = decibels * np.float32(10.0 * math.log10(factor))
    return view * times[:, None, None] + plus[:, None, None]


def seco_views(
    images: Sequence[np.ndarray],
    size: int,
    scale: tuple[float, float],
    rng: np.random.Generator,
    decibels: np.ndarray | None = None,
) -> np.ndarray:
    """The query and the three keys of one site (SeCo 2021, section 3.2), from its images at t0, t1, t2.

    q = crop(t0); k0 = crop(augmented t1), differing in season and artificially; k1 = crop(t2), in season only;
    k2 = crop(augmented t0), artificially only. Every view has its own random crop. ``images``: three uint16 arrays
    (C, H, W); ``decibels`` as in `augment`. Returns uint16 (4, C, size, size), rounded to stored units.
    """
    t0, t1, t2 = images
    views = np.empty((4, len(t0), size, size), np.uint16)
    for out, (image, artificial) in zip(views, ((t0, False), (t1, True), (t2, False), (t0, True)), strict=True):
        window = draw_window(*image.shape[1:], scale, rng)
        view = resized_crop(image, window, size)
        if artificial:
            view = augment(view, rng, (size / window.height, size / window.width), decibels)
        out[...] = np.clip(np.rint(view), 0, _HIGHEST)
    return views
