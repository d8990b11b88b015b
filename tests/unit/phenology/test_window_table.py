"""The user's table of windows: what is read, and what is said of each mistake."""

import pandas as pd
import pytest
from greenup.config.seasons import CustomSeasons
from greenup.errors import UserError
from greenup.phenology.seasons import place_seasons

SITES = pd.DataFrame({"site_id": ["a", "b", "c"], "lon": [8.0, 9.0, 25.0], "lat": [47.0, 48.0, 70.0]})
GOOD = """site_id,season,first,last
b,flood,2020-05-01,2020-05-31
a,dry,2019-11-15,2020-02-10
a,flood,2020-06-01,2020-06-30
a,flood,2019-06-03,2019-06-20
elsewhere,flood,2020-06-01,2020-06-30
"""


def place(path, text, years=(2019, 2021)):
    path = path / "windows.csv"
    path.write_text(text)
    return place_seasons(SITES, None, CustomSeasons(rule="custom", file=str(path)), years=years, seed=1)


def test_rows_are_intervals(tmp_path, caplog):
    caplog.set_level("INFO")
    table = place(tmp_path, GOOD)
    # In the order of the sites, then of the seasons in the file, then of time.
    rows = table[["site_id", "season", "year", "first", "middle", "last", "choice"]].astype(str).to_numpy().tolist()
    assert rows == [
        ["a", "flood", "2019", "2019-06-03", "2019-06-11", "2019-06-20", "0"],
        ["a", "flood", "2020", "2020-06-01", "2020-06-15", "2020-06-30", "0"],
        ["a", "dry", "2019", "2019-11-15", "2019-12-28", "2020-02-10", "0"],
        ["b", "flood", "2020", "2020-05-01", "2020-05-16", "2020-05-31", "0"],
    ]
    assert "1 of 5 rows belong to no site of this dataset" in caplog.text


def test_cut_to_the_years_and_what_is_lost_is_told(tmp_path, caplog):
    table = place(tmp_path, GOOD, (2020, 2020))
    assert table["first"].dt.strftime("%Y-%m-%d").tolist() == ["2020-06-01", "2020-01-01", "2020-05-01"]
    assert "1 of 4 windows lie outside scenes.years [2020, 2020]" in caplog.text


def test_polar_night_of_a_window(tmp_path):
    table = place(tmp_path, "site_id,season,first,last\nc,deep,2020-12-15,2020-12-24\nc,light,2020-06-01,2020-06-10\n")
    assert table["dark_days"].tolist() == [10, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("site_id,season,first\na,x,2020-01-01\n", "column 'last' is missing; the file has: site_id, season, first"),
        ("site_id,season,first,last\n", "the file has no rows"),
        ("", "cannot be read as CSV"),
        (GOOD + "a,,2021-01-01,2021-01-02\n", "line 7, column 'season': no value"),
        (GOOD + "\n\n", "line 7, column 'site_id': no value"),
        (GOOD + "a,x,01/02/2021,2021-03-02\n", "line 7, column 'first': '01/02/2021' is not a date"),
        (GOOD + "a,x,2021-02-01,2021-02-30\n", "line 7, column 'last': '2021-02-30' is not a date"),
        (
            GOOD + "a,x,2021-02-05,2021-02-01\n",
            "line 7, column 'last': 2021-02-01 lies before the first day, 2021-02-05",
        ),
        (
            GOOD + "a,flood,2019-06-20,2019-06-25\n",
            "line 7, column 'first': 2019-06-20 overlaps the window in line 5 (site a, season flood)",
        ),
        (
            GOOD + "a,flood,2019-09-20,2019-09-25\n",
            "line 7, column 'first': 2019-09-20 begins in the year of the window in line 5 (site a, season flood)",
        ),
        (
            "site_id,season,first,last\nz,x,2020-01-01,2020-02-01\n",
            "none of its rows belongs to a site of this dataset\n  mend: column 'site_id' has e.g. 'z'; the sites are "
            "named like 'a'",
        ),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(UserError) as error:
        place(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "windows.csv"))
    assert error.value.mend


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv: no such file"):
        place_seasons(
            SITES, None, CustomSeasons(rule="custom", file=str(tmp_path / "nowhere.csv")), years=(2019, 2021), seed=1
        )
