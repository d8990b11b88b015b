"""One site as an xarray Dataset."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from greenup.errors import UserError
from greenup.patches.open import open_site, open_store
from greenup.patches.store import PatchStore
from pyproj import CRS, Transformer
from test_layout_export import Made


@pytest.fixture
def made(study) -> Made:
    return Made(study, count=3, size=26)


def test_bands_times_and_values(made):
    site = open_site(made.index.parent, "s002")
    assert list(site.data_vars) == list(made.store.bands)
    assert dict(site.sizes) == {"time": 4, "y": 26, "x": 26}
    assert site["season"].values.tolist() == ["winter", "spring", "summer", "autumn"]
    assert (np.diff(site["time"].values) > np.timedelta64(0)).all()
    for i, season in enumerate(site["season"].values):
        truth, valid = made.store.read("s002", season, made.store.bands, physical=True)
        for name, band in zip(made.store.bands, truth, strict=True):
            np.testing.assert_array_equal(site[name].values[i], band)
        assert np.isnan(site["B4"].values[i]).sum() == (~valid).sum()
        row = made.store.row("s002", season)
        assert pd.Timestamp(site["time"].values[i], tz="UTC") == row.time
        assert site["scene_id"].values[i] == row.scene_id
        assert site["cloud"].values[i] == row.cloud
    assert np.isnan(site["B4"]).any()
    assert site["B2"].dtype == np.float32


def test_coordinates_are_pixel_centres_and_the_crs_is_read_back(made):
    site = open_site(made.store, "s000", bands=["B4", "NDVI"], seasons=["summer"])
    grid = made.store.row("s000", "summer").grid
    assert list(site.data_vars) == ["B4", "NDVI"]
    west, south, east, north = grid.bounds()
    assert (site["x"].values[0], site["x"].values[-1]) == (west + 5, east - 5)
    assert (site["y"].values[0], site["y"].values[-1]) == (north - 5, south + 5)
    reference = site["spatial_ref"].attrs
    assert CRS.from_wkt(reference["crs_wkt"]).to_epsg() == grid.epsg
    assert CRS.from_cf(reference).to_epsg() == grid.epsg
    assert [float(v) for v in reference["GeoTransform"].split()] == [west, 10, 0, north, 0, -10]
    assert site["B4"].encoding["grid_mapping"] == "spatial_ref"
    # The site lies in the middle, to within half a pixel of its coarsest bands.
    x, y = Transformer.from_crs(4326, grid.epsg, always_xy=True).transform(site.attrs["lon"], site.attrs["lat"])
    assert abs(float(site["x"].mean()) - x) <= 30
    assert abs(float(site["y"].mean()) - y) <= 30


def test_it_can_be_written_as_netcdf(made, tmp_path):
    site = open_site(made.store, "s001", bands=["B2", "B8"])
    site.to_netcdf(tmp_path / "site.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "site.nc", engine="h5netcdf", decode_coords="all") as back:
        xr.testing.assert_identical(back.load().drop_attrs(deep=True), site.drop_attrs(deep=True))
        assert CRS.from_cf(back["spatial_ref"].attrs).to_epsg() == made.store.row("s001", "summer").grid.epsg
        assert back.attrs["simulated"] == 1


def test_refusals(made):
    with pytest.raises(KeyError, match="no image of site 'x'"):
        open_site(made.store, "x")
    with pytest.raises(KeyError, match="has no season 'autumn', only winter, spring, summer"):
        open_site(made.store, "s001", seasons=["autumn"])
    with pytest.raises(UserError, match="'VV' is not stored"):
        open_site(made.store, "s000", bands=["VV"])
    with pytest.raises(UserError, match=r"no index\.parquet"):
        open_site(made.index.parents[1], "s000")


def test_the_store_is_found_by_folder_file_and_itself(made):
    assert open_store(made.store) is made.store
    for where in (made.index, made.index.parent, str(made.index.parent)):
        assert isinstance(open_store(where), PatchStore)
