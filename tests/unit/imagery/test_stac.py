"""The STAC source: a real client and real range requests against a loopback API."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery import patience
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.base import PassingError, SceneMissing
from greenup.imagery.stac import StacSource
from pyproj import Transformer

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, catalogue, item, outline, square, tif
from tests.standins.stac import StacStandIn

GRID = PatchGrid(EPSG, WEST + 160, NORTH - 160, 64)
BANDS = ("B2", "B4", "B8", "B5")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with 300 items on six pairs of files: more than a page."""
    folder = tmp_path_factory.mktemp("stac")
    items = []
    for i in range(300):
        rng, n = np.random.default_rng(i % 6), i % 6
        if i < 6:
            tif(folder / f"{n}_10.tif", rng.integers(1001, 9000, (3, SIDE, SIDE)).astype(np.uint16), square(10))
            tif(folder / f"{n}_20.tif", rng.integers(1001, 9000, (1, 48, 48)).astype(np.uint16), square(20))
        time = pd.Timestamp("2020-01-01T10:00:00Z") + pd.Timedelta(days=i)
        assets = {"ten": asset(f"{n}_10.tif", ["B02", "B04", "B08"]), "B05": asset(f"{n}_20.tif")}
        place = outline(west=WEST + (400 if i == 7 else 0))
        items.append(item(f"s{i}", time.isoformat(), assets, place, **CORRECTED, **{"eo:cloud_cover": float(i % 100)}))
    return folder, items


@pytest.fixture
def api(made):
    folder, items = made
    dicts = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in items]
    with StacStandIn(folder, "s2", dicts) as standin:
        yield standin


@pytest.fixture
def source(api):
    return StacSource(api.url, "s2", requests=4)


def sites(count: int) -> tuple[pd.DataFrame, list[PatchGrid]]:
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(
        np.linspace(WEST + 470, WEST + 490, count), np.full(count, NORTH - 480)
    )
    return pd.DataFrame({"site_id": [f"p{i}" for i in range(count)], "lon": lon, "lat": lat}), [GRID] * count


def year(table: pd.DataFrame, first: str = "2020-01-01", last: str = "2020-12-31") -> pd.DataFrame:
    rows = [(i, "all", 2020, pd.Timestamp(first), pd.Timestamp(first), pd.Timestamp(last)) for i in table.site_id]
    return pd.DataFrame(rows, columns=["site_id", "season", "year", "first", "middle", "last"])


def test_search_finds_what_the_archive_of_the_same_items_finds(source, made, tmp_path):
    table, grids = sites(3)
    local = ArchiveSource(catalogue(tmp_path, [i.clone() for i in made[1]]))
    for window in (("2020-01-01", "2020-12-31"), ("2020-01-08", "2020-01-09")):
        pd.testing.assert_frame_equal(
            source.search(table, year(table, *window), grids), local.search(table, year(table, *window), grids)
        )
    assert len(source.search(table, year(table), grids)) == 3 * 299


def test_search_asks_for_many_sites_at_once(source, api):
    table, grids = sites(100)
    found = source.search(table, year(table, "2020-02-01", "2020-02-03"), grids)
    assert len(found) == 300
    assert api.called("/search") == 2


def test_windows_come_by_ranges_and_are_bit_equal(source, api, made):
    pixels = source.read("s3", GRID, BANDS)
    rng = np.random.default_rng(3)
    fine = rng.integers(1001, 9000, (3, SIDE, SIDE))
    coarse = rng.integers(1001, 9000, (1, 48, 48))
    np.testing.assert_array_equal(pixels.values[10], fine[:, 16:80, 16:80])
    np.testing.assert_array_equal(pixels.values[20], coarse[:, 8:40, 8:40])
    assert api.called("/files/3_10.tif")
    assert not [p for _, p in api.calls if p.endswith((".aux.xml", ".ovr", "/files/"))]


def test_an_item_is_fetched_once(source, api):
    for _ in range(3):
        source.read("s3", GRID, ("B2",))
    assert api.called("/collections/s2/items/s3") == 1


def test_what_does_not_exist_is_final(source, api):
    with pytest.raises(SceneMissing, match="s999"):
        source.read("s999", GRID, ("B2",))
    api.items[4]["assets"]["B05"]["href"] = "gone.tif"
    with pytest.raises(SceneMissing, match="does not exist"):
        source.read("s4", GRID, ("B5",))
    api.items[4]["assets"]["B05"]["href"] = "4_20.tif"


