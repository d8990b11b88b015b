"""Stored values, cloud shares and EVI, against closed forms."""

import numpy as np
import pandas as pd
import pytest
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery.evi import evi
from greenup.imagery.items import BandFile, Scene
from greenup.imagery.pixels import cloud_over, covers, evi_series, read_pixels, to_stored
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely import MultiPolygon, box
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
    return Scene(
        "s", pd.Timestamp("2020-06-01T10:00:00Z"), shape(outline()), cloud, is_estimate, files,
        str(folder / "SCL.tif") if scl is not None else None,
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
    assert cloud_over(scene(tmp_path, scl=scl), GRID) == (25.0, "patch")


@pytest.mark.parametrize("seen", [1, 2, 4, 5, 6, 7, 11])
def test_other_classes_are_no_cloud(tmp_path, seen):
    assert cloud_over(scene(tmp_path, scl=np.full((48, 48), seen)), GRID) == (0.0, "patch")


def test_outside_the_classification_counts_as_cloud(tmp_path):
    grid = PatchGrid(EPSG, WEST + 480, NORTH, 96)
    assert cloud_over(scene(tmp_path, scl=np.full((48, 48), 4)), grid) == (50.0, "patch")


def test_without_a_classification_it_is_the_items_number(tmp_path):
    assert cloud_over(scene(tmp_path), GRID) == (12.0, "tile")
    assert cloud_over(scene(tmp_path, is_estimate=True), GRID) == (12.0, "tile_estimate")
    assert cloud_over(scene(tmp_path, cloud=None), GRID) == (None, "tile")


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
    assert not covers(box(179, 64, 180, 66), grid)
