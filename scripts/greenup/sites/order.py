"""Spatial order, and equal shards along it: a shard's sites lie together, so its jobs open few scenes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from greenup.errors import UserError

_BITS = 20


def hilbert_index(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
    """Position of points (degrees) along a Hilbert curve over the map of the world, 2**20 steps a side.

    Quadrant by quadrant from the largest down, turning each as the curve enters it, on whole arrays.
    """
    side = 1 << _BITS
    x = np.clip((np.asarray(lon, dtype=np.float64) + 180.0) / 360.0 * side, 0, side - 1).astype(np.int64)
    y = np.clip((np.asarray(lat, dtype=np.float64) + 90.0) / 180.0 * side, 0, side - 1).astype(np.int64)
    index = np.zeros_like(x)
    half = side >> 1
    while half:
        right, upper = (x & half) > 0, (y & half) > 0
        index += half * half * ((3 * right) ^ upper)
        # Turn the quadrant so that the curve inside it starts where the one before ended.
        flip = ~upper & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
        half >>= 1
    return index


def order_and_shard(name: str, table: pd.DataFrame, shards: int) -> pd.DataFrame:
    """Sites in spatial order with a column ``shard`` (0-based): runs of rows whose lengths differ by at most one.

    Raises `UserError` when a shard would be empty.
    """
    if shards > len(table):
        raise UserError(
            f"dataset {name}: {shards} shards but {len(table)} sites, so that some shards would be empty",
            f"write shards: {len(table)} or fewer (about 500 sites a shard is good)",
        )
    keyed = table.assign(_key=hilbert_index(table["lon"], table["lat"]))
    # Sites closer than the curve resolves still need one order, whatever order they came in.
    ordered = keyed.sort_values(["_key", "site_id"], ignore_index=True).drop(columns="_key")
    ordered["shard"] = np.arange(len(ordered)) * shards // len(ordered)
    return ordered
