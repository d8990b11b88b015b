"""GeoLifeCLEF: the competition's tables and images in the layout of SSL4Eco."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from greenup.config.image_sets import GeoLifeClefSet
from greenup.errors import UserError
from greenup.tasks.image_sets import open_image_set
from greenup.tasks.image_sets.geolifeclef import read_plots

# Columns of the competition's files, in their order.
HEADER = (
    ";glcID;gbifID;observer;datasetName;date;dayOfYear;year;lon;lat;x_EPSG3035;y_EPSG3035;geoUncertaintyInM;speciesId;"
    "patchID;timeSerieID"
)
ROW = "{n};5688737;;A, B;CBNMed;1587938400;118;2020;{lon};{lat};4034867.0;2235568.0;10.0;{species};{patch};3989658"


def survey_table(folder: Path, rows: list[tuple[int, int, float, float]]) -> None:
    lines = [ROW.format(n=n, patch=p, species=s, lon=lon, lat=lat) for n, (p, s, lon, lat) in enumerate(rows)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Presences_Absences_train.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def image(folder: Path, size: int = 12, value: int = 1000) -> None:
    folder.mkdir(parents=True)
    for i, (band, share) in enumerate([("B2", 1), ("B4", 1), ("B8", 1), ("B11", 2), ("B9", 6)]):
        pixels = np.full((size // share, size // share), value + i, dtype=np.uint16)
        with rasterio.open(
            folder / f"{band}.tif", "w", driver="GTiff", count=1, height=len(pixels), width=len(pixels), dtype="uint16"
        ) as file:
            file.write(pixels, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        (116777, 1275, 6.48, 43.16),
        (73073, 8196, 5.0, 43.37),
        (116777, 24, 6.48, 43.16),
        (116777, 24, 6.48, 43.16),
    ]
    survey_table(tmp_path, rows)
    (tmp_path / "test_blind.csv").write_text(
        "Id;lon;lat;patchID\n1;2.5;45.0;900001\n2;3.0;46.0;55\n3;2.5;45.0;900001\n"
    )
    for part, names in (("imgs", ("116777", "073073")), ("blind_imgs", ("900001", "000055"))):
        for name in names:
            image(tmp_path / part / name)
    return tmp_path


def settings(folder: Path, **more: object) -> GeoLifeClefSet:
    return GeoLifeClefSet(kind="geolifeclef", folder=str(folder), size_px=32, **more)


def test_a_survey_has_all_its_species_once(folder: Path) -> None:
    index = open_image_set(settings(folder)).index()
    assert index["site_id"].tolist() == ["116777", "73073"]
    assert index["label"].tolist() == ["1275, 24", "8196"]
    assert index["split"].tolist() == ["", ""]
    np.testing.assert_allclose(index[["lon", "lat"]], [[6.48, 43.16], [5.0, 43.37]])


def test_blind_plots_have_an_image_each_and_no_species(folder: Path) -> None:
    blind = settings(folder, part="blind")
    index = open_image_set(blind).index()
    assert index["site_id"].tolist() == ["55", "900001"]
    assert index["label"].tolist() == ["", ""]
    assert read_plots(blind)["Id"].tolist() == ["1", "2", "3"]


def test_bands_are_brought_to_one_size(folder: Path) -> None:
    pixels, valid = open_image_set(settings(folder)).read("73073", ("B9", "B11", "NDVI"))
    assert pixels.shape == (3, 32, 32) and pixels.dtype == np.uint16 and valid.all()
    assert (pixels[0] == 1004).all() and (pixels[1] == 1003).all()
    np.testing.assert_allclose(pixels[2], 1 / 2003 * 1e4, atol=1)


def test_a_missing_image_is_named_and_not_replaced(folder: Path) -> None:
    for path in (folder / "blind_imgs" / "000055").iterdir():
        path.unlink()
    (folder / "blind_imgs" / "000055").rmdir()
    with pytest.raises(UserError, match="1 of 2 plots have no image, first of patchID 55"):
        open_image_set(settings(folder, part="blind")).index()
    (folder / "imgs" / "073073" / "B11.tif").write_bytes(b"no TIFF")
    with pytest.raises(UserError, match=r"073073/B11\.tif"):
        open_image_set(settings(folder)).read("73073", ("B11",))


def test_a_table_of_commas_is_refused(folder: Path) -> None:
    (folder / "test_blind.csv").write_text("Id,lon,lat,patchID\n1,2.5,45.0,900001\n")
    with pytest.raises(UserError, match="column 'patchID' is missing") as error:
        read_plots(settings(folder, part="blind"))
    assert "semicolons" in error.value.mend


def test_official_folders_of_the_competition_are_found(folder: Path) -> None:
    (folder / "For_submission").mkdir()
    (folder / "test_blind.csv").rename(folder / "For_submission" / "test_blind.csv")
    assert len(read_plots(settings(folder, part="blind"))) == 3
