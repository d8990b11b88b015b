"""What the map of sites in the report shows of one dataset: places, season intervals, images, thumbnails, density."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from greenup.files import read_columns, read_table, write_text
from greenup.paper.contact_sheet import choose_sites
from greenup.paper.maps import MapFrame, frame_of, land_paths
from greenup.paper.style import season_order
from greenup.paper.thumbnails import SIDE, thumbnails
from greenup.patches.store import PatchStore
from greenup.randomness import generator
from greenup.schemas import INDEX, INTERVALS, LEDGER, SITES

UNITS = 20_000
"""Width of a map in whole units, of which all its coordinates are: 1.7 km on the world."""

COLUMNS = 240
"""Squares of the density across a map: 144 km on the world."""


def write_site_map(
    name: str,
    *,
    sites: str | Path,
    out: str | Path,
    seed: int,
    most: int = 2_000,
    seasons: str | Path | None = None,
    ledgers: Sequence[str | Path] = (),
    index: str | Path | None = None,
    bands: Sequence[str] = (),
) -> None:
    """Write the JSON of dataset ``name`` that the report carries (`site_map` says what it holds).

    ``sites``, ``seasons`` (intervals), ``ledgers`` and ``index`` are files of `greenup.schemas`; a dataset of which
    only the sites are drawn has none but the first. ``bands``: of its patches; ``most``: sites shown one by one. Same
    inputs, same bytes. Raises `UserError` for a file that cannot be read.
    """
    places = read_columns([sites], SITES, ["site_id", "lon", "lat", "land_cover", "biome"])
    rows, simulated = None, False
    pictured: list[str] = []
    if ledgers:
        rows = read_columns(ledgers, LEDGER, ["site_id", "season", "status", "scene_id", "time", "cloud", "cause"])
        simulated = bool(rows.attrs.get("simulated"))
        there = rows.loc[rows["status"] == "ok", "site_id"]
        pictured = choose_sites(there, rows["season"].nunique(), seed, name) if len(there) else []
    shown = shown_sites(places["site_id"].astype(str), pictured, most, seed, name)
    ids = places["site_id"].astype(str).iloc[shown]
    intervals = read_table(seasons, INTERVALS, only={"site_id": list(ids)}) if seasons is not None else None
    if rows is not None:
        rows = rows[rows["site_id"].isin(ids)]
    pictures: dict[tuple[str, str], str] = {}
    view = ""
    if index is not None and pictured:
        here = read_table(index, INDEX, only={"site_id": pictured})
        store = PatchStore(here, Path(index).parents[2])
        try:
            view, pictures = thumbnails(here, store, bands)
        finally:
            store.close()
    drawn = site_map(places, shown, intervals, rows, pictures)
    page = {"name": name, "simulated": simulated, "view": view, **drawn}
    write_text(out, json.dumps(page, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def shown_sites(ids: pd.Series, first: Sequence[str], most: int, seed: int, name: str) -> np.ndarray:
    """Positions, in order, of the sites shown one by one: all, or ``first`` and others drawn up to ``most``."""
    if len(ids) <= most:
        return np.arange(len(ids))
    is_first = ids.isin(first).to_numpy()
    others = np.flatnonzero(~is_first)
    drawn = generator(seed, "site_map", name).permutation(others)[: max(most - int(is_first.sum()), 0)]
    return np.sort(np.concatenate([np.flatnonzero(is_first), drawn]))


def site_map(
    places: pd.DataFrame,
    shown: np.ndarray,
    intervals: pd.DataFrame | None,
    rows: pd.DataFrame | None,
    pictures: dict[tuple[str, str], str],
) -> dict[str, Any]:
    """The map of a dataset as JSON-able values.

    ``places``: all sites (site_id, lon, lat, land_cover, biome); ``shown``: positions of those shown one by one;
    ``intervals`` and ``rows`` (`INTERVALS`, `LEDGER`) of those; ``pictures``: (site, season) -> JPEG in base64.

    total: sites; frame: see `frame_data`; density: [column, row, sites, ...] of squares of ``side`` units and ``km2``,
    None where all sites are shown; sites: one list a column, x and y in map units from the upper left, land_cover and
    biome as numbers into ``names``; seasons; intervals: a list a site of [season, first, last, choice] (days as
    YYYY-MM-DD); images: a list a site of [season, status, time, cloud (percent), scene, picture or cause].
    """
    lon, lat = places["lon"].to_numpy(float), places["lat"].to_numpy(float)
    frame = frame_of(lon, lat)
    x, y, height = on_map(frame, lon, lat)
    some = places.iloc[shown]
    names, numbers = {}, {}
    for column in ("land_cover", "biome"):
        codes, classes = pd.factorize(some[column].astype("string"), sort=True)
        names[column], numbers[column] = list(map(str, classes)), codes.tolist()
    told = [t["season"].astype(str) for t in (intervals, rows) if t is not None and len(t)]
    seasons = season_order(pd.concat(told)) if told else []
    ids = some["site_id"].astype(str).tolist()
    return {
        "total": len(places),
        "frame": frame_data(frame, height),
        "density": _density(x, y, frame) if len(shown) < len(places) else None,
        "names": names,
        "sites": {
            "id": ids,
            "lon": [round(v, 4) for v in lon[shown].tolist()],
            "lat": [round(v, 4) for v in lat[shown].tolist()],
            "x": np.rint(x[shown]).astype(int).tolist(),
            "y": np.rint(y[shown]).astype(int).tolist(),
            **numbers,
        },
        "seasons": seasons,
        "intervals": _intervals(intervals, ids, seasons),
        "images": _images(rows, ids, seasons, pictures),
        "pictures": len({site for site, _ in pictures}),
        "side_px": SIDE,
    }


def on_map(frame: MapFrame, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Degrees to map units right and down from the upper left corner of a frame; and its height (units)."""
    low, high, scale = _extent(frame)
    x, y = frame.project(lon, lat)
    return (x - low[0]) * scale, (high[1] - y) * scale, float((high[1] - low[1]) * scale)


