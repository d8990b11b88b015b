"""MCD12Q2 from Earth Engine: what is asked, in how many requests, and how answers are read."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.phenology import mcd12q2
from greenup.phenology.mcd12q2 import parse_features, sample_mcd12q2


def feature(at, **properties):
    return {"type": "Feature", "properties": {"at": at, **properties}}


def test_features_become_rows():
    table = parse_features(
        [
            feature(
                1,
                **{
                    "2001_01_01_Greenup_1": 11439,
                    "2001_01_01_Maturity_1": 32767,
                    "2001_01_01_Senescence_1": None,
                    "2002_01_01_Dormancy_1": 11996,
                },
            ),
            feature(0),
        ],
        np.array(["a", "b"], dtype=object),
    )
    assert table[["site_id", "year"]].to_numpy().tolist() == [["b", 2001], ["b", 2002]]
    assert table.loc[0, "greenup"] == 11439
    assert table.loc[0, ["maturity", "senescence", "dormancy"]].isna().all()
    assert table.loc[1, "dormancy"] == 11996
    assert parse_features([feature(0)], np.array(["a"], dtype=object)).empty


class FakeEarthEngine(ModuleType):
    """The few calls that are made; every point's greenup is its longitude plus 11 400."""

    class EEException(Exception):
        pass

    def __init__(self, fails=False, empty=False):
        super().__init__("ee")
        self.requests, self.asked = [], {}
        self.Geometry = SimpleNamespace(Point=lambda lonlat: lonlat)
        self.Feature = lambda geometry, properties: (geometry, properties)
        self.FeatureCollection = list
        self.Reducer = SimpleNamespace(first=lambda: "first")
        self.fails, self.empty = fails, empty

    def ImageCollection(self, name):
        self.asked["collection"] = name
        return self

    def filterDate(self, first, end):
        self.asked["dates"] = (first, end)
        return self

    def select(self, bands):
        self.asked["bands"] = bands
        return self

    def toBands(self):
        return self

    def reduceRegions(self, collection, reducer):
        self.requests.append(len(collection))

        def answer():
            if self.fails:
                raise self.EEException("Collection asset not found")
            bands = [] if self.empty else [f"2003_01_01_{b}" for b in self.asked["bands"]]
            return {"features": [feature(p["at"], **dict.fromkeys(bands, 12000 + xy[0])) for xy, p in collection]}

        return SimpleNamespace(getInfo=answer)


@pytest.fixture
def service(monkeypatch):
    def use(**keys):
        fake = FakeEarthEngine(**keys)
        monkeypatch.setitem(sys.modules, "ee", fake)
        login = ModuleType("greenup.imagery.earthengine")
        login.initialise = lambda: fake.asked.setdefault("logins", 0)
        monkeypatch.setitem(sys.modules, "greenup.imagery.earthengine", login)
        return fake

    return use


SITES = pd.DataFrame({"site_id": list("abcde"), "lon": [1.0, 2.0, 3.0, 4.0, 5.0], "lat": 47.0})


def test_few_requests_and_every_site_its_own_value(service, monkeypatch):
    monkeypatch.setattr(mcd12q2, "SITES_A_REQUEST", 2)
    fake = service()
    table = sample_mcd12q2(SITES, "MODIS/061/MCD12Q2", (2001, 2023))
    assert fake.requests == [2, 2, 1]
    assert fake.asked["dates"] == ("2001-01-01", "2024-01-01")
    assert fake.asked["bands"] == ["Greenup_1", "Maturity_1", "Senescence_1", "Dormancy_1"]
    assert "logins" in fake.asked
    assert table["site_id"].tolist() == list("abcde")
    assert table["dormancy"].tolist() == (SITES["lon"] + 12000).tolist()


def test_refusals_are_the_users_to_mend(service):
    service(fails=True)
    with pytest.raises(UserError, match=r"could not sample X: Collection asset not found\n  mend: check"):
        sample_mcd12q2(SITES, "X", (2001, 2002))
    service(empty=True)
    with pytest.raises(UserError, match=r"has no dates in 2001-2002"):
        sample_mcd12q2(SITES, "X", (2001, 2002))
