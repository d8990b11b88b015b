"""Sites, days and images counted from the configuration, against what the stages themselves make."""

import numpy as np
import pandas as pd
import pytest
from greenup.config import Study, resolve
from greenup.config.seasons import (
    CalendarSeasons,
    CustomSeasons,
    EviSeasons,
    QuarterSeasons,
    RandomSeasons,
    WindowSeasons,
)
from greenup.config.sites import GridSites
from greenup.costs.amount import Amount
from greenup.costs.counts import DAYS_A_YEAR, image_count, native_values, searched, site_count
from greenup.errors import UserError
from greenup.phenology.seasons import place_seasons
from greenup.sites.grid import sample_grid
from greenup.sites.sources import SiteData
from hypothesis import given
from hypothesis import strategies as st

YEARS = (2018, 2021)


def study_of(**sites) -> Study:
    return resolve({"study": "s", "datasets": {"d": {"sites": sites}}})


class TestSites:
    def test_a_grid_has_the_cells_that_are_sampled(self):
        region = (-10.0, 35.0, 30.0, 60.0)
        study = study_of(sampler="grid", spacing_km=100, region=list(region))
        sampled = sample_grid("d", GridSites(sampler="grid", spacing_km=100, region=region), SiteData(), seed=1)
        count, note = site_count(study, "d", SiteData())
        assert count == len(sampled)
        assert "packaged" in note

    def test_a_file_of_land_that_is_not_fetched_is_done_without(self, tmp_path):
        study = study_of(sampler="grid", spacing_km=200)
        assert site_count(study, "d", SiteData(land=tmp_path / "no.gpkg")) == site_count(study, "d", SiteData())

    def test_limit(self):
        assert site_count(study_of(sampler="grid", limit=7), "d", SiteData()) == (7, "")

    @pytest.mark.parametrize(
        ("sites", "count", "at_most"),
        [
            ({"sampler": "uniform", "count": 12}, 12, False),
            ({"sampler": "uniform", "count": 12, "min_distance_km": 5}, 12, True),
            ({"sampler": "cities", "count": 30}, 30, False),
            ({"sampler": "ecoregion", "count": 40}, 40, True),
        ],
    )
    def test_configured(self, sites, count, at_most):
        found, note = site_count(study_of(**sites), "d", SiteData())
        assert (found, note.startswith("at most")) == (count, at_most)

    def test_points_are_counted_in_their_file(self, tmp_path):
        path = tmp_path / "points.csv"
        path.write_text("lon,lat\n1,2\n3,4\n5,6\n")
        assert site_count(study_of(sampler="points", file=str(path)), "d", SiteData())[0] == 3
        with pytest.raises(UserError, match="no such file"):
            site_count(study_of(sampler="points", file=str(tmp_path / "no.csv")), "d", SiteData())

    def test_sites_of_another_dataset(self):
        written = {
            "a": {"sites": {"sampler": "uniform", "count": 9}},
            "b": {"sites": {"sampler": "dataset", "dataset": "a"}},
        }
        assert site_count(resolve({"study": "s", "datasets": written}), "b", SiteData())[0] == 9


RULES = [
    CalendarSeasons(rule="calendar", days=10),
    CalendarSeasons(rule="calendar", days=30, year=2020),
    CalendarSeasons(rule="calendar", days=30, year=2020, fallback=True),
    WindowSeasons(rule="window", days=30),
    QuarterSeasons(rule="quarters", days=15),
    RandomSeasons(rule="random", count=5, spacing_days=84, days=7),
    CustomSeasons(rule="custom", windows={"dry": ("05-01", "09-30")}),
    CustomSeasons(rule="custom", windows={"wet": ("11-01", "02-28"), "dry": ("05-01", "05-10")}),
]


class TestSearched:
    @pytest.mark.parametrize("rule", RULES, ids=lambda r: str(r.rule))
    def test_as_the_stage_places_them(self, rule):
        """Seasons exactly; days but for windows cut at the ends of the years."""
        rng = np.random.default_rng(1)
        sites = pd.DataFrame(
            {
                "site_id": [f"s{i}" for i in range(40)],
                "lon": rng.uniform(-180, 180, 40),
                "lat": rng.uniform(-60, 60, 40),
            }
        )
        table = place_seasons(sites, None, rule, years=YEARS, seed=1)
        found = searched(rule, YEARS, len(sites))
        assert found.seasons == table["season"].nunique()
        days = ((table["last"] - table["first"]).dt.days + 1).sum() / len(sites)
        assert days <= found.days <= days + 2 * 62
        assert found.days <= found.days_together <= 4 * DAYS_A_YEAR

    def test_the_seasons_of_plants_are_the_whole_year(self):
        found = searched(EviSeasons(rule="evi"), YEARS, 1)
        assert (found.seasons, found.years, found.spans) == (4, 4, 1)

    def test_a_table_of_windows(self, tmp_path):
        path = tmp_path / "windows.csv"
        rows = ["site_id,season,first,last", "a,dry,2018-05-01,2018-05-10", "a,dry,2019-05-01,2019-05-10"]
        path.write_text("\n".join([*rows, "b,dry,2018-06-01,2018-06-20", "b,wet,2018-12-01,2018-12-20"]) + "\n")
        found = searched(CustomSeasons(rule="custom", file=str(path)), YEARS, 2)
        assert (found.seasons, found.days) == (1.5, 30)

    @pytest.mark.parametrize("text", ["", "site_id,season,first\n", "site_id,season,first,last\na,dry,May,June\n"])
    def test_a_table_that_is_none(self, tmp_path, text):
        path = tmp_path / "windows.csv"
        path.write_text(text)
        with pytest.raises(UserError, match=r"windows\.csv"):
            searched(CustomSeasons(rule="custom", file=str(path)), YEARS, 2)


class TestImages:
    @given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 1.0))
    def test_never_negative_and_never_more_than_wanted(self, sites, seasons, min_images, share):
        found = image_count(sites, seasons, min_images, Amount(share))
        assert 0 <= found.kept.value <= found.found.value * (1 + 1e-9) <= found.wanted.value * (1 + 2e-9)
        assert 0 <= found.sites_kept.value <= sites * (1 + 1e-9)
        assert sum(a.value for a in found.sites_with) == pytest.approx(sites)
        assert sum(k * a.value for k, a in enumerate(found.sites_with)) == pytest.approx(found.found.value)

    def test_two_of_four_as_counted_by_hand(self):
        found = image_count(16, 4, 2, Amount(0.5))
        assert [a.value for a in found.sites_with] == [1, 4, 6, 4, 1]
        assert (found.wanted.value, found.found.value, found.kept.value) == (64, 32, 28)
        assert (found.sites_asked.value, found.sites_kept.value) == (15, 11)

    def test_all_found(self):
        found = image_count(10, 4, 4, Amount(1.0))
        assert found.kept.value == found.wanted.value == 40

    def test_native_values(self):
        study = resolve({"study": "s", "datasets": {"ssl4eco": None}})
        assert native_values(study.datasets["ssl4eco"].patches) == 4 * 264**2 + (6 + 1) * 132**2 + 2 * 44**2
