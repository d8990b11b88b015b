"""Tiles, passes and clouds of the miniature Earth."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from greenup.grids import grid_for_site, utm_epsg
from greenup.imagery.base import SceneMissing
from greenup.imagery.miniature import VERSION, MiniatureSource
from greenup.imagery.miniature.noise import Window
from greenup.imagery.miniature.sky import Sky, cloud_field, sun, tile_name
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

SITES = pd.DataFrame(
    {
        "site_id": ["bavaria", "amazon", "sahara", "patagonia"],
        "lon": [11.2, -60.4, 9.0, -69.5],
        "lat": [48.4, -4.2, 24.5, -46.0],
    }
)
GRIDS = [grid_for_site(lon, lat, 64, (10, 20, 60)) for lon, lat in zip(SITES["lon"], SITES["lat"], strict=True)]


@pytest.fixture(scope="module")
def source() -> MiniatureSource:
    return MiniatureSource(11)


def intervals(*spans: tuple[str, str], season: str = "s") -> pd.DataFrame:
    rows = [
        {"site_id": s, "season": season, "year": i, "first": a, "middle": a, "last": b}
        for i, (a, b) in enumerate((pd.Timestamp(a), pd.Timestamp(b)) for a, b in spans)
        for s in SITES["site_id"]
    ]
    return pd.DataFrame(rows)


# ------------------------------------------------------------------------------------------------------------- tiles
def test_tile_names_are_those_of_real_sentinel_2_images(samples):
    """Image ids that the authors of SSL4Eco publish beside their points end in the tile."""
    folder = samples / "ssl4eco_index_sample"
    table = pd.concat([pd.read_csv(p) for p in folder.glob("*_with_image_ids.csv")], ignore_index=True)
    hits = total = 0
    for lon, lat, image in zip(table["lon"], table["lat"], table["image_id_1"], strict=True):
        zone, _, _ = re.search(r"_T(\d\d)([A-Z])([A-Z]{2})", image).groups()
        epsg = utm_epsg(lon, lat)
        if epsg % 100 != int(zone):
            continue
        total += 1
        x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
        # A real tile reaches some 10 km over its square, so that a point lies in up to four.
        near = {
            tile_name(epsg, int((x + dx) // 100_000), int((y + dy) // 100_000), lat)
            for dx in (0, -10_000, 10_000)
            for dy in (0, -10_000, 10_000)
        }
        hits += image[-5:] in near
    assert total > 10
    assert hits >= 0.9 * total


def test_sun_at_known_times():
    # Equator at the equinox, 10:30: the hour angle of 22.5 degrees is all there is.
    zenith, azimuth = sun(0.0, 79.0)
    assert np.degrees(zenith) == pytest.approx(22.5, abs=0.5)
    assert np.degrees(azimuth) == pytest.approx(90.0, abs=4.0)
    # Polar night and midnight sun.
    assert np.degrees(sun(80.0, 355.0)[0]) > 90
    assert np.degrees(sun(80.0, 172.0)[0]) < 75
    # In the south the sun stands in the north-east before noon.
    assert np.degrees(sun(-45.0, 172.0)[1]) < 90 < np.degrees(sun(45.0, 172.0)[1])


# ------------------------------------------------------------------------------------------------------------ search
def test_search_table(source):
    found = source.search(SITES, intervals(("2019-06-01", "2019-08-31")), GRIDS)
    assert list(found.columns) == ["site_id", "season", "scene_id", "time", "cloud", "cloud_of"]
    assert str(found["time"].dtype) == "datetime64[us, UTC]"
    assert found["cloud"].between(0, 100).all()
    assert set(found["cloud_of"]) == {"tile"}
    assert not found.duplicated(["site_id", "scene_id"]).any()
    assert found["scene_id"].str.fullmatch(rf"MINI{VERSION}_\d{{8}}T\d{{6}}_T\d\d[A-Z]{{3}}").all()
    assert (found["scene_id"].str.split("_").str[1] == found["time"].dt.strftime("%Y%m%dT%H%M%S")).all()
    # Every fifth day, but for one pass in thirty.
    for _, group in found.groupby("site_id"):
        assert 15 <= len(group) <= 19
        days = group["time"].dt.floor("D").sort_values().diff().dropna().dt.days
        assert (days % 5 == 0).all()


def test_passes_come_at_half_past_ten_solar_time(source):
    found = source.search(SITES, intervals(("2020-03-01", "2020-10-31")), GRIDS).merge(SITES, on="site_id")
    seconds = (found["time"] - found["time"].dt.floor("D")).dt.total_seconds()
    solar = (seconds / 3600 + found["lon"] / 15) % 24
    assert solar.between(10.3, 10.8).all()


@given(st.integers(0, 2900), st.integers(0, 120), st.integers(0, 120))
@settings(max_examples=25, deadline=None)
def test_intervals_are_honoured_and_add_up(start, length, cut):
    source = MiniatureSource(11)
    first = pd.Timestamp("2017-01-01") + pd.Timedelta(days=start)
    last = first + pd.Timedelta(days=length)
    middle = first + pd.Timedelta(days=min(cut, length))
    whole = source.search(SITES, intervals((str(first), str(last))), GRIDS)
    assert (whole["time"].dt.tz_localize(None).dt.floor("D") >= first).all()
    assert (whole["time"].dt.tz_localize(None).dt.floor("D") <= last).all()
    parts = [(str(first), str(middle))]
    if middle < last:
        parts.append((str(middle + pd.Timedelta(days=1)), str(last)))
    assert set(map(tuple, source.search(SITES, intervals(*parts), GRIDS).to_numpy())) == set(
        map(tuple, whole.to_numpy())
    )
    # Overlapping intervals of a season do not give a pass twice.
    both = source.search(SITES, intervals((str(first), str(last)), (str(first), str(middle))), GRIDS)
    assert len(both) == len(whole)


def test_search_without_intervals(source):
    empty = source.search(SITES, intervals(("2019-01-01", "2019-01-02")).iloc[:0], GRIDS)
    assert empty.empty
    assert list(empty.columns) == ["site_id", "season", "scene_id", "time", "cloud", "cloud_of"]


def test_one_satellite_before_july_2017(source):
    early = source.search(SITES, intervals(("2017-03-01", "2017-06-28")), GRIDS)
    late = source.search(SITES, intervals(("2019-03-01", "2019-06-28")), GRIDS)
    assert len(early) == pytest.approx(len(late) / 2, rel=0.15)


def test_no_passes_in_polar_night_nor_outside_the_years(source):
    site = pd.DataFrame({"site_id": ["svalbard"], "lon": [16.0], "lat": [78.3]})
    grid = [grid_for_site(16.0, 78.3, 64, (10, 20, 60))]

    def count(first, last):
        row = {"site_id": "svalbard", "season": "s", "year": 0, "first": first, "middle": first, "last": last}
        return len(source.search(site, pd.DataFrame([row]), grid))

    assert count("2019-11-15", "2020-01-31") == 0
    assert count("2019-06-01", "2019-07-31") > 8
    assert count("2015-06-01", "2015-07-31") == 0
    assert count("2025-06-01", "2025-07-31") == 0


def test_deserts_are_clear_and_rain_forests_cloudy(source):
    found = source.search(SITES, intervals(("2018-01-01", "2021-12-31")), GRIDS)
    mean = found.groupby("site_id")["cloud"].mean()
    assert mean["sahara"] < 25
    assert mean["amazon"] > 45
    assert mean["sahara"] < mean["bavaria"] < mean["amazon"]
    # Everywhere enough clear passes to choose from in four years.
    assert (found[found["cloud"] < 20].groupby("site_id").size() > 20).all()


def test_sites_of_one_tile_share_its_passes(source):
    near = pd.DataFrame({"site_id": ["a", "b"], "lon": [11.2, 11.3], "lat": [48.4, 48.45]})
    grids = [grid_for_site(*p, 64, (10, 20, 60)) for p in zip(near["lon"], near["lat"], strict=True)]
    span = {"first": "2019-05-01", "middle": "2019-05-01", "last": "2019-09-30"}
    rows = [{"site_id": s, "season": "s", "year": 0, **span} for s in "ab"]
    found = source.search(near, pd.DataFrame(rows), grids)
    a, b = (found[found["site_id"] == s].drop(columns="site_id").reset_index(drop=True) for s in "ab")
    pd.testing.assert_frame_equal(a, b)


# ------------------------------------------------------------------------------------------------------------ scenes
def test_scenes_that_do_not_exist_are_missing(source):
    found = source.search(SITES, intervals(("2019-06-01", "2019-08-31")), GRIDS)
    scene = found["scene_id"][0]
    stamp, tile = scene.split("_")[1:]
    other_day = pd.Timestamp(stamp) + pd.Timedelta(days=1)
    for bad in (
        f"MINI{VERSION}_{other_day:%Y%m%dT%H%M%S}_{tile}",
        f"MINI{VERSION + 1}_{stamp}_{tile}",
        f"MINI{VERSION}_{stamp}_T01CAA",
        "20190704T103021_20190704T103021_T32TMT",
    ):
        with pytest.raises(SceneMissing):
            source.read(bad, GRIDS[0], ("B2",))
    with pytest.raises(SceneMissing, match="does not show the patch"):
        source.read(scene, GRIDS[1], ("B2",))


def test_rendered_clouds_match_the_percentage_of_the_scene(source):
    """Share of the cloud field above the threshold on small windows all over the tile, for passes of any cloud."""
    found = source.search(SITES.iloc[:1], intervals(("2019-05-01", "2019-09-30")), GRIDS[:1])
    for scene_id, cloud in zip(found["scene_id"], found["cloud"], strict=True):
        scene = source._sky.scene(scene_id, GRIDS[0])
        col, row = int(scene.west // 10), int(-scene.south // 10) - 10_000
        above = [
            (cloud_field(scene.cloud_salt, Window(GRIDS[0].epsg, col + x, row + y, 16, 16)) > scene.threshold).mean()
            for x in range(300, 10_000, 800)
            for y in range(300, 10_000, 800)
        ]
        assert 100 * np.mean(above) == pytest.approx(cloud, abs=6.0)


def test_cloudy_pixels_are_bright(source):
    """In summer without snow, blue reflectance above 0.3 is cloud; patches of a cloudy pass together show its share."""
    found = source.search(SITES.iloc[:1], intervals(("2019-06-01", "2019-08-31")), GRIDS[:1])
    scene_id, cloud = found.loc[(found["cloud"] - 50).abs().idxmin(), ["scene_id", "cloud"]]
    scene = source._sky.scene(scene_id, GRIDS[0])
    rng = np.random.default_rng(0)
    bright = []
    for x, y in rng.uniform(0.02, 0.98, (60, 2)) * 100_000:
        grid = SimpleNamespace(epsg=GRIDS[0].epsg, west=scene.west + x, north=scene.south + y)
        grid = type(GRIDS[0])(grid.epsg, grid.west // 60 * 60, grid.north // 60 * 60, 24)
        bright.append((source.read(scene_id, grid, ("B2",)).values[10] > 3000).mean())
    assert 100 * np.mean(bright) == pytest.approx(cloud, abs=15.0)


def test_seeds_have_skies_of_their_own():
    epsg, east, north = np.array([32632]), np.array([6.5e5]), np.array([5.35e6])
    days = np.arange(17_900, 18_300)
    clouds = []
    for seed in (1, 2):
        sky = Sky(seed)
        tiles, member = sky.tiles_of(epsg, east, north)
        passes = sky.passes(tiles, np.repeat(member, len(days)), days)
        clouds.append(set(zip(passes.day, passes.cloud, strict=True)))
    assert len(clouds[0] & clouds[1]) < 5
