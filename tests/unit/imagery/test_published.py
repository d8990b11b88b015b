"""Published folders as an image source: pixels and grids against what the imitated writers wrote."""

import logging
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio
from greenup.config import parse
from greenup.config.data import Imagery
from greenup.errors import PassingError, UserError
from greenup.imagery import SceneMissing, open_source
from greenup.imagery.published.listing import list_published
from pyproj import Transformer

from tests.standins import published as made

PLACES = {"0000007": (9.4, 47.6), "0000123": (9.9, 47.2)}


def block(path, layout="ssl4eo_s12", **keys):
    return parse(Imagery, {"source": "published", "layout": layout, "path": str(path), **keys})


def read(source, scene_id, bands, size_px=264):
    site = scene_id.split("/")[0]
    grid = source.own_grid(scene_id, *PLACES[site], size_px)
    return grid, source.read(scene_id, grid, bands)


@pytest.fixture(scope="module")
def s2c(tmp_path_factory):
    root = tmp_path_factory.mktemp("s2c")
    return root, made.write_folder(root, PLACES, "s2c")


class TestPixels:
    def test_optical_values_are_bit_equal(self, s2c):
        root, images = s2c
        imagery = block(root, product="s2_l1c")
        source = open_source(imagery)
        for scene_id, image in images.items():
            grid, pixels = read(source, scene_id, imagery.offered)
            for m in (10, 20, 60):
                names = [b for b in imagery.offered if made.NATIVE_M[b] == m]
                assert pixels.values[m].dtype == np.uint16 and pixels.valid[m].all()
                np.testing.assert_array_equal(pixels.values[m], [image.values[b] for b in names])
            # The files' own place, of the 10 m bands.
            with rasterio.open(image.folder / "B2.tif") as file:
                assert grid.transform(10).almost_equals(file.transform, precision=1e-12)
            assert grid.is_own

    def test_a_part_of_a_patch_cuts_no_coarse_pixel(self, s2c):
        root, images = s2c
        scene_id, image = next(iter(images.items()))
        source = open_source(block(root, product="s2_l1c"))
        whole, _ = read(source, scene_id, ("B2",))
        part, pixels = read(source, scene_id, ("B2", "B5", "B1"), size_px=96)
        column = round((part.west - whole.west) / whole.pixel_x)
        row = round((whole.north - part.north) / whole.pixel_y)
        assert column % 6 == row % 6 == 0 and 78 <= column <= 90 and 78 <= row <= 90
        for m, band in ((10, "B2"), (20, "B5"), (60, "B1")):
            n, c, r = 960 // m, column * 10 // m, row * 10 // m
            np.testing.assert_array_equal(pixels.values[m][0], image.values[band][r : r + n, c : c + n])

    def test_zeros_in_all_bands_are_no_data(self, tmp_path):
        images = made.write_folder(tmp_path, {"000001": PLACES["0000007"]}, "s2a", masked=True)
        scene_id, image = next(iter(images.items()))
        (image.values["B2"])[200, 200] = 0
        source = open_source(block(tmp_path))
        grid = source.own_grid(scene_id, *PLACES["0000007"], 264)
        pixels = source.read(scene_id, grid, ("B2", "B3", "B5"))
        expected = np.ones((264, 264), bool)
        expected[:66, :66] = False
        np.testing.assert_array_equal(pixels.valid[10], expected)
        assert pixels.valid[20].sum() == 132 * 132 - 33 * 33

    def test_seco_is_invertible(self, tmp_path):
        from greenup.imagery.published.values import seco_uint8, stored

        every = np.arange(256, dtype=np.uint8)
        np.testing.assert_array_equal(seco_uint8(stored(every, "seco", "s2_l2a", "B2")), every)
        places = {"000007": PLACES["0000007"]}
        images = made.write_folder(tmp_path, places, "s2a", "seco")
        imagery = block(tmp_path, "seco")
        source = open_source(imagery)
        for scene_id, image in images.items():
            pixels = source.read(scene_id, source.own_grid(scene_id, *places["000007"], 264), imagery.offered)
            for m in (10, 20, 60):
                names = [b for b in imagery.offered if made.NATIVE_M[b] == m]
                np.testing.assert_array_equal(seco_uint8(pixels.values[m]), [image.values[b] for b in names])

    def test_backscatter_to_a_thousandth_of_a_decibel(self, tmp_path):
        from greenup.bands import physical

        images = made.write_folder(tmp_path, PLACES, "s1")
        source = open_source(block(tmp_path, product="s1_grd"))
        for scene_id, image in images.items():
            _, pixels = read(source, scene_id, ("VV", "VH"))
            for i, band in enumerate(("VV", "VH")):
                assert np.abs(physical(pixels.values[10][i], band) - image.values[band]).max() <= 0.00101
            assert source.orbit(scene_id) == "descending"

    def test_the_compressed_release_comes_back_to_half_a_step(self, tmp_path, caplog):
        from greenup.imagery.published.values import mean_and_std

        images = made.write_folder(tmp_path, {"0000007": PLACES["0000007"]}, "s2c")
        scene_id, image = next(iter(images.items()))
        for band, values in image.values.items():
            mean, std = mean_and_std("s2_l1c", band)
            low = mean - 2 * std
            small = np.clip((values - low) / (4 * std) * 255, 0, 255).astype("uint8")
            with rasterio.open(image.folder / f"{band}.tif") as file:
                place = file.transform
            with rasterio.open(
                image.folder / f"{band}.tif", "w", driver="GTiff", width=small.shape[1], height=small.shape[0], count=1,
                dtype="uint8", crs="+proj=latlong", transform=place,
            ) as file:  # fmt: skip
                file.write(small[None])
        source = open_source(block(tmp_path, product="s2_l1c"))
        bands = ("B2", "B8", "B11")
        with caplog.at_level(logging.WARNING):
            _, pixels = read(source, scene_id, bands)
        assert "compressed release" in caplog.text
        for band in bands:
            m = made.NATIVE_M[band]
            got = pixels.values[m][[b for b in bands if made.NATIVE_M[b] == m].index(band)].astype(float)
            mean, std = mean_and_std("s2_l1c", band)
            true = np.clip(image.values[band], max(mean - 2 * std, 0), mean + 2 * std)
            assert np.abs(got - true).max() <= 2 * std / 255 + 1
            assert pixels.valid[m].all()

    def test_ssl4eco_lies_at_10_m_and_brings_its_ndvi(self, tmp_path, caplog):
        images = made.write_ssl4eco(tmp_path, {"000007": PLACES["0000007"]})
        imagery = block(tmp_path, "ssl4eco")
        source = open_source(imagery)
        assert source.is_resampled(imagery.offered)
        with caplog.at_level(logging.WARNING):
            for scene_id, values in images.items():
                grid = source.own_grid(scene_id, *PLACES["0000007"], 256)
                pixels = source.read(scene_id, grid, imagery.offered)
                np.testing.assert_array_equal(pixels.values[10], values[:12])
                np.testing.assert_array_equal(source.read(scene_id, grid, ("B12", "B4")).values[10], values[[11, 3]])
        assert "NDVI" not in caplog.text

    def test_another_ndvi_is_told(self, tmp_path, caplog):
        images = made.write_ssl4eco(tmp_path, {"000007": PLACES["0000007"]}, wrong_ndvi=True)
        source = open_source(block(tmp_path, "ssl4eco"))
        with caplog.at_level(logging.WARNING):
            for scene_id in images:
                source.read(scene_id, source.own_grid(scene_id, *PLACES["0000007"], 256), ("B2",))
        told = [r.message for r in caplog.records if "NDVI" in r.message]
        assert len(told) == 3 and "(4 such images so far)" in told[-1], "of 1, 2 and 4 images"


