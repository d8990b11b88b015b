"""Sites of a published table of labels: its points, the cells of its occurrences, or places drawn in its map."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from greenup.config.label_tables import table_named
from greenup.config.sites import TableSites
from greenup.errors import UserError
from greenup.randomness import generator, uniform_integers
from greenup.sites.region import in_region
from greenup.tasks.label_tables import read_legend, read_points
from greenup.tasks.occurrences import cell_centres, read_occurrences
from greenup.tasks.rasters import draw_cells

_log = logging.getLogger(__name__)


def sample_label_table(name: str, sites: TableSites, *, seed: int) -> pd.DataFrame:
    """site_id, lon and lat (degrees) of a dataset whose sites are those of a table of config/label_tables.csv.

    Points: a site a row, named by its ind; several at one place stay, as published, and are told in the log.
    Occurrences: a site a cell of 1 km, at its centre, named after INSPIRE's grid. A map: ``count`` places uniform by
    area over the cells whose value has a class, named cell_000000, cell_000001, ... With ``region`` those outside it
    are left out; with ``count`` those of the others are kept to which (seed, site id) gives the smallest numbers, so
    that a larger count only adds sites. Raises `UserError` for files that are missing or wrong, where fewer than
    ``count`` are there, and for a map without count.
    """
    table = table_named(sites.table)
    if table.kind == "raster":
        return _of_map(name, sites, seed)
    if table.kind == "points":
        places = read_points(table)[["site_id", "lon", "lat"]]
    else:
        cells = read_occurrences(table.path)["cell"].drop_duplicates().to_numpy()
        lon, lat = cell_centres(cells)
        places = pd.DataFrame({"site_id": pd.array(cells, dtype="string"), "lon": lon, "lat": lat})
    inside = in_region(places["lon"].to_numpy(), places["lat"].to_numpy(), sites.region)
    if int(inside.sum()) < (sites.count or 1):
        asked = f", sites.count asks for {sites.count}" if sites.count else ""
        raise UserError(
            f"dataset {name}: {int(inside.sum())} of {len(places)} points of {table.path} lie in sites.region{asked}",
            "widen or drop sites.region, or lower sites.count",
        )
    kept = places[inside].reset_index(drop=True)
    if sites.count:
        rank = np.argsort(uniform_integers(seed, "label_table", kept["site_id"].to_list(), 1 << 32), kind="stable")
        kept = kept.iloc[np.sort(rank[: sites.count])].reset_index(drop=True)
    shared = kept.duplicated(["lon", "lat"], keep=False)
    if shared.any():
        distinct = len(kept[shared].drop_duplicates(["lon", "lat"]))
        _log.warning("%s: %d sites share %d places with another", name, int(shared.sum()), distinct)
    _log.info("%s: %d of %d points of %s", name, len(kept), len(places), table.path)
    return kept


def _of_map(name: str, sites: TableSites, seed: int) -> pd.DataFrame:
    table = table_named(sites.table)
    if sites.count is None or table.columns[0].kind != "class":
        raise UserError(
            f"dataset {name}: sites of the map {sites.table!r} are drawn in its classes"
            + (", and it has none" if sites.count else ", and need a number"),
            "write sites.count" if sites.count is None else "take another sampler",
        )
    legend = read_legend(table.columns[0].meaning)
    classed = legend.loc[legend["class"].notna(), "value"].to_numpy()
    lon, lat = draw_cells(
        table.path,
        classed,
        sites.count,
        generator(seed, "label_table", name),
        lambda lon, lat: in_region(lon, lat, sites.region),
    )
    ids = [f"cell_{i:06d}" for i in range(sites.count)]
    return pd.DataFrame({"site_id": pd.array(ids, dtype="string"), "lon": lon, "lat": lat})
