"""Artificial changes of a view: what is drawn of brightness, contrast, saturation, hue, grey, blur, mirroring and
solarisation, and how a view is painted with it.

Images are planar stored values, uint16 (C, H, W): reflectance x 10 000, NDVI and EVI x 10 000, backscatter (dB + 80) x
500. Colours change in these units, before the network's scaling, as in the released code. That code works on integers
that wrap around (`greenup.pretrain.views.wrap`); here all is computed in float32 and clipped to what uint16 holds.

What a channel is decides what light does to it:

- Reflectance is multiplied by the brightness.
- Backscatter is stored as a logarithm with an arbitrary zero, of which a factor would be no brightness: 1.4 x (dB + 80)
  is 27 dB more at -12 dB. There the factor is that of the power, hence a shift of 10 log10(factor) dB, -2.2 .. +1.5 dB.
- NDVI and EVI are ratios, which no light changes: brightness and contrast leave them alone, unless they are told to
  take an index for a reflectance, as the released code does.

Grey, blur, mirroring and solarisation are of all channels alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from greenup.bands import BANDS, RGB
from greenup.config.methods import Colours
from greenup.errors import UserError
from greenup.pretrain.views.crops import Window, cut, resized, with_margin

HIGHEST = float(np.iinfo(np.uint16).max)

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (ITU-R BT.601), as in PIL and torchvision."""

RANGES = {"reflectance": (0.0, 10_000.0), "index": (0.0, 10_000.0), "backscatter": (25_000.0, 40_000.0)}
"""The range within which solarisation inverts, in stored values: reflectance 0..1, index 0..1, -30..0 dB. The first two
are those of the released code (128 of 255); nobody has solarised backscatter."""


@dataclass(frozen=True)
class Change:
    """What is drawn for one view, the same for all its channels; the defaults change nothing.

    ``brightness``, ``contrast``, ``saturation``: factors. ``hue``: turns. ``order``: that of these four, by number.
    ``sigma``: of the blur, pixels of the image; 0 for none.
    """

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    order: tuple[int, ...] = (0, 1, 2, 3)
    grey: bool = False
    sigma: float = 0.0
    flip: bool = False
    solarize: bool = False

    @property
    def recolours(self) -> bool:
        """Whether there is more to do than to cut, resize, mirror and solarise."""
        factors = (self.brightness, self.contrast, self.saturation, self.hue)
        return factors != (1.0, 1.0, 1.0, 0.0) or self.grey or self.sigma > 0


PLAIN = Change()
"""No change at all."""


def draw_change(colours: Colours, rng: np.random.Generator) -> Change:
    """The artificial changes of one view.

    Brightness and contrast by factors U[1 - b, 1 + b], together with probability ``jitter``, brightness first (SSL4Eco,
    appendix A-2). Where saturation or hue are asked for they belong to the same draw, and the four come in random
    order, as in torchvision's ``ColorJitter``, which SeCo uses.
    """
    brightness = contrast = saturation = 1.0
    hue, order = 0.0, PLAIN.order
    if rng.random() < colours.jitter:
        either = rng.uniform(-1, 1, size=2).tolist()
        brightness, contrast = 1 + colours.brightness * either[0], 1 + colours.contrast * either[1]
        if colours.saturation or colours.hue:
            either = rng.uniform(-1, 1, size=2).tolist()
            saturation, hue = 1 + colours.saturation * either[0], colours.hue * either[1]
            order = tuple(rng.permutation(4).tolist())
    grey = rng.random() < colours.grey
    sigma = rng.uniform(*colours.sigma) if rng.random() < colours.blur else 0.0
    flip = rng.random() < colours.flip
    # Nothing is drawn where nothing is ever solarised: DINO's colours then leave the other methods' draws as they are.
    solarize = colours.solarize > 0 and rng.random() < colours.solarize
    return Change(brightness, contrast, saturation, hue, order, grey, sigma, flip, solarize)


