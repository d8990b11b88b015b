"""Numbers of the quality report against pandas, NumPy and the grid's own arithmetic."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.patches import quality

from tests.unit.paper.dataset_files import SIZE_PX, facts_of, ledger_rows, site_rows, write_dataset

SEASONS = ("spring", "summer", "autumn", "winter")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    sites = site_rows(60)
    rows = ledger_rows(sites, SEASONS)
    return sites, rows, facts_of(tmp_path_factory.mktemp("study"), sites, rows)


def test_counts_are_those_of_the_ledgers(made):
    sites, rows, facts = made
    ok = rows[rows["status"] == "ok"]
    expected = sites["site_id"].map(ok["site_id"].value_counts()).fillna(0).astype(int)
    table = quality.images_a_site(facts)
    assert table["images"].tolist() == [0, 1, 2, 3, 4]
    assert table["sites"].tolist() == [int((expected == n).sum()) for n in range(5)]
    assert table["share"].sum() == pytest.approx(1)
    found = quality.status_by_season(facts).set_index(["season", "status"])["count"]
    assert found.to_dict() == rows.groupby(["season", "status"]).size().to_dict()
    assert facts.simulated and facts.attribution == "made up for a test"


def test_causes_that_differ_in_numbers_are_one(made):
    _, rows, facts = made
    table = quality.causes(facts)
    assert table["count"].sum() == (rows["status"] != "ok").sum() and table["count"].is_monotonic_decreasing
    cloudy = table[table["status"] == "cloudy"]
    assert cloudy["cause"].tolist() == ["none below 20 % cloud (… candidates); the least is … %"]
    assert cloudy["count"].item() == (rows["status"] == "cloudy").sum()
    # A number that is the same everywhere stays.
    assert "the site has 1 image, min_images is 2" in set(table["cause"])
    short = quality.causes(facts, most=1)
    assert short["cause"].tolist()[1] == "2 other causes" and short["count"].sum() == table["count"].sum()


def test_cloud_of_known_and_unknown(made):
    _, rows, facts = made
    ok = rows[rows["status"] == "ok"]
    edges = np.arange(0.0, 101.0, 2.0)
    table = quality.cloud_counts(facts, edges)
    for of in ("tile", "patch"):
        mine = ok[(ok["cloud_of"] == of) & ok["cloud"].notna()]
        assert table.loc[table["cloud_of"] == of, "count"].tolist() == list(np.histogram(mine["cloud"], edges)[0])
    assert table.loc[table["cloud_of"] == "unknown", "count"].item() == ok["cloud"].isna().sum() > 0


def test_pixels_without_data_by_class(made):
    _, rows, facts = made
    valid = rows.loc[rows["status"] == "ok", "valid_fraction"].astype(float)
    table = quality.invalid_counts(facts)
    assert table["count"].sum() == len(valid)
    assert dict(zip(table["high"], table["count"], strict=True)) == {
        0: (valid == 1).sum(), 1: (valid == 0.995).sum(), 5: (valid == 0.95).sum(), 10: 0, 25: 0,
        50: (valid == 0.6).sum(), 100: 0,
    }  # fmt: skip


def test_quantiles_and_dates(made):
    sites, rows, facts = made
    ok = rows[rows["status"] == "ok"].merge(sites[["site_id", "lat"]], on="site_id")
    table = quality.quantiles_by_season(facts, "days_from_middle").set_index("season")
    for season, mine in ok.groupby("season"):
        q = mine["days_from_middle"].astype(float).quantile([0.05, 0.5, 0.95])
        np.testing.assert_allclose(table.loc[season, ["p05", "median", "p95"]].astype(float), q)
    time = pd.to_datetime(ok["time"], utc=True)
    south = np.where(ok["lat"] < 0, "south", "north")
    expected = ok.groupby([ok["season"], south, time.dt.year, time.dt.month]).size().to_dict()
    found = quality.dates(facts).set_index(["season", "hemisphere", "year", "month"])["count"].to_dict()
    assert found == expected


def test_centres_agree_with_the_grid(made):
    sites, rows, facts = made
    places = sites.set_index("site_id")
    for row, got in zip(rows.itertuples(), facts.rows.itertuples(), strict=True):
        assert (row.site_id, row.season) == (got.site_id, got.season)
        if row.status == "ok":
            site = places.loc[row.site_id]
            grid = PatchGrid(int(row.epsg), row.west, row.north, SIZE_PX)
            assert (got.east_m, got.north_m) == pytest.approx(grid.centre_offset_m(site.lon, site.lat), abs=1e-6)
            assert max(abs(got.east_m), abs(got.north_m)) <= 30 + 1e-6
        else:
            assert np.isnan(got.east_m)


def test_centres_of_grids_of_their_own():
    grids = [PatchGrid(4326, 2.8, 42.4, 100, 1e-4, 9e-5), PatchGrid(4326, -60.0, -20.0, 100, 1e-4, 9e-5),
             PatchGrid(32631, 500_000.0, 4_600_000.0, 100, 20.0, 20.0)]  # fmt: skip
    table = pd.DataFrame([vars(g) for g in grids]).assign(lon=[2.805, -59.9951, 3.01], lat=[42.3957, -20.0041, 41.53])
    east, north = quality.centre_offsets(table, 100)
    for i, grid in enumerate(grids):
        assert (east[i], north[i]) == pytest.approx(grid.centre_offset_m(table["lon"][i], table["lat"][i]), abs=1e-6)


def test_strata_without_images_and_without_coverage(made):
    sites, _, facts = made
    land = pd.DataFrame(
        {"kind": "land_cover", "stratum": ["cropland", "grassland", "urban"], "area_share": [0.5, 0.3, 0.2]}
    )
    table = quality.strata(facts, land, ["land_cover"]).set_index("stratum")
    assert table.index.tolist() == ["cropland", "grassland", "urban", "unknown"]
    assert table.loc["urban", ["sites", "with_images"]].tolist() == [0, 0]
    has = facts.sites["images"] > 0
    covers = facts.sites["land_cover"].astype(object).fillna("unknown")
    assert table["with_images"].to_dict() == {**covers[has].value_counts().to_dict(), "urban": 0}
    assert table["sites"].sum() == len(sites) and table["image_share"].sum() == pytest.approx(1)
    assert quality.strata(facts, None, ["land_cover"])["area_share"].isna().all()


def test_one_site_a_season_without_images_and_no_cloud(tmp_path):
    sites = site_rows(1).assign(shard=0)
    rows = ledger_rows(sites, ("summer", "winter"), lost=0.0)
    lost = rows["season"] == "winter"
    rows["cause"] = rows["cause"].astype(object)
    rows.loc[lost, ["time", "cloud", "valid_fraction", "days_from_middle", "cloud_of"]] = None
    rows.loc[lost, ["epsg", "west", "north", "pixel_x", "pixel_y"]] = None
    rows.loc[lost, ["status", "cause"]] = ["no_scene", "no scene in the archive in these days"]
    rows["cloud"] = None
    facts = facts_of(tmp_path, sites, rows)
    assert quality.images_a_site(facts)["sites"].tolist() == [0, 1, 0]
    table = quality.quantiles_by_season(facts, "days_from_middle").set_index("season")
    assert table.loc["winter", "images"] == 0 and np.isnan(table.loc["winter", "median"])
    assert quality.cloud_counts(facts, np.arange(0.0, 101.0, 2.0))[["cloud_of", "count"]].values.tolist() == [
        ["unknown", 1]
    ]


def test_a_site_of_another_sampling_is_named(tmp_path):
    sites = site_rows(4)
    paths = write_dataset(tmp_path, sites, ledger_rows(sites, ("summer",)))
    other = write_dataset(tmp_path / "other", sites.iloc[:2], ledger_rows(sites.iloc[:2], ("summer",)))
    with pytest.raises(UserError, match="'s002'"):
        quality.read_facts(other["sites"], paths["ledgers"], paths["scenes"], size_px=SIZE_PX)
