"""Gap filling: one donor, the nearest on the sphere, dates in order."""

import numpy as np
import pandas as pd
from greenup.phenology.doy import in_order
from greenup.phenology.fill import DATES, fill_dates
from greenup.schemas import PHENOLOGY
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import BallTree


def scattered(n, missing, seed):
    """Sites over the globe, poles and date line included; dates with holes, and some out of order."""
    rng = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    sites = pd.DataFrame({"site_id": [f"s{i}" for i in range(n)], "lon": rng.uniform(-180, 180, n), "lat": lat})
    values = np.sort(rng.uniform(1, 366, (n, 4)), axis=1)
    values = np.take_along_axis(values, (np.arange(4) + rng.integers(0, 4, (n, 1))) % 4, axis=1)
    values[rng.random((n, 4)) < missing] = np.nan
    wrong = rng.random(n) < 0.1
    values[wrong] = values[wrong][:, [1, 0, 2, 3]]
    return sites, pd.DataFrame(values, columns=list(DATES)).assign(years=rng.integers(1, 20, n))


@given(st.integers(1, 80), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 10_000))
def test_filled_tables_hold_what_they_promise(n, missing, seed):
    sites, dates = scattered(n, missing, seed)
    table = PHENOLOGY.check(fill_dates(sites, dates), "test")
    observed = in_order(dates[list(DATES)].to_numpy())
    assert (table["origin"] == "observed").tolist() == observed.tolist()
    got = table[list(DATES)].to_numpy(dtype=float)
    if not observed.any():
        assert (table["origin"] == "none").all()
        assert np.isnan(got).all()
        return
    assert in_order(got).all(), "order modulo the year holds after filling"
    assert (got[observed] == dates[list(DATES)].to_numpy()[observed]).all()
    assert table["years"].where(observed, 0).tolist() == table["years"].tolist()
    filled = np.flatnonzero(~observed)
    by_id = table.set_index("site_id")[list(DATES)]
    donors = table["donor_id"].iloc[filled]
    assert set(donors) <= set(table["site_id"][observed])
    assert (by_id.loc[donors].to_numpy() == got[filled]).all(), "all four from one donor"
    assert table["donor_id"].isna().tolist() == observed.tolist()


def test_the_donor_is_the_nearest_by_scikit_learns_haversine_tree():
    sites, dates = scattered(3000, 0.1, 5)
    table = fill_dates(sites, dates)
    observed = (table["origin"] == "observed").to_numpy()
    radians = np.radians(sites[["lat", "lon"]].to_numpy())
    distance, at = BallTree(radians[observed], metric="haversine").query(radians[~observed])
    assert np.allclose(table["donor_km"][~observed], distance[:, 0] * 6371.0088, rtol=1e-6)
    assert table["donor_id"][~observed].tolist() == sites["site_id"][observed].iloc[at[:, 0]].tolist()


def test_over_the_date_line_and_the_pole():
    sites = pd.DataFrame({"site_id": list("abcd"), "lon": [179.9, -179.9, 150.0, 0.0], "lat": [10.0, 10.0, 10.0, 10.0]})
    dates = pd.DataFrame([[np.nan] * 4, [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], columns=list(DATES))
    assert fill_dates(sites, dates.assign(years=1))["donor_id"][0] == "b"
    sites["lon"], sites["lat"] = [0.0, 180.0, 0.0, 5.0], [89.0, 89.0, 80.0, 80.0]
    table = fill_dates(sites, dates.assign(years=1))
    assert table["donor_id"][0] == "b"
    assert abs(table["donor_km"][0] - 2 * np.pi / 180 * 6371.0088) < 1e-6
