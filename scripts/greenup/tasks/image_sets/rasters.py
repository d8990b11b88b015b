"""Layers of GeoTIFFs that others hand out, many of which say not where they lie."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from greenup.errors import UserError


@contextmanager
def unplaced() -> Iterator[None]:
    """Files without coordinates are expected: rasterio's warning of them is not shown.

    Filters of warnings belong to the process, so this stands around threads, never in them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def read_layers(path: Path, layers: Sequence[int], mend: str) -> np.ndarray:
    """Layers (counted from 1) of a file: (L, H, W) in its own type.

    Raises `UserError` naming the file where it is missing, damaged, or has not these layers.
    """
    try:
        with rasterio.open(path) as file:
            return file.read(list(layers))
    except (RasterioIOError, IndexError) as error:
        raise UserError(f"{path}: missing or damaged ({error})", mend) from error
