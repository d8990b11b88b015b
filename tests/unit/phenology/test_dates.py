"""The stage as its rule calls it, from every source that needs no network."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import MiniatureImagery
from greenup.config.phenology import ImagesPhenology, MiniaturePhenology, TablePhenology
from greenup.phenology import dates
from greenup.phenology.dates import CURVE_SITES, date_phenology, dates_of_curves, yearly_medians
from greenup.phenology.fill import DATES
from greenup.schemas import CURVES, PHENOLOGY

N = 60
SITES = pd.DataFrame(
    {"site_id": [f"s{i:02d}" for i in range(N)], "lon": np.linspace(-20, 60, N), "lat": np.linspace(60, -40, N)}
)
YEARS = (2019, 2021)


def to_days(year, doy):
    return (pd.Timestamp(year, 1, 1) - pd.Timestamp(0)).days + doy - 1


class Source:
    """Greens up on a day that follows latitude; the northernmost ten are evergreen."""

    simulated = True
    attribution = "Invented."

    def __init__(self):
        self.asked = []

    def onsets(self, sites):
        return np.where(sites["lat"] > 45, np.nan, 100 + sites["lat"])

    def phenology(self, sites, years):
        rows = [
            (s, y, *(to_days(y, on + d) for d in (0, 30, 130, 170)))
            for s, on in zip(sites["site_id"], self.onsets(sites), strict=True)
            for y in range(years[0], years[1] + 1)
        ]
        return pd.DataFrame(rows, columns=["site_id", "year", *DATES])

    def curves(self, sites, years):
        self.asked.append(sites["site_id"].tolist())
        days = np.arange(to_days(years[0], 1), to_days(years[1] + 1, 1), 8)
        parts = []
        for s, on in zip(sites["site_id"], self.onsets(sites), strict=True):
            phase = (days - on) % 365.25
            # Logistic rise over 30 and fall over 40 days of the 15 and 90 % crossings.
            up, down = np.log(0.9 / 0.1 * 0.85 / 0.15) / 30, np.log(0.9 / 0.1 * 0.85 / 0.15) / 40
            start = np.log(0.85 / 0.15) / up
            end = 170 - np.log(0.85 / 0.15) / down
            phase = np.where(phase > 270, phase - 365.25, phase)
            evi = 0.1 + 0.4 / (1 + np.exp(-up * (phase - start))) / (1 + np.exp(down * (phase - end)))
            evi = np.full(len(days), 0.4) if np.isnan(on) else evi
            cloudy = np.arange(len(days)) % 7 == 3
            parts.append(
                pd.DataFrame(
                    {
                        "site_id": s,
                        "time": pd.to_datetime(days, unit="D", utc=True),
                        "evi": np.where(cloudy, -0.2, evi),
                        "clear": ~cloudy,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


@pytest.fixture
def source(monkeypatch):
    one = Source()
    monkeypatch.setattr(dates, "open_source", lambda imagery: one)
    return one


MINIATURE = MiniatureImagery(source="miniature")


def test_dates_of_the_miniature_earth(source):
    got = date_phenology(SITES, MiniaturePhenology(source="miniature"), MINIATURE, years=YEARS, seed=1)
    PHENOLOGY.check(got.dates, "test")
    assert got.simulated
    assert got.attribution == "Invented."
    assert got.dates["site_id"].tolist() == SITES["site_id"].tolist()
    observed = (SITES["lat"] <= 45).to_numpy()
    assert ((got.dates["origin"] == "observed") == observed).all()
    assert np.allclose(got.dates["greenup"][observed], np.floor(100 + SITES["lat"][observed]), atol=1)
    assert (got.dates["years"] == np.where(observed, 3, 0)).all()
    # Neighbours lie in a row: the donor of all evergreens is the last site before them.
    assert set(got.dates["donor_id"][~observed]) == {SITES["site_id"][observed].iloc[0]}


def test_curves_are_asked_for_a_few_dated_sites_of_all_latitudes(source):
    got = date_phenology(SITES, MiniaturePhenology(source="miniature"), MINIATURE, years=YEARS, seed=1)
    assert len(source.asked) == 1
    chosen = SITES.set_index("site_id").loc[source.asked[0]]
    assert len(chosen) == CURVE_SITES
    assert chosen["lat"].max() <= 45
    gaps = np.diff(np.sort(chosen["lat"]))
    assert gaps.max() < 2.1 * gaps.min()
    assert got.curves["site_id"].nunique() == CURVE_SITES


def test_dates_from_images_find_what_the_curves_were_made_of(source):
    got = date_phenology(SITES, ImagesPhenology(source="images"), MINIATURE, years=YEARS, seed=1)
    CURVES.check(got.curves, "test")
    assert source.asked == [SITES["site_id"].tolist()]
    assert got.curves["site_id"].nunique() == N, "curves that are there are kept"
    observed = (SITES["lat"] <= 45).to_numpy()
    assert ((got.dates["origin"] == "observed") == observed).all(), "evergreens are filled, not dated"
    for name, start in (("greenup", 0), ("maturity", 30), ("senescence", 130), ("dormancy", 170)):
        error = got.dates[name][observed] - (100 + SITES["lat"][observed] + start)
        assert np.abs(error).max() < 6, name


def test_a_table_needs_no_imagery(tmp_path, monkeypatch):
    monkeypatch.setattr(dates, "open_source", lambda imagery: pytest.fail("no source is to be opened"))
    table = Source().phenology(SITES, (2001, 2005)).dropna().round()
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    got = date_phenology(SITES, TablePhenology(source="table", file=str(path)), None, years=YEARS, seed=1)
    assert not got.simulated
    assert got.curves.empty
    assert got.dates["years"].max() == 5
    assert "t.csv" in got.attribution


def test_medians_cross_new_year_and_count_years():
    rows = [("a", 2001, 361, 380, 500, 600), ("a", 2002, 368, 390, np.nan, 605), ("a", 2003, 364, 385, 505, 610)]
    yearly = pd.DataFrame(rows, columns=["site_id", "year", *DATES])
    base = {2001: to_days(2001, 0), 2002: to_days(2002, 0), 2003: to_days(2003, 0)}
    yearly[list(DATES)] = yearly[list(DATES)].add(yearly["year"].map(base), axis=0)
    got = yearly_medians(pd.DataFrame({"site_id": ["b", "a"]}), yearly)
    assert got.loc[0, list(DATES)].isna().all()
    assert got.loc[0, "years"] == 0
    assert got.loc[1, "years"] == 2
    assert got.loc[1, "greenup"] == 364
    assert got.loc[1, "maturity"] == 20


def test_only_clear_observations_count():
    source = Source()
    curves = source.curves(SITES.tail(3), YEARS)
    some = dates_of_curves(curves, min_observations=15)
    assert some["site_id"].nunique() == 3
    assert dates_of_curves(curves.assign(clear=False), min_observations=15).empty
