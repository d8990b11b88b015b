"""Biomes: one vocabulary for the biomes of WWF and RESOLVE, and rules that foresee them from climate and land cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from greenup.sites.packaged import CLIMATE_ZONES

BIOMES: tuple[str, ...] = (
    "tropical_moist_broadleaf_forest",
    "tropical_dry_broadleaf_forest",
    "tropical_coniferous_forest",
    "temperate_broadleaf_mixed_forest",
    "temperate_coniferous_forest",
    "boreal_forest",
    "tropical_grassland_savanna",
    "temperate_grassland",
    "flooded_grassland",
    "montane_grassland",
    "tundra",
    "mediterranean_forest_woodland",
    "desert_xeric_shrubland",
    "mangrove",
    "rock_and_ice",
)
"""The 14 biomes of Olson et al. (2001, doi:10.1641/0006-3568(2001)051[0933:TEOTWA]2.0.CO;2) in the order of their
numbers 1 to 14, which RESOLVE Ecoregions 2017 keeps, and rock and ice."""

BIOME_OF_NUMBER: dict[int, str | None] = {
    **dict(enumerate(BIOMES[:14], start=1)),
    98: None,
    99: "rock_and_ice",
}
"""Biomes by the number in the column BIOME of wwf_terr_ecos (98: lake, which is no biome) and BIOME_NUM of RESOLVE."""


def biome(climate_zone: ArrayLike, land_cover: ArrayLike, lat: ArrayLike) -> NDArray[np.object_]:
    """Biome of each point, named as WWF's biomes (Olson et al. 2001): an approximation, not their map.

    ``climate_zone``: names of `CLIMATE_ZONES`; ``land_cover``: IGBP codes; ``lat``: degrees. Made by rules from these
    three only, so that demonstrations need no file of ecoregions. What the rules cannot know (elevation, dry season,
    continent) makes them err: of 15 641 uniform land points north of 60 S 67 % get the biome of RESOLVE's map (most of
    the rest one beside it: savanna for desert, mixed forest for steppe); mangroves and tropical coniferous forest are
    never foreseen. Returns names of `BIOMES`.
    """
    zone = np.asarray(climate_zone, dtype=object)
    number = pd.Categorical(zone.ravel(), categories=CLIMATE_ZONES).codes.reshape(zone.shape)
    cover = np.asarray(land_cover, dtype=np.uint8)
    lat = np.abs(np.asarray(lat, dtype=np.float64))
    number, cover, lat = np.broadcast_arrays(number, cover, lat)
    tropical, arid, temperate, cold, polar = (number == i for i in range(len(CLIMATE_ZONES)))
    # ASSUME: a point at sea has the climate of its latitude; it is a site only on islets below the map's resolution.
    sea = ~(tropical | arid | temperate | cold | polar)
    tropical, temperate = tropical | (sea & (lat < 23.5)), temperate | (sea & (lat >= 23.5) & (lat < 50))
    cold, polar = cold | (sea & (lat >= 50) & (lat < 66)), polar | (sea & (lat >= 66))

    forest = np.isin(cover, (1, 2, 3, 4, 5))
    woody = np.isin(cover, (6, 7, 8, 9))
    farmed = np.isin(cover, (12, 13, 14))
    rules = [
        (cover == 15, "rock_and_ice"),
        # Polar climate far from the poles is high mountains: Tibet, the Andes.
        (polar & (lat < 50) & forest, "temperate_coniferous_forest"),
        (polar & (lat < 50), "montane_grassland"),
        (polar & (cover == 16) & (lat > 76), "rock_and_ice"),
        (polar, "tundra"),
        ((cover == 11) & (tropical | arid), "flooded_grassland"),
        (tropical & ((cover == 2) | ((cover == 8) & (lat < 12))), "tropical_moist_broadleaf_forest"),
        (tropical & (forest | (farmed & (lat >= 10))), "tropical_dry_broadleaf_forest"),
        (tropical, "tropical_grassland_savanna"),
        (arid & (lat < 22) & ~np.isin(cover, (7, 16)), "tropical_grassland_savanna"),
        (arid & (lat >= 36) & np.isin(cover, (12, 13, 14)), "temperate_grassland"),
        (arid & (lat >= 46) & np.isin(cover, (9, 10)), "temperate_grassland"),
        (arid & forest, "temperate_coniferous_forest"),
        (arid, "desert_xeric_shrubland"),
        (temperate & (lat < 30) & (forest | farmed | ((lat >= 18) & woody)), "tropical_moist_broadleaf_forest"),
        (temperate & (lat < 28), "tropical_grassland_savanna"),
        (temperate & (cover == 1), "temperate_coniferous_forest"),
        (temperate & (lat < 44) & np.isin(cover, (6, 7, 9)), "mediterranean_forest_woodland"),
        (temperate & (lat >= 36) & (lat < 44) & (cover == 12), "mediterranean_forest_woodland"),
        (temperate & (lat < 44) & np.isin(cover, (10, 16)), "temperate_grassland"),
        (temperate, "temperate_broadleaf_mixed_forest"),
        (cold & (lat < 36) & np.isin(cover, (7, 10, 16)), "montane_grassland"),
        (cold & (lat < 54) & (cover == 1), "temperate_coniferous_forest"),
        (cold & (lat < 54) & np.isin(cover, (7, 10, 16)), "temperate_grassland"),
        (cold & (lat < 54) & np.isin(cover, (4, 5)), "temperate_broadleaf_mixed_forest"),
        (cold & (lat < 58) & farmed, "temperate_broadleaf_mixed_forest"),
        (cold & (lat < 48), "temperate_broadleaf_mixed_forest"),
        (cold & (lat >= 60) & np.isin(cover, (7, 10, 16)), "tundra"),
    ]
    # Codes rather than names while choosing: at 250 000 sites the names would take 28 arrays of 2 MB each.
    codes = [np.uint8(BIOMES.index(name)) for _, name in rules]
    chosen = np.select([holds for holds, _ in rules], codes, np.uint8(BIOMES.index("boreal_forest")))
    return np.array(BIOMES, dtype=object)[chosen]
