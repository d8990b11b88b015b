"""Choosing one scene for each site and season, with the reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from greenup.config.data import Scenes
from greenup.imagery import ImagerySource
from greenup.scenes.candidates import find_candidates
from greenup.scenes.pick import KEY, ORDERS, best, over_patches
from greenup.schemas import SCENES, SEASONS

_log = logging.getLogger(__name__)


def choose_scenes(
    sites: pd.DataFrame,
    seasons: pd.DataFrame,
    source: ImagerySource,
    scenes: Scenes,
    *,
    size_px: int,
    native_m: list[int] | tuple[int, ...],
    names: Sequence[str] | None = None,
    has_cloud: bool = True,
) -> pd.DataFrame:
    """The `SCENES` table: a row for each of ``sites`` and each season, chosen or not.

    ``sites``: rows of the `SITES` table (one shard). ``seasons``: the `INTERVALS` table, of these sites or of the whole
    dataset. ``names``: the seasons of the dataset, by default those in ``seasons``: a site without dates has a row
    *no_season* for each (a dataset without intervals names no season and gives no rows). ``source`` is searched once.
    Patches are ``size_px`` pixels of 10 m a side with bands of ``native_m`` (m). ``has_cloud``: whether clouds matter
    to these images; for radar ``scenes.max_cloud`` is not looked at, and order cloud means nearest to mid-season.

    Scenes below ``scenes.max_cloud`` are candidates, ordered by ``scenes.order`` (`greenup.scenes.pick.ORDERS`). Those
    of an interval with ``choice`` 1 stand back behind all of choice 0. A scene that lies in two seasons of a site, as
    on the day where they meet, stands for the one whose middle is nearer, so that no image stands for two seasons. With
    ``scenes.cloud_of: patch`` the cloud is measured over the patch, for the best candidates only
    (`greenup.scenes.pick.best`); raises `UserError` for a source that cannot. Radar has a further column ``orbit``.
    """
    native_m = tuple(native_m)
    sites = sites.reset_index(drop=True)
    rows = rows_of(sites, season_names(seasons["season"] if names is None else names))
    if rows.empty:
        return finished(pd.DataFrame({c.name: [] for c in SCENES.columns}))
    intervals = seasons[seasons["site_id"].isin(sites["site_id"])].reset_index(drop=True)
    intervals = intervals.astype({"site_id": "string", "season": "string"})
    measure = over_patches(source, sites, size_px, native_m) if has_cloud and scenes.cloud_of == "patch" else None
    found = find_candidates(sites, intervals, source, size_px, native_m, has_cloud=has_cloud)
    order = ORDERS[scenes.order if has_cloud or scenes.order == "recent" else "mid"]
    max_cloud = scenes.max_cloud if has_cloud else None
    taken, counts = best(found, order, max_cloud, measure, threads=getattr(source, "requests", 1))
    table = with_status(rows, with_orbit(taken, source, has_cloud), counts).merge(
        _nights(intervals), on=KEY, how="left"
    )
    table.loc[table["days"].isna(), "status"] = "no_season"
    table["reason"] = _reasons(table, order.words, max_cloud, measured=measure is not None)
    return finished(table)


def season_names(names: Iterable[str]) -> list[str]:
    """Each season once, in the order of the year where they are of `SEASONS`, else as they first appear."""
    names = list(dict.fromkeys(names))
    return sorted(names, key=SEASONS.index) if set(names) <= set(SEASONS) else names


def rows_of(sites: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Every site with every season, in the order of both."""
    return pd.DataFrame(
        {"site_id": np.repeat(sites["site_id"].to_numpy(dtype=object), len(names)), "season": list(names) * len(sites)}
    ).astype("string")


