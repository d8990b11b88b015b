"""Sites around cities: true distances, land, the distance rule."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import CitySites
from greenup.sites import cities, packaged
from greenup.sites.cities import sample_cities
from greenup.sites.sphere import great_circle_km
from scipy.stats import kstest, rayleigh


def sample(count=2000, seed=1, name="test", **keys):
    return sample_cities(name, CitySites(sampler="cities", count=count, **keys), seed=seed)


@pytest.mark.parametrize("lat", [0.0, 61.0])
def test_distances_from_a_city_are_rayleigh_at_any_latitude(lat, monkeypatch):
    """Two normal offsets of sigma east and north: distances Rayleigh, directions uniform, in Quito as in Helsinki."""
    one = pd.DataFrame({"name": ["x"], "country": ["y"], "lon": [25.0], "lat": [lat], "population": [1]})
    monkeypatch.setattr(packaged, "cities", lambda: one)
    monkeypatch.setattr(cities.packaged, "is_land", lambda lon, lat: np.ones(len(lon), dtype=bool))
    drawn = sample(4000, sigma_km=50)
    distance = great_circle_km(25.0, lat, drawn["lon"], drawn["lat"])
    assert kstest(distance, rayleigh(scale=50).cdf).pvalue > 1e-3
    east = (drawn["lon"] - 25.0) * np.cos(np.radians(lat))
    north = drawn["lat"] - lat
    assert east.std() == pytest.approx(north.std(), rel=0.06)


def test_sites_lie_on_land_near_large_cities():
    drawn = sample(500, cities=20, sigma_km=10)
    assert packaged.is_land(drawn["lon"], drawn["lat"]).all()
    largest = packaged.cities().head(20)
    to_city = great_circle_km(
        drawn["lon"].to_numpy()[:, None], drawn["lat"].to_numpy()[:, None], largest["lon"], largest["lat"]
    ).min(axis=1)
    # Six standard deviations.
    assert to_city.max() < 60
    assert drawn["site_id"].is_unique


def test_no_two_sites_nearer_than_the_rule():
    drawn = sample(1500, cities=30, sigma_km=20, min_distance_km=1.98)
    lon, lat = drawn["lon"].to_numpy(), drawn["lat"].to_numpy()
    apart = great_circle_km(lon[:, None], lat[:, None], lon[None], lat[None])
    assert apart[~np.eye(len(apart), dtype=bool)].min() >= 1.98
    free = sample(1500, cities=30, sigma_km=20)
    lon, lat = free["lon"].to_numpy(), free["lat"].to_numpy()
    apart = great_circle_km(lon[:, None], lat[:, None], lon[None], lat[None])
    assert apart[~np.eye(len(apart), dtype=bool)].min() < 1.98, "without the rule some are nearer"


def test_a_larger_count_only_adds_sites_and_seed_and_dataset_name_matter():
    few, many = sample(100), sample(1000)
    pd.testing.assert_frame_equal(few, many.head(100))
    assert not few.equals(sample(100, seed=2))
    assert not few.equals(sample(100, name="other"))


def test_region():
    drawn = sample(200, region=(-10, 35, 30, 60))
    assert drawn["lon"].between(-10, 30).all()
    assert drawn["lat"].between(35, 60).all()
