"""Legends of land-cover products: code to class name, one vocabulary where the classes are the same."""

from __future__ import annotations

IGBP: dict[int, str] = {
    0: "water",
    1: "evergreen_needleleaf_forest",
    2: "evergreen_broadleaf_forest",
    3: "deciduous_needleleaf_forest",
    4: "deciduous_broadleaf_forest",
    5: "mixed_forest",
    6: "closed_shrubland",
    7: "open_shrubland",
    8: "woody_savanna",
    9: "savanna",
    10: "grassland",
    11: "permanent_wetland",
    12: "cropland",
    13: "urban",
    14: "cropland_natural_mosaic",
    15: "snow_and_ice",
    16: "barren",
}
"""Codes of MCD12C1's Majority_Land_Cover_Type_1 (MCD12 user guide, table 3; the CMG product counts water as 0)."""

COPERNICUS: dict[int, str] = {
    20: "shrubland",
    30: "herbaceous_vegetation",
    40: "cropland",
    50: "urban",
    60: "bare_sparse_vegetation",
    70: "snow_and_ice",
    80: "water",
    90: "herbaceous_wetland",
    100: "moss_and_lichen",
    111: "closed_evergreen_needleleaf_forest",
    112: "closed_evergreen_broadleaf_forest",
    113: "closed_deciduous_needleleaf_forest",
    114: "closed_deciduous_broadleaf_forest",
    115: "closed_mixed_forest",
    116: "closed_other_forest",
    121: "open_evergreen_needleleaf_forest",
    122: "open_evergreen_broadleaf_forest",
    123: "open_deciduous_needleleaf_forest",
    124: "open_deciduous_broadleaf_forest",
    125: "open_mixed_forest",
    126: "open_other_forest",
    200: "sea",
}
"""Discrete classes of the Copernicus Global Land Service LC100, collection 3 (product user manual, table 4; Buchhorn et
al. 2020, doi:10.5281/zenodo.3939050). Closed forest has more than 70 % of trees, open forest 15 to 70 %."""

LEGENDS: dict[str, dict[int, str]] = {
    # The 500 m product MCD12Q1 counts water as 17, its CMG as 0: a file may be made of either.
    "igbp": {**IGBP, 17: "water"},
    "copernicus": COPERNICUS,
}
"""Classes by the name of their legend (key ``sources.land_cover_legend``)."""

NODATA: dict[str, frozenset[int]] = {"igbp": frozenset({255}), "copernicus": frozenset({0, 255})}
"""Codes that say that nothing is known, besides the nodata value that a file declares."""

BARE: tuple[str, ...] = ("barren", "bare_sparse_vegetation", "snow_and_ice")
"""Classes of land that is never green."""