def with_status(rows: pd.DataFrame, taken: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with the scenes taken, their counts (`greenup.scenes.pick.best`) and a status: chosen where one was
    taken, cloudy where all candidates were left, no_scene where there was none."""
    text = {"site_id": "string", "season": "string"}
    table = rows.merge(taken.assign(status="chosen").astype(text), on=KEY, how="left")
    table = table.merge(counts.astype(text), on=KEY, how="left")
    for name in ("candidates", "clear", "measured"):
        table[name] = table[name].fillna(0).astype("int64")
    left = pd.Series(np.where(table["candidates"] > 0, "cloudy", "no_scene"), index=table.index)
    table["status"] = table["status"].astype("object").where(table["status"].notna(), left)
    return table


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """The `SCENES` table of rows that have all of its columns (``orbit`` if radar); counts are logged."""
    counted = table["status"].value_counts()
    _log.info("scenes: %s", ", ".join(f"{n} {name}" for name, n in counted.items()) or "no site has a season")
    return SCENES.check(table[[c.name for c in SCENES.columns if c.name in table]], "scenes")


def with_orbit(taken: pd.DataFrame, source: ImagerySource, has_cloud: bool) -> pd.DataFrame:
    """Scenes taken; those of radar with the direction of their orbit (ascending, descending), asked of the source where
    its search does not tell: from the other side a place is another image."""
    if has_cloud or "orbit" in taken or not hasattr(source, "orbit"):
        return taken
    scenes = taken["scene_id"].unique()
    with ThreadPoolExecutor(max(1, getattr(source, "requests", 1))) as pool:
        orbits = dict(zip(scenes, pool.map(source.orbit, scenes), strict=True))
    return taken.assign(orbit=taken["scene_id"].map(orbits).astype("string"))


def limit_words(max_cloud: float | None, measured: bool) -> str:
    """`` below 20 % cloud over the patch``; nothing where cloud does not count."""
    if max_cloud is None:
        return ""
    return f" below {max_cloud:g} % cloud{' over the patch' if measured else ''}"


def why_cloudy(table: pd.DataFrame, limit: str) -> pd.Series:
    """Why none of a season's candidates was taken, with the least cloud found."""
    total, least = table["candidates"].astype(str), table["least"].astype("float64").round(1)
    cloudy = "none" + limit + " (" + total + " candidates); the least is " + least.map("{:g} %".format)
    return cloudy.where(least.notna(), "no candidate of " + total + " tells its cloud")


def _nights(intervals: pd.DataFrame) -> pd.DataFrame:
    """Of each site and season that has intervals: their days, and on how many of them the sun does not rise."""
    days = (intervals["last"] - intervals["first"]).dt.days + 1
    return intervals.assign(days=days).groupby(KEY, as_index=False)[["days", "dark_days"]].sum()


def _reasons(table: pd.DataFrame, words: str, max_cloud: float | None, *, measured: bool) -> np.ndarray:
    """Why each row is what it is, in words."""
    limit = limit_words(max_cloud, measured)
    total = table["candidates"].astype(str)
    if max_cloud is None:
        chosen = words + " of " + total + " candidates"
    elif measured:
        chosen = words + " of those" + limit + " (" + table["measured"].astype(str) + " of " + total
        chosen = chosen + " candidates measured)"
    else:
        chosen = words + " of those" + limit + " (" + table["clear"].astype(str) + " of " + total + " candidates)"
    second = chosen + "; from the second choice of days, the first has none"
    none = pd.Series("no scene in the archive in these days", index=table.index)
    days, dark, choice = (table[name].fillna(0).astype("int64") for name in ("days", "dark_days", "choice"))
    some_dark = none + "; polar night on " + dark.astype(str) + " of the " + days.astype(str)
    return np.select(
        [
            (table["status"] == "chosen") & (choice > 0),
            table["status"] == "chosen",
            table["status"] == "cloudy",
            (table["status"] == "no_scene") & (dark == days),
            (table["status"] == "no_scene") & (dark > 0),
            table["status"] == "no_scene",
        ],
        [second, chosen, why_cloudy(table, limit), none + ": polar night on all of them", some_dark, none],
        "the season rule gives this site no such season",
    )
