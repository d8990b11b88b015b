"""The miniature Earth as a source: one world for every reader, pixels that follow the seasons, honest labels."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.bands import S2_L2A, bands_at
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery import open_source
from greenup.imagery.miniature import VERSION, MiniatureSource, land, plants, trees
from greenup.imagery.miniature.dates import four_dates
from greenup.schemas import CURVES
from greenup.sites import packaged
from scipy.stats import circmean, spearmanr

SEED = 11
PLACES = {
    "fields": (11.9, 48.6),
    "boreal": (27.0, 64.0),
    "tundra": (-150.0, 69.5),
    "desert": (9.0, 24.5),
    "rain_forest": (-60.4, -4.2),
    "savanna": (26.0, 8.0),
    "pampa": (-62.5, -35.0),
    "mountains": (86.0, 34.0),
    "city": (139.6, 35.8),
    "ice": (-40.0, 75.0),
}

# Clearest pass of summer 2019 over each place, and what it shows on 60 px: means of B4, B8 and B11, deviation of B4.
FROZEN = {
    "fields": ("MINI1_20190728T094239_T32UQU", [417, 1616, 1233, 193]),
    "boreal": ("MINI1_20190803T085219_T35VML", [429, 2986, 1690, 187]),
    "tundra": ("MINI1_20190625T203944_T06WUC", [791, 1757, 1618, 298]),
    "desert": ("MINI1_20190607T100253_T32RMN", [2141, 2768, 3677, 347]),
    "rain_forest": ("MINI1_20190812T143723_T20MQA", [282, 2572, 1422, 161]),
    "savanna": ("MINI1_20190716T085205_T35NLJ", [1058, 3707, 2598, 232]),
    "pampa": ("MINI1_20190615T144536_T20HNG", [2205, 3794, 3994, 899]),
    "mountains": ("MINI1_20190718T044521_T45SVT", [2174, 2958, 4025, 353]),
    "city": ("MINI1_20190623T011952_T54SUE", [609, 3060, 2005, 216]),
    "ice": ("MINI1_20190823T131821_T24XVJ", [8749, 7320, 993, 490]),
}


@pytest.fixture(scope="module")
def source() -> MiniatureSource:
    return MiniatureSource(SEED)


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    """Land points, uniform by area north of 60 S."""
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(-180, 180, 5000), np.degrees(np.arcsin(rng.uniform(-0.86, 0.99, 5000)))
    keep = packaged.is_land(lon, lat)
    lon, lat = lon[keep], lat[keep]
    return pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(len(lon))],
            "lon": lon,
            "lat": lat,
            "zone": packaged.climate_zone(lon, lat),
            "cover": packaged.land_cover_name(lon, lat),
        }
    )


def scenes(source, lon, lat, grid, first="2019-05-01", last="2019-09-30") -> pd.DataFrame:
    sites = pd.DataFrame({"site_id": ["x"], "lon": [lon], "lat": [lat]})
    row = {"site_id": "x", "season": "s", "year": 0, "first": first, "middle": first, "last": last}
    return source.search(sites, pd.DataFrame([row]), [grid]).sort_values("cloud", ignore_index=True)


def fingerprint(seed: int) -> str:
    """Everything a source gives, of a few places, as one checksum."""
    digest = hashlib.blake2b(digest_size=16)
    source = MiniatureSource(seed)
    for lon, lat in PLACES.values():
        grid = grid_for_site(lon, lat, 60, (10, 20, 60))
        found = scenes(source, lon, lat, grid)
        digest.update(found.to_csv(index=False).encode())
        for scene in found["scene_id"][[0, len(found) // 2]]:
            pixels = source.read(scene, grid, S2_L2A)
            for native in (10, 20, 60):
                digest.update(pixels.values[native].tobytes() + pixels.valid[native].tobytes())
    sites = pd.DataFrame(PLACES, index=["lon", "lat"]).T.reset_index(names="site_id")
    tables = [source.phenology(sites, (2019, 2020)), source.curves(sites, (2019, 2019))]
    for table in (*tables, source.climate(sites), source.genera(sites)):
        digest.update(table.to_csv(index=False).encode())
    return digest.hexdigest()


# -------------------------------------------------------------------------------------------------------- one world
def test_a_fresh_process_sees_the_same_world_to_the_bit():
    folder = Path(__file__).parent
    code = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(folder.parents[2] / 'scripts')!r}]\n"
        f"import test_miniature; print(test_miniature.fingerprint({SEED}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == fingerprint(SEED)
    assert told != fingerprint(SEED + 1)


@pytest.mark.parametrize("place", PLACES)
def test_the_world_is_frozen(source, place):
    """Moved by intent? Raise VERSION, and write what it shows now. Other machines may round differently, by counts."""
    lon, lat = PLACES[place]
    grid = grid_for_site(lon, lat, 60, (10, 20, 60))
    scene = scenes(source, lon, lat, grid)["scene_id"][0]
    pixels = source.read(scene, grid, S2_L2A)
    red, nir, swir = pixels.values[10][2], pixels.values[10][3], pixels.values[20][4]
    assert scene == FROZEN[place][0]
    assert [red.mean(), nir.mean(), swir.mean(), red.std()] == pytest.approx(FROZEN[place][1], abs=2.0)


@pytest.mark.parametrize("place", PLACES)
def test_overlapping_patches_agree(source, place):
    """Patches that share ground show the same pixels; a rounding may differ by one count."""
    lon, lat = PLACES[place]
    grid = grid_for_site(lon, lat, 264, (10, 20, 60))
    scene = scenes(source, lon, lat, grid)["scene_id"][0]
    whole = source.read(scene, grid, S2_L2A)
    # 17 x 60 m east, 11 x 60 m south; 130 px is no multiple of 60 m.
    part = PatchGrid(grid.epsg, grid.west + 1020, grid.north - 660, 130)
    pixels = source.read(scene, part, S2_L2A)
    for native in (10, 20, 60):
        n, right, down = part.shape(native), 1020 // native, 660 // native
        same = np.s_[..., down : down + n, right : right + n]
        a, b = whole.values[native][same].astype(int), pixels.values[native].astype(int)
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= 1
        assert (a == b).mean() > 0.999
        assert np.array_equal(whole.valid[native][same], pixels.valid[native])


def test_sites_are_known_by_place_not_by_name(source, sample):
    few = sample.head(40)
    renamed = few.iloc[::-1].assign(site_id=[f"other{i}" for i in range(40)])
    for function in (source.climate, source.genera, lambda s: source.phenology(s, (2019, 2019))):
        a = function(few).set_index("site_id").loc[few["site_id"]].reset_index(drop=True)
        b = function(renamed).set_index("site_id").loc[renamed["site_id"][::-1]].reset_index(drop=True)
        pd.testing.assert_frame_equal(a, b)


def test_a_subset_of_bands_is_the_same(source):
    lon, lat = PLACES["fields"]
    grid = grid_for_site(lon, lat, 128, (10, 20, 60))
    scene = scenes(source, lon, lat, grid)["scene_id"][3]
    everything = source.read(scene, grid, S2_L2A)
    bands = ("B8A", "B4", "B9", "B12", "B2")
    some = source.read(scene, grid, bands)
    for native in (10, 20, 60):
        names = bands_at(S2_L2A, native)
        rows = [names.index(b) for b in bands_at(bands, native)]
        assert np.array_equal(some.values[native], everything.values[native][rows])
    assert list(source.read(scene, grid, ("B3",)).values) == [10]


# ------------------------------------------------------------------------------------------------------------ pixels
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [48, 128])
def test_pixels_are_stored_as_the_product_stores_them(source, place, size):
    lon, lat = PLACES[place]
    grid = grid_for_site(lon, lat, size, (10, 20, 60))
    for scene in scenes(source, lon, lat, grid)["scene_id"][[0, 5]]:
        pixels = source.read(scene, grid, S2_L2A)
        for native, count in ((10, 4), (20, 6), (60, 2)):
            n = grid.shape(native)
            values, valid = pixels.values[native], pixels.valid[native]
            assert values.shape == (count, n, n)
            assert values.dtype == np.uint16
            assert valid.shape == (n, n)
            assert valid.dtype == bool
            assert (values[:, valid] >= 1).all()
            assert (values[:, valid] <= 20_000).all()
            assert (values[:, ~valid] == 0).all()


def test_swaths_end(source):
    """One pass in twenty-five ends inside the tile: beyond its edge there is no data, in no band."""
    lon, lat = PLACES["fields"]
    grid = grid_for_site(lon, lat, 60, (10, 20, 60))
    found = scenes(source, lon, lat, grid, "2018-01-01", "2021-12-31")
    ends = {s: source._sky.scene(s, grid).edge for s in found["scene_id"]}
    cut = {s: e for s, e in ends.items() if e is not None}
    assert 2 <= len(cut) <= 0.1 * len(ends)
    scene, (middle, slope, side) = next(iter(cut.items()))
    south = source._sky.scene(scene, grid).south
    north = (south + 50_000) // 60 * 60
    west = middle // 60 * 60 - 600
    edge = PatchGrid(grid.epsg, west, north, 120)
    pixels = source.read(scene, edge, S2_L2A)
    for native in (10, 20, 60):
        valid = pixels.valid[native]
        n = edge.shape(native)
        assert 0.2 < valid.mean() < 0.8
        x = west + (np.arange(n) + 0.5) * native
        y = north - (np.arange(n) + 0.5) * native
        beyond = (x[None, :] - middle - slope * (y[:, None] - south - 50_000)) * side
        # A pixel is valid when all of it lies inside.
        assert valid[beyond > native].all()
        assert not valid[beyond < -native].any()
        assert (pixels.values[native][:, ~valid] == 0).all()


def mean_evi(pixels) -> float:
    blue, _, red, nir = pixels.values[10].astype(float) / 10_000
    good = pixels.valid[10] & (blue < 0.25)
    if good.mean() < 0.5:
        return np.nan
    return float(np.mean((2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1))[good]))


@pytest.mark.parametrize("lon_lat", [(11.9, 48.6), (-85.0, 38.0), (26.0, 8.0), (-62.5, -35.0), (104.0, 17.0)])
def test_evi_of_clear_pixels_follows_the_curve(source, lon_lat):
    """Over 2.6 km: enough fields for their mean to be that of the place."""
    lon, lat = lon_lat
    grid = grid_for_site(lon, lat, 264, (10, 20, 60))
    found = scenes(source, lon, lat, grid, "2019-01-01", "2020-12-31").query("cloud < 12")
    seen = np.array([mean_evi(source.read(s, grid, ("B2", "B3", "B4", "B8"))) for s in found["scene_id"]])
    curve = source.curves(pd.DataFrame({"site_id": ["x"], "lon": [lon], "lat": [lat]}), (2019, 2020)).query("clear")
    days = [t.timestamp() for t in curve["time"]]
    told = np.interp([t.timestamp() for t in found["time"]], days, curve["evi"])
    clear = ~np.isnan(seen)
    assert clear.sum() > 15
    # Ranks within the plateau of summer are noise; the course of the year is not.
    assert spearmanr(seen[clear], told[clear]).statistic > 0.5
    assert np.corrcoef(seen[clear], told[clear])[0, 1] > 0.75


def test_snow_lies_in_boreal_winter_only(source):
    lon, lat = PLACES["boreal"]
    grid = grid_for_site(lon, lat, 60, (10, 20, 60))

    def bright(first, last):
        scene = scenes(source, lon, lat, grid, first, last)["scene_id"][0]
        return (source.read(scene, grid, ("B3",)).values[10] > 3000).mean()

    assert bright("2019-02-25", "2019-03-25") > 0.3
    assert bright("2019-07-01", "2019-08-15") < 0.02


def test_cover_types_have_textures_of_their_own(source):
    """Standard deviation within a patch over its mean: fields and cities are rougher than ice, whatever the light."""
    rough = {}
    for place in ("fields", "city", "ice"):
        lon, lat = PLACES[place]
        grid = grid_for_site(lon, lat, 128, (10, 20, 60))
        clear = scenes(source, lon, lat, grid, "2018-05-01", "2020-09-30")["scene_id"][:6]
        pixels = [source.read(s, grid, ("B4",)) for s in clear]
        red = [p.values[10].astype(float) for p in pixels if p.valid[10].all()]
        rough[place] = np.median([r.std() / r.mean() for r in red])
    assert rough["ice"] < 0.5 * min(rough["fields"], rough["city"])


# --------------------------------------------------------------------------------------------------------- phenology
def test_phenology_table(source, sample):
    few = sample.head(50)
    table = source.phenology(few, (2018, 2020))
    assert list(table.columns) == ["site_id", "year", "greenup", "maturity", "senescence", "dormancy"]
    assert len(table) == 150
    assert not table.duplicated(["site_id", "year"]).any()
    dates = table[["greenup", "maturity", "senescence", "dormancy"]]
    # All four or none; in order; the cycle's middle in its year, to half a year.
    assert dates.isna().sum(axis=1).isin([0, 4]).all()
    there = dates.dropna()
    assert (there.diff(axis=1).iloc[:, 1:] > 0).all().all()
    year = (pd.to_datetime(there.mean(axis=1), unit="D").dt.year - table.loc[there.index, "year"]).abs()
    assert (year <= 1).all()


def test_dates_are_the_crossings_of_the_curve():
    """The four dates against a search on a daily curve of the same places."""
    places = land.describe(SEED, np.array([11.9, -85.0, -62.5]), np.array([48.6, 38.0, -35.0]))
    dates = four_dates(places, (2019, 2019))[:, 0]
    centre = plants.window(places)[0] + 49 * plants.YEAR
    for i in range(3):
        days = centre[i] + np.arange(-183, 184)
        evi = plants.evi_curve(plants.take(places, np.array([i])), days)[0][0]
        scaled = (evi - evi.min()) / (evi.max() - evi.min())
        truth = [
            days[scaled > 0.15][0], days[scaled > 0.9][0], days[scaled > 0.9][-1], days[scaled > 0.15][-1]
        ]  # fmt: skip
        assert np.abs(dates[i] - truth).max() < 3.0


def test_the_south_is_half_a_year_behind(source, sample):
    covers = ["cropland", "grassland", "mixed_forest", "savanna", "woody_savanna"]
    spots = sample[sample["zone"].isin(["temperate", "cold"]) & sample["cover"].isin(covers)]
    table = source.phenology(spots, (2019, 2019)).dropna().merge(spots, on="site_id")
    middle = ((table["maturity"] + table["senescence"]) / 2) % 365.2425
    north, south = (circmean(middle[table["lat"] * s > 24], high=365.2425) for s in (1, -1))
    assert (table["lat"] < -24).sum() >= 10
    assert 130 < (south - north) % 365.2425 < 240


def test_dates_are_missing_in_deserts_ice_and_evergreen_tropics_only(source, sample):
    table = source.phenology(sample, (2019, 2019)).merge(sample, on="site_id")
    missing = table["greenup"].isna()
    tropical_forest = (table["zone"] == "tropical") & (table["cover"] == "evergreen_broadleaf_forest")
    bare = table["cover"].isin(["barren", "snow_and_ice"])
    assert missing[tropical_forest].mean() > 0.9
    assert missing[bare].mean() > 0.9
    # Shrubs of deserts, and wet corners of the tropics, may lack a season; so may what is mostly water.
    maybe = table["zone"].isin(["arid", "polar", "tropical"])
    maybe |= table["cover"].isin(["water", "evergreen_broadleaf_forest"])
    rest = ~(bare | maybe)
    assert rest.sum() > 300
    assert missing[rest].mean() < 0.02


def test_years_differ_a_little(source, sample):
    few = sample[sample["cover"].isin(["cropland", "mixed_forest"])].head(60)
    table = source.phenology(few, (2018, 2021)).dropna()
    days = table.assign(day=table["greenup"] - (table["year"] - 1970) * 365.2425).groupby("site_id")["day"]
    assert 1.0 < days.std().median() < 12.0


# ------------------------------------------------------------------------------------------------------------ labels
def test_climate(source, sample):
    table = source.climate(sample)
    assert list(table.columns) == [
        "site_id", "temperature_c", "precipitation_mm", "evapotranspiration_mm", "water_balance_mm"
    ]  # fmt: skip
    assert table["site_id"].tolist() == sample["site_id"].tolist()
    assert not table.isna().any().any()
    assert np.allclose(table["water_balance_mm"], table["precipitation_mm"] - table["evapotranspiration_mm"])
    means = table.drop(columns="site_id").groupby(sample["zone"]).mean()
    assert means["temperature_c"].idxmax() == "tropical"
    assert means["temperature_c"].idxmin() == "polar"
    assert means["precipitation_mm"].idxmax() == "tropical"
    assert means["water_balance_mm"].idxmin() == "arid"
    # Neighbours have like climates: 2 km apart against strangers.
    near = source.climate(sample.assign(lat=sample["lat"] + 0.018))
    inland = (sample["zone"] == packaged.climate_zone(sample["lon"], sample["lat"] + 0.018)).to_numpy()
    gap = (near["temperature_c"] - table["temperature_c"]).abs()[inland]
    assert gap.median() < 0.15 * table["temperature_c"].std()


def test_climate_follows_real_stations(source, samples):
    """Against CHELSA at real places: a simulated climate that is no better than its zones, and no worse."""
    folder = samples / "ssl4eco_index_sample"
    real = pd.read_csv(folder / "climate_labels_50k.csv").rename(columns={"ind": "site_id"})
    real["site_id"] = real["site_id"].astype(str)
    real = real.drop_duplicates("site_id")
    table = source.climate(real[["site_id", "lon", "lat"]])
    assert len(real) >= 20
    assert spearmanr(table["temperature_c"], real["temp"]).statistic > 0.7
    assert spearmanr(table["precipitation_mm"], real["prec"]).statistic > 0.4


def test_genera(source, sample):
    table = source.genera(sample)
    assert list(table.columns) == ["site_id", "label"]
    known = {g.name for g in trees.GENERA}
    named = table["label"].map(lambda s: s.split(", ") if s else [])
    assert {n for row in named for n in row} <= known
    assert all(len(set(row)) == len(row) for row in named)
    forest = sample["cover"].str.contains("forest").to_numpy()
    assert (named[forest].map(len) > 0).mean() > 0.95
    assert (named[(sample["cover"] == "barren").to_numpy()].map(len) == 0).mean() > 0.95

    def share(genus, where):
        return named[where.to_numpy()].map(lambda row: genus in row).mean()

    cold_forest = (sample["zone"] == "cold") & forest
    wet_forest = (sample["zone"] == "tropical") & forest
    assert share("Picea", cold_forest) > 0.2 > share("Picea", wet_forest)
    assert share("Shorea", wet_forest) > 0.2 > share("Shorea", cold_forest)
    # Climate alone does not give them away: no genus stands in every forest of its zone.
    assert all(share(g, cold_forest) < 0.9 for g in known)


def test_curves(source, sample):
    few = sample.head(20)
    table = CURVES.check(source.curves(few, (2019, 2020)), "curves")
    assert len(table) == 20 * 46
    assert table["time"].dt.year.isin([2019, 2020]).all()
    assert table["evi"].between(-0.2, 1.0).all()
    clear, snow = table["clear"].astype(bool), table["snow"].astype(bool)
    assert 0.05 < (~clear).mean() < 0.6
    assert not (clear & snow).any()


def test_snow_of_the_curves_lies_where_winters_are_cold(source):
    """The flag is that of the ground the images show: long winters in Siberia, none in the Congo basin."""
    places = pd.DataFrame({"site_id": ["cold", "warm"], "lon": [110.0, 23.0], "lat": [62.0, 0.0]})
    table = source.curves(places, (2019, 2020))
    snow = table[table["snow"]].groupby(["site_id", table["time"].dt.month]).size()
    assert set(snow.index.get_level_values("site_id")) == {"cold"}
    assert snow["cold"].reindex([12, 1, 2]).notna().all()
    assert snow["cold"].reindex([7, 8]).isna().all()


# ----------------------------------------------------------------------------------------------------------- honesty
def test_it_says_that_it_is_simulated(source):
    assert source.simulated is True
    assert "Simulated" in source.attribution
    assert f"version {VERSION}" in source.attribution


def test_it_opens_by_its_configuration():
    from greenup.config import parse
    from greenup.config.data import MiniatureImagery

    opened = open_source(parse(MiniatureImagery, {"source": "miniature", "seed": 5}))
    assert isinstance(opened, MiniatureSource)
    assert opened.seed == 5
