"""Arithmetic on the circle of the year, against the calendar of the standard library and by brute force."""

from datetime import date, timedelta

import numpy as np
import pytest
from greenup.phenology.doy import (
    YEAR,
    ahead,
    circular_median,
    date_in_year,
    day_of_year,
    days_in_year,
    difference,
    in_order,
    plain_median,
    wrap,
    year_of,
)
from hypothesis import given
from hypothesis import strategies as st

EPOCH = date(1970, 1, 1)
days = st.integers(-20_000, 40_000)
doys = st.floats(1, 366)


@given(days, st.floats(0, 0.999))
def test_days_since_1970_round_trip(day, hour):
    there = EPOCH + timedelta(days=day)
    assert day_of_year(day + hour) == there.timetuple().tm_yday
    assert year_of(day + hour) == there.year
    assert date_in_year(there.year, day_of_year(day)).item() == there


def test_no_date_stays_none():
    assert np.isnan(day_of_year([np.nan, 0.0])).tolist() == [True, False]
    assert np.isnan(year_of([np.nan])).all()


def test_leap_years():
    assert days_in_year([1900, 2000, 2023, 2024]).tolist() == [365, 366, 365, 366]
    got = date_in_year([2023, 2024, 2023, 2024], [60, 60, 366, 366]).astype(str)
    assert got.tolist() == ["2023-03-01", "2024-02-29", "2023-12-31", "2024-12-31"]
    assert date_in_year(2023, [0.4, 1.4, 1.5]).astype(str).tolist() == ["2023-01-01", "2023-01-01", "2023-01-02"]


@given(doys, doys)
def test_differences(a, b):
    d = difference(a, b)
    assert -YEAR / 2 <= d <= YEAR / 2
    assert wrap(b + d) == pytest.approx(wrap(a), abs=1e-9) or abs(wrap(b + d) - wrap(a)) == pytest.approx(YEAR)
    assert 0 <= ahead(b, a) < YEAR
    assert (ahead(b, a) - d) % YEAR == pytest.approx(0, abs=1e-9) or (ahead(b, a) - d) % YEAR == pytest.approx(YEAR)


def test_new_year_is_near():
    assert difference(2, 364) == pytest.approx(3.25)
    assert difference(364, 2) == pytest.approx(-3.25)


def cost(day, values):
    d = np.abs(values - day) % YEAR
    return np.minimum(d, YEAR - d).sum()


@given(st.lists(doys, min_size=1, max_size=12))
def test_the_median_has_the_least_summed_distance(values):
    """Against every day of the year in steps of a quarter of a day, and every value."""
    values = np.array(values)
    median = circular_median(values[None])[0]
    best = min(cost(day, values) for day in [*np.arange(0, YEAR, 0.25), *values])
    assert cost(median, values) <= best + 1e-5
    assert 0.5 <= median < YEAR + 0.5


@given(st.lists(st.integers(1, 365), min_size=1, max_size=12))
def test_the_median_of_whole_days_by_trying_every_day(values):
    """Where only one stretch of days is best, the median is that stretch's middle; else it is in one of them."""
    values = np.array(values, dtype=float)
    grid = np.arange(4 * 365.25) / 4 + 0.5
    costs = np.abs(difference(grid[:, None], values[None])).sum(axis=1)
    best = np.flatnonzero(costs <= costs.min() + 1e-9)
    median = circular_median(values[None])[0]
    assert np.abs(difference(grid[best], median)).min() <= 0.125 + 1e-9
    gaps = np.diff(np.append(best, best[0] + len(grid)))
    if (gaps > 1).sum() == 1:
        last = int(np.flatnonzero(gaps > 1)[0])
        length = (best[last] - best[(last + 1) % len(best)]) % len(grid) / 4
        middle = grid[best[last]] - length / 2
        assert abs(difference(median, middle)) <= 0.25 + 1e-9


