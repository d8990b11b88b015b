"""What is known of the land at each site: land, climate zone, land cover, ecoregion, biome, realm, mountain; and the
stratum and the sampling weight that follow from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.sites import packaged
from greenup.sites.ecoregions import ecoregions_at, packaged_ecoregions
from greenup.sites.gazetteer import cities
from greenup.sites.land import on_land
from greenup.sites.land_cover import land_cover_at, names_of
from greenup.sites.legends import BARE, IGBP
from greenup.sites.mountains import in_mountains
from greenup.sites.sources import SiteData, credit

__all__ = ["add_attributes", "attribution", "cities", "ecoregions_at"]

BARE_WEIGHT = 0.25
"""Sampling weight of sites that are never green (SSL4Eco, appendix A-2: a quarter where mean NDVI over all seasons is
below 0.1; 17 % of its sites)."""

MOUNTAIN_WEIGHT = 2.0
"""Factor on the weight of sites in mountains (SSL4Eco, appendix A-2: twice inside GMBA's mountains; 16 %)."""


def add_attributes(table: pd.DataFrame, data: SiteData) -> pd.DataFrame:
    """The table (columns lon, lat, degrees) with the attributes of `greenup.schemas.SITES` added.

    land (bool); climate_zone; land_cover, ecoregion, biome, realm (None where the source knows none); mountain (bool);
    stratum: what the table brings, else climate zone and land cover, e.g. cold/mixed_forest; weight: `BARE_WEIGHT`
    where land cover is one of `BARE`, times `MOUNTAIN_WEIGHT` in mountains (both: their product, 0.5; the paper does
    not say). ``data`` names the files to take them from. Climate zones are always the packaged ones.
    """
    lon, lat = packaged.degrees(table["lon"], table["lat"])
    zone, code = packaged.climate_zone(lon, lat), packaged.land_cover(lon, lat)
    cover = names_of(code, IGBP) if data.land_cover is None else land_cover_at(lon, lat, data)
    eco = packaged_ecoregions(lon, lat, zone, code) if data.ecoregions is None else ecoregions_at(lon, lat, data)
    mountain = in_mountains(lon, lat, data)
    # ASSUME: mean NDVI below 0.1 is foreseen from land cover, since it is not known before the images are there.
    bare = np.isin(cover.astype(str), BARE)
    own = pd.Series(zone, dtype=object) + "/" + pd.Series(cover, dtype=object).fillna("unknown")
    own.index = table.index
    given = table["stratum"] if "stratum" in table else pd.Series(None, index=table.index, dtype=object)
    return table.assign(
        stratum=given.where(given.notna(), own),
        land=on_land(lon, lat, data),
        climate_zone=zone,
        land_cover=cover,
        ecoregion=eco["ecoregion"].to_numpy(),
        biome=eco["biome"].to_numpy(),
        realm=eco["realm"].to_numpy(),
        mountain=mountain,
        weight=np.where(bare, BARE_WEIGHT, 1.0) * np.where(mountain, MOUNTAIN_WEIGHT, 1.0),
    )


_PACKAGED = {
    "land": ("Land mask", "GLOBE via global-land-mask"),
    "climate": ("Climate zones", "Beck et al. 2018 (CC BY 4.0)"),
    "land_cover": ("Land cover", "MCD12C1 v006 (NASA LP DAAC)"),
    "ecoregions": ("Ecoregions, biomes and realms", "approximated from climate zone, land cover and coordinates"),
    "mountains": ("Mountains", "approximated from elevations of Mapzen's terrain tiles via pvlib"),
    "cities": ("Cities", "GeoNames (CC BY 4.0)"),
}
"""What the packaged data are to be credited as: key of `SiteData`, attribute, source."""


def attribution(data: SiteData) -> str:
    """One line that names what the attributes of sites were taken from."""
    files = data.files
    named = {what: credit(files[key]) if key in files else source for key, (what, source) in _PACKAGED.items()}
    return " ".join(f"{what}: {source}." for what, source in named.items())
