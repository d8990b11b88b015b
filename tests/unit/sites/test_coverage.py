"""Cells and their areas; shares and ratios of a sampling against the land; the summary of several."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.schemas import COVERAGE, LAND
from greenup.sites import coverage
from greenup.sites.attributes import add_attributes
from greenup.sites.coverage import (
    KINDS,
    SPACING_KM,
    cells,
    map_land,
    measure_coverage,
    read_coverage,
    spacing_of,
    summary,
    write_coverage,
)
from greenup.sites.packaged import is_land
from greenup.sites.sources import SiteData
from greenup.sites.sphere import EARTH_KM, great_circle_km
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box as rectangle

EUROPE = (-10.0, 36.0, 30.0, 60.0)


@st.composite
def boxes(draw):
    west = draw(st.floats(-180, 179))
    south = draw(st.floats(-90, 89))
    east = draw(st.floats(west + 0.5, 180))
    north = draw(st.floats(south + 0.5, 90))
    return west, south, east, north


class TestCells:
    @given(boxes(), st.floats(60, 3000))
    def test_fill_the_box(self, box, spacing):
        west, south, east, north = box
        table = cells(box, spacing)
        exact = EARTH_KM**2 * np.radians(east - west) * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
        assert table["area_km2"].sum() == pytest.approx(exact, rel=1e-9)
        assert table["lon"].between(west, east).all() and table["lat"].between(south, north).all()
        assert (table["area_km2"] > 0).all()
        assert not table.duplicated(["lon", "lat"]).any()

    def test_the_whole_sphere(self):
        table = cells((-180, -90, 180, 90), 200)
        assert table["area_km2"].sum() == pytest.approx(4 * np.pi * EARTH_KM**2, rel=1e-12)

    @given(st.floats(-70, 69), st.floats(5, 40))
    def test_are_the_distance_apart(self, south, spacing):
        """Neighbours in a row and between rows, by great circles."""
        table = cells((0, south, 8, south + 6), spacing)
        rows = table.groupby("lat")["lon"].first()
        lat = float(rows.index[0])
        row = table.loc[table["lat"] == lat, "lon"].to_numpy()
        along = great_circle_km(row[:-1], lat, row[1:], lat)
        assert (along <= spacing * 1.0001).all() and (along > 0.8 * spacing).all()
        up = great_circle_km(0, rows.index[:-1].to_numpy(), 0, rows.index[1:].to_numpy())
        assert (up <= spacing * 1.0001).all() and (up > 0.9 * spacing).all()

    def test_regions_get_finer_cells(self):
        assert spacing_of((-180, -90, 180, 90)) == SPACING_KM[1]
        assert spacing_of((8, 46, 8.1, 46.1)) == SPACING_KM[0]
        assert SPACING_KM[0] < spacing_of(EUROPE) < SPACING_KM[1]
        assert len(cells(EUROPE, spacing_of(EUROPE))) == pytest.approx(coverage.CELLS, rel=0.02)


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    return map_land([None], SiteData())


class TestMapLand:
    def test_areas_sum_to_the_land(self, world):
        """Against the packaged mask integrated at 0.1 degrees, another grid altogether."""
        lat = np.arange(-89.95, 90, 0.1)
        lon = np.arange(-179.95, 180, 0.1)
        share = np.array([is_land(lon, np.full(len(lon), y)).mean() for y in lat])
        weight = np.cos(np.radians(lat))
        land = 4 * np.pi * EARTH_KM**2 * (share * weight).sum() / weight.sum()
        assert world["area_km2"].sum() == pytest.approx(land, rel=2e-3)
        # 148.9 million km2 of land by the CIA World Factbook; coastlines and ice shelves differ.
        assert world["area_km2"].sum() == pytest.approx(148.9e6, rel=0.02)

    def test_fits_its_schema(self, world):
        LAND.check(world, "land")
        assert is_land(world["lon"], world["lat"]).all()

    def test_covers_the_regions_and_no_more(self):
        table = map_land([(5.0, 45.0, 8.0, 47.0), (10.0, 46.0, 12.0, 48.0)], SiteData())
        assert table["lon"].between(5, 12).all() and table["lat"].between(45, 48).all()
        assert table["lon"].min() < 5.1 and table["lon"].max() > 11.9

    def test_open_sea_is_refused(self):
        with pytest.raises(UserError, match="no land between"):
            map_land([(-140.0, -50.0, -139.0, -49.0)], SiteData())

    def test_an_ecoregion_smaller_than_the_cells_is_there(self, tmp_path, monkeypatch):
        monkeypatch.setattr(coverage, "SPACING_KM", (50.0, 50.0))
        names = {"ECO_NAME": ["Main", "Islet", "Far"], "BIOME_NUM": [4, 5, 5], "REALM": ["Palearctic"] * 3}
        shapes = [rectangle(0, 45, 20, 50), rectangle(20.0, 45.0, 20.1, 45.1), rectangle(60, 45, 60.1, 45.1)]
        path = tmp_path / "eco.gpkg"
        gpd.GeoDataFrame(names, geometry=shapes, crs=4326).to_file(path)
        table = map_land([(0.0, 45.0, 21.0, 50.0)], SiteData(ecoregions=path))
        islet = table[table["ecoregion"] == "Islet"]
        # The sphere's area of the rectangle; the projection's is the ellipsoid's.
        area = EARTH_KM**2 * np.radians(0.1) * (np.sin(np.radians(45.1)) - np.sin(np.radians(45.0)))
        assert islet["area_km2"].sum() == pytest.approx(area, rel=0.01)
        assert "Far" not in set(table["ecoregion"]), "outside the box"
        LAND.check(table, "land")


def uniform(count: int, seed: int = 0, region=(-180.0, -60.0, 180.0, 84.0)) -> pd.DataFrame:
    """Points uniform on land, drawn here by rejection, with attributes."""
    rng = np.random.default_rng(seed)
    west, south, east, north = region
    lon, lat = np.empty(0), np.empty(0)
    while len(lon) < count:
        x = rng.uniform(west, east, count)
        y = np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians([south, north])), count)))
        keep = is_land(x, y)
        lon, lat = np.concatenate([lon, x[keep]])[:count], np.concatenate([lat, y[keep]])[:count]
    return add_attributes(pd.DataFrame({"lon": lon, "lat": lat}), SiteData())


class TestMeasure:
    def test_shares_sum_to_one(self, world):
        table = measure_coverage("x", uniform(500), world, (-180, -60, 180, 84))
        for kind, mine in table.groupby("kind"):
            assert mine["area_share"].sum() == pytest.approx(1), kind
            assert mine["site_share"].sum() == pytest.approx(1), kind
            assert mine["sites"].sum() == 500
        assert set(table["kind"]) == set(KINDS)

    def test_the_land_itself_is_proportional(self, world):
        """Each cell as a site: shares differ only by the cells' slightly different areas."""
        table = measure_coverage("x", world, world, None)
        large = table[table["area_share"] > 1e-3]
        assert large["ratio"].to_numpy() == pytest.approx(1, abs=0.02)
        assert not table["empty"].any()

    def test_the_ratio_of_a_uniform_sampling_tends_to_one(self, world):
        """The standard deviation of a ratio is sqrt((1 - p) / (n p)): four of them bound it, and it falls with n."""
        spread = {}
        for n in (1_000, 40_000):
            table = measure_coverage("x", uniform(n, seed=n), world, (-180, -60, 180, 84))
            large = table[table["area_share"] > 0.01]
            p, ratio = large["area_share"].to_numpy(float), large["ratio"].to_numpy(float)
            # One cell more or less along the borders of strata adds to the sampling's own spread.
            assert (np.abs(ratio - 1) < 4 * np.sqrt((1 - p) / (n * p)) + 0.02).all()
            spread[n] = np.abs(ratio - 1).mean()
        assert spread[40_000] < spread[1_000] / 3

    def test_by_hand(self):
        land = pd.DataFrame(
            {
                "lon": [0.0, 1.0, 2.0, 3.0], "lat": 0.0, "area_km2": [10.0, 20.0, 30.0, 40.0],
                "ecoregion": ["A", "A", "B", None], "biome": "forest", "realm": "r", "land_cover": "grassland",
                "climate_zone": "arid", "mountain": [True, False, False, False],
            }
        )  # fmt: skip
        sites = land.iloc[[0, 3, 3, 3]].assign(
            ecoregion=["A", "island", None, "A"], mountain=[True, True, False, False]
        )
        table = measure_coverage("x", sites, land, None).set_index(["kind", "stratum"])
        expected = {
            # area, area share, sites, site share, ratio, empty
            ("ecoregion", "A"): (30, 0.3, 2, 0.5, 5 / 3, False),
            ("ecoregion", "B"): (30, 0.3, 0, 0.0, 0.0, True),
            ("ecoregion", "unknown"): (40, 0.4, 1, 0.25, 0.625, False),
            ("ecoregion", "island"): (0, 0.0, 1, 0.25, None, False),
            ("mountain", "mountain"): (10, 0.1, 2, 0.5, 5.0, False),
            ("mountain", "no_mountain"): (90, 0.9, 2, 0.5, 5 / 9, False),
            ("biome", "forest"): (100, 1.0, 4, 1.0, 1.0, False),
        }
        for key, (area, area_share, count, site_share, ratio, empty) in expected.items():
            row = table.loc[key]
            assert (row["area_km2"], row["sites"], row["empty"]) == (area, count, empty), key
            assert (row["area_share"], row["site_share"]) == pytest.approx((area_share, site_share)), key
            assert pd.isna(row["ratio"]) if ratio is None else row["ratio"] == pytest.approx(ratio), key

    def test_only_the_region_counts(self, world):
        """Europe has no tropics; without the region its lack would be held against the sampling."""
        sites = uniform(300, region=EUROPE)
        zones = measure_coverage("x", sites, world, EUROPE).query("kind == 'climate_zone'").set_index("stratum")
        assert "tropical" not in zones.index
        everywhere = measure_coverage("x", sites, world, None).query("kind == 'climate_zone'").set_index("stratum")
        assert everywhere.loc["tropical", "empty"]

    def test_a_region_smaller_than_the_cells(self, world, caplog):
        sites = uniform(3, region=(8.0, 46.0, 9.0, 47.0))
        table = measure_coverage("x", sites, world, (8.0, 46.0, 8.001, 46.001))
        assert table["area_share"].isna().all() and table["ratio"].isna().all()
        assert table["sites"].sum() == 3 * len(KINDS)
        assert "smaller than the cells" in caplog.text

    def test_says_how_many_strata_lack_a_site(self, world, caplog):
        caplog.set_level("INFO")
        table = measure_coverage("mine", uniform(20), world, None)
        biomes = table[table["kind"] == "biome"]
        assert f"{int(biomes['empty'].sum())} of {len(biomes)} strata of biome" in caplog.text
        assert "mine: 20 sites" in caplog.text

    def test_csv_round_trip(self, world, tmp_path):
        table = measure_coverage("x", uniform(50), world, None)
        # A stratum's name may look like a missing value.
        table.loc[0, "stratum"] = "NA"
        write_coverage(tmp_path / "x.csv", table)
        pd.testing.assert_frame_equal(read_coverage(tmp_path / "x.csv"), table)
        (tmp_path / "bad.csv").write_text("kind,stratum\n")
        with pytest.raises(UserError, match=r"bad\.csv"):
            read_coverage(tmp_path / "bad.csv")
        with pytest.raises(UserError, match=r"none\.csv"):
            read_coverage(tmp_path / "none.csv")


