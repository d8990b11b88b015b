"""Dates from the user's table: what is read, what is refused, and a real table of MCD12Q2."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology.dates import yearly_medians
from greenup.phenology.table import read_dates

SITES = pd.DataFrame({"site_id": ["a", "b"], "lon": [8.0, 9.0], "lat": [47.0, 48.0]})
PRODUCT = "site_id,year,Greenup_1,Maturity_1,Senescence_1,Dormancy_1\n"
HEAD = "site_id,year,Greenup,Maturity,Senescence,Dormancy\n"


@pytest.fixture
def table(tmp_path):
    def read(text, name="dates.csv"):
        path = tmp_path / name
        path.write_text(text)
        return read_dates(str(path), SITES)

    return read


def test_names_of_the_product_and_fill_values(table):
    got = table(PRODUCT + "b,2001,11439,32767,,11620\nz,2001,32767,,,\n")
    assert got["site_id"].tolist() == ["b"], "rows of other sites are left out, but read"
    assert got["greenup"].tolist() == [11439]
    assert got[["maturity", "senescence"]].isna().all(axis=None)


def test_places_in_place_of_names(table):
    """300 m off is the same pixel of the product, 2 km off is not."""
    head = HEAD.replace("site_id", "lon,lat")
    got = table(head + "8.003,47.001,2001,11439,11460,11600,11620\n9.02,48,2001,11439,11460,11600,11620\n")
    assert got["site_id"].tolist() == ["a"]


def test_parquet(tmp_path):
    path = tmp_path / "dates.parquet"
    row = {"site_id": "a", "year": 2001, "greenup": 11439, "maturity": 11460, "senescence": 11600, "dormancy": 11620}
    pd.DataFrame([row]).to_parquet(path)
    assert read_dates(str(path), SITES)["dormancy"].tolist() == [11620]
    path.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"dates.parquet: cannot be read"):
        read_dates(str(path), SITES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("site_id,year,Greenup,Senescence,Dormancy\na,2001,1,2,3\n", r"dates.csv: column 'Maturity' is missing"),
        (HEAD.replace("year", "y") + "a,2001,1,2,3,4\n", r"column 'year' is missing; the file has: site_id, y, "),
        (HEAD.replace("site_id", "name") + "a,2001,11439,11460,11600,11620\n", r"column 'site_id' is missing"),
        (HEAD + "a,2001,early,2,3,4\n", r"row 1, column 'Greenup': 'early' is not a number"),
        (HEAD + "a,,11439,11460,11600,11620\n", r"row 1, column 'year': no value"),
        (HEAD + "a,2001,120,150,250,300\n", r"row 1, column 'Greenup': 120 is no day of 2001\n.*a day of year"),
        (HEAD + "a,2001,11439,11460,11600,13620\n", r"column 'Dormancy': 13620 is no day of 2001"),
        (HEAD + "q,2001,11439,11460,11600,11620\n", r"none of its rows belongs to a site"),
        (
            HEAD + "a,2001,11439,11460,11600,11620\n" * 1 + "a,2001,11440,11460,11600,11620\n",
            r"site a, year 2001 stands",
        ),
        (
            HEAD.replace("site_id", "lon,lat") + "8,97,2001,11439,11460,11600,11620\n",
            r"row 1: lon 8, lat 97 is no place",
        ),
    ],
)
def test_mistakes(table, text, message):
    with pytest.raises(UserError, match=message) as error:
        table(text)
    assert error.value.mend


CYCLES = ("Greenup", "Maturity", "Senescence", "Dormancy")


@pytest.fixture
def two_cycles(tmp_path):
    """Site a: the second cycle is larger and good, the first poor; site b: no second cycle."""

    def read(drop=(), site_ids=("a", "b"), **how):
        table = pd.DataFrame({"site_id": site_ids, "year": 2001})
        for i, name in enumerate(CYCLES):
            table[f"{name}_1"] = 11_339 + 10 * i
            table[f"{name}_2"] = [11_500 + 10 * i, 32767]
        table["QA_Overall_1"], table["qa_overall_2"] = [3, 1], [0, 32767]
        table["EVI_Amplitude_1"], table["EVI_Amplitude_2"] = [2000, 2000], [4000, 32767]
        path = tmp_path / "two.csv"
        table.drop(columns=list(drop)).to_csv(path, index=False)
        return read_dates(str(path), SITES, **how)

    return read


@pytest.mark.parametrize(
    ("how", "greenup"),
    [
        ({}, [11339, 11339]),
        ({"cycle": "second"}, [11500, None]),
        ({"cycle": "largest"}, [11500, 11339]),
        ({"max_quality": 2}, [None, 11339]),
        ({"cycle": "largest", "max_quality": 0}, [11500, None]),
    ],
)
def test_cycles_and_quality(two_cycles, how, greenup):
    got = two_cycles(**how)
    assert [None if np.isnan(v) else v for v in got["greenup"]] == greenup
    assert got["site_id"].tolist() == ["a", "b"], "a year without a cycle is a row without dates"


@pytest.mark.parametrize(
    ("drop", "how", "message"),
    [
        (
            ["Dormancy_2"],
            {"cycle": "second"},
            r"column 'Dormancy_2' is missing.*\n.*without second cycles write cycle: f",
        ),
        (["QA_Overall_1"], {"max_quality": 1}, r"column 'QA_Overall' is missing.*\n.*phenology.max_quality needs it"),
        (["EVI_Amplitude_2"], {"cycle": "largest"}, r"column 'EVI_Amplitude_2' is missing.*\n.*largest needs it"),
    ],
)
def test_columns_that_a_choice_needs(two_cycles, drop, how, message):
    two_cycles(drop=drop)
    with pytest.raises(UserError, match=message):
        two_cycles(drop=drop, **how)


def test_a_layer_that_stands_twice(table):
    with pytest.raises(UserError, match=r"columns 'Greenup' and 'Greenup_1' are the same layer"):
        table(HEAD.replace("Dormancy", "Dormancy,Greenup_1") + "a,2001,11439,11460,11600,11620,11439\n")


def test_missing_file():
    with pytest.raises(UserError, match=r"nowhere.csv: no such file"):
        read_dates("nowhere.csv", SITES)


# -------------------------------------------------------------------------------------------------------- real table
@pytest.fixture(scope="module")
def mcd12q2(samples):
    folder = samples / "mcd12q2_sites_2001_2018"
    sites = pd.read_csv(folder / "sites.csv").rename(columns={"sitename": "site_id"})
    return sites, pd.read_csv(folder / "mcd12q2_days_since_1970.csv.gz").rename(columns={"sitename": "site_id"})


@pytest.mark.samples
def test_a_real_table_without_maturity_is_refused_by_name(mcd12q2, tmp_path):
    sites, table = mcd12q2
    table.head(100).to_csv(tmp_path / "real.csv", index=False)
    with pytest.raises(UserError, match=r"column 'Maturity' is missing; the file has: site_id, year, Greenup_1"):
        read_dates(str(tmp_path / "real.csv"), sites)


@pytest.mark.samples
def test_medians_of_real_dates_against_python_datetimes(mcd12q2, tmp_path):
    """Medians over 18 years at 5000 sites, computed again with the standard library's calendar and plain medians.

    Far from New Year the circular median is the ordinary one, and MCD12Q2's own greenup and dormancy are dates that
    real forests have. MidGreenup and MidGreendown stand in for the two dates that this table lacks.
    """
    sites, table = mcd12q2
    names = {"MidGreenup_1": "Maturity_1", "MidGreendown_1": "Senescence_1"}
    path = tmp_path / "real.csv"
    table.rename(columns=names).to_csv(path, index=False)
    got = yearly_medians(sites, read_dates(str(path), sites)).set_index(sites["site_id"])
    for ours, theirs in (("greenup", "Greenup_1"), ("dormancy", "Dormancy_1")):
        valid = table[table[theirs] != 32767]
        when = np.datetime64("1970-01-01") + valid[theirs].to_numpy().astype("timedelta64[D]")
        doy = pd.Series(pd.DatetimeIndex(when).day_of_year, index=valid["site_id"].to_numpy())
        by_site = doy.groupby(level=0)
        plain = by_site.median()[(by_site.min() > 20) & (by_site.max() < 345) & (by_site.max() - by_site.min() < 180)]
        assert len(plain) > 4000
        assert np.abs(got.loc[plain.index, ours] - plain).max() < 1e-6
        counted = by_site.size().reindex(got.index, fill_value=0)
        assert (got["years"] <= counted).all()
    # Quantiles (5, 50, 95 %) of greenup over all site-years, as measured when the table was taken over.
    assert got["greenup"].quantile([0.05, 0.5, 0.95]).tolist() == pytest.approx([90, 125, 139], abs=6)


@pytest.mark.samples
def test_half_of_the_amplitude_in_place_of_maturity_and_senescence(mcd12q2, tmp_path):
    sites, table = mcd12q2
    path = tmp_path / "real.csv"
    table.head(500).to_csv(path, index=False)
    got = read_dates(str(path), sites, is_halfway=True)
    raw = table.head(500).replace(32767, np.nan)
    for ours, theirs in zip(("greenup", "maturity", "senescence", "dormancy"), TAKEN, strict=True):
        np.testing.assert_array_equal(got[ours], raw[f"{theirs}_1"].astype(float))


TAKEN = ("Greenup", "MidGreenup", "MidGreendown", "Dormancy")


def test_a_table_with_all_four_dates_is_not_read_half_way(tmp_path):
    path = tmp_path / "dates.csv"
    path.write_text(HEAD + "a,2001,11439,11460,11600,11620\n")
    with pytest.raises(UserError, match=r"column 'MidGreenup' is missing") as error:
        read_dates(str(path), SITES, is_halfway=True)
    assert "leave that out" in error.value.mend


def test_a_table_that_lacks_maturity_is_told_of_the_way_out(tmp_path):
    path = tmp_path / "dates.csv"
    path.write_text("site_id,year,Greenup,MidGreenup,MidGreendown,Dormancy\na,2001,1,2,3,4\n")
    with pytest.raises(UserError, match="Maturity") as error:
        read_dates(str(path), SITES)
    assert "halfway: true" in error.value.mend
