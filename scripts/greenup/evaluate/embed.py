"""One vector an image: the frozen network's pooled features, or the trivial baseline of per-channel statistics."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from greenup.bands import BANDS, sources_of
from greenup.config import Model, Runtime
from greenup.errors import UserError
from greenup.files import read_json
from greenup.patches.store import PatchStore

if TYPE_CHECKING:
    import torch

    from greenup.pretrain.preprocess import Preprocess

log = logging.getLogger(__name__)

BATCH = 64
"""Images that go through the network together. Fixed, so that the vectors do not depend on the machine's settings."""


def embed_images(
    model: Model,
    model_folder: str | Path,
    *,
    index: str | Path,
    statistics: str | Path,
    threads: int,
    runtime: Runtime,
) -> pd.DataFrame:
    """Embed every image of a dataset, in the order of its index: an `embeddings` table (site_id, season, embedding).

    ``index`` and ``statistics`` are files of the dataset *embedded*, which need not be the one trained on.
    ``model_folder`` holds the weights and the input scaling (`greenup.pretrain.product`), and is not read for method
    band_statistics, whose vector is, for C channels, C means and C standard deviations over the valid pixels, in
    reflectance (NDVI: index units; backscatter: dB). Vectors are float32. ``threads`` are used by the network,
    ``runtime.workers`` processes read images beside it.

    The network computes in float32, whatever it was trained in. Pixels without data get the image's own mean.

    Raises `UserError` when the dataset lacks a channel of the model, or when a vector is not finite (named by site).
    """
    store = PatchStore(index)
    _check_channels(model, statistics)
    sites, seasons = store.index["site_id"].astype(str), store.index["season"].astype(str)
    keys = list(zip(sites, seasons, strict=True))
    started = time.monotonic()
    if model.has_weights:
        vectors = _network_vectors(model_folder, store, keys, threads, runtime.workers)
    else:
        vectors = np.stack([channel_statistics(*store.read(*key, model.channels), model.channels) for key in keys])
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise UserError(
            f"the vectors of {int(bad.sum())} of {len(keys)} images are not finite, "
            f"first of site {keys[bad.argmax()][0]}",
            "look at the model's training curve, and whether its input_scale fits the data",
        )
    seconds = time.monotonic() - started
    log.info("%d vectors of length %d in %.1f s (%.0f images/s)", *vectors.shape, seconds, len(keys) / seconds)
    return pd.DataFrame({"site_id": sites.to_numpy(), "season": seasons.to_numpy(), "embedding": list(vectors)})


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


def _check_channels(model: Model, statistics: str | Path) -> None:
    known = read_json(statistics)["channels"]
    lacking = [c for c in sources_of(model.channels) if c not in known]
    if lacking:
        raise UserError(
            f"{statistics}: the dataset has no channel {lacking[0]!r}, which the model needs",
            "export it (datasets.<name>.patches.bands), or leave it out of the model's channels",
        )


# ------------------------------------------------------------------------------------------------------------- network
class _Images:
    """The images of some keys as a map-style dataset, preprocessed; only reading happens in the workers."""

    def __init__(self, store: PatchStore, keys: list[tuple[str, str]], preprocess: Preprocess) -> None:
        self.store, self.keys, self.preprocess = store, keys, preprocess

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int) -> torch.Tensor | UserError:
        # A DataLoader wraps what a worker raises in a traceback; an error for the user travels as a value instead.
        try:
            return self._image(i)
        except UserError as error:
            return error

    def _image(self, i: int) -> torch.Tensor:
        from greenup.pretrain.preprocess import fill_invalid

        image, valid = self.store.read(*self.keys[i], self.preprocess.channels)
        if not valid.any():
            raise UserError(
                f"the image of site {self.keys[i][0]}, {self.keys[i][1]} has no valid pixel in the model's channels",
                "look at its row in the ledger",
            )
        return self.preprocess(fill_invalid(image, valid))


def _network_vectors(
    folder: str | Path, store: PatchStore, keys: list[tuple[str, str]], threads: int, workers: int
) -> np.ndarray:
    """Vectors (N, D), float32, of the network in ``folder``."""
    import torch
    from torch.utils.data import DataLoader

    from greenup.pretrain.product import load_model

    torch.set_num_threads(max(1, threads))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    backbone, preprocess, _ = load_model(folder)
    backbone = backbone.to(device, memory_format=torch.channels_last).eval()
    loader = DataLoader(
        _Images(store, keys, preprocess),
        batch_size=BATCH,
        num_workers=workers,
        collate_fn=_stack,
        worker_init_fn=_alone,
    )
    parts = []
    with torch.inference_mode():
        for images in loader:
            if isinstance(images, UserError):
                raise images
            vectors = backbone(images.to(device, memory_format=torch.channels_last))
            parts.append(vectors.float().cpu().numpy())
    return np.concatenate(parts)


def _stack(images: list[torch.Tensor | UserError]) -> torch.Tensor | UserError:
    """A batch, or the first error in it."""
    import torch

    errors = [i for i in images if isinstance(i, UserError)]
    return errors[0] if errors else torch.stack(images)


def _alone(_worker: int) -> None:
    """One thread a reading process: the cores belong to the network."""
    import cv2

    cv2.setNumThreads(0)
