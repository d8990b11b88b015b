"""The same GeoTIFFs by a STAC API and from disk: the same pixels, and those of an independent warp."""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.stac import StacSource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.warp import transform_geom
from scipy.ndimage import map_coordinates
from shapely.geometry import MultiPolygon, box, mapping, shape

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, catalogue, item, square, tif
from tests.standins.stac import StacStandIn

LON, LAT = 2.83, 42.41  # the grid in degrees
STEP = (1.3e-4, 0.95e-4)  # degrees: a little more than 10 m, so that bilinear means four neighbours
DEGREES = Affine(STEP[0], 0, LON - 200 * STEP[0], 0, -STEP[1], LAT + 200 * STEP[1])


@contextmanager
def both(folder, items, collection="s2"):
    """The two sources of the same items and files."""
    dicts = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in items]
    for one in dicts:
        for a in one["assets"].values():
            a["href"] = a["href"].removeprefix(f"{folder}/")
    with StacStandIn(folder, collection, dicts) as api:
        yield ArchiveSource(catalogue(folder / "catalogue", items)), StacSource(api.url, collection)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    rng = np.random.default_rng(2)
    fine = rng.integers(0, 9000, (2, SIDE, SIDE)).astype(np.uint16)
    coarse = rng.integers(1, 9000, (1, SIDE // 2, SIDE // 2)).astype(np.uint16)
    classes = rng.integers(0, 12, (1, SIDE // 2, SIDE // 2)).astype(np.uint8)
    noise = rng.integers(1001, 9000, (1, 400, 400)).astype(np.uint16)
    utm = {
        "ten": asset(tif(folder / "10.tif", fine, square(10), compress="deflate"), ["B02", "B04"]),
        "B05": asset(tif(folder / "20.tif", coarse, square(20), compress="deflate")),
        "SCL": asset(tif(folder / "scl.tif", classes, square(20), compress="deflate")),
    }
    east, south = LON + 200 * STEP[0], LAT - 200 * STEP[1]
    place = mapping(box(DEGREES.c, south, east, DEGREES.f))
    degrees = {"B02": asset(tif(folder / "deg.tif", noise, DEGREES, epsg=4326, compress="deflate"))}
    items = [
        item("utm", "2020-01-01T00:00:00Z", utm, **CORRECTED),
        item("degrees", "2023-01-01T00:00:00Z", degrees, place, **{"s2:processing_baseline": "05.09"}),
    ]
    with both(folder, items) as (local, remote):
        yield local, remote, {"fine": fine, "coarse": coarse, "classes": classes, "noise": noise}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(-20, 70), column=st.integers(-20, 70), size=st.sampled_from([20, 32, 64]))
def test_on_utm_grids_both_are_bit_equal_to_the_file(sources, row, column, size):
    local, remote, truth = sources
    grid = PatchGrid(EPSG, WEST + 20 * column, NORTH - 20 * row, size)
    here, there = (s.read("utm", grid, ("B4", "B2", "B5", "SCL")) for s in (local, remote))
    for m in (10, 20):
        np.testing.assert_array_equal(here.values[m], there.values[m])
        np.testing.assert_array_equal(here.valid[m], there.valid[m])
    for m, layers in ((10, truth["fine"][[1, 0]]), (20, np.concatenate([truth["coarse"], truth["classes"]]))):
        plane = np.zeros((2, 400, 400), np.uint16)
        plane[:, 140 : 140 + layers.shape[1], 140 : 140 + layers.shape[2]] = layers
        top, left, n = 140 + row * 20 // m, 140 + column * 20 // m, grid.shape(m)
        expected = plane[:, top : top + n, left : left + n]
        measured = expected if m == 10 else expected[:1]
        valid = (measured > 0).all(axis=0)
        np.testing.assert_array_equal(here.valid[m], valid)
        np.testing.assert_array_equal(here.values[m], expected * valid)


def bilinear(values: np.ndarray, affine: Affine, epsg: int, grid: PatchGrid) -> np.ndarray:
    """Every pixel centre of the grid looked up among its four neighbours, in double precision."""
    n = grid.shape(10)
    x, y = np.meshgrid(grid.west + 10 * (np.arange(n) + 0.5), grid.north - 10 * (np.arange(n) + 0.5))
    u, v = Transformer.from_crs(grid.epsg, epsg, always_xy=True).transform(x, y)
    inverse = ~affine
    column = inverse.a * u + inverse.b * v + inverse.c - 0.5
    row = inverse.d * u + inverse.e * v + inverse.f - 0.5
    return map_coordinates(values.astype(float), [row, column], order=1)


@pytest.mark.parametrize(("east", "size"), [(0.0, 264), (0.004, 128)])
def test_from_degrees_both_are_an_independent_bilinear_warp_within_one(sources, east, size):
    local, remote, truth = sources
    grid = grid_for_site(LON + east, LAT, size, (10,))
    here, there = (s.read("degrees", grid, ("B2",)) for s in (local, remote))
    np.testing.assert_array_equal(here.values[10], there.values[10])
    assert here.valid[10].all()
    # Speckle, the hardest case: neighbours differ by thousands.
    expected = bilinear(truth["noise"][0], DEGREES, 4326, grid) - 1000
    assert np.abs(here.values[10][0] - expected).max() <= 1.0


def test_real_pixels_in_utm_are_bit_equal(samples, tmp_path):
    for file in sorted((samples / "s2_100k_sample").glob("*.tif"))[:3]:
        with rasterio.open(file) as source:
            values, epsg, affine = source.read([2, 8]), source.crs.to_epsg(), source.transform
            place = transform_geom(source.crs, "EPSG:4326", mapping(box(*source.bounds)))
        folder = tmp_path / file.stem
        copy = tif(folder / "a.tif", values, affine, epsg, compress="deflate")
        one = item(file.stem, "2022-06-01T00:00:00Z", {"a": asset(copy, ["B02", "B08"])}, place, **CORRECTED)
        with both(folder, [one]) as (local, remote):
            grid = PatchGrid(epsg, affine.c + 160, affine.f - 160, 200)
            here, there = (s.read(file.stem, grid, ("B2", "B8")) for s in (local, remote))
        expected = values[:, 16:216, 16:216]
        np.testing.assert_array_equal(here.values[10], expected * (expected > 0).all(axis=0))
        np.testing.assert_array_equal(here.values[10], there.values[10])


# --------------------------------------------------------------------------------------------- edges of the map
def one_scene(folder, epsg: int, west: float, north: float, place: dict) -> tuple[ArchiveSource, np.ndarray]:
    values = np.random.default_rng(4).integers(1, 9000, (1, SIDE, SIDE)).astype(np.uint16)
    file = tif(folder / "a.tif", values, square(10, west, north), epsg)
    return ArchiveSource(
        catalogue(folder, [item("a", "2020-06-01T00:00:00Z", {"B02": asset(file)}, place, **CORRECTED)])
    ), values


def search_at(source, lon: float, lat: float, grid: PatchGrid) -> list[str]:
    days = [pd.Timestamp(d) for d in ("2020-06-01", "2020-06-01", "2020-06-30")]
    intervals = pd.DataFrame([("x", "s", 2020, *days)])
    intervals.columns = ["site_id", "season", "year", "first", "middle", "last"]
    sites = pd.DataFrame({"site_id": ["x"], "lon": [lon], "lat": [lat]})
    return source.search(sites, intervals, [grid]).scene_id.tolist()


@pytest.mark.parametrize("lon", [179.9995, -179.9995])
@pytest.mark.parametrize("written", ["cut in two", "beyond 180", "beyond -180"])
def test_a_footprint_across_the_antimeridian_is_found_and_read(tmp_path, lon, written):
    grid = grid_for_site(lon, 65.0, 32, (10,))
    west, north = grid.west - 320, grid.north + 320
    place = {
        "cut in two": MultiPolygon([box(179.9, 64.9, 180, 65.1), box(-180, 64.9, -179.9, 65.1)]),
        "beyond 180": box(179.9, 64.9, 180.1, 65.1),
        "beyond -180": box(-180.1, 64.9, -179.9, 65.1),
    }[written]
    source, values = one_scene(tmp_path, grid.epsg, west, north, mapping(place))
    assert search_at(source, lon, 65.0, grid) == ["a"]
    np.testing.assert_array_equal(source.read("a", grid, ("B2",)).values[10], values[:, 32:64, 32:64])


def test_a_site_at_83_degrees_north_is_read_as_any_other(tmp_path):
    lon, lat = -32.0, 83.0
    grid = grid_for_site(lon, lat, 32, (10,))
    west, north = grid.west - 320, grid.north + 320
    outline = transform_geom(f"EPSG:{grid.epsg}", "EPSG:4326", mapping(box(west, north - 960, west + 960, north)))
    source, values = one_scene(tmp_path, grid.epsg, west, north, outline)
    assert search_at(source, lon, lat, grid) == ["a"]
    np.testing.assert_array_equal(source.read("a", grid, ("B2",)).values[10], values[:, 32:64, 32:64])
    assert search_at(source, lon + 1, lat, grid_for_site(lon + 1, lat, 32, (10,))) == []


def test_files_of_an_archive_that_are_gone_or_broken_are_named(tmp_path):
    source, _ = one_scene(tmp_path, EPSG, WEST, NORTH, mapping(shape({"type": "Polygon", "coordinates": [
        [(2.9, 50.7), (3.1, 50.7), (3.1, 50.9), (2.9, 50.9)]]})))  # fmt: skip
    file, grid = tmp_path / "a.tif", PatchGrid(EPSG, WEST, NORTH, 64)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"a\.tif: this GeoTIFF, of item a .* cannot be read") as caught:
        source.read("a", grid, ("B2",))
    assert caught.value.mend
    file.unlink()
    with pytest.raises(UserError, match=r"a\.tif: this GeoTIFF, of item a .* does not exist"):
        source.read("a", grid, ("B2",))
