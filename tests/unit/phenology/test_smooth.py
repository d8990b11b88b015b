"""The smoother against its normal equations, its frequency response, and noise of known size."""

import numpy as np
import pytest
from greenup.phenology.doy import YEAR
from greenup.phenology.smooth import MOST_DAYS, PERIOD_DAYS, cutoff, fill_snow, smooth_daily, whittaker

from tests.unit.phenology.closed_forms import double_logistic, series


@pytest.mark.parametrize("n", [4, 5, 6, 50])
def test_whittaker_solves_its_normal_equations(n):
    rng = np.random.default_rng(n)
    design = np.zeros((2 * n, n))
    for row in range(2 * n):
        at, late = rng.integers(n - 1), rng.random()
        design[row, at : at + 2] = 1 - late, late
    weights, values = rng.random(2 * n), rng.normal(size=2 * n)
    normal = design.T @ np.diag(weights) @ design
    third, first = (np.diff(np.eye(n), n=order, axis=0) for order in (3, 1))
    dense = np.linalg.solve(
        normal + 30 * third.T @ third + 2 * first.T @ first + 1e-9 * np.eye(n), design.T @ (weights * values)
    )
    got = whittaker(design.T @ (weights * values), np.diag(normal), np.diag(normal, 1), 30.0, 2.0)
    np.testing.assert_allclose(got, dense, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("step", [1, 5, 8])
def test_smoothing_cuts_at_the_same_period_for_any_revisit_time(step, monkeypatch):
    """A wave of the cut-off period keeps half its height, a season's wave nearly all of it."""
    monkeypatch.setattr("greenup.phenology.smooth.cutoff", lambda *_: PERIOD_DAYS)
    days = np.arange(0, 4000.0, step)
    for period, kept in ((PERIOD_DAYS, 0.5), (90.0, 0.98), (YEAR, 1.0)):
        grid, curve = smooth_daily(days, 0.02 * np.sin(2 * np.pi * days / period))
        inner = (grid > 500) & (grid < 3500)
        assert np.ptp(curve[inner]) / 0.04 == pytest.approx(kept, abs=0.06)


def test_hours_of_the_day_count():
    days, values = series(5)
    grid, curve = smooth_daily(days, values)
    late_grid, late_curve = smooth_daily(days + 0.4, values)
    moved = np.interp(grid[50:-50] + 0.4, late_grid, late_curve)
    np.testing.assert_allclose(moved, curve[50:-50], atol=2e-3)


@pytest.mark.parametrize("step", [5, 8, 16])
def test_the_cutoff_grows_with_noise_and_not_with_the_season(step):
    periods = [cutoff(*series(step, noise=noise, seed=1), 0.45) for noise in (0.0, 0.01, 0.02, 0.05, 0.2)]
    assert PERIOD_DAYS <= periods[0] < 1.1 * PERIOD_DAYS
    assert (np.diff(periods[:4]) > 0).all()
    assert periods[4] == MOST_DAYS


def test_the_cutoff_knows_the_noise():
    """With noise alone, the period is that of its closed form: the estimate of the noise holds to a tenth."""
    rng = np.random.default_rng(0)
    days = np.sort(rng.uniform(0, 20_000, 4000))
    noise = 0.02
    got = cutoff(days, 0.3 + noise * rng.standard_normal(len(days)), 0.5)
    felt = got / PERIOD_DAYS
    share = np.sqrt(felt**6 - 1) * 0.02 / np.sqrt(20_000 / (10 * 4000))
    assert share * 0.5 == pytest.approx(noise, rel=0.1)


def test_few_or_equal_values_are_smoothed_as_if_without_noise():
    assert cutoff(np.arange(5.0), np.random.default_rng(0).random(5), 1.0) == PERIOD_DAYS
    assert cutoff(np.arange(50.0), np.full(50, 0.3), 0.0) == PERIOD_DAYS
    assert cutoff(np.zeros(50), np.arange(50.0), 1.0) == PERIOD_DAYS


def test_a_flat_series_stays_flat():
    _, curve = smooth_daily(np.arange(0, 700.0, 7), np.full(100, 0.2))
    np.testing.assert_allclose(curve, 0.2, atol=1e-6)


def test_dips_of_haze_hardly_pull_the_curve():
    days, values = series(5)
    hazy = np.arange(len(days)) % 9 == 4
    _, clean = smooth_daily(days, values)
    _, curve = smooth_daily(days, np.where(hazy, values - 0.3, values))
    assert np.abs(curve - clean).max() < 0.03


def test_a_gap_is_bridged_without_swinging_far_below_it():
    """Five months without observations between two steep flanks: a mere cubic-like smoother falls to -0.75 there."""
    days = np.arange(0, 6 * YEAR, 5)
    seen = (days % YEAR > 110) & (days % YEAR < 290)
    rng = np.random.default_rng(0)
    _, curve = smooth_daily(days[seen], double_logistic(days % YEAR)[seen] + 0.02 * rng.standard_normal(seen.sum()))
    assert curve.min() > -0.1


def test_snow_is_filled_with_the_ground_at_rest_and_half_snow_raised_to_it():
    values = np.concatenate([[0.01, -0.3], np.linspace(0.1, 0.6, 101), [0.02]])
    snow = np.array([True] * 2 + [False] * 102)
    filled = fill_snow(values, snow)
    background = np.sort(values[~snow])[5:7].mean()  # the 5 % quantile of 102 values lies between the 6th and the 7th
    assert filled[0] == filled[1] == pytest.approx(background, abs=0.003)
    assert filled[-1] == filled[0], "a clear value below the ground at rest is ground half under snow"
    assert (filled[30:-1] == values[30:-1]).all()
    assert fill_snow(values, np.zeros(len(values), bool)) is values


def test_no_curve_below_the_ground_at_rest_where_there_is_snow():
    days, values = series(5, rate=0.2)
    snow = (days % YEAR < 105) | (days % YEAR > 295)
    filled = fill_snow(values, snow)
    _, curve = smooth_daily(days, filled, snow)
    assert curve.min() == filled[snow][0]
