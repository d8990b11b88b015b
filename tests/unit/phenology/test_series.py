"""The extractor against closed forms, against noise, gaps and snow, and on real MODIS series of ten places."""

import numpy as np
import pandas as pd
import pytest
from greenup.phenology.doy import YEAR, circular_median, day_of_year, difference
from greenup.phenology.series import MAX_GAP_DAYS, find_cycles, gap_at, usable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.phenology.closed_forms import NAMES, double_logistic, errors, series, true_dates


def cycles_of(days, values, snow=None, least=12, amplitude=0.1):
    return find_cycles(days, values, snow, min_observations=least, min_amplitude=amplitude).cycles


# ------------------------------------------------------------------------------------------------------ closed forms
@pytest.mark.parametrize("shape", [{"rate": 0.07}, {"rate": 0.1}, {"rate": 0.12}, {"rate": 0.12, "fall": 0.06}])
@pytest.mark.parametrize("shift", [0.0, 100.0, 183.0, 250.0])
@pytest.mark.parametrize("step", [5, 8, 16])
def test_closed_form_within_a_day_in_both_hemispheres(shape, shift, step):
    truth = true_dates(**shape)
    late = []
    for phase in np.arange(0, step, 3.0):
        cycles = cycles_of(*series(step, shift=shift, phase=phase, **shape))
        assert len(cycles) >= 5
        late.append(errors(cycles, truth, shift))
    late = np.concatenate(late)
    # At 16 days a flank of 44 days (rate 0.1) has three observations: single dates may lie two days off.
    assert np.abs(np.median(late, axis=0)).max() < (1 if step < 16 else 1.2)
    assert np.abs(late).max() < (1 if step < 16 else 2)


@settings(max_examples=25)
@given(
    onset=st.floats(90, 140),
    length=st.floats(110, 150),
    rate=st.floats(0.08, 0.12),
    base=st.floats(0.05, 0.3),
    amplitude=st.floats(0.25, 0.6),
    shift=st.floats(0, 365),
)
def test_closed_forms_of_all_shapes(onset, length, rate, base, amplitude, shift):
    """Shapes that are at rest on 1 January, where the closed form would jump otherwise."""
    shape = {"onset": onset, "end": onset + length, "rate": rate, "base": base, "amplitude": amplitude}
    cycles = cycles_of(*series(5, years=4, shift=shift, **shape), least=20)
    assert len(cycles) >= 3
    assert np.median(np.abs(errors(cycles, true_dates(**shape), shift)), axis=0).max() < 1
    assert all(c.greenup < c.maturity < c.senescence < c.dormancy < c.greenup + YEAR for c in cycles)
    assert all(c.start < c.greenup and c.maturity <= c.peak <= c.senescence and c.dormancy < c.stop for c in cycles)
    levels = [double_logistic(day, **shape) for day in true_dates(**shape)]
    assert cycles[1].levels == pytest.approx(levels, abs=0.02 * amplitude)


@settings(max_examples=25)
@given(shift=st.floats(-400, 9000), seed=st.integers(0, 9))
def test_a_shift_of_the_series_shifts_the_dates(shift, seed):
    days, values = series(7, years=4, noise=0.02, seed=seed)
    here, there = cycles_of(days, values), cycles_of(days + shift, values)
    assert len(here) == len(there)
    for name in NAMES:
        moved = [getattr(b, name) - getattr(a, name) for a, b in zip(here, there, strict=True)]
        assert moved == pytest.approx([shift] * len(here), abs=1 if shift % 1 else 1e-3)


@settings(max_examples=25)
@given(scale=st.floats(0.5, 1.3), offset=st.floats(-0.2, 0.15), seed=st.integers(0, 9))
def test_scaling_the_index_does_not_move_the_dates(scale, offset, seed):
    days, values = series(7, years=4, noise=0.02, seed=seed)
    here = cycles_of(days, values)
    there = cycles_of(days, scale * values + offset, amplitude=0.1 * scale)
    assert len(here) == len(there) >= 3
    for name in NAMES:
        want = [getattr(c, name) for c in here]
        assert [getattr(c, name) for c in there] == pytest.approx(want, abs=1e-3)


