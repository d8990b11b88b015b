import numpy as np
import pandas as pd
import pytest
from greenup.paper.published import read_dates
from greenup.paper.tableA1 import DATES, circular_quartiles, count_dates, readable_table
from greenup.phenology.doy import YEAR, circular_median, difference
from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_four_dates_and_their_crossings():
    assert DATES == {
        "greenup": "EVI first above 15 % of its amplitude",
        "maturity": "EVI first above 90 %",
        "senescence": "EVI last above 90 %",
        "dormancy": "EVI last above 15 %",
    }


def test_away_from_new_year_they_are_the_ordinary_ones():
    days = np.random.default_rng(3).normal(180, 15, 1001)
    median, low, high, concentration = circular_quartiles(days)
    assert (median, low, high) == pytest.approx(tuple(np.quantile(days, [0.5, 0.25, 0.75])))
    # The mean vector of a wrapped normal: exp(-s^2 / 2).
    assert concentration == pytest.approx(np.exp(-((2 * np.pi * 15 / YEAR) ** 2) / 2), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 365), st.integers(1, 40))
def test_turning_the_year_turns_them(seed, turn, n):
    days = np.random.default_rng(seed).normal(100, 25, n)
    there, turned = circular_quartiles(days), circular_quartiles(days + turn)
    assert difference(np.array(turned[:3]) - turn, np.array(there[:3])) == pytest.approx(np.zeros(3), abs=1e-6)
    assert turned[3] == pytest.approx(there[3])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_no_day_is_nearer_to_all_than_the_median(seed, n):
    days = np.random.default_rng(seed).normal(350, 40, n) % YEAR
    median = circular_quartiles(days)[0]
    cost = np.abs(difference(days, median)).sum()
    assert cost <= np.abs(difference(days, circular_median(days[None])[0])).sum() + 1e-6


def test_spread_evenly_they_have_no_direction():
    assert circular_quartiles(np.linspace(0, YEAR, 400, endpoint=False))[3] == pytest.approx(0, abs=1e-9)
    assert np.isnan(circular_quartiles([np.nan])).all()


@pytest.fixture
def tables():
    sites = pd.DataFrame({"site_id": [*"abcdef"], "lat": [50.0, 0.0, 60.0, 10.0, -20.0, -30.0]})
    dates = pd.DataFrame(
        {
            "site_id": [*"fedcba"],
            "greenup": [355.0, 10.0, np.nan, 500.0, 120.0, 100.0],
            "maturity": 150.0,
            "senescence": 250.0,
            "dormancy": 300.0,
            "origin": ["observed", "observed", "none", "filled", "observed", "observed"],
            "cause": [None, None, "no_cycle", "no_data", None, None],
        }
    )
    dates.attrs["simulated"] = True
    return {"x": dates}, {"x": sites}


def test_hemispheres_are_counted_apart_and_filled_sites_have_no_say(tables):
    table = count_dates(*tables).set_index(["hemisphere", "item"])
    assert table.loc[("north", "greenup"), ["sites", "median"]].tolist() == [2, 110]
    # Across New Year: 355 and 10 meet at 365.125.
    assert table.loc[("south", "greenup"), "median"] == pytest.approx(365.125)
    for hemisphere, counts in (("north", (2, 1, 1)), ("south", (2, 0, 0))):
        assert tuple(table.loc[(hemisphere, o), "sites"] for o in ("observed", "filled", "none")) == counts
    assert table.loc[("north", "cause: no_cycle"), "sites"] == 1 and ("south", "cause: no_data") not in table.index


def test_readers_see_days_and_months(tables):
    shown = readable_table(count_dates(*tables))
    assert shown.columns == ("date", "crossing", "x, north", "x, south")
    assert shown.groups[0][1][0] == (
        *("Greenup", "EVI first above 15 % of its amplitude"),
        *("20 Apr (15 Apr – 25 Apr)", "31 Dec (26 Dec – 5 Jan)"),
    )
    assert shown.groups[1][1][0] == ("dates of their own", "", "2", "2")
    assert [row[0] for row in shown.groups[2][1]] == ["no cycle", "no data"] and shown.groups[2][1][0][2:] == ("1", "0")
    assert shown.legend.startswith("Simulated dates")


def test_what_is_printed_stands_in_a_group_of_its_own(tables):
    shown = readable_table(count_dates(*tables), read_dates())
    title, rows = shown.groups[-1]
    assert title == "as published: Plekhanova et al. 2025, Table A-1"
    assert rows[0] == ("Greenup", "first above 15 % of the segment's amplitude", "–", "–")
    assert [r[0].lower() for r in rows] == list(DATES)


def test_without_a_site_of_its_own_a_cell_is_empty_and_a_star_marks_spread(tables):
    phenology, sites = tables
    dates = phenology["x"].assign(greenup=[10.0, 192.0, np.nan, 1.0, 30.0, 212.0], origin=["observed"] * 6)
    dates.loc[dates["site_id"].isin([*"ef"]), ["maturity"]] = np.nan
    first = readable_table(count_dates({"x": dates}, sites)).groups[0][1]
    assert first[0][3].endswith("*") and first[1][3] == "–"


def test_a_hemisphere_without_sites_is_left_out(tables):
    phenology, sites = tables
    north = phenology["x"][phenology["x"]["site_id"].isin([*"abcd"])]
    assert set(count_dates({"x": north}, sites)["hemisphere"]) == {"north"}
