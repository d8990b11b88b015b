import numpy as np
import pandas as pd
import pytest
from greenup.paper.curves import YEAR, day_of_year, season_arcs, smooth_curve
from hypothesis import given, settings
from hypothesis import strategies as st


def test_day_of_year():
    dates = pd.Series(pd.to_datetime(["2019-01-01", "2019-12-31", "2020-12-31", "2019-03-01"]))
    assert day_of_year(dates).tolist() == [0, 364, 0, 59]


def test_a_constant_stays_constant_and_a_wave_keeps_its_phase():
    day = np.arange(0, 365, 5.0)
    assert smooth_curve(day, np.full(len(day), 0.3)) == pytest.approx(np.full(365, 0.3))
    line = smooth_curve(day, np.cos(2 * np.pi * (day - 200) / YEAR))
    assert line.argmax() == pytest.approx(200, abs=2)
    # A Gaussian of 12 days damps the yearly wave by exp(-(2 pi 12 / 365)^2 / 2).
    assert line.max() == pytest.approx(np.exp(-((2 * np.pi * 12 / YEAR) ** 2) / 2), rel=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 364), st.integers(1, 364))
def test_turning_the_year_turns_the_line(seed, turn):
    rng = np.random.default_rng(seed)
    day, value = rng.uniform(0, 365, 20), rng.uniform(0, 1, 20)
    a, b = smooth_curve(day, value), smooth_curve((day + turn) % YEAR, value)
    assert np.roll(a, turn) == pytest.approx(b, nan_ok=True)


def test_no_line_where_nothing_was_seen():
    line = smooth_curve(np.array([10.0]), np.array([0.5]), most_empty=30)
    seen = np.isfinite(line)
    assert seen[:41].all() and seen[345:].all() and not seen[41:345].any()
    assert np.isnan(smooth_curve(np.empty(0), np.empty(0))).all()


def test_arcs_wrap_around_the_year_and_tile_it():
    first = pd.to_datetime(["2019-04-11", "2019-06-10", "2019-09-08", "2019-11-07"])
    last = pd.to_datetime(["2019-06-09", "2019-09-07", "2019-11-06", "2020-04-09"])
    table = pd.DataFrame(
        {"season": ["spring", "summer", "autumn", "winter"], "first": first, "last": last, "choice": 0}
    )
    arcs = season_arcs(table)
    assert (arcs["stop"] - arcs["start"]).sum() == pytest.approx(365)
    assert arcs[arcs["season"] == "winter"][["start", "stop"]].to_numpy().tolist() == [[310, 365], [0, 100]]


def test_an_interval_cut_short_by_the_first_year_is_not_taken():
    first, last = pd.to_datetime(["2019-01-01", "2019-11-07"]), pd.to_datetime(["2019-04-10", "2020-04-09"])
    table = pd.DataFrame({"season": "winter", "first": first, "last": last, "choice": 0})
    assert season_arcs(table)[["start", "stop"]].to_numpy().tolist() == [[310, 365], [0, 100]]


def test_a_season_of_several_years_is_drawn_once_from_its_first():
    first = pd.to_datetime(["2020-06-01", "2019-06-02"])
    table = pd.DataFrame({"season": "summer", "first": first, "last": first + pd.Timedelta(days=9), "choice": 0})
    assert season_arcs(table)[["start", "stop"]].to_numpy().tolist() == [[152, 162]]


def test_fallback_intervals_are_not_drawn():
    first = pd.to_datetime(["2020-06-01", "2019-06-01"])
    last = first + pd.to_timedelta([9, 30], unit="D")
    table = pd.DataFrame({"season": "summer", "first": first, "last": last, "choice": [0, 1]})
    assert season_arcs(table)[["start", "stop"]].to_numpy().tolist() == [[152, 162]]