@settings(max_examples=25)
@given(shift=st.floats(0, 365.25), years=st.integers(3, 20))
def test_no_year_twice_wherever_the_peak_lies(shift, years):
    """Also at the turn of the year, where mean and calendar years part by a day."""
    found = [c.year for c in cycles_of(*series(8, years=years, shift=shift))]
    assert found == sorted(set(found))
    assert len(found) >= years - 2


# ---------------------------------------------------------------------------------------------------- noise and gaps
@pytest.mark.parametrize("step", [5, 8])
@pytest.mark.parametrize(("noise", "haze", "spread", "bias"), [(0.01, 0.0, 3, 2), (0.02, 0.1, 15, 5)])
def test_noise_and_haze_cost_days_not_seasons(step, noise, haze, spread, bias):
    """Root mean square and median error (days) of 40 years."""
    late = np.concatenate(
        [
            errors(cycles_of(*series(step, years=8, noise=noise, haze=haze, seed=seed)), true_dates())
            for seed in range(5)
        ]
    )
    assert len(late) >= 35
    assert np.sqrt((late**2).mean(axis=0)).max() < spread
    assert np.abs(np.median(late, axis=0)).max() < bias


def test_a_long_dry_season_is_not_dated_by_its_ripples():
    """Six months of noisy flat base before a short rainy season: greenup lies at the season, not on the base."""
    shape = {"onset": 230.0, "end": 300.0, "rate": 0.1, "base": 0.15, "amplitude": 0.2}
    cycles = cycles_of(*series(8, years=8, noise=0.015, seed=3, **shape), least=15)
    assert len(cycles) >= 7
    assert np.sqrt((errors(cycles, true_dates(**shape)) ** 2).mean(axis=0)).max() < 20


def test_a_date_inside_a_long_gap_is_not_made_up():
    days, values = series(5, years=3)
    start, _, _, _ = true_dates()
    gap = np.abs(days - (YEAR + start)) < 40
    years = {c.year for c in cycles_of(days, values)}
    assert years - {c.year for c in cycles_of(days[~gap], values[~gap])} == {1971}
    # The same gap in winter hides no date, and neither does a shorter one at the date.
    for hidden in (np.abs(days - 1.03 * YEAR) < 40, np.abs(days - (YEAR + start)) < 20):
        assert {c.year for c in cycles_of(days[~hidden], values[~hidden])} == years


def test_a_peak_that_nobody_saw_gives_no_dates():
    days, values = series(5, years=3)
    gap = np.abs(days - (YEAR + 200)) < 45
    assert 1971 not in {c.year for c in cycles_of(days[~gap], values[~gap])}


