"""Biomes: the vocabulary, and the rules against a real map."""

import geopandas as gpd
import numpy as np
from greenup.sites import packaged
from greenup.sites.biomes import BIOME_OF_NUMBER, BIOMES, biome


def test_the_numbers_are_wwfs():
    # Olson et al. (2001), figure 1 and the metadata of wwf_terr_ecos.
    wwf = {
        1: "tropical_moist_broadleaf_forest", 4: "temperate_broadleaf_mixed_forest", 6: "boreal_forest", 11: "tundra",
        12: "mediterranean_forest_woodland", 13: "desert_xeric_shrubland", 14: "mangrove", 98: None, 99: "rock_and_ice",
    }  # fmt: skip
    assert {n: BIOME_OF_NUMBER[n] for n in wwf} == wwf
    assert {b for b in BIOME_OF_NUMBER.values() if b} == set(BIOMES)
    assert len(BIOMES) == 15


def test_every_climate_and_cover_has_a_biome():
    zones, covers, lats = np.meshgrid([*packaged.CLIMATE_ZONES, packaged.SEA], range(17), [-65, -30, 0, 25, 45, 62, 80])
    biomes = biome(zones, covers, lats)
    assert biomes.shape == zones.shape
    assert set(biomes.ravel()) == set(BIOMES) - {"mangrove", "tropical_coniferous_forest"}
    assert (biome(zones, covers, -lats) == biomes).all()


def test_known_places():
    amazon, sahara, greenland, beauce, tibet, yakutia = biome(
        ["tropical", "arid", "polar", "temperate", "polar", "cold"], [2, 16, 15, 12, 10, 3], [-5, 25, 75, 48.2, 33, 61]
    )
    assert amazon == "tropical_moist_broadleaf_forest"
    assert sahara == "desert_xeric_shrubland"
    assert greenland == "rock_and_ice"
    assert beauce == "temperate_broadleaf_mixed_forest"
    assert tibet == "montane_grassland"
    assert yakutia == "boreal_forest"


def test_two_uniform_land_points_of_three_have_the_biome_of_resolves_map(samples):
    rng = np.random.default_rng(77)
    lon, lat = rng.uniform(-180, 180, 9000), np.degrees(np.arcsin(rng.uniform(-1, 1, 9000)))
    land = packaged.is_land(lon, lat) & (lat > -60)
    lon, lat = lon[land], lat[land]
    ours = biome(packaged.climate_zone(lon, lat), packaged.land_cover(lon, lat), lat)
    points = gpd.GeoDataFrame({"ours": ours}, geometry=gpd.points_from_xy(lon, lat), crs=4326)
    layer = gpd.read_file(samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    joined = points.sjoin(layer[["ECO_NAME", "BIOME_NUM", "geometry"]], predicate="within")
    real = joined["BIOME_NUM"].astype(int).map(BIOME_OF_NUMBER)
    real = real.where(joined["ECO_NAME"] != "Rock and Ice", "rock_and_ice")
    assert len(joined) > 2000
    assert 0.64 < (real == joined["ours"]).mean() < 0.70