class TestPlace:
    @pytest.mark.parametrize("metadata", ["full", "properties"])
    @pytest.mark.parametrize(
        "lon, lat, epsg, origin",
        [
            (9.4, 47.6, 32632, (399_960.0, 5_300_040.0)),
            (6.3, 61.0, 32632, (300_000.0, 6_800_040.0)),
            (11.7, -33.5, 32733, (199_980.0, 6_300_040.0)),
            (-70.01, 2.2, 32619, (300_000.0, 300_000.0)),
            (23.9, 69.6, 32634, (499_980.0, 7_800_000.0)),
        ],
    )
    def test_utm_is_the_products_own_grid(self, tmp_path, lon, lat, epsg, origin, metadata):
        for modality, product in (("s2c", "s2_l1c"), ("s1", "s1_grd")):
            if modality == "s1":
                origin = (origin[0] + 3.7, origin[1] - 1.2)
            images = made.write_folder(
                tmp_path, {"0000001": (lon, lat)}, modality, epsg=epsg, origin=origin, metadata=metadata
            )
            source = open_source(block(tmp_path, product=product, place="utm"))
            for scene_id, image in images.items():
                grid = source.own_grid(scene_id, lon, lat, 264)
                assert (grid.epsg, grid.pixel_x, grid.pixel_y) == (epsg, 10.0, 10.0)
                assert (grid.west, grid.north) == pytest.approx(image.corner, abs=1e-6)
                pixels = source.read(scene_id, grid, ("VV",) if modality == "s1" else ("B2",))
                assert pixels.valid[10].all()

    def test_the_site_is_the_middle_of_its_patch(self, s2c):
        """Within a pixel of the first band, by which the writers reckon."""
        root, images = s2c
        table, _ = list_published(block(root, product="s2_l1c"))
        for site, group in table.groupby("site_id"):
            image = images[group["scene_id"].iloc[0]]
            x, y = Transformer.from_crs(4326, image.epsg, always_xy=True).transform(
                group["lon"].iloc[0], group["lat"].iloc[0]
            )
            middle = image.corner[0] + 1320, image.corner[1] - 1320
            assert math.dist((x, y), middle) < 60, site

    def test_utm_needs_metadata(self, tmp_path):
        made.write_folder(tmp_path, {"0000007": PLACES["0000007"]}, "s2c", metadata="plain")
        with pytest.raises(UserError, match="place: as_written"):
            list_published(block(tmp_path, product="s2_l1c", place="utm"))