def test_gaps_of_dates():
    days = np.array([10.0, 20.0, 100.0])
    assert gap_at(days, np.array([5.0, 10.0, 15.0, 20.0, 60.0, 100.0, 101.0])).tolist() == [
        np.inf, 0, 10, 0, 80, 0, np.inf,
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- snow
def winter(days, truth, margin):
    """Whether the ground lies under snow: from some days after dormancy until as many before greenup."""
    doy = days % YEAR
    return (doy > truth[3] + margin) | (doy < truth[0] - margin)


@pytest.mark.parametrize("step", [5, 8])
def test_a_long_snowy_season_is_no_gap(step):
    """Eight months of snow that lowers the index: dated every year with the flag; as if cloudy, not at all."""
    shape = {"onset": 150.0, "end": 250.0, "rate": 0.12, "base": 0.15}
    truth = true_dates(**shape)
    days, values = series(step, **shape)
    values = np.where(winter(days, truth, 0), values - 0.12, values)
    # The later the snow melts, the less is seen of the ground at rest, and the higher it is taken to be.
    for margin, late in ((10, 4), (4, 6)):
        snow = winter(days, truth, margin)
        cycles = cycles_of(days, np.where(snow, values, double_logistic(days % YEAR, **shape)), snow)
        assert len(cycles) >= 5
        assert np.abs(errors(cycles, truth)).max() < late
    assert cycles_of(days[~snow], values[~snow]) == []


def test_values_under_snow_do_not_matter():
    days, values = series(5, noise=0.01)
    snow = winter(days, true_dates(), 10)
    wild = np.where(snow, np.random.default_rng(0).uniform(-5, 5, len(days)), values)
    assert cycles_of(days, wild, snow) == cycles_of(days, values, snow)
    assert cycles_of(days, np.where(snow, np.nan, values), snow) == cycles_of(days, values, snow)


def test_a_false_flag_in_summer_costs_little():
    """Clouds taken for snow: two summer observations a year."""
    days, values = series(5, noise=0.01)
    snow = winter(days, true_dates(), 10)
    false = np.isin(np.arange(len(days)) % 73, (36, 44))
    before, after = (errors(cycles_of(days, values, s), true_dates()) for s in (snow, snow | false))
    assert len(after) == len(before) >= 5
    assert np.abs(after - before).max() < 4


# ------------------------------------------------------------------------------------------------------ no cycle, why
@pytest.mark.parametrize(("amplitude", "most"), [(0.0, 0), (0.05, 2)])
def test_evergreens_have_no_dates(amplitude, most):
    """Sixty years of a tropical canopy under haze: none is dated, or two where it has half the least amplitude."""
    found = [
        find_cycles(*series(5, amplitude=amplitude, base=0.45, noise=0.04, seed=seed), min_observations=15)
        for seed in range(10)
    ]
    assert sum(len(f.cycles) for f in found) <= most
    assert all(f.cause == ("no_cycle" if not f.cycles else None) for f in found)


@pytest.mark.parametrize("level", [0.0, 0.05, 0.45])
def test_flat_is_no_cycle(level):
    days = np.arange(0, 1500.0, 8)
    assert find_cycles(days, np.full(len(days), level), min_observations=12).cause == "no_cycle"


def test_ice_all_year_is_no_cycle():
    days = np.arange(0, 1500.0, 8)
    found = find_cycles(days, np.zeros(len(days)), np.ones(len(days), bool), min_observations=12)
    assert (found.cycles, found.cause) == ([], "no_cycle")


def test_too_few_observations_are_no_data():
    days, values = series(30)
    assert find_cycles(days, values, min_observations=14).cause == "no_data"
    assert find_cycles([], [], min_observations=4).cause == "no_data"
    days, values = series(5)
    part = days < 200
    assert find_cycles(days[part], values[part], min_observations=4).cause == "no_data", "half a year is no year"
    monsoon = np.abs(days % YEAR - 200) < 70
    found = find_cycles(days[~monsoon], values[~monsoon], min_observations=12)
    assert (found.cycles, found.cause) == ([], "no_data"), "the whole summer under cloud every year"


def test_the_least_amplitude_decides():
    days, values = series(5, amplitude=0.2)
    assert len(cycles_of(days, values, amplitude=0.15)) >= 5
    assert find_cycles(days, values, min_observations=12, min_amplitude=0.25).cause == "no_cycle"


def test_order_of_observations_and_nan_do_not_matter():
    days, values = series(8, noise=0.01)
    shuffled = np.random.default_rng(0).permutation(len(days))
    extra = np.append(days[shuffled], [300.0, 400.0, np.nan]), np.append(values[shuffled], [np.nan, 3.0, 0.2])
    assert cycles_of(*extra) == cycles_of(days, values)
    assert len(usable(*extra)[0]) == len(days)


def test_several_values_of_one_moment_are_allowed():
    days, values = series(8)
    assert errors(cycles_of(np.repeat(days, 2), np.repeat(values, 2)), true_dates()).max() < 1


def test_one_of_two_harvests_is_dated():
    """Two crops a year, the second one taller: its four dates, in order, every year."""
    days = np.arange(0, 5 * YEAR, 5)
    first = double_logistic(days % YEAR, onset=60, end=130, base=0.0, amplitude=0.3)
    values = first + double_logistic(days % YEAR, onset=210, end=290, base=0.1, amplitude=0.5)
    cycles = cycles_of(days, values)
    assert len(cycles) >= 4
    assert all(180 < c.greenup % YEAR < c.maturity % YEAR < c.senescence % YEAR < 330 for c in cycles)


# ------------------------------------------------------------------------------------------------------ real series
@pytest.fixture(scope="module")
def fluxnet(samples):
    """MOD13A1 at ten towers without clouds: site -> (days, EVI, snow)."""
    table = pd.read_csv(samples / "mod13a1_evi_fluxnet10" / "MOD13A1_series.csv.gz").query("SummaryQA <= 2")
    start = pd.to_datetime(table["date"])
    # The day of a composite's pixel may lie in the year after its first day.
    year = start.dt.year + (start.dt.day_of_year - table["DayOfYear"] > 180)
    january = pd.to_datetime(year.astype(str) + "-01-01")
    table["days"] = (january - pd.Timestamp(0)).dt.days + table["DayOfYear"] - 1
    return {
        name: (part["days"].to_numpy(), part["EVI"].to_numpy() / 1e4, part["SummaryQA"].to_numpy() == 2)
        for name, part in table.groupby("site")
    }


def dated(fluxnet, site):
    cycles = cycles_of(*fluxnet[site], least=8)
    doy = day_of_year([[getattr(c, n) for c in cycles] for n in NAMES])
    return cycles, doy, dict(zip(NAMES, circular_median(doy), strict=True))


@pytest.mark.samples
@pytest.mark.parametrize(
    ("site", "years", "greenup", "maturity", "senescence", "dormancy"),
    [
        # Meadow in the Stubai valley: snow until March, cut three times a summer.
        ("AT-Neu", 15, (70, 110), (130, 190), (220, 280), (305, 345)),
        # Crops of the Swiss plateau: winter cereals green before April.
        ("CH-Oe2", 15, (60, 100), (105, 145), (150, 200), (330, 30)),
        # Mixed forest on Changbai: leaves from May to October.
        ("CN-Cha", 15, (105, 140), (145, 175), (190, 225), (265, 300)),
        # Beech at 1550 m in the Apennines: late April to early November.
        ("IT-Col", 15, (90, 130), (140, 170), (180, 220), (285, 320)),
        # Wet grassland in Bohemia.
        ("CZ-wet", 15, (70, 110), (120, 160), (200, 270), (290, 360)),
        # Spruce at 730 m in the Ore Mountains.
        ("DE-Obe", 14, (60, 130), (140, 190), (190, 235), (290, 345)),
        # Boreal forest after fire in Manitoba: snow from October to April.
        ("CA-NS6", 15, (125, 155), (170, 200), (210, 245), (260, 295)),
        # Savannas of the southern hemisphere: green in the wet summer, cycles across New Year.
        ("ZA-Kru", 15, (285, 330), (340, 30), (20, 75), (150, 200)),
        ("AU-How", 10, (230, 300), (330, 40), (30, 100), (160, 240)),
    ],
)
def test_real_series_in_both_hemispheres(fluxnet, site, years, greenup, maturity, senescence, dormancy):
    cycles, _, got = dated(fluxnet, site)
    assert len(cycles) >= years
    for name, (low, high) in zip(NAMES, (greenup, maturity, senescence, dormancy), strict=True):
        assert (got[name] - low) % YEAR <= (high - low) % YEAR, f"{site} {name}: {got[name]:.0f}"
    assert all(c.greenup < c.maturity <= c.senescence < c.dormancy < c.greenup + 1.1 * YEAR for c in cycles)
    days = np.sort(fluxnet[site][0])
    dates = np.array([[getattr(c, n) for n in NAMES] for c in cycles])
    assert (gap_at(days, dates) <= MAX_GAP_DAYS).all()


@pytest.mark.samples
@pytest.mark.parametrize(
    ("site", "least"), [("CN-Cha", 7), ("CA-NS6", 12), ("AT-Neu", 9), ("CH-Oe2", 9), ("IT-Col", 12)]
)
def test_real_dates_repeat_from_year_to_year(fluxnet, site, least):
    """Median distance (days) of greenup from its median over 18 years, of composites 16 days apart."""
    _, doy, medians = dated(fluxnet, site)
    assert np.median(np.abs(difference(doy[0], medians["greenup"]))) < least
