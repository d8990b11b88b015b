"""Sites stratified over ecoregions or biomes, so that small ones are not lost beside large ones."""

from __future__ import annotations

import logging
from difflib import get_close_matches

import numpy as np
import pandas as pd

from greenup.config.sites import EcoregionSites
from greenup.errors import UserError
from greenup.sites.allocation import allocate
from greenup.sites.biomes import BIOMES
from greenup.sites.draw import Bools, Floats, thin_beside
from greenup.sites.realms import REALMS
from greenup.sites.sources import SiteData
from greenup.sites.sphere import unit_vectors
from greenup.sites.strata import Ints, PackagedStrata, Places, PolygonStrata, Strata

_log = logging.getLogger(__name__)

_PATIENCE = 1000
"""Places in a row too near to other sites after which a stratum is full."""

_MEND = "lower sites.count, sites.min_sites or sites.min_distance_km, or widen sites.region"


def sample_ecoregion(name: str, sites: EcoregionSites, data: SiteData, *, seed: int) -> pd.DataFrame:
    """Shared out over strata and uniform by area within each: site_id, lon, lat, stratum (the ecoregion or biome).

    ``allocation`` and ``min_sites`` say how many sites a stratum gets (`greenup.sites.allocation.allocate`), by the
    land area inside the region. No two sites of whatever strata are nearer than ``min_distance_km`` (great circle).
    A stratum that has no room for its share (`_PATIENCE` places in a row are too near) keeps what fits; what is lacking
    is logged, and shared out over the others by the same allocation.

    Strata are the polygons of ``data.ecoregions``, or the packaged approximation. The same (name, block, seed) gives
    the same sites; a larger count need not contain those of a smaller one, since shares move. Raises `UserError` for
    an unknown name in ``exclude``, too few sites for ``min_sites``, a region without strata, and too little room in
    all.
    """
    strata = _strata(name, sites, data, seed)
    kept = np.array([n not in sites.exclude for n in strata.names], dtype=bool)
    if not kept.any():
        raise UserError(f"dataset {name}: no {sites.strata} lies in its region", "widen sites.region, or exclude less")
    if sites.count < sites.min_sites * kept.sum():
        raise UserError(
            f"dataset {name}: sites.count {sites.count} is less than sites.min_sites {sites.min_sites} "
            f"in each of {kept.sum()} strata",
            "raise sites.count, or lower sites.min_sites",
        )
    quota = np.zeros(len(strata.names), dtype=np.int64)
    quota[kept] = allocate(strata.area_km2[kept], sites.count, sites.allocation, sites.min_sites)
    lon, lat, stratum = _fill(name, strata, quota, kept, sites, seed)
    return pd.DataFrame(
        {
            "site_id": [f"ecoregion_{i:06d}" for i in range(len(lon))],
            "lon": lon,
            "lat": lat,
            "stratum": np.array(strata.names, dtype=object)[stratum],
        }
    )


def _strata(name: str, sites: EcoregionSites, data: SiteData, seed: int) -> Strata:
    if data.ecoregions is None:
        known = BIOMES if sites.strata == "biome" else tuple(f"{r}: {b}" for r in REALMS for b in BIOMES)
        _check_excluded(name, sites, known)
        return PackagedStrata(sites.strata, sites.region, data, seed=seed, name=name, count=sites.count)
    strata = PolygonStrata(sites.strata, sites.region, data, seed=seed, name=name)
    _check_excluded(name, sites, strata.all_names)
    if strata.islets.any():
        islets = ", ".join(n for n, islet in zip(strata.names, strata.islets, strict=True) if islet)
        _log.info("%s: no land is known in these, their polygons count as land: %s", name, islets)
    return strata


def _check_excluded(name: str, sites: EcoregionSites, known: tuple[str, ...]) -> None:
    for wrong in sorted(set(sites.exclude) - set(known)):
        close = get_close_matches(wrong, known, n=3)
        raise UserError(
            f"dataset {name}: sites.exclude: there is no {sites.strata} {wrong!r}",
            f"did you mean {' or '.join(map(repr, close))}?" if close else f"write names such as {known[0]!r}",
        )


