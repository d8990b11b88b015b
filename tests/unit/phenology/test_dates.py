"""The stage as its rule calls it, from every source that needs no network."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import MiniatureImagery
from greenup.config.phenology import (
    EarthEnginePhenology,
    ImagesPhenology,
    MiniaturePhenology,
    SeriesPhenology,
    TablePhenology,
    TilesPhenology,
)
from greenup.phenology import dates
from greenup.phenology.dates import CURVE_SITES, causes_of, date_phenology, yearly_medians
from greenup.phenology.doy import difference, in_order
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

    def phenology(self, sites, years, *, threads=1):
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
                        "snow": False,
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
    assert set(got.dates["cause"][~observed]) == {"no_cycle"}
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
    assert set(got.dates["cause"][~observed]) == {"no_cycle"}
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
    assert set(got.dates["cause"].dropna()) == {"no_data"}, "the evergreens are not in the table"


def test_second_cycle_of_a_table(tmp_path):
    first = Source().phenology(SITES, (2001, 2003)).dropna().round()
    table = first.rename(columns={n: f"{n.capitalize()}_1" for n in DATES})
    table = table.assign(**{f"{n.capitalize()}_2": first[n] + 20 for n in DATES}, QA_Overall_1=0, QA_Overall_2=2)
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)

    def greenup(**how):
        block = TablePhenology(source="table", file=str(path), **how)
        got = date_phenology(SITES, block, None, years=YEARS, seed=1).dates
        return got.loc[got["origin"] == "observed", "greenup"].to_numpy(dtype=float)

    assert (greenup(cycle="second") == greenup() + 20).all()
    assert len(greenup(cycle="second", max_quality=1)) == 0


def test_series_from_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(dates, "open_source", lambda imagery: pytest.fail("no source is to be opened"))
    some = SITES.iloc[[0, 20, 40]]
    series = Source().curves(some, YEARS).rename(columns={"time": "date"})
    path = tmp_path / "evi.csv"
    series.to_csv(path, index=False)
    got = date_phenology(SITES, SeriesPhenology(source="series", file=str(path)), MINIATURE, years=YEARS, seed=1)
    assert got.dates["origin"].value_counts().to_dict() == {"filled": N - 2, "observed": 2}
    cause = got.dates.set_index("site_id")["cause"]
    assert cause["s00"] == "no_cycle"
    assert cause["s01"] == "no_data"
    assert len(got.curves) == len(series)
    assert not got.simulated


def test_tiles(tmp_path):
    files = pytest.importorskip("tests.standins.mcd12q2_files")
    day = np.full((24, 24, 2), to_days(2019, 100))
    made = {name.capitalize(): day + 40 * i for i, name in enumerate(DATES)}
    made["Senescence"] = made["Senescence"].copy()
    made["Senescence"][:, 12:] = 32767
    cycles = np.ones((24, 24))
    cycles[:, :6] = 0
    for name in made:
        made[name][:, :6] = 32767
    files.write_tile(tmp_path, 2019, NumCycles=cycles, **made)
    lon, lat, share, _ = files.inside_tile("h18v04", 40)
    sites = pd.DataFrame({"site_id": [f"t{i}" for i in range(41)], "lon": [*lon, 100.0], "lat": [*lat, 10.0]})
    block = TilesPhenology(source="tiles", folder=str(tmp_path), years=(2019, 2019))
    got = date_phenology(sites, block, None, years=YEARS, seed=1)
    expected = np.where(share < 0.25, "no_cycle", np.where(share < 0.5, "", "incomplete"))
    assert got.dates["cause"].fillna("").tolist() == [*expected, "no_data"]
    assert set(got.dates["greenup"]) == {100}
    assert "10.5067/MODIS/MCD12Q2.061" in got.attribution


def test_earth_engine_gives_dates_and_curves(monkeypatch):
    """The paper's configuration: both come from MODIS products, in one request each; the imagery is not asked."""
    pytest.importorskip("ee")
    pytest.importorskip("greenup.imagery.earthengine")
    from tests.standins.earthengine_products import ProductImage, ProductStandIn

    monkeypatch.setattr(dates, "open_source", lambda imagery: pytest.fail("no source is to be opened"))
    yearly = [
        ProductImage(
            f"{y}_01_01",
            {"NumCycles": lambda lon, lat: 1}
            | {f"{n.capitalize()}_1": lambda lon, lat, y=y, i=i: to_days(y, 100 + 30 * i) for i, n in enumerate(DATES)},
        )
        for y in (2010, 2011)
    ]
    composite = {"EVI": lambda lon, lat: 4000, "SummaryQA": lambda lon, lat: 0, "DayOfYear": lambda lon, lat: 9}
    products = {"MODIS/061/MCD12Q2": yearly, "MODIS/061/MOD13Q1": [ProductImage("2019_01_01", composite)]}
    with ProductStandIn(products) as server:
        monkeypatch.setenv("GREENUP_EE_URL", server.url)
        block = EarthEnginePhenology(source="earthengine", years=(2010, 2011))
        got = date_phenology(SITES, block, MINIATURE, years=YEARS, seed=1)
        assert server.sites_asked == [N, CURVE_SITES]
    assert (got.dates[list(DATES)] == [100, 130, 160, 190]).all(axis=None)
    assert got.curves["site_id"].nunique() == CURVE_SITES
    assert set(got.curves["evi"]) == {0.4}
    assert not got.simulated
    assert "MCD12Q2.061" in got.attribution
    assert "MOD13Q1.061" in got.attribution


