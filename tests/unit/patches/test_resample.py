"""Resampling against other people's code: GDAL's warper and scipy's map_coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from greenup.grids import PatchGrid
from greenup.patches.resample import bilinear_to_10m, evi, index_of, ndvi, nearest_to_10m
from hypothesis import given
from hypothesis.extra import numpy as hnp
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject
from scipy.ndimage import map_coordinates

GRID = PatchGrid(32631, 600_000.0, 5_000_040.0, 128)


@pytest.mark.parametrize("native_m", [20, 60])
@pytest.mark.parametrize("top", [10_000, 65_535])
def test_against_gdal(native_m, top):
    n = GRID.shape(native_m)
    band = np.random.default_rng(native_m).integers(0, top, (1, n, n)).astype(np.uint16)
    warped = np.zeros((128, 128), np.float32)
    reproject(
        band[0].astype(np.float32),
        warped,
        src_transform=GRID.transform(native_m),
        dst_transform=GRID.transform(10),
        src_crs=CRS.from_epsg(32631),
        dst_crs=CRS.from_epsg(32631),
        resampling=Resampling.bilinear,
    )
    got = bilinear_to_10m(band, np.ones((n, n), bool), native_m // 10, 128)[0]
    # Where the coarse grid ends with the patch, GDAL and we both hold the outermost value.
    assert np.abs(got.astype(float) - warped).max() <= 1


@pytest.mark.parametrize(("factor", "size_px"), [(2, 26), (2, 27), (6, 26), (6, 264)])
def test_against_map_coordinates(factor, size_px):
    n = -(-size_px // factor)
    band = np.random.default_rng(7).integers(0, 65_535, (2, n, n)).astype(np.uint16)
    at = (np.arange(size_px) + 0.5) / factor - 0.5
    rows, columns = np.meshgrid(at, at, indexing="ij")
    got = bilinear_to_10m(band, np.ones((n, n), bool), factor, size_px)
    for values, result in zip(band, got, strict=True):
        truth = map_coordinates(values.astype(np.float64), [rows, columns], order=1, mode="nearest")
        assert np.abs(result - truth).max() <= 1


def test_a_ramp_stays_where_it_is():
    """Values that are their own coordinate: any shift would show as a constant difference."""
    centres = (np.arange(22) + 0.5) * 60
    band = np.broadcast_to(centres, (22, 22)).astype(np.uint16)[None]
    got = bilinear_to_10m(band, np.ones((22, 22), bool), 6, 128)[0]
    expected = (np.arange(128) + 0.5) * 10
    inside = (expected > 30) & (expected < 22 * 60 - 30)
    assert np.abs(got[:, inside] - expected[inside]).max() <= 0.5


@pytest.mark.parametrize("factor", [2, 6])
def test_nodata_takes_no_part(factor):
    rng = np.random.default_rng(factor)
    n, size_px = 20, 20 * factor - 3
    valid = rng.random((n, n)) > 0.3
    values = np.where(valid, 5_000, 0).astype(np.uint16)[None]
    got = bilinear_to_10m(values, valid, factor, size_px)[0]
    mask = nearest_to_10m(valid, factor, size_px)
    assert set(np.unique(got[mask])) == {5_000}, "nodata darkens its neighbours"
    assert not got[~mask].any()


def test_normalised_weights_by_hand():
    values = np.array([[[100, 0], [300, 400]]], np.uint16)
    valid = np.array([[True, False], [True, True]])
    got = bilinear_to_10m(values, valid, 2, 4)[0]
    # Fine pixel (1, 1): weights 9/16 on 100, 3/16 on nodata, 3/16 on 300, 1/16 on 400.
    assert got[1, 1] == round((9 * 100 + 3 * 300 + 1 * 400) / 13)
    assert got[0, 0] == 100
    assert got[1, 2] == 0


@pytest.mark.parametrize(("factor", "size_px"), [(1, 7), (2, 27), (6, 26), (6, 264)])
def test_masks_are_repeated_as_gdal_does(factor, size_px):
    n = -(-size_px // factor)
    classes = np.random.default_rng(factor).integers(0, 12, (2, n, n)).astype(np.uint16)
    got = nearest_to_10m(classes, factor, size_px)
    assert got.dtype == np.uint16 and got.shape == (2, size_px, size_px)
    for band, result in zip(classes, got, strict=True):
        warped = np.zeros((size_px, size_px), np.uint16)
        reproject(
            band, warped, resampling=Resampling.nearest, src_crs=CRS.from_epsg(32631), dst_crs=CRS.from_epsg(32631),
            src_transform=GRID.transform(10 * factor), dst_transform=GRID.transform(10),
        )  # fmt: skip
        np.testing.assert_array_equal(result, warped)


@given(hnp.arrays(np.uint16, (3, 40)))
def test_evi_is_that_of_reflectances(bands):
    """Against float64, over all that 16 bits hold; fractions are cut off, so a whole number may fall one short."""
    found = evi(*bands).astype(np.float64)
    blue, red, nir = bands / 10_000.0
    below = nir + 6 * red - 7.5 * blue + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        truth = np.where(below > 1e-9, np.clip(2.5 * (nir - red) / below, 0, 1), 0) * 10_000
    clear = np.abs(below) > 1e-9
    assert np.abs(found - np.floor(truth + 1e-6))[clear].max(initial=0) == 0
    assert found.max() <= 10_000


@given(hnp.arrays(np.uint16, (2, 60)))
def test_ndvi_is_that_of_whole_numbers(bands):
    """Over all that 16 bits hold: the floating-point quotient, cut off, is Python's integer division."""
    red, nir = bands.tolist()
    truth = [max(n - r, 0) * 10_000 // max(n + r, 1) for r, n in zip(red, nir, strict=True)]
    assert ndvi(*bands).tolist() == truth


def test_ndvi_where_the_quotient_is_next_to_a_whole_number():
    """For every sum of the two bands, differences that give k / 10 000 exactly or fall just short of it."""
    total = np.repeat(np.arange(1, 131_071, 7), 16)
    k = np.random.default_rng(2).integers(1, 10_001, total.size)
    difference = np.minimum(-(-k * total // 10_000) - np.arange(total.size) % 2, total)
    difference -= (total - difference) % 2
    red, nir = (total - difference) // 2, (total + difference) // 2
    fits = (nir <= 65_535) & (difference >= 0)
    red, nir = red[fits], nir[fits]
    assert fits.sum() > 50_000
    found = ndvi(red.astype(np.uint16), nir.astype(np.uint16))
    np.testing.assert_array_equal(found, (nir - red) * 10_000 // np.maximum(nir + red, 1))


@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize(("factor", "size_px"), [(2, 26), (2, 27), (6, 264)])
def test_written_into_an_image_it_is_the_same(factor, size_px, holes):
    n = -(-size_px // factor)
    rng = np.random.default_rng(3)
    bands = rng.integers(0, 65_535, (2, n, n)).astype(np.uint16)
    valid = rng.random((n, n)) >= holes
    image = np.full((4, size_px, size_px), 7, np.uint16)
    bilinear_to_10m(list(bands), valid, factor, size_px, [image[3], image[1]], all_valid=None if holes else True)
    np.testing.assert_array_equal(image[[3, 1]], bilinear_to_10m(bands, valid, factor, size_px))
    assert (image[[0, 2]] == 7).all()


def test_evi_by_hand():
    """A meadow: 2.5 x 0.37 / (0.415 + 0.27 - 0.24 + 1) = 0.640; cloud, water and an empty pixel: 0."""
    blue, red, nir = np.array([[320, 450, 4150], [9_000, 5_000, 5_800], [420, 200, 80], [0, 0, 0]], np.uint16).T
    assert evi(blue, red, nir).tolist() == [6401, 0, 0, 0]
    # The denominator next to zero, 0.6 + 0.6 - 2.19975 + 1, and just below.
    zero = np.array([[2_933, 1_000, 6_000]], np.uint16).T
    assert evi(*zero)[0] == 10_000 and evi(zero[0] + np.uint16(1), zero[1], zero[2])[0] == 0


def test_indices_by_name():
    rng = np.random.default_rng(1)
    bands = {b: rng.integers(0, 10_000, (5, 5)).astype(np.uint16) for b in ("B8", "B2", "B3", "B4")}
    np.testing.assert_array_equal(index_of("NDVI", bands), ndvi(bands["B4"], bands["B8"]))
    np.testing.assert_array_equal(index_of("EVI", bands), evi(bands["B2"], bands["B4"], bands["B8"]))
