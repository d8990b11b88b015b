"""Stratified sites: shares, distances over borders, strata without room, on synthetic layers and on RESOLVE's."""

import logging

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import EcoregionSites
from greenup.errors import UserError
from greenup.sites import ecoregion, strata
from greenup.sites.allocation import allocate
from greenup.sites.ecoregion import sample_ecoregion
from greenup.sites.ecoregions import ecoregions_at
from greenup.sites.land import on_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import unit_vectors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from shapely.geometry import box

# Four deserts side by side in the Sahara: 10, 5, 1 degree wide, and one of a kilometre.
BOXES = {"Ahaggar": (-5, 22, 5, 24), "Borku": (5, 22, 10, 24), "Cabo": (10, 22, 11, 24), "Dot": (11, 22, 11.01, 22.01)}


@pytest.fixture(scope="module")
def deserts(tmp_path_factory):
    path = tmp_path_factory.mktemp("layer") / "deserts.gpkg"
    gpd.GeoDataFrame(
        {"ECO_NAME": list(BOXES), "BIOME_NUM": [13.0, 7.0, 13.0, 13.0], "REALM": ["Afrotropic"] * 4},
        geometry=[box(*b) for b in BOXES.values()],
        crs=4326,
    ).to_file(path)
    return SiteData(ecoregions=path)


def sample(data, count=200, seed=4, name="test", **keys):
    return sample_ecoregion(name, EcoregionSites(sampler="ecoregion", count=count, **keys), data, seed=seed)


def nearest_km(table):
    """Distance (km) from every site to the nearest other, from chords."""
    distance, _ = cKDTree(points := unit_vectors(table["lon"], table["lat"])).query(points, k=2)
    return 2 * 6371.0088 * np.arcsin(distance[:, 1] / 2)


def counts(table):
    return table["stratum"].value_counts().to_dict()


@pytest.mark.parametrize(
    ("allocation", "expected"),
    [
        # min_sites gives Dot its one; the rest go as 1:1:1, 10:5:1 and 3.162:2.236:1.
        ("proportional", {"Ahaggar": 200, "Borku": 100, "Cabo": 20, "Dot": 1}),
        ("square_root", {"Ahaggar": 158, "Borku": 112, "Cabo": 50, "Dot": 1}),
    ],
)
def test_shares_by_area(deserts, allocation, expected):
    assert counts(sample(deserts, 321, allocation=allocation)) == expected


def test_equal_shares_and_what_does_not_fit(deserts, caplog):
    """Of 80 each, a square kilometre holds one site 2.64 km from the others; the 79 go to the other three."""
    with caplog.at_level(logging.INFO):
        table = sample(deserts, 320, allocation="equal")
    assert counts(table) == {"Ahaggar": 107, "Borku": 106, "Cabo": 106, "Dot": 1}
    assert "test: 1 strata have too little room, 79 sites went to others: Dot 1 of 80" in caplog.text
    assert len(table) == 320
    assert table["site_id"].is_unique


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(8, 300),
    allocation=st.sampled_from(["equal", "proportional", "square_root"]),
    minimum=st.integers(0, 2),
    min_km=st.sampled_from([None, 2.64, 10.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_sums_minima_distances_and_places(deserts, count, allocation, minimum, min_km, seed):
    table = sample(
        deserts, count, seed=seed, allocation=allocation, min_sites=minimum, min_distance_km=min_km, exclude=("Dot",)
    )
    assert len(table) == count
    found = counts(table)
    area = np.array([np.subtract(b[2], b[0]) for b in BOXES.values()], dtype=float)[:3]
    shares = allocate(area, count, allocation, minimum)
    assert [found.get(n, 0) for n in list(BOXES)[:3]] == shares.tolist()
    for name, group in table.groupby("stratum"):
        west, south, east, north = BOXES[name]
        assert group["lon"].between(west, east).all()
        assert group["lat"].between(south, north).all()
    if min_km:
        assert nearest_km(table).min() >= min_km * (1 - 1e-9)


def test_distances_hold_over_the_borders_of_strata(deserts):
    """Crowded, so that sites of two strata would meet at the border if each kept to itself."""
    region = (4.0, 22.0, 6.0, 24.0)
    table = sample(deserts, 1000, min_distance_km=5.0, region=region)
    assert nearest_km(table).min() >= 5 * (1 - 1e-9)
    border = table[(table["lon"] - 5).abs() < 0.05]
    assert border["stratum"].nunique() == 2


def test_the_same_sites_whatever_is_drawn_at_a_time(deserts, monkeypatch):
    first = sample(deserts, 700, region=(4.0, 22.0, 6.0, 24.0), min_distance_km=5.0)
    monkeypatch.setattr(strata, "_SURPLUS", 7.0)
    pd.testing.assert_frame_equal(first, sample(deserts, 700, region=(4.0, 22.0, 6.0, 24.0), min_distance_km=5.0))
    monkeypatch.setattr(strata, "_SURPLUS", 0.1)
    pd.testing.assert_frame_equal(first, sample(deserts, 700, region=(4.0, 22.0, 6.0, 24.0), min_distance_km=5.0))
    assert not first.equals(sample(deserts, 700, region=(4.0, 22.0, 6.0, 24.0), min_distance_km=5.0, seed=5))
    assert not first.equals(sample(deserts, 700, region=(4.0, 22.0, 6.0, 24.0), min_distance_km=5.0, name="other"))


def test_too_little_room_in_all(deserts):
    """Cabo's 100 x 220 km hold fewer than 0.55 x 4 / pi / 25^2 sites a km2: the jamming limit of discs."""
    with pytest.raises(UserError, match=r"dataset test: there is room for \d+ of 60 sites\n.*min_distance_km") as error:
        sample(deserts, 60, region=(10.0, 22.0, 11.0, 24.0), min_distance_km=25.0)
    room = int(str(error.value).split("room for ")[1].split()[0])
    assert 20 <= room <= 40


def test_biomes_and_exclusion(deserts):
    table = sample(deserts, 90, strata="biome", allocation="equal")
    assert counts(table) == {"desert_xeric_shrubland": 45, "tropical_grassland_savanna": 45}
    table = sample(deserts, 90, exclude=("Borku", "Dot"))
    assert set(table["stratum"]) == {"Ahaggar", "Cabo"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"exclude": ("Borko",)}, r"there is no ecoregion 'Borko'\n.*did you mean 'Borku'\?"),
        ({"exclude": tuple(BOXES)}, r"no ecoregion lies in its region"),
        ({"region": (100.0, 0.0, 110.0, 5.0)}, r"no ecoregion lies in its region"),
        ({"min_sites": 51}, r"sites.count 200 is less than sites.min_sites 51 in each of 4 strata"),
    ],
)
def test_what_cannot_be_is_refused(deserts, keys, message):
    with pytest.raises(UserError, match=message):
        sample(deserts, **keys)


