"""BioMassters: real files through the reader, and histograms against float64 arithmetic of their own."""

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from greenup.config.evaluation import Folds
from greenup.config.image_sets import BioMasstersSet
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.evaluate.truth import Truth
from greenup.schemas import IMAGE_SET, LABELS
from greenup.tasks.folds import split_folds
from greenup.tasks.image_set_labels import label_image_set
from greenup.tasks.image_sets import open_image_set
from greenup.tasks.image_sets.biomassters import BINS, EDGES, biomass_shares

CHIP = "000aa810"
SHARES = Task(image_set="biomassters_summer", kind="distribution", metric="r2_mean", k=1)


def write(path: Path, layers: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = layers.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, dtype=layers.dtype) as file:
        file.write(layers)


def chip(folder: Path, split: str, name: str, months: dict[str, int], biomass: float = 30.0, cloud: int = 0) -> None:
    """A chip whose month's bands are all ``months[month]``; a value of 0 is a month without data."""
    for month, value in months.items():
        layers = np.full((11, 16, 16), value, dtype=np.uint16)
        layers[10] = cloud if value else 255
        write(folder / f"{split}_features" / f"{name}_S2_{month}.tif", layers)
    write(folder / f"{split}_agbm" / f"{name}_agbm.tif", np.full((1, 16, 16), biomass, dtype=np.float32))


@pytest.fixture
def real(samples: Path, tmp_path: Path) -> Path:
    """The real chip as a training chip, and again, under another name, as a test chip."""
    source = samples / "s2_s1_biomassters_sample"
    for split, name in (("train", CHIP), ("test", "ffffffff")):
        for what in ("features", "agbm"):
            (tmp_path / f"{split}_{what}").mkdir()
        for path in source.glob(f"{CHIP}_S2_*.tif"):
            shutil.copy(path, tmp_path / f"{split}_features" / path.name.replace(CHIP, name))
        shutil.copy(source / f"{CHIP}_agbm.tif", tmp_path / f"{split}_agbm" / f"{name}_agbm.tif")
    return tmp_path


def test_real_chip_gives_its_histogram(real: Path) -> None:
    index = open_image_set(BioMasstersSet(kind="biomassters", folder=str(real))).index()
    assert index["site_id"].tolist() == [f"{c}_{m}" for c in (CHIP, "ffffffff") for m in ("09", "10", "11")]
    assert index["split"].tolist() == ["train"] * 3 + ["test"] * 3
    assert index[["lon", "lat"]].isna().all(axis=None)
    with rasterio.open(real / "train_agbm" / f"{CHIP}_agbm.tif") as file:
        biomass = file.read(1).astype(np.float64)
    # Each bin counted by itself, the last with its upper edge.
    shares = np.array([((biomass >= a) & (biomass < b)).mean() for a, b in pairwise(EDGES)])
    shares[-1] += (biomass >= EDGES[-1]).mean()
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    expected = (shares + 1e-5) / (1 + 8e-5)
    np.testing.assert_allclose(index[list(BINS)].to_numpy(), np.tile(expected, (6, 1)), rtol=0, atol=1e-12)
    # The published labels, which add up to 1.00008, differ by less than this.
    assert np.abs(index.loc[0, list(BINS)].to_numpy(float) - (shares + 1e-5)).max() < 1e-4


def test_real_pixels_and_their_validity(real: Path) -> None:
    reader = open_image_set(BioMasstersSet(kind="biomassters", folder=str(real)))
    with rasterio.open(real / "train_features" / f"{CHIP}_S2_10.tif") as file:
        layers = file.read()
    pixels, valid = reader.read(f"{CHIP}_10", ("B8", "B2", "B12", "NDVI"))
    assert pixels.dtype == np.uint16 and pixels.shape == (4, 256, 256) and valid.all()
    np.testing.assert_array_equal(pixels[:3], layers[[6, 0, 9]])
    red, nir = layers[[2, 6]].astype(np.float64)
    ndvi = np.clip((nir - red) / (nir + red), 0, None) * 1e4
    np.testing.assert_allclose(pixels[3], ndvi, atol=1.0)
    # September's neighbour in the sample, June, is nearly empty: what the cloud layer says is no data is not valid.
    with rasterio.open(real / "train_features" / f"{CHIP}_S2_09.tif") as file:
        empty = file.read(11) == 255
    assert 0 < (~empty).sum() < 0.2 * empty.size
    assert not reader.read(f"{CHIP}_09", ("B2",))[1][empty].any()
    with pytest.raises(UserError, match="no band B9"):
        reader.read(f"{CHIP}_10", ("B9",))


