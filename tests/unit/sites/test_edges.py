"""Winding numbers and nearest edges, against counting polygon by polygon and PROJ's geodesics."""

import numpy as np
import pytest
import shapely
from greenup.sites.edges import Rings, Rows, nearest_edge, winding
from greenup.sites.sphere import EARTH_KM
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

SPHERE = Geod(a=EARTH_KM * 1000, b=EARTH_KM * 1000)
DISCS = [shapely.Point(3 * i, 0).buffer(5) for i in range(5)]


@pytest.mark.parametrize("order", ["rows", "shuffled", "descending", "broken"])
def test_overlapping_polygons_are_counted(order):
    """However the points come: how many discs hold each, and the sum of their positions."""
    lon, lat = (v.ravel() for v in np.meshgrid(np.arange(-6.05, 20, 0.3), np.arange(-6.05, 6, 0.4)))
    number = np.arange(len(lon))
    if order == "shuffled":
        number = np.random.default_rng(0).permutation(number)
    elif order == "descending":
        number = number[::-1]
    elif order == "broken":
        # As a grid's row whose last centre lies beyond the date line.
        number = np.roll(number, 7)
    lon, lat = lon[number], lat[number]
    holds = np.array([shapely.contains_xy(d, lon, lat) for d in DISCS])
    for points_a_row in (0, 4):
        count, total = winding(Rows.of(lon, lat, points_a_row), Rings.of(np.array(DISCS)))
        assert (count == holds.sum(axis=0)).all()
        assert (total == (holds * np.arange(5)[:, None]).sum(axis=0)).all()
    assert count.max() == 4


def test_scattered_points_are_no_rows_and_many_crossings_are_refused():
    lon, lat = np.random.default_rng(0).uniform(-5, 5, (2, 100))
    assert Rows.of(lon, lat, 4) is None
    assert winding(Rows.of(lon, lat), Rings.of(np.array(DISCS)), most=10) is None


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(-85, 85), st.floats(-180, 180))
def test_distance_to_the_nearest_edge(seed, lat, lon):
    """Against geodesics to points every 100 m on the edges."""
    rng = np.random.default_rng(seed)
    corners = np.array([lon, lat]) + rng.uniform(-0.5, 0.5, (2, 3, 2)) / [np.cos(np.radians(lat)), 1]
    corners[..., 1] = np.clip(corners[..., 1], -90, 90)
    triangles = np.array([shapely.Polygon(c) for c in corners])
    points = np.array([lon, lat]) + rng.uniform(-1, 1, (5, 2)) / [np.cos(np.radians(lat)), 1]
    points[:, 1] = np.clip(points[:, 1], -90, 90)
    owner, km = nearest_edge(points[:, 0], points[:, 1], Rings.of(triangles).edges(), 100.0)
    dense = [shapely.get_coordinates(shapely.segmentize(t.exterior, 1e-3)) for t in triangles]
    for (x, y), found, distance in zip(points, owner, km, strict=True):
        want = [SPHERE.inv(np.full(len(d), x), np.full(len(d), y), *d.T)[2].min() / 1000 for d in dense]
        if np.isinf(distance):
            assert found == -1
            assert min(want) > 99.9
        else:
            assert distance == pytest.approx(min(want), rel=2e-3, abs=0.06)
            assert want[found] == pytest.approx(min(want), rel=2e-3, abs=0.06)


def test_equally_near_polygons_give_the_first():
    pair = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    for geometries in (pair, pair[::-1]):
        owner, km = nearest_edge(np.array([1.0]), np.array([1.5]), Rings.of(geometries).edges(), 60.0)
        assert owner.tolist() == [0]
        assert km == pytest.approx(np.radians(0.5) * EARTH_KM, rel=1e-6)
