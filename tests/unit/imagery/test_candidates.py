"""Search intervals and the tables of a search."""

from itertools import pairwise

import pandas as pd
import pytest
from greenup.imagery.candidates import candidates_table, curves_table, merge_spans, spans
from greenup.schemas import CURVES
from hypothesis import given
from hypothesis import strategies as st

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2020-01-01", tz="UTC")


@given(
    some=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), max_size=12),
    gap=st.integers(0, 5),
)
def test_merged_spans_hold_the_same_days_and_lie_apart(some, gap):
    given_spans = [(START + a * DAY, START + (a + n) * DAY) for a, n in some]
    merged = merge_spans(given_spans, gap)
    wanted = {day for a, n in some for day in range(a, a + n)}
    covered = {(first - START) // DAY + i for first, after in merged for i in range((after - first) // DAY)}
    assert wanted <= covered
    if gap == 0:
        assert wanted == covered
    # What was added lies in gaps no longer than allowed.
    assert all(any(d - k in wanted for k in range(1, gap + 1)) for d in covered - wanted)
    assert all(later[0] - earlier[1] > gap * DAY for earlier, later in pairwise(merged))


def test_the_last_day_of_an_interval_is_included():
    table = pd.DataFrame(
        [
            ("a", "spring", 2020, "2020-04-01", "2020-04-15", "2020-04-30"),
            ("b", "spring", 2020, "2020-05-01", "2020-05-01", "2020-05-01"),
        ],
        columns=["site_id", "season", "year", "first", "middle", "last"],
    ).astype({c: "datetime64[us]" for c in ("first", "middle", "last")})
    assert spans(table) == {
        "a": [("spring", (pd.Timestamp("2020-04-01", tz="UTC"), pd.Timestamp("2020-05-01", tz="UTC")))],
        "b": [("spring", (pd.Timestamp("2020-05-01", tz="UTC"), pd.Timestamp("2020-05-02", tz="UTC")))],
    }


def test_of_one_moment_clear_goes_before_snow_and_snow_before_cloud():
    other = START + DAY
    rows = [
        ("a", other, 0.1, False, False),
        ("a", other, 0.0, False, True),
        ("a", START, 0.1, False, True),
        ("a", START, 0.5, True, False),
    ]
    table = curves_table(rows)
    assert table.to_numpy().tolist() == [["a", START, 0.5, True, False], ["a", other, 0.0, False, True]]
    CURVES.check(table, "curves")


@pytest.mark.parametrize("make", [candidates_table, curves_table])
def test_empty_tables_keep_their_types(make):
    table = make([])
    assert table.empty
    assert str(table["time"].dtype) == "datetime64[us, UTC]"


def test_an_unknown_cloud_cover_is_no_number():
    table = candidates_table([("a", "s", "x", START, None, "tile"), ("a", "s", "y", START, 3, "tile")])
    assert table.cloud.isna().tolist() == [True, False]
    assert table.cloud.dtype == "float64"
