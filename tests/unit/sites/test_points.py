"""The user's points: what is read, and what every mistake is answered with."""

import logging

import geopandas as gpd
import pytest
from greenup.config.sites import PointSites
from greenup.errors import UserError
from greenup.sites.points import sample_points
from shapely.geometry import Point, box


def read(path, **keys):
    return sample_points("mine", PointSites(sampler="points", file=str(path), **keys))


@pytest.fixture
def csv(tmp_path):
    def write(text, name="points.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_plain_csv(csv):
    table = read(csv("\ufefflon, lat ,note\n8.5,47.25,a\n-70,-33.5,b\n"))
    assert table.to_dict("list") == {
        "site_id": ["point_000000", "point_000001"],
        "lon": [8.5, -70.0],
        "lat": [47.25, -33.5],
    }


def test_own_names_and_strata(csv):
    table = read(csv("site_id,lat,lon,stratum\n007,47,8,alps\nb,48,9,\n"))
    assert table["site_id"].tolist() == ["007", "b"]
    assert table["stratum"].iloc[0] == "alps"
    assert table["stratum"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lon,latitude\n8,47\n", r"points.csv: column 'lat' is missing; the file has: lon, latitude"),
        ("lon,lat\n8,47\n9,95\n", r"points.csv: line 3, column 'lat': 95 is outside -90..90"),
        ("lon,lat\n8,47\n200,5\n", r"line 3, column 'lon': 200 is outside -180..180"),
        ("lon,lat\n8,47\n9,north\n", r"line 3, column 'lat': 'north' is not a number"),
        ("lon,lat\n8,47\n\n9,48\n", r"line 3, column 'lon': no value"),
        ("lon,lat\n8,inf\n", r"line 2, column 'lat': 'inf' is not a number"),
        ('lon,lat\n8,"47,5"\n', r"line 2, column 'lat': '47,5' is not a number"),
        ("lon,lat\n8,47\n9,48\n8.0,47\n", r"line 4: lon 8.0, lat 47.0 stands already in line 2"),
        ("site_id,lon,lat\na,8,47\na,9,48\n", r"line 3: site_id a stands already in line 2"),
        ("site_id,lon,lat\na,8,47\n ,9,48\n", r"line 3, column 'site_id': no value"),
        ("lon,lat\n", r"points.csv: the file has no points"),
        ("", r"points.csv: cannot be read as CSV"),
    ],
)
def test_mistakes_are_named_with_line_column_and_value(csv, text, message):
    with pytest.raises(UserError, match=message) as error:
        read(csv(text))
    assert error.value.mend


def test_swapped_axes_are_suspected(csv):
    with pytest.raises(UserError, match=r"column 'lat': 151.2 is outside(.|\n)*are lon and lat swapped\?"):
        read(csv("lon,lat\n-33.9,151.2\n"))


def test_missing_file_and_unknown_kind(csv, tmp_path):
    with pytest.raises(UserError, match=r"dataset mine: .*none.csv: no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"points are read from .csv, .gpkg"):
        read(csv("x", "points.xlsx"))


def test_a_geopackage_in_another_projection(tmp_path):
    frame = gpd.GeoDataFrame({"site_id": ["a", "b"]}, geometry=[Point(8.5, 47.25), Point(9, 48)], crs=4326)
    frame.to_crs(32632).to_file(tmp_path / "p.gpkg")
    table = read(tmp_path / "p.gpkg")
    assert table["site_id"].tolist() == ["a", "b"]
    assert table["lon"].tolist() == pytest.approx([8.5, 9.0], abs=1e-7)
    assert table["lat"].tolist() == pytest.approx([47.25, 48.0], abs=1e-7)


def test_geopackages_that_are_wrong(tmp_path):
    path = tmp_path / "p.gpkg"
    gpd.GeoDataFrame(geometry=[Point(1, 2), box(0, 0, 1, 1)], crs=4326).to_file(path)
    with pytest.raises(UserError, match=r"feature 2: Polygon is not a point"):
        read(path)
    gpd.GeoDataFrame(geometry=[Point(1, 2)], crs=4326).to_file(path, layer="more")
    with pytest.raises(UserError, match=r"2 layers \(p, more\)"):
        read(path)
    path.unlink()
    gpd.GeoDataFrame(geometry=[Point(1, 2)]).to_file(path)
    with pytest.raises(UserError, match=r"no coordinate reference system"):
        read(path)
    path.write_bytes(b"no package")
    with pytest.raises(UserError, match=r"cannot be read"):
        read(path)


def test_a_geojson(tmp_path):
    frame = gpd.GeoDataFrame({"stratum": ["x", "y"]}, geometry=[Point(8.5, 47.25), Point(9, 48)], crs=4326)
    frame.to_file(tmp_path / "p.geojson")
    table = read(tmp_path / "p.geojson")
    assert table["stratum"].tolist() == ["x", "y"]
    assert table["lon"].tolist() == [8.5, 9.0]


def test_points_outside_the_region_are_left_out(csv, tmp_path, caplog):
    path = csv("lon,lat\n8,47\n-70,-33\n9,46\n")
    gpd.GeoSeries([Point(8, 47).buffer(0.5)], crs=4326).to_file(tmp_path / "disc.gpkg")
    with caplog.at_level(logging.INFO):
        table = read(path, region=(0, 40, 20, 50))
    assert table["site_id"].tolist() == ["point_000000", "point_000002"], "names are those of the whole file"
    assert "mine: 1 of 3 points lie outside the region and are left out" in caplog.text
    assert read(path, region=str(tmp_path / "disc.gpkg"))["site_id"].tolist() == ["point_000000"]
    with pytest.raises(UserError, match=r"points.csv: none of the 3 points lies in sites.region"):
        read(path, region=(100, 0, 110, 10))
