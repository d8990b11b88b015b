"""The stage as its rule calls it: every sampler gives the table of sites, the same whatever the shards."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.sites import CitySites, GridSites, PointSites, UniformSites
from greenup.errors import UserError
from greenup.schemas import SITES
from greenup.sites import packaged
from greenup.sites.sample import ATTRIBUTION, sample_sites

BLOCKS = [
    GridSites(sampler="grid", spacing_km=200, limit=60),
    CitySites(sampler="cities", count=60, min_distance_km=2),
    UniformSites(sampler="uniform", count=60),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.sampler)
def test_every_sampler_gives_the_table_whatever_the_shards(block):
    one, many = (sample_sites("d", block, shards=n, seed=4) for n in (1, 7))
    SITES.check(one, "test")
    pd.testing.assert_frame_equal(one.drop(columns="shard"), many.drop(columns="shard"))
    assert one["shard"].unique().tolist() == [0]
    assert many["shard"].nunique() == 7
    assert one["lon"].tolist() != sample_sites("d", block, shards=1, seed=5)["lon"].tolist()


def test_points_keep_names_and_strata(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text("site_id,lon,lat,stratum\nsahara,10,25,mine\nbern,7.4,46.9,\n")
    table = sample_sites("d", PointSites(sampler="points", file=str(file)), shards=1, seed=0).set_index("site_id")
    assert table.loc["sahara", ["stratum", "land_cover", "climate_zone", "weight"]].tolist() == [
        "mine",
        "barren",
        "arid",
        0.25,
    ]
    assert table.loc["bern", "stratum"] == f"{table.loc['bern', 'climate_zone']}/{table.loc['bern', 'land_cover']}"
    assert table.loc["bern", "weight"] == 1


def test_covariates_are_those_of_the_maps():
    table = sample_sites("d", BLOCKS[2], shards=1, seed=4)
    code = packaged.land_cover(table["lon"], table["lat"])
    assert table["land_cover"].tolist() == [packaged.IGBP[int(c)] for c in code]
    assert table["climate_zone"].tolist() == packaged.climate_zone(table["lon"], table["lat"]).tolist()
    assert ((table["weight"] == 0.25) == np.isin(code, [15, 16])).all()
    assert set(table["biome"]) <= set(packaged.BIOMES)


def test_the_share_of_bare_sites_is_the_papers():
    """SSL4Eco weights down 17 % of its sites, those of mean NDVI below 0.1; barren land and ice are 16.7 % here."""
    table = sample_sites("d", GridSites(sampler="grid", spacing_km=60, region=(-180, -60, 180, 84)), shards=1, seed=0)
    assert (table["weight"] < 1).mean() == pytest.approx(0.17, abs=0.01)


def test_an_empty_shard_is_refused():
    with pytest.raises(UserError, match=r"dataset d: 61 shards but 60 sites"):
        sample_sites("d", BLOCKS[0], shards=61, seed=0)


def test_sources_are_named():
    assert "MCD12C1" in ATTRIBUTION
    assert "GeoNames" in ATTRIBUTION
