"""The Earth Engine source, by the real client against a loopback stand-in."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.base import PassingError, SceneMissing
from greenup.schemas import CURVES
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject
from shapely.geometry import Polygon, box

from tests.standins.earthengine import EarthEngineStandIn, Scene

ee = pytest.importorskip("ee")
earthengine = pytest.importorskip("greenup.imagery.earthengine")

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
SIDE = 240  # 10 m pixels of the stand-in's scenes
WEST, NORTH, EPSG = 600_000, 5_300_040, 32632


def footprint(epsg: int = EPSG, west: float = WEST, side_m: float = SIDE * 10) -> Polygon:
    corners = box(west, NORTH - side_m, west + side_m, NORTH).exterior.coords
    return Polygon([Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y) for x, y in corners])


def scene(time: str, cloud: float | None = 5.0, tile: str = "T32UPU", **changes) -> Scene:
    rng = np.random.default_rng(int(time.replace("-", "")))
    sizes = {"B2": 10, "B4": 10, "B8": 10, "B5": 20, "B1": 60}
    bands = {b: (rng.integers(0, 9000, (SIDE * 10 // m, SIDE * 10 // m)), m) for b, m in sizes.items()}
    bands["B2"][0][3, 4] = 0  # dark, not masked
    mask = {"B4": np.ones((SIDE, SIDE), bool)}
    mask["B4"][100:110, 100:120] = False
    values = {
        "index": f"{time.replace('-', '')}T102030_{tile}",
        "time": datetime.fromisoformat(f"{time}T10:20:30"),
        "cloud": cloud,
        "footprint": footprint(),
        "epsg": EPSG,
        "west": WEST,
        "north": NORTH,
        "bands": bands,
        "mask": mask,
    }
    return Scene(**{**values, **changes})


SCENES = [
    scene("2020-03-31"),
    scene("2020-04-01", cloud=71.5),
    scene("2020-06-30", cloud=None),
    scene("2020-07-01"),
    scene("2020-06-01", footprint=footprint(side_m=1200)),  # shows the site, not the whole patch
]
SITE = pd.DataFrame({"site_id": ["a"], "lon": [10.35], "lat": [47.84]})


@pytest.fixture
def server(monkeypatch):
    with EarthEngineStandIn(COLLECTION, SCENES) as standin:
        monkeypatch.setenv("GREENUP_EE_URL", standin.url)
        monkeypatch.setattr(earthengine, "_endpoint", None)
        # The client's own pauses double from one try to the next; here a fault is to come through at once.
        ee.data.setMaxRetries(0)
        yield standin


@pytest.fixture
def source(server):
    return earthengine.EarthEngineSource(COLLECTION, requests=4)


def sites(count: int) -> tuple[pd.DataFrame, list[PatchGrid]]:
    x = np.linspace(WEST + 900, WEST + 1500, count)
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, np.full(count, NORTH - 1200.0))
    table = pd.DataFrame({"site_id": [f"s{i}" for i in range(count)], "lon": lon, "lat": lat})
    return table, [grid_for_site(a, b, 48, (10, 20, 60)) for a, b in zip(lon, lat, strict=True)]


def seasons(table: pd.DataFrame, *windows: tuple[str, str, str]) -> pd.DataFrame:
    rows = [
        (i, n, 2020, pd.Timestamp(a), pd.Timestamp(a), pd.Timestamp(b)) for i in table.site_id for n, a, b in windows
    ]
    return pd.DataFrame(rows, columns=["site_id", "season", "year", "first", "middle", "last"])


def test_search_finds_scenes_of_the_days_that_show_the_whole_patch(source, server):
    table, grids = sites(1)
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


def test_search_asks_for_many_sites_at_once(source, server):
    table, grids = sites(60)
    found = source.search(table, seasons(table, ("all", "2020-01-01", "2020-12-31")), grids)
    assert len(server.called("compute")) == 3
    assert found.groupby("site_id").size().tolist() == [4] * 60


def test_pixels_come_through_on_the_scenes_own_grid(source, server):
    grid = PatchGrid(EPSG, WEST + 60 * 10, NORTH - 60 * 10, 66)
    pixels = source.read(SCENES[0].index, grid, ("B1", "B4", "B2", "B5"))
    assert len(server.called("computePixels")) == 3
    for native_m, names in ((10, ("B4", "B2")), (20, ("B5",)), (60, ("B1",))):
        start, n = 600 // native_m, grid.shape(native_m)
        window = np.s_[start : start + n, start : start + n]
        expected = np.stack([SCENES[0].bands[b][0][window] for b in names])
        masks = [SCENES[0].mask.get(b, np.ones_like(SCENES[0].bands[b][0], bool))[window] for b in names]
        valid = np.all(masks, axis=0)
        assert pixels.values[native_m].dtype == np.uint16
        np.testing.assert_array_equal(pixels.valid[native_m], valid)
        np.testing.assert_array_equal(pixels.values[native_m], np.where(valid, expected, 0))
    assert (~pixels.valid[10]).sum() == 10 * 20


def test_a_dark_pixel_is_not_a_masked_one_and_outside_the_scene_is(source):
    pixels = source.read(SCENES[0].index, PatchGrid(EPSG, WEST - 60, NORTH, 30), ("B2",))
    assert not pixels.valid[10][:, :6].any()
    assert pixels.valid[10][:, 6:].all()
    assert pixels.values[10][0, 3, 10] == 0


def test_a_neighbouring_zone_is_resampled_bilinearly(source):
    easting, northing = Transformer.from_crs(EPSG, 32633, always_xy=True).transform(WEST + 1200, NORTH - 1200)
    grid = PatchGrid(32633, round(easting / 20) * 20 - 160, round(northing / 20) * 20 + 160, 32)
    got = source.read(SCENES[0].index, grid, ("B8",)).values[10][0]
    expected = np.zeros((32, 32))
    reproject(
        SCENES[0].bands["B8"][0].astype(float),
        expected,
        src_crs=f"EPSG:{EPSG}",
        src_transform=PatchGrid(EPSG, WEST, NORTH, SIDE).transform(10),
        dst_crs="EPSG:32633",
        dst_transform=grid.transform(10),
        resampling=Resampling.bilinear,
    )
    np.testing.assert_allclose(got, expected, atol=1)


@pytest.mark.parametrize(
    ("fault", "kind", "cause"),
    [
        ((429, "Too many concurrent aggregations."), PassingError, "quota"),
        ((429, "Quota exceeded for EECU time."), PassingError, "quota"),
        ((503, "The service is currently unavailable."), PassingError, "error"),
        ((500, "Internal error"), PassingError, "error"),
        ((400, "Computation timed out."), PassingError, "error"),
        ((400, "User memory limit exceeded."), UserError, None),
        ((403, "Caller does not have permission."), UserError, None),
    ],
)
def test_faults_are_what_they_are(source, server, fault, kind, cause):
    server.faults.append(fault)
    with pytest.raises(kind, match=fault[1].rstrip(".")) as caught:
        source.read(SCENES[0].index, PatchGrid(EPSG, WEST, NORTH, 12), ("B2",))
    assert getattr(caught.value, "cause", None) == cause
    # The next try is served: nothing of a fault is kept.
    assert source.read(SCENES[0].index, PatchGrid(EPSG, WEST, NORTH, 12), ("B2",)).valid[10].all()


def test_a_server_that_is_gone_may_come_back(source, server):
    server.is_gone = True
    with pytest.raises(PassingError):
        source.read(SCENES[0].index, PatchGrid(EPSG, WEST, NORTH, 12), ("B2",))


def test_a_scene_that_does_not_exist_is_final(source):
    with pytest.raises(SceneMissing, match="not found"):
        source.read("20010101T000000_T32UPU", PatchGrid(EPSG, WEST, NORTH, 12), ("B2",))


def test_a_band_that_does_not_exist_is_the_users_to_mend(source):
    with pytest.raises(UserError, match=r"patches\.bands"):
        source.read(SCENES[0].index, PatchGrid(EPSG, WEST, NORTH, 12), ("B12",))


def test_collections_that_cannot_be_used(source, server):
    with pytest.raises(UserError, match="not harmonised"):
        earthengine.EarthEngineSource("COPERNICUS/S2_SR")
    table, grids = sites(1)
    with pytest.raises(UserError, match="not found"):
        earthengine.EarthEngineSource("NOPE/HARMONIZED").search(
            table, seasons(table, ("x", "2020-01-01", "2020-02-01")), grids
        )


def test_without_a_login_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("GREENUP_EE_URL", raising=False)
    monkeypatch.setattr(earthengine, "_endpoint", None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(UserError, match="no such file") as caught:
        earthengine.initialise()
    assert "GREENUP_EE_PROJECT" in caught.value.mend
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setattr(
        ee.data, "get_persistent_credentials", lambda: (_ for _ in ()).throw(ee.EEException("Please authorize"))
    )
    with pytest.raises(UserError, match="not logged in") as caught:
        earthengine.initialise()
    assert "earthengine authenticate" in caught.value.mend


def test_it_has_no_curves(source):
    CURVES.check(source.curves(SITE, (2020, 2021)), "curves")
    assert source.curves(SITE, (2020, 2021)).empty
