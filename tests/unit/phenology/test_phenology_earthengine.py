"""MODIS products from Earth Engine: the real client against a loopback stand-in that holds tiny products."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.schemas import CURVES

from tests.standins.earthengine_products import ProductImage, ProductStandIn

pytest.importorskip("ee")
pytest.importorskip("greenup.imagery.earthengine")
earthengine = pytest.importorskip("greenup.phenology.earthengine")

MCD12Q2, MOD13Q1 = "MODIS/061/MCD12Q2", "MODIS/061/MOD13Q1"
LAYERS = ("Greenup", "Maturity", "Senescence", "Dormancy")
SITES = pd.DataFrame({"site_id": list("abcde"), "lon": [1.0, 2.0, 3.0, 4.0, 5.0], "lat": [47.0, 48, 49, 50, 51]})
WATER, BARE = 4.0, 5.0
STARTS = ("01-01", "02-02", "03-06", "06-10", "09-14", "12-19")
"""First days of composites."""


def january(year):
    return int((np.datetime64(f"{year}-01-01") - np.datetime64("1970-01-01")).astype(int))


def yearly(year):
    """Cycle 1 on days 10, 20, 30, 40 + longitude, cycle 2 a hundred later and larger in even years; its quality is that
    of the longitude, which cycle 2 betters by one. Nothing at all at lon 4, no cycle at lon 5."""

    def of(value):
        return lambda lon, lat: None if lon in (WATER, BARE) else value(lon)

    bands = {"NumCycles": lambda lon, lat: None if lon == WATER else 0 if lon == BARE else 2}
    for number in (1, 2):
        for i, name in enumerate(LAYERS):
            bands[f"{name}_{number}"] = of(
                lambda lon, i=i, n=number: january(year) + 10 * (i + 1) + 100 * (n - 1) + lon
            )
        bands[f"QA_Overall_{number}"] = of(lambda lon, n=number: lon - (n - 1))
        bands[f"EVI_Amplitude_{number}"] = of(lambda lon, n=number: 3000 if n == 1 or year % 2 else 4000)
        bands[f"Peak_{number}"] = of(lambda lon: 1)
    return ProductImage(f"{year}_01_01", bands)


@pytest.fixture
def server(monkeypatch):
    composites = [
        ProductImage(
            f"{start:%Y_%m_%d}",
            {
                "EVI": lambda lon, lat, s=start: -3000 if s.month == 6 else 100 * lon + s.month,
                "SummaryQA": lambda lon, lat, s=start: [0, 1, 2, 3][s.month % 4],
                "DayOfYear": lambda lon, lat, s=start: 2 if s.month == 12 else s.dayofyear + 5 if s.month < 9 else None,
                "NDVI": lambda lon, lat: 1,
            },
        )
        for year in (2019, 2020)
        for start in pd.to_datetime([f"{year}-{day}" for day in STARTS])
    ]
    products = {MCD12Q2: [yearly(y) for y in range(2001, 2005)], MOD13Q1: composites}
    with ProductStandIn(products) as standin:
        monkeypatch.setenv("GREENUP_EE_URL", standin.url)
        yield standin


def sample(**changed):
    return earthengine.sample_mcd12q2(
        SITES, MCD12Q2, **{"years": (2002, 2003), "cycle": "first", "max_quality": None} | changed
    )


def shifts(table):
    """site_id, year -> days of the four dates from 1 January, less the site's longitude."""
    lon = SITES.set_index("site_id")["lon"]
    return {
        (row["site_id"], row["year"]): [row[n.lower()] - january(row["year"]) - lon[row["site_id"]] for n in LAYERS]
        for row in table.dropna().to_dict("records")
    }


def test_every_site_gets_its_own_dates_in_few_requests(server, monkeypatch):
    whole = sample()
    assert shifts(whole) == {(s, y): [10, 20, 30, 40] for s in "abc" for y in (2002, 2003)}
    assert len(server.called("compute")) == 1
    monkeypatch.setattr(earthengine, "SITES_A_REQUEST", 2)
    pd.testing.assert_frame_equal(sample(), whole)
    assert sorted(server.sites_asked[1:]) == [1, 2, 2]


