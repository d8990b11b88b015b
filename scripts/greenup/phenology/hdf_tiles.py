"""MCD12Q2 in the product's own files: HDF4 tiles of the sinusoidal grid.

The layers lie in arrays of (2400, 2400, 2), the last axis being the cycle; NumCycles in (2400, 2400).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from greenup.errors import UserError
from greenup.phenology.mcd12q2 import known, split_layer
from greenup.phenology.sinusoidal import tile_name, tile_pixels

PATTERN = "MCD12Q2.A<year>001.h<hh>v<vv>.061.<production>.hdf"

# Collections 6 and 6.1 share layers and units; 5 counted days from 2000.
_NAME = re.compile(r"MCD12Q2\.A(\d{4})001\.(h\d\dv\d\d)\.(006|061)\.(\d+)\.hdf", re.IGNORECASE)
_SHOWN = 12

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]
Files = dict[tuple[str, int], Path]

_log = logging.getLogger(__name__)


def find(folder: Path) -> Files:
    """Files below a folder by tile and year; of several productions the newest."""
    newest: dict[tuple[str, int], tuple[str, str, Path]] = {}
    for path in folder.rglob("*.hdf"):
        match = _NAME.fullmatch(path.name)
        if match:
            key, one = (match[2], int(match[1])), (match[3], match[4], path)
            newest[key] = max(newest.get(key, one), one)
    return {key: path for key, (*_, path) in newest.items()}


def sample(
    files: Files, lon: Floats, lat: Floats, years: Sequence[int], layers: Sequence[str]
) -> Iterator[tuple[int, Positions, dict[str, Floats]]]:
    """For each tile that holds sites, and each year: the year, positions of its sites, and the layers' values there.

    ``layers``: names with the cycle's number (Greenup_1), or without (NumCycles). Values are NaN for no data. One
    warning names the tiles and years without a file. Raises `UserError` for a file that cannot be read.
    """
    h, v, _, _ = tile_pixels(lon, lat)
    tile = h * 100 + v
    order = np.argsort(tile, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(tile[order])) + 1)
    by_name = {tile_name(int(h[at[0]]), int(v[at[0]])): at for at in groups if len(at)}
    _warn_of_missing(files, by_name, years)
    for name, at in by_name.items():
        for year in years:
            if (name, year) in files:
                yield year, at, _read(files[name, year], lon[at], lat[at], layers)


def _warn_of_missing(files: Files, by_name: Mapping[str, Positions], years: Sequence[int]) -> None:
    have = {name: [year for year in years if (name, year) in files] for name in by_name}
    none = [name for name, found in have.items() if not found]
    some = [
        f"{name} {year}"
        for name, found in have.items()
        for year in years
        if found and year not in found
    ]  # fmt: skip
    told = []
    if none:
        count = sum(len(by_name[name]) for name in none)
        told.append(f"{len(none)} tiles without any file, with {count} sites, which get no dates: {_some_of(none)}")
    if some:
        count = sum(len(by_name[name]) for name, found in have.items() if 0 < len(found) < len(years))
        told.append(f"{len(some)} tile-years without a file, with {count} sites, which get fewer: {_some_of(some)}")
    if told:
        _log.warning("MCD12Q2: %s", "; ".join(told))


def _some_of(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _read(path: Path, lon: Floats, lat: Floats, layers: Sequence[str]) -> dict[str, Floats]:
    # Loaded here: a workflow without such tiles needs no HDF4.
    try:
        from pyhdf.error import HDF4Error
        from pyhdf.SD import SD, SDC
    except ImportError as error:
        raise UserError(
            f"{path}: HDF4 cannot be read: the package pyhdf is not installed", "pip install pyhdf"
        ) from error
    # Both cycles of a layer are read at once.
    names = dict.fromkeys(split_layer(layer)[0] for layer in layers)
    try:
        file = SD(str(path), SDC.READ)
    except HDF4Error as error:
        raise UserError(f"{path}: cannot be opened as HDF4 ({error})", "download it again") from error
    out = {}
    try:
        for name in names:
            try:
                dataset = file.select(name)
                shape = tuple(np.atleast_1d(dataset.info()[2]).tolist())
                cycles = _pick(dataset, shape, lon, lat, path, name)
                dataset.endaccess()
            except HDF4Error as error:
                raise UserError(f"{path}: layer {name} cannot be read ({error})", "download it again") from error
            for layer in layers:
                if split_layer(layer)[0] == name:
                    out[layer] = known(name, cycles[:, split_layer(layer)[1] - 1])
    finally:
        file.end()
    return out


def _pick(dataset: object, shape: tuple[int, ...], lon: Floats, lat: Floats, path: Path, name: str) -> NDArray:
    """Stored values at the points, shape (points, cycles)."""
    size, cycles = shape[0], shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or shape[:2] != (size, size) or cycles > 2:
        raise UserError(
            f"{path}: layer {name} has shape {shape}, not (2400, 2400, 2) or (2400, 2400)",
            "use MCD12Q2 of collection 6 or 6.1 as it is delivered",
        )
    _, _, row, column = tile_pixels(lon, lat, size)
    # Layers are compressed as one stream: pixels in its order are read in one pass, any step back starts it anew.
    places, which = np.unique(row * size + column, return_inverse=True)
    rest = [0] if len(shape) == 3 else []
    stored = np.empty((len(places), cycles), dtype=np.int16)
    for i, (r, c) in enumerate(zip(*(a.tolist() for a in np.divmod(places, size)), strict=True)):
        stored[i] = dataset.get(start=[r, c, *rest], count=[1, 1, cycles][: len(shape)]).reshape(cycles)
    return stored[which]