# ------------------------------------------------------------------------------------------------- medians and causes
def yearly_of(rows):
    """Rows of site, year and four days of that year (beyond 365 in the next one), as days since 1970."""
    table = pd.DataFrame(rows, columns=["site_id", "year", *DATES])
    base = table["year"].map(lambda year: to_days(year, 0))
    table[list(DATES)] = table[list(DATES)].astype(float).add(base, axis=0)
    return table


def test_medians_cross_new_year_and_count_years():
    rows = [("a", 2001, 361, 380, 500, 600), ("a", 2002, 368, 390, np.nan, 605), ("a", 2003, 364, 385, 505, 610)]
    got = yearly_medians(pd.DataFrame({"site_id": ["b", "a"]}), yearly_of(rows))
    assert got.loc[0, list(DATES)].isna().all()
    assert got.loc[0, "years"] == 0
    assert got.loc[1, "years"] == 2
    assert got.loc[1, "greenup"] == 364
    assert got.loc[1, "maturity"] == 20


def test_the_plain_median_takes_the_wrong_side_of_the_year():
    rows = [("a", 2001, 361, 380, 500, 600), ("a", 2002, 368, 390, 502, 605)]
    sites = pd.DataFrame({"site_id": ["a"]})
    assert yearly_medians(sites, yearly_of(rows), is_plain=True).loc[0, "greenup"] == (361 + 3) / 2
    assert abs(difference(yearly_medians(sites, yearly_of(rows)).loc[0, "greenup"], 364.5)) < 1


def test_rows_may_come_in_any_order_and_of_other_sites():
    rows = [
        (s, y, 100 + i, 150, 250, 300) for i, (s, y) in enumerate((s, y) for s in "zabc" for y in (2001, 2002, 2003))
    ]
    table, sites = yearly_of(rows), pd.DataFrame({"site_id": list("cab")})
    expected = yearly_medians(sites, table)
    assert expected["greenup"].tolist() == [110, 104, 107]
    pd.testing.assert_frame_equal(yearly_medians(sites, table.sample(frac=1, random_state=1)), expected)
    as_categories = table.astype({"site_id": pd.CategoricalDtype(list("czba"))})
    pd.testing.assert_frame_equal(yearly_medians(sites, as_categories), expected)
    assert yearly_medians(sites, table.iloc[:0])["looked_at"].tolist() == [0, 0, 0]


def test_causes():
    rows = [
        ("good", 2001, 100, 150, 250, 300),
        ("none", 2001, np.nan, np.nan, np.nan, np.nan),
        ("part", 2001, 100, np.nan, 250, 300),
        ("part", 2002, 100, np.nan, 250, 300),
        ("whole", 2001, 100, np.nan, 250, 300),
        ("whole", 2002, np.nan, 150, 250, 300),
        ("wrong", 2001, 150, 100, 250, 300),
        ("told", 2001, np.nan, np.nan, np.nan, np.nan),
    ]
    sites = pd.DataFrame({"site_id": ["good", "none", "part", "whole", "wrong", "told", "absent"]})
    table = yearly_of(rows)
    got = causes_of(sites, yearly_medians(sites, table), pd.Series({"told": "no_data", "good": "no_data"}))
    assert got.tolist() == [None, "no_cycle", "incomplete", None, "out_of_order", "no_data", "no_data"]


