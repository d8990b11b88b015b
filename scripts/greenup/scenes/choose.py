"""Choosing one scene for each site and season, with the reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

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
    names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The `SCENES` table: a row for each of ``sites`` and each season, chosen or not.

    ``sites``: rows of the `SITES` table (one shard). ``seasons``: the `INTERVALS` table, of these sites or of the whole
    dataset. ``names``: the seasons of the dataset, by default those in ``seasons``: a site without dates has a row
    *no_season* for each (a dataset without intervals names no season and gives no rows). ``source`` is searched once.
    Patches are ``size_px`` pixels of 10 m a side with bands of ``native_m`` (m); sources that measure cloud over the
    patch need their grids.

    Scenes below ``scenes.max_cloud`` are candidates, ordered by ``scenes.order`` (SSL4Eco's appendix A-1 takes the
    least cloud, its A-3 the nearest to mid-season, SeCo and SSL4EO-S12 the latest). Those of an interval with
    ``choice`` 1 stand back behind all of choice 0. A scene that lies in two seasons of a site, as on the day where they
    meet, stands for the one whose middle is nearer, so that no image stands for two seasons.
    """
    sites = sites.reset_index(drop=True)
    rows = _rows(sites, season_names(seasons["season"] if names is None else names))
    if rows.empty:
        return SCENES.check(pd.DataFrame({c.name: [] for c in SCENES.columns}), "scenes")
    intervals = seasons[seasons["site_id"].isin(sites["site_id"])].reset_index(drop=True)
    intervals = intervals.astype({"site_id": "string", "season": "string"})
    found = _search(sites, intervals, source, size_px, tuple(native_m))
    found = found.assign(clear=found["cloud"] < scenes.max_cloud)
    by, ascending, words = _ORDERS[scenes.order]
    best = (
        found[found["clear"]]
        .sort_values(["choice", *by, "scene_id"], ascending=[True, *ascending, True], kind="stable")
        .drop_duplicates(_KEY)
        .assign(chosen=True)
    )
    counts = found.groupby(_KEY).agg(candidates=("scene_id", "size"), clear=("clear", "sum"), least=("cloud", "min"))
    table = (
        rows.merge(best.drop(columns="clear"), on=_KEY, how="left")
        .merge(counts.reset_index(), on=_KEY, how="left")
        .merge(_nights(intervals), on=_KEY, how="left")
    )
    table["candidates"] = table["candidates"].fillna(0).astype("int64")
    table["clear"] = table["clear"].fillna(0).astype("int64")
    # In this order, each state overrides the one before.
    status = np.full(len(table), "cloudy", dtype=object)
    status[(table["candidates"] == 0).to_numpy()] = "no_scene"
    status[table["days"].isna().to_numpy()] = "no_season"
    status[table["chosen"].notna().to_numpy()] = "chosen"
    table["status"] = status
    table["reason"] = _reasons(table, scenes.max_cloud, words)
    counted = table["status"].value_counts()
    _log.info("scenes: %s", ", ".join(f"{n} {name}" for name, n in _in_order(counted)))
    return SCENES.check(table[[c.name for c in SCENES.columns]], "scenes")


def _in_order(counted: pd.Series) -> list[tuple[str, int]]:
    """Status and number, in the order in which a reader wants them."""
    return [(s, int(counted[s])) for s in ("chosen", "cloudy", "no_scene", "no_season") if s in counted]


def season_names(names: Iterable[str]) -> list[str]:
    """Each season once, in the order of the year where they are of `SEASONS`, else as they first appear."""
    names = list(dict.fromkeys(names))
    return sorted(names, key=SEASONS.index) if set(names) <= set(SEASONS) else names


def _rows(sites: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"site_id": np.repeat(sites["site_id"].to_numpy(dtype=object), len(names)), "season": names * len(sites)}
    ).astype("string")


def _nights(intervals: pd.DataFrame) -> pd.DataFrame:
    """Of each site and season that has intervals: their days, and on how many of them the sun does not rise."""
    days = (intervals["last"] - intervals["first"]).dt.days + 1
    return intervals.assign(days=days).groupby(_KEY, as_index=False)[["days", "dark_days"]].sum()


def _search(
    sites: pd.DataFrame, intervals: pd.DataFrame, source: ImagerySource, size_px: int, native_m: tuple[int, ...]
) -> pd.DataFrame:
    """All scenes inside the intervals, once for each season of a site, with days_from_middle and distance (days)."""
    columns = [*_KEY, "scene_id", "time", "cloud", "cloud_of", "choice", "days_from_middle", "distance"]
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
    bounds = intervals[[*_KEY, "first", "middle", "last", "choice"]].copy()
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
    nearest = found.sort_values(["choice", "distance", "season"], kind="stable").drop_duplicates(
        ["site_id", "scene_id"]
    )
    return nearest[columns].reset_index(drop=True)


def _reasons(table: pd.DataFrame, max_cloud: float, words: str) -> np.ndarray:
    """Why each row is what it is, in words."""
    limit = f"{max_cloud:g} % cloud"
    total, clear = table["candidates"].astype(str), table["clear"].astype(str)
    least = table["least"].astype("float64").round(1)
    chosen = f"{words} of those below {limit} (" + clear + " of " + total + " candidates)"
    second = chosen + "; from the second choice of days, the first has none"
    cloudy = f"none below {limit} (" + total + " candidates); the least is " + least.map("{:g} %".format)
    unknown = "no candidate of " + total + " tells its cloud"
    none = pd.Series("no scene in the archive in these days", index=table.index)
    days, dark, choice = (table[name].fillna(0).astype("int64") for name in ("days", "dark_days", "choice"))
    some_dark = none + "; polar night on " + dark.astype(str) + " of the " + days.astype(str)
    return np.select(
        [
            (table["status"] == "chosen") & (choice > 0),
            table["status"] == "chosen",
            (table["status"] == "cloudy") & least.notna(),
            table["status"] == "cloudy",
            (table["status"] == "no_scene") & (dark == days),
            (table["status"] == "no_scene") & (dark > 0),
            table["status"] == "no_scene",
        ],
        [second, chosen, cloudy, unknown, none + ": polar night on all of them", some_dark, none],
        "the season rule gives this site no such season",
    )
