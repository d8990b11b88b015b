"""Equal-area sampling of the land."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import UniformSites
from greenup.errors import UserError
from greenup.sites.grid import grid_cells
from greenup.sites.packaged import is_land
from greenup.sites.uniform import sample_uniform
from scipy.stats import kstest


def sample(count, **keys):
    return sample_uniform("test", UniformSites(sampler="uniform", count=count, **keys), seed=3)


def test_equal_area_within_a_region_all_land():
    """Inside Brazil sines of latitude and longitudes are uniform."""
    west, south, east, north = box = (-60, -20, -45, -5)
    drawn = sample(3000, region=box)
    assert kstest((drawn["lon"] - west) / (east - west), "uniform").pvalue > 1e-3
    low, high = np.sin(np.radians([south, north]))
    assert kstest((np.sin(np.radians(drawn["lat"])) - low) / (high - low), "uniform").pvalue > 1e-3


def test_shares_by_latitude_are_those_of_the_land():
    """The 23 km grid counts land area independently."""
    lon, lat = grid_cells(40).centres
    lat = lat[is_land(lon, lat)]
    drawn = sample(5000)
    assert is_land(drawn["lon"], drawn["lat"]).all()
    for low, high in ((-90, -60), (-60, 0), (0, 30), (30, 60), (60, 90)):
        share = np.mean((lat >= low) & (lat < high))
        assert drawn["lat"].between(low, high).mean() == pytest.approx(share, abs=0.03)


def test_a_larger_count_only_adds_sites():
    pd.testing.assert_frame_equal(sample(50), sample(500).head(50))


def test_open_sea_is_refused(monkeypatch):
    monkeypatch.setattr("greenup.sites.uniform.is_land", lambda lon, lat: np.zeros(len(lon), dtype=bool))
    with pytest.raises(UserError, match=r"dataset test: 0 of 5 sites"):
        sample(5, region=(-40, 20, -35, 25))
