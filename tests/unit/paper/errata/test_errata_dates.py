"""Numbers of the errata on dates: real sites, and rules by hand."""

import numpy as np
import pandas as pd
import pytest
from greenup.paper.errata import dates
from greenup.paper.errata.row import Samples
from greenup.samples.tables import convert_ssl4eo_s12_sites
from scipy.stats import binom

NONE = Samples()


def by_name(numbers):
    return {n.what: n for n in numbers}


def day(text):
    return np.datetime64(text, "D")


@pytest.fixture(scope="session")
def real(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("ssl4eo")
    convert_ssl4eo_s12_sites([samples / "ssl4eo_s12_v11_val_sites" / "val_metadata.parquet"], out)
    return out / "sites.parquet"


def test_real_sites_have_a_random_phase(real):
    """Against a plain search over all shifts, and a plain look at each date's windows."""
    table = pd.read_parquet(real)
    table["day"] = table["time"].dt.tz_localize(None).dt.normalize()
    four = [sorted(g["day"].to_list()) for _, g in table.groupby("site_id")]
    assert len(four) == 2176
    quarters = [pd.Timestamp(d) for d in ("2020-12-21", "2021-03-20", "2021-06-21", "2021-09-22")]
    back = np.array([[(q - d).days for q, d in zip(quarters, site, strict=True)] for site in four])
    fits = np.zeros(len(four), dtype=bool)
    for shift in range(365):
        fits |= (np.abs(back - shift) <= 15).all(axis=1)
    middles = [pd.Timestamp(f"{y}-{d}") for y in (2020, 2021) for d in ("12-21", "09-22", "06-21", "03-20")]
    inside = np.array([[any(abs((d - m).days) <= 30 for m in middles) for d in site] for site in four])
    found = by_name(dates.random_phase(Samples(ssl4eo_sites=real)))
    assert found["sites"].released == 2176
    explained = found["sites that one random shift of 0–364 days explains (±15 days)"].released
    assert explained == pytest.approx(100 * fits.mean()) == pytest.approx(100 * 2175 / 2176)
    documented = found["sites with all dates in the documented windows (±30 days)"].released
    assert documented == pytest.approx(100 * inside.all(axis=1).mean())
    assert 40 < documented < 55
    for i in range(4):
        months = pd.Series([site[i].month for site in four]).value_counts(normalize=True)
        got = [found[f"date {i + 1} in {name}"].released for name in dates.MONTHS]
        assert got == pytest.approx(100 * months.sort_index().to_numpy())
        assert sum(got) == pytest.approx(100)


def test_a_shift_is_found_where_there_is_one():
    whole = dates.QUARTERS - np.timedelta64(200, "D")
    apart = whole + np.array([16, 0, 0, -16])  # no shift is within 15 days of both ends
    late = dates.QUARTERS + np.timedelta64(16, "D")  # a shift forwards
    early = dates.QUARTERS - np.timedelta64(380, "D")  # more than a year
    days = np.stack([whole, whole + np.array([15, -15, 15, -15]), apart, late, early])
    assert dates.shares_a_shift(days).tolist() == [True, True, False, False, False]


def test_documented_windows_by_hand():
    days = np.array([[day("2021-01-20"), day("2021-01-21"), day("2020-02-19"), day("2020-02-18")]])
    assert dates.in_documented_windows(days).tolist() == [[True, False, True, False]]


def test_a_random_phase_falls_into_windows_as_often_as_they_are_wide():
    """Windows of 61 days stand round the middles 20 March 2020 to 21 December 2021; a single date with a random shift
    is as often inside as their days weigh."""
    share = dates.in_documented_windows(dates.invented_phases()).mean()
    width = np.zeros(0)
    for quarter in dates.QUARTERS:
        days = quarter - np.arange(-15, 380)
        weight = np.convolve(np.full(365, 1 / 365), np.full(31, 1 / 31))
        near = dates.in_documented_windows(days[:, None])[:, 0]
        width = np.append(width, (near * weight).sum())
    assert share == pytest.approx(width.mean(), abs=0.01)


def test_the_plain_median_splits_half_and_half_as_often_as_a_binomial():
    """With 18 dates evenly on both sides of New Year, the middle of the two inner ones lies in July exactly when nine
    are on either side: a binomial's middle term."""
    found = by_name(dates.median_over_new_year(NONE))
    assert found["sites more than 90 days off there"].released == pytest.approx(100 * binom.pmf(9, 18, 0.5), abs=2.5)
    assert found["sites more than 90 days off there"].right == 0
    circular = found["mean error where the true day is 1 January"].right
    # The mean error of a normal median: sqrt(2/pi) x sigma x sqrt(pi / (2 n)), nearly.
    assert circular == pytest.approx(15 / np.sqrt(18), rel=0.05)
    march = found["mean error where the true day is 1 March"]
    assert march.released == pytest.approx(march.right, rel=0.02)


def test_donors():
    planar = by_name(dates.donors_in_plane_degrees(NONE))
    assert planar["filled sites with another donor than the nearest"].released > 5
    far = planar["mean distance of the donor of those"]
    assert far.released > far.right > 0
    each = dates.donors_of_each_date(NONE)[0]
    assert 0 < each.released < 50
