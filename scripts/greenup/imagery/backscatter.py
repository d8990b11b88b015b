"""Sentinel-1 backscatter in files: decibels or linear power, by metadata only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from greenup.errors import UserError

_DECIBELS = ("db", "decibel", "decibels")
_POWER = ("power", "linear", "linear power", "linear_power")
# Collections whose items name no unit, by their own documentation. sentinel-1-rtc: gamma nought, terrain-corrected, as
# linear power (Planetary Computer).
_POWER_COLLECTIONS = ("sentinel-1-rtc",)


def is_power(values: Mapping[str, Any], collection: str | None, where: str) -> bool:
    """Whether a file's values are linear power (True) or decibels (False).

    By ``unit`` of the asset's ``raster:bands`` (or ``bands``), else by the collection where its documentation says it.
    Raises `UserError` for anything else, such as the uncalibrated counts of GRD products.
    """
    unit = values.get("raster:unit", values.get("unit"))
    said = str(unit).strip().lower()
    if said in _DECIBELS:
        return False
    if said in _POWER or (unit is None and collection in _POWER_COLLECTIONS):
        return True
    raise UserError(
        f"{where}: the item does not say that its backscatter is in decibels or linear power (unit {unit!r})",
        'write "unit": "dB" or "unit": "power" in its raster:bands; uncalibrated counts, as sentinel-1-grd of Earth '
        "Search and of the Planetary Computer, cannot be used: take url: planetary-computer with its sentinel-1-rtc",
    )


def decibels(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """10 log10 of linear power, and where it has one: power of 0 or less (thermal noise taken off) has none."""
    power = power.astype(np.float64)
    positive = power > 0
    return 10.0 * np.log10(np.where(positive, power, 1.0)), positive
