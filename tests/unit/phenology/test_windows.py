"""Windows by the calendar: years, leap years, New Year, hemispheres."""

from datetime import date

import numpy as np
import pandas as pd
from greenup.config.seasons import CalendarSeasons, CustomSeasons, WindowSeasons
from greenup.phenology.seasons import place_seasons
from greenup.schemas import SEASONS
from hypothesis import given
from hypothesis import strategies as st

SITES = pd.DataFrame({"site_id": ["north", "south"], "lon": [8.0, 150.0], "lat": [47.0, -33.0]})
NORTH = SITES.head(1)


def place(rule, years=(2019, 2021), sites=SITES):
    return place_seasons(sites, None, rule, years=years, seed=1)


def days_of(table, site, season):
    part = table[(table["site_id"] == site) & (table["season"] == season)]
    return [tuple(str(d.date()) for d in row) for row in part[["first", "middle", "last"]].itertuples(index=False)]


def calendar(**keys):
    return CalendarSeasons(rule="calendar", **keys)


class TestCalendar:
    def test_windows_around_solstices_and_equinoxes(self):
        table = place(calendar())
        assert days_of(table, "north", "spring")[1] == ("2020-02-19", "2020-03-20", "2020-04-19")
        assert days_of(table, "north", "winter") == [
            ("2019-01-01", "2019-01-01", "2019-01-20"),
            ("2019-11-21", "2019-12-21", "2020-01-20"),
            ("2020-11-21", "2020-12-21", "2021-01-20"),
            ("2021-11-21", "2021-12-21", "2021-12-31"),
        ]
        assert days_of(table, "south", "spring") == days_of(table, "north", "spring"), "as published"
        assert (table["choice"] == 0).all()

    def test_southern_names(self):
        table = place(calendar(swap_south=True))
        assert days_of(table, "south", "summer") == days_of(table, "north", "winter")
        assert days_of(table, "south", "spring") == days_of(table, "north", "autumn")

    def test_the_documented_windows_of_one_year(self):
        """SSL4EO-S12's: 2020-12-21, 2021-03-20, 2021-06-21, 2021-09-22, 30 days to either side."""
        table = place(calendar(year=2021), sites=NORTH)
        assert table["middle"].dt.strftime("%Y-%m-%d").tolist() == [
            "2021-03-20", "2021-06-21", "2021-09-22", "2020-12-21"
        ]  # fmt: skip
        assert table["season"].tolist() == list(SEASONS)
        assert ((table["last"] - table["first"]).dt.days == 60).all()

    def test_the_year_before_to_fall_back_on(self):
        table = place(calendar(year=2021, fallback=True), sites=NORTH)
        assert len(table) == 8
        first, second = (table[table["choice"] == c].set_index("season")["middle"] for c in (0, 1))
        for season in SEASONS:
            assert second[season] == first[season] - pd.DateOffset(years=1)
        assert not table.duplicated(["site_id", "season", "year"]).any()

    def test_a_winter_in_the_new_year_belongs_to_it(self):
        table = place(calendar(year=2021, winter="01-15"), sites=NORTH)
        assert days_of(table, "north", "winter") == [("2020-12-16", "2021-01-15", "2021-02-14")]

    def test_what_lies_outside_the_years_is_told(self, caplog):
        table = place(calendar(year=2019, fallback=True), sites=NORTH)
        # Of winter 2018-12-21 twenty days reach into 2019; all windows a year earlier lie outside.
        assert table["choice"].tolist() == [0] * 4
        assert "4 of 8 windows lie outside scenes.years [2019, 2021]" in caplog.text

    @given(st.integers(0, 400), st.dates(date(2001, 1, 1), date(2001, 12, 31)))
    def test_keys_are_unique_for_windows_of_any_width(self, width, middle):
        rule = calendar(days=width, spring=middle.strftime("%m-%d"))
        table = place(rule, (2019, 2024), sites=NORTH)
        assert not table.duplicated(["site_id", "season", "year"]).any()
        spring = table[table["season"] == "spring"]
        whole = spring[(spring["first"] > "2019-01-01") & (spring["last"] < "2024-12-31")]
        assert ((whole["last"] - whole["first"]).dt.days == 2 * width).all()