class Painter:
    """Cuts views out of images of these channels and changes them.

    ``colours``: all that a method may draw. With saturation or hue among them an image is a photograph of red, green
    and blue, as SeCo's: contrast turns about its mean luminance, and grey is luminance. Else channels may be any:
    contrast turns about each channel's own mean in the window, and grey is the mean of all channels (SSL4EO-S12,
    SSL4Eco). ``index_as_reflectance`` and ``solarize_below`` reproduce the released code.

    Raises `UserError` for saturation or hue of other channels than B4, B3, B2.
    """

    def __init__(
        self,
        channels: Sequence[str],
        colours: Sequence[Colours],
        *,
        index_as_reflectance: bool = False,
        solarize_below: bool = False,
    ) -> None:
        self.photograph = any(c.saturation or c.hue for c in colours)
        if self.photograph and tuple(channels) != RGB:
            raise UserError(
                f"method.colours: saturation and hue are of {', '.join(RGB)} alone, the channels are"
                f" {', '.join(channels)}",
                f"write colours: {{saturation: 0, hue: 0}}, or channels: [{', '.join(RGB)}]",
            )
        kinds = [BANDS[c].kind for c in channels]
        self.solarize_below = solarize_below
        self._lit = np.array([k == "reflectance" or (k == "index" and index_as_reflectance) for k in kinds])
        self._radar = np.array([k == "backscatter" for k in kinds])
        self._decibel = np.array([BANDS[c].scale for c in channels])
        self._ranges = [RANGES[k] for k in kinds]

    def paint(self, image: np.ndarray, window: Window, size: int, change: Change, out: np.ndarray) -> None:
        """The window of an image uint16 (C, H, W), changed and resized, into ``out``, uint16 (C, size, size).

        As if the whole image were changed and then cropped: the blur sees the pixels around the window. Only the means
        that contrast turns about are those of the window. Rounded once, at the end.
        """
        if change.recolours:
            recolour = self._photograph if self.photograph else self._bands
            recolour(image, window, size, change, out)
        else:
            for plane, target in zip(cut(image, window), out, strict=True):
                resized(plane, size, out=target)
        if change.solarize:
            for plane, (low, high) in zip(out, self._ranges, strict=True):
                solarize(plane, low, high, below=self.solarize_below)
        if change.flip:
            for plane in out:
                cv2.flip(plane, 1, dst=plane)

    def _bands(self, image: np.ndarray, window: Window, size: int, change: Change, out: np.ndarray) -> None:
        # Brightness, contrast and grey are affine, so that they commute with blur and resizing. They are therefore
        # done last, in the pass that rounds and clips, and a grey view is blurred and resized as one plane.
        around, inner = with_margin(window, image.shape[1:], blur_radius(change.sigma))
        times, plus = self._affine(image, window, change)
        if change.grey:
            part = cut(image, around).astype(np.float32)
            mixed = (times / len(part)).astype(np.float32) @ part.reshape(len(part), -1)
            plane = cut(blurred(mixed.reshape(part.shape[1:]), change.sigma), inner)
            _to_stored(resized(plane, size), 1.0, float(plus.mean()), out[0])
            out[1:] = out[0]
            return
        for plane, a, b, target in zip(cut(image, around), times.tolist(), plus.tolist(), out, strict=True):
            part = cut(blurred(plane.astype(np.float32), change.sigma), inner)
            _to_stored(resized(part, size), a, b, target)

    def _affine(self, image: np.ndarray, window: Window, change: Change) -> tuple[np.ndarray, np.ndarray]:
        """Factor and summand of each channel, float64 (C,): brightness, then contrast."""
        times = np.where(self._lit, change.brightness, 1.0)
        plus = np.where(self._radar, self._decibel * 10 * math.log10(change.brightness), 0.0)
        if change.contrast != 1:
            sums = np.array([cv2.sumElems(plane)[0] for plane in cut(image, window)])
            bright = times * sums / (window.height * window.width) + plus
            c = np.where(self._lit | self._radar, change.contrast, 1.0)
            times, plus = c * times, c * plus + (1 - c) * bright
        return times, plus

    def _photograph(self, image: np.ndarray, window: Window, size: int, change: Change, out: np.ndarray) -> None:
        around, inner = with_margin(window, image.shape[1:], blur_radius(change.sigma))
        picture = cv2.merge([plane.astype(np.float32) for plane in cut(image, around)])
        for number in change.order:
            picture = _JITTER[number](picture, inner, change)
        if change.grey:
            plane = cut(blurred(_luminance(picture), change.sigma), inner)
            _to_stored(resized(plane, size), 1.0, 0.0, out[0])
            out[1:] = out[0]
            return
        picture = _cut_picture(blurred(picture, change.sigma), inner)
        for plane, target in zip(cv2.split(resized(picture, size)), out, strict=True):
            _to_stored(plane, 1.0, 0.0, target)


