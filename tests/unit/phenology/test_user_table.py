"""Numbers and sites of a user's table, against a search of every pair."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology.user_table import PLACE_KM, numbers, site_ids
from greenup.sites.sphere import great_circle_km
from hypothesis import given
from hypothesis import strategies as st

FILE = Path("mine.csv")
near = st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))


@given(
    st.lists(near, min_size=1, max_size=8), st.lists(near, min_size=1, max_size=8), st.sampled_from([0.0, 65.0, -40.0])
)
def test_rows_go_to_the_nearest_site_within_a_pixel(sites, rows, lat):
    places = pd.DataFrame(sites, columns=["lon", "lat"]).add([179.99, lat])
    places["lon"] = (places["lon"] + 180) % 360 - 180
    table = pd.DataFrame(rows, columns=["lon", "lat"]).add([0, lat])
    table["lon"] = (table["lon"] + 179.99 + 180) % 360 - 180
    places["site_id"] = [f"s{i}" for i in range(len(places))]
    found = site_ids(table, places, FILE, "")
    for row, site in zip(table.itertuples(), found, strict=True):
        away = great_circle_km(row.lon, row.lat, places["lon"], places["lat"])
        if abs(away.min() - PLACE_KM) < 1e-6:
            continue
        assert (site is None) == (away.min() > PLACE_KM)
        if site is not None:
            assert away[int(site[1:])] == pytest.approx(away.min(), abs=1e-6)


def test_ids_before_places():
    sites = pd.DataFrame({"site_id": ["007", "b"], "lon": [0.0, 1.0], "lat": [0.0, 0.0]})
    table = pd.DataFrame({"site_id": [" b", "c", "007"], "lon": [0.0] * 3, "lat": [0.0] * 3})
    assert site_ids(table, sites, FILE, "").tolist() == ["b", None, "007"]


def test_mistakes_name_file_row_and_value():
    sites = pd.DataFrame({"site_id": ["a"], "lon": [0.0], "lat": [0.0]})
    with pytest.raises(UserError, match=r"column .site_id. is missing.*the file has: x"):
        site_ids(pd.DataFrame({"x": [1]}), sites, FILE, "give it")
    with pytest.raises(UserError, match="row 2: lon 5, lat 95 is no place"):
        site_ids(pd.DataFrame({"lon": [1, 5], "lat": [2, 95]}), sites, FILE, "")
    with pytest.raises(UserError, match="row 2, column 'v': 'x' is not a number"):
        numbers(pd.DataFrame({"v": ["1", "x"]}), "v", FILE, "")
    assert np.isnan(numbers(pd.DataFrame({"v": ["1", None]}), "v", FILE, "")).tolist() == [False, True]