class TestWindow:
    def test_middle_by_hemisphere(self):
        table = place(WindowSeasons(rule="window"), (2020, 2020))
        assert days_of(table, "north", "summer") == [("2020-06-15", "2020-07-15", "2020-08-14")]
        assert days_of(table, "south", "summer") == [
            ("2020-01-01", "2020-01-15", "2020-02-14"),
            ("2020-12-16", "2020-12-31", "2020-12-31"),
        ]
        assert table["site_id"].drop_duplicates().tolist() == ["north", "south"]

    def test_the_equator_is_north(self):
        table = place(WindowSeasons(rule="window"), (2020, 2020), SITES.head(1).assign(lat=0.0))
        assert days_of(table, "north", "summer") == [("2020-06-15", "2020-07-15", "2020-08-14")]

    def test_one_hemisphere_alone(self):
        assert len(place(WindowSeasons(rule="window", name="peak"), (2020, 2022), sites=NORTH)) == 3


def custom(windows, **keys):
    return CustomSeasons(rule="custom", windows=windows, **keys)


class TestCustom:
    def test_every_year(self):
        table = place(custom({"dry": ("05-01", "09-30"), "wet": ("11-01", "11-30")}), (2019, 2020), NORTH)
        assert table["season"].tolist() == ["dry", "dry", "wet", "wet"]
        assert days_of(table, "north", "dry") == [
            ("2019-05-01", "2019-07-16", "2019-09-30"),
            ("2020-05-01", "2020-07-16", "2020-09-30"),
        ]

    def test_over_new_year_and_29_february(self):
        table = place(custom({"wet": ("12-15", "03-01")}), (2019, 2021), NORTH)
        assert days_of(table, "north", "wet") == [
            ("2019-01-01", "2019-01-22", "2019-03-01"),
            ("2019-12-15", "2020-01-22", "2020-03-01"),
            ("2020-12-15", "2021-01-22", "2021-03-01"),
            ("2021-12-15", "2021-12-31", "2021-12-31"),
        ]
        assert table["year"].tolist() == [2018, 2019, 2020, 2021]

    def test_south_half_a_year_later(self):
        table = place(custom({"dry": ("05-01", "08-31"), "wet": ("12-01", "12-31")}, shift_south=True), (2019, 2020))
        assert days_of(table, "north", "dry")[0][::2] == ("2019-05-01", "2019-08-31")
        # 31 February is its last day; over New Year where north is not.
        assert [d[::2] for d in days_of(table, "south", "dry")] == [
            ("2019-01-01", "2019-02-28"), ("2019-11-01", "2020-02-28"), ("2020-11-01", "2020-12-31")
        ]  # fmt: skip
        assert [d[::2] for d in days_of(table, "south", "wet")] == [
            ("2019-06-01", "2019-06-30"), ("2020-06-01", "2020-06-30")
        ]  # fmt: skip

    def test_one_day(self):
        assert days_of(place(custom({"day": ("07-15", "07-15")}), (2020, 2020), NORTH), "north", "day") == [
            ("2020-07-15", "2020-07-15", "2020-07-15")
        ]

    @given(st.dates(date(2001, 1, 1), date(2001, 12, 31)), st.dates(date(2001, 1, 1), date(2001, 12, 31)))
    def test_days_searched_are_those_of_the_window(self, begin, end):
        """Every day of three years lies in an interval just where its month and day lie in the window."""
        window = tuple(d.strftime("%m-%d") for d in (begin, end))
        table = place(custom({"w": window}), (2019, 2021), NORTH)
        inside = np.zeros(3 * 365 + 1, dtype=int)
        origin = pd.Timestamp(2019, 1, 1)
        for row in table.itertuples():
            inside[(row.first - origin).days : (row.last - origin).days + 1] += 1
        days = pd.date_range("2019-01-01", "2021-12-31").strftime("%m-%d")
        first, last = window
        expected = [first <= d <= last if first <= last else d >= first or d <= last for d in days]
        assert inside.tolist() == [int(e) for e in expected]
