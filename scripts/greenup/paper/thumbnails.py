"""Small pictures of images for the map of sites: those of the contact sheet, all with one stretch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image

from greenup.bands import BANDS
from greenup.paper.contact_sheet import View, views_of
from greenup.paper.fig2 import PatchReader
from greenup.paper.stretch import Stretch, hatched, stretch_of

SIDE = 96
"""Longest side of a thumbnail (pixels); smaller patches stay as they are."""

_QUALITY = 78  # of the JPEG: about 3 kB each


def thumbnails(index: pd.DataFrame, store: PatchReader, bands: Sequence[str]) -> tuple[str, dict[tuple[str, str], str]]:
    """What they show in words, and (site, season) -> JPEG in base64, of the images of an `INDEX` table.

    True colour where ``bands`` allow, else what the contact sheet shows first. Pixels without data are striped grey.
    """
    view = views_of(bands)[0][0]
    keys = sorted(zip(index["site_id"].astype(str), index["season"].astype(str), strict=True))
    read = {key: store.read(*key, view.channels) for key in keys}
    stretch = _stretch(view, list(read.values()))
    return view.title, {key: _jpeg(_rgb(view, *patch, stretch)) for key, patch in read.items()}


def _stretch(view: View, read: Sequence[tuple[np.ndarray, np.ndarray]]) -> Stretch:
    if view.kind == "index":
        return Stretch(0.0, BANDS[view.channels[0]].scale, 1.0)
    # As on the contact sheet: a few images under snow may be white, so that the others are not all dark.
    percent = (1, 95) if view.kind == "colour" else (1, 99)
    images, valid = zip(*read, strict=True)
    return stretch_of(images, valid, percent=percent, has_gamma=view.kind == "colour")


def _rgb(view: View, image: np.ndarray, valid: np.ndarray, stretch: Stretch) -> np.ndarray:
    """(height, width, 3) in 0..1."""
    values = stretch(image)
    if view.kind == "colour":
        return hatched(np.moveaxis(values, 0, -1), valid)
    colours = matplotlib.colormaps["YlGn" if view.kind == "index" else "gray"]
    return hatched(colours(values[0])[..., :3], valid)


def _jpeg(picture: np.ndarray) -> str:
    image = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=_QUALITY, optimize=True)
    return base64.b64encode(held.getvalue()).decode("ascii")