def test_land_without_a_cycle_is_told_from_water(server):
    table = sample()
    assert "d" not in set(table["site_id"]), "water has no row"
    bare = table[table["site_id"] == "e"]
    assert bare["year"].tolist() == [2002], "one row says that it was looked at"
    assert bare[["greenup", "maturity", "senescence", "dormancy"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("cycle", "expected"),
    [
        ("second", {2002: [110, 120, 130, 140], 2003: [110, 120, 130, 140]}),
        ("largest", {2002: [110, 120, 130, 140], 2003: [10, 20, 30, 40]}),
    ],
)
def test_cycles(server, cycle, expected):
    assert shifts(sample(cycle=cycle)) == {(s, y): expected[y] for s in "abc" for y in (2002, 2003)}


def test_quality(server):
    """Quality 1, 2, 3 at sites a, b, c; the second cycle's is one better."""
    assert {s for s, _ in shifts(sample(max_quality=1))} == {"a"}
    got = shifts(sample(max_quality=1, cycle="largest"))
    assert got["b", 2003] == [110, 120, 130, 140], "the larger one is too poor, so the other is taken"
    assert {s for s, _ in got} == {"a", "b"}
    poor = sample(max_quality=1)
    assert set(poor.loc[poor["greenup"].isna(), "site_id"]) == {"b", "c", "e"}


def test_only_what_is_needed_is_asked_for(server):
    """Two years at one site: 4 dates and the number of cycles; quality and both cycles only when they are wanted."""

    def keys(**how):
        earthengine.sample_mcd12q2(
            SITES.head(1), MCD12Q2, **{"cycle": "first", "max_quality": None, "years": (2002, 2003)} | how
        )
        answer = server.compute(server.called("compute")[-1]["expression"])
        return len(answer["features"][0]["properties"]) - 1

    assert keys() == 2 * 4 + 1
    assert keys(max_quality=2) == 2 * 5 + 1
    assert keys(cycle="largest", max_quality=2) == 2 * 12 + 1


def test_many_values_make_smaller_batches(server, monkeypatch):
    monkeypatch.setattr(earthengine, "VALUES_A_REQUEST", 20)
    whole = sample()
    assert sorted(server.sites_asked) == [1, 2, 2], "9 values a site"
    assert whole["site_id"].tolist() == list("aabbcce")


def test_what_is_too_much_at_once_is_asked_for_in_halves(server):
    server.limit = 2
    assert len(shifts(sample())) == 6
    assert server.sites_asked[0] == 5
    assert sum(n for n in server.sites_asked if n <= 2) == 5
    server.limit = 0
    with pytest.raises(UserError, match=r"memory limit"):
        sample()


def test_what_the_service_refuses_is_the_users_to_mend(server):
    with pytest.raises(UserError, match=r"phenology.collection: MODIS/X: .*not found.*\n  mend: check"):
        earthengine.sample_mcd12q2(SITES, "MODIS/X", years=(2001, 2002), cycle="first", max_quality=None)
    with pytest.raises(UserError, match=r"has no data in 2001-2002 at any site"):
        earthengine.sample_mcd12q2(
            SITES[SITES["lon"] == WATER], MCD12Q2, years=(2001, 2002), cycle="first", max_quality=None
        )
    with pytest.raises(UserError, match=r"phenology.curves: MODIS/Y"):
        earthengine.sample_curves(SITES, "MODIS/Y", years=(2019, 2020))


def test_features_become_rows():
    properties = {
        "at": 1,
        "2001_01_01_Greenup_1": 11439,
        "2001_01_01_Maturity_1": 32767,
        "2001_01_01_Senescence_1": None,
        "2001_01_01_MidGreenup_1": 11450,
        "2002_01_01_Dormancy_1": 11996,
    }
    names = np.array(["a", "b"], dtype=object)
    features = [{"properties": properties}, {"properties": {"at": 0}}]
    how = {"years": (2001, 2002), "cycle": "first", "max_quality": None}
    table = earthengine.parse_dates(features, names, **how)
    assert table[["site_id", "year"]].to_numpy().tolist() == [["b", 2001], ["b", 2002]]
    assert table.loc[0, "greenup"] == 11439
    assert table.loc[0, ["maturity", "senescence", "dormancy"]].isna().all()
    assert table.loc[1, "dormancy"] == 11996
    assert earthengine.parse_dates([{"properties": {"at": 0}}], names, **how).empty


def test_curves_in_one_request(server):
    table = earthengine.sample_curves(SITES.head(3), MOD13Q1, years=(2019, 2020))
    assert len(server.called("compute")) == 1
    CURVES.check(table, "test")
    one = table[table["site_id"] == "b"].set_index("time")
    got = {str(r.Index.date()): (round(r.evi, 4), bool(r.clear), bool(r.snow)) for r in one.itertuples()}
    # June has no value; day 2 of the composite of 19 December is in the year after; marginal is clear, snow is not.
    assert got == {
        "2019-01-06": (0.0201, True, False),
        "2019-02-07": (0.0202, False, True),
        "2019-03-11": (0.0203, False, False),
        "2019-09-14": (0.0209, True, False),
        "2020-01-02": (0.0212, True, False),
        "2020-01-06": (0.0201, True, False),
        "2020-02-07": (0.0202, False, True),
        "2020-03-11": (0.0203, False, False),
        "2020-09-14": (0.0209, True, False),
        "2021-01-02": (0.0212, True, False),
    }


def test_two_composites_of_one_day_are_one_observation():
    """The composite of 19 December may have seen 2 January, and so may the next one."""
    properties = {"at": 0}
    for start, evi, quality in (("2019_12_19", 3000, 3), ("2020_01_01", 2500, 0)):
        properties |= {f"{start}_EVI": evi, f"{start}_SummaryQA": quality, f"{start}_DayOfYear": 2}
    table = earthengine.parse_curves([{"properties": properties}], np.array(["a"], dtype=object))
    assert table["evi"].tolist() == [0.25], "the clear one stays"
    assert str(table["time"][0].date()) == "2020-01-02"


def test_places_where_the_product_has_nothing_have_no_curve():
    table = earthengine.parse_curves([{"properties": {"at": 0}}], np.array(["a"], dtype=object))
    assert CURVES.check(table, "test").empty


def test_attribution():
    assert "10.5067/MODIS/MOD13A1.061" in earthengine.attribution_of("MODIS/061/MOD13A1")
    assert earthengine.attribution_of("users/me/evi") == "EVI curves: users/me/evi."