def test_clearest_month_of_the_real_chip(real: Path) -> None:
    index = open_image_set(BioMasstersSet(kind="biomassters", folder=str(real), images="clearest")).index()
    cloud = {}
    for month in ("10", "11"):
        with rasterio.open(real / "train_features" / f"{CHIP}_S2_{month}.tif") as file:
            cloud[month] = file.read(11).mean()
    clearest = min(cloud, key=cloud.get)
    assert index["site_id"].tolist() == [f"{CHIP}_{clearest}", f"ffffffff_{clearest}"]


def test_seasons_empty_months_and_splits(tmp_path: Path) -> None:
    chip(tmp_path, "train", "aa", {"03": 500, "04": 0, "05": 700, "10": 900}, biomass=600.0)
    chip(tmp_path, "test", "bb", {"03": 0, "05": 800}, biomass=0.0)
    winter = open_image_set(BioMasstersSet(kind="biomassters", folder=str(tmp_path), season="winter"))
    index = winter.index()
    # A month without data is no image; above 500 counts to the last bin, 0 to the first.
    assert index["site_id"].tolist() == ["aa_03", "aa_05", "bb_05"]
    assert index["split"].tolist() == ["train", "train", "test"]
    assert index[BINS[-1]].tolist()[:2] == [pytest.approx(1 - 7e-5, abs=1e-7)] * 2
    assert index[BINS[0]].iloc[2] == pytest.approx(1 - 7e-5, abs=1e-7)
    np.testing.assert_allclose(index[list(BINS)].sum(axis=1), 1, atol=1e-12)
    with pytest.raises(UserError, match="no image of spring"):
        open_image_set(BioMasstersSet(kind="biomassters", folder=str(tmp_path), season="spring")).index()


def test_months_of_one_chip_stay_in_one_part(tmp_path: Path) -> None:
    """Thirty chips of three months each, which all train: a tenth is held back, chip by chip."""
    for i in range(30):
        chip(tmp_path, "train", f"c{i:02d}", {"09": 500, "10": 600, "11": 700}, biomass=9.0 * i)
    chip(tmp_path, "test", "zz", {"09": 500, "10": 600})
    parts = {}
    for compat in ((), ("months_apart",)):
        index = open_image_set(BioMasstersSet(kind="biomassters", folder=str(tmp_path), compat=compat)).index()
        index = IMAGE_SET.check(index, "index")
        labels = LABELS.check(label_image_set(SHARES, index), "labels")
        assert Truth.of(labels, "distribution").names == list(BINS)
        folds = split_folds(labels, "distribution", Folds(), seed=4)
        assert set(folds["folds"]) == {"official"}
        assert folds["part"].value_counts().to_dict() == {"train": 81, "val": 9, "test": 2}
        parts[compat] = folds.groupby(folds["site_id"].str.split("_").str[0])["part"].nunique()
    assert (parts[()] == 1).all()
    assert (parts["months_apart",] == 2).any()
    # Dealt to random folds, too, chips stay whole.
    chips = labels.assign(group=labels["site_id"].str[:3])
    random = split_folds(chips, "distribution", Folds(kinds=("random",)), seed=4)
    tested = random[random["part"] == "test"]
    assert (tested.groupby(tested["site_id"].str[:3])["fold"].nunique() == 1).all()


def test_edges_belong_to_the_upper_bin_but_the_last() -> None:
    for i, edge in enumerate(EDGES):
        assert biomass_shares(np.array([edge])).argmax() == min(i, 7)
    # 4.57 in float32 lies above the published edge 4.57000017.
    assert biomass_shares(np.array([4.57], dtype=np.float32)).argmax() == 1


@pytest.mark.parametrize("bad", [[-1.0], [np.nan], []])
def test_bad_biomass_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        biomass_shares(np.array(bad))


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train_features") as error:
        open_image_set(BioMasstersSet(kind="biomassters", folder=str(tmp_path)))
    assert "huggingface.co/datasets/nascetti-a/BioMassters" in error.value.mend
    chip(tmp_path, "train", "aa", {"10": 500})
    chip(tmp_path, "test", "bb", {"10": 500})
    (tmp_path / "test_agbm" / "bb_agbm.tif").unlink()
    reader = open_image_set(BioMasstersSet(kind="biomassters", folder=str(tmp_path)))
    with pytest.raises(UserError, match=r"bb_agbm\.tif"):
        reader.index()
    with pytest.raises(UserError, match=r"cc_S2_10\.tif"):
        reader.read("cc_10", ("B2",))
