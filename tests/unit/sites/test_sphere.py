"""Great circles and offsets against PROJ's geodesics on the same sphere."""

import numpy as np
import pytest
from greenup.sites.sphere import EARTH_KM, arc_km, chord_of, great_circle_km, offset, unit_vectors, wrap_lon
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

SPHERE = Geod(a=EARTH_KM * 1000, b=EARTH_KM * 1000)
lons = st.floats(-180, 180, allow_subnormal=False)
lats = st.floats(-89.9, 89.9, allow_subnormal=False)
kms = st.floats(-500, 500, allow_subnormal=False)


@given(lons, lats, lons, lats)
def test_distance_agrees_with_proj(lon1, lat1, lon2, lat2):
    _, _, metres = SPHERE.inv(lon1, lat1, lon2, lat2)
    assert great_circle_km(lon1, lat1, lon2, lat2) == pytest.approx(metres / 1000, abs=1e-3)
    chord = np.linalg.norm(unit_vectors(lon1, lat1) - unit_vectors(lon2, lat2))
    assert arc_km(chord) == pytest.approx(metres / 1000, abs=1e-2)


@given(lons, lats, kms, kms)
def test_offset_goes_where_proj_goes(lon, lat, east, north):
    got_lon, got_lat = offset(lon, lat, east, north)
    want_lon, want_lat, _ = SPHERE.fwd(lon, lat, np.degrees(np.arctan2(east, north)), np.hypot(east, north) * 1000)
    assert great_circle_km(got_lon, got_lat, want_lon, want_lat) < 1e-3
    assert -180 <= got_lon < 180
    assert great_circle_km(lon, lat, got_lon, got_lat) == pytest.approx(np.hypot(east, north), abs=1e-3)


def test_a_hundred_km_east_are_the_same_at_every_latitude():
    lat = np.array([0.0, 60.0, 85.0])
    lon, _ = offset(np.zeros(3), lat, np.full(3, 100.0), np.zeros(3))
    # Along the parallel, which the great circle leaves by little so far from the pole.
    assert np.radians(lon[:2]) * np.cos(np.radians(lat[:2])) * EARTH_KM == pytest.approx(100, rel=1e-3)
    assert lon[2] / lon[0] == pytest.approx(1 / np.cos(np.radians(85)), rel=0.02)


def test_paths_over_date_line_and_pole():
    lon, lat = offset([179.9, 10.0], [0.0, 89.9], [100.0, 0.0], [0.0, 100.0])
    assert lon[0] == pytest.approx(-179.2, abs=0.01)
    assert (lon[1], lat[1]) == pytest.approx((-170.0, 89.2), abs=0.01)


@given(st.floats(0, np.pi * EARTH_KM))
def test_chord_and_arc_are_inverse(km):
    # Near the antipode the arc hangs on the last bits of the chord.
    assert arc_km(chord_of(km)) == pytest.approx(km, abs=0.5)


def test_wrap():
    assert wrap_lon([180.0, -180.0, 190.0, -541.0]).tolist() == [-180.0, -180.0, -170.0, 179.0]


@given(lons)
def test_wrap_leaves_what_is_in_range(lon):
    assert wrap_lon(lon) == (lon if lon < 180 else -180)
