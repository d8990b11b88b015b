"""Dates of many sites from a curves table."""

import numpy as np
import pandas as pd
import pytest
from greenup.phenology.extract import dates_of_curves
from greenup.phenology.series import find_cycles
from greenup.schemas import CURVES

from tests.unit.phenology.closed_forms import NAMES, errors, series, true_dates

RULES = {"index": "evi", "min_observations": 15, "min_amplitude": 0.1}


def curves(site_id, days, values, clear=None, snow=None):
    clear = np.ones(len(days), bool) if clear is None else clear
    snow = np.zeros(len(days), bool) if snow is None else snow
    time = pd.Timestamp(0, tz="UTC") + pd.to_timedelta(np.asarray(days), unit="D")
    table = pd.DataFrame({"site_id": site_id, "time": time, "evi": values, "clear": clear, "snow": snow})
    return CURVES.check(table, "made")


@pytest.fixture(scope="module")
def table():
    """A northern and a southern site, an evergreen one, one with half a year, one always under cloud, one under ice."""
    few = series(5, years=0.5)
    flat = series(5, amplitude=0.0, base=0.45, noise=0.03)
    days, values = series(5)
    return pd.concat(
        [
            curves("north", *series(5, noise=0.005)),
            curves("evergreen", *flat),
            curves("short", *few),
            curves("cloudy", days, values, clear=np.zeros(len(days), bool)),
            curves("ice", days, values, clear=np.zeros(len(days), bool), snow=np.ones(len(days), bool)),
            curves("south", *series(5, shift=183)),
        ],
        ignore_index=True,
    )


def test_every_site_has_dates_or_a_cause(table):
    yearly, causes = dates_of_curves(table, **RULES)
    assert list(yearly.columns) == ["site_id", "year", *NAMES]
    assert set(yearly["site_id"]) == {"north", "south"}
    assert causes.to_dict() == {"evergreen": "no_cycle", "short": "no_data", "cloudy": "no_data", "ice": "no_cycle"}
    assert not yearly.duplicated(["site_id", "year"]).any()
    assert yearly[list(NAMES)].notna().all(axis=None)
    for site, shift, within in (("north", 0, 2), ("south", 183, 1)):
        rows = list(yearly[yearly["site_id"] == site].itertuples())
        assert len(rows) >= 5
        assert np.abs(np.median(errors(rows, true_dates(), shift), axis=0)).max() < within


def test_it_is_the_extractor_of_one_series_over_sites(table):
    yearly, _ = dates_of_curves(table, **RULES)
    found = find_cycles(*series(5, shift=183), min_observations=15)
    want = [[c.year, *(getattr(c, n) for n in NAMES)] for c in found.cycles]
    got = yearly[yearly["site_id"] == "south"].drop(columns="site_id").to_numpy()
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_neither_order_of_rows_nor_other_sites_matter(table):
    yearly, causes = dates_of_curves(table, **RULES)
    shuffled = dates_of_curves(table.sample(frac=1, random_state=1), **RULES)
    pd.testing.assert_frame_equal(shuffled.yearly, yearly)
    assert shuffled.causes.to_dict() == causes.to_dict()
    alone = dates_of_curves(table[table["site_id"] == "south"], **RULES)
    pd.testing.assert_frame_equal(alone.yearly, yearly[yearly["site_id"] == "south"].reset_index(drop=True))


def test_clouds_are_left_out(table):
    days, values = series(5)
    cloudy = np.random.default_rng(0).random(len(days)) < 0.3
    seen = curves("a", days, np.where(cloudy, -0.1, values), clear=~cloudy)
    without = curves("a", days[~cloudy], values[~cloudy])
    pd.testing.assert_frame_equal(dates_of_curves(seen, **RULES).yearly, dates_of_curves(without, **RULES).yearly)


def test_the_rules_are_heeded():
    some = curves("a", *series(16, amplitude=0.3))
    assert len(dates_of_curves(some, **RULES).yearly) >= 5
    assert dates_of_curves(some, **{**RULES, "min_observations": 30}).causes.to_dict() == {"a": "no_data"}
    assert dates_of_curves(some, **{**RULES, "min_amplitude": 0.35}).causes.to_dict() == {"a": "no_cycle"}


def test_ndvi_saturates_and_is_dated_all_the_same():
    """NDVI as a saturating function of EVI: the 15 % dates come earlier and the plateau is longer, as documented."""
    days, evi = series(5)
    ndvi = 1 - np.exp(-4 * evi)
    by_evi = dates_of_curves(curves("a", days, evi), **RULES).yearly
    by_ndvi = dates_of_curves(curves("a", days, ndvi), **{**RULES, "index": "ndvi"}).yearly
    assert len(by_ndvi) == len(by_evi)
    late = by_ndvi[list(NAMES)] - by_evi[list(NAMES)]
    assert (late[["greenup", "maturity"]] < 0).all(axis=None)
    assert (late[["senescence", "dormancy"]] > 0).all(axis=None)


def test_no_curves_no_dates():
    empty = dates_of_curves(CURVES.check(curves("a", [1.0], [0.1]).iloc[:0], "none"), **RULES)
    assert empty.yearly.empty and empty.causes.empty
    assert str(empty.yearly["greenup"].dtype) == "float64"


@pytest.mark.samples
@pytest.mark.parametrize("index", ["evi", "ndvi"])
def test_real_series_of_both_indices(samples, index):
    """MOD13A1 at ten towers, 2000-2018: dated wherever leaves come and go."""
    raw = pd.read_csv(samples / "mod13a1_evi_fluxnet10" / "MOD13A1_series.csv.gz").dropna(subset=["SummaryQA"])
    time = pd.to_datetime(raw["date"], utc=True)
    table = pd.DataFrame(
        {
            "site_id": raw["site"], "time": time, "evi": raw[index.upper()] / 1e4,
            "clear": raw["SummaryQA"] <= 1, "snow": raw["SummaryQA"] == 2,
        }
    )  # fmt: skip
    yearly, causes = dates_of_curves(CURVES.check(table, "mod13"), **{**RULES, "index": index, "min_observations": 8})
    years = yearly.groupby("site_id").size()
    assert (years.drop("US-KS2") >= (12 if index == "evi" else 10)).all()
    assert causes.empty
    assert (yearly["year"].between(2000, 2018)).all()
