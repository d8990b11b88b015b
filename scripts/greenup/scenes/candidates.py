"""What an image source offers for the intervals of sites, in one form whatever the source."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.imagery import ImagerySource
from greenup.scenes.pick import KEY, grids_of

COLUMNS = (*KEY, "scene_id", "time", "cloud", "cloud_of", "choice", "days_from_middle", "distance")


def find_candidates(
    sites: pd.DataFrame,
    intervals: pd.DataFrame,
    source: ImagerySource,
    size_px: int,
    native_m: tuple[int, ...],
    *,
    has_cloud: bool = True,
) -> pd.DataFrame:
    """All scenes inside the intervals (an `INTERVALS` table), each for one season of a site; columns `COLUMNS`.

    Further columns of a source, such as the ``orbit`` of radar, are kept. Without ``has_cloud`` the cloud is unknown,
    whatever a source writes there.
    ``distance`` is that of ``days_from_middle`` (days) from 0. The source is searched once, for the sites that have
    intervals. A scene that lies in two seasons of a site, as on the day where they meet, stands for the one whose
    middle is nearer.
    """
    if intervals.empty:
        empty = pd.DataFrame({c: pd.Series(dtype="float64" if c == "cloud" else "object") for c in COLUMNS})
        return empty.assign(time=pd.Series(dtype="datetime64[us, UTC]"))
    searched = sites[sites["site_id"].isin(intervals["site_id"])].reset_index(drop=True)
    found = source.search(searched, intervals, grids_of(searched, size_px, native_m))
    found = found.astype({"site_id": "string", "season": "string", "scene_id": "string", "cloud_of": "string"})
    if not has_cloud:
        found = found.assign(cloud=np.nan, cloud_of=pd.Series(pd.NA, index=found.index, dtype="string"))
    found["cloud"] = found["cloud"].astype("float64")
    found["time"] = pd.to_datetime(found["time"], utc=True).astype("datetime64[us, UTC]")
    bounds = intervals[[*KEY, "first", "middle", "last", "choice"]].copy()
    for name in ("first", "middle", "last"):
        bounds[name] = bounds[name].astype("datetime64[us]").dt.tz_localize("UTC")
    # Of a site and season's intervals, which never overlap, the one that began last before the scene.
    found = pd.merge_asof(
        found.sort_values(["time", "scene_id"], kind="stable"),
        bounds.sort_values("first", kind="stable"),
        left_on="time",
        right_on="first",
        by=KEY,
    )
    # The last day is included, all of it.
    found = found[found["time"] < found["last"] + pd.Timedelta(days=1)].drop_duplicates([*KEY, "scene_id"])
    # A middle day stands for its noon.
    found["days_from_middle"] = (found["time"] - found["middle"] - pd.Timedelta(hours=12)) / pd.Timedelta(days=1)
    found["distance"] = found["days_from_middle"].abs()
    return of_one_season(found).drop(columns=["first", "middle", "last"])


def of_one_season(found: pd.DataFrame) -> pd.DataFrame:
    """Candidates of which none stands for two seasons of a site: it stays with the one that it is nearer to."""
    nearest = found.sort_values(["choice", "distance", "season"], kind="stable")
    return nearest.drop_duplicates(["site_id", "scene_id"]).reset_index(drop=True)
