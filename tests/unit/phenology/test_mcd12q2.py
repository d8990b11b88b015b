"""MCD12Q2 from Earth Engine: the real client against a loopback stand-in that holds a tiny product."""

import re

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology import mcd12q2
from greenup.phenology.mcd12q2 import parse_features, sample_mcd12q2

from tests.standins.earthengine import EarthEngineStandIn, Refused

ee = pytest.importorskip("ee")
earthengine = pytest.importorskip("greenup.imagery.earthengine")

COLLECTION = "MODIS/061/MCD12Q2"
BANDS = ("Greenup_1", "MidGreenup_1", "Maturity_1", "Senescence_1", "Dormancy_1", "Greenup_2")
SITES = pd.DataFrame({"site_id": list("abcde"), "lon": [1.0, 2.0, 3.0, 4.0, 5.0], "lat": 47.0})


class Product(EarthEngineStandIn):
    """Yearly images whose value at a point is 1 January + 10 x the band's number + the longitude; masked at lon 4."""

    def _function(self, name):
        def day(year):
            return int((np.datetime64(f"{year}-01-01") - np.datetime64("1970-01-01")).astype(int))

        def regions(image, collection, reducer, **_):
            assert reducer == "first"
            rows = [
                {b: day(b[:4]) + 10 * BANDS.index(b[11:]) + lon for b in image} if lon != 4 else {}
                for (lon, _), _ in collection
            ]
            return {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "properties": {**properties, **row}}
                    for (_, properties), row in zip(collection, rows, strict=True)
                ],
            }

        def load(id):
            if id != COLLECTION:
                raise Refused(f"ImageCollection asset '{id}' not found")
            return [2001, 2002, 2003]

        own = {
            "ImageCollection.load": load,
            "DateRange": lambda start, end: (start, end),
            "Filter.dateRangeContains": lambda leftValue, rightField: (
                lambda year: leftValue[0] <= f"{year}-01-01" < leftValue[1]
            ),
            "ImageCollection.toBands": lambda collection: [f"{y}_01_01_{b}" for y in collection for b in BANDS],
            "Image.select": lambda input, bandSelectors: [
                b for b in input if any(re.fullmatch(s, b) for s in bandSelectors)
            ],
            "GeometryConstructors.Point": lambda coordinates, **_: coordinates,
            "Feature": lambda geometry, metadata: (geometry, metadata),
            "Collection": lambda features: features,
            "Reducer.first": lambda: "first",
            "Image.reduceRegions": regions,
        }
        return own[name] if name in own else super()._function(name)


@pytest.fixture
def server(monkeypatch):
    with Product(COLLECTION, []) as standin:
        monkeypatch.setenv("GREENUP_EE_URL", standin.url)
        monkeypatch.setattr(earthengine, "_endpoint", None)
        yield standin


def test_every_site_gets_its_own_dates_in_few_requests(server, monkeypatch):
    monkeypatch.setattr(mcd12q2, "SITES_A_REQUEST", 2)
    table = sample_mcd12q2(SITES, COLLECTION, (2002, 2003))
    assert len(server.called("compute")) == 3
    assert table[["site_id", "year"]].to_numpy().tolist() == [
        [site, year] for site in "abce" for year in (2002, 2003)
    ], "where the product is masked there is no row"
    january = {2002: 11688, 2003: 12053}
    for row in table.itertuples():
        lon = SITES.set_index("site_id")["lon"][row.site_id]
        got = [row.greenup, row.maturity, row.senescence, row.dormancy]
        assert got == [january[row.year] + tens + lon for tens in (0, 20, 30, 40)]


def test_what_the_service_refuses_is_the_users_to_mend(server):
    with pytest.raises(UserError, match=r"could not sample MODIS/X: .*not found.*\n  mend: check"):
        sample_mcd12q2(SITES, "MODIS/X", (2001, 2002))
    with pytest.raises(UserError, match=r"has no dates in 2001-2002 at any site"):
        sample_mcd12q2(SITES[SITES["lon"] == 4], COLLECTION, (2001, 2002))


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
    table = parse_features([{"properties": properties}, {"properties": {"at": 0}}], names)
    assert table[["site_id", "year"]].to_numpy().tolist() == [["b", 2001], ["b", 2002]]
    assert table.loc[0, "greenup"] == 11439
    assert table.loc[0, ["maturity", "senescence", "dormancy"]].isna().all()
    assert table.loc[1, "dormancy"] == 11996
    assert parse_features([{"properties": {"at": 0}}], names).empty
