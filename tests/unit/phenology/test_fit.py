"""Days beside the seasons of a site, against years whose answers are known and against the circle itself."""

import numpy as np
import pandas as pd
import pytest
from greenup.phenology.doy import YEAR, wrap
from greenup.phenology.fit import (
    HALFWAY_THRESHOLDS,
    NO_SEASON,
    days_from_middle,
    days_outside,
    distinct_phases,
    greenness,
    phase_of,
    spread,
    usual_values,
)
from hypothesis import given
from hypothesis import strategies as st

NORTH = np.array([[100.0, 150.0, 250.0, 300.0]])
SOUTH = np.array([[280.0, 330.0, 65.0, 115.0]])
"""Summer over New Year: 330 .. 65 is 100.25 days long, winter 115 .. 280."""


def test_a_phase_begins_with_its_date_and_ends_before_the_next():
    days = np.array([[100, 149, 150, 249, 250, 299, 300, 366, 1, 99, np.nan]])
    assert phase_of(NORTH, days).tolist() == [[0, 0, 1, 1, 2, 2, 3, 3, 3, 3, NO_SEASON]]


def test_phases_over_new_year():
    assert phase_of(SOUTH, np.array([[280, 330, 365, 1, 64, 65, 115, 279.0]])).tolist() == [[0, 1, 1, 1, 1, 2, 3, 3]]


def test_days_outside_a_season_have_a_sign_and_go_the_shorter_way():
    days = np.array([[100.0, 150.0, 125.0, 90.0, 160.0, 366.0, 20.0]])
    # The season 100 .. 150, both ends counted; from 366 forward 99.25 days to 100, back 216 to 150.
    expected = [0, 0, 0, -10, 10, -99.25, -80]
    np.testing.assert_allclose(days_outside(NORTH, np.zeros(7, int), days), [expected])


def test_days_outside_winter_over_new_year():
    found = days_outside(NORTH, np.full(4, 3), np.array([[366.0, 5.0, 101.0, 295.0]]))
    np.testing.assert_allclose(found, [[0, 0, 1, -5]])


def test_days_from_the_middle():
    np.testing.assert_allclose(days_from_middle(NORTH, np.array([0, 1]), np.array([[120.0, 205.0]])), [[-5, 5]])
    # The southern summer has its middle at 330 + 50.125 = 380.125, day 14.875 of the next year.
    np.testing.assert_allclose(days_from_middle(SOUTH, np.array([1, 1]), np.array([[14.875, 366.0]])), [[0, -14.125]])


def test_a_day_that_stands_for_no_season_is_nowhere_and_one_that_is_missing_too():
    seasons, days = np.array([NO_SEASON, 0]), np.array([[120.0, np.nan]])
    assert np.isnan(days_outside(NORTH, seasons, days)).all()
    assert np.isnan(days_from_middle(NORTH, seasons, days)).all()


def test_distinct_phases():
    dates = np.repeat(NORTH, 4, axis=0)
    days = [[110, 200, 270, 10], [110, 120, 130, np.nan], [10, 20, 310, 110], [np.nan] * 4]
    np.testing.assert_array_equal(distinct_phases(dates, np.array(days, float)), [4, 1, 2, np.nan])


def test_greenness_goes_through_the_thresholds():
    days = np.array([[100, 125, 150, 200, 250, 275, 299.999999]])
    expected = [[0.15, 0.525, 0.9, 1.0, 0.9, 0.525, 0.15]]
    np.testing.assert_allclose(greenness(NORTH, days), expected, atol=1e-6)
    np.testing.assert_allclose(greenness(NORTH, np.array([[300, wrap(300 + 165.25 / 2)]])), [[0.15, 0]], atol=1e-9)


def test_greenness_by_half_of_the_amplitude():
    found = greenness(NORTH, np.array([[100.0, 150.0, 200.0, 249.9999999]]), HALFWAY_THRESHOLDS)
    np.testing.assert_allclose(found, [[0.15, 0.5, 1.0, 0.5]], atol=1e-6)


def test_spread_needs_two_values():
    np.testing.assert_array_equal(spread(np.array([[1, 4, np.nan], [2, np.nan, np.nan]])), [3, np.nan])


def test_usual_values_are_means_of_all_years_near_a_day_of_the_year():
    time = pd.to_datetime(["2018-12-30", "2020-01-05", "2019-07-01", "2019-07-02", "2019-07-03"], utc=True)
    curve = pd.DataFrame({"time": time, "evi": [0.1, 0.3, 0.8, 0.7, 0.2]})
    curve = curve.assign(clear=[True, False, True, True, False], snow=[False, True, False, False, False])
    # Cloud on 3 July is left out, snow in January shows.
    np.testing.assert_allclose(usual_values(curve, np.array([1.0, 182.0, 100.0])), [0.2, 0.75, np.nan])


years = st.tuples(st.floats(1, 366), *[st.floats(5, 80)] * 3).map(
    lambda v: wrap(np.array([v[0] + np.array([0, v[1], v[1] + v[2], v[1] + v[2] + v[3]])]))
)


@given(years, st.floats(0.5, 365.74), st.integers(0, 3), st.floats(-400, 400))
def test_turning_the_year_changes_nothing(dates, day, season, turn):
    days, seasons = np.array([[day]]), np.array([season])
    turned = wrap(dates + turn), wrap(days + turn)
    for found in (days_outside, days_from_middle):
        a, b = found(dates, seasons, days), found(turned[0], seasons, turned[1])
        # Half a year away both ways are equally long.
        assert np.isclose(a, b, atol=1e-6) or np.isclose(abs(a), abs(b), atol=1e-6)
    # At the very border of a phase rounding may decide, so greenness, which is continuous there, is compared.
    assert np.isclose(greenness(dates, days), greenness(*turned), atol=1e-6)


@given(years, st.floats(0.5, 365.74))
def test_a_day_is_inside_the_season_of_its_phase_and_of_no_other_but_at_borders(dates, day):
    days = np.array([[day]])
    phase = phase_of(dates, days)[0, 0]
    outside = np.array([days_outside(dates, np.array([s]), days)[0, 0] for s in range(4)])
    assert outside[phase] == pytest.approx(0, abs=1e-6)
    far = np.abs(wrap(dates[0] - day + 0.5) - 0.5) % YEAR > 1e-6
    if far.all():
        assert (np.abs(np.delete(outside, phase)) > 0).all()


@given(years, st.floats(0.5, 365.74), st.integers(0, 3))
def test_distances_are_those_of_walking_day_by_day(dates, day, season):
    start, end = dates[0, season], dates[0, (season + 1) % 4]
    inside = start + np.linspace(0, (end - start) % YEAR, 4000)
    gap = np.abs((inside - day + YEAR / 2) % YEAR - YEAR / 2).min()
    found = days_outside(dates, np.array([season]), np.array([[day]]))[0, 0]
    assert abs(abs(found) - gap) < 0.15
