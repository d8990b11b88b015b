"""Images for fine-tuning: random crops of stored pixels to train on, and images as when embedding to be judged by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from greenup.config import parse
from greenup.config.image_sets import ImageSet
from greenup.errors import UserError
from greenup.files import checksum, read_json
from greenup.pretrain.data import OpenStore, Store, open_patch_store, runs_of
from greenup.pretrain.loading import loader
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.pretrain.views.base import Read, SampleViews
from greenup.pretrain.views.crops import Window, cut, draw_window

BATCH = 64
"""Images judged together. Fixed, so that scores do not depend on the machine's settings."""

MEMORY = 512 * 2**20
"""Validation images up to so many bytes are kept between epochs."""


_INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Scaling:
    """A model's input scaling of images that have the channels ``given`` alone: the others, which the model's recipe
    fills with zeros (`Preprocess.zero_when_missing`), are 0 at its input."""

    preprocess: Preprocess
    given: tuple[str, ...]

    def scale(self, pixels: torch.Tensor) -> torch.Tensor:
        """Stored values (N, given, S, S), uint16 -> float32 (N, C, S, S), C the model's channels."""
        channels = self.preprocess.channels
        if self.given == channels:
            return self.preprocess.scale(pixels)
        there = [channels.index(c) for c in self.given]
        whole = torch.zeros(len(pixels), len(channels), *pixels.shape[2:], device=pixels.device)
        whole[:, there] = pixels.to(torch.float32)
        seen = self.preprocess.scale(whole)
        seen[:, [i for i in range(len(channels)) if i not in there]] = 0
        return seen


@dataclass(frozen=True)
class Crops:
    """One view an image: a crop, resized to ``size`` pixels, turned or mirrored; uint16, before any scaling.

    A `greenup.pretrain.views.base.ViewMaker`. OpenCV rounds and clips to what uint16 holds: nothing wraps around.
    ``scale`` (1, 1) gives the very frame that images are judged in.
    """

    size: int
    scale: tuple[float, float]
    flips: str
    interpolation: str = "bilinear"

    def __call__(self, read: Read, images: int, rng: np.random.Generator) -> SampleViews:
        image = read(0)
        size, shape = self.size, image.shape[1:]
        window = centre(*shape, size) if self.scale == (1, 1) else draw_window(*shape, self.scale, rng)
        view = np.empty((1, len(image), size, size), np.uint16)
        for plane, out in zip(cut(image, window), view[0], strict=True):
            cv2.resize(plane, (size, size), dst=out, interpolation=_INTERPOLATIONS[self.interpolation])
        return SampleViews([self._turned(view, rng)], None)

    def _turned(self, view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.flips == "none":
            return view
        if rng.random() < 0.5:
            view = view[..., ::-1]
        return np.rot90(view, int(rng.integers(4)), axes=(-2, -1)) if self.flips == "all" else view


def centre(height: int, width: int, size: int) -> Window:
    """The centred square of ``size``, or the largest there is where the image is smaller: the frame that
    `Preprocess` takes of a square image."""
    side = min(height, width, size)
    return Window((height - side) // 2, (width - side) // 2, side, side)


class Judged(Dataset):
    """Images of some (site, season) as float32 tensors, preprocessed as when embedding; whole batches at once.

    Images are read by ``workers`` processes. An image that cannot be read, or without a valid pixel, is a `UserError`
    naming it: no score is made of other images than those asked for.
    """

    def __init__(self, keys: Sequence[tuple[str, str]], open_store: OpenStore, scaling: Scaling, workers: int) -> None:
        self.keys, self.open_store, self.scaling, self.workers = list(keys), open_store, scaling, workers
        self._store: Store | None = None
        self._kept: list[torch.Tensor] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: int) -> torch.Tensor:
        if self._store is None:
            self._store = self.open_store()
        site_id, season = self.keys[row]
        pixels, valid = self._store.read(site_id, season, self.scaling.given)
        if not valid.any():
            raise UserError(
                f"the image of site {site_id}, {season} has no valid pixel in the model's channels",
                "look at its row in the ledger",
            )
        return self.scaling.preprocess(fill_invalid(pixels, valid), self.scaling.given)

    def __getitems__(self, rows: Sequence[int]) -> torch.Tensor | UserError:
        # The loader wraps what a worker raises in a traceback; an error for the user travels as a value instead.
        try:
            return torch.stack([self[row] for row in rows])
        except UserError as error:
            return error

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_store": None, "_kept": None}

    def batches(self) -> Iterator[torch.Tensor]:
        """(M, C, S, S) of all images in order, M at most `BATCH`; from memory where they fit (`MEMORY`)."""
        if self._kept is not None:
            yield from self._kept
            return
        keep: list[torch.Tensor] | None = []
        for part in loader(self, runs_of(len(self), BATCH), self.workers, pin=False):
            if isinstance(part, UserError):
                raise part
            if keep is not None:
                keep.append(part)
                if part.nbytes / len(part) * len(self) > MEMORY:
                    keep = None
            yield part
        self._kept = keep


# ------------------------------------------------------------------------------------------------------------ sources
@dataclass(frozen=True)
class Images:
    """The images of a task: how they are opened, the bands and indices they have, and a text that changes when they
    do."""

    open_store: OpenStore
    available: tuple[str, ...]
    version: str


def images_of(where: str) -> Images:
    """``where``: as `greenup.plan.Plan.finetune_images` writes it, the index and statistics of a dataset of the study,
    or the settings of a published image set.

    Raises `UserError` for a file that is missing.
    """
    settings = json.loads(where)
    if "index" not in settings:
        opener = _ImageSetOpener(where)
        return Images(opener, tuple(opener().reader.channels), where)
    index = Path(settings["index"])
    available = tuple(read_json(settings["statistics"])["channels"])
    return Images(open_patch_store(index), available, checksum(index.read_bytes()))


@dataclass(frozen=True)
class _ImageSetOpener:
    """Opener of a published image set's pixels; picklable, so that workers started afresh can use it."""

    settings: str

    def __call__(self) -> _ImageSetStore:
        from greenup.tasks.image_sets import open_image_set

        return _ImageSetStore(open_image_set(parse(ImageSet, self.settings)))


class _ImageSetStore:
    """A published image set with the interface of a `greenup.pretrain.data.Store`: one image an id, no seasons."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    def read(self, site_id: str, season: str, channels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return self.reader.read(site_id, tuple(channels))
