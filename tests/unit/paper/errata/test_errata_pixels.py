"""Numbers of the errata on pixels, against geometry by hand."""

import numpy as np
import pytest
from greenup.paper.errata import pixels
from greenup.paper.errata.row import Samples

NONE = Samples()


def convergence(lat, east_deg):
    """Angle (radians) between a UTM grid and the meridian, east of its middle."""
    return np.arctan(np.tan(np.radians(east_deg)) * np.sin(np.radians(lat)))


def test_half_a_pixel_both_ways():
    for number, m in zip(pixels.half_pixel(NONE), (10, 20, 60), strict=True):
        assert number.released == pytest.approx(m / np.sqrt(2), rel=1e-3)
        assert number.right == 0


@pytest.mark.parametrize("lat", [0.0, 45.0, 60.0, 70.0])
def test_the_shear_is_the_convergence_of_meridians(lat):
    """A square turned by an angle, held against its upright bounding box cut into as many cells: a corner of the square
    lies half a side x (sin, cos + sin - 1) ... from that of the box."""
    half, angle = pixels.SIDE_PX * pixels.PIXEL_M / 2, convergence(lat, 2.9)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = half * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    box = corners * (np.cos(angle) + np.sin(angle))
    expected = np.linalg.norm(corners @ turn.T - box, axis=1).max()
    # Pixel centres lie half a pixel inside the corners; a parallel is no straight line either.
    assert pixels.largest_shear_m(9 + 2.9, lat) == pytest.approx(expected, rel=0.03, abs=0.5)
    assert pixels.largest_shear_m(9.0, lat) < 2, "upright in the middle of a zone"


@pytest.mark.parametrize("lat", [0.0, 45.0, 60.0, 70.0])
def test_the_first_crop_is_two_pixels_off_at_least(lat):
    """Radius 1 300 m less 1 280 m each way in the middle of a zone; at its edge the box is turned."""
    assert pixels.first_crop_offset_m(9.0, lat) == pytest.approx(20 * np.sqrt(2), abs=1.5)
    angle = convergence(lat, 2.9)
    each = 1300 * (np.cos(angle) + np.sin(angle)) - 1280
    assert pixels.first_crop_offset_m(9 + 2.9, lat) == pytest.approx(each * np.sqrt(2), rel=0.04, abs=1.5)


def test_zoomed_bands_show_a_half_and_a_sixth():
    assert [n.released / n.right for n in pixels.zoomed_bands(NONE)] == [1 / 2, pytest.approx(1 / 6)]


def test_ndvi_with_and_without_the_offset():
    canopy, soil = pixels.ndvi_with_offset(NONE)
    assert (canopy.released, canopy.right) == (pytest.approx(2700 / 5300), pytest.approx(27 / 33))
    assert (soil.released, soil.right) == (pytest.approx(500 / 6500), pytest.approx(5 / 45))


def test_no_data_and_negative_ndvi():
    assert (pixels.nodata_as_zero(NONE)[0].released, pixels.nodata_as_zero(NONE)[0].right) == (1800, 2000)
    assert (pixels.negative_ndvi(NONE)[0].released, pixels.negative_ndvi(NONE)[0].right) == (0, -0.6)
