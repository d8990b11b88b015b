"""MCD12Q2 v6.1 from a folder: the product's own HDF tiles, or GeoTIFFs of its layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.phenology import hdf_tiles, layer_tiffs
from greenup.phenology.fill import DATES
from greenup.phenology.mcd12q2 import CYCLES, Cycle, choose_cycle, layers_of


def sample_tiles(
    folder: str, sites: pd.DataFrame, *, years: tuple[int, int], cycle: Cycle, max_quality: int | None
) -> pd.DataFrame:
    """Dates at the pixel of each site: site_id, year, greenup, maturity, senescence, dormancy (days since 1970-01-01).

    ``folder`` is searched with all folders below it, for files as the product comes
    (MCD12Q2.A2019001.h18v04.061.2022112233445.hdf) or as AppEEARS cuts its layers
    (MCD12Q2.061_Greenup_0_doy2019001_aid0001.tif). ``years``: first and last. ``cycle``, ``max_quality``: see
    `mcd12q2.choose_cycle`. A year in which a pixel has data but no cycle is a row without dates; where the product has
    nothing at all (water, a tile that is not there) there is no row.

    Only files that hold sites are opened, each once, one at a time. Tiles that are not there are told in one warning.
    Raises `UserError` when no file fits, files of both kinds do, a year has none at all, or a file cannot be read.
    """
    path = Path(folder)
    tiles, tiffs = hdf_tiles.find(path), layer_tiffs.find(path)
    if tiles and tiffs:
        raise UserError(
            f"phenology.folder: {folder} holds HDF tiles ({len(tiles)}) and GeoTIFFs ({len(tiffs)} areas and years)",
            "keep one kind in it, so that it is clear which of them counts",
        )
    kind, files = (hdf_tiles, tiles) if tiles else (layer_tiffs, tiffs)
    if not files:
        raise UserError(
            f"phenology.folder: {folder} has no file of MCD12Q2 ({hdf_tiles.PATTERN}, or {layer_tiffs.PATTERN})",
            "mend the folder (paths start at the working directory), or keep the names that the files come with",
        )
    wanted = range(years[0], years[1] + 1)
    absent = [year for year in wanted if year not in {y for _, y in files}]
    if absent:
        shown = ", ".join(map(str, absent))
        raise UserError(
            f"phenology.years: {folder} has no file ({kind.PATTERN}) of {shown}",
            f"add them, or mend phenology.years ({years[0]}, {years[1]})",
        )
    layers = (*layers_of(cycle, max_quality), CYCLES)
    lon, lat = (sites[axis].to_numpy(dtype=np.float64) for axis in ("lon", "lat"))
    names = sites["site_id"].to_numpy(dtype=object)
    parts = []
    for year, at, values in kind.sample(files, lon, lat, wanted, layers):
        seen = np.any([np.isfinite(v) for v in values.values()], axis=0)
        dates = choose_cycle({k: v[seen] for k, v in values.items()}, cycle, max_quality)
        part = pd.DataFrame(dates, columns=list(DATES))
        part.insert(0, "site_id", names[at[seen]])
        part.insert(1, "year", year)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["site_id", "year", *DATES])
    if table.empty:
        raise UserError(
            f"phenology.folder: {folder} has no data at any of the {len(sites)} sites",
            "get the tiles of the region that the sites are in",
        )
    return table