def _extent(frame: MapFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """Lower left and upper right corner (m), and units a metre."""
    border = frame.border()
    low, high = border.min(axis=0), border.max(axis=0)
    return low, high, UNITS / float(high[0] - low[0])


def frame_data(frame: MapFrame, height: float) -> dict[str, Any]:
    """A frame as an SVG needs it: width, height (units), metres a unit (of the world: on the average), whether it is a
    region, and the paths of its land and its border.

    ``key`` is the same for datasets that share a frame.
    """
    low, high, scale = _extent(frame)
    corner = np.array([low[0], high[1]])

    def place(points: np.ndarray) -> np.ndarray:
        return np.rint((points - corner) * [scale, -scale]).astype(int)

    land = "".join(
        svg_path(place(ring)) for path in land_paths(frame) for ring in np.split(path.vertices, _starts(path.codes))
    )
    key = f"{frame.crs} {' '.join(f'{v:.4f}' for v in frame.region)}"
    metres = 1 / scale
    border = svg_path(place(frame.border()))
    return {
        "key": key,
        "width": UNITS,
        "height": round(height),
        "metres": round(metres, 3),
        "regional": not frame.is_world,
        "land": land,
        "border": border,
    }


def _starts(codes: np.ndarray) -> np.ndarray:
    """Where rings begin, but the first: each starts with MOVETO (1)."""
    return np.flatnonzero(codes == 1)[1:]


def svg_path(points: np.ndarray) -> str:
    """A closed ring of whole units (n, 2) as SVG: steps instead of places; points that change nothing are left out.

    Empty where fewer than three are left.
    """
    keep = np.ones(len(points), bool)
    keep[1:] = (np.diff(points, axis=0) != 0).any(axis=1)
    points = points[keep]
    steps = np.diff(points, axis=0)
    # On a straight line between its neighbours, not turning back.
    before, behind = steps[:-1], steps[1:]
    turns = before[:, 0] * behind[:, 1] != before[:, 1] * behind[:, 0]
    points = points[np.concatenate([[True], turns | ((before * behind).sum(axis=1) < 0), [True]])[: len(points)]]
    if len(points) < 3:
        return ""
    steps = np.diff(points, axis=0)
    return f"M{points[0, 0]} {points[0, 1]}l" + " ".join(f"{dx} {dy}" for dx, dy in steps) + "z"


def _density(x: np.ndarray, y: np.ndarray, frame: MapFrame) -> dict[str, Any]:
    """Sites a square, squares that have any, from the upper left row by row. Frames are equal-area."""
    side = UNITS / COLUMNS
    column, row = np.clip(x // side, 0, COLUMNS - 1).astype(int), (y // side).astype(int)
    filled, counts = np.unique(row * COLUMNS + column, return_counts=True)
    cells = np.column_stack([filled % COLUMNS, filled // COLUMNS, counts]).ravel()
    return {"side": side, "km2": round((side / _extent(frame)[2]) ** 2 / 1e6, 3), "cells": cells.tolist()}


def _intervals(table: pd.DataFrame | None, ids: Sequence[str], seasons: Sequence[str]) -> list[list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {i: [] for i in ids}
    if table is not None:
        rank = {s: k for k, s in enumerate(seasons)}
        days = [pd.to_datetime(table[c]).dt.strftime("%Y-%m-%d") for c in ("first", "last")]
        season = table["season"].astype(str).map(rank)
        for site, *values in sorted(
            zip(table["site_id"].astype(str), season.tolist(), *days, table["choice"].tolist(), strict=True)
        ):
            found[site].append([int(values[0]), values[1], values[2], int(values[3])])
    return list(found.values())


def _images(
    rows: pd.DataFrame | None, ids: Sequence[str], seasons: Sequence[str], pictures: dict[tuple[str, str], str]
) -> list[list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {i: [] for i in ids}
    if rows is not None:
        rank = {s: k for k, s in enumerate(seasons)}
        time = pd.to_datetime(rows["time"], utc=True).dt.strftime("%Y-%m-%d %H:%M")
        for site, season, status, when, cloud, scene, cause in zip(
            rows["site_id"].astype(str),
            rows["season"].astype(str),
            rows["status"].astype(str),
            time,
            rows["cloud"],
            rows["scene_id"],
            rows["cause"],
            strict=True,
        ):
            last = pictures.get((site, season)) if status == "ok" else _known(cause)
            percent = None if pd.isna(cloud) else round(float(cloud), 1)
            found[site].append([rank[season], status, _known(when), percent, _known(scene), last])
    return [sorted(images, key=lambda image: image[0]) for images in found.values()]


def _known(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
