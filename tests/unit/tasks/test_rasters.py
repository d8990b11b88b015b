"""Maps sampled at places: against positions worked out by hand, in degrees and in projected systems."""

import gzip

import numpy as np
import pandas as pd
import pytest
import rasterio
from greenup.errors import UserError
from greenup.tasks.rasters import draw_cells, sample_map
from pyproj import Transformer
from rasterio.transform import Affine, from_origin
from scipy.stats import chisquare

POLAR = "+proj=laea +lat_0=90 +lon_0=180 +R=6370997 +units=m"
"""Raster CAVM's system: polar, equal-area, on a sphere."""


@pytest.fixture
def write(tmp_path):
    def write_one(values, transform, crs="EPSG:4326", *, scale=1.0, offset=0.0, **keys):
        values = np.asarray(values)
        path = tmp_path / f"map{len(list(tmp_path.iterdir()))}.tif"
        profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
        with rasterio.open(path, "w", dtype=values.dtype, crs=crs, transform=transform, **profile, **keys) as raster:
            raster.write(values, 1)
            raster.scales, raster.offsets = (scale,), (offset,)
        return path

    return write_one


def _at(path, *places, **keys):
    lon, lat = np.array(places, dtype=float).T
    return sample_map(path, lon, lat, **keys)


def test_the_cell_that_holds_a_place(write):
    path = write(np.arange(12, dtype=np.uint8).reshape(3, 4), from_origin(10, 50, 0.5, 0.5))
    got = _at(path, (10.01, 49.99), (10.49, 49.51), (10.51, 49.49), (11.99, 48.51), (10.0, 50.0))
    assert got.values.tolist() == [0, 0, 5, 11, 0]
    assert got.inside.all() and (got.scale, got.offset) == (1, 0)


def test_outside_and_nodata_are_told_apart(write):
    values = np.array([[1, 2], [99, 4]], dtype=np.int16)
    path = write(values, from_origin(0, 2, 1, 1), nodata=99)
    got = _at(path, (0.5, 1.5), (0.5, 0.5), (2.0, 1.5), (-0.1, 0.5), (1.5, 2.01))
    assert np.array_equal(got.values, [1, np.nan, np.nan, np.nan, np.nan], equal_nan=True)
    assert got.inside.tolist() == [True, True, False, False, False]


def test_what_is_not_finite_has_no_value(write):
    path = write(np.array([[np.nan, np.inf, 3.5]], dtype=np.float32), from_origin(0, 1, 1, 1))
    got = _at(path, (0.5, 0.5), (1.5, 0.5), (2.5, 0.5))
    assert np.array_equal(got.values, [np.nan, np.nan, 3.5], equal_nan=True)


def test_scale_and_offset_of_the_file_and_in_their_place(write):
    """CHELSA's temperatures are tenths of a kelvin."""
    path = write(
        np.array([[2786, 65535]], dtype=np.uint16), from_origin(0, 1, 1, 1), scale=0.1, offset=-273.15, nodata=65535
    )
    got = _at(path, (0.5, 0.5), (1.5, 0.5))
    np.testing.assert_allclose(got.values, [5.45, np.nan], atol=1e-9)
    assert (got.scale, got.offset) == (0.1, -273.15)
    np.testing.assert_allclose(_at(path, (0.5, 0.5), scale=0.2, offset=1.0).values, [558.2])
    # The file's nodata value is that of stored numbers, whatever they are scaled to.
    assert np.isnan(_at(path, (1.5, 0.5), scale=0.0).values).all()


