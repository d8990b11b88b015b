"""Remarks on pixels: once a source, and only remarks."""

import logging

import numpy as np
import pandas as pd
import pytest
import rasterio
from greenup.grids import PatchGrid
from greenup.imagery.items import BandFile, Scene
from greenup.imagery.notes import Notes
from greenup.imagery.pixels import read_pixels
from shapely import box

# Order of the bands in the files of the sample.
NAMES = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")


def scene_of(file, offset: float = 0.0) -> tuple[Scene, PatchGrid]:
    with rasterio.open(file) as source:
        grid = PatchGrid(source.crs.to_epsg(), source.transform.c, source.transform.f, source.width)
    files = {n: BandFile(str(file), i, 1e-4, offset, 0.0) for i, n in enumerate(NAMES, 1)}
    return Scene(file.stem, pd.Timestamp("2022-01-01", tz="UTC"), box(-180, -90, 180, 90), None, False, files), grid


def warned(caplog) -> list[str]:
    return [r.getMessage().split(":")[0] for r in caplog.records if "no dark pixel" in r.getMessage()]


def test_patches_without_dark_pixels_are_told_and_left_as_they_are(samples, caplog):
    """Files that do not say whether they carry the offset; the sample's own remark looks at the least value."""
    with caplog.at_level(logging.WARNING):
        for file in sorted((samples / "s2_100k_sample").glob("*.tif")):
            scene, grid = scene_of(file)
            pixels = read_pixels(scene, grid, ("B2", "B3", "B4", "B8"), notes=Notes())
            with rasterio.open(file) as source:
                stored = source.read([2, 3, 4, 8])
            # A pixel without data in one band has none in any.
            np.testing.assert_array_equal(pixels.values[10], stored * (stored > 0).all(axis=0))
    assert set(warned(caplog)) == {"patch_252161", "patch_445", "patch_70541", "patch_74721", "patch_766272"}


def test_once_a_source_and_never_where_an_offset_was_taken_off(samples, caplog):
    files = sorted((samples / "s2_100k_sample").glob("*.tif"))
    notes = Notes()
    with caplog.at_level(logging.WARNING):
        for file in files:
            scene, grid = scene_of(file)
            read_pixels(scene, grid, ("B2", "B3", "B4"), notes=notes)
        assert len(warned(caplog)) == 1
        for file in files:
            scene, grid = scene_of(file, -0.1)
            read_pixels(scene, grid, ("B2", "B3", "B4"), notes=Notes())
    assert len(warned(caplog)) == 1


@pytest.mark.parametrize(
    ("bands", "is_told"),
    [
        ({"B4": 1500, "B8": 3000}, True),
        ({"B2": 900, "B4": 1500}, False),
        # Of a forest the near infrared alone tells nothing.
        ({"B8": 3000}, False),
    ],
)
def test_the_darkest_visible_band_decides(bands, is_told, caplog):
    valid = np.ones((10, 10), bool)
    with caplog.at_level(logging.WARNING):
        Notes().look_for_offset("s", {n: np.full((10, 10), v, np.uint16) for n, v in bands.items()}, valid)
        Notes().look_for_offset("s", {n: np.zeros((10, 10), np.uint16) for n in bands}, ~valid)
    assert bool(warned(caplog)) is is_told
