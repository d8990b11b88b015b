"""Equal-area sampling of the land."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import UniformSites
from greenup.errors import UserError
from greenup.sites.grid import grid_cells
from greenup.sites.land import on_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import great_circle_km
from greenup.sites.uniform import sample_uniform
from scipy.stats import kstest
from shapely.geometry import Polygon, box

PACKAGED = SiteData()


def sample(count, data=PACKAGED, **keys):
    return sample_uniform("test", UniformSites(sampler="uniform", count=count, **keys), data, seed=3)


def test_equal_area_within_a_region_all_land():
    """Inside Brazil sines of latitude and longitudes are uniform."""
    west, south, east, north = region = (-60, -20, -45, -5)
    drawn = sample(3000, region=region)
    assert kstest((drawn["lon"] - west) / (east - west), "uniform").pvalue > 1e-3
    low, high = np.sin(np.radians([south, north]))
    assert kstest((np.sin(np.radians(drawn["lat"])) - low) / (high - low), "uniform").pvalue > 1e-3


def test_shares_by_latitude_are_those_of_the_land():
    """The grid counts land area independently."""
    lon, lat = grid_cells(40).centres
    lat = lat[on_land(lon, lat, PACKAGED)]
    drawn = sample(5000)
    assert on_land(drawn["lon"], drawn["lat"], PACKAGED).all()
    for low, high in ((-90, -60), (-60, 0), (0, 30), (30, 60), (60, 90)):
        share = np.mean((lat >= low) & (lat < high))
        assert drawn["lat"].between(low, high).mean() == pytest.approx(share, abs=0.03)


def test_no_two_sites_nearer_than_the_rule():
    drawn = sample(400, region=(0, 20, 10, 30), min_distance_km=20)
    lon, lat = drawn["lon"].to_numpy(), drawn["lat"].to_numpy()
    apart = great_circle_km(lon[:, None], lat[:, None], lon, lat)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() >= 20
    # Four hundred discs of 20 km across cover a tenth of the million square kilometres: at random some would meet.
    free = sample(400, region=(0, 20, 10, 30))
    assert great_circle_km(free["lon"].to_numpy()[:, None], free["lat"].to_numpy()[:, None], free["lon"], free["lat"])[
        ~np.eye(400, dtype=bool)
    ].min() < 20  # fmt: skip


def test_polygons_of_a_file_as_region_and_as_land(tmp_path):
    triangle = Polygon([(0, 20), (10, 20), (0, 30)])
    gpd.GeoSeries([triangle], crs=4326).to_file(tmp_path / "triangle.gpkg")
    drawn = sample(300, region=str(tmp_path / "triangle.gpkg"))
    assert gpd.points_from_xy(drawn["lon"], drawn["lat"]).within(triangle).all()
    drawn = sample(300, SiteData(land=tmp_path / "triangle.gpkg"), region=(-5, 15, 15, 35))
    assert gpd.points_from_xy(drawn["lon"], drawn["lat"]).within(triangle).all()


def test_a_region_of_scattered_islands(tmp_path):
    """Two polygons on two continents: in their common bounds one draw in 1e5 would count."""
    parts = [box(5, 45, 5.1, 45.1), box(120, -25, 120.1, -24.9)]
    gpd.GeoSeries(parts, crs=4326).to_file(tmp_path / "parts.gpkg")
    drawn = sample(400, region=str(tmp_path / "parts.gpkg"))
    points = gpd.points_from_xy(drawn["lon"], drawn["lat"])
    share = points.within(parts[0]).mean()
    assert share + points.within(parts[1]).mean() == 1
    ratio = np.cos(np.radians(45.05)) / np.cos(np.radians(24.95))
    assert share == pytest.approx(ratio / (1 + ratio), abs=0.1)


def test_a_larger_count_only_adds_sites():
    pd.testing.assert_frame_equal(sample(50), sample(500).head(50))


def test_open_sea_is_refused(monkeypatch):
    monkeypatch.setattr("greenup.sites.uniform.on_land", lambda lon, lat, data: np.zeros(len(lon), dtype=bool))
    with pytest.raises(UserError, match=r"dataset test: 0 of 5 sites"):
        sample(5, region=(-40, 20, -35, 25))
