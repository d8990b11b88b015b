"""Real tables in the shapes that the workflow reads, against the files they come from."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.samples.make import make_samples


@pytest.fixture(scope="module")
def made(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("tables")
    make_samples(samples, out)
    return out


def test_ssl4eo_s12_sites_are_the_centres_of_their_footprints(made, samples):
    table = pd.read_parquet(made / "ssl4eo_s12_sites" / "sites.parquet")
    raw = gpd.read_parquet(samples / "ssl4eo_s12_v11_val_sites" / "val_metadata.parquet")
    assert table.groupby("site_id").size().unique().tolist() == [4]
    assert table["site_id"].nunique() == 2176
    first = raw.drop_duplicates("sample_id").set_index("sample_id")
    sites = table.drop_duplicates("site_id").set_index("site_id")
    # A footprint is 2.64 km wide: its centroid in degrees lies within metres of the centre in UTM.
    centroid = first.loc[sites.index].geometry.apply(lambda g: g.centroid)
    assert np.abs(sites["lon"] - centroid.apply(lambda p: p.x)).max() < 5e-4
    assert np.abs(sites["lat"] - centroid.apply(lambda p: p.y)).max() < 5e-4
    assert sorted(table["time"].dt.tz_localize(None)) == sorted(pd.to_datetime(raw["time"]).dt.round("us"))


def test_fluxnet_series_keep_value_and_day(made, samples):
    table = pd.read_csv(made / "fluxnet" / "series.csv", parse_dates=["date"])
    raw = pd.read_csv(samples / "mod13a1_evi_fluxnet10" / "MOD13A1_series.csv.gz", parse_dates=["date"])
    assert table["site_id"].nunique() == 10
    assert len(raw) - len(table) < 50
    assert table["evi"].between(-0.2, 1).all()
    merged = table.assign(doy=table["date"].dt.dayofyear).merge(
        raw.assign(evi=(raw["EVI"] / 1e4).round(4)),
        left_on=["site_id", "doy", "evi"],
        right_on=["site", "DayOfYear", "evi"],
        suffixes=("", "_of_composite"),
    )
    late = (merged["date"] - merged["date_of_composite"]).dt.days
    # Each day seen lies in its composite of 16 days.
    assert len(merged[late.between(0, 16)]) >= len(table)


def test_ecoregions_are_all_there(made):
    layer = gpd.read_parquet(made / "ecoregions" / "ecoregions.parquet")
    assert len(layer) == 847
    assert layer.crs.to_epsg() == 4326
    assert layer["BIOME_NAME"].nunique() == 15


def test_chelsa_stations_keep_their_climate(made, samples):
    """Against the published table: each station's values, one station a place, and no target among the features."""
    table = pd.read_csv(made / "chelsa_at_stations" / "stations.csv", dtype={"site_id": str})
    raw = pd.read_csv(samples / "chelsa_at_stations" / "chelsa_v1.1_at_stations.csv.gz", dtype={"STNID": str})
    assert 20_000 < len(table) < len(raw)
    assert table["site_id"].is_unique and not table.duplicated(["lon", "lat"]).any() and not table.isna().any().any()
    theirs = raw.rename(columns={"STNID": "site_id", "LON": "lon", "LAT": "lat"}).merge(
        table, on=["site_id", "lon", "lat"]
    )
    assert set(theirs["site_id"]) == set(table["site_id"])
    for ours, column in {
        "elevation_m": "ELEV(M)",
        "temperature_c": "CHELSA_bio1_1979-2013_V1_1",
        "precipitation_mm": "CHELSA_bio12_1979-2013_V1_1",
    }.items():
        first = theirs.drop_duplicates("site_id")
        assert (first[ours] == first[column]).all()
    # The unit vector gives the place back.
    assert np.rad2deg(np.arcsin(table["z"].to_numpy())) == pytest.approx(table["lat"].to_numpy(), abs=5e-4)
    assert np.rad2deg(np.arctan2(table["y"].to_numpy(), table["x"].to_numpy())) == pytest.approx(
        table["lon"].to_numpy(), abs=5e-4
    )
    points = pd.read_csv(made / "chelsa_at_stations_points.csv", dtype={"site_id": str})
    assert points["site_id"].tolist() == table["site_id"].tolist()


def test_mcd12q2_sites_keep_their_dates(made, samples):
    table = pd.read_csv(made / "mcd12q2" / "dates.csv")
    raw = pd.read_csv(samples / "mcd12q2_sites_2001_2018" / "mcd12q2_days_since_1970.csv.gz")
    assert list(table.columns) == ["site_id", "year", "Greenup", "MidGreenup", "MidGreendown", "Dormancy"]
    assert len(table) == len(raw) and (table["Dormancy"].to_numpy() == raw["Dormancy_1"].to_numpy()).all()
    points = pd.read_csv(made / "mcd12q2_points.csv")
    assert len(points) == 5000 and (points["lat"] < 0).sum() == 121
    assert points["stratum"].value_counts().to_dict() == {
        "deciduous_broadleaf_forest": 2500,
        "deciduous_needleleaf_forest": 2500,
    }
