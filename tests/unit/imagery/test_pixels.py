"""Stored values, cloud shares and EVI, against closed forms."""

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest
from greenup.bands import BANDS
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.base import UNKNOWN_MASK
from greenup.imagery.evi import evi
from greenup.imagery.items import BandFile, Scene
from greenup.imagery.notes import Notes
from greenup.imagery.pixels import Unreadable, cloud_of, cloud_over, covers, evi_series, read_pixels, to_stored
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import MultiPolygon, Polygon, box
from shapely.geometry import shape

from tests.standins.archive import EPSG, NORTH, SIDE, WEST, outline, square, tif

GRID = PatchGrid(EPSG, WEST, NORTH, 64)


def scene(folder, *, scl: np.ndarray | None = None, cloud: float | None = 12.0, is_estimate: bool = False, **bands):
    """``bands``: name -> 10 m values (rows, columns)."""
    files = {}
    for name, values in bands.items():
        tif(folder / f"{name}.tif", values[None].astype(np.uint16), square(10))
        files[name] = BandFile(str(folder / f"{name}.tif"), 1, 1e-4, 0.0, 0.0)
    if scl is not None:
        tif(folder / "SCL.tif", scl[None].astype(np.uint8), square(20))
        files["SCL"] = BandFile(str(folder / "SCL.tif"), 1, 1.0, 0.0, 0.0)
    return Scene(
        "s", pd.Timestamp("2020-06-01T10:00:00Z"), shape(outline()), cloud, is_estimate, files
    )  # fmt: skip


@given(dn=st.integers(0, 65_535), offset=st.sampled_from([0.0, -0.1]))
def test_stored_values_lose_their_offset(dn, offset):
    expected = min(max(dn + round(offset * 10_000), 0), 65_535)
    assert to_stored(np.array([dn], np.uint16), 1e-4, offset)[0] == expected


def test_reflectance_in_floating_point_becomes_stored_values():
    assert to_stored(np.array([0.0, 0.12344, 1.5, -0.02], np.float32), 1.0, 0.0).tolist() == [0, 1234, 15_000, 0]


