"""The extractor against closed forms, against noise and gaps, and on real MODIS series of four biomes."""

import numpy as np
import pandas as pd
import pytest
from greenup.phenology.doy import YEAR, circular_median, day_of_year, difference
from greenup.phenology.series import find_cycles, smooth_daily, whittaker
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ("greenup", "maturity", "senescence", "dormancy")


def double_logistic(day, onset=130.0, end=270.0, rate=0.1, base=0.1, amplitude=0.5):
    """EVI of a deciduous year (Fischer 1994; Beck et al. 2006), day in 0..365.25."""
    return base + amplitude * (1 / (1 + np.exp(-rate * (day - onset))) - 1 / (1 + np.exp(-rate * (day - end))))


def true_dates(**shape):
    """Its crossings of 15 % and 90 % of the amplitude on either side, on a fine grid."""
    day = np.arange(0, YEAR, 0.01)
    evi = double_logistic(day, **shape)
    peak = evi.argmax()
    up, down = evi[: peak + 1], evi[peak:]
    rise, fall = evi[peak] - up.min(), evi[peak] - down.min()
    return [
        day[(up >= up.min() + 0.15 * rise).argmax()],
        day[(up >= up.min() + 0.9 * rise).argmax()],
        day[peak + np.flatnonzero(down >= down.min() + 0.9 * fall)[-1]],
        day[peak + np.flatnonzero(down >= down.min() + 0.15 * fall)[-1]],
    ]


def series(step=5, years=6, shift=0.0, noise=0.0, seed=0, **shape):
    days = np.arange(0, years * YEAR, step)
    rng = np.random.default_rng(seed)
    return days, double_logistic((days - shift) % YEAR, **shape) + noise * rng.standard_normal(len(days))


def errors(cycles, truth, shift=0.0):
    got = np.array([[getattr(c, n) for n in NAMES] for c in cycles])
    # Observations stand at the whole day in which they lie.
    return difference(got % YEAR, np.array(truth) + shift)


@pytest.mark.parametrize("rate", [0.05, 0.07, 0.1])
@pytest.mark.parametrize("shift", [0.0, 100.0, 183.0, 250.0])
@pytest.mark.parametrize("step", [5, 10])
def test_closed_form_within_two_days_in_both_hemispheres(rate, shift, step):
    cycles = find_cycles(*series(step, shift=shift, rate=rate), min_observations=12)
    assert len(cycles) >= 5
    assert np.abs(errors(cycles, true_dates(rate=rate), shift)).max() < 2


@settings(max_examples=40, deadline=None)
@given(
    onset=st.floats(90, 150),
    length=st.floats(110, 150),
    rate=st.floats(0.07, 0.12),
    base=st.floats(0.05, 0.3),
    amplitude=st.floats(0.25, 0.6),
    shift=st.floats(0, 365),
)
def test_closed_forms_of_all_shapes(onset, length, rate, base, amplitude, shift):
    shape = {"onset": onset, "end": onset + length, "rate": rate, "base": base, "amplitude": amplitude}
    cycles = find_cycles(*series(5, years=4, shift=shift, **shape), min_observations=20)
    assert len(cycles) >= 3
    assert np.median(np.abs(errors(cycles, true_dates(**shape), shift)), axis=0).max() < 3
    assert all(c.greenup < c.maturity < c.senescence < c.dormancy < c.greenup + YEAR for c in cycles)


def test_noise_and_clouds_cost_days_not_seasons():
    days, evi = series(5, years=8, noise=0.02)
    rng = np.random.default_rng(1)
    hazy = rng.random(len(days)) < 0.1
    evi = evi - hazy * rng.uniform(0.1, 0.4, len(days))
    cycles = find_cycles(days, evi, min_observations=15)
    assert len(cycles) >= 7
    wrong = errors(cycles, true_dates())
    assert np.sqrt((wrong**2).mean(axis=0)).max() < 15
    assert np.abs(np.median(wrong, axis=0)).max() < 5


def test_a_long_dry_season_is_not_dated_by_its_ripples():
    """Six months of noisy flat base before a short rainy season: greenup lies at the season, not on the base."""
    shape = {"onset": 230.0, "end": 300.0, "rate": 0.1, "base": 0.15, "amplitude": 0.2}
    cycles = find_cycles(*series(8, years=8, noise=0.015, seed=3, **shape), min_observations=15)
    assert len(cycles) >= 7
    assert np.sqrt((errors(cycles, true_dates(**shape)) ** 2).mean(axis=0)).max() < 20


@pytest.mark.parametrize(("amplitude", "most"), [(0.0, 0), (0.05, 2)])
def test_evergreens_have_no_dates(amplitude, most):
    """Sixty years of a tropical canopy under haze: none is dated, or two where it has half the least amplitude."""
    found = [
        find_cycles(*series(5, amplitude=amplitude, base=0.45, noise=0.04, seed=seed), min_observations=15)
        for seed in range(10)
    ]
    assert sum(len(cycles) for cycles in found) <= most


def test_too_few_observations_give_no_dates():
    days, evi = series(30)
    assert find_cycles(days, evi, min_observations=14) == []
    assert find_cycles([], [], min_observations=4) == []
    days, evi = series(5)
    part = days < 200
    assert find_cycles(days[part], evi[part], min_observations=4) == [], "half a year is no year"


