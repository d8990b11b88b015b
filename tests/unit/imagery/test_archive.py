"""The local archive, over a small made catalogue."""

import json

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.archive import ArchiveSource
from greenup.imagery.base import SceneMissing
from greenup.schemas import CURVES
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, catalogue, item, outline, square, tif

FINE, COARSE = ("B2", "B3", "B4", "B8"), ("B5", "B8A")
GRID = PatchGrid(EPSG, WEST + 160, NORTH - 160, 64)
SITES = pd.DataFrame([("a", *Transformer.from_crs(EPSG, 4326, always_xy=True).transform(WEST + 480, NORTH - 480))])
SITES.columns = ["site_id", "lon", "lat"]


def intervals(*rows: tuple[str, str, str]) -> pd.DataFrame:
    table = [("a", n, 2020, pd.Timestamp(a), pd.Timestamp(a), pd.Timestamp(b)) for n, a, b in rows]
    return pd.DataFrame(table, columns=["site_id", "season", "year", "first", "middle", "last"])


def values(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    fine = rng.integers(1001, 9000, (4, SIDE, SIDE)).astype(np.uint16)
    return fine, rng.integers(1001, 9000, (2, SIDE // 2, SIDE // 2)).astype(np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("archive")
    items = []
    for seed, (name, time, properties) in enumerate(
        [
            ("old", "2020-03-31T23:59:59Z", {"s2:processing_baseline": "02.14"}),
            ("new", "2020-04-01T00:00:00Z", {"s2:processing_baseline": "05.00"}),
            ("both", "2020-06-30T23:59:59Z", {"s2:processing_baseline": "05.00", **CORRECTED}),
        ]
    ):
        fine, coarse = values(seed)
        scl = np.full((1, SIDE // 2, SIDE // 2), 4, np.uint8)
        scl[:, : 8 * (seed + 1)] = 8
        assets = {
            "ten": asset(tif(where / name / "10.tif", fine, square(10)), ["B02", "B03", "B04", "B08"]),
            "twenty": asset(tif(where / name / "20.tif", coarse, square(20)), ["B05", "B8A"]),
            "SCL": asset(tif(where / name / "SCL.tif", scl, square(20))),
        }
        items.append(item(name, time, assets, **properties))
    # Neighbours that do not show the whole patch, and one without a classification.
    fine, _ = values(9)
    file = tif(where / "far" / "10.tif", fine, square(10, WEST + 400))
    far = outline(west=WEST + 400)
    items.append(item("far", "2020-05-01T00:00:00Z", {"ten": asset(file, ["B2"])}, far, **CORRECTED))
    plain = {"B02": asset(tif(where / "plain" / "B02.tif", fine[:1], square(10)))}
    items.append(item("plain", "2020-05-02T10:00:00Z", plain, **CORRECTED, **{"eo:cloud_cover": 33.0}))
    return catalogue(where, items)


@pytest.fixture(scope="module")
def source(folder):
    return ArchiveSource(folder)


def test_search_takes_first_and_last_days_and_whole_patches_only(source):
    found = source.search(
        SITES, intervals(("spring", "2020-04-01", "2020-06-30"), ("march", "2020-03-31", "2020-03-31")), [GRID]
    )
    assert found[["season", "scene_id", "cloud_of"]].to_numpy().tolist() == [
        ["march", "old", "patch"],
        ["spring", "new", "patch"],
        ["spring", "plain", "tile"],
        ["spring", "both", "patch"],
    ]
    # Rows 8-39 of the classification are the patch's; 8 (n + 1) rows from the top are cloud.
    assert found.cloud.tolist() == [0.0, 25.0, 33.0, 50.0]
    assert found.time[1] == pd.Timestamp("2020-04-01T00:00:00Z")


def test_a_scene_in_two_intervals_of_a_season_stands_once(source):
    found = source.search(
        SITES, intervals(("s", "2020-05-01", "2020-05-30"), ("s", "2020-05-02", "2020-06-01")), [GRID]
    )
    assert found.scene_id.tolist() == ["plain"]


def test_nothing_found_is_an_empty_table(source):
    found = source.search(SITES, intervals(("s", "2001-05-01", "2001-05-30")), [GRID])
    assert found.empty
    assert list(found) == ["site_id", "season", "scene_id", "time", "cloud", "cloud_of"]


@pytest.mark.parametrize(("scene", "seed", "offset"), [("old", 0, 0), ("new", 1, 1000), ("both", 2, 0)])
def test_aligned_pixels_are_bit_equal_less_the_offset(source, scene, seed, offset):
    pixels = source.read(scene, GRID, ("B8", "B8A", "B2", "B5"))
    fine, coarse = (v.astype(int) - offset for v in values(seed))
    np.testing.assert_array_equal(pixels.values[10], fine[[3, 0], 16:80, 16:80])
    np.testing.assert_array_equal(pixels.values[20], coarse[[1, 0], 8:40, 8:40])
    assert pixels.values[10].dtype == np.uint16
    assert pixels.valid[10].all()
    assert pixels.valid[20].all()


def test_another_zone_is_reprojected_once(source):
    x, y = Transformer.from_crs(EPSG, 32632, always_xy=True).transform(WEST + 480, NORTH - 480)
    grid = PatchGrid(32632, round(x / 20) * 20 - 240, round(y / 20) * 20 + 240, 48)
    got = source.read("old", grid, ("B4", "B5"))
    for native_m, band in ((10, values(0)[0][2]), (20, values(0)[1][0])):
        expected = np.zeros((grid.shape(native_m),) * 2)
        reproject(
            band.astype(float), expected, src_crs=f"EPSG:{EPSG}", src_transform=square(native_m),
            dst_crs="EPSG:32632", dst_transform=grid.transform(native_m), resampling=Resampling.bilinear,
            tolerance=1e-5,
        )  # fmt: skip
        assert got.valid[native_m].all()
        np.testing.assert_allclose(got.values[native_m][0], expected, atol=1)


def test_curves_are_a_table_of_the_schema_for_the_years_asked(folder, tmp_path):
    some = ArchiveSource(_with_items(folder, tmp_path, ["old", "new", "both"]))
    table = some.curves(SITES, (2020, 2020))
    CURVES.check(table, "curves")
    assert table.time.dt.month.tolist() == [3, 4, 6]
    # The window is rows 23-72 of 10 m; 16, 32 and 48 rows from the top are cloud: none, 9 and 25 of its 50.
    assert table.clear.tolist() == [True, True, False]
    assert not table.snow.any()
    assert some.curves(SITES, (2021, 2022)).empty


def _with_items(folder, out, names):
    """A catalogue of some of the items, with links to the same files."""
    out.mkdir(exist_ok=True)
    links = [{"rel": "item", "href": str(folder / n / f"{n}.json")} for n in names]
    text = {"type": "Catalog", "stac_version": "1.0.0", "id": "some", "description": "some", "links": links}
    (out / "catalog.json").write_text(json.dumps(text))
    return out


def test_a_scene_or_file_that_is_not_there(source, tmp_path):
    with pytest.raises(SceneMissing):
        source.read("nope", GRID, ("B2",))
    with pytest.raises(UserError, match="no asset holds band B12"):
        source.read("old", GRID, ("B12",))
    lost = item("lost", "2020-01-01T00:00:00Z", {"B02": asset(tmp_path / "gone.tif")}, **CORRECTED)
    with pytest.raises(UserError, match=r"gone\.tif"):
        ArchiveSource(catalogue(tmp_path / "cat", [lost])).read("lost", GRID, ("B2",))


def test_archives_that_cannot_be_used_are_refused_with_the_mend(tmp_path):
    with pytest.raises(UserError, match=r"no catalog\.json"):
        ArchiveSource(tmp_path)
    with pytest.raises(UserError, match="no items"):
        ArchiveSource(catalogue(tmp_path / "empty", []))
    silent = item("silent", "2020-01-01T00:00:00Z", {"B02": asset(tmp_path / "b.tif")})
    with pytest.raises(UserError, match="item silent, asset B02") as caught:
        ArchiveSource(catalogue(tmp_path / "silent", [silent]))
    assert "s2:processing_baseline" in caught.value.mend
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "catalog.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as STAC"):
        ArchiveSource(tmp_path / "broken")
    (tmp_path / "broken" / "catalog.json").write_text(
        json.dumps(
            {
                "type": "Catalog",
                "stac_version": "1.0.0",
                "id": "a",
                "description": "b",
                "links": [{"rel": "item", "href": "./gone.json"}],
            }
        )
    )
    with pytest.raises(UserError, match=r"gone\.json"):
        ArchiveSource(tmp_path / "broken")


def test_attribution_is_the_catalogues_or_the_licences_notice(source, tmp_path):
    assert source.attribution == "Contains modified Copernicus Sentinel data 2020"
    assert source.simulated is False
    one = [item("a", "2020-01-01T00:00:00Z", {}), item("b", "2022-01-01T00:00:00Z", {})]
    assert ArchiveSource(catalogue(tmp_path / "a", one)).attribution.endswith("data 2020-2022")
    one = [item("a", "2020-01-01T00:00:00Z", {})]
    assert ArchiveSource(catalogue(tmp_path / "b", one, attribution="Own photos")).attribution == "Own photos"


def test_a_grid_between_pixels_is_still_whole(source):
    grid = grid_for_site(SITES.lon[0], SITES.lat[0], 32, (10,))
    assert source.read("old", grid, ("B2",)).valid[10].all()
