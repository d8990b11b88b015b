"""Gap filling: one donor, the nearest on the sphere, dates in order."""

import numpy as np
import pandas as pd
import pytest
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
    return sites, pd.DataFrame(values, columns=list(DATES)).assign(years=rng.integers(1, 20, n), cause="told")


def haversine_km(sites, a, b):
    lon, lat = np.radians(sites["lon"].to_numpy()), np.radians(sites["lat"].to_numpy())
    h = np.sin((lat[b] - lat[a]) / 2) ** 2 + np.cos(lat[a]) * np.cos(lat[b]) * np.sin((lon[b] - lon[a]) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(h))


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
    assert table["cause"].isna().tolist() == observed.tolist(), "why, for every site without dates of its own"
    positions = pd.Index(sites["site_id"]).get_indexer(donors)
    assert np.allclose(table["donor_km"].iloc[filled], haversine_km(sites, filled, positions), atol=1e-6)


@given(st.integers(2, 60), st.sampled_from([0.1, 0.5]), st.integers(0, 10_000), st.booleans())
def test_each_date_by_itself(n, missing, seed, planar):
    """The paper's wording: dates that a site has are kept; each other one is that of the nearest site that has it; a
    site whose dates are not in order then takes all four from one that is observed."""
    sites, dates = scattered(n, missing, seed)
    own = dates[list(DATES)].to_numpy()
    table = PHENOLOGY.check(fill_dates(sites, dates, each_date=True, planar=planar), "test")
    got = table[list(DATES)].to_numpy(dtype=float)
    observed = in_order(own)
    assert (table["origin"] == "observed").tolist() == observed.tolist()
    assert (got[observed] == own[observed]).all()
    dated = (table["origin"] != "none").to_numpy()
    assert in_order(got[dated]).all()
    lonlat = sites[["lon", "lat"]].to_numpy()
    for i in np.flatnonzero(~observed):
        distance = np.hypot(*(lonlat - lonlat[i]).T) if planar else haversine_km(sites, np.full(n, i), np.arange(n))
        expected, farthest = own[i].copy(), 0.0
        for k in np.flatnonzero(np.isnan(own[i])):
            has = np.flatnonzero(np.isfinite(own[:, k]))
            if len(has):
                donor = has[distance[has].argmin()]
                expected[k] = own[donor, k]
                farthest = max(farthest, haversine_km(sites, [i], [donor])[0])
        if not in_order(expected[None])[0]:
            has = np.flatnonzero(observed)
            if not len(has):
                assert table["origin"][i] == "none"
                assert np.isnan(got[i]).all()
                continue
            donor = has[distance[has].argmin()]
            expected, farthest = own[donor], haversine_km(sites, [i], [donor])[0]
            assert table["donor_id"][i] == sites["site_id"][donor]
        assert got[i].tolist() == expected.tolist()
        assert abs(table["donor_km"][i] - farthest) < 1e-6


def test_nearest_in_the_plane_is_not_nearest_on_earth():
    """Over the date line, and at high latitude, where a degree of longitude is short."""
    sites = pd.DataFrame({"site_id": list("abc"), "lon": [179.0, -179.0, 170.0], "lat": [0.0, 0.0, 0.0]})
    dates = pd.DataFrame([[np.nan] * 4, [1, 2, 3, 4], [5, 6, 7, 8]], columns=list(DATES)).assign(years=1, cause="x")
    assert fill_dates(sites, dates)["donor_id"][0] == "b"
    planar = fill_dates(sites, dates, planar=True)
    assert planar["donor_id"][0] == "c"
    assert planar["donor_km"][0] == pytest.approx(9 * np.pi / 180 * 6371.0088), "true distance all the same"
    sites["lon"], sites["lat"] = [0.0, 3.0, 0.0], [70.0, 70.0, 72.0]
    assert fill_dates(sites, dates)["donor_id"][0] == "b"
    assert fill_dates(sites, dates, planar=True)["donor_id"][0] == "c"


def test_sites_at_one_place():
    """A donor at the very place is 0 km away, and repeated places do no harm to the tree."""
    sites = pd.DataFrame({"site_id": [f"s{i}" for i in range(100)], "lon": 7.0, "lat": 47.0})
    dates = pd.DataFrame(np.tile([1.0, 2, 3, 4], (100, 1)), columns=list(DATES)).assign(years=1, cause="x")
    dates.loc[::2, "senescence"] = np.nan
    table = fill_dates(sites, dates)
    assert (table["donor_km"].dropna() == 0).all()
    assert (table["origin"] == "filled").sum() == 50


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
    assert fill_dates(sites, dates.assign(years=1, cause="no_data"))["donor_id"][0] == "b"
    sites["lon"], sites["lat"] = [0.0, 180.0, 0.0, 5.0], [89.0, 89.0, 80.0, 80.0]
    table = fill_dates(sites, dates.assign(years=1, cause="no_data"))
    assert table["donor_id"][0] == "b"
    assert abs(table["donor_km"][0] - 2 * np.pi / 180 * 6371.0088) < 1e-6