def _fill(
    name: str, strata: Strata, quota: Ints, kept: Bools, sites: EcoregionSites, seed: int
) -> tuple[Floats, Floats, Ints]:
    """Sites of all strata by ``quota``, what is lacking shared out again: lon, lat, stratum."""
    # Those with least room for their share choose first.
    order = np.argsort(-quota / strata.area_km2, kind="stable")
    places = Places(strata, seed=seed, name=name)
    filling = _Filling(places, order, sites.min_distance_km)
    asked = quota.copy()
    while True:
        filling.fill(quota)
        lacking = int((quota - filling.have).sum())
        if not lacking:
            break
        still_open = kept & ~filling.full
        if not still_open.any():
            raise UserError(f"dataset {name}: there is room for {filling.have.sum()} of {sites.count} sites", _MEND)
        quota = filling.have.copy()
        quota[still_open] += allocate(strata.area_km2[still_open], lacking, sites.allocation)
    poor = np.flatnonzero(filling.have < asked)
    if len(poor):
        _log.info(
            "%s: %d strata have too little room, %d sites went to others: %s",
            name,
            len(poor),
            (asked - filling.have)[poor].sum(),
            ", ".join(f"{strata.names[k]} {filling.have[k]} of {asked[k]}" for k in poor),
        )
    return filling.sites


class _Filling:
    """Sites found so far; ``have``: how many of each stratum, ``full``: which strata take no more."""

    def __init__(self, places: Places, order: Ints, min_km: float | None) -> None:
        self._places, self._order, self._min_km = places, order, min_km
        self._lon, self._lat, self._stratum = np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
        self._settled = np.empty((0, 3))
        self.have = np.zeros(len(order), dtype=np.int64)
        self.full = np.zeros(len(order), dtype=bool)
        # Places tried since the last that became a site, and the share that did, in the last round.
        self._run = np.zeros(len(order), dtype=np.int64)
        self._rate = np.ones(len(order))

    @property
    def sites(self) -> tuple[Floats, Floats, Ints]:
        """lon, lat, stratum, by stratum and in the order found."""
        at = np.argsort(self._stratum, kind="stable")
        return self._lon[at], self._lat[at], self._stratum[at]

    def fill(self, quota: Ints) -> None:
        """Add sites until every stratum has its quota or is full."""
        while (need := np.where(self.full, 0, quota - self.have)).any():
            self._round(need)

    def _round(self, need: Ints) -> None:
        """Propose places for all strata at once; those that keep their distance become sites, at most ``need``."""
        # After a run of places that were too near as many again, so that a full stratum is known in a few rounds.
        wanted = np.maximum(np.ceil(need / np.maximum(self._rate, 0.05)).astype(np.int64), self._run) * (need > 0)
        lon, lat, stratum = self._places.take(wanted, self._order)
        stays = np.ones(len(lon), dtype=bool)
        if self._min_km is not None:
            stays = thin_beside(lon, lat, self._min_km, self._settled)
        count = np.bincount(stratum, minlength=len(need))
        # Positions of each stratum's proposals, which stand together.
        begin = np.zeros(len(need), dtype=np.int64)
        begin[self._order] = np.cumsum(count[self._order]) - count[self._order]
        before = np.cumsum(stays) - stays
        rank = before - before[np.minimum(begin, max(len(lon) - 1, 0))][stratum] if len(lon) else before
        new = np.flatnonzero(stays & (rank < need[stratum]))
        self._lon, self._lat = np.append(self._lon, lon[new]), np.append(self._lat, lat[new])
        self._stratum = np.append(self._stratum, stratum[new])
        self._settled = np.append(self._settled, unit_vectors(lon[new], lat[new]), axis=0)
        self.have += np.bincount(stratum[new], minlength=len(need))

        asked = need > 0
        last = np.full(len(need), -1)
        last[stratum[new]] = new
        met = np.bincount(stratum[new], minlength=len(need)) == need
        self._run = np.where(last >= 0, begin + count - 1 - last, self._run + count) * (asked & ~met)
        survived = np.bincount(stratum, stays, minlength=len(need))
        self._rate = np.where(asked & (count > 0), survived / np.maximum(count, 1), self._rate)
        self.full |= asked & ~met & ((self._run >= _PATIENCE) | (count < wanted))
