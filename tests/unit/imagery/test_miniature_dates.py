"""The four dates of many years at once, against the curve of each year searched by itself."""

import numpy as np
import pandas as pd
import pytest
from greenup.imagery.miniature import MiniatureSource, dates, land, plants
from greenup.imagery.miniature.dates import four_dates
from greenup.imagery.miniature.plants import YEAR
from greenup.sites import packaged

SEED = 11
YEARS = (2016, 2021)


@pytest.fixture(scope="module")
def places() -> land.Land:
    """Places of all kinds; a handful at sea, without any plant."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-180, 180, 2400), np.degrees(np.arcsin(rng.uniform(-0.86, 0.99, 2400)))
    keep = packaged.is_land(lon, lat) | (np.arange(2400) < 10)
    return land.describe(SEED, lon[keep], lat[keep])


def crossings(days, evi) -> list[float]:
    """The four dates of one curve, by a walk along it."""
    low, high = evi.min(), evi.max()
    if high - low < 0.1:
        return [np.nan] * 4

    def first(days, evi, level):
        i = next(i for i in range(len(evi)) if evi[i] > level)
        if i == 0:
            return days[0]
        return days[i - 1] + (days[i] - days[i - 1]) * (level - evi[i - 1]) / (evi[i] - evi[i - 1])

    levels = [low + part * (high - low) for part in (0.15, 0.9)]
    up = [first(days, evi, level) for level in levels]
    down = [first(days[::-1], evi[::-1], level) for level in levels]
    return [up[0], up[1], down[1], down[0]]


def test_each_year_is_that_of_the_curve(places):
    """A whole turn at steps of four days round the window's middle: to a hundred thousandth of a day."""
    found = four_dates(places, YEARS)
    assert found.shape == (len(places.lon), 6, 4)
    assert 0.3 < np.isfinite(found).all(axis=2).mean() < 0.9
    offsets = np.arange(-YEAR / 2, YEAR / 2 + 4.0, 4.0)
    for year in range(YEARS[0], YEARS[1] + 1):
        centre = plants.window(places)[0] + (year - 1970) * YEAR
        for c in np.unique(centre):
            at = np.flatnonzero(centre == c)
            evi = plants.evi_curve(plants.take(places, at), c + offsets)[0]
            expected = np.array([crossings(c + offsets, curve) for curve in evi])
            np.testing.assert_allclose(found[at, year - YEARS[0]], expected, rtol=0, atol=1e-5)


def test_southern_places_meet_the_edge_of_two_cycles(places):
    """The case that rounding decides: a warmest day half a year, to the bit, from the first day looked at."""
    middle = plants.window(places)[0] - plants.warmest(places)
    assert (np.abs(middle % YEAR) < 1e-9).sum() > 20
    assert (np.isclose(middle, -YEAR)).sum() > 5


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_a_place_does_not_depend_on_its_company(places, monkeypatch, at_once):
    some = plants.take(places, np.arange(0, len(places.lon), 9))
    expected = four_dates(some, YEARS)
    monkeypatch.setattr(dates, "_PLACES_AT_ONCE", at_once)
    assert np.array_equal(four_dates(some, YEARS), expected, equal_nan=True)
    one_year = four_dates(some, (2018, 2018))
    assert np.array_equal(one_year[:, 0], expected[:, 2], equal_nan=True)


def test_no_places():
    nowhere = land.describe(SEED, np.empty(0), np.empty(0))
    assert four_dates(nowhere, YEARS).shape == (0, 6, 4)


def test_any_number_of_threads_gives_the_same_table(monkeypatch):
    monkeypatch.setattr("greenup.imagery.miniature.source._CHUNK", 16)
    rng = np.random.default_rng(2)
    sites = pd.DataFrame(
        {
            "site_id": [f"s{99 - i}" for i in range(100)],
            "lon": rng.uniform(-10, 60, 100),
            "lat": rng.uniform(-30, 65, 100),
        }
    )
    source = MiniatureSource(SEED)
    table = source.phenology(sites, (2019, 2020))
    assert table["site_id"].tolist() == np.repeat(sites["site_id"], 2).tolist()
    assert table["year"].tolist() == [2019, 2020] * 100
    for threads in (2, 5):
        pd.testing.assert_frame_equal(source.phenology(sites, (2019, 2020), threads=threads), table)
    assert source.phenology(sites.head(0), (2019, 2020)).columns.tolist() == table.columns.tolist()
