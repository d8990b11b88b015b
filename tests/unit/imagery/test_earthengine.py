"""The Earth Engine source, by the real client against a loopback stand-in: search, products, pixels, requests."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from greenup.bands import S2_L2A
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.patience import Patience
from greenup.schemas import CURVES
from pyproj import Transformer
from scipy.ndimage import map_coordinates

pytest.importorskip("ee")
earthengine = pytest.importorskip("greenup.imagery.earthengine")
from tests.standins.earthengine import EarthEngineStandIn, Refused  # noqa: E402
from tests.standins.earthengine_images import Scene  # noqa: E402
from tests.standins.earthengine_scenes import (  # noqa: E402
    EPSG,
    GRID,
    L1C,
    L2A,
    NORTH,
    S1,
    SCORE,
    SIDE,
    WEST,
    footprint,
    radar,
    scene,
    seasons,
    sites,
    window,
)

SCENES = [
    scene("2020-03-31"),
    scene("2020-04-01", cloud=71.5),
    scene("2020-06-30", cloud=None),
    scene("2020-07-01"),
    scene("2020-06-01", footprint=footprint(side_m=1200)),  # shows the site, not the whole patch
]
RADAR = [radar("2020-03-31"), radar("2020-04-02", "DESCENDING"), radar("2020-04-03", mode="EW")]
RADAR.append(radar("2020-04-04", polarisations=("VV",)))
rng = np.random.default_rng(5)
SCORES = [
    Scene(s.index, s.time, None, s.footprint, EPSG, WEST, NORTH, {"cs_cdf": (rng.random((SIDE, SIDE)), 10)})
    for s in SCENES[:2]
]
QUICK = Patience(3, 0.0, quota_attempts=3)


@pytest.fixture
def server(monkeypatch):
    others = {L1C: SCENES, S1: RADAR, SCORE: SCORES}
    with EarthEngineStandIn(L2A, SCENES, others) as standin:
        monkeypatch.setenv("GREENUP_EE_URL", standin.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        yield standin


@pytest.fixture
def source(server):
    return earthengine.EarthEngineSource("s2_l2a", requests=4, patience=QUICK)


def assert_same(a: Pixels, b: Pixels) -> None:
    assert a.values.keys() == b.values.keys() == a.valid.keys() == b.valid.keys()
    for m in a.values:
        np.testing.assert_array_equal(a.values[m], b.values[m])
        np.testing.assert_array_equal(a.valid[m], b.valid[m])


# ------------------------------------------------------------------------------------------------------------- search
def test_search_finds_scenes_of_the_days_that_show_the_whole_patch(source, server):
    table, _ = sites(1)
    grids = [PatchGrid(EPSG, WEST + 960, NORTH - 960, 48)]
    found = source.search(
        table, seasons(table, ("spring", "2020-04-01", "2020-06-30"), ("late", "2020-07-01", "2020-07-01")), grids
    )
    assert found[["season", "scene_id"]].to_numpy().tolist() == [
        ["late", "20200701T102030_T32UPU"],
        ["spring", "20200401T102030_T32UPU"],
        ["spring", "20200630T102030_T32UPU"],
    ]
    assert found.cloud.tolist()[:2] == [5.0, 71.5]
    assert np.isnan(found.cloud[2])
    assert found.time[1] == pd.Timestamp("2020-04-01T10:20:30Z")
    assert set(found.cloud_of) == {"tile"}
    assert "orbit" not in found


def test_search_asks_for_many_sites_at_once(source, server):
    table, grids = sites(60)
    found = source.search(table, seasons(table, ("all", "2020-01-01", "2020-12-31")), grids)
    assert len(server.called("compute")) == 3
    assert found.groupby("site_id").size().tolist() == [4] * 60


def test_intervals_without_a_scene_and_places_without_any_give_no_rows(source, server):
    """A site in the sea and one at 83 degrees north have no scene, and cost the others nothing."""
    table, grids = sites(1)
    table = pd.concat([table, pd.DataFrame({"site_id": ["sea", "north"], "lon": [-30.0, -40.0], "lat": [40.0, 83.0]})])
    grids += [grid_for_site(-30.0, 40.0, 48, (60,)), grid_for_site(-40.0, 83.0, 48, (60,))]
    found = source.search(
        table, seasons(table, ("a", "2020-07-01", "2020-07-01"), ("b", "2021-01-01", "2021-02-01")), grids
    )
    assert found[["site_id", "season"]].to_numpy().tolist() == [["s0", "a"]]


def test_a_patch_across_the_antimeridian_finds_its_scene(server):
    grid = grid_for_site(180.0, 66.0, 48, (60,))
    across = scene("2020-07-01", tile="T01WCT", epsg=grid.epsg, west=grid.west - 600, north=grid.north + 600)
    lon, lat = footprint(grid.epsg, grid.west - 600, SIDE * 10, grid.north + 600).exterior.xy
    ring = [(x + 360 if x < 0 else x, y) for x, y in zip(lon, lat, strict=True)]
    assert min(lon) < -179 and max(lon) > 179, "the scene does cross it"
    server.collections[L2A] = [Scene(**{**across.__dict__, "footprint": type(across.footprint)(ring)}), *SCENES]
    source = earthengine.EarthEngineSource("s2_l2a", requests=1, patience=QUICK)
    table = pd.DataFrame({"site_id": ["x"], "lon": [180.0], "lat": [66.0]})
    found = source.search(table, seasons(table, ("a", "2020-07-01", "2020-07-01")), [grid])
    assert found["scene_id"].tolist() == ["20200701T102030_T01WCT"]
    assert source.read(found["scene_id"][0], grid, ("B2",)).valid[10].all()


def test_a_search_that_is_too_much_is_halved(source, server, monkeypatch):
    answer = server.compute

    def limited(expression):
        lists = answer(expression)
        if len(lists) > 4:
            raise Refused("User memory limit exceeded.")
        return lists

    monkeypatch.setattr(server, "compute", limited)
    table, grids = sites(10)
    found = source.search(table, seasons(table, ("all", "2020-01-01", "2020-12-31")), grids)
    assert found.groupby("site_id").size().tolist() == [4] * 10
    assert len(server.called("compute")) == 1 + 2 + 4


# ------------------------------------------------------------------------------------------------------------- pixels
def test_all_resolutions_come_by_one_request_and_are_the_scenes_own_pixels(source, server):
    pixels = source.read(SCENES[0].index, GRID, ("B1", "B4", "B2", "B5"))
    assert len(server.called("computePixels")) == 1
    for native_m, names in ((10, ("B4", "B2")), (20, ("B5",)), (60, ("B1",))):
        expected = np.stack([window(SCENES[0], b, GRID, native_m) for b in names])
        valid = np.ones(expected.shape[1:], bool)
        if native_m == 10:
            valid[40:50, 40:60] = False
        assert pixels.values[native_m].dtype == np.uint16
        np.testing.assert_array_equal(pixels.valid[native_m], valid)
        np.testing.assert_array_equal(pixels.values[native_m], np.where(valid, expected, 0))


@pytest.mark.parametrize("size", [48, 50, 264 // 6 * 6 // 4])
@pytest.mark.parametrize("bands", [("B5", "B1"), ("B1",), ("B4", "B1"), ("B2", "B4", "B8", "B5", "B1")])
def test_one_request_is_bit_equal_to_one_request_a_resolution(source, server, size, bands):
    """Also where the patch is no multiple of the coarse pixels, and in a neighbouring zone."""
    easting, northing = Transformer.from_crs(EPSG, 32633, always_xy=True).transform(WEST + 1200, NORTH - 1200)
    for grid in (
        PatchGrid(EPSG, WEST + 600, NORTH - 600, size),
        PatchGrid(EPSG, WEST + 610, NORTH - 630, size),  # on no coarse pixel's corner
        PatchGrid(32633, round(easting / 60) * 60 - 240, round(northing / 60) * 60 + 240, size),
    ):
        together = source.read(SCENES[0].index, grid, bands)
        for m in together.values:
            own = tuple(b for b in bands if {"B5": 20, "B1": 60}.get(b, 10) == m)
            alone = source.read(SCENES[0].index, grid, own)
            assert_same(Pixels({m: together.values[m]}, {m: together.valid[m]}), alone)


def test_all_seasons_of_a_site_come_by_one_request(source, server):
    ids = [s.index for s in SCENES[:4]]
    bands = ("B1", "B4", "B2", "B5")
    together = source.read_many(ids, GRID, bands)
    assert len(server.called("computePixels")) == 1
    for scene_id, pixels in zip(ids, together, strict=True):
        assert_same(pixels, source.read(scene_id, GRID, bands))


def test_requests_stay_below_the_services_limit(source, server, monkeypatch):
    bands = ("B2", "B4", "B8", "B5", "B1")
    one = 2 * 66**2 * len(bands)
    ids = [s.index for s in SCENES]
    expected = source.read_many(ids, GRID, bands)
    for limit, requests in ((5 * one, 1), (5 * one - 1, 2), (2 * one, 3), (one, 5), (one - 1, 15)):
        server.calls.clear()
        monkeypatch.setattr(earthengine.pixels, "REQUEST_BYTES", limit)
        monkeypatch.setattr("tests.standins.earthengine.LIMIT_BYTES", limit)
        found = source.read_many(ids, GRID, bands)
        assert len(server.called("computePixels")) == requests
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b)


def test_four_seasons_of_the_papers_patch_fit_one_request():
    grid = PatchGrid(EPSG, WEST, NORTH, 264)
    assert earthengine.pixels.scenes_a_request(grid, (*S2_L2A, "SCL", "QA60", "CLDPRB", "CSPLUS")) >= 4


def test_a_dark_pixel_is_not_a_masked_one_and_outside_the_scene_is(source):
    pixels = source.read(SCENES[0].index, PatchGrid(EPSG, WEST - 60, NORTH, 30), ("B2",))
    assert not pixels.valid[10][:, :6].any()
    assert pixels.valid[10][:, 6:].all()
    assert pixels.values[10][0, 3, 10] == 0


def test_a_neighbouring_zone_is_resampled_bilinearly_and_masks_to_the_nearest(source):
    easting, northing = Transformer.from_crs(EPSG, 32633, always_xy=True).transform(WEST + 1200, NORTH - 1200)
    grid = PatchGrid(32633, round(easting / 20) * 20 - 160, round(northing / 20) * 20 + 160, 32)
    got = source.read(SCENES[0].index, grid, ("B8", "SCL"))
    to_scene = Transformer.from_crs(32633, EPSG, always_xy=True)
    for band, native_m, values, order in (("B8", 10, got.values[10][0], 1), ("SCL", 20, got.values[20][0], 0)):
        x, y = np.meshgrid(*[np.arange(n) for n in values.shape])
        x, y = to_scene.transform(grid.west + native_m * (x + 0.5), grid.north - native_m * (y + 0.5))
        at = np.array([(NORTH - y) / native_m - 0.5, (x - WEST) / native_m - 0.5])
        expected = map_coordinates(SCENES[0].bands[band][0].astype(float), at, order=order)
        np.testing.assert_allclose(values, expected, atol=0.5 if order else 0)


# ------------------------------------------------------------------------------------------------- products and masks
def test_masks_come_with_the_pixels_and_do_not_decide_what_is_valid(source):
    pixels = source.read(SCENES[0].index, GRID, ("B2", "CSPLUS", "B5", "SCL", "CLDPRB", "QA60"))
    for m, k, asset in ((20, 1, "SCL"), (20, 2, "MSK_CLDPRB"), (60, 0, "QA60")):
        np.testing.assert_array_equal(pixels.values[m][k], window(SCENES[0], asset, GRID, m))
    score = 100 * window(SCORES[0], "cs_cdf", GRID, 10)
    np.testing.assert_array_equal(pixels.values[10][1], np.floor(score + 0.5))
    assert all(v.all() for v in pixels.valid.values())


def test_cloud_can_be_measured_over_the_patch(source, server):
    classes = window(SCENES[0], "SCL", GRID, 20)
    share = 100 * np.isin(classes, (0, 3, 8, 9, 10)).mean()
    assert source.measures_patch_cloud
    assert source.patch_cloud(SCENES[0].index, GRID) == pytest.approx(share)
    assert len(server.called("computePixels")) == 1
    assert not earthengine.EarthEngineSource("s1_grd", patience=QUICK).measures_patch_cloud


def test_no_more_requests_at_once_than_the_machine_may_have(server, monkeypatch):
    monkeypatch.setenv("GREENUP_EE_AT_ONCE", "2")
    source = earthengine.EarthEngineSource("s2_l2a", requests=8, patience=QUICK)
    server.latency_s = 0.05
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: source.read(SCENES[0].index, GRID, ("B2",)), range(12)))
    assert server.most_at_once == 2
    monkeypatch.setenv("GREENUP_EE_AT_ONCE", "many")
    with pytest.raises(UserError, match="GREENUP_EE_AT_ONCE"):
        earthengine.EarthEngineSource("s2_l2a", patience=QUICK)


def test_a_mask_that_was_not_made_is_not_taken_for_a_clear_sky(server):
    """QA60 is masked from 2022-01-25 to 2024-02-28, and some images have no Cloud Score+ yet."""
    late = scene("2022-06-01")
    late.mask["QA60"] = np.zeros((SIDE // 6, SIDE // 6), bool)
    server.collections[L2A] = [late]
    source = earthengine.EarthEngineSource("s2_l2a", requests=1, patience=QUICK)
    pixels = source.read(late.index, GRID, ("B1", "QA60", "B2", "CSPLUS"))
    assert (pixels.values[60][1] == 65_535).all() and (pixels.values[10][1] == 65_535).all()
    np.testing.assert_array_equal(pixels.values[60][0], window(late, "B1", GRID, 60))
    assert pixels.valid[60].all() and pixels.valid[10].all()


def test_radar_is_stored_in_steps_of_dB_with_its_orbit(server):
    source = earthengine.EarthEngineSource("s1_grd", requests=2, patience=QUICK)
    table, grids = sites(2)
    found = source.search(table, seasons(table, ("all", "2020-01-01", "2020-12-31")), grids)
    assert found["orbit"].tolist() == ["ascending", "descending"] * 2, "other modes and polarisations are left out"
    assert set(found["cloud"]) == {0.0}
    pixels = source.read(RADAR[0].index, GRID, ("VH", "VV"))
    valid = np.ones((66, 66), bool)
    valid[40:50, 40:60] = False
    np.testing.assert_array_equal(pixels.valid[10], valid)
    for k, band in enumerate(("VH", "VV")):
        dB = pixels.values[10][k][valid] / 500 - 80
        assert np.abs(dB - window(RADAR[0], band, GRID, 10)[valid]).max() <= 0.001 + 1e-9


def test_level_1c_has_its_own_collection(server):
    server.collections[L1C] = [scene("2020-03-31", cloud=1.0)]
    source = earthengine.EarthEngineSource("s2_l1c", requests=1, patience=QUICK)
    table, grids = sites(1)
    assert source.search(table, seasons(table, ("a", "2020-01-01", "2020-12-31")), grids)["cloud"].tolist() == [1.0]
    assert source.read(SCENES[0].index, GRID, ("B2",)).valid[10].all()
    with pytest.raises(UserError, match="s2_l1c has no band SCL"):
        source.read(SCENES[0].index, GRID, ("B2", "SCL"))


# ---------------------------------------------------------------------------------------------------------- bad input
def test_one_missing_scene_costs_the_others_nothing(source, server):
    ids = [SCENES[0].index, "20010101T000000_T32UPU", SCENES[1].index]
    found = source.read_many(ids, GRID, ("B2", "B5"))
    assert len(server.called("computePixels")) == 1 + 3
    assert isinstance(found[1], SceneMissing) and "20010101T000000_T32UPU' not found" in str(found[1])
    for k in (0, 2):
        assert_same(found[k], source.read(ids[k], GRID, ("B2", "B5")))


def test_a_request_beyond_the_users_memory_is_made_smaller(source, server):
    server.memory = 2
    found = source.read_many([s.index for s in SCENES[:3]], GRID, ("B2", "B5"))
    assert len(server.called("computePixels")) == 1 + 3
    assert all(isinstance(f, Pixels) for f in found)


def test_a_band_that_does_not_exist_is_the_users_to_mend(source, server):
    with pytest.raises(UserError, match=r"did not match any bands") as caught:
        source.read(SCENES[0].index, GRID, ("B12",))
    assert "patches.bands" in caught.value.mend
    with pytest.raises(UserError, match=r"patches\.bands: s2_l2a has no band VV"):
        source.read_many([SCENES[0].index], GRID, ("VV",))


def test_collections_and_products_that_cannot_be_used(server):
    with pytest.raises(UserError, match="not harmonised"):
        earthengine.EarthEngineSource("s2_l2a", "COPERNICUS/S2_SR")
    with pytest.raises(UserError, match="'landsat' is not known"):
        earthengine.EarthEngineSource("landsat")
    table, grids = sites(3)
    nowhere = earthengine.EarthEngineSource("s2_l2a", "NOPE/HARMONIZED", patience=QUICK)
    with pytest.raises(UserError, match="not found"):
        nowhere.search(table, seasons(table, ("x", "2020-01-01", "2020-02-01")), grids)
    assert len(server.called("compute")) == 1


def test_a_collection_that_is_missing_is_not_a_missing_scene(source, server):
    """The text is alike, and "no image" would be final."""
    del server.collections[SCORE]
    with pytest.raises(UserError, match="CLOUD_SCORE_PLUS"):
        source.read(SCENES[0].index, GRID, ("B2", "CSPLUS"))


def test_it_has_no_curves(source):
    table, _ = sites(1)
    CURVES.check(source.curves(table, (2020, 2021)), "curves")
    assert source.curves(table, (2020, 2021)).empty


def test_a_failure_that_may_pass_stands_in_the_place_of_every_scene(source, server):
    server.faults = [(503, "The service is currently unavailable.")]
    found = source.read_many([s.index for s in SCENES[:3]], GRID, ("B2",))
    assert [type(f) for f in found] == [PassingError] * 3
    assert len(server.called("computePixels")) == 1, "no single requests to a service that is down"
