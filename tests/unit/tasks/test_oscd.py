"""OSCD: both ways of unpacking, against torchgeo's class, which knows the first of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from greenup.bands import S2_L1C
from greenup.config.image_sets import OscdSet
from greenup.errors import UserError
from greenup.tasks.image_sets import open_image_set

ARCHIVE = "Onera Satellite Change Detection dataset - "
FILES = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")


def city(images: Path, labels: Path, name: str, seed: int, shape: tuple[int, int] = (20, 24)) -> None:
    draws = np.random.default_rng(seed)
    for date in (1, 2):
        folder = images / name / f"imgs_{date}_rect"
        folder.mkdir(parents=True)
        for band in FILES:
            pixels = draws.integers(1, 9000, shape, dtype=np.uint16)
            with rasterio.open(
                folder / f"{band}.tif", "w", driver="GTiff", count=1, height=shape[0], width=shape[1], dtype="uint16"
            ) as file:
                file.write(pixels, 1)
    (images / name / "dates.txt").write_text("date_1: 20160707\ndate_2: 20180408\n")
    (labels / name / "cm").mkdir(parents=True)
    cv2.imwrite(str(labels / name / "cm" / "cm.png"), (draws.random(shape) < 0.2).astype(np.uint8) * 255)


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """Three archives side by side."""
    for split, names in (("Train", ("paris", "abudhabi")), ("Test", ("rio",))):
        for seed, name in enumerate(names):
            city(tmp_path / f"{ARCHIVE}Images", tmp_path / f"{ARCHIVE}{split} Labels", name, seed)
    return tmp_path


def test_index_and_pairs_agree_with_torchgeo(official: Path) -> None:
    from torchgeo.datasets import OSCD

    reader = open_image_set(OscdSet(kind="oscd", folder=str(official)))
    index = reader.index()
    assert index["site_id"].tolist() == ["abudhabi", "paris", "rio"]
    assert index["split"].tolist() == ["train", "train", "test"]
    for split in ("train", "test"):
        theirs = OSCD(str(official), split)
        for i, files in enumerate(theirs.files):
            before, after, changed, valid = reader.pair(files["region"], S2_L1C)
            sample = theirs[i]
            np.testing.assert_array_equal(before, sample["image"][0].numpy())
            np.testing.assert_array_equal(after, sample["image"][1].numpy())
            np.testing.assert_array_equal(changed, sample["mask"][0].numpy() == 1)
            assert valid.all() and before.dtype == np.uint16
            row = index.set_index("site_id").loc[files["region"]]
            assert row["changed"] == pytest.approx(sample["mask"].double().mean().item())


def test_the_papers_layout_is_read_too(tmp_path: Path) -> None:
    for seed, name in enumerate(("paris", "rio")):
        city(tmp_path, tmp_path, name, seed)
    (tmp_path / "train.txt").write_text("paris\n")
    (tmp_path / "test.txt").write_text("rio")
    index = open_image_set(OscdSet(kind="oscd", folder=str(tmp_path))).index()
    assert dict(zip(index["site_id"], index["split"], strict=True)) == {"paris": "train", "rio": "test"}


def test_order_of_channels_and_an_index(official: Path) -> None:
    reader = open_image_set(OscdSet(kind="oscd", folder=str(official)))
    before, after, _, _ = reader.pair("rio", ("B8A", "NDVI", "B1"))
    for image, date in ((before, 1), (after, 2)):
        folder = official / f"{ARCHIVE}Images" / "rio" / f"imgs_{date}_rect"
        bands = {name: cv2.imread(str(folder / f"{name}.tif"), cv2.IMREAD_UNCHANGED) for name in FILES}
        np.testing.assert_array_equal(image[0], bands["B8A"])
        np.testing.assert_array_equal(image[2], bands["B01"])
        red, nir = bands["B04"].astype(float), bands["B08"].astype(float)
        np.testing.assert_allclose(image[1], np.clip((nir - red) / (nir + red), 0, None) * 1e4, atol=1)


def test_errors_name_city_and_file(official: Path) -> None:
    reader = open_image_set(OscdSet(kind="oscd", folder=str(official)))
    (official / f"{ARCHIVE}Images" / "rio" / "imgs_2_rect" / "B11.tif").unlink()
    with pytest.raises(UserError, match=r"rio/imgs_2_rect/B11\.tif"):
        reader.pair("rio", ("B11",))
    cv2.imwrite(str(official / f"{ARCHIVE}Test Labels" / "rio" / "cm" / "cm.png"), np.zeros((5, 5), np.uint8))
    with pytest.raises(UserError, match="imgs_1_rect has"):
        reader.pair("rio", ("B2",))
    with pytest.raises(UserError, match="no mask of change"):
        reader.mask("atlantis")
    with pytest.raises(UserError, match="no band VV"):
        reader.pair("paris", ("VV",))


def test_missing_archives_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Train Labels"):
        open_image_set(OscdSet(kind="oscd", folder=str(tmp_path)))