def made(**biomes: tuple[float, int]) -> pd.DataFrame:
    """A coverage table of biomes (area, sites), the ecoregions the same."""
    area, sites = (np.array(v, dtype=float) for v in zip(*biomes.values(), strict=True))
    table = pd.DataFrame({"stratum": list(biomes), "area_km2": area, "sites": sites.astype(int)})
    table = table.assign(area_share=area / area.sum(), site_share=sites / sites.sum(), empty=sites == 0)
    table["ratio"] = (table["site_share"] / table["area_share"]).where(area > 0)
    return COVERAGE.check(pd.concat([table.assign(kind=k) for k in ("ecoregion", "biome")]), "made")


class TestSummary:
    def test_by_hand(self):
        table = summary({"one": made(forest=(50, 90), desert=(35, 10), ice=(15, 0)), "even": made(a=(1, 2), b=(3, 6))})
        one, even = table.to_dict("records")
        assert (one["dataset"], one["sites"]) == ("one", 100)
        assert (one["ecoregions_reached"], one["ecoregions"], one["biomes_reached"], one["biomes"]) == (2, 3, 2, 3)
        assert one["ecoregion_area"] == pytest.approx(0.85)
        assert one["displaced"] == pytest.approx(0.4), "25 sites in a hundred belong in deserts, 15 on ice"
        assert one["lacking"] == "desert" and one["lacking_ratio"] == pytest.approx(2 / 7)
        assert even["displaced"] == pytest.approx(0) and even["lacking"] == "none" and even["lacking_ratio"] == 1

    def test_unknown_ground_and_islets_are_not_counted(self):
        row = summary({"x": made(forest=(50, 5), unknown=(50, 0), islet=(0, 5))}).iloc[0]
        assert (row["ecoregions_reached"], row["ecoregions"]) == (1, 1)
        assert row["lacking"] == "none", "it lacks only what has no name"