@pytest.mark.parametrize("hidden", [0, 3, 8, 9, 10])
def test_cloud_is_the_share_of_hidden_pixels_of_the_patch(tmp_path, hidden):
    scl = np.full((SIDE // 2, SIDE // 2), 4)
    scl[:8, :32] = hidden  # 8 of the patch's 32 rows
    scl[32:] = 9  # outside the patch
    assert cloud_over(scene(tmp_path, scl=scl), GRID) == 25.0


@pytest.mark.parametrize("seen", [1, 2, 4, 5, 6, 7, 11])
def test_other_classes_are_no_cloud(tmp_path, seen):
    assert cloud_over(scene(tmp_path, scl=np.full((48, 48), seen)), GRID) == 0.0


def test_outside_the_classification_counts_as_cloud(tmp_path):
    grid = PatchGrid(EPSG, WEST + 480, NORTH, 96)
    assert cloud_over(scene(tmp_path, scl=np.full((48, 48), 4)), grid) == 50.0


def test_without_a_classification_nothing_is_measured(tmp_path):
    assert cloud_over(scene(tmp_path), GRID) is None
    assert cloud_of(scene(tmp_path)) == "tile"
    assert cloud_of(scene(tmp_path, is_estimate=True)) == "tile_estimate"
    radar = BandFile("vv.tif", 1, 1.0, 0.0, 0.0, is_power=True)
    assert cloud_of(dataclasses.replace(scene(tmp_path), bands={"VV": radar})) == "none"


def test_pixels_need_data_in_every_band(tmp_path):
    blue, red = np.full((SIDE, SIDE), 300), np.full((SIDE, SIDE), 400)
    blue[5, 6] = 0
    pixels = read_pixels(scene(tmp_path, B2=blue, B4=red), GRID, ("B4", "B2"))
    assert pixels.valid[10].sum() == 64 * 64 - 1
    assert pixels.values[10][:, 5, 6].tolist() == [0, 0]
    assert pixels.values[10][:, 0, 0].tolist() == [400, 300]


def test_evi_by_hand():
    assert evi(0.03, 0.04, 0.40) == pytest.approx(2.5 * 0.36 / (0.40 + 0.24 - 0.225 + 1))
    assert evi(0.9, 0.9, 0.95) == pytest.approx(2.5 * 0.05 / (0.95 + 5.4 - 6.75 + 1))
    assert evi(1.0, 0.5, 0.55) == pytest.approx(-2.5 * 0.05 / 2.95)
    # Out of range, and cut: denominators of -0.5 and 0.28.
    assert evi(0.4, 0.1, 0.9) == -1.0
    assert evi(0.3, 0.1, 0.93) == 1.0


def site() -> tuple[str, float, float]:
    return "a", *Transformer.from_crs(EPSG, 4326, always_xy=True).transform(WEST + 480, NORTH - 480)


def test_evi_series_leaves_clouded_pixels_out(tmp_path):
    red, nir, blue = np.full((SIDE, SIDE), 400), np.full((SIDE, SIDE), 4000), np.full((SIDE, SIDE), 300)
    scl = np.full((48, 48), 4)
    # The window is 50 x 50 pixels of 10 m around the middle; its western tenth lies under cloud.
    west_px = grid_for_site(*site()[1:], 50, (10,)).west
    edge = round((west_px - WEST) / 10) + 5
    red[:, :edge] = nir[:, :edge] = blue[:, :edge] = 8000
    scl[:, : (edge + 1) // 2] = 9
    rows = evi_series(*site(), [scene(tmp_path, scl=scl, B2=blue, B4=red, B8=nir)])
    assert rows == [
        ("a", pd.Timestamp("2020-06-01T10:00:00Z"), pytest.approx(float(evi(0.03, 0.04, 0.40))), True, False)
    ]


@pytest.mark.parametrize(("hidden", "is_clear"), [(9, False), (11, False), (1, False), (6, True), (2, True)])
def test_an_observation_is_clear_when_the_window_is(tmp_path, hidden, is_clear):
    flat = np.full((SIDE, SIDE), 1000)
    rows = evi_series(*site(), [scene(tmp_path, scl=np.full((48, 48), hidden), B2=flat, B4=flat, B8=flat)])
    assert [r[3] for r in rows] == [is_clear]
    assert [r[4] for r in rows] == [hidden == 11], "snow is told from cloud"


@pytest.mark.parametrize(("rows_of_snow", "is_snow"), [(0, False), (20, False), (30, True), (48, True)])
def test_snow_on_half_of_the_window_is_snow_and_cloud_on_it_is_not(tmp_path, rows_of_snow, is_snow):
    flat = np.full((SIDE, SIDE), 1000)
    scl = np.full((48, 48), 9)
    scl[:rows_of_snow] = 11
    (row,) = evi_series(*site(), [scene(tmp_path, scl=scl, B2=flat, B4=flat, B8=flat)])
    assert row[3:] == (False, is_snow)


@pytest.mark.parametrize(("cloud", "is_clear"), [(0.0, True), (19.9, True), (20.0, False), (None, False)])
def test_without_classes_the_items_cloud_decides(tmp_path, cloud, is_clear):
    flat = np.full((SIDE, SIDE), 1000)
    rows = evi_series(*site(), [scene(tmp_path, cloud=cloud, B2=flat, B4=flat, B8=flat)])
    assert [r[3:] for r in rows] == [(is_clear, False)]


def test_a_scene_without_data_at_the_site_gives_no_row(tmp_path):
    flat = np.zeros((SIDE, SIDE))
    assert evi_series(*site(), [scene(tmp_path, B2=flat, B4=flat, B8=flat)]) == []


@pytest.mark.parametrize(("east", "fits"), [(0, True), (320, True), (340, False), (-20, False), (5000, False)])
def test_a_footprint_covers_a_patch_wholly_or_not(east, fits):
    assert covers(shape(outline()), PatchGrid(EPSG, WEST + east, NORTH, 64)) is fits


def test_a_patch_on_the_antimeridian_is_covered_by_both_halves():
    grid = grid_for_site(179.9999, 65.0, 128, (20,))
    both = MultiPolygon([box(179, 64, 180, 66), box(-180, 64, -179, 66)])
    assert covers(both, grid)
    assert covers(box(179, 64, 181, 66), grid), "counts on beyond 180"
    assert covers(Polygon([(179, 64), (-179, 64), (-179, 66), (179, 66)]), grid), "jumps to -180"
    assert not covers(box(179, 64, 180, 66), grid)


@given(db=st.floats(-79.9, 40))
def test_backscatter_is_stored_in_steps_of_two_thousandths_of_a_decibel(db):
    stored = to_stored(np.array([db]), 1.0, 0.0, "VV")[0]
    band = BANDS["VV"]
    assert stored / band.scale + band.offset == pytest.approx(db, abs=0.001 + 1e-9)


def radar(folder, values: np.ndarray, nodata: float | None, *, is_power: bool, scale: float = 1.0) -> Scene:
    file = tif(folder / "VV.tif", values[None], square(10), nodata=nodata)
    files = {"VV": BandFile(str(file), 1, scale, 0.0, 0.0 if is_power else float("nan"), is_power=is_power)}
    return Scene("s1", pd.Timestamp("2020-06-01T06:00:00Z"), shape(outline()), 0.0, False, files, "ascending")


def test_linear_power_becomes_decibels_and_no_power_no_data(tmp_path):
    power = np.full((SIDE, SIDE), 0.1, np.float32)
    power[0, :4] = [1.0, 0.01, 0.0, -0.001]
    power[1, 0], power[1, 1] = -32_768, np.nan
    pixels = read_pixels(radar(tmp_path, power, -32_768, is_power=True), GRID, ("VV",))
    # (dB + 80) * 500 of 0, -20 and -10 dB.
    assert pixels.values[10][0, 0, :2].tolist() == [40_000, 30_000]
    assert pixels.values[10][0, 5, 5] == 35_000
    expected = np.ones((64, 64), bool)
    expected[0, 2:4] = expected[1, :2] = False
    np.testing.assert_array_equal(pixels.valid[10], expected)
    assert not pixels.values[10][0][~expected].any()


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1.0), (np.int16, 0.01)])
def test_decibels_stay_decibels_and_zero_is_one_of_them(tmp_path, dtype, scale):
    db = np.full((SIDE, SIDE), -12.5 / scale).astype(dtype)
    db[0, 0] = 0
    pixels = read_pixels(radar(tmp_path, db, None, is_power=False, scale=scale), GRID, ("VV",))
    assert pixels.valid[10].all()
    assert pixels.values[10][0, 0, 0] == 40_000
    assert pixels.values[10][0, 1, 1] == round((80 - 12.5) * 500)