# ------------------------------------------------------------------------------------------------------------ packaged
def test_packaged_strata():
    data = SiteData()
    table = sample(data, 400, region=(-20.0, 0.0, 40.0, 40.0), strata="ecoregion", exclude=("palearctic: tundra",))
    assert len(table) == 400
    assert table["stratum"].tolist() == ecoregions_at(table["lon"], table["lat"], data)["ecoregion"].tolist()
    assert on_land(table["lon"], table["lat"], data).all()
    assert nearest_km(table).min() >= 2.64
    pd.testing.assert_frame_equal(
        table, sample(data, 400, region=(-20.0, 0.0, 40.0, 40.0), exclude=("palearctic: tundra",))
    )  # fmt: skip
    with pytest.raises(UserError, match=r"there is no biome 'taiga'"):
        sample(data, strata="biome", exclude=("taiga",))


# --------------------------------------------------------------------------------------------------------- real sample
def test_resolve_ecoregions(samples, caplog):
    """All 847 ecoregions have their share, by their areas, or are told to have too little room."""
    data = SiteData(ecoregions=samples / "ecoregions2017_simplified" / "Ecoregions2017.shp")
    with caplog.at_level(logging.INFO):
        table = sample(data, 40_000, allocation="square_root", min_sites=2)
    assert len(table) == 40_000
    assert nearest_km(table).min() >= 2.64 * (1 - 1e-9)
    assert table["stratum"].tolist() == ecoregions_at(table["lon"], table["lat"], data)["ecoregion"].tolist()
    found = table["stratum"].value_counts()
    assert len(found) == 847
    # Only islets of a few square kilometres hold less than two sites.
    poor = found.index[found < 2]
    assert 0 < len(poor) < 20
    for name in poor:
        assert f"{name} {found[name]} of 2" in caplog.text
    area = strata.PolygonStrata("ecoregion", None, data, seed=4, name="test")
    share = pd.Series(allocate(area.area_km2, 40_000, "square_root", 2), index=area.names)
    lacking = 40_000 - np.minimum(found, share[found.index]).sum()
    assert lacking == sum(2 - found[name] for name in poor)
    assert ((found - share[found.index]).abs() <= 2).all()
    at_sea = ~on_land(table["lon"], table["lat"], data)
    islets = {n for n, islet in zip(area.names, area.islets, strict=True) if islet}
    assert set(table.loc[at_sea, "stratum"]) <= islets


def test_patience_is_what_ends_a_full_stratum(deserts, monkeypatch):
    """With more patience a crowded stratum takes no fewer sites."""

    def room(patience):
        monkeypatch.setattr(ecoregion, "_PATIENCE", patience)
        with pytest.raises(UserError, match="there is room for") as error:
            sample(deserts, 500, region=(10.0, 22.0, 11.0, 24.0), min_distance_km=15.0)
        return int(str(error.value).split("room for ")[1].split()[0])

    assert room(30) < room(3000)
