"""Land cover of a GeoTIFF: against rasterio's own sampling, in every layout; legends and nodata."""

import numpy as np
import pytest
import rasterio
from greenup.errors import UserError
from greenup.sites import land_cover, packaged
from greenup.sites.legends import COPERNICUS
from greenup.sites.sources import SiteData
from rasterio.transform import from_bounds
from rasterio.windows import Window

WORLD = (-180.0, -90.0, 180.0, 90.0)


def write(path, pixels, bounds=WORLD, crs="EPSG:4326", **options):
    height, width = pixels.shape
    profile = dict(driver="GTiff", height=height, width=width, count=1, dtype=pixels.dtype, crs=crs)
    with rasterio.open(path, "w", **profile, transform=from_bounds(*bounds, width, height), **options) as raster:
        raster.write(pixels, 1)
    return path


def places(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-180, 180, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


@pytest.mark.parametrize("layout", [{}, {"tiled": True, "blockxsize": 64, "blockysize": 32}, {"blockysize": 7}])
def test_values_are_those_of_rasterio(tmp_path, layout):
    rng = np.random.default_rng(1)
    file = write(tmp_path / "c.tif", rng.integers(0, 17, (180, 360), dtype=np.uint8), compress="deflate", **layout)
    lon, lat = places(2000)
    with rasterio.open(file) as raster:
        expected = [int(v[0]) for v in raster.sample(zip(lon, lat, strict=True))]
    values, known = land_cover.sample_raster(file, lon, lat)
    assert known.all()
    assert values.tolist() == expected


def test_igbp_file_made_of_the_packaged_map_gives_the_packaged_names(tmp_path):
    grid_lon, grid_lat = np.meshgrid(np.arange(-179.5, 180), np.arange(89.5, -90, -1))
    file = write(tmp_path / "modis.tif", packaged.land_cover(grid_lon, grid_lat))
    lon, lat = grid_lon.ravel()[::50], grid_lat.ravel()[::50]
    told = land_cover.land_cover_at(lon, lat, SiteData(land_cover=file))
    assert told.tolist() == land_cover.land_cover_at(lon, lat, SiteData()).tolist()
    assert told.tolist() == packaged.land_cover_name(lon, lat).tolist()


def test_copernicus_codes_become_names_and_nodata_none(tmp_path):
    codes = [*COPERNICUS, 0, 255]
    file = write(tmp_path / "lc100.tif", np.array([codes], dtype=np.uint8), (0, 0, len(codes), 1), nodata=255)
    lon = np.arange(len(codes)) + 0.5
    data = SiteData(land_cover=file, land_cover_legend="copernicus")
    assert land_cover.land_cover_at(lon, np.full(len(codes), 0.5), data).tolist() == [*COPERNICUS.values(), None, None]


def test_a_declared_nodata_value_wins_over_the_legend(tmp_path):
    file = write(tmp_path / "c.tif", np.array([[12, 10]], dtype=np.uint8), (0, 0, 2, 1), nodata=12)
    assert land_cover.land_cover_at([0.5, 1.5], [0.5, 0.5], SiteData(land_cover=file)).tolist() == [None, "grassland"]


def test_outside_the_raster_nothing_is_known(tmp_path):
    file = write(tmp_path / "c.tif", np.full((4, 4), 10, dtype=np.uint8), (10, 40, 14, 44))
    lon, lat = [10, 13.99, 9.99, 14.0, 12, 12, 12], [44, 40, 42, 42, 44.01, 39.99, 40]
    known = land_cover.land_cover_at(lon, lat, SiteData(land_cover=file)) == "grassland"
    assert known.tolist() == [True, True, False, False, False, False, True]


def test_longitudes_from_zero_and_the_ends_of_the_world(tmp_path):
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 4)
    # Columns of 90 degrees from Greenwich: -45 lies in the last, 180 begins the third.
    file = write(tmp_path / "c.tif", pixels, (0, -90, 360, 90))
    values, known = land_cover.sample_raster(file, np.array([-45.0, 180.0, -180.0, 0.0]), np.array([90.0, 1, -90, -90]))
    assert known.all()
    assert values.tolist() == [3, 2, 6, 4]


def test_only_what_is_needed_is_read(tmp_path, monkeypatch):
    """A sparse raster of 40 000 x 20 000 pixels, which would take 800 MB as a whole."""
    file = tmp_path / "big.tif"
    profile = dict(driver="GTiff", height=20_000, width=40_000, count=1, dtype="uint8", crs="EPSG:4326", sparse_ok=True)
    with rasterio.open(
        file, "w", **profile, transform=from_bounds(*WORLD, 40_000, 20_000), tiled=True, compress="deflate"
    ) as raster:
        raster.write(np.full((1, 1), 14, dtype=np.uint8), 1, window=Window(21_000, 5_000, 1, 1))
    windows = []
    monkeypatch.setattr(land_cover, "Window", lambda *args: windows.append(Window(*args)) or windows[-1])
    lon, lat = places(300)
    values, _ = land_cover.sample_raster(file, np.r_[lon, 9.0045], np.r_[lat, 44.9955])
    assert values[-1] == 14
    assert all(w.width <= 256 and w.height <= 256 for w in windows)
    # One block a read, none twice.
    blocks = [(w.col_off // 256, w.row_off // 256) for w in windows]
    assert len(set(blocks)) == len(blocks) <= 301


def test_code_outside_the_legend_names_file_place_and_mend(tmp_path):
    file = write(tmp_path / "lc100.tif", np.array([[10, 111]], dtype=np.uint8), (0, 0, 2, 1))
    with pytest.raises(UserError, match=r"lc100.tif: code 111 \(at lon 1.5, lat 0.5\)") as told:
        land_cover.land_cover_at([0.5, 1.5], [0.5, 0.5], SiteData(land_cover=file))
    assert "sources.land_cover_legend" in told.value.mend


@pytest.mark.parametrize("crs", ["EPSG:32631", None])
def test_a_raster_not_in_degrees_is_refused(tmp_path, crs):
    file = write(tmp_path / "utm.tif", np.zeros((4, 4), dtype=np.uint8), (0, 0, 40, 40), crs=crs)
    with pytest.raises(UserError, match=r"utm.tif: not in degrees"):
        land_cover.land_cover_at([0.5], [0.5], SiteData(land_cover=file))


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "c.txt"
    text.write_text("no raster")
    with pytest.raises(UserError, match=r"c.txt: not a raster"):
        land_cover.land_cover_at([0.5], [0.5], SiteData(land_cover=text))
    real = write(tmp_path / "f.tif", np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(UserError, match=r"f.tif: pixels are float32"):
        land_cover.land_cover_at([0.5], [0.5], SiteData(land_cover=real))
