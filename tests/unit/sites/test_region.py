"""Boxes and files of polygons as regions."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from greenup.errors import UserError
from greenup.sites.region import bounds_of, in_region


def test_boxes_hold_their_borders():
    assert in_region([0, 10, 10.1], [0, 5, 5], (0, 0, 10, 5)).tolist() == [True, True, False]
    assert in_region([179], [-5], None).tolist() == [True]
    assert bounds_of((0, 0, 10, 5)) == (0, 0, 10, 5)
    assert bounds_of(None) == (-180, -90, 180, 90)


def test_meridian_180_is_one_line():
    lon, lat = [-180, 180, 175, -175], [0] * 4
    assert in_region(lon, lat, (170, -10, 180, 10)).tolist() == [True, True, True, False]
    assert in_region(lon, lat, (-180, -10, -170, 10)).tolist() == [True, True, False, True]
    assert in_region(lon, lat, (-170, -10, 170, 10)).tolist() == [False] * 4


def test_polygons_on_both_sides_of_the_date_line(tmp_path):
    path = str(tmp_path / "region.geojson")
    sides = [shapely.box(170, -20, 180, -10), shapely.box(-180, -20, -175, -10)]
    gpd.GeoDataFrame(geometry=sides, crs=4326).to_file(path)
    lon = np.array([169, 171, 180, -180, -176, -174])
    assert in_region(lon, np.full(6, -15), path).tolist() == [False, True, True, True, True, False]
    assert bounds_of(path) == (-180, -20, 180, -10)


def test_bounds_of_a_file_hold_every_point_in_it(tmp_path):
    path = str(tmp_path / "region.gpkg")
    gpd.GeoDataFrame(geometry=[shapely.Point(600_000, 5_000_000).buffer(2e5)], crs=32632).to_file(path)
    west, south, east, north = bounds_of(path)
    assert 7 < west < east < 14
    lon, lat = (v.ravel() for v in np.meshgrid(np.linspace(0, 20, 101), np.linspace(40, 50, 101)))
    inside = in_region(lon, lat, path)
    assert inside.any()
    assert ((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))[inside].all()


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match=r"region: nowhere\.gpkg: no such file"):
        in_region([0], [0], "nowhere.gpkg")
