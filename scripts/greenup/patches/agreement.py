"""Whether the tables of a dataset and its pixel files speak of the same images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.patches.container import ShardFile

SETTLED = ("no_scene", "cloudy", "no_season")
"""Statuses that pass from the scenes into the ledger."""

FINAL = ("ok", *SETTLED, "masked", "dropped")
"""Statuses that a finished ledger may hold."""

_TEXT = ("site_id", "season", "scene_id", "checksum")
_NUMBERS = ("time", "cloud", "valid_fraction", "epsg", "west", "north", "pixel_x", "pixel_y")
# What an image cannot be without.
_NEEDED = ("row", "scene_id", "time", "valid_fraction", "epsg", "west", "north", "pixel_x", "pixel_y", "checksum")


def check_ledger(file: ShardFile, ledger: pd.DataFrame, ledger_path: str | Path) -> None:
    """Raise `UserError` naming shard and row unless pixel file and ledger speak of the same images, row by row."""
    for difference in differences(file, ledger):
        raise UserError(
            f"{file.path} and {ledger_path} disagree: {difference}",
            "`snakemake repair`, then `snakemake patches`, with your --configfile: makes both again",
        )


def differences(file: ShardFile, ledger: pd.DataFrame) -> Iterator[str]:
    """In words, what a ledger says otherwise than its pixel file; pixels are not read."""
    ok = ledger[ledger["status"] == "ok"]
    if len(ok) != len(file):
        yield f"the ledger has {len(ok)} images, the pixel file {len(file)}"
        return
    if ok["row"].tolist() != list(range(len(ok))):
        yield "the ledger's row numbers are not 0, 1, 2, ..."
        return
    for column in (*_TEXT, *_NUMBERS):
        if column in _TEXT:
            said = ok[column].astype(object).to_numpy()
            stored = np.array([v.decode(errors="replace") for v in file.column(column).tolist()], object)
            differ = said != stored
        else:
            said, stored = _numbers(ok[column]), file.column(column).astype("f8")
            differ = (said != stored) & ~(np.isnan(said) & np.isnan(stored))
        for row in np.flatnonzero(differ):
            yield f"row {row}: {column} is {_shown(said[row])} in the ledger, {_shown(stored[row])} in the pixel file"


def _numbers(values: pd.Series) -> np.ndarray:
    """Numbers as float64 (exact for times in microseconds until the year 2255), NaN where there is none."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return np.where(values.isna(), np.nan, values.dt.as_unit("us").astype("int64").to_numpy(np.float64))
    return values.to_numpy(np.float64, na_value=np.nan)


def _shown(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def ledger_problems(ledger: pd.DataFrame, scenes: pd.DataFrame | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a ledger by itself, and held against the table of scenes of its shard: kind and words."""
    places = "site " + ledger["site_id"] + ", " + ledger["season"]
    for at in np.flatnonzero(~ledger["status"].isin(FINAL)):
        yield "short", f"ledger: {places.iloc[at]}: status {ledger['status'].iloc[at]!r} is not final"
    ok = ledger["status"] == "ok"
    for column in _NEEDED:
        for at in np.flatnonzero((ok & ledger[column].isna()).to_numpy(bool)):
            yield "contradicting", f"ledger: {places.iloc[at]}: status ok without {column}"
    if scenes is None:
        return
    keys = ["site_id", "season"]
    both = scenes[[*keys, "status", "scene_id"]].merge(
        ledger[[*keys, "status", "scene_id"]], on=keys, how="outer", suffixes=("", "_ledger"), indicator="side"
    )
    lacking, extra = both[both["side"] == "left_only"], both[both["side"] == "right_only"]
    if len(lacking):
        first = lacking.iloc[0]
        yield (
            "short",
            (
                f"ledger: {len(lacking)} of {len(scenes)} site x season of the scenes are lacking "
                f"(site {first['site_id']}, {first['season']}, first)"
            ),
        )
    if len(extra):
        first = extra.iloc[0]
        yield (
            "foreign",
            (
                f"ledger: {len(extra)} site x season are not among the scenes (site {first['site_id']}, "
                f"{first['season']}, first): of another sampling"
            ),
        )
    shared = both[both["side"] == "both"]
    settled = shared["status"].isin(SETTLED)
    other = np.where(
        settled, shared["status_ledger"] != shared["status"], ~shared["scene_id_ledger"].eq(shared["scene_id"])
    ).astype(bool)
    # A source whose images have grids of their own may turn a chosen scene away before it has a place in the ledger.
    other &= ~(~settled & shared["scene_id_ledger"].isna() & (shared["status_ledger"] == "no_scene")).to_numpy(bool)
    for row in shared[other].itertuples():
        told = row.status_ledger if row.status in SETTLED else row.scene_id_ledger
        chosen = row.status if row.status in SETTLED else row.scene_id
        yield "contradicting", f"ledger: site {row.site_id}, {row.season}: {told} in the ledger, {chosen} in the scenes"


def index_problems(index: pd.DataFrame, ledgers: Mapping[str, pd.DataFrame], silent: set[str]) -> list[str]:
    """What an index says otherwise than the ledgers of its shards (by pixel file, as in the index's column file).

    ``silent``: pixel files that are known but whose ledger cannot be asked.
    """
    found = []
    for file in sorted(set(index["file"].astype(object)) - set(ledgers) - silent):
        found.append(f"file {file} is in the index, but there is no such shard")
    for file, ledger in ledgers.items():
        own = index[index["file"] == file].sort_values("row")
        ok = ledger[ledger["status"] == "ok"]
        if len(own) != len(ok):
            found.append(f"{file}: {len(own)} images in the index, {len(ok)} in the ledger")
            continue
        for column in ("row", "site_id", "season", "scene_id", "time", "valid_fraction"):
            a, b = own[column].astype(object).to_numpy(), ok[column].astype(object).to_numpy()
            if (differ := np.flatnonzero(a != b)).size:
                at = differ[0]
                found.append(f"{file}, row {at}: {column} is {a[at]} in the index, {b[at]} in the ledger")
                break
    return found
