"""The best of several candidates: by an order, below a limit of cloud that may be measured over the patch."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery import ImagerySource, SceneMissing
from greenup.imagery.patience import Patience, patiently

KEY = ["site_id", "season"]

Measure = Callable[[str, str], float | None]
"""Cloud (percent) over a site's patch in a scene; None where the source cannot tell."""


@dataclass(frozen=True)
class Order:
    """Columns by which candidates are ordered, the names of those that fall, and words for the reason.

    Equals are ordered by scene_id, so that the choice never depends on the order of rows.
    """

    by: tuple[str, ...]
    words: str
    falling: tuple[str, ...] = ()


ORDERS: dict[str, Order] = {
    "cloud": Order(("cloud", "distance"), "least cloud"),
    "mid": Order(("distance", "cloud"), "nearest to mid-season"),
    "recent": Order(("time", "cloud"), "latest", falling=("time",)),
}
"""SSL4Eco's appendix A-1 takes the least cloud, its A-3 the nearest to mid-season, SeCo and SSL4EO-S12 the latest."""

IN_TIME = Order(("distance", "cloud"), "nearest in time")
"""Of a paired dataset: ``distance`` is that from the other's scene."""


def best(
    found: pd.DataFrame, order: Order, max_cloud: float | None, measure: Measure | None = None, *, threads: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scene taken for each site and season, and counts of all that have candidates.

    ``found``: candidates with site_id, season, scene_id, time, cloud (percent), cloud_of, ``choice`` (those of 1 stand
    behind all of 0) and the columns of ``order``. A scene is taken only if its cloud is known and below ``max_cloud``;
    with None cloud counts for nothing (radar).

    With ``measure`` the limit speaks of the patch, and as few scenes as possible are measured: the best by what is
    known is measured, goes back among the others with its new number, and is taken once it is the best again and below
    the limit. A scene whose tile's cloud is unknown is measured before it is passed over, and one that cannot be
    measured keeps its tile's number.

    Returns the rows taken (at most one a site and season), with cloud and cloud_of as measured, and site_id, season,
    candidates, clear (below the limit), least (cloud, percent), measured.
    """
    if measure is not None:
        return _best_measured(found, order, max_cloud, measure, threads)
    found = found.assign(clear=True if max_cloud is None else found["cloud"] < max_cloud)
    taken = _sorted(found[found["clear"]], order).drop_duplicates(KEY).drop(columns="clear")
    counts = found.groupby(KEY).agg(candidates=("scene_id", "size"), clear=("clear", "sum"), least=("cloud", "min"))
    return taken, counts.reset_index().assign(measured=0)


def over_patches(
    source: ImagerySource,
    sites: pd.DataFrame,
    size_px: int,
    native_m: tuple[int, ...],
    patience: Patience | None = None,
) -> Measure:
    """How a source measures cloud over the patches of these sites; failures that may pass are tried again.

    Raises `UserError` for a source that cannot.
    """
    if not getattr(source, "measures_patch_cloud", False):
        raise UserError(
            "scenes.cloud_of: 'patch', but this image source cannot measure cloud over a patch",
            "write scenes: {cloud_of: tile}; it is measured by the scene classification (SCL) of L2A images",
        )
    patience = patience or Patience()
    grids = dict(zip(sites["site_id"], grids_of(sites, size_px, native_m), strict=True))

    def measure(site_id: str, scene_id: str) -> float | None:
        grid = grids[site_id]
        return patiently(lambda: source.patch_cloud(scene_id, grid), patience, "patch cloud", scene_id, grid.key)

    return measure


def grids_of(sites: pd.DataFrame, size_px: int, native_m: tuple[int, ...]) -> list[PatchGrid]:
    """The patch grid of each site, in the order of ``sites``."""
    return [grid_for_site(lon, lat, size_px, native_m) for lon, lat in zip(sites["lon"], sites["lat"], strict=True)]


def _sorted(found: pd.DataFrame, order: Order) -> pd.DataFrame:
    columns = ["choice", *order.by, "scene_id"]
    return found.sort_values(columns, ascending=[c not in order.falling for c in columns], kind="stable")


def _best_measured(
    found: pd.DataFrame, order: Order, max_cloud: float | None, measure: Measure, threads: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    groups = [group for _, group in found.groupby(KEY, sort=False)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        results = list(pool.map(lambda group: _lazily(group, order, max_cloud, measure), groups))
    taken = [row for row, _ in results if row is not None]
    counts = pd.DataFrame([count for _, count in results], columns=[*KEY, "candidates", "clear", "least", "measured"])
    return pd.DataFrame(taken, columns=found.columns), counts.astype({"least": "float64"})


def _lazily(group: pd.DataFrame, order: Order, max_cloud: float | None, measure: Measure) -> tuple:
    """The row taken of one site and season, or None, and its counts."""
    rows = group.to_dict("records")
    heap = [(_key(row, order), i, False) for i, row in enumerate(rows)]
    heapq.heapify(heap)
    taken, measured, least = None, 0, np.nan
    while heap:
        _, i, is_final = heapq.heappop(heap)
        row = rows[i]
        if not is_final:
            measured += 1
            try:
                cloud = measure(row["site_id"], row["scene_id"])
            except SceneMissing:
                # Its files are gone: nothing to be taken.
                continue
            if cloud is not None:
                row["cloud"], row["cloud_of"] = float(cloud), "patch"
            heapq.heappush(heap, (_key(row, order), i, True))
            continue
        least = np.fmin(least, row["cloud"])
        if not np.isnan(row["cloud"]) and (max_cloud is None or row["cloud"] < max_cloud):
            taken = row
            break
    first = rows[0]
    count = (first["site_id"], first["season"], len(rows), int(taken is not None), least, measured)
    return taken, count


def _key(row: dict, order: Order) -> tuple:
    """A key that sorts as `_sorted` does; unknown cloud comes before none, so that it is measured."""
    values = []
    for name in ("choice", *order.by):
        value = row[name].value if name == "time" else row[name]
        value = -1.0 if name == "cloud" and np.isnan(value) else value
        values.append(-value if name in order.falling else value)
    return (*values, row["scene_id"])
