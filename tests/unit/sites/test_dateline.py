"""Polygons over the date line and round the poles."""

import numpy as np
import pytest
import shapely
from greenup.sites.dateline import into_range, mend_jumps
from hypothesis import given
from hypothesis import strategies as st

LAKE = shapely.box(170, -20, 190, -10).difference(shapely.box(178, -16, 183, -14))


@given(st.floats(-359, 179), st.floats(1, 359))
def test_areas_are_kept_and_points_follow(west, width):
    box = shapely.box(west, -20, west + width, 20)
    (got,) = into_range(np.array([box]))
    assert shapely.area(got) == pytest.approx(40 * width)
    assert (np.abs(shapely.bounds(got)[[0, 2]]) <= 180).all()
    middle = (west + width / 2 + 180) % 360 - 180
    assert shapely.intersects_xy(got, middle, 0)


def test_what_is_in_range_stays_the_same_object():
    box = shapely.box(-180, -90, 180, 90)
    assert into_range(np.array([box]))[0] is box
    assert mend_jumps(np.array([LAKE]))[0] is LAKE


def test_rounding_over_the_edge_is_put_back():
    (got,) = into_range(np.array([shapely.box(170, 80, 180 + 1e-9, 90 + 1e-9)]))
    assert shapely.bounds(got).tolist() == [170, 80, 180, 90]
    assert got.geom_type == "Polygon"


def test_rings_that_jump_are_cut_holes_too():
    """As a reprojection writes it: 181 has become -179."""
    dense = shapely.segmentize(LAKE, 1.0)
    jumping = shapely.transform(dense, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))
    (got,) = mend_jumps(np.array([jumping]))
    assert shapely.is_valid(got)
    assert shapely.area(got) == pytest.approx(LAKE.area)
    inside = [(175, -12), (-175, -12), (179, -12), (-179, -18)]
    outside = [(179, -15), (-179, -15), (0, -15), (165, -15)]
    assert [shapely.contains_xy(got, *p) for p in inside + outside] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_ring_round_a_pole_holds_it(pole, turn):
    """Two rings round the pole, one a hole in the other, either way round: the band between them."""
    lon = np.linspace(-175, 185, 73)[::turn]
    lon = (lon + 180) % 360 - 180

    def ring(lat: float) -> np.ndarray:
        return np.column_stack([lon, np.full(len(lon), np.copysign(lat, pole))])

    (band,) = mend_jumps(np.array([shapely.Polygon(ring(60), [ring(80)])]))
    assert shapely.area(band) == pytest.approx(360 * 20)
    (cap,) = mend_jumps(np.array([shapely.Polygon(ring(60))]))
    assert shapely.area(cap) == pytest.approx(360 * 30)
    assert shapely.intersects_xy(cap, 12, pole)
