"""Windows on a grid: bit-equal where pixels are the same, a plain reprojection elsewhere."""

import numpy as np
import pytest
from greenup.imagery.raster import read_window
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from rasterio.warp import reproject

from tests.standins.archive import EPSG, NORTH, WEST, square, tif

SIDE = 40


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    values = np.random.default_rng(1).integers(1, 9000, (2, SIDE, SIDE)).astype(np.uint16)
    values[0, 10:12, 20:23] = 0  # no data in one band only
    return values


@pytest.fixture(scope="module")
def path(image, tmp_path_factory) -> str:
    return str(tif(tmp_path_factory.mktemp("raster") / "a.tif", image, square(10)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(-50, 50), column=st.integers(-50, 50), height=st.integers(1, 60), width=st.integers(1, 60))
def test_aligned_windows_are_the_files_pixels(image, path, row, column, height, width):
    grid = square(10, WEST + 10 * column, NORTH - 10 * row)
    values, valid = read_window(path, (2, 1), EPSG, grid, (height, width), nodata=0)
    # The truth: the image on an endless plane of no data.
    plane = np.zeros((2, SIDE + 220, SIDE + 220), np.uint16)
    plane[:, 110 : 110 + SIDE, 110 : 110 + SIDE] = image[::-1]
    expected = plane[:, 110 + row : 110 + row + height, 110 + column : 110 + column + width]
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(valid, expected != 0)


def test_another_crs_is_one_bilinear_reprojection(image, path):
    x, y = Transformer.from_crs(EPSG, 32632, always_xy=True).transform(WEST + 200, NORTH - 200)
    grid = square(10, round(x) - 100, round(y) + 100)
    values, valid = read_window(path, (2,), 32632, grid, (20, 20), nodata=0)
    expected = np.zeros((20, 20))
    reproject(
        image[1].astype(float), expected, src_crs=f"EPSG:{EPSG}", src_transform=square(10), dst_crs="EPSG:32632",
        dst_transform=grid, resampling=Resampling.bilinear, tolerance=1e-5,
    )  # fmt: skip
    assert valid.all()
    np.testing.assert_allclose(values[0], expected, atol=1)


def test_half_a_pixel_aside_is_the_mean_of_neighbours(tmp_path):
    ramp = np.arange(1, 101, dtype=np.uint16).reshape(1, 10, 10) * 10
    file = tif(tmp_path / "ramp.tif", ramp, square(10))
    values, _ = read_window(str(file), (1,), EPSG, square(10, WEST + 25, NORTH - 30), (4, 4), nodata=0)
    np.testing.assert_array_equal(values[0], (ramp[0, 3:7, 2:6] + ramp[0, 3:7, 3:7]) // 2)


def test_no_data_of_one_band_stays_that_bands_own(image, path):
    grid = square(10, WEST + 1, NORTH)  # a tenth of a pixel aside: reprojected
    values, valid = read_window(path, (1, 2), EPSG, grid, (SIDE, SIDE - 1), nodata=0, resampling=Resampling.nearest)
    np.testing.assert_array_equal(valid[0], image[0, :, :-1] != 0)
    assert valid[1].all()
    np.testing.assert_array_equal(values, image[:, :, :-1])


def test_outside_the_file_there_is_no_data(path):
    for epsg, west in ((EPSG, WEST + 10_000), (32632, 300_000)):
        values, valid = read_window(path, (1,), epsg, square(10, west), (8, 8), nodata=0)
        assert not valid.any()
        assert not values.any()


def test_the_files_own_no_data_goes_before_the_default(tmp_path):
    values = np.array([[[0, 5], [-1, 7]]], np.int16)
    file = tif(tmp_path / "b.tif", values, square(10), nodata=-1)
    read, valid = read_window(str(file), (1,), EPSG, square(10), (2, 2), nodata=0)
    assert valid.tolist() == [[[True, True], [False, True]]]
    assert read.tolist() == [[[0, 5], [0, 7]]]


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(RasterioIOError):
        read_window(str(tmp_path / "none.tif"), (1,), EPSG, square(10), (2, 2), nodata=0)
