"""Search intervals of every rule, by the calendar."""

import logging
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from greenup.config.seasons import CalendarSeasons, EviSeasons, QuarterSeasons, RandomSeasons, WindowSeasons
from greenup.errors import UserError
from greenup.phenology.fill import DATES
from greenup.phenology.seasons import place_seasons
from greenup.schemas import INTERVALS
from hypothesis import given
from hypothesis import strategies as st

SITES = pd.DataFrame({"site_id": ["north", "south"], "lon": [8.0, 150.0], "lat": [47.0, -33.0]})
EVI, CALENDAR = EviSeasons(rule="evi"), CalendarSeasons(rule="calendar")


def phenology(*rows):
    table = pd.DataFrame(list(rows), columns=["site_id", *DATES])
    return table.assign(years=3, origin=np.where(table["greenup"].isna(), "none", "observed"))


DATED = phenology(("north", 100, 150, 250, 300), ("south", 260, 310, 45, 120.5))


def place(rule, years=(2019, 2021), dates=None, seed=1, sites=SITES):
    table = place_seasons(sites, dates, rule, years=years, seed=seed)
    INTERVALS.check(table, "test")
    return table


def days_of(table, site, season):
    part = table[(table["site_id"] == site) & (table["season"] == season)]
    return [tuple(str(d.date()) for d in row) for row in part[["first", "middle", "last"]].itertuples(index=False)]


class TestEvi:
    def test_four_seasons_between_four_dates(self):
        table = place(EVI, dates=DATED)
        assert days_of(table, "north", "spring")[0] == ("2019-04-10", "2019-05-05", "2019-05-30")
        assert days_of(table, "north", "summer")[0] == ("2019-05-30", "2019-07-19", "2019-09-07")
        assert days_of(table, "north", "autumn")[0] == ("2019-09-07", "2019-10-02", "2019-10-27")

    def test_winter_wraps_and_is_cut_to_the_years(self):
        table = place(EVI, dates=DATED)
        winters = table[(table["site_id"] == "north") & (table["season"] == "winter")]
        assert winters["year"].tolist() == [2018, 2019, 2020, 2021]
        # In 2020, a leap year, day 300 is 26 October and day 100 is 9 April.
        assert days_of(table, "north", "winter") == [
            ("2019-01-01", "2019-01-17", "2019-04-10"),
            ("2019-10-27", "2020-01-17", "2020-04-09"),
            ("2020-10-26", "2021-01-17", "2021-04-10"),
            ("2021-10-27", "2021-12-31", "2021-12-31"),
        ]

    def test_southern_summer_crosses_new_year(self):
        table = place(EVI, dates=DATED)
        assert days_of(table, "south", "spring")[0] == ("2019-09-17", "2019-10-12", "2019-11-06")
        assert days_of(table, "south", "summer")[:2] == [
            ("2019-01-01", "2019-01-01", "2019-02-14"),
            ("2019-11-06", "2019-12-26", "2020-02-14"),
        ]

    def test_sites_without_dates_have_no_rows(self):
        table = place(EVI, dates=phenology(("north", 100, 150, 250, 300), ("south", *[np.nan] * 4)))
        assert set(table["site_id"]) == {"north"}
        assert place(EVI, dates=phenology(("north", *[np.nan] * 4), ("south", *[np.nan] * 4))).empty

    def test_dates_are_needed(self):
        with pytest.raises(UserError, match=r"'evi': there are no dates"):
            place(EVI)
        with pytest.raises(UserError, match=r"site south has no row"):
            place(EVI, dates=DATED.head(1))

    @given(st.sets(st.integers(1, 365), min_size=4, max_size=4), st.integers(0, 3), st.integers(2000, 2020))
    def test_seasons_tile_the_time(self, dates, turn, year):
        """Any four days in order: every day of the years lies in a season, none longer than a year, keys unique."""
        dates = np.roll(sorted(dates), turn)
        table = place(EVI, (year, year + 4), phenology(("north", *dates)), sites=SITES.head(1))
        assert not table.duplicated(["season", "year"]).any()
        assert (table["first"] <= table["middle"]).all()
        assert (table["middle"] <= table["last"]).all()
        assert table["first"].min() == pd.Timestamp(year, 1, 1)
        assert table["last"].max() == pd.Timestamp(year + 4, 12, 31)
        assert ((table["last"] - table["first"]).dt.days <= 366).all()
        days = pd.Series(0, index=pd.date_range(table["first"].min(), table["last"].max()))
        for row in table.itertuples():
            days[row.first : row.last] += 1
        assert (days >= 1).all()
        # Seasons share the days on which they meet, and no others.
        inner = table[(table["first"].dt.year > year) & (table["last"].dt.year < year + 4)]
        for row in inner.itertuples():
            assert (days[row.first : row.last].iloc[1:-1] == 1).all() or (row.last - row.first).days < 2

    @given(st.floats(1, 366), st.lists(st.floats(10, 100), min_size=4, max_size=4), st.integers(2000, 2020))
    def test_intervals_end_where_the_next_begins(self, start, steps, year):
        steps = np.array(steps) / sum(steps) * 365.25
        dates = (start + np.concatenate([[0], np.cumsum(steps)[:3]]) - 0.5) % 365.25 + 0.5
        table = place(EVI, (year, year + 3), phenology(("north", *dates)), sites=SITES.head(1))
        ordered = table.sort_values(["first", "last"], ignore_index=True)
        assert (ordered["first"].iloc[1:].to_numpy() == ordered["last"].iloc[:-1].to_numpy()).all()
        names = ["spring", "summer", "autumn", "winter"]
        at = [names.index(s) for s in ordered["season"]]
        assert all((b - a) % 4 == 1 for a, b in pairwise(at))


