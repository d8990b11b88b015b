"""What stands in MCD12Q2 v6.1 (MODIS land cover dynamics, yearly, 500 m), and which of its cycles is taken.

Layers as in the product's user guide (Gray, Sulla-Menashe, Friedl 2022). Each has up to two vegetation cycles a year:
cycle 1 is written ``Greenup_1`` here and on Earth Engine, ``Greenup_0`` by AppEEARS, and is the first of the third axis
of ``Greenup`` in the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from greenup.phenology.fill import DATES

Cycle = Literal["first", "second", "largest"]
Floats = NDArray[np.float64]

ATTRIBUTION = "Phenology: MCD12Q2 v6.1 (Friedl, Gray, Sulla-Menashe 2022), doi:10.5067/MODIS/MCD12Q2.061."

FILL = 32767
"""Value of every layer for no data."""

FIRST_DAY, LAST_DAY = 11_138, 32_766
"""Valid range of the dates (days since 1970-01-01): 2000-06-30 and on."""

DATE_LAYERS: tuple[str, ...] = tuple(name.capitalize() for name in DATES)
QUALITY, AMPLITUDE, CYCLES = "QA_Overall", "EVI_Amplitude", "NumCycles"


def layers_of(cycle: Cycle, max_quality: int | None) -> tuple[str, ...]:
    """Layers with their cycle's number (Greenup_1, ...) that `choose_cycle` needs."""
    names = list(DATE_LAYERS)
    if max_quality is not None:
        names.append(QUALITY)
    if cycle == "largest":
        names.append(AMPLITUDE)
    return tuple(f"{name}_{number}" for number in _numbers(cycle) for name in names)


def _numbers(cycle: Cycle) -> tuple[int, ...]:
    return {"first": (1,), "second": (2,), "largest": (1, 2)}[cycle]


def split_layer(layer: str) -> tuple[str, int]:
    """A layer's name in the product and its cycle's number: Greenup_1 -> Greenup, 1. NumCycles counts as cycle 1."""
    name, _, number = layer.rpartition("_")
    return (layer, 1) if layer == CYCLES else (name, int(number))


def choose_cycle(layers: Mapping[str, Floats], cycle: Cycle, max_quality: int | None) -> Floats:
    """The four dates of the cycle that is asked for, shape (n, 4), NaN where there is none.

    ``layers``: the layers that `layers_of` names, each of shape (n,), NaN for no data. ``max_quality``: cycles whose
    overall quality (0 best .. 3 poor) is worse, or not known, count as none. ``largest`` is the cycle of larger EVI
    amplitude among those; cycle 1 when both are equal.
    """
    found = []
    for number in _numbers(cycle):
        dates = np.stack([np.asarray(layers[f"{name}_{number}"], dtype=np.float64) for name in DATE_LAYERS], axis=1)
        if max_quality is not None:
            # NaN is not below anything.
            dates[~(np.asarray(layers[f"{QUALITY}_{number}"]) <= max_quality)] = np.nan
        found.append(dates)
    if cycle != "largest":
        return found[0]
    size = [
        np.where(np.isfinite(dates).any(axis=1), np.nan_to_num(layers[f"{AMPLITUDE}_{number}"], nan=0.0), -np.inf)
        for number, dates in zip(_numbers(cycle), found, strict=True)
    ]
    return np.where((size[1] > size[0])[:, None], found[1], found[0])


def known(layer: str, values: NDArray) -> Floats:
    """Stored values of a layer as float64, NaN for fill and for days outside the valid range."""
    out = np.array(values, dtype=np.float64)
    bad = out == FILL
    if layer in DATE_LAYERS:
        bad |= ~((out >= FIRST_DAY) & (out <= LAST_DAY))
    out[bad] = np.nan
    return out