class TestDamage:
    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path, made.write_folder(tmp_path, {"0000007": PLACES["0000007"]}, "s2a")

    @pytest.mark.parametrize("band", ["B2", "B9"])
    @pytest.mark.parametrize("how", ["cut", "missing", "size", "empty"])
    def test_it_is_named_and_not_final(self, folder, caplog, band, how):
        root, images = folder
        scene_id, image = next(iter(images.items()))
        path = image.folder / f"{band}.tif"
        if how == "missing":
            path.unlink()
        elif how == "size":
            made.write_degrees(path, np.ones((1, 40, 40), "uint16"), ((9, 48), (10, 47)))
        else:
            path.write_bytes(path.read_bytes()[: 900 if how == "cut" else 0])
        imagery = block(root)
        source = open_source(imagery)
        with caplog.at_level(logging.WARNING), pytest.raises(PassingError) as caught:
            read(source, scene_id, imagery.offered)
        assert caught.value.cause == "damaged"
        assert str(path) in str(caught.value) and str(path) in caplog.text and "mend:" in caplog.text
        skipping = open_source(block(root, damaged="skip"))
        with pytest.raises(SceneMissing, match="damaged"):
            read(skipping, scene_id, imagery.offered)
        # Others are as they were, and so is this one once it is whole again.
        other = list(images)[1]
        assert read(source, other, ("B4",))[1].valid[10].all()
        made.write_image(image.folder.parent, image.folder.name, *PLACES["0000007"], modality="s2a")
        assert read(open_source(imagery), scene_id, imagery.offered)[1].valid[60].all()

    def test_an_image_of_which_nothing_can_be_read(self, folder):
        root, images = folder
        scene_id, image = next(iter(images.items()))
        for path in image.folder.glob("*.tif"):
            path.write_bytes(b"")
        with pytest.raises(PassingError, match="cannot be read"):
            read(open_source(block(root)), scene_id, ("B2",))
        shutil.rmtree(image.folder)
        with pytest.raises(SceneMissing):
            read(open_source(block(root)), scene_id, ("B2",))

    def test_another_grid_is_refused(self, folder):
        from greenup.grids import grid_for_site

        root, images = folder
        with pytest.raises(UserError, match="grid: image"):
            open_source(block(root)).read(next(iter(images)), grid_for_site(9.4, 47.6, 264, (10,)), ("B2",))

    def test_a_larger_patch_is_refused(self, folder):
        root, images = folder
        with pytest.raises(UserError, match="size_px: 300"):
            open_source(block(root)).own_grid(next(iter(images)), 9.4, 47.6, 300)


def test_search_lists_the_asked_sites_alone(s2c):
    root, images = s2c
    source = open_source(block(root, product="s2_l1c"))
    days = pd.to_datetime(["2020-04-01", "2020-07-15"])
    intervals = pd.DataFrame(
        {"site_id": "0000007", "season": ["a", "b"], "first": days, "last": days + pd.Timedelta("20D")}
    )
    sites = pd.DataFrame({"site_id": ["0000007", "9999999"], "lon": 9.4, "lat": 47.6})
    found = source.search(sites, intervals, [None, None])
    assert found["season"].tolist() == ["a", "b"] and found["scene_id"].isin(images).all()
    assert (found["cloud"] == 3.5).all()
