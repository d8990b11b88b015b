"""The stage as its rule calls it: every sampler gives the table of sites, the same whatever the shards."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import CitySites, DatasetSites, EcoregionSites, GridSites, PointSites, UniformSites
from greenup.errors import UserError
from greenup.files import write_table
from greenup.schemas import SITES
from greenup.sites.land import on_land
from greenup.sites.sample import sample_sites
from greenup.sites.sources import SiteData
from shapely.geometry import box

PACKAGED = SiteData()

BLOCKS = [
    GridSites(sampler="grid", spacing_km=200, limit=60),
    CitySites(sampler="cities", count=60, min_distance_km=2),
    UniformSites(sampler="uniform", count=60),
    EcoregionSites(sampler="ecoregion", count=60, min_sites=0, strata="biome", region=(-20, 0, 40, 40)),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.sampler)
def test_every_sampler_gives_the_table_whatever_the_shards(block):
    one, many = (sample_sites("d", block, PACKAGED, shards=n, seed=4) for n in (1, 7))
    SITES.check(one, "test")
    assert list(one.columns) == [c.name for c in SITES.columns]
    pd.testing.assert_frame_equal(one.drop(columns="shard"), many.drop(columns="shard"))
    assert one["shard"].unique().tolist() == [0]
    assert many["shard"].nunique() == 7
    assert one["land"].all()
    assert one["lon"].tolist() != sample_sites("d", block, PACKAGED, shards=1, seed=5)["lon"].tolist()


def test_the_stratum_of_a_stratified_site_is_its_biome():
    table = sample_sites("d", BLOCKS[3], PACKAGED, shards=1, seed=4)
    assert table["stratum"].tolist() == table["biome"].tolist()
    table = sample_sites("d", BLOCKS[2], PACKAGED, shards=1, seed=4)
    assert table["stratum"].tolist() == (table["climate_zone"] + "/" + table["land_cover"]).tolist()


@pytest.mark.parametrize("sampler", ["grid", "cities", "uniform", "ecoregion", "points"])
def test_every_sampler_keeps_to_a_users_polygon(sampler, tmp_path):
    region = box(5.1, 40, 15.1, 50).difference(box(8.1, 44, 12.1, 46))
    path = str(tmp_path / "region.gpkg")
    gpd.GeoSeries([region], crs=4326).to_file(path)
    rng = np.random.default_rng(0)
    pd.DataFrame({"lon": rng.uniform(0, 20, 200), "lat": rng.uniform(35, 55, 200)}).to_csv(tmp_path / "p.csv")
    block = {
        "grid": lambda: GridSites(sampler="grid", spacing_km=100, region=path),
        "cities": lambda: CitySites(sampler="cities", count=50, region=path),
        "uniform": lambda: UniformSites(sampler="uniform", count=50, region=path),
        "ecoregion": lambda: EcoregionSites(sampler="ecoregion", count=50, region=path),
        "points": lambda: PointSites(sampler="points", file=str(tmp_path / "p.csv"), region=path),
    }[sampler]()
    table = sample_sites("d", block, PACKAGED, shards=2, seed=4)
    assert len(table) > 20
    assert gpd.points_from_xy(table["lon"], table["lat"]).within(region).all()


def test_points_keep_names_and_strata(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("site_id,lon,lat,stratum\nsahara,10,25,mine\nbern,7.4,46.9,\nocean,-30,30,\n")
    table = sample_sites("d", PointSites(sampler="points", file=str(file)), PACKAGED, shards=1, seed=0)
    table = table.set_index("site_id")
    assert table.loc["sahara", ["stratum", "land_cover", "climate_zone"]].tolist() == ["mine", "barren", "arid"]
    assert table.loc["bern", "stratum"] == f"{table.loc['bern', 'climate_zone']}/{table.loc['bern', 'land_cover']}"
    assert table["land"].to_dict() == {"sahara": True, "bern": True, "ocean": False}, "the user's points are kept"


def test_sites_at_sea_say_so():
    block = CitySites(sampler="cities", count=300, compat=("sea_allowed",))
    table = sample_sites("d", block, PACKAGED, shards=1, seed=0)
    assert table["land"].tolist() == on_land(table["lon"], table["lat"], PACKAGED).tolist()
    assert not table["land"].all()


def test_an_empty_shard_is_refused():
    with pytest.raises(UserError, match=r"dataset d: 61 shards but 60 sites"):
        sample_sites("d", BLOCKS[0], PACKAGED, shards=61, seed=0)


def test_the_file_opens_in_geopandas_as_points_in_degrees(tmp_path):
    table = sample_sites("d", BLOCKS[2], PACKAGED, shards=3, seed=4)
    write_table(tmp_path / "sites.parquet", table, SITES, simulated=False, attribution="x")
    frame = gpd.read_parquet(tmp_path / "sites.parquet")
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.x.tolist() == table["lon"].tolist()
    assert frame.geometry.y.tolist() == table["lat"].tolist()


class TestSitesOfAnotherDataset:
    BLOCK = DatasetSites(sampler="dataset", dataset="first")

    def test_are_handed_on_as_they_are(self):
        first = sample_sites("first", BLOCKS[1], PACKAGED, shards=3, seed=4)
        again = sample_sites("second", self.BLOCK, PACKAGED, shards=3, seed=99, taken=first)
        pd.testing.assert_frame_equal(first, again)

    def test_other_shards_are_refused(self):
        first = sample_sites("first", BLOCKS[1], PACKAGED, shards=3, seed=4)
        with pytest.raises(
            UserError, match=r"dataset second: the sites of first lie in 3 shards, not in 2\n.*shards: 3"
        ):
            sample_sites("second", self.BLOCK, PACKAGED, shards=2, seed=4, taken=first)


@pytest.mark.parametrize("swapped", [False, True])
def test_points_at_sea(tmp_path, caplog, swapped):
    """Bern, the Sahara and the Atlantic; with lon and lat swapped Bern is a place off Somalia."""
    file = tmp_path / "p.csv"
    file.write_text("site_id,lon,lat\nbern,7.45,46.95\nsahara,10,25\nocean,-30,10\n")
    if swapped:
        file.write_text("site_id,lon,lat\nbern,46.95,7.45\natlantic,-20,0\n".replace("46.95,7.45", "60,7.45"))

    def drawn(sea):
        return sample_sites("d", PointSites(sampler="points", file=str(file), sea=sea), PACKAGED, shards=1, seed=0)

    with pytest.raises(UserError, match=r"(?s)points lie at sea .*first (ocean|bern) \(lon .*swapped.*sea: keep"):
        drawn("refuse")
    if swapped:
        with pytest.raises(UserError, match="2 of 2 points lie at sea"):
            drawn("drop")
        return
    assert set(drawn("keep")["site_id"]) == {"bern", "sahara", "ocean"}
    assert "1 of 3 points lie at sea" in caplog.text
    assert set(drawn("drop")["site_id"]) == {"bern", "sahara"}
