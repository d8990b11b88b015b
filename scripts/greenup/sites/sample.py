"""Where: the sites of a dataset, by the sampler its configuration names."""

from __future__ import annotations

import logging

import pandas as pd

from greenup.config.sites import (
    CitySites,
    DatasetSites,
    EcoregionSites,
    GridSites,
    PointSites,
    PublishedSites,
    Sites,
    TableSites,
    UniformSites,
)
from greenup.errors import UserError
from greenup.schemas import SITES
from greenup.sites.attributes import add_attributes
from greenup.sites.cities import sample_cities
from greenup.sites.ecoregion import sample_ecoregion
from greenup.sites.grid import sample_grid
from greenup.sites.label_table import sample_label_table
from greenup.sites.land import on_land
from greenup.sites.order import order_and_shard
from greenup.sites.points import sample_points
from greenup.sites.published import published_sites
from greenup.sites.sources import SiteData
from greenup.sites.uniform import sample_uniform

_log = logging.getLogger(__name__)


def sample_sites(
    name: str,
    sites: Sites,
    data: SiteData,
    *,
    shards: int,
    seed: int,
    taken: pd.DataFrame | None = None,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The sites of dataset ``name`` in spatial order, as the `SITES` table.

    ``sites`` is the dataset's block, ``data`` the files behind land, regions of stratification and attributes;
    ``shards`` the number of equal runs of rows. The same (name, block, data, seed) gives the same places whatever the
    number of shards. For sampler dataset ``taken`` is the `SITES` table of the other dataset, which is handed on as it
    is, ids, attributes and shards; for sampler published ``published`` is the `PUBLISHED` table of the folder. Raises
    `UserError` for an empty shard, a region with too little land or room, files that are wrong, and a table taken that
    has another number of shards.
    """
    match sites:
        case DatasetSites():
            return _take(name, sites, taken, shards)
        case GridSites():
            table = sample_grid(name, sites, data, seed=seed)
        case CitySites():
            table = sample_cities(name, sites, data, seed=seed)
        case UniformSites():
            table = sample_uniform(name, sites, data, seed=seed)
        case EcoregionSites():
            table = sample_ecoregion(name, sites, data, seed=seed)
        case PointSites():
            table = sample_points(name, sites)
        case TableSites():
            table = sample_label_table(name, sites, seed=seed)
        case PublishedSites():
            table = published_sites(name, sites, published, seed=seed)
        case _:
            raise TypeError(sites)
    if isinstance(sites, PointSites):
        table = _at_sea(name, sites, table, data)
    table = add_attributes(order_and_shard(name, table, shards), data)
    _log.info("%s: %d sites in %d shards, %d strata", name, len(table), shards, table["stratum"].nunique())
    return SITES.check(table, f"sites of {name}")


def _at_sea(name: str, sites: PointSites, table: pd.DataFrame, data: SiteData) -> pd.DataFrame:
    """The user's points without those at sea, with them, or an error, as ``sites.sea`` says."""
    at_sea = ~on_land(table["lon"].to_numpy(), table["lat"].to_numpy(), data)
    if not at_sea.any():
        return table
    first = table[at_sea].iloc[0]
    told = (
        f"{sites.file}: {int(at_sea.sum())} of {len(table)} points lie at sea by the land mask (about 1 km), first "
        f"{first['site_id']} (lon {first['lon']:g}, lat {first['lat']:g})"
    )
    if sites.sea == "refuse" or (sites.sea == "drop" and at_sea.all()):
        raise UserError(
            told,
            "look whether lon and lat are swapped; for points that lie on a coast write sea: keep, to leave them out "
            f"sea: drop (in datasets.{name}.sites, or --config sea=keep)",
        )
    _log.warning("%s: %s", told, "kept" if sites.sea == "keep" else "left out")
    return table if sites.sea == "keep" else table[~at_sea].reset_index(drop=True)


def _take(name: str, sites: DatasetSites, taken: pd.DataFrame | None, shards: int) -> pd.DataFrame:
    if taken is None:
        raise TypeError("sampler dataset takes the sites table of the other dataset")
    if (theirs := int(taken["shard"].max()) + 1) != shards:
        raise UserError(
            f"dataset {name}: the sites of {sites.dataset} lie in {theirs} shards, not in {shards}",
            f"write shards: {theirs}",
        )
    _log.info("%s: the %d sites of %s in %d shards", name, len(taken), sites.dataset, shards)
    return SITES.check(taken, f"sites of {name}")