def test_the_summary_tells_origins_causes_and_distances(source, caplog):
    with caplog.at_level("INFO"):
        date_phenology(SITES, MiniaturePhenology(source="miniature"), MINIATURE, years=YEARS, seed=1)
    [line] = [r.getMessage() for r in caplog.records if r.name == "greenup.phenology.dates"]
    assert line.startswith("dates of 60 sites: 51 observed, 9 filled; without dates of their own: 9 no_cycle; years ")
    assert "donors" in line


def test_no_dates_at_all_are_warned_of(tmp_path, caplog):
    yearly_of([(s, 2001, 150, 100, 250, 300) for s in SITES["site_id"]]).to_csv(tmp_path / "t.csv", index=False)
    block = TablePhenology(source="table", file=str(tmp_path / "t.csv"))
    got = date_phenology(SITES, block, None, years=YEARS, seed=1).dates
    assert set(got["origin"]) == {"none"}
    assert set(got["cause"]) == {"out_of_order"}
    assert "no site has dates of its own" in caplog.text


@pytest.mark.parametrize("quirk", ["plain_median", "fill_each_date", "planar_distance"])
def test_quirks_reach_the_dates(tmp_path, quirk):
    """A site at the date line that greens up at New Year and lacks maturity; donors on both sides of the line."""
    rows = [("a", y, d, np.nan, 120, 250) for y, d in ((2001, 361), (2002, 368))]
    rows += [(s, y, 20, 60 + k, 130, 240) for k, s in enumerate("bc") for y in (2001, 2002)]
    sites = pd.DataFrame({"site_id": list("abc"), "lon": [179.9, -179.9, 178.0], "lat": [0.0, 0.0, 0.0]})
    path = tmp_path / "t.parquet"
    yearly_of(rows).to_parquet(path)

    def first_row(compat):
        block = TablePhenology(source="table", file=str(path), compat=compat)
        return date_phenology(sites, block, None, years=YEARS, seed=1).dates.iloc[0]

    usual, quirky = first_row(()), first_row((quirk,))
    assert (usual["donor_id"], usual["greenup"], usual["maturity"]) == ("b", 20, 60)
    assert usual["cause"] == quirky["cause"] == "incomplete"
    if quirk == "plain_median":
        assert quirky["greenup"] == 20, "seen only in dates that a site has itself"
        both = first_row(("plain_median", "fill_each_date"))
        assert both["greenup"] == 20, "182 is out of order, so that all four come from a donor"
    elif quirk == "fill_each_date":
        assert abs(difference(quirky["greenup"], -0.5)) < 1
        assert quirky["maturity"] == 60
        assert quirky["dormancy"] == 250
        assert quirky["origin"] == "filled"
    else:
        assert quirky["donor_id"] == "c"


# ----------------------------------------------------------------------------------------------------------- real data
@pytest.fixture(scope="module")
def real(samples, tmp_path_factory):
    """The real table at 5 000 sites, its sites, and a copy in which MidGreenup and MidGreendown stand in for Maturity
    and Senescence, which it lacks: machinery and order are those of real dates, the two names are not."""
    folder = samples / "mcd12q2_sites_2001_2018"
    sites = pd.read_csv(folder / "sites.csv").rename(columns={"sitename": "site_id"})
    table = pd.read_csv(folder / "mcd12q2_days_since_1970.csv.gz").rename(columns={"sitename": "site_id"})
    names = {
        "Greenup_1": "greenup",
        "MidGreenup_1": "maturity",
        "MidGreendown_1": "senescence",
        "Dormancy_1": "dormancy",
    }
    table = table.rename(columns=names)
    path = tmp_path_factory.mktemp("real") / "mcd12q2.parquet"
    table.to_parquet(path)
    return sites, table, path


def dated(real, compat=()):
    sites, _, path = real
    block = TablePhenology(source="table", file=str(path), compat=compat)
    return date_phenology(sites, block, None, years=YEARS, seed=1).dates


def real_days(table, name):
    """site_id -> days of year of the valid rows, by pandas' calendar."""
    valid = table[table[name] != 32767]
    when = pd.Timestamp(0) + pd.to_timedelta(valid[name], unit="D")
    return pd.Series(when.dt.dayofyear.to_numpy(), index=valid["site_id"].to_numpy()).groupby(level=0)


