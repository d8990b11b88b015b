"""What is known of the land at each site: land cover, climate zone, biome, stratum, sampling weight."""

from __future__ import annotations

import numpy as np
import pandas as pd

from greenup.sites import packaged

BARE_WEIGHT = 0.25
"""Sampling weight of sites that are never green (SSL4Eco, appendix A-2: a quarter where mean NDVI is below 0.1)."""

# ASSUME: mean NDVI below 0.1 is foreseen from land cover, since it is not known before the images are there.
BARE: tuple[str, ...] = ("barren", "snow_and_ice")


def add_covariates(table: pd.DataFrame) -> pd.DataFrame:
    """The table with land_cover, climate_zone, biome, stratum and weight added.

    A stratum that the table brings along is kept; else it is climate zone and land cover, e.g. cold/mixed_forest. The
    weight is 1, or `BARE_WEIGHT` where land cover is one of `BARE`.
    """
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    code = packaged.land_cover(lon, lat)
    cover = pd.Series(code, index=table.index).map(packaged.IGBP)
    zone = packaged.climate_zone(lon, lat)
    own = pd.Series(zone, index=table.index).str.cat(cover, sep="/")
    given = table["stratum"] if "stratum" in table else pd.Series(None, index=table.index, dtype=object)
    return table.assign(
        stratum=given.where(given.notna(), own),
        climate_zone=zone,
        land_cover=cover,
        biome=packaged.biome(zone, code, lat),
        weight=np.where(cover.isin(BARE), BARE_WEIGHT, 1.0),
    )
