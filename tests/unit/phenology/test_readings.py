"""The user's table of series: what it may look like, and what is said of a wrong one."""

import datetime

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology.extract import dates_of_curves
from greenup.phenology.readings import PLACE_KM, read_curves
from greenup.schemas import CURVES
from greenup.sites.sphere import offset
from hypothesis import given
from hypothesis import strategies as st

SITES = pd.DataFrame({"site_id": ["a", "007"], "lon": [10.0, 179.9999], "lat": [50.0, -16.0]})


def written(tmp_path, table, name="evi.csv"):
    path = tmp_path / name
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return str(path)


def good(**changed):
    """Three rows, as a frame."""
    table = {
        "site_id": ["a", "a", "007"],
        "date": ["2019-04-17", "2019-04-25", "2019-04-17"],
        "evi": [0.31, 0.36, 0.5],
        "clear": [True, False, True],
        "snow": [False, True, False],
    }
    return pd.DataFrame({k: v for k, v in {**table, **changed}.items() if v is not None})


def refused(tmp_path, table, index="evi"):
    with pytest.raises(UserError) as caught:
        read_curves(written(tmp_path, table), SITES, index)
    assert "evi.csv" in caught.value.message
    assert caught.value.mend
    return str(caught.value)


@pytest.mark.parametrize("name", ["evi.csv", "evi.csv.gz", "evi.parquet"])
def test_a_table_becomes_curves(tmp_path, name):
    got = read_curves(written(tmp_path, good(), name), SITES, "evi")
    CURVES.check(got, "read")
    assert got.to_numpy().tolist() == [
        ["007", pd.Timestamp("2019-04-17", tz="UTC"), 0.5, True, False],
        ["a", pd.Timestamp("2019-04-17", tz="UTC"), 0.31, True, False],
        ["a", pd.Timestamp("2019-04-25", tz="UTC"), 0.36, False, True],
    ]


def test_case_and_order_of_columns_and_spelling_of_flags_do_not_matter(tmp_path):
    table = good(clear=["Yes", "0", "TRUE"], snow=["f", 1.0, "no"])
    table = table.rename(columns={"site_id": " Site_ID", "evi": "EVI", "date": "Date"})[
        ["EVI", "snow", "Date", "clear", " Site_ID"]
    ]
    pd.testing.assert_frame_equal(
        read_curves(written(tmp_path, table), SITES, "evi"), read_curves(written(tmp_path, good()), SITES, "evi")
    )


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(["2019-04-17", "2019-04-25", "2019-04-17"]),
        pd.to_datetime(["2019-04-17", "2019-04-25", "2019-04-17"], utc=True),
        [datetime.date(2019, 4, 17), datetime.date(2019, 4, 25), datetime.date(2019, 4, 17)],
        ["20190417", "20190425", "20190417"],
        ["2019-04-17T00:00:00Z", "2019-04-25", "2019-04-17T02:00:00+02:00"],
    ],
)
def test_dates_in_several_dresses(tmp_path, dates):
    name = "evi.csv" if isinstance(dates[0], str) else "evi.parquet"
    got = read_curves(written(tmp_path, good(date=dates), name), SITES, "evi")
    assert got["time"].dt.strftime("%F %T").tolist() == ["2019-04-17 00:00:00"] * 2 + ["2019-04-25 00:00:00"]


def test_places_find_their_site_across_the_antimeridian(tmp_path):
    table = good(site_id=None, lon=[10.0, 10.001, -179.9999], lat=[50.0, 50.001, -16.001])
    assert read_curves(written(tmp_path, table), SITES, "evi")["site_id"].tolist() == ["007", "a", "a"]


@given(east=st.floats(-0.6, 0.6), north=st.floats(-0.6, 0.6))
def test_rows_belong_to_sites_within_half_a_kilometre(tmp_path_factory, east, north):
    lon, lat = offset(10.0, 50.0, east, north)
    away = np.hypot(east, north)
    if abs(away - PLACE_KM) < 1e-3:
        return
    table = good(site_id=None, lon=[float(lon), 10.0, 10.0], lat=[float(lat), 50.0, 50.0])
    table["date"] = ["2019-01-01", "2019-01-02", "2019-01-03"]
    got = read_curves(written(tmp_path_factory.mktemp("near"), table), SITES, "evi")
    assert len(got) == (3 if away < PLACE_KM else 2)


def test_modis_quality_and_day_of_composite(tmp_path):
    """MOD13: the last composite of a year may hold a day of the next one, and that day may stand in both."""
    table = pd.DataFrame(
        {
            "site_id": "a",
            "date": ["2018-12-03", "2018-12-19", "2019-01-01", "2019-01-17", "2019-02-02", "2019-12-19", "2020-01-01"],
            "DayOfYear": [350, 2, 15, 17, np.nan, 3, 3],
            "SummaryQA": [0, 1, 2, 3, -1, 3, 0],
            "NDVI": [0.3, 0.4, 0.1, 0.2, -0.3, 0.05, 0.1],
        }
    )
    got = read_curves(written(tmp_path, table), SITES, "ndvi")
    assert got["time"].dt.strftime("%F").tolist() == [
        "2018-12-16", "2019-01-02", "2019-01-15", "2019-01-17", "2020-01-03",
    ]  # fmt: skip
    assert got["evi"].tolist() == [0.3, 0.4, 0.1, 0.2, 0.1]
    assert got["clear"].tolist() == [True, True, False, False, True]
    assert got["snow"].tolist() == [False, False, True, False, False]


