"""The tiles' grid, against PROJ and corners that the MODIS Land team publishes."""

import numpy as np
import pytest
from greenup.phenology.sinusoidal import TILE_M, project, tile_name, tile_pixels
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Proj

SINUSOIDAL = Proj("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m")

places = st.tuples(st.floats(-180, 180, exclude_max=True), st.floats(-90, 90))


@given(st.lists(places, min_size=1, max_size=30))
def test_projection_is_projs(points):
    lon, lat = np.array(points).T
    x, y = project(lon, lat)
    theirs_x, theirs_y = SINUSOIDAL(lon, lat)
    assert np.allclose(x, theirs_x, atol=1e-3)
    assert np.allclose(y, theirs_y, atol=1e-3)


@given(places, st.sampled_from([1200, 2400, 4800]))
def test_a_point_lies_in_its_pixel(place, size):
    """The pixel's edges, from its tile, row and column, hold the point as PROJ sees it."""
    lon, lat = place
    h, v, row, column = (int(a) for a in tile_pixels(lon, lat, size))
    assert 0 <= h < 36
    assert 0 <= v < 18
    assert 0 <= row < size
    assert 0 <= column < size
    pixel = TILE_M / size
    west, north = (h - 18) * TILE_M + column * pixel, (9 - v) * TILE_M - row * pixel
    x, y = SINUSOIDAL(lon, lat)
    assert west - 5e-3 <= x <= west + pixel + 5e-3
    assert north - pixel - 5e-3 <= y <= north + 5e-3


@pytest.mark.parametrize(
    ("lon", "lat", "tile"),
    [
        (8.5, 47.4, "h18v04"),
        (0.1, 0.1, "h18v08"),
        (-0.1, -0.1, "h17v09"),
        (-60.0, -3.0, "h12v09"),
        (149.1, -35.3, "h30v12"),
        (-155.5, 19.6, "h03v07"),
        (180.0, 65.0, "h10v02"),
        (-180.0, 65.0, "h10v02"),
        (0.0, -90.0, "h18v17"),
    ],
)
def test_known_tiles(lon, lat, tile):
    h, v, *_ = tile_pixels(lon, lat)
    assert tile_name(int(h), int(v)) == tile


def test_side_of_a_tile():
    """As the file's metadata have it: h18v04 from (0, 5559752.598333) to (1111950.519667, 4447802.078667)."""
    assert abs(TILE_M - 1111950.519667) < 1e-6
    assert abs(5 * TILE_M - 5559752.598333) < 1e-6
