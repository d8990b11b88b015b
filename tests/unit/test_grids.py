"""Patch grids: true UTM coordinates, corners on the products' own pixels, resolutions nested."""

import math
from functools import cache

import geopandas as gpd
import pytest
from greenup.grids import PatchGrid, grid_for_site, utm_epsg
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

# UTM ends at 84 degrees north and 80 south.
lons = st.floats(-180, 180)
lats = st.floats(-80, 84)
sizes = st.integers(1, 600)
resolutions = st.sampled_from([(10,), (20,), (10, 20), (10, 60), (10, 20, 60)])


@cache
def area_of_use(epsg: int) -> tuple[float, float, float, float]:
    return CRS.from_epsg(epsg).area_of_use.bounds


@cache
def to_degrees(epsg: int) -> Transformer:
    return Transformer.from_crs(epsg, 4326, always_xy=True)


class TestZone:
    @pytest.mark.parametrize(
        "lon, lat, epsg",
        [
            (7.0, 46.0, 32632),  # Bern
            (-3.7, 40.4, 32630),  # Madrid
            (-70.7, -33.4, 32719),  # Santiago
            (151.2, -33.9, 32756),  # Sydney
            (179.99, 51.0, 32660),
            (180.0, 51.0, 32601),
            (-180.0, 51.0, 32601),
            (-180.0, -17.0, 32701),
            (0.0, 0.0, 32631),
            (5.0, 60.0, 32631),  # Bergen: the plain zone, not the wider 32V
        ],
    )
    def test_known_places(self, lon, lat, epsg):
        assert utm_epsg(lon, lat) == epsg

    @given(lons, lats)
    def test_registry_of_pyproj_agrees(self, lon, lat):
        """The zone's area of use in the EPSG registry contains the point."""
        west, south, east, north = area_of_use(utm_epsg(lon, lat))
        assert south <= lat <= north
        assert (lon - west + 1e-9) % 360 <= east - west + 2e-9

    @settings(max_examples=25, deadline=None)
    @given(st.integers(-30, 29), st.floats(0.01, 5.99), st.floats(0.5, 83.5), st.booleans())
    def test_query_of_pyproj_agrees_inside_a_zone(self, zone, within, lat, southern):
        lon, lat = zone * 6 + within, -min(lat, 79) if southern else lat
        found = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
        assert [int(info.code) for info in found] == [utm_epsg(lon, lat)]

    @pytest.mark.parametrize("lon, lat", [(8.5, 47.4), (-58.4, -34.6), (103.8, 1.35), (-172.0, -14.0)])
    def test_geopandas_estimate_agrees(self, lon, lat):
        point = gpd.GeoSeries(gpd.points_from_xy([lon], [lat]), crs=4326)
        assert point.estimate_utm_crs().to_epsg() == utm_epsg(lon, lat)


class TestGrid:
    @given(lons, lats, sizes, resolutions)
    def test_corner_is_a_multiple_of_the_coarsest_resolution(self, lon, lat, size_px, native_m):
        grid = grid_for_site(lon, lat, size_px, native_m)
        assert grid.west % max(native_m) == grid.north % max(native_m) == 0

    @given(lons, lats, sizes, resolutions)
    def test_centre_lies_within_half_a_step(self, lon, lat, size_px, native_m):
        east, north = grid_for_site(lon, lat, size_px, native_m).centre_offset_m(lon, lat)
        assert max(abs(east), abs(north)) <= max(native_m) / 2 + 1e-6

    @given(lons, st.floats(-79, 83), resolutions)
    def test_centre_on_the_ground(self, lon, lat, native_m):
        """Back on the ellipsoid, by another way (geodesic), the centre is as near to the site as on the map."""
        grid = grid_for_site(lon, lat, 264, native_m)
        west, south, east, north = grid.bounds()
        x, y = to_degrees(grid.epsg).transform((west + east) / 2, (south + north) / 2)
        _, _, metres = Geod(ellps="WGS84").inv(lon, lat, x, y)
        # UTM's scale is within 0.1 % of one.
        assert metres == pytest.approx(math.hypot(*grid.centre_offset_m(lon, lat)), rel=2e-3, abs=1e-3)

    @given(lons, lats, st.integers(1, 100).map(lambda n: n * 6), st.sampled_from([(10, 20), (10, 20, 60)]))
    def test_resolutions_are_nested(self, lon, lat, size_px, native_m):
        """Where the size divides, all resolutions cover the same ground, each coarse pixel whole fine ones."""
        grid = grid_for_site(lon, lat, size_px, native_m)
        assert len({grid.bounds(m) for m in native_m}) == 1
        fine = grid.transform(10)
        for m in native_m:
            assert grid.shape(m) * m == size_px * 10
            coarse = grid.transform(m)
            # The edges of a coarse pixel, in fine pixels.
            column, row = grid.shape(m) - 1, grid.shape(m) // 2
            assert (coarse.c + column * coarse.a - fine.c) / fine.a == column * m / 10
            assert (coarse.f + row * coarse.e - fine.f) / fine.e == row * m / 10

    @given(lons, lats, sizes, st.sampled_from([10, 20, 60]))
    def test_a_coarse_grid_covers_the_patch_and_less_than_a_pixel_more(self, lon, lat, size_px, native_m):
        grid = grid_for_site(lon, lat, size_px, (10, native_m))
        more = grid.shape(native_m) * native_m - size_px * 10
        assert 0 <= more < native_m

    @given(lons, lats, sizes, resolutions)
    def test_bounds_and_transform_agree(self, lon, lat, size_px, native_m):
        grid = grid_for_site(lon, lat, size_px, native_m)
        for m in native_m:
            west, south, east, north = grid.bounds(m)
            a, b, c, d, e, f = tuple(grid.transform(m))[:6]
            assert (a, b, c, d, e, f) == (m, 0, west, 0, -m, north)
            assert c + a * grid.shape(m) == east
            assert f + e * grid.shape(m) == south

    def test_published_patch(self):
        """SSL4EO-S12's 264 px: 2.64 km, 132 px at 20 m and 44 px at 60 m."""
        grid = grid_for_site(7.44, 46.95, 264, (10, 20, 60))
        assert [grid.shape(m) for m in (10, 20, 60)] == [264, 132, 44]

    @given(lons, lats, sizes, resolutions, st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
    def test_the_key_names_one_grid(self, lon, lat, size_px, native_m, east, north):
        assume(-180 <= lon + east <= 180 and -80 <= lat + north <= 84)
        one, other = (
            grid_for_site(lon, lat, size_px, native_m),
            grid_for_site(lon + east, lat + north, size_px, native_m),
        )
        assert (one.key == other.key) == (one == other)

    def test_keys_are_texts_for_file_names(self):
        assert PatchGrid(32632, 380400.0, 5200140.0, 264).key == "32632_380400_5200140_264"
