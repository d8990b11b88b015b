"""Search intervals of the rules evi, quarters and random, by the calendar; the others have files of their own."""

import logging
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from greenup.config.seasons import CalendarSeasons, EviSeasons, QuarterSeasons, RandomSeasons
from greenup.errors import UserError
from greenup.files import read_table, write_table
from greenup.phenology.doy import date_in_year, day_of_year, days_in_year
from greenup.phenology.fill import DATES
from greenup.phenology.seasons import place_seasons
from greenup.schemas import INTERVALS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

SITES = pd.DataFrame({"site_id": ["north", "south"], "lon": [8.0, 150.0], "lat": [47.0, -33.0]})
EVI, QUARTERS = EviSeasons(rule="evi"), QuarterSeasons(rule="quarters")


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

    @given(st.floats(1, 366), st.lists(st.floats(1, 200), min_size=4, max_size=4), st.integers(2000, 2020))
    def test_every_season_lies_inside_its_cycle(self, start, steps, year):
        """From one greenup to the next, leap years and New Year included, the four follow one another without gap."""
        steps = np.array(steps) / sum(steps) * 365.25
        dates = (start + np.concatenate([[0], np.cumsum(steps)[:3]]) - 0.5) % 365.25 + 0.5
        table = place(EVI, (year, year + 6), phenology(("north", *dates)), sites=SITES.head(1))
        whole = table[(table["first"] > f"{year}-01-01") & (table["last"] < f"{year + 6}-12-31")]
        springs = whole[whole["season"] == "spring"].sort_values("first")["first"].tolist()
        assert len(springs) >= 5
        for greenup, following in pairwise(springs):
            assert 364 <= (following - greenup).days <= 367
            cycle = whole[(whole["first"] >= greenup) & (whole["last"] <= following)].sort_values(["first", "last"])
            if len(cycle) != 4:
                # Two dates on one day leave a season of that day alone, at the border of two cycles.
                assert (np.diff([*dates, dates[0]]) % 365.25 < 1.5).any()
                continue
            assert cycle["season"].tolist() == ["spring", "summer", "autumn", "winter"]
            assert cycle["first"].tolist() == [greenup, *cycle["last"].tolist()[:3]]
            assert cycle["last"].iloc[-1] == following

    @given(st.integers(1999, 2030), st.integers(1, 366))
    def test_days_of_the_year_come_back(self, year, doy):
        """From day of year to date and back; day 366 of a common year is its 31 December."""
        date = date_in_year(year, doy)
        back = day_of_year(date.astype("datetime64[D]").astype(np.int64))
        assert back == min(doy, days_in_year(year))
        assert date.astype("datetime64[Y]").astype(int) + 1970 == year


MANY = pd.DataFrame({"site_id": [f"s{i}" for i in range(800)], "lon": 0.0, "lat": 0.0})


class TestTables:
    def test_texts_are_categories_that_files_spell_out(self, tmp_path):
        table = place(QUARTERS, sites=MANY)
        assert table[["site_id", "season"]].dtypes.map(str).tolist() == ["category", "category"]
        write_table(tmp_path / "s.parquet", table, INTERVALS, simulated=False, attribution="none")
        back = read_table(tmp_path / "s.parquet", INTERVALS)
        assert back.dtypes.map(str).tolist() == ["string"] * 2 + ["Int64"] + ["datetime64[us]"] * 3 + ["Int64"] * 2
        pd.testing.assert_frame_equal(back, table.astype({"site_id": "string", "season": "string"}))

    def test_polar_night_is_counted(self):
        """At 70 N the sun does not rise from about 25 November to 17 January: 54 days of each winter."""
        arctic = pd.DataFrame({"site_id": ["arctic", "tropic"], "lon": 20.0, "lat": [70.0, 10.0]})
        table = place(CalendarSeasons(rule="calendar", days=45), sites=arctic).set_index(["site_id", "season", "year"])
        assert table["dark_days"]["arctic", "winter", 2019] == pytest.approx(53, abs=2)
        assert table["dark_days"]["arctic", "summer"].tolist() == [0, 0, 0]
        assert (table["dark_days"]["tropic"] == 0).all()
        # Cut at New Year, with the days before it.
        assert table["dark_days"]["arctic", "winter", 2018] == pytest.approx(16, abs=1)


class TestShifted:
    def test_quarters_are_those_of_the_released_downloader(self):
        """Reference dates 2020-12-21, 2021-03-20, 06-21 and 09-22, moved back together by 0 to 364 days."""
        table = place(QUARTERS, (2019, 2021), sites=MANY)
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
        rule = QUARTERS
        whole = place(rule, sites=MANY).set_index("site_id")
        part = place(rule, sites=MANY.iloc[[700, 3]]).set_index("site_id")
        assert part.loc["s700", "middle"].tolist() == whole.loc["s700", "middle"].tolist()
        other = place(rule, sites=MANY, seed=2).set_index("site_id")
        assert (other["middle"].to_numpy() != whole["middle"].to_numpy()).mean() > 0.9

    def test_phases_are_uniform_over_the_year(self):
        """Chi-square over all 365 shifts, at its 99.9 % quantile."""
        many = pd.DataFrame({"site_id": [f"{i}U_{7 * i}R" for i in range(40_000)], "lon": 0.0, "lat": 0.0})
        table = place(RandomSeasons(rule="random", count=1, days=0), (2019, 2020), sites=many)
        counts = np.bincount((pd.Timestamp(2020, 12, 1) - table["middle"]).dt.days, minlength=365)
        assert len(counts) == 365
        expected = len(many) / 365
        assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.999, 364)

    @settings(max_examples=25)
    @given(st.lists(st.integers(1, 799), min_size=1, max_size=3))
    def test_the_same_whatever_the_sharding(self, cuts):
        edges = [0, *sorted(set(cuts)), 800]
        parts = [place(QUARTERS, sites=MANY.iloc[a:b]).astype({"site_id": "string"}) for a, b in pairwise(edges)]
        whole = place(QUARTERS, sites=MANY).astype({"site_id": "string"})
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)

    def test_windows_outside_the_years(self, caplog):
        with caplog.at_level(logging.WARNING):
            table = place(QUARTERS, (2021, 2021), sites=MANY)
        assert "windows lie outside scenes.years [2021, 2021]" in caplog.text
        assert 0 < len(table) < 4 * len(MANY)
        with pytest.raises(UserError, match=r"lie outside scenes.years \[2023, 2024\]\n  mend: mend scenes.years"):
            place(QUARTERS, (2023, 2024), sites=MANY)