@pytest.mark.parametrize("west", [0.0, -180.0])
def test_longitudes_from_either_meridian(write, west):
    values = np.arange(36, dtype=np.uint8)[None]
    path = write(values, from_origin(west, 5, 10, 10))
    lons = np.array([-179.0, -95.0, -1.0, 1.0, 95.0, 179.0])
    got = sample_map(path, lons, np.zeros(6))
    assert got.values.tolist() == [((lon - west) % 360) // 10 for lon in lons]


def test_a_polar_equal_area_map(write):
    """Cells of 100 km around the pole, each with its own number, found again from their centres."""
    values = np.arange(3600, dtype=np.int16).reshape(60, 60)
    path = write(values, from_origin(-3e6, 3e6, 1e5, 1e5), POLAR, tiled=True, blockxsize=16, blockysize=16)
    rows, cols = np.divmod(np.random.default_rng(0).permutation(3600)[:500], 60)
    x, y = -3e6 + (cols + 0.5) * 1e5, 3e6 - (rows + 0.5) * 1e5
    lon, lat = Transformer.from_crs(POLAR, 4326, always_xy=True).transform(x, y)
    got = sample_map(path, np.asarray(lon), np.asarray(lat))
    assert got.inside.all() and got.values.tolist() == (rows * 60 + cols).tolist()
    # By closed form on the sphere: the map's lon_0 points down, a place at 180 E, 80 N lies straight below the pole.
    radius = 2 * 6370997 * np.sin(np.deg2rad(5))
    assert _at(path, (180, 80)).values == (30 + int(radius // 1e5)) * 60 + 30
    assert not _at(path, (0, -40)).inside.any()


def test_a_turned_map(write):
    """A grid turned by 45 degrees: the affine is inverted whole, not axis by axis."""
    transform = Affine.translation(10, 10) @ Affine.rotation(45) @ Affine.scale(1, 1)
    path = write(np.arange(6, dtype=np.uint8).reshape(2, 3), transform, "EPSG:3857")
    to_degrees = Transformer.from_crs(3857, 4326, always_xy=True)
    for number in range(6):
        row, col = divmod(number, 3)
        u, v = col + 0.5, row + 0.5
        x, y = 10 + (u - v) * np.sqrt(0.5), 10 + (u + v) * np.sqrt(0.5)
        lon, lat = to_degrees.transform(x, y)
        assert _at(path, (lon, lat)).values == number


def test_no_places(write):
    got = sample_map(write(np.ones((2, 2), np.uint8), from_origin(0, 2, 1, 1)), np.array([]), np.array([]))
    assert len(got.values) == len(got.inside) == 0


def test_values_of_chelsa_at_stations_come_back(write, samples):
    """Real temperatures at real coordinates: put on CHELSA's grid (30 arc seconds) as it stores them, and sampled."""
    with gzip.open(samples / "chelsa_at_stations/chelsa_v1.1_at_stations.csv.gz", "rt") as stream:
        table = pd.read_csv(stream, usecols=["LAT", "LON", "CHELSA_bio1_1979-2013_V1_1"])
    step = 1 / 120
    table["col"], table["row"] = (table["LON"] - 5) / step, (50 - table["LAT"]) / step
    table = table.dropna()[lambda t: t["col"].between(1, 1199) & t["row"].between(1, 719)]
    # A station on the border of two cells is in either, by rounding alone.
    edge = [(table[c] % 1 - 0.5).abs() > 0.499 for c in ("row", "col")]
    table = table[~edge[0] & ~edge[1]]
    row, col = np.floor(table["row"]).astype(int), np.floor(table["col"]).astype(int)
    first = ~pd.DataFrame({"row": row, "col": col}).duplicated()
    table, row, col = table[first], row[first], col[first]
    stored = np.full((720, 1200), 65535, dtype=np.uint16)
    stored[row, col] = np.rint((table["CHELSA_bio1_1979-2013_V1_1"] + 273.15) * 10)
    path = write(stored, from_origin(5, 50, step, step), scale=0.1, offset=-273.15, nodata=65535)
    got = sample_map(path, table["LON"].to_numpy(), table["LAT"].to_numpy())
    assert len(table) > 300
    np.testing.assert_allclose(got.values, table["CHELSA_bio1_1979-2013_V1_1"], atol=0.0501)


@pytest.mark.parametrize(("crs", "message"), [(None, "no coordinate reference system")])
def test_a_map_without_a_system(write, crs, message):
    path = write(np.ones((2, 2), np.uint8), from_origin(0, 2, 1, 1), crs)
    with pytest.raises(UserError, match=message):
        _at(path, (0.5, 0.5))


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        _at(tmp_path / "none.tif", (0, 0))
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(UserError, match="not a raster"):
        _at(tmp_path / "text.tif", (0, 0))


# --------------------------------------------------------------------------------------------------- places in classes
def _everywhere(lon, lat):
    return np.ones(len(lon), bool)


def test_places_are_uniform_by_area_over_the_classes(write):
    values = np.zeros((60, 60), np.uint8)
    values[:, :30], values[:20, 30:] = 1, 2
    path = write(values, from_origin(-3e6, 3e6, 1e5, 1e5), POLAR)
    lon, lat = draw_cells(path, np.array([1, 2]), 1000, np.random.default_rng(1), _everywhere)
    got = sample_map(path, lon, lat).values
    assert set(got) == {1, 2}
    # 1800 cells of class 1, 600 of class 2.
    assert chisquare([(got == 1).sum(), (got == 2).sum()], [750, 250]).pvalue > 1e-3
    x, y = Transformer.from_crs(4326, POLAR, always_xy=True).transform(lon, lat)
    cells = set(zip(np.floor(x / 1e5), np.floor(y / 1e5), strict=True))
    assert len(cells) == 1000, "each cell once"


def test_rows_in_degrees_count_by_their_area(write):
    path = write(np.ones((90, 180), np.uint8), from_origin(-180, 90, 2, 2))
    _, lat = draw_cells(path, np.array([1]), 3000, np.random.default_rng(2), _everywhere)
    # On a sphere the sine of latitude is uniform; drawing without replacement thins the tropics by a little.
    share = np.histogram(np.sin(np.deg2rad(lat)), bins=4, range=(-1, 1))[0] / 3000
    np.testing.assert_allclose(share, 0.25, atol=0.03)


def test_a_larger_draw_only_adds(write):
    path = write(np.ones((50, 50), np.uint8), from_origin(0, 50, 1, 1))
    few = draw_cells(path, np.array([1]), 20, np.random.default_rng(3), _everywhere)
    many = draw_cells(path, np.array([1]), 50, np.random.default_rng(3), _everywhere)
    np.testing.assert_array_equal(np.array(few), np.array(many)[:, :20])


def test_a_region_and_too_few_cells(write):
    path = write(np.ones((50, 50), np.uint8), from_origin(0, 50, 1, 1))
    lon, _ = draw_cells(path, np.array([1]), 100, np.random.default_rng(4), lambda lon, lat: lon > 40)
    assert (lon > 40).all()
    with pytest.raises(UserError, match=r"500 cells of a class lie in sites.region, sites.count asks for 501"):
        draw_cells(path, np.array([1]), 501, np.random.default_rng(4), lambda lon, lat: lon > 40)


def test_a_system_that_is_not_equal_area(write):
    path = write(np.ones((5, 5), np.uint8), from_origin(0, 5e5, 1e5, 1e5), "EPSG:3857")
    with pytest.raises(UserError, match="not equal-area"):
        draw_cells(path, np.array([1]), 1, np.random.default_rng(5), _everywhere)