def test_curves_of_a_site(source, api):
    table, _ = sites(1)
    api.items = api.items[:5]
    curves = source.curves(table, (2020, 2020))
    assert curves.time.dt.day.tolist() == [1, 2, 3, 4, 5]
    assert curves.clear.all()
    assert not curves.snow.any()


def test_apis_that_cannot_be_used(api, monkeypatch):
    with pytest.raises(UserError, match="no collection 'nope'"):
        StacSource(api.url, "nope")
    monkeypatch.setitem(sys.modules, "planetary_computer", None)
    with pytest.raises(UserError, match="pip install planetary-computer"):
        StacSource(api.url, "s2", sign="planetary-computer")
    monkeypatch.setattr(patience, "time", types.SimpleNamespace(sleep=lambda _: None))
    with pytest.raises(PassingError):
        StacSource("http://127.0.0.1:1", "s2")
    api.instead["/"] = {"message": "hello"}
    with pytest.raises(UserError, match="no STAC API"):
        StacSource(api.url, "s2")


def test_patch_cloud_is_measured_where_it_is_asked_for(tmp_path):
    classes = np.full((1, 48, 48), 4, np.uint8)
    classes[:, :16] = 9  # 8 of the patch's 32 rows
    tif(tmp_path / "scl.tif", classes, square(20))
    both = [item("a", "2020-01-01T10:00:00Z", {"SCL": asset("scl.tif")}), item("b", "2020-01-02T10:00:00Z", {})]
    dicts = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in both]
    with StacStandIn(tmp_path, "s2", dicts) as api:
        source = StacSource(api.url, "s2")
        assert source.measures_patch_cloud
        assert source.patch_cloud("a", GRID) == 25.0
        assert source.patch_cloud("b", GRID) is None
        with pytest.raises(SceneMissing):
            source.patch_cloud("c", GRID)
        assert not StacSource(api.url, "s2", product="s2_l1c").measures_patch_cloud


def test_silent_items_are_refused_until_the_user_says(tmp_path):
    values = np.random.default_rng(0).integers(1001, 9000, (1, SIDE, SIDE)).astype(np.uint16)
    tif(tmp_path / "b.tif", values, square(10))
    silent = item("quiet", "2022-06-01T10:00:00Z", {"B02": asset("b.tif")})
    said = item("said", "2022-06-01T10:00:00Z", {"B02": asset("b.tif")}, **CORRECTED)
    dicts = [i.to_dict(include_self_link=False, transform_hrefs=False) for i in (silent, said)]
    with StacStandIn(tmp_path, "s2", dicts) as api:
        with pytest.raises(UserError, match="item quiet, asset B02"):
            StacSource(api.url, "s2").read("quiet", GRID, ("B2",))
        for offset, less in (("none", 0), ("subtract_1000", 1000)):
            source = StacSource(api.url, "s2", offset=offset)
            for scene, taken in (("quiet", less), ("said", 0)):
                got = source.read(scene, GRID, ("B2",)).values[10]
                np.testing.assert_array_equal(got, values[:, 16:80, 16:80] - taken)


def test_radar_has_an_orbit_no_cloud_and_no_curves(tmp_path):
    power = np.full((1, SIDE, SIDE), 0.1, np.float32)
    tif(tmp_path / "vv.tif", power, square(10), nodata=-32768)
    made = item("s1", "2020-06-01T06:00:00Z", {"vv": asset("vv.tif")}, **{"sat:orbit_state": "ascending"})
    made.collection_id = "sentinel-1-rtc"
    one = made.to_dict(include_self_link=False, transform_hrefs=False)
    with StacStandIn(tmp_path, "sentinel-1-rtc", [one]) as api:
        source = StacSource(api.url, "sentinel-1-rtc", product="s1_grd")
        table, grids = sites(1)
        found = source.search(table, year(table), grids)
        assert found[["scene_id", "cloud", "cloud_of"]].to_numpy().tolist() == [["s1", 0.0, "none"]]
        assert source.orbit("s1") == "ascending"
        assert (source.read("s1", GRID, ("VV",)).values[10] == 35_000).all()
        assert source.curves(table, (2020, 2020)).empty
        with pytest.raises(UserError, match="no asset holds band VH"):
            source.read("s1", GRID, ("VV", "VH"))