@pytest.mark.samples
def test_fill_values_of_real_rows(real):
    """349 of 89 944 rows hold 32767 in one of their dates; those years are left out, the others counted."""
    sites, table, _ = real
    has_fill = (table[list(DATES)] == 32767).any(axis=1)
    assert len(table) == 89_944
    assert has_fill.sum() == 349
    counted = table[~has_fill].groupby("site_id").size().reindex(sites["site_id"], fill_value=0)
    got = dated(real)
    observed = (got["origin"] == "observed").to_numpy()
    assert observed.sum() > 4900
    # A row that lacks one date may still have the others, so that years may exceed the complete rows by those.
    partly = (has_fill & (table[list(DATES)] != 32767).any(axis=1)).groupby(table["site_id"]).sum()
    extra = got["years"].to_numpy()[observed] - counted.to_numpy()[observed]
    assert (extra >= 0).all()
    assert (extra <= partly.reindex(sites["site_id"], fill_value=0).to_numpy()[observed]).all()
    assert (got["years"] <= 18).all()


@pytest.mark.samples
def test_circular_medians_of_real_dates_by_trying_every_day(real):
    """At every site and date no quarter of a day round the year is nearer to the values than the median."""
    got = dated(real).set_index("site_id")
    got = got[got["origin"] == "observed"]
    day = np.arange(1, 367)
    for name in DATES:
        values = real_days(real[1], name).obj
        values = values[values.index.isin(got.index)]
        count = np.zeros((len(got), len(day)))
        np.add.at(count, (got.index.get_indexer(values.index), values.to_numpy() - 1), 1)
        tried = np.abs((np.arange(1461)[:, None] / 4 + 0.5 - day + 182.625) % 365.25 - 182.625)
        least = (count @ tried.T).min(axis=1)
        median = got[name].to_numpy(dtype=float)[:, None]
        mine = (count * np.abs((median - day + 182.625) % 365.25 - 182.625)).sum(axis=1)
        assert (mine <= least + 1e-6).all(), name


@pytest.mark.samples
def test_plain_medians_of_real_dates_are_pandas(real):
    got = yearly_medians(real[0], dates.read_dates(str(real[2]), real[0]), is_plain=True)
    for name in DATES:
        expected = real_days(real[1], name).median().reindex(real[0]["site_id"])
        np.testing.assert_allclose(got[name], expected.to_numpy())


@pytest.mark.samples
def test_southern_cycles_that_cross_new_year(real):
    """121 southern sites green up in spring of one calendar year and go dormant in autumn of the next: their medians
    are in order modulo the year. Where a date lies now before, now after New Year, its median is the ordinary one of
    days counted from New Year, negative before it."""
    sites, table, _ = real
    south = sites.loc[sites["lat"] < 0, "site_id"]
    assert len(south) == 121
    got = dated(real).set_index("site_id")
    assert in_order(got[list(DATES)].to_numpy(dtype=float)).all()
    observed = got.loc[south][got.loc[south, "origin"] == "observed"]
    assert (observed["greenup"] > observed["dormancy"]).mean() > 0.95
    split = 0
    for name in DATES:
        days = real_days(table, name)
        is_near = ((days.obj < 91) | (days.obj > 275)).groupby(level=0).all()
        near = (days.min() < 91) & (days.max() > 275) & is_near
        for site_id in near.index[near].intersection(observed.index):
            values = days.get_group(site_id).to_numpy(dtype=float)
            from_new_year = np.where(values > 182, values - 365.25, values)
            assert abs(difference(observed.loc[site_id, name], np.median(from_new_year))) < 1e-9
            split += 1
    assert split >= 15


@pytest.mark.samples
def test_quirks_move_real_dates(real):
    usual, plain = dated(real), dated(real, ("plain_median",))
    north = (real[0]["lat"] > 20).to_numpy()
    moved = np.abs(difference(usual[list(DATES)], plain[list(DATES)])).max(axis=1)
    assert np.median(moved[north]) == 0
    assert moved[~north].max() > 20
    each = dated(real, ("fill_each_date",))
    assert (each["origin"] == usual["origin"]).all()
    assert in_order(each[list(DATES)].to_numpy(dtype=float)).all()
