"""One vector an image: the frozen network's pooled features, or the trivial baseline of per-channel statistics."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from greenup.bands import BANDS, sources_of
from greenup.config import Model, Runtime
from greenup.errors import UserError
from greenup.evaluate.images import Images, no_pixels
from greenup.evaluate.vectors import write_vectors
from greenup.files import read_json

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from greenup.pretrain.preprocess import Preprocess

log = logging.getLogger(__name__)

BATCH = 64
"""Images read together. Fixed, so that the vectors do not depend on the machine's settings."""


def embed_to_file(
    out: str | Path,
    model: Model,
    model_folder: str | Path,
    images: Images,
    *,
    threads: int,
    runtime: Runtime,
    precision: str = "float32",
) -> int:
    """Write the vectors of all images, in their order, as an `embeddings` file, and return their number.

    ``model_folder`` holds the weights and the input scaling (`greenup.pretrain.product`), and is not read for method
    band_statistics (`channel_statistics`). ``threads`` are used by the network, ``runtime.workers`` processes read
    images beside it. ``precision`` float32 or bfloat16, see `greenup.evaluate.encode`, whatever it was trained in.
    Pixels without data get the image's own mean. Vectors go to the file as they come: memory does not grow with their
    number.

    Raises `UserError` when the images lack a channel of the model, or when a vector is not finite (named by site).
    """
    started = time.monotonic()
    if model.has_weights:
        parts = _network_vectors(model_folder, images, threads, runtime.workers, precision)
    else:
        parts = _statistics(images, model.channels)
    sites, seasons = zip(*images.keys, strict=True) if images.keys else ((), ())
    about = {"simulated": images.simulated, "attribution": images.attribution}
    extra = {}
    if model.has_weights:
        # By which a probe tells whether these vectors are of the weights that are there now.
        checksum = read_json(Path(model_folder) / "config.json").get("weights_checksum")
        extra = {"precision": precision, "weights_checksum": checksum}
    count = write_vectors(out, sites, seasons, _finite(parts, images), **about, **extra)
    seconds = time.monotonic() - started
    log.info("%d vectors in %.1f s (%.0f images/s)", count, seconds, count / max(seconds, 1e-9))
    return count


def channel_statistics(image: np.ndarray, valid: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """Mean and standard deviation of each channel over valid pixels: (2 C,), float32, means first.

    In physical units: reflectance, index, dB. ``image``: uint16 (C, H, W), stored values; ``valid``: bool (H, W).
    Without one valid pixel the result is NaN.
    """
    if not valid.any():
        return np.full(2 * len(channels), np.nan, dtype="float32")
    scale, offset = np.array([(BANDS[c].scale, BANDS[c].offset) for c in channels]).T
    pixels = image[:, valid].astype("float64") / scale[:, None] + offset[:, None]
    return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1)]).astype("float32")


def _statistics(images: Images, channels: tuple[str, ...]) -> Iterator[np.ndarray]:
    if lacking := [c for c in sources_of(channels) if c not in images.bands]:
        raise UserError(
            f"{images.where}: the images have no channel {lacking[0]!r}, which the model needs",
            "take images that have it, or leave it out of the model's channels",
        )
    keys = iter(images.keys)
    while batch := list(islice(keys, BATCH)):
        yield np.stack([channel_statistics(*images.read(key, channels), channels) for key in batch])


def _finite(parts: Iterator[np.ndarray], images: Images) -> Iterator[np.ndarray]:
    """The same vectors, once they are seen to be finite."""
    done = 0
    for part in parts:
        bad = ~np.isfinite(part).all(axis=1)
        if bad.any():
            raise UserError(
                f"{int(bad.sum())} of {len(part)} vectors are not finite, the first is that of site "
                f"{images.keys[done + int(bad.argmax())][0]}",
                "look at its pixels, at the model's training curve, and whether its input_scale fits the data",
            )
        done += len(part)
        yield part


# ------------------------------------------------------------------------------------------------------------- network
class _Inputs:
    """The network's inputs as a map-style dataset; only reading and scaling happens in the workers."""

    def __init__(self, images: Images, preprocess: Preprocess, channels: tuple[str, ...]) -> None:
        self.images, self.preprocess, self.channels = images, preprocess, channels

    def __len__(self) -> int:
        return len(self.images.keys)

    def __getitem__(self, i: int) -> torch.Tensor | UserError:
        # A DataLoader wraps what a worker raises in a traceback; an error for the user travels as a value instead.
        try:
            return self._input(i)
        except UserError as error:
            return error

    def _input(self, i: int) -> torch.Tensor:
        from greenup.pretrain.preprocess import fill_invalid

        key = self.images.keys[i]
        image, valid = self.images.read(key, self.channels)
        if not valid.any():
            raise no_pixels(self.images, key)
        return self.preprocess(fill_invalid(image, valid), self.channels)


def _network_vectors(
    folder: str | Path, images: Images, threads: int, workers: int, precision: str
) -> Iterator[np.ndarray]:
    """Vectors (n, D), float32, of the network in ``folder``, batch by batch."""
    import torch
    from torch.utils.data import DataLoader

    from greenup.evaluate.encode import encode, for_inference
    from greenup.pretrain.product import load_model

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    backbone, preprocess, _ = load_model(folder)
    inputs = _Inputs(images, preprocess, preprocess.channels_of(images.bands, images.where))
    loader = DataLoader(
        inputs,
        batch_size=BATCH,
        num_workers=workers,
        collate_fn=_stack,
        worker_init_fn=_alone,
        pin_memory=device.type == "cuda",
    )
    network = for_inference(backbone, device)
    yield from encode(network, _raising(loader), device=device, threads=threads, precision=precision)


def _raising(batches: DataLoader) -> Iterator[torch.Tensor]:
    """The batches, until one of them is an error."""
    for batch in batches:
        if isinstance(batch, UserError):
            raise batch
        yield batch


def _stack(images: list[torch.Tensor | UserError]) -> torch.Tensor | UserError:
    """A batch, or the first error in it."""
    import torch

    errors = [i for i in images if isinstance(i, UserError)]
    return errors[0] if errors else torch.stack(images)


def _alone(_worker: int) -> None:
    """One thread a reading process: the cores belong to the network."""
    import cv2

    cv2.setNumThreads(0)
