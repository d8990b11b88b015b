"""Mountains: the elevation grid at known places, relief against a plain loop, polygons, and the share of land."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.sites import mountains, packaged
from greenup.sites.sources import SiteData
from shapely.geometry import box

# lon, lat, metres: cities on plateaus and plains, from their gazetteers.
ELEVATIONS = {
    "Mexico City": (-99.13, 19.43, 2240),
    "Denver": (-104.99, 39.74, 1609),
    "Addis Ababa": (38.75, 9.02, 2355),
    "Oruro": (-67.11, -17.96, 3735),
    "Johannesburg": (28.05, -26.20, 1753),
    "Madrid": (-3.70, 40.42, 657),
    "Manaus": (-60.02, -3.12, 92),
    "Utrecht": (5.12, 52.09, 5),
}

MOUNTAINS = {
    "Alps": (10.5, 46.7), "Pyrenees": (0.5, 42.7), "Carpathians": (24.7, 45.6), "Norway": (7.5, 61.5),
    "Caucasus": (43.5, 42.9), "Himalaya": (86.9, 28.2), "Tibet": (88.0, 33.0), "Andes": (-70.0, -33.0),
    "Altiplano": (-68.2, -16.6), "Rocky Mountains": (-106.5, 39.3), "Ethiopia": (38.2, 13.2), "Atlas": (-7.5, 31.2),
    "New Zealand": (170.2, -43.6), "New Guinea": (143.0, -5.5),
}  # fmt: skip

PLAINS = {
    "Netherlands": (5.5, 52.3), "Amazon": (-62.0, -4.0), "West Siberia": (75.0, 60.0), "Kansas": (-98.0, 38.0),
    "Pampas": (-61.0, -35.0), "Sahara": (0.0, 25.0), "Congo": (21.0, 0.0), "Ganges": (82.0, 26.0),
    "Ukraine": (33.0, 49.0), "Kalahari": (22.0, -23.0), "Florida": (-81.5, 27.5), "Pacific": (-140.0, 0.0),
    # High, but flat and below the limit.
    "Gobi": (111.0, 45.0), "Highveld": (27.0, -26.8),
}  # fmt: skip


@pytest.mark.parametrize("place", ELEVATIONS)
def test_elevations_of_cities(place):
    lon, lat, metres = ELEVATIONS[place]
    grid = mountains.elevation_grid()
    assert grid.shape == (2160, 4320)
    assert grid[int((90 - lat) * 12), int((lon + 180) * 12)] == pytest.approx(metres, abs=200)


def test_elevations_of_weather_stations(samples):
    """Stations lie lower than the mean of their cell where it is steep; in the median they do not (measured: 3 m)."""
    file = samples / "chelsa_at_stations" / "chelsa_v1.1_at_stations.csv.gz"
    stations = pd.read_csv(file, usecols=["LAT", "LON", "ELEV(M)"]).dropna()
    assert len(stations) > 20_000
    row = ((90 - stations["LAT"]) * 12).astype(int)
    col = ((stations["LON"] + 180) * 12).astype(int)
    differ = mountains.elevation_grid()[row, col] - stations["ELEV(M)"]
    # Half a step of the grid is 14 m.
    assert abs(differ.median()) < 14
    assert differ.abs().median() < 28
    assert differ.abs().quantile(0.9) < 250


def test_mountains_and_plains():
    assert mountains.is_mountain(*np.array(list(MOUNTAINS.values())).T).tolist() == [True] * len(MOUNTAINS)
    assert mountains.is_mountain(*np.array(list(PLAINS.values())).T).tolist() == [False] * len(PLAINS)


def test_relief_equals_a_plain_loop():
    rng = np.random.default_rng(3)
    grid = rng.integers(0, 3000, (12, 24)).astype(np.int16)
    told = mountains.relief(grid)
    for row in range(12):
        lat = 90 - (row + 0.5) * 15
        reach = min(max(1, round(1 / np.cos(np.radians(lat)))), 11)
        rows = range(max(0, row - 1), min(12, row + 2))
        for col in range(24):
            around = [grid[r, (col + c) % 24] for r in rows for c in range(-reach, reach + 1)]
            assert told[row, col] == max(around) - min(around)


def test_the_window_keeps_its_width_towards_the_poles():
    grid = np.zeros((2160, 4320), dtype=np.int16)
    rows = [1080, 30 * 12, 10 * 12]  # the equator, 60 and 80 degrees north
    grid[rows, 100] = 1000
    told = mountains.relief(grid)
    # In degrees the window of three cells is two times as wide at 60 degrees, and 5.8 times at 80.
    assert [(told[r] > 0).sum() for r in rows] == [3, 5, 13]


def test_share_of_land_is_the_published_one():
    """GMBA's mountains hold 16 % of SSL4Eco's sites; here it is 16.7 % of the land cells of its grid."""
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 60_000), np.degrees(np.arcsin(rng.uniform(-0.866, 1, 60_000)))
    land = packaged.is_land(lon, lat)
    assert mountains.is_mountain(lon[land], lat[land]).mean() == pytest.approx(0.167, abs=0.01)


def test_edges_of_the_map_and_shapes():
    assert mountains.is_mountain([[180.0, -180.0]], [[90.0, -90.0]]).shape == (1, 2)
    with pytest.raises(UserError, match="not a place on Earth"):
        mountains.is_mountain([0.0], [91.0])


def test_polygons_take_the_place_of_relief(tmp_path):
    file = tmp_path / "gmba.gpkg"
    gpd.GeoDataFrame({"name": ["Hondsrug"]}, geometry=[box(5, 52, 8, 54)], crs=4326).to_file(file)
    # The Netherlands and the Alps.
    lon, lat = [6.8, 10.5], [52.9, 46.7]
    assert mountains.in_mountains(lon, lat, SiteData(mountains=file)).tolist() == [True, False]
    assert mountains.in_mountains(lon, lat, SiteData()).tolist() == [False, True]