def blur_radius(sigma: float) -> int:
    """Pixels on either side that a blur sees: three standard deviations, beyond which lies 0.3 % of a Gaussian."""
    return math.ceil(3 * sigma)


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W) or (H, W, 3); the border mirrors, its own pixel left out."""
    if sigma == 0:
        return picture
    side = 2 * blur_radius(sigma) + 1
    return cv2.GaussianBlur(picture, (side, side), sigma)


def solarize(plane: np.ndarray, low: float, high: float, *, below: bool) -> None:
    """Invert within ``low``..``high``, in place, what is from half of the range up; what is under it when ``below``."""
    half = (low + high) / 2
    turned = np.clip(low + high - plane.astype(np.float32), 0, HIGHEST).astype(plane.dtype)
    np.copyto(plane, turned, where=plane < half if below else plane >= half)


def _to_stored(plane: np.ndarray, times: float, plus: float, out: np.ndarray) -> None:
    """times x plane + plus, rounded and clipped to 0..65535, into ``out``, uint16."""
    cv2.addWeighted(plane, times, plane, 0.0, plus, dst=out, dtype=cv2.CV_16U)


# ------------------------------------------------------------------------------------------------------ photographs
# A picture is float32 (H, W, 3): red, green, blue. Each change is clipped to 0..65535, since a hue of negative light
# means nothing.
def _brighten(picture: np.ndarray, inner: Window, change: Change) -> np.ndarray:
    return picture if change.brightness == 1 else np.minimum(picture * np.float32(change.brightness), HIGHEST)


def _contrast(picture: np.ndarray, inner: Window, change: Change) -> np.ndarray:
    if change.contrast == 1:
        return picture
    mean = float(np.dot(cv2.mean(_cut_picture(picture, inner))[:3], LUMINANCE))
    turned = picture * np.float32(change.contrast) + np.float32((1 - change.contrast) * mean)
    return np.clip(turned, 0, HIGHEST, out=turned)


def _saturate(picture: np.ndarray, inner: Window, change: Change) -> np.ndarray:
    if change.saturation == 1:
        return picture
    towards_grey = change.saturation * np.eye(3) + (1 - change.saturation) * np.tile(LUMINANCE, (3, 1))
    turned = cv2.transform(picture, towards_grey)
    return np.clip(turned, 0, HIGHEST, out=turned)


def _turn_hue(picture: np.ndarray, inner: Window, change: Change) -> np.ndarray:
    if change.hue == 0:
        return picture
    hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
    # Up to two turns are understood by OpenCV, negative ones are not.
    hue += np.float32(360 * (change.hue % 1))
    turned = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)
    return np.clip(turned, 0, HIGHEST, out=turned)


_JITTER = (_brighten, _contrast, _saturate, _turn_hue)


def _luminance(picture: np.ndarray) -> np.ndarray:
    return cv2.transform(picture, LUMINANCE[None])


def _cut_picture(picture: np.ndarray, window: Window) -> np.ndarray:
    return picture[window.top : window.top + window.height, window.left : window.left + window.width]