class TestCalendar:
    def test_windows_around_solstices_and_equinoxes(self):
        table = place(CALENDAR)
        assert days_of(table, "north", "spring")[1] == ("2020-02-19", "2020-03-20", "2020-04-19")
        assert days_of(table, "north", "winter") == [
            ("2019-01-01", "2019-01-01", "2019-01-20"),
            ("2019-11-21", "2019-12-21", "2020-01-20"),
            ("2020-11-21", "2020-12-21", "2021-01-20"),
            ("2021-11-21", "2021-12-21", "2021-12-31"),
        ]
        assert days_of(table, "south", "spring") == days_of(table, "north", "spring"), "as published"

    def test_southern_names(self):
        table = place(CalendarSeasons(rule="calendar", swap_south=True))
        assert days_of(table, "south", "summer") == days_of(table, "north", "winter")
        assert days_of(table, "south", "spring") == days_of(table, "north", "autumn")

    @given(st.integers(0, 400), st.dates(date(2001, 1, 1), date(2001, 12, 31)))
    def test_keys_are_unique_for_windows_of_any_width(self, width, middle):
        rule = CalendarSeasons(rule="calendar", days=width, spring=middle.strftime("%m-%d"))
        table = place(rule, (2019, 2024), sites=SITES.head(1))
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

    def test_one_hemisphere_alone(self):
        assert len(place(WindowSeasons(rule="window", name="peak"), (2020, 2022), sites=SITES.head(1))) == 3


MANY = pd.DataFrame({"site_id": [f"s{i}" for i in range(800)], "lon": 0.0, "lat": 0.0})


class TestShifted:
    def test_quarters_are_those_of_the_released_downloader(self):
        """Reference dates 2020-12-21, 2021-03-20, 06-21 and 09-22, moved back together by 0 to 364 days."""
        table = place(QuarterSeasons(rule="quarters"), (2019, 2021), sites=MANY)
        middles = table.pivot_table(index="site_id", columns="season", values="middle", aggfunc="first")
        reference = pd.to_datetime(["2020-12-21", "2021-03-20", "2021-06-21", "2021-09-22"])
        shift = np.stack([(d - middles[q]).dt.days for q, d in zip(["q1", "q2", "q3", "q4"], reference, strict=True)])
        assert (shift == shift[0]).all()
        assert shift.min() >= 0
        assert shift.max() <= 364
        assert np.bincount(shift[0] // 91.25 == 0).tolist()[1] == pytest.approx(200, abs=50), "uniform over the year"
        assert ((table["last"] - table["first"]).dt.days == 30).all()

    def test_five_dates_of_seco(self):
        table = place(RandomSeasons(rule="random"), (2018, 2020), sites=MANY)
        part = table[table["site_id"] == "s5"]
        assert part["season"].tolist() == ["d1", "d2", "d3", "d4", "d5"]
        assert part["middle"].diff().dt.days.dropna().tolist() == [84] * 4
        assert (part["last"] - part["first"]).dt.days.tolist() == [14] * 5
        assert table["middle"].max() <= pd.Timestamp(2020, 12, 1)

    def test_the_phase_is_the_sites_own(self):
        """Whatever other sites there are, and another for another seed."""
        rule = QuarterSeasons(rule="quarters")
        whole = place(rule, sites=MANY).set_index("site_id")
        part = place(rule, sites=MANY.iloc[[700, 3]]).set_index("site_id")
        assert part.loc["s700", "middle"].tolist() == whole.loc["s700", "middle"].tolist()
        other = place(rule, sites=MANY, seed=2).set_index("site_id")
        assert (other["middle"].to_numpy() != whole["middle"].to_numpy()).mean() > 0.9

    def test_windows_outside_the_years(self, caplog):
        with caplog.at_level(logging.WARNING):
            table = place(QuarterSeasons(rule="quarters"), (2021, 2021), sites=MANY)
        assert "windows lie outside scenes.years [2021, 2021]" in caplog.text
        assert 0 < len(table) < 4 * len(MANY)
        with pytest.raises(UserError, match=r"lie outside scenes.years \[2023, 2024\]\n  mend: mend scenes.years"):
            place(QuarterSeasons(rule="quarters"), (2023, 2024), sites=MANY)