def test_without_flags_all_is_clear_and_under_snow_nothing_is(tmp_path, caplog):
    got = read_curves(written(tmp_path, good(clear=None, snow=None)), SITES, "evi")
    assert got["clear"].all() and not got["snow"].any()
    assert "counts as clear" in caplog.text
    both = read_curves(written(tmp_path, good(clear=[True] * 3)), SITES, "evi")
    assert (both["clear"] == ~both["snow"]).all()


def test_rows_without_value_and_of_other_places_are_left_out(tmp_path):
    table = good(site_id=["a", "zz", "a"], evi=[0.31, 0.4, np.nan])
    assert len(read_curves(written(tmp_path, table), SITES, "evi")) == 1


def test_wild_values_under_cloud_are_cut(tmp_path):
    got = read_curves(written(tmp_path, good(evi=[0.3, -4.2, 0.5], snow=[False] * 3)), SITES, "evi")
    assert got["evi"].tolist() == [0.5, 0.3, -1.0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (4210, "row 1, column 'evi': 4210 is outside -1..1\n  mend: it looks like EVI x 10,000"),
        (-3000, "x 10,000: divide the column by 10,000, and empty its fill values"),
        (42.1, "x 100"),
        (1.2, "mend the value, or write clear: false"),
    ],
)
def test_the_wrong_scale_is_named(tmp_path, value, says):
    assert says in refused(tmp_path, good(evi=[value, 0.3, 0.4]))


def test_a_scaled_fill_value_under_cloud_is_named_as_well(tmp_path):
    assert "row 2, column 'evi': -3000" in refused(tmp_path, good(evi=[0.3, -3000, 0.4]))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"evi": None}, "column 'evi' is missing; the file has: site_id, date, clear, snow"),
        ({"evi": None, "ndvi": [0.1, 0.2, 0.3]}, "set phenology.index: ndvi"),
        ({"date": None}, "column 'date' is missing"),
        ({"site_id": None}, "column 'site_id' is missing"),
        ({"date": ["2019-04-17", "17.4.2019", "2019-04-17"]}, "row 2, column 'date': '17.4.2019' is no date"),
        ({"date": ["2019-04-17", "2019-04-17", None]}, "row 3, column 'date'"),
        ({"evi": [0.1, "cloud", 0.3]}, "row 2, column 'evi': 'cloud' is not a number"),
        ({"clear": [True, "maybe", True]}, "row 2, column 'clear': 'maybe'"),
        ({"snow": [False, None, True]}, "row 2, column 'snow': no value"),
        ({"SummaryQA": [0, 1, 2]}, "both SummaryQA and clear"),
        ({"SummaryQA": [0, 7, 2], "clear": None, "snow": None}, "row 2, column 'summaryqa': 7"),
        ({"DayOfYear": [100, 0, 5]}, "row 2, column 'dayofyear': 0"),
        ({"site_id": ["a", "a", "a"]}, "row 3: site a, 2019-04-17 00:00 stands twice"),
        ({"site_id": ["x", "y", "z"]}, "none of its rows belongs to a site"),
        ({"EVI": [0.1, 0.2, 0.3]}, "column 'evi' stands twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, changed, says):
    assert says in refused(tmp_path, good(**changed))


def test_coordinates_off_the_earth(tmp_path):
    table = good(site_id=None, lon=[50.0, 10.0, 10.0], lat=[10.0, 100.0, 50.0])
    assert "row 2: lon 10, lat 100 is no place on Earth" in refused(tmp_path, table)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_curves(str(tmp_path / "none.csv"), SITES, "evi")
    (tmp_path / "evi.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="cannot be read"):
        read_curves(str(tmp_path / "evi.parquet"), SITES, "evi")
    (tmp_path / "evi.csv").write_text("")
    with pytest.raises(UserError, match="cannot be read"):
        read_curves(str(tmp_path / "evi.csv"), SITES, "evi")
    assert "no rows" in refused(tmp_path, good().iloc[:0])


@pytest.mark.samples
def test_a_modis_table_goes_straight_through_once_it_is_scaled(samples, tmp_path):
    """The columns of MOD13A1 as they are; its values x 10 000 are refused by name, divided they give dates."""
    folder = samples / "mod13a1_evi_fluxnet10"
    raw = pd.read_csv(folder / "MOD13A1_series.csv.gz").rename(columns={"site": "site_id"})
    places = pd.read_csv(folder / "sites.csv").rename(columns={"site": "site_id"})
    assert "x 10,000" in refused(tmp_path, raw.merge(places[["site_id"]]).assign(site_id="a"))
    near = raw.drop(columns="site_id").assign(EVI=raw["EVI"] / 1e4)
    at = places.set_index("site_id").loc[raw["site_id"]]
    near = near.assign(lon=at["lon"].to_numpy() + 0.001, lat=at["lat"].to_numpy())
    got = read_curves(written(tmp_path, near), places, "evi")
    assert set(got["site_id"]) == set(places["site_id"])
    # The overlapping composites at the end of a year: at most one row a site and year is the same day again.
    assert 0.99 < len(got) / raw[["EVI", "SummaryQA"]].notna().all(axis=1).sum() <= 1
    dated = dates_of_curves(got, index="evi", min_observations=8, min_amplitude=0.1)
    assert (dated.yearly.groupby("site_id").size() >= 10).all()