def test_masks_stand_as_they_are_and_take_no_part_in_validity(tmp_path):
    classes = np.random.default_rng(0).integers(0, 12, (48, 48))
    pixels = read_pixels(scene(tmp_path, scl=classes, B2=np.full((SIDE, SIDE), 300)), GRID, ("B2", "SCL"))
    np.testing.assert_array_equal(pixels.values[20][0], classes[:32, :32])
    assert pixels.valid[20].all()
    assert pixels.valid[10].all()


def test_reprojected_masks_hold_only_classes_of_the_file(tmp_path):
    classes = np.where(np.indices((48, 48)).sum(axis=0) % 2, 4, 11)
    some = scene(tmp_path, scl=classes, B2=np.full((SIDE, SIDE), 300))
    grid = PatchGrid(EPSG, WEST + 103, NORTH - 103, 64)
    values = read_pixels(some, grid, ("SCL",)).values[20][0]
    # 103 m are 5.15 pixels: the nearest centre is that of the pixel which the centre lies in, 5 further.
    np.testing.assert_array_equal(values, classes[5:37, 5:37])


def test_a_mask_that_a_scene_lacks_says_that_nothing_is_known_and_is_told_once(tmp_path, caplog):
    notes, some = Notes(), scene(tmp_path, B2=np.full((SIDE, SIDE), 300))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pixels = read_pixels(some, GRID, ("B2", "SCL", "QA60"), notes=notes)
    assert not pixels.values[20].any(), "its own class of no data"
    assert (pixels.values[60] == UNKNOWN_MASK["QA60"]).all()
    assert pixels.valid[10].all()
    assert [r.getMessage().split(";")[0] for r in caplog.records] == [
        "s: no asset holds the mask SCL",
        "s: no asset holds the mask QA60",
    ]


@pytest.mark.parametrize("damage", ["missing", "no image", "cut", "band"])
def test_files_that_cannot_be_read_are_named(tmp_path, damage):
    some = scene(tmp_path, B2=np.random.default_rng(0).integers(1, 9000, (SIDE, SIDE)))
    file = tmp_path / "B2.tif"
    match damage:
        case "missing":
            file.unlink()
        case "no image":
            file.write_bytes(b"<html>not found</html>")
        case "cut":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
        case "band":
            some = dataclasses.replace(some, bands={"B2": dataclasses.replace(some.bands["B2"], index=3)})
    with pytest.raises(Unreadable, match=r"s: .*B2\.tif"):
        read_pixels(some, GRID, ("B2",))


@pytest.mark.parametrize(("nodata", "expected"), [(0.0, [0, 40, 255]), (255.0, [0, 40, UNKNOWN_MASK["CLDPRB"]])])
def test_no_probability_of_cloud_is_not_no_data(tmp_path, nodata, expected):
    percent = np.full((1, 48, 48), 40, np.uint8)
    percent[0, 0, 0], percent[0, 0, 2] = 0, 255
    file = BandFile(str(tif(tmp_path / "c.tif", percent, square(20), nodata=nodata)), 1, 1.0, 0.0, nodata)
    some = dataclasses.replace(scene(tmp_path), bands={"CLDPRB": file})
    pixels = read_pixels(some, GRID, ("CLDPRB",))
    assert pixels.values[20][0, 0, :3].tolist() == expected
    assert pixels.valid[20].all()
