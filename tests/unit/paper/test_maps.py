import numpy as np
import pytest
from greenup.paper import maps
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import Polygon
from shapely.ops import unary_union

SPHERE_KM2 = 510.07e6


def area_km2(path) -> float:
    return sum(Polygon(p).area * (1 if i == 0 else -1) for i, p in enumerate(path.to_polygons(closed_only=True))) / 1e6


def test_the_world_has_the_area_of_the_earth():
    assert Polygon(maps.WORLD_FRAME.border()).area / 1e6 == pytest.approx(SPHERE_KM2, rel=2e-3)


def test_land_is_three_tenths_of_the_earth():
    # 148.9 million km2 (CIA World Factbook, land); lakes count as land here.
    shapes = [Polygon(p).buffer(0) for path in maps.land_paths(maps.WORLD_FRAME) for p in path.to_polygons()[:1]]
    assert unary_union(shapes).area / 1e6 == pytest.approx(149e6, rel=0.03)


@pytest.mark.parametrize(
    ("lon", "lat", "is_land"), [(10, 50, True), (-60, -5, True), (-30, 40, False), (80, -30, False), (0, -85, True)]
)
def test_known_places(lon, lat, is_land):
    point = np.column_stack(maps.WORLD_FRAME.project([lon], [lat]))[0]
    inside = sum(
        bool(Polygon(p).contains(_point(point)))
        for path in maps.land_paths(maps.WORLD_FRAME)
        for p in path.to_polygons()[:1]
    )
    assert bool(inside) is is_land


def _point(xy):
    from shapely.geometry import Point

    return Point(*xy)


def test_points_far_apart_get_the_world_and_near_ones_a_region_that_holds_them():
    assert maps.frame_of(np.array([-100.0, 100]), np.array([0.0, 1])) == maps.WORLD_FRAME
    frame = maps.frame_of(np.array([4.9, 2.6]), np.array([51.0, 42.4]))
    assert frame != maps.WORLD_FRAME
    west, south, east, north = frame.region
    assert west < 2.6 and east > 4.9 and south < 42.4 and north > 51.0
    assert maps.land_paths(frame)


def test_points_around_a_pole_get_its_cap():
    lon = np.linspace(-180, 180, 30)
    north, south = maps.frame_of(lon, np.full(30, 66.5)), maps.frame_of(lon, np.full(30, -70.0))
    assert north.is_cap and south.is_cap and not maps.WORLD_FRAME.is_cap
    assert north.region == (-180, 64, 180, 90) and south.region == (-180, -90, 180, -68)
    ring = np.linspace(-180, 180, 3600, endpoint=False)
    for frame, rim in ((north, 64.0), (south, -68.0)):
        true, _ = Geod(ellps="WGS84").polygon_area_perimeter(ring, np.full(3600, rim))
        assert Polygon(frame.border()).area == pytest.approx(abs(true), rel=1e-3)
    # A few Arctic points near one another are a region, not a cap.
    assert not maps.frame_of(np.array([10.0, 20]), np.array([70.0, 72])).is_cap


def test_land_of_a_cap_has_no_seam_at_the_180th_meridian():
    frame = maps.frame_of(np.linspace(-180, 180, 30), np.full(30, 60.0))
    land = unary_union([Polygon(p).buffer(0) for path in maps.land_paths(frame) for p in path.to_polygons()[:1]])
    # Chukotka lies on both sides of it, Wrangel Island too.
    west, east = (_point(np.ravel(frame.project([lon], [67.5]))) for lon in (179.5, -179.5))
    assert any(part.contains(west) and part.contains(east) for part in land.geoms)


def test_points_across_the_180th_meridian_get_the_short_way_round():
    frame = maps.frame_of(np.array([178.0, -178.0]), np.array([-17.0, -19.0]))
    west, _, east, _ = frame.region
    assert west < 178 and 182 < east < 200
    x, _ = frame.project([178.0, -178.0], [-18.0, -18.0])
    assert x[0] < 0 < x[1] and np.ptp(x) < 5e5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-180, 180), min_size=1, max_size=12))
def test_the_shortest_arc_holds_all_and_is_no_longer_than_any_other(lon):
    west, width = maps._shortest_arc(np.array(lon))
    assert all((x - west) % 360 <= width + 1e-6 or (x - west) % 360 > 360 - 1e-6 for x in lon)
    for start in lon:
        assert max((x - start) % 360 for x in lon) >= width - 1e-6


@settings(max_examples=25, deadline=None)
@given(st.floats(-170, 170), st.floats(-75, 75))
def test_a_region_is_equal_area(lon, lat):
    frame = maps.frame_of(np.array([lon, lon + 3]), np.array([lat, lat + 2]))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * 0.5 + [lon, lat]
    mapped = Polygon(np.column_stack(frame.project(corners[:, 0], corners[:, 1])))
    true, _ = Geod(ellps="WGS84").polygon_area_perimeter(corners[:, 0], corners[:, 1])
    assert mapped.area == pytest.approx(abs(true), rel=2e-3)


def test_hexagons_count_every_site_once_and_tell_their_area():
    import matplotlib

    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 5000), np.degrees(np.arcsin(rng.uniform(-1, 1, 5000)))
    arguments, area = maps.hexagons(maps.WORLD_FRAME, lon, lat, across=40)
    drawn = matplotlib.figure.Figure().add_subplot().hexbin(**arguments)
    assert drawn.get_array().sum() == 5000
    assert area == pytest.approx(Polygon(drawn.get_paths()[0].vertices).area / 1e6, rel=0.02)
    # Uniform on the sphere is uniform on an equal-area map: hexagons inside hold the same number on average.
    full = np.count_nonzero(drawn.get_array())
    assert full * area == pytest.approx(SPHERE_KM2, rel=0.08)


@pytest.mark.parametrize(
    ("value", "letters", "step", "text"),
    [
        (12.5, "EW", 0.1, "12.5° E"),
        (-5, "NS", 5, "5° S"),
        (0, "NS", 10, "0° N"),
        (2.25, "EW", 0.25, "2.25° E"),
        (-180, "EW", 45, "180°"),
    ],
)
def test_degrees(value, letters, step, text):
    assert maps.degrees(value, letters, step) == text
