"""Ecoregion, biome and realm of places: from polygons, or approximated from the packaged data."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from greenup.errors import UserError
from greenup.sites import packaged, polygons
from greenup.sites.biomes import BIOME_OF_NUMBER, biome
from greenup.sites.realms import REALM_OF_CODE, REALMS, realm
from greenup.sites.sources import SiteData

COAST_KM = 25.0
"""A place outside every polygon takes the nearest one within this distance: coastlines of layers differ."""

_MISSING = ("", "n/a", "na", "none", "nan", "null")


def ecoregions_at(lon: ArrayLike, lat: ArrayLike, data: SiteData) -> pd.DataFrame:
    """Columns ecoregion, biome and realm of n places (degrees); object columns, None where unknown.

    With ``data.ecoregions`` the polygon a place lies in, or the nearest within `COAST_KM`. Without it the biome is
    foreseen from climate and land cover (`greenup.sites.biomes`), the realm from boxes (`greenup.sites.realms`), and
    the ecoregion is the two together, ``palearctic: boreal_forest``: an approximation, far coarser than the 847 of
    RESOLVE. Biomes are names of `BIOMES`, realms of `REALMS`, whatever the source.

    Raises `UserError` for a layer without the columns of RESOLVE Ecoregions 2017 or of Olson et al. (2001).
    """
    lon, lat = (np.asarray(a, dtype=np.float64) for a in (lon, lat))
    if data.ecoregions is None:
        return packaged_ecoregions(lon, lat, packaged.climate_zone(lon, lat), packaged.land_cover(lon, lat))
    layer = read_ecoregions(data.ecoregions)
    position = polygons.which(lon, lat, layer.geometry, nearest_km=COAST_KM)
    table = layer[["ecoregion", "biome", "realm"]].to_numpy(dtype=object)
    found = np.where((position >= 0)[:, None], table[position], None)
    return pd.DataFrame(found, columns=["ecoregion", "biome", "realm"], dtype=object)


def packaged_ecoregions(
    lon: NDArray[np.float64], lat: NDArray[np.float64], zone: NDArray[np.object_], cover: NDArray[np.uint8]
) -> pd.DataFrame:
    """The approximation of `ecoregions_at` where climate zone (name) and land cover (IGBP code) are known."""
    biomes, realms = biome(zone, cover, lat), realm(lon, lat)
    names = pd.Series(realms, dtype=object) + ": " + pd.Series(biomes, dtype=object)
    return pd.DataFrame({"ecoregion": names, "biome": biomes, "realm": realms}, dtype=object)


def read_ecoregions(path: Path) -> gpd.GeoDataFrame:
    """The polygons of a layer of ecoregions with columns ecoregion, biome, realm (None where it says so) and geometry.

    Two layers are known by their columns: RESOLVE Ecoregions 2017 (Dinerstein et al. 2017, doi:10.1093/biosci/bix014):
    ECO_NAME, BIOME_NUM, REALM; and WWF's wwf_terr_ecos (Olson et al. 2001): ECO_NAME, BIOME, REALM. The label tables of
    SSL4Eco bear the names of the latter.
    """
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


# A sampler asks for the attributes of many draws; the full layer takes tens of seconds to read.
@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> gpd.GeoDataFrame:
    layer = polygons.read_polygons(path, "sources.ecoregions")
    by_upper = {str(c).upper(): c for c in layer.columns}
    number = next((by_upper[c] for c in ("BIOME_NUM", "BIOME") if c in by_upper), None)
    if number is None or not {"ECO_NAME", "REALM"} <= by_upper.keys():
        columns = ", ".join(str(c) for c in layer.columns if c != layer.geometry.name)
        raise UserError(
            f"{path}: no columns of ecoregions; it has {columns}",
            "ECO_NAME, BIOME_NUM and REALM (RESOLVE Ecoregions 2017), or ECO_NAME, BIOME and REALM (wwf_terr_ecos)",
        )
    names = _text(layer[by_upper["ECO_NAME"]])
    biomes = [_biome(path, n, v) for n, v in zip(names, layer[number], strict=True)]
    realms = [_realm(path, v) for v in _text(layer[by_upper["REALM"]])]
    # Object columns, else pandas makes its own kind of missing value of None.
    columns = {"ecoregion": names, "biome": biomes, "realm": realms}
    table = pd.DataFrame({name: np.array(values, dtype=object) for name, values in columns.items()}, dtype=object)
    # The smaller first: where polygons overlap a place belongs to the first, and in simplified layers islands of one
    # ecoregion in another (tundra in Rock and Ice) lose the hole they lay in.
    order = np.argsort(shapely.area(layer.geometry.to_numpy()), kind="stable")
    table, geometry = table.iloc[order].reset_index(drop=True), layer.geometry.array[order]
    return gpd.GeoDataFrame(table, geometry=geometry, crs=layer.crs)


def _text(values: pd.Series) -> list[str | None]:
    # "NA" is the Nearctic in Olson's codes, so only the spelled-out forms are empty there.
    texts = [None if pd.isna(v) else str(v).strip() for v in values]
    return [None if t is None or (t.lower() in _MISSING and t != "NA") else t for t in texts]


def _biome(path: Path, ecoregion: str | None, value: object) -> str | None:
    # RESOLVE files Rock and Ice under tundra's number with no name of its own.
    if ecoregion and ecoregion.lower() == "rock and ice":
        return "rock_and_ice"
    number = pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0]
    if pd.isna(number):
        return None
    if number not in BIOME_OF_NUMBER:
        raise UserError(f"{path}: biome {value!r} is not one of {sorted(BIOME_OF_NUMBER)}", "see greenup.sites.biomes")
    return BIOME_OF_NUMBER[int(number)]


def _realm(path: Path, value: str | None) -> str | None:
    if value is None:
        return None
    if value in REALM_OF_CODE:
        return REALM_OF_CODE[value]
    if (name := value.lower()) in REALMS:
        return name
    raise UserError(f"{path}: realm {value!r} is unknown", f"write one of {', '.join([*REALM_OF_CODE, *REALMS])}")
