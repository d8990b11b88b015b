"""The sites of a published folder."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from greenup.config.sites import PublishedSites
from greenup.errors import UserError
from greenup.randomness import uniform_integers
from greenup.sites.region import in_region

_log = logging.getLogger(__name__)


def published_sites(name: str, sites: PublishedSites, published: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """site_id, lon and lat of the sites of a folder, from its `PUBLISHED` table.

    With ``region`` those outside it are left out; with ``limit`` those are kept to which (seed, site id) gives the
    smallest numbers, so that a larger limit only adds sites. Raises `UserError` where none is left, or fewer than
    ``limit``.
    """
    table = published.drop_duplicates("site_id")[["site_id", "lon", "lat"]].reset_index(drop=True)
    inside = in_region(table["lon"].to_numpy(), table["lat"].to_numpy(), sites.region)
    if int(inside.sum()) < (sites.limit or 1):
        asked = f", sites.limit asks for {sites.limit}" if sites.limit else ""
        raise UserError(
            f"dataset {name}: {int(inside.sum())} of the {len(table)} sites of its folder lie in sites.region{asked}",
            "widen or drop sites.region, or lower sites.limit",
        )
    kept = table[inside].reset_index(drop=True)
    if sites.limit:
        rank = np.argsort(uniform_integers(seed, "published", kept["site_id"].to_list(), 1 << 32), kind="stable")
        kept = kept.iloc[np.sort(rank[: sites.limit])].reset_index(drop=True)
    if len(kept) < len(table):
        _log.info("%s: %d of the folder's %d sites are taken", name, len(kept), len(table))
    return kept