def test_a_date_inside_a_long_gap_is_not_made_up():
    days, evi = series(5, years=3)
    start, _, _, _ = true_dates()
    gap = np.abs(days - (YEAR + start)) < 40
    years = {c.year for c in find_cycles(days, evi, min_observations=12)}
    with_gap = {c.year for c in find_cycles(days[~gap], evi[~gap], min_observations=12)}
    assert years - with_gap == {1971}
    # The same gap in winter hides no date.
    winter = np.abs(days - 1.03 * YEAR) < 40
    assert {c.year for c in find_cycles(days[~winter], evi[~winter], min_observations=12)} == years


def test_order_of_observations_and_nan_do_not_matter():
    days, evi = series(8, noise=0.01)
    shuffled = np.random.default_rng(0).permutation(len(days))
    extra = np.append(evi[shuffled], [np.nan, 3.0]), np.append(days[shuffled], [300.0, 400.0])
    assert find_cycles(extra[1], extra[0], min_observations=12) == find_cycles(days, evi, min_observations=12)


def test_whittaker_solves_its_normal_equations():
    rng = np.random.default_rng(0)
    for n in (3, 4, 5, 50):
        values, weights = rng.normal(size=n), rng.random(n)
        weights[n // 2] = 0
        second = np.diff(np.eye(n), n=2, axis=0)
        dense = np.linalg.solve(np.diag(weights + 1e-9) + 30 * second.T @ second, weights * values)
        assert np.allclose(whittaker(values, weights, 30.0), dense, atol=1e-8)


def test_smoothing_cuts_at_the_same_period_for_any_revisit_time():
    """A wave of the cut-off period keeps half its height, a year's wave all of it."""
    for step in (1, 5, 8):
        days = np.arange(0, 4000.0, step)
        for period, kept in ((40.0, 0.5), (365.0, 1.0)):
            wave = 0.02 * np.sin(2 * np.pi * days / period)
            grid, curve = smooth_daily(days, wave)
            inner = (grid > 500) & (grid < 3500)
            assert np.ptp(curve[inner]) / 0.04 == pytest.approx(kept, abs=0.08)


# ------------------------------------------------------------------------------------------------------ real series
@pytest.fixture(scope="module")
def fluxnet(samples):
    """MOD13A1 at ten towers: site -> (days of good observations, EVI), site table."""
    folder = samples / "mod13a1_evi_fluxnet10"
    table = pd.read_csv(folder / "MOD13A1_series.csv.gz").query("SummaryQA <= 1")
    start = pd.to_datetime(table["date"])
    # The day of a composite's pixel may lie in the year after its first day.
    year = start.dt.year + (start.dt.day_of_year - table["DayOfYear"] > 180)
    january = pd.to_datetime(year.astype(str) + "-01-01")
    table["days"] = (january - pd.Timestamp(0)).dt.days + table["DayOfYear"] - 1
    sites = pd.read_csv(folder / "sites.csv").set_index("site")
    return {name: (part["days"], part["EVI"] / 1e4) for name, part in table.groupby("site")}, sites


def dated(fluxnet, site):
    cycles = find_cycles(*fluxnet[0][site], min_observations=8)
    medians = circular_median(day_of_year([[getattr(c, n) for c in cycles] for n in NAMES]))
    return cycles, dict(zip(NAMES, medians, strict=True))


@pytest.mark.samples
@pytest.mark.parametrize(
    ("site", "years", "greenup", "maturity", "senescence", "dormancy"),
    [
        # Mixed forest on Changbai: leaves from May to October.
        ("CN-Cha", 15, (105, 140), (145, 175), (190, 225), (265, 300)),
        # Beech at 1550 m in the Apennines: late April to early November.
        ("IT-Col", 4, (90, 130), (140, 170), (180, 220), (285, 320)),
        # Wet grassland in Bohemia.
        ("CZ-wet", 10, (70, 110), (120, 150), (200, 240), (290, 360)),
        # Savannas of the southern hemisphere: green in the wet summer, cycles across New Year.
        ("ZA-Kru", 15, (285, 330), (340, 30), (20, 75), (150, 200)),
        ("AU-How", 10, (230, 300), (350, 40), (30, 100), (170, 240)),
    ],
)
def test_real_series_in_both_hemispheres(fluxnet, site, years, greenup, maturity, senescence, dormancy):
    cycles, got = dated(fluxnet, site)
    assert len(cycles) >= years
    for name, (low, high) in zip(NAMES, (greenup, maturity, senescence, dormancy), strict=True):
        assert (got[name] - low) % YEAR <= (high - low) % YEAR, f"{site} {name}: {got[name]:.0f}"
    assert all(c.greenup < c.maturity <= c.senescence < c.dormancy < c.greenup + 1.1 * YEAR for c in cycles)


@pytest.mark.samples
def test_real_dates_repeat_from_year_to_year(fluxnet):
    """Of the deciduous forest greenup varies by a week or two."""
    cycles, medians = dated(fluxnet, "CN-Cha")
    spread = difference(day_of_year([c.greenup for c in cycles]), medians["greenup"])
    assert np.median(np.abs(spread)) < 12
