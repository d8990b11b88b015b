"""Realms: the vocabulary, known places, and the boxes against a real map."""

import geopandas as gpd
import numpy as np
import pytest
from greenup.sites import packaged
from greenup.sites.realms import REALM_OF_CODE, REALMS, realm

PLACES = {
    "nearctic": [(-100, 40), (-150, 65), (-40, 75), (-25, 82), (-176.6, 51.9), (-104, 30)],
    "palearctic": [(10, 50), (100, 60), (138, 36), (-5, 33), (30, 27), (-19, 65), (45, 30), (-175, 66), (-16, 28)],
    "neotropic": [(-60, -5), (-70, -50), (-80, 9), (-77, 20), (-90.5, -0.6), (-59, -51.7)],
    "afrotropic": [(20, 0), (25, -30), (47, -19), (45, 8), (-24, 15), (57.5, -20.3)],
    "indomalayan": [(78, 20), (102, 15), (114, 1), (121, 15), (110, -7.3), (81, 7), (121, 23.8)],
    "australasia": [(135, -25), (115, -26), (143, -5), (172, -43), (120.5, -2), (166, -22), (124, -9)],
    "oceania": [(-155.5, 19.6), (178, -17.8), (-149.5, -17.6), (158.2, 6.9), (-109.3, -27.1)],
    "antarctica": [(90, -75), (-60, -64), (-36.5, -54.4), (69.5, -49.3)],
}


@pytest.mark.parametrize("name", REALMS)
def test_known_places(name):
    lon, lat = np.array(PLACES[name], dtype=float).T
    assert realm(lon, lat).tolist() == [name] * len(lon)


def test_vocabulary():
    assert set(PLACES) == set(REALMS) == set(REALM_OF_CODE.values())
    assert len(REALMS) == 8


def test_shapes_are_kept():
    assert realm(np.zeros((2, 3)), np.zeros((2, 3))).shape == (2, 3)
    assert realm([], []).shape == (0,)


def test_uniform_land_points_have_the_realm_of_resolves_map(samples):
    """Measured 98.5 % on 15 600 points; the points here are others."""
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(-180, 180, 9000), np.degrees(np.arcsin(rng.uniform(-1, 1, 9000)))
    land = packaged.is_land(lon, lat) & (lat > -60)
    points = gpd.GeoDataFrame(
        {"ours": realm(lon[land], lat[land])}, geometry=gpd.points_from_xy(lon[land], lat[land]), crs=4326
    )
    layer = gpd.read_file(samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    joined = points.sjoin(layer.loc[layer["REALM"] != "N/A", ["REALM", "geometry"]], predicate="within")
    assert len(joined) > 2000
    assert (joined["REALM"].str.lower() == joined["ours"]).mean() > 0.97
