"""Scenes given by a table of ids instead of a search: how the authors of SSL4Eco publish which images they took."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from greenup.errors import UserError
from greenup.scenes.choose import finished, rows_of, season_names
from greenup.sites.sphere import chord_of, unit_vectors

PLACE_KM = 0.5
"""A row given by lon and lat belongs to the nearest site within this distance."""

_WIDE = re.compile(r"image_id_([1-9]\d*)")
# Ids of Sentinel-1 and -2 and of ESA's products hold the time at which the acquisition began, as their first time.
_TIME = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
_MEND = (
    "give site_id, or lon and lat (degrees), and image_id_1, image_id_2, ... (one a season; may be empty), or season "
    "and image_id"
)
_EMPTY = ("", "nan", "none", "null", "na")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Id:
    """One scene id of the table: ``position`` is the number in image_id_* less 1, ``season`` that of a long table."""

    line: int
    column: str
    scene_id: str
    time: pd.Timestamp
    position: int | None
    season: str | None


def scenes_from_index(
    file: str, sites: pd.DataFrame, seasons: pd.DataFrame, *, shard: int, names: Sequence[str]
) -> pd.DataFrame:
    """The `SCENES` table of one shard from a CSV of scene ids.

    ``sites``: the `SITES` table of all shards, since a row given by its place belongs to the nearest site of the whole
    dataset. ``seasons``: the `INTERVALS` table of the shard's sites. ``names``: the seasons of the dataset.

    Wide tables have columns image_id_1, image_id_2, ...; an id stands for the season in whose days its acquisition
    lies, else for that of its position (spring, summer, autumn, winter), or, where that one is taken, for the first
    that is left. Long tables have season and image_id, one row an image. Rows belong to sites by site_id, else by lon
    and lat (nearest site within `PLACE_KM`). Rows of other places are left out and counted; rows that name the same ids
    for one site count once. The acquisition time is read from the id, of which anything before the last ``/`` is a
    collection and left out, or from a column ``time`` of a long table. Cloud is unknown, and every id is taken as it
    is; that a source does not have a scene shows when it is exported.

    Raises `UserError` with file, line, column and value for a missing column, a place that is none, an id without a
    time, an unknown season, rows of one site that disagree, more ids than seasons, and where no row is of these sites.
    """
    path = Path(file)
    table = _read(path)
    site_of = _sites_of(table, sites, path)
    mine = sites.loc[sites["shard"] == shard]
    names = season_names(names)
    is_mine = pd.Series(site_of).isin(set(mine["site_id"])).to_numpy()
    lines: dict[str, int] = {}
    given: dict[str, list[_Id]] = {}
    read = _read_wide if any(_WIDE.fullmatch(c) for c in table.columns) else _read_long
    for row in np.flatnonzero(is_mine):
        site = site_of[row]
        ids = read(table, int(row), path, names)
        if read is _read_long:
            _add(given.setdefault(site, []), ids, path, site)
        elif site in given and [i.scene_id for i in given[site]] != [i.scene_id for i in ids]:
            raise UserError(
                f"{path}: line {row + 2}: site {site} has other ids in line {lines[site]}",
                "keep one row a site; sites nearer than "
                f"{PLACE_KM:g} km to one another are told apart by a column site_id only",
            )
        else:
            given.setdefault(site, ids)
        lines.setdefault(site, int(row) + 2)
    middles = _Middles(seasons)
    out = rows_of(mine.reset_index(drop=True), names)
    placed = {site: _place(site, ids, names, middles) for site, ids in given.items()}
    records = []
    for site, season in zip(out["site_id"], out["season"], strict=True):
        chosen = placed.get(site, {}).get(season)
        if chosen is None:
            line = f"line {lines[site]}" if site in lines else None
            what = "no image of this season" if given.get(site) else "no image"
            reason = f"{path.name}, {line}, names {what}" if line else f"{path.name} has no row of this site"
            records.append(("no_scene", None, None, None, 0, reason))
        else:
            one, how = chosen
            days = middles.days(site, season, one.time)
            reason = f"given by {path.name}, line {one.line}, column {one.column}: {how}"
            records.append(("chosen", one.scene_id, one.time, days, 1, reason))
    columns = ["status", "scene_id", "time", "days_from_middle", "candidates", "reason"]
    filled = pd.DataFrame(records, columns=columns, index=out.index)
    filled["time"] = pd.to_datetime(filled["time"], utc=True)
    return finished(pd.concat([out, filled], axis=1).assign(cloud=np.nan, cloud_of=None))


# ----------------------------------------------------------------------------------------------------------- the table
def _read(path: Path) -> pd.DataFrame:
    """All cells as stripped text, empty where nothing is; column names in small letters."""
    if not path.is_file():
        raise UserError(f"{path}: no such file", "mend scenes.index; paths start at the working directory")
    try:
        # As text, and without skipping blank lines, so that errors can quote the value and its line.
        table = pd.read_csv(
            path, dtype=str, skip_blank_lines=False, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as CSV ({error})", _MEND) from error
    table.columns = [str(c).strip().lower() for c in table.columns]
    if table.empty:
        raise UserError(f"{path}: the table has no rows", _MEND)
    if table.columns.has_duplicates:
        raise UserError(f"{path}: column {table.columns[table.columns.duplicated()][0]!r} stands twice", "keep one")
    if not any(_WIDE.fullmatch(c) for c in table.columns):
        for name in ("image_id", "season"):
            if name not in table:
                raise _missing(table, "image_id_1" if "image_id" not in table else name, path)
    return table.apply(lambda column: column.fillna("").str.strip())


def _missing(table: pd.DataFrame, name: str, path: Path) -> UserError:
    return UserError(f"{path}: column {name!r} is missing; the file has: {', '.join(table.columns)}", _MEND)


def _sites_of(table: pd.DataFrame, sites: pd.DataFrame, path: Path) -> np.ndarray:
    """The site of each row, None where it is none of this dataset."""
    names = sites["site_id"].to_numpy(dtype=object)
    # SSL4Eco's label tables call the names of their points ind; a dataset of those points has them as site_id.
    if "site_id" not in table and "ind" in table and table["ind"].isin(set(names.astype(str))).any():
        table = table.rename(columns={"ind": "site_id"})
    if "site_id" in table:
        given = table["site_id"].to_numpy(dtype=object)
        of = np.where(np.isin(given.astype(str), names.astype(str)), given, None)
        example = f"column 'site_id' has e.g. {given[0]!r}; the sites are named like {names[0]!r}"
    else:
        for axis in ("lon", "lat"):
            if axis not in table:
                raise _missing(table, axis, path)
        lon, lat = _degrees(table, "lon", 180.0, path), _degrees(table, "lat", 90.0, path)
        tree = cKDTree(unit_vectors(sites["lon"], sites["lat"]))
        chord, nearest = tree.query(unit_vectors(lon, lat))
        of = np.where(chord <= chord_of(PLACE_KM), names[nearest], None)
        example = f"rows belong to the nearest site within {PLACE_KM:g} km; line 2 is at {lon[0]:g}, {lat[0]:g}"
    is_ours = np.array([site is not None for site in of])
    if not is_ours.any():
        raise UserError(f"{path}: none of its rows belongs to a site of this dataset", example)
    if not is_ours.all():
        _log.info("%s: %d of %d rows belong to no site of this dataset", path, int((~is_ours).sum()), len(table))
    return of


def _degrees(table: pd.DataFrame, axis: str, limit: float, path: Path) -> np.ndarray:
    values = pd.to_numeric(table[axis], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if (bad := ~(np.abs(values) <= limit)).any():
        row = int(bad.argmax())
        raise UserError(
            f"{path}: line {row + 2}, column {axis!r}: {table[axis].iloc[row]!r} is outside -{limit:g}..{limit:g}",
            "write degrees (WGS 84), longitude in lon and latitude in lat",
        )
    return values


def _read_wide(table: pd.DataFrame, row: int, path: Path, names: list[str]) -> list[_Id]:
    columns = sorted((c for c in table.columns if _WIDE.fullmatch(c)), key=lambda c: int(_WIDE.fullmatch(c)[1]))
    ids: list[_Id] = []
    for column in columns:
        position = int(_WIDE.fullmatch(column)[1]) - 1
        value = table[column].iloc[row]
        if value.lower() in _EMPTY:
            continue
        at = f"{path}: line {row + 2}, column {column!r}"
        if position >= len(names):
            raise UserError(
                f"{at}: {value!r} is one image too many: the seasons of this dataset are {', '.join(names)}",
                "drop the column, or take a season rule with as many seasons as the table has images",
            )
        one = _Id(row + 2, column, *_parse(value, "", at), position, None)
        # An image that stands twice would teach that two seasons are one.
        if one.scene_id not in [i.scene_id for i in ids]:
            ids.append(one)
    return ids


def _read_long(table: pd.DataFrame, row: int, path: Path, names: list[str]) -> list[_Id]:
    value, season = table["image_id"].iloc[row], table["season"].iloc[row]
    if season not in names:
        raise UserError(
            f"{path}: line {row + 2}, column 'season': {season!r} is none of this dataset's",
            f"choose from {', '.join(names)}",
        )
    if value.lower() in _EMPTY:
        return []
    when = table["time"].iloc[row] if "time" in table else ""
    at = f"{path}: line {row + 2}, column 'image_id'"
    return [_Id(row + 2, "image_id", *_parse(value, when, at), None, season)]


def _add(known: list[_Id], more: list[_Id], path: Path, site: str) -> None:
    """Rows of a long table: one image a season."""
    for one in more:
        other = next((i for i in known if i.season == one.season or i.scene_id == one.scene_id), None)
        if other is None:
            known.append(one)
        elif (other.season, other.scene_id) != (one.season, one.scene_id):
            raise UserError(
                f"{path}: line {one.line}: site {site}, season {one.season!r}: {one.scene_id!r} stands against line "
                f"{other.line} ({other.season}: {other.scene_id})",
                "keep one image a season, and no image for two",
            )


def _parse(value: str, when: str, at: str) -> tuple[str, pd.Timestamp]:
    """Scene id without its collection, and the time of acquisition (UTC)."""
    scene_id = value.rsplit("/", 1)[-1]
    found = _TIME.search(scene_id)
    time = pd.to_datetime(
        when or (found[1] if found else ""), format=None if when else "%Y%m%dT%H%M%S", utc=True, errors="coerce"
    )
    if pd.isna(time):
        raise UserError(
            f"{at}: {value!r} does not tell when it was taken" + (f", nor does time {when!r}" if when else ""),
            "write ids such as 20230811T105629_20230811T105939_T30TYN; a table with season and image_id may have a "
            "column time (2023-08-11T10:56:29)",
        )
    return scene_id, time.as_unit("us")


# ---------------------------------------------------------------------------------------------------------- the seasons
class _Middles:
    """The intervals of each site: season, first moment, noon of the middle day, and the moment after the last."""

    def __init__(self, seasons: pd.DataFrame) -> None:
        day = pd.Timedelta(days=1)
        first, middle, last = (seasons[name].dt.tz_localize("UTC") for name in ("first", "middle", "last"))
        self._of: dict[str, list[tuple[str, pd.Timestamp, pd.Timestamp, pd.Timestamp]]] = {}
        for site, *one in zip(seasons["site_id"], seasons["season"], first, middle + day / 2, last + day, strict=True):
            self._of.setdefault(site, []).append(tuple(one))

    def seasons(self, site: str, time: pd.Timestamp) -> list[str]:
        """Seasons of the site in whose days a time lies, the one with the nearest middle first."""
        some = self._of.get(site, [])
        holds = [(abs(time - noon), name) for name, first, noon, after in some if first <= time < after]
        return list(dict.fromkeys(name for _, name in sorted(holds)))

    def days(self, site: str, season: str, time: pd.Timestamp) -> float:
        """Days from the nearest middle of a season; NaN where the site has no such season."""
        days = [(time - noon) / pd.Timedelta(days=1) for name, _, noon, _ in self._of.get(site, []) if name == season]
        return min(days, key=abs, default=np.nan)


def _place(site: str, ids: list[_Id], names: list[str], middles: _Middles) -> dict[str, tuple[_Id, str]]:
    """The season of each of a site's ids, with how it was found."""
    placed: dict[str, tuple[_Id, str]] = {}
    for one in ids:
        if one.season is not None:
            placed[one.season] = (one, "for this season")
    wide = [i for i in ids if i.season is None]
    # By the day. Of two that fall into one season, that of its position comes first, then the one nearer to its middle.
    claims = [
        (rank, names[one.position] != season, abs(middles.days(site, season, one.time)), one.position, season, one)
        for one in wide
        for rank, season in enumerate(middles.seasons(site, one.time))
        if season in names
    ]
    seated: set[str] = set()
    for *_, season, one in sorted(claims, key=lambda claim: claim[:5]):
        if season not in placed and one.scene_id not in seated:
            placed[season] = (one, "by its day")
            seated.add(one.scene_id)
    for one in wide:
        if one.scene_id not in seated and names[one.position] not in placed:
            placed[names[one.position]] = (one, "by its position, as its day lies in no other season that is free")
            seated.add(one.scene_id)
    for one in wide:
        if one.scene_id not in seated:
            left = next(n for n in names if n not in placed)
            placed[left] = (one, "for the season that is left, as those of its day and its position have another image")
            seated.add(one.scene_id)
    return placed
