"""Windows of an image's own pixels, against trying every one."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.base import SceneMissing
from greenup.imagery.own_grid import Raster, is_resampled, nearest_window
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.crs import CRS

from tests.standins.archive import CORRECTED, EPSG, NORTH, WEST, asset, catalogue, item, outline, square, tif

UTM = CRS.from_epsg(EPSG)
TO_DEGREES = Transformer.from_crs(EPSG, 4326, always_xy=True)
DEGREES = Affine(0.000121, 0, 2.79, 0, -0.0000901, 42.36)


def raster(native_m: int, width: int, height: int, west: float = WEST, north: float = NORTH) -> Raster:
    return Raster("a.tif", UTM, square(native_m, west, north), width, height)


@given(
    width=st.integers(8, 40),
    height=st.integers(8, 40),
    size=st.integers(1, 40),
    step=st.sampled_from([1, 2, 6]),
    shift=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    place=st.tuples(st.floats(-200, 600), st.floats(-200, 600)),
)
def test_the_nearest_window_that_cuts_no_pixel(width, height, size, step, shift, place):
    # The coarse raster covers the fine one from a corner a few pixels inside.
    coarse_size = (max((width - shift[0]) // step, 1), max((height - shift[1]) // step, 1))
    rasters = [raster(10, width, height)]
    if step > 1:
        rasters.append(raster(step * 10, *coarse_size, WEST + shift[0] * 10, NORTH - shift[1] * 10))
    covered = -(-size // step) * step
    fits = []
    for n, c, count in zip((width, height), shift, coarse_size, strict=True):
        low, high = (0, n) if step == 1 else (c, min(n, c + count * step))
        fits.append([v for v in range(low, high - covered + 1) if step == 1 or (v - c) % step == 0])
    lon, lat = TO_DEGREES.transform(WEST + place[0], NORTH - place[1])
    if not all(fits):
        with pytest.raises(UserError, match=rf"x: the image has {width} x {height} pixels .* {size} x {size}"):
            nearest_window(rasters, lon, lat, size, "x")
        return
    grid = nearest_window(rasters, lon, lat, size, "x")
    assert (grid.epsg, grid.size_px, grid.pixel_x, grid.pixel_y) == (EPSG, size, 10, 10)
    found = (round((grid.west - WEST) / 10), round((NORTH - grid.north) / 10))
    for axis in (0, 1):
        assert found[axis] in fits[axis]
        off = [abs(v + size / 2 - place[axis] / 10) for v in fits[axis]]
        assert abs(found[axis] + size / 2 - place[axis] / 10) <= min(off) + 1e-4


def test_a_grid_in_degrees(tmp_path):
    header = Raster("a.tif", CRS.from_epsg(4326), DEGREES, 380, 377)
    assert header.native_m == 10
    grid = nearest_window([header], 2.81, 42.35, 64, "x")
    assert grid.is_own
    assert (grid.pixel_x, grid.pixel_y) == (DEGREES.a, -DEGREES.e)
    assert abs(grid.west + 32 * grid.pixel_x - 2.81) <= grid.pixel_x / 2
    assert abs(grid.north - 32 * grid.pixel_y - 42.35) <= grid.pixel_y / 2


@pytest.mark.parametrize(
    ("transform", "epsg", "message"),
    [
        (Affine(10, 0, WEST, 0, 10, NORTH), EPSG, "do not run from north to south"),
        (Affine(10, 1, WEST, 1, -10, NORTH), EPSG, "do not run from north to south"),
        (square(30), EPSG, "pixels of 30 m"),
    ],
)
def test_rasters_that_have_no_such_grid(tmp_path, transform, epsg, message):
    path = tif(tmp_path / "a.tif", np.ones((1, 16, 16), np.uint16), transform, epsg)
    with pytest.raises(UserError, match=message) as caught:
        nearest_window([Raster.of(str(path))], 3.0, 50.0, 8, "x")
    assert "grid: site" in str(caught.value)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_that_lies_nowhere(tmp_path):
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=1, height=4, width=4, dtype="uint8") as file:
        file.write(np.ones((1, 4, 4), np.uint8))
    with pytest.raises(UserError, match="no coordinate reference system"):
        Raster.of(str(tmp_path / "a.tif"))


def test_where_the_bands_lie():
    at = {m: raster(m, 40, 40) for m in (10, 20, 60)}
    assert not is_resampled({"B2": at[10], "B5": at[20], "B1": at[60], "SCL": at[20]}, "x")
    assert is_resampled({"B2": at[10], "B5": at[10], "B1": at[10]}, "x")
    assert not is_resampled({"B2": at[10], "B4": at[10]}, "x"), "nothing was resampled"
    with pytest.raises(UserError, match="B5 10 m, SCL 20 m") as caught:
        is_resampled({"B2": at[10], "B5": at[10], "SCL": at[20]}, "x")
    assert "leave SCL out" in str(caught.value)
    with pytest.raises(UserError, match="B2 20 m"):
        is_resampled({"B2": at[20], "B5": at[20]}, "x")
    with pytest.raises(UserError, match="B1 20 m"):
        is_resampled({"B2": at[10], "B1": at[20]}, "x")


# --------------------------------------------------------------------------------------------------------- the archive
def archive(folder, parts: dict[str, dict[str, tuple[Affine, int, int]]]) -> ArchiveSource:
    """``parts``: scene -> bands (by comma) -> transform, EPSG code, side."""
    items = []
    for number, (name, files) in enumerate(parts.items()):
        assets = {}
        for k, (bands, (transform, epsg, side)) in enumerate(files.items()):
            values = np.random.default_rng([number, k]).integers(1, 9000, (len(bands.split(",")), side, side))
            file = tif(folder / name / f"{k}.tif", values.astype(np.uint16), transform, epsg)
            assets[f"f{k}"] = asset(file, bands.split(","))
        items.append(item(name, f"2020-05-{number + 1:02d}T10:00:00Z", assets, outline(), **CORRECTED))
    return ArchiveSource(catalogue(folder, items))


def test_all_at_10_m_in_utm_only_where_the_own_grid_is_asked_for(tmp_path):
    source = archive(tmp_path, {"a": {",".join(S2_L2A): (square(10), EPSG, 48)}})
    assert source.is_resampled(S2_L2A)
    with rasterio.open(tmp_path / "a" / "0.tif") as file:
        truth = file.read()
    centre = TO_DEGREES.transform(WEST + 240, NORTH - 240)
    site_grid = PatchGrid(EPSG, WEST + 120, NORTH - 120, 24)
    # On a grid centred on a site the bands have their native resolutions.
    assert sorted(source.read("a", site_grid, S2_L2A).values) == [10, 20, 60]
    grid = source.own_grid("a", *centre, 24)
    assert grid == site_grid
    pixels = source.read("a", grid, S2_L2A)
    assert list(pixels.values) == [10]
    np.testing.assert_array_equal(pixels.values[10], truth[:, 12:36, 12:36])
    with pytest.raises(SceneMissing):
        source.own_grid("b", *centre, 24)
    with pytest.raises(UserError, match=r"scene a: the image has 48 x 48 .* smaller than .* 50 x 50"):
        source.own_grid("a", *centre, 50)


def test_nested_grids_in_degrees_are_cut_and_never_resampled(tmp_path):
    twice = Affine(DEGREES.a * 2, 0, DEGREES.c, 0, DEGREES.e * 2, DEGREES.f)
    askew = Affine(DEGREES.a * 2, 0, DEGREES.c + DEGREES.a / 2, 0, DEGREES.e * 2, DEGREES.f)
    source = archive(
        tmp_path,
        {
            "a": {"B2,B4": (DEGREES, 4326, 300), "B5": (twice, 4326, 150)},
            "b": {"B2,B4": (DEGREES, 4326, 300), "B5": (askew, 4326, 150)},
            "c": {"B2,B4": (DEGREES, 4326, 300), "B5": (DEGREES, 4326, 300)},
        },
    )
    bands = ("B2", "B4", "B5")
    assert not source.is_resampled(bands)
    place = (DEGREES.c + 250.7 * DEGREES.a, DEGREES.f + 31.2 * DEGREES.e)
    grid = source.own_grid("a", *place, 40)
    column, row = round((grid.west - DEGREES.c) / DEGREES.a), round((grid.north - DEGREES.f) / DEGREES.e)
    assert (column, row) == (230, 12)
    pixels = source.read("a", grid, bands)
    for m, k, times in ((10, 0, 1), (20, 1, 2)):
        with rasterio.open(tmp_path / "a" / f"{k}.tif") as file:
            n = 40 // times
            window = rasterio.windows.Window(column // times, row // times, n, n)
            np.testing.assert_array_equal(pixels.values[m], file.read(window=window))
        assert pixels.valid[m].all()
    with pytest.raises(UserError, match="its pixels are not those of the grid") as caught:
        source.read("b", source.own_grid("b", *place, 40), bands)
    assert "grid: site" in str(caught.value)
    with pytest.raises(UserError, match="scene a lie at their native resolutions, those of c all at 10 m"):
        source.read("c", source.own_grid("c", *place, 40), bands)


def test_far_pixels_of_a_grid_in_degrees_do_not_drift(tmp_path):
    """A pixel in degrees is 1e-4 wide: sizes that differ by a thousandth are not the same grid."""
    other = Affine(DEGREES.a * 1.001, 0, DEGREES.c, 0, DEGREES.e, DEGREES.f)
    source = archive(tmp_path, {"a": {"B2": (DEGREES, 4326, 300), "B4": (other, 4326, 300)}})
    grid = source.own_grid("a", DEGREES.c, DEGREES.f, 40)
    assert source.read("a", grid, ("B2",)).valid[10].all()
    with pytest.raises(UserError, match="its pixels are not those of the grid"):
        source.read("a", grid, ("B2", "B4"))


def test_a_file_that_is_gone_is_named(tmp_path):
    source = archive(tmp_path, {"a": {"B2": (square(10), EPSG, 48)}})
    (tmp_path / "a" / "0.tif").unlink()
    with pytest.raises(UserError, match=r"0\.tif: this GeoTIFF, of item a .* does not exist"):
        source.own_grid("a", 3.0, 50.0, 24)