@given(st.lists(st.integers(0, 1460), min_size=1, max_size=11), st.integers(0, 1460))
def test_turning_the_year_turns_the_median(quarters, shift):
    """With quarters of days sums are exact; where several days are equally good only their distance is compared."""
    values = 0.5 + np.array(quarters) / 4
    turned = wrap(values + shift / 4)
    a, b = circular_median(values[None])[0], circular_median(turned[None])[0]
    assert cost(b, turned) == pytest.approx(cost(a, values), abs=1e-9)
    candidates = np.unique(np.append(values, a))
    if sum(abs(cost(d, values) - cost(a, values)) < 1e-9 for d in candidates) == 1:
        assert abs(difference(b, a + shift / 4)) < 1e-9


def test_equally_good_days_give_the_earliest():
    assert circular_median([[1.0, 1.0 + YEAR / 2]])[0] == 1.0 + YEAR / 4
    assert circular_median([[1.0, 1.0 + YEAR / 3, 1.0 + 2 * YEAR / 3]])[0] == 1.0


@given(st.lists(st.lists(st.one_of(doys, st.just(np.nan)), min_size=7, max_size=7), min_size=1, max_size=6))
def test_the_plain_median_is_numpys(rows):
    rows = np.array(rows)
    expected = [np.median(r[np.isfinite(r)]) if np.isfinite(r).any() else np.nan for r in rows]
    np.testing.assert_allclose(plain_median(rows), expected)


def test_the_plain_median_does_not_know_new_year():
    assert plain_median([[360, 364, 2, 5]])[0] == (5 + 360) / 2
    assert np.isnan(plain_median(np.empty((1, 0)))).all()


@given(st.lists(st.floats(0, 365), min_size=4, max_size=4), st.floats(-1000, 1000))
def test_order_is_the_same_wherever_the_year_begins(gaps, shift):
    """Dates made by going forward less than a turn are in order, and so is any rotation; two swapped are not."""
    steps = np.array(gaps) / (sum(gaps) + 1) * 360
    dates = wrap(shift + np.cumsum(steps))
    assert in_order([dates])[0]
    assert in_order([np.roll(dates, 1)])[0]
    if steps.min() > 1e-6:
        assert not in_order([dates[[1, 0, 2, 3]]])[0]


@given(st.lists(doys, min_size=1, max_size=9), st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_median_knows_no_order_and_no_gaps(values, random, gaps):
    shuffled = values + [np.nan] * gaps
    random.shuffle(shuffled)
    assert circular_median([shuffled])[0] == pytest.approx(circular_median([values])[0], abs=1e-9)


@given(st.lists(st.floats(120, 240), min_size=1, max_size=15))
def test_away_from_new_year_it_is_the_ordinary_median(values):
    assert circular_median([values])[0] == pytest.approx(np.median(values), abs=1e-6)


def test_across_new_year():
    medians = circular_median([[360, 364, 2, 5, 9], [364, 2, np.nan, np.nan, np.nan]])
    assert medians[0] == 2
    assert abs(difference(medians[1], 0.375)) < 1e-9, "midway between 30 December and 2 January"


def test_one_odd_year_does_not_move_it():
    assert circular_median([[100, 101, 102, 103, 250]])[0] == 102


def test_rows_without_values():
    assert np.isnan(circular_median(np.full((2, 3), np.nan))).all()
    assert np.isnan(circular_median(np.empty((2, 0)))).all()
    assert circular_median(np.empty((0, 4))).shape == (0,)


def test_many_rows_in_pieces(monkeypatch):
    values = np.random.default_rng(0).uniform(1, 366, (101, 7))
    whole = circular_median(values)
    monkeypatch.setattr("greenup.phenology.doy._CHUNK", 10)
    assert circular_median(values).tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ([100, 150, 250, 300], True),
        ([300, 350, 60, 120], True),
        ([360, 5, 200, 359], True),
        ([100, 100, 250, 250], True),
        ([100, 100, 100, 100], True),
        ([150, 100, 250, 300], False),
        ([100, 150, 300, 250], False),
        ([300, 250, 150, 100], False),
        ([100, np.nan, 250, 300], False),
    ],
)
def test_order_modulo_the_year(dates, expected):
    assert in_order([dates])[0] == expected
