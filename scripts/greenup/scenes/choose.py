"""Choosing one scene for each site and season, with the reason."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from greenup.config.data import Scenes
from greenup.grids import grid_for_site
from greenup.imagery import ImagerySource
from greenup.schemas import SCENES, SEASONS

_ORDERS: dict[str, tuple[list[str], list[bool], str]] = {
    "cloud": (["cloud", "distance"], [True, True], "least cloud"),
    "mid": (["distance", "cloud"], [True, True], "nearest to mid-season"),
    "recent": (["time", "cloud"], [False, True], "latest"),
}
"""Sort keys, whether ascending, and the words for the reason. Equals are ordered by scene_id."""

_KEY = ["site_id", "season"]

_log = logging.getLogger(__name__)


def choose_scenes(
    sites: pd.DataFrame,
    seasons: pd.DataFrame,
    source: ImagerySource,
    scenes: Scenes,
    *,
    size_px: int,
    native_m: list[int] | tuple[int, ...],
) -> pd.DataFrame:
    """The `SCENES` table: a row for each of ``sites`` and each season, chosen or not.

    ``sites``: rows of the `SITES` table (one shard). ``seasons``: the `INTERVALS` table, of these sites or of the whole
    dataset: which seasons the rule has is read from all of it, so that a site without dates has a row *no_season* for
    each (a table without intervals names no season and gives no rows). ``source`` is searched once. Patches are
    ``size_px`` pixels of 10 m a side with bands of ``native_m`` (m); sources that measure cloud over the patch need
    their grids.

    Scenes below ``scenes.max_cloud`` are candidates, ordered by ``scenes.order`` (SSL4Eco's appendix A-1 takes the
    least cloud, its A-3 the nearest to mid-season, SeCo and SSL4EO-S12 the latest). A scene that lies in two seasons of
    a site, as on the day where they meet, stands for the one whose middle is nearer, so that no image stands for two
    seasons.
    """
    sites = sites.reset_index(drop=True)
    rows = _rows(sites, seasons)
    if rows.empty:
        return SCENES.check(pd.DataFrame({c.name: [] for c in SCENES.columns}), "scenes")
    intervals = seasons[seasons["site_id"].isin(sites["site_id"])].reset_index(drop=True)
    found = _search(sites, intervals, source, size_px, tuple(native_m))
    found = found.assign(clear=found["cloud"] < scenes.max_cloud)
    by, ascending, words = _ORDERS[scenes.order]
    best = (
        found[found["clear"]]
        .sort_values([*by, "scene_id"], ascending=[*ascending, True], kind="stable")
        .drop_duplicates(_KEY)
        .assign(chosen=True)
    )
    counts = found.groupby(_KEY).agg(candidates=("scene_id", "size"), clear=("clear", "sum"), least=("cloud", "min"))
    has_interval = intervals[_KEY].drop_duplicates().assign(interval=True)
    table = (
        rows.merge(best.drop(columns="clear"), on=_KEY, how="left")
        .merge(counts.reset_index(), on=_KEY, how="left")
        .merge(has_interval, on=_KEY, how="left")
    )
    table["candidates"] = table["candidates"].fillna(0).astype("int64")
    table["clear"] = table["clear"].fillna(0).astype("int64")
    # In this order, each state overrides the one before.
    status = np.full(len(table), "cloudy", dtype=object)
    status[(table["candidates"] == 0).to_numpy()] = "no_scene"
    status[table["interval"].isna().to_numpy()] = "no_season"
    status[table["chosen"].notna().to_numpy()] = "chosen"
    table["status"] = status
    table["reason"] = _reasons(table, scenes.max_cloud, words)
    counted = table["status"].value_counts()
    _log.info("scenes: %s", ", ".join(f"{n} {name}" for name, n in _in_order(counted)))
    return SCENES.check(table[[c.name for c in SCENES.columns]], "scenes")


def _in_order(counted: pd.Series) -> list[tuple[str, int]]:
    """Status and number, in the order in which a reader wants them."""
    return [(s, int(counted[s])) for s in ("chosen", "cloudy", "no_scene", "no_season") if s in counted]


def season_names(seasons: pd.DataFrame) -> list[str]:
    """The seasons of a rule, in the order of the year where it has the four of `SEASONS`, else as they first appear."""
    names = seasons["season"].drop_duplicates().tolist()
    return sorted(names, key=SEASONS.index) if set(names) <= set(SEASONS) else names


def _rows(sites: pd.DataFrame, seasons: pd.DataFrame) -> pd.DataFrame:
    names = season_names(seasons)
    return pd.DataFrame(
        {"site_id": np.repeat(sites["site_id"].to_numpy(dtype=object), len(names)), "season": names * len(sites)}
    ).astype("string")


def _search(
    sites: pd.DataFrame, intervals: pd.DataFrame, source: ImagerySource, size_px: int, native_m: tuple[int, ...]
) -> pd.DataFrame:
    """All scenes inside the intervals, once for each season of a site, with days_from_middle and distance (days)."""
    columns = [*_KEY, "scene_id", "time", "cloud", "cloud_of", "days_from_middle", "distance"]
    if intervals.empty:
        return pd.DataFrame({c: pd.Series(dtype="float64" if c == "cloud" else "object") for c in columns})
    searched = sites[sites["site_id"].isin(intervals["site_id"])].reset_index(drop=True)
    grids = [
        grid_for_site(lon, lat, size_px, native_m) for lon, lat in zip(searched["lon"], searched["lat"], strict=True)
    ]
    found = source.search(searched, intervals, grids)
    found = found.astype({"site_id": "string", "season": "string", "scene_id": "string", "cloud_of": "string"})
    found["cloud"] = found["cloud"].astype("float64")
    found["time"] = pd.to_datetime(found["time"], utc=True).astype("datetime64[us, UTC]")
    bounds = intervals[[*_KEY, "first", "middle", "last"]].astype({"site_id": "string", "season": "string"})
    for name in ("first", "middle", "last"):
        bounds[name] = bounds[name].astype("datetime64[us]").dt.tz_localize("UTC")
    # Of a site and season's intervals, which never overlap, the one that began last before the scene.
    found = pd.merge_asof(
        found.sort_values(["time", "scene_id"], kind="stable"),
        bounds.sort_values("first", kind="stable"),
        left_on="time",
        right_on="first",
        by=_KEY,
    )
    # The last day is included, all of it.
    found = found[found["time"] < found["last"] + pd.Timedelta(days=1)].drop_duplicates([*_KEY, "scene_id"])
    # A middle day stands for its noon.
    found["days_from_middle"] = (found["time"] - found["middle"] - pd.Timedelta(hours=12)) / pd.Timedelta(days=1)
    found["distance"] = found["days_from_middle"].abs()
    nearest = found.sort_values(["distance", "season"], kind="stable").drop_duplicates(["site_id", "scene_id"])
    return nearest[columns].reset_index(drop=True)


def _reasons(table: pd.DataFrame, max_cloud: float, words: str) -> np.ndarray:
    """Why each row is what it is, in words."""
    limit = f"{max_cloud:g} % cloud"
    total, clear = table["candidates"].astype(str), table["clear"].astype(str)
    least = table["least"].astype("float64").round(1)
    chosen = f"{words} of those below {limit} (" + clear + " of " + total + " candidates)"
    cloudy = f"none below {limit} (" + total + " candidates); the least is " + least.map("{:g} %".format)
    unknown = "no candidate of " + total + " tells its cloud"
    return np.select(
        [
            table["status"] == "chosen",
            (table["status"] == "cloudy") & least.notna(),
            table["status"] == "cloudy",
            table["status"] == "no_scene",
        ],
        [chosen, cloudy, unknown, "no scene in the archive in these days"],
        "the season rule gives this site no such season",
    )
