"""Scenes in pairs: of each site and season, the one nearest in time to the scene that another dataset has chosen."""

from __future__ import annotations

import pandas as pd

from greenup.config.data import Scenes
from greenup.errors import UserError
from greenup.imagery import ImagerySource
from greenup.scenes.candidates import find_candidates, of_one_season
from greenup.scenes.choose import finished, limit_words, why_cloudy, with_orbit, with_status
from greenup.scenes.pick import IN_TIME, KEY, best, over_patches


def pair_scenes(
    sites: pd.DataFrame,
    other: pd.DataFrame,
    source: ImagerySource,
    scenes: Scenes,
    *,
    size_px: int,
    native_m: list[int] | tuple[int, ...],
    has_cloud: bool = True,
) -> pd.DataFrame:
    """The `SCENES` table of a shard, paired with that of the same shard of another dataset.

    ``sites``: the shard's rows of the `SITES` table. ``other``: the `SCENES` table of ``scenes.pair_with``. Of the
    scenes at most ``scenes.pair_days`` days before or after the other's, and below ``scenes.max_cloud`` where
    ``has_cloud``, the nearest in time is taken, whether or not it lies in the season's own days;
    ``days_from_middle`` is counted from the middle of the season as the other's is. Of two that are equally near, the
    one with less cloud. A season that the other has no scene for has none here, for the same reason. Radar has a
    further column ``orbit``.

    Raises `UserError` when ``other`` is of other sites, or when a source cannot measure cloud over patches that is
    asked to (``scenes.cloud_of: patch``).
    """
    native_m = tuple(native_m)
    name = scenes.pair_with
    if len(other) and set(other["site_id"]) != set(sites["site_id"]):
        raise UserError(
            f"scenes.pair_with: the scenes of {name!r} are not of the sites of this shard",
            f"take its sites, sites: {{sampler: dataset, dataset: {name}}}, and make the scenes again",
        )
    if other.empty:
        return finished(other)
    sites = sites.reset_index(drop=True)
    partner = other[[*KEY, "status", "time", "days_from_middle", "reason"]].rename(columns=lambda c: _THEIRS.get(c, c))
    wanted = partner[partner["their_status"] == "chosen"]
    measure = over_patches(source, sites, size_px, native_m) if has_cloud and scenes.cloud_of == "patch" else None
    found = find_candidates(sites, _round(wanted, scenes.pair_days), source, size_px, native_m, has_cloud=has_cloud)
    found = found.drop(columns="days_from_middle").merge(wanted, on=KEY)
    found["apart"] = (found["time"] - found["their_time"]) / pd.Timedelta(days=1)
    found["distance"] = found["apart"].abs()
    found = of_one_season(found[found["distance"] <= scenes.pair_days])
    found["days_from_middle"] = found["their_days"] + found["apart"]
    found = found.drop(columns=list(_THEIRS.values()))
    max_cloud = scenes.max_cloud if has_cloud else None
    taken, counts = best(found, IN_TIME, max_cloud, measure, threads=getattr(source, "requests", 1))
    rows = partner[KEY].astype("string")
    table = with_status(rows, with_orbit(taken, source, has_cloud), counts).merge(partner, on=KEY, how="left")
    alone = table["their_status"] != "chosen"
    # What the other has no season for has none here either; else it is a scene that is lacking, the other's.
    table.loc[alone, "status"] = table.loc[alone, "their_status"].where(lambda s: s == "no_season", "no_scene")
    table["reason"] = _reasons(table, scenes, limit_words(max_cloud, measure is not None))
    return finished(table)


_THEIRS = {"status": "their_status", "time": "their_time", "days_from_middle": "their_days", "reason": "their_reason"}


def _round(wanted: pd.DataFrame, days: float) -> pd.DataFrame:
    """Search intervals (an `INTERVALS` table): all days that lie, if only in part, within ``days`` of a scene."""
    reach = pd.Timedelta(days=days)
    first, middle, last = (
        (wanted["their_time"] + shift).dt.tz_localize(None).dt.floor("D") for shift in (-reach, pd.Timedelta(0), reach)
    )
    return (
        wanted[KEY]
        .assign(year=first.dt.year.astype("int64"), first=first, middle=middle, last=last, choice=0, dark_days=0)
        .reset_index(drop=True)
    )


def _reasons(table: pd.DataFrame, scenes: Scenes, limit: str) -> pd.Series:
    name, days = scenes.pair_with, f"{scenes.pair_days:g} days"
    day = table["their_time"].dt.strftime("%Y-%m-%d")
    hours = (table["apart"].astype("float64").abs() * 24).round(1)
    apart = hours.map(lambda h: f"{h:g} h" if h < 48 else f"{h / 24:.1f} days")
    side = table["apart"].astype("float64").map(lambda d: "before" if d < 0 else "after")
    total = table["candidates"].astype(str)
    reason = pd.Series(f"{name} has no scene to pair with: ", index=table.index) + table["their_reason"].astype(str)
    within = table["their_status"] == "chosen"
    chosen = f"nearest in time to {name}'s of " + day + ", " + apart + " " + side + " it (" + total
    chosen = chosen + f" candidates within {days}" + (f", taken{limit})" if limit else ")")
    cloudy = why_cloudy(table, limit) + f", within {days} of {name}'s of " + day
    too_far = f"no scene within {days} of {name}'s of " + day + ": any other is too far to pair"
    for status, words in (("chosen", chosen), ("cloudy", cloudy), ("no_scene", too_far)):
        reason = reason.where(~(within & (table["status"] == status)), words)
    return reason
