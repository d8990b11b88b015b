"""All attributes together: what each comes from, weights, strata, missing values, the line of sources."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from greenup.sites import attributes, packaged
from greenup.sites.attributes import BARE_WEIGHT, MOUNTAIN_WEIGHT, add_attributes, attribution
from greenup.sites.land import on_land
from greenup.sites.mountains import is_mountain
from greenup.sites.sources import SiteData, known
from rasterio.transform import from_bounds
from shapely.geometry import box

ADDED = ["stratum", "land", "climate_zone", "land_cover", "ecoregion", "biome", "realm", "mountain", "weight"]

# name: lon, lat, bare, mountain
WEIGHTS = {
    "Beauce": (1.5, 48.2, False, False),
    "Sahara": (10.0, 25.0, True, False),
    "Norway": (7.5, 61.5, False, True),
    "Kunlun": (84.0, 36.0, True, True),
}


def sites(lon, lat, **columns):
    return pd.DataFrame({"site_id": [f"s{i}" for i in range(len(lon))], "lon": lon, "lat": lat, **columns})


def test_weights_multiply():
    lon, lat, bare, mountain = (np.array(v) for v in zip(*WEIGHTS.values(), strict=True))
    table = add_attributes(sites(lon.astype(float), lat.astype(float)), SiteData())
    assert table["land_cover"].isin(["barren", "snow_and_ice"]).tolist() == bare.tolist()
    assert table["mountain"].tolist() == mountain.tolist()
    assert table["weight"].tolist() == [1.0, 0.25, 2.0, 0.5]
    assert (BARE_WEIGHT, MOUNTAIN_WEIGHT) == (0.25, 2.0)


def test_attributes_are_those_of_the_maps():
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(-180, 180, 3000), np.degrees(np.arcsin(rng.uniform(-0.9, 1, 3000)))
    table = add_attributes(sites(lon, lat), SiteData())
    assert list(table.columns) == ["site_id", "lon", "lat", *ADDED]
    assert table["land"].tolist() == on_land(lon, lat, SiteData()).tolist() == packaged.is_land(lon, lat).tolist()
    assert table["land_cover"].tolist() == packaged.land_cover_name(lon, lat).tolist()
    assert table["climate_zone"].tolist() == packaged.climate_zone(lon, lat).tolist()
    assert table["mountain"].tolist() == is_mountain(lon, lat).tolist()
    pd.testing.assert_frame_equal(
        table[["ecoregion", "biome", "realm"]].astype(object), attributes.ecoregions_at(lon, lat, SiteData())
    )
    assert (table["stratum"] == table["climate_zone"] + "/" + table["land_cover"]).all()


def test_rows_keep_their_index_and_do_not_depend_on_their_company():
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-180, 180, 400), rng.uniform(-58, 80, 400)
    whole = add_attributes(sites(lon, lat), SiteData())
    part = whole.index[::-7]
    pd.testing.assert_frame_equal(add_attributes(sites(lon, lat).loc[part], SiteData()), whole.loc[part])


def test_a_stratum_that_the_table_brings_is_kept():
    table = add_attributes(sites([10.0, 1.5], [25.0, 48.2], stratum=["mine", None]), SiteData())
    assert table["stratum"].tolist() == ["mine", "temperate/cropland"]


def test_files_take_the_place_of_the_packaged_data(tmp_path):
    places = gpd.GeoDataFrame(
        {"ECO_NAME": ["Fen"], "BIOME": [9], "REALM": ["PA"]}, geometry=[box(0, 50, 10, 60)], crs=4326
    )
    places.to_file(tmp_path / "p.gpkg")
    with rasterio.open(
        tmp_path / "lc.tif", "w", driver="GTiff", height=1, width=2, count=1, dtype="uint8", crs="EPSG:4326",
        transform=from_bounds(0, 50, 2, 51, 2, 1),
    ) as raster:  # fmt: skip
        raster.write(np.array([[60, 0]], dtype=np.uint8), 1)
    data = SiteData(
        land=tmp_path / "p.gpkg", ecoregions=tmp_path / "p.gpkg", mountains=tmp_path / "p.gpkg",
        land_cover=tmp_path / "lc.tif", land_cover_legend="copernicus",
    )  # fmt: skip
    table = add_attributes(sites([0.5, 1.5, 100.0], [50.5, 50.5, 60.0]), data)
    assert table["land"].tolist() == table["mountain"].tolist() == [True, True, False]
    assert table["ecoregion"].tolist()[:2] == ["Fen", "Fen"]
    assert table["biome"].tolist()[:2] == ["flooded_grassland"] * 2
    assert table.loc[2, ["ecoregion", "biome", "realm", "land_cover"]].isna().all()
    assert table["land_cover"][0] == "bare_sparse_vegetation"
    assert table["land_cover"].isna().tolist() == [False, True, True]
    assert table["weight"].tolist() == [0.5, 2.0, 1.0]
    assert table["stratum"].tolist()[1:] == ["temperate/unknown", "cold/unknown"]


def test_sources_are_named(tmp_path):
    plain = attribution(SiteData())
    for name in ("GLOBE", "Beck et al. 2018", "MCD12C1", "Mapzen", "GeoNames"):
        assert name in plain
    assert plain.count("approximated") == 2
    assert "\n" not in plain
    file = next(f for f in known().values() if f.source == "ecoregions")
    told = attribution(SiteData(ecoregions=file.path, cities=tmp_path / "my_cities.csv"))
    assert file.attribution in told
    assert "my_cities.csv" in told
    assert "GeoNames" not in told
    assert told.count("approximated") == 1


@pytest.mark.parametrize("real", [False, True])
def test_shares_of_the_papers_sites(real, samples):
    """SSL4Eco: 17 % of sites of mean NDVI below 0.1, 16 % in mountains. Points uniform on land stand for its grid."""
    rng = np.random.default_rng(11)
    lon, lat = rng.uniform(-180, 180, 40_000), np.degrees(np.arcsin(rng.uniform(-0.866, 1, 40_000)))
    land = packaged.is_land(lon, lat)
    file = samples / "ecoregions2017_simplified" / "Ecoregions2017.shp"
    table = add_attributes(sites(lon[land], lat[land]), SiteData(ecoregions=file if real else None))
    assert table["weight"].isin([0.25, 0.5]).mean() == pytest.approx(0.17, abs=0.01)
    assert table["weight"].isin([0.5, 2.0]).mean() == pytest.approx(0.16, abs=0.015)
