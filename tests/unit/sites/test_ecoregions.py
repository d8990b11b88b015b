"""Ecoregions: the real layer against a spatial join of geopandas; the columns of both published layers; coasts."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.sites import packaged
from greenup.sites.biomes import BIOME_OF_NUMBER, BIOMES
from greenup.sites.ecoregions import ecoregions_at
from greenup.sites.realms import REALMS
from greenup.sites.sources import SiteData
from shapely.geometry import box


def layer(path, **columns):
    count = len(next(iter(columns.values())))
    squares = [box(10 * i, 0, 10 * i + 10, 10) for i in range(count)]
    gpd.GeoDataFrame(columns, geometry=squares, crs=4326).to_file(path)
    return SiteData(ecoregions=path)


def rows(table):
    return [tuple(row) for row in table[["ecoregion", "biome", "realm"]].to_numpy()]


def test_the_real_layer_equals_a_spatial_join(samples):
    file = samples / "ecoregions2017_simplified" / "Ecoregions2017.shp"
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-180, 180, 6000), np.degrees(np.arcsin(rng.uniform(-1, 1, 6000)))
    ours = ecoregions_at(lon, lat, SiteData(ecoregions=file))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat), crs=4326)
    real = points.sjoin(gpd.read_file(file)[["ECO_NAME", "BIOME_NUM", "REALM", "geometry"]], predicate="within")
    # The simplified polygons overlap here and there: any of them will do.
    allowed = real.groupby(level=0)["ECO_NAME"].agg(set)
    assert len(allowed) > 1500
    assert all(ours["ecoregion"][i] in names for i, names in allowed.items())
    single = real[~real.index.duplicated(keep=False) & (real["ECO_NAME"] != "Rock and Ice")]
    told = ours.loc[single.index]
    assert (told["biome"] == [BIOMES[int(n) - 1] for n in single["BIOME_NUM"]]).all()
    assert (told["realm"] == single["REALM"].str.lower()).all()
    # Outside all polygons there is an ecoregion only near a coast.
    outside = ours.loc[ours.index.difference(allowed.index)]
    assert 0 < outside["ecoregion"].notna().mean() < 0.1
    ice = ours[ours["ecoregion"] == "Rock and Ice"]
    assert len(ice) > 20
    assert set(ice["biome"]) == {"rock_and_ice"}
    assert ice["realm"].isna().all()


def test_columns_of_resolve_with_biome_names_only_in_part(tmp_path):
    data = layer(
        tmp_path / "resolve.gpkg",
        ECO_NAME=["Alps conifer and mixed forests", "Rock and Ice"],
        BIOME_NUM=[5.0, 11.0],
        BIOME_NAME=["Temperate Conifer Forests", "N/A"],
        REALM=["Palearctic", "N/A"],
    )
    assert rows(ecoregions_at([5, 15, 25], [5, 5, 5], data)) == [
        ("Alps conifer and mixed forests", "temperate_coniferous_forest", "palearctic"),
        ("Rock and Ice", "rock_and_ice", None),
        (None, None, None),
    ]


def test_columns_of_wwf_with_codes(tmp_path):
    data = layer(
        tmp_path / "wwf.shp",
        ECO_NAME=["Sonoran desert", "Lake", "Rock and Ice", "Borneo peat swamp forests"],
        BIOME=[13.0, 98.0, 99.0, 1.0],
        REALM=["NA", "AT", "AN", "IM"],
    )
    assert rows(ecoregions_at([5, 15, 25, 35], [5, 5, 5, 5], data)) == [
        ("Sonoran desert", "desert_xeric_shrubland", "nearctic"),
        ("Lake", None, "afrotropic"),
        ("Rock and Ice", "rock_and_ice", "antarctica"),
        ("Borneo peat swamp forests", "tropical_moist_broadleaf_forest", "indomalayan"),
    ]


def test_a_place_off_the_coast_takes_the_nearest_within_25_km(tmp_path):
    data = layer(tmp_path / "e.gpkg", ECO_NAME=["a", "b"], BIOME=[1, 2], REALM=["NT", "AT"])
    # A degree of longitude at 5 degrees north is 110.8 km: 0.2 of it are 22 km, 0.25 are 28 km.
    lon, lat = [-0.2, -0.25, 20.2, 20.25], [5.0] * 4
    assert ecoregions_at(lon, lat, data)["ecoregion"].tolist() == ["a", None, "b", None]


def test_packaged_is_realm_and_biome():
    # The Amazon, the Sahara, Tibet, open sea near Hawaii.
    table = ecoregions_at([-64.0, 10.0, 88.0, -150.0], [-5.0, 25.0, 33.0, 25.0], SiteData())
    assert rows(table)[:3] == [
        ("neotropic: tropical_moist_broadleaf_forest", "tropical_moist_broadleaf_forest", "neotropic"),
        ("palearctic: desert_xeric_shrubland", "desert_xeric_shrubland", "palearctic"),
        ("palearctic: montane_grassland", "montane_grassland", "palearctic"),
    ]
    assert set(table["biome"]) <= set(BIOMES) and set(table["realm"]) <= set(REALMS)


def test_no_places():
    assert ecoregions_at([], [], SiteData()).shape == (0, 3)


def test_other_columns_are_named(tmp_path):
    data = layer(tmp_path / "e.gpkg", NAME=["a"], BIOME=[1])
    with pytest.raises(UserError, match=r"e.gpkg: no columns of ecoregions; it has NAME, BIOME") as told:
        ecoregions_at([5], [5], data)
    assert "ECO_NAME" in told.value.mend


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"BIOME": [17], "REALM": ["NA"]}, r"e.gpkg: biome 17 is not one of"),
        ({"BIOME": [1], "REALM": ["Atlantis"]}, r"e.gpkg: realm 'Atlantis' is unknown"),
    ],
)
def test_unknown_codes_are_told(tmp_path, columns, message):
    data = layer(tmp_path / "e.gpkg", ECO_NAME=["a"], **columns)
    with pytest.raises(UserError, match=message):
        ecoregions_at([5], [5], data)


def test_a_changed_file_is_read_again(tmp_path):
    file = tmp_path / "e.gpkg"
    data = layer(file, ECO_NAME=["old"], BIOME=[1], REALM=["NT"])
    assert ecoregions_at([5], [5], data)["ecoregion"].tolist() == ["old"]
    file.unlink()
    layer(file, ECO_NAME=["new one"], BIOME=[1], REALM=["NT"])
    assert ecoregions_at([5], [5], data)["ecoregion"].tolist() == ["new one"]


def test_real_biomes_of_packaged_places_share_a_vocabulary(samples):
    data = SiteData(ecoregions=samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    lon, lat = np.meshgrid(np.arange(-175, 180, 5.0), np.arange(-55, 80, 5.0))
    lon, lat = lon.ravel(), lat.ravel()
    land = packaged.is_land(lon, lat)
    real = ecoregions_at(lon[land], lat[land], data)
    assert set(real["biome"].dropna()) <= set(BIOMES)
    assert set(real["realm"].dropna()) <= set(REALMS)
    assert real["ecoregion"].notna().mean() > 0.98


def test_biomes_are_those_of_ssl4ecos_own_labels(samples):
    """Rows of the published table, whose ecoregions bear Olson's names; the layer here is RESOLVE's, simplified.

    One of 23 differs: a place in the Sahel where the two layers draw the edge of the Sahara otherwise.
    """
    labels = pd.read_csv(samples / "ssl4eco_index_sample" / "biomes_labels_with_image_ids.csv")
    data = SiteData(ecoregions=samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    told = ecoregions_at(labels["lon"], labels["lat"], data)
    assert (told["biome"] == labels["biome"].map(BIOME_OF_NUMBER)).sum() == len(labels) - 1 == 22
    same = told["ecoregion"] == labels["ecoregion"]
    assert same.sum() >= 14
