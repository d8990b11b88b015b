"""Readers of published image sets, on the real EuroSAT sample and on folders written in the publishers' layouts."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from greenup.bands import S2_L1C, S2_L2A
from greenup.config import parse
from greenup.config.image_sets import ImageSet
from greenup.errors import UserError
from greenup.schemas import IMAGE_SET
from greenup.tasks.image_sets import READERS, bigearthnet, open_image_set, so2sat, treesatai
from greenup.tasks.image_sets.catalogue import ABOUT, check
from greenup.tasks.image_sets.lists import parts_of
from greenup.tasks.labels import SEPARATOR

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import image_set_folders as folders


def opened(kind, folder, **settings):
    return open_image_set(parse(ImageSet, {"kind": kind, "folder": str(folder), **settings}))


# ---------------------------------------------------------------------------------------------------------- every set
@pytest.mark.parametrize("kind", READERS)
def test_what_is_missing_is_told_with_its_place_and_size(kind, tmp_path):
    settings = parse(ImageSet, {"kind": kind, "folder": str(tmp_path / "nowhere")})
    with pytest.raises(UserError) as error:
        check(settings, "mine")
    message = str(error.value)
    assert message.startswith(f"image_sets.mine.folder: {tmp_path}/nowhere: ")
    assert ABOUT[kind].url in message and f"{ABOUT[kind].size_gb:g} GB" in message and ABOUT[kind].licence in message
    with pytest.raises(UserError, match="is not there"):
        open_image_set(settings)


def test_only_what_is_missing_is_named(tmp_path):
    folders.so2sat(tmp_path, (("training", 1), ("validation", 1)))
    with pytest.raises(UserError) as error:
        opened("so2sat", tmp_path)
    assert "no testing.h5\n" in str(error.value) and "training.h5" not in str(error.value).split("mend")[0]
    opened("so2sat", tmp_path, compat=["validation_as_test"])


def test_planning_imports_nothing_heavy():
    code = (
        "import sys; import greenup.tasks.image_sets.catalogue; "
        "assert not {'numpy', 'pandas', 'torch', 'rasterio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(p for p in sys.path if p)})


def test_parts_of_lists(caplog):
    caplog.set_level("INFO")
    assert parts_of(["a", "b", "c"], {"train": ["a", "x"], "test": ["b"]}) == ["train", "test", ""]
    assert "1 of 3 listed images are not there" in caplog.text and "1 of 3 images stand in no list" in caplog.text
    with pytest.raises(UserError, match="'a' stands in the list of train and in that of val"):
        parts_of(["a"], {"train": ["a"], "val": ["a"]})
    with pytest.raises(UserError, match="none of the 1 listed names is there"):
        parts_of(["a"], {"train": ["b"]})


# ------------------------------------------------------------------------------------------------------------ EuroSAT
def test_the_real_eurosat_sample(samples):
    reader = opened("eurosat", samples / "eurosat_ms_small")
    index = IMAGE_SET.check(reader.index(), "index")
    assert index["site_id"].tolist() == [f"{c}_{i}" for c in ("AnnualCrop", "Forest") for i in (1, 2, 3)]
    assert index["label"].tolist() == ["AnnualCrop"] * 3 + ["Forest"] * 3
    for row in index.itertuples():
        path = samples / "eurosat_ms_small" / f"{row.site_id}.tif"
        with rasterio.open(path) as source:
            from rasterio.warp import transform

            x, y = source.xy(31.5, 31.5)
            lon, lat = transform(source.crs, 4326, [x], [y])
            raw = source.read()
        assert (row.lon, row.lat) == pytest.approx((lon[0], lat[0]), abs=1e-9)
        pixels, valid = reader.read(row.site_id, S2_L1C)
        assert pixels.shape == (13, 64, 64) and pixels.dtype == np.uint16 and valid.all()
        # Red edge and near infrared are alike, cirrus is nearly nothing: the order cannot be another.
        by_band = dict(zip(S2_L1C, pixels.astype(float), strict=True))
        assert np.corrcoef(by_band["B8A"].ravel(), by_band["B8"].ravel())[0, 1] > 0.8
        assert by_band["B10"].mean() < 60 and by_band["B9"].mean() > 200
        assert (by_band["B8A"] == raw[12]).all() and (by_band["B9"] == raw[8]).all()
        ndvi = (by_band["B8"] - by_band["B4"]) / (by_band["B8"] + by_band["B4"])
        np.testing.assert_allclose(reader.read(row.site_id, ("NDVI",))[0][0], np.clip(ndvi, 0, 1) * 10_000, atol=1)


def test_eurosat_order_and_split(tmp_path):
    reader = opened("eurosat", folders.eurosat(tmp_path))
    pixels, _ = reader.read("Forest_7", S2_L1C)
    assert pixels[:, 0, 0].tolist() == [folders.value(b, 7) + 3000 for b in S2_L1C]
    index = reader.index()
    assert index["site_id"].is_monotonic_increasing
    # SSL4EO-S12's own words: a stratified draw of indices of files sorted by class and name.
    from sklearn.model_selection import train_test_split

    targets = index["label"].map({"AnnualCrop": 0, "Forest": 1, "SeaLake": 2}).tolist()
    train, test = train_test_split(np.arange(30), train_size=0.8, stratify=targets, random_state=42)
    assert set(np.flatnonzero(index["split"] == "train")) == set(train)
    assert set(np.flatnonzero(index["split"] == "test")) == set(test)


@pytest.mark.parametrize("names", [("eurosat-train.txt", "eurosat-val.txt"), ("train.txt", "val.txt")])
def test_eurosat_lists(tmp_path, names):
    folders.eurosat(tmp_path, each=3)
    (tmp_path / names[0]).write_text("Forest_1.jpg\nSeaLake/SeaLake_2.jpg\n")
    (tmp_path / names[1]).write_text("AnnualCrop_3.jpg\n")
    split = opened("eurosat", tmp_path, lists="in_domain").index().set_index("site_id")["split"]
    assert split[split == "train"].index.tolist() == ["Forest_1", "SeaLake_2"]
    assert split[split == "val"].index.tolist() == ["AnnualCrop_3"] and (split == "").sum() == 6


def test_eurosat_of_three_bands_is_refused(tmp_path):
    folders.write_tif(tmp_path / "Forest_1.tif", np.ones((3, 8, 8), "uint8"))
    with pytest.raises(UserError, match="3 bands, EuroSAT has 13"):
        opened("eurosat", tmp_path).read("Forest_1", ("B2",))


# ------------------------------------------------------------------------------------------------------------- So2Sat
def test_so2sat(tmp_path):
    reader = opened("so2sat", folders.so2sat(tmp_path))
    index = IMAGE_SET.check(reader.index(), "index")
    assert index.groupby("split").size().to_dict() == {"train": 6, "val": 4, "test": 5}
    row = index[index["site_id"] == "testing_000003"].iloc[0]
    assert row["split"] == "test" and row["label"] == "Open high rise" and np.isnan(row["lon"])
    pixels, valid = reader.read("testing_000003", ("B12", "B2", "B8A"))
    assert pixels.shape == (3, 32, 32) and pixels.dtype == np.uint16 and valid.all()
    assert pixels[:, 5, 7].tolist() == [folders.value(b, 3) for b in ("B12", "B2", "B8A")]
    with pytest.raises(UserError, match="So2Sat LCZ42, second version has no band B1 "):
        reader.read("testing_000003", S2_L2A)
    assert (pickle.loads(pickle.dumps(reader)).read("testing_000003", ("B2",))[0] == pixels[1]).all()


def test_so2sat_as_ssl4eo_tests_it(tmp_path):
    reader = opened("so2sat", folders.so2sat(tmp_path), compat=["validation_as_test"])
    index = reader.index()
    assert set(index.loc[index["split"] == "test", "site_id"].str.split("_").str[0]) == {"validation"}
    assert len(index) == 10


def test_so2sat_classes_are_torchgeos():
    torchgeo = pytest.importorskip("torchgeo.datasets")
    assert torchgeo.So2Sat.classes == so2sat.CLASSES
    assert [b[3:].replace("B0", "B") for b in torchgeo.So2Sat.all_s2_band_names] == list(so2sat.FILE_BANDS)


# -------------------------------------------------------------------------------------------------------- BigEarthNet
NAMES = [f"S2A_MSIL2A_20170613T101031_{i}_{j}" for i, j in ((0, 45), (11, 3), (2, 2), (5, 5), (6, 6))]


@pytest.fixture
def patches(tmp_path):
    labels = [
        ["Pastures", "Beaches, dunes, sands"],
        ["Airports", "Rice fields", "Non-irrigated arable land"],
        ["Airports"],
        ["Sea and ocean"],
        ["Land principally occupied by agriculture, with significant areas of natural vegetation"],
    ]
    for i, (name, texts) in enumerate(zip(NAMES, labels, strict=True)):
        folders.bigearthnet_patch(tmp_path, name, texts, i)
    (tmp_path / "train.csv").write_text(f"{NAMES[0]},S1A_x\n{NAMES[1]},S1A_y\n")
    (tmp_path / "val.csv").write_text(f"{NAMES[2]}\n")
    (tmp_path / "test.csv").write_text(f"{NAMES[3]},S1A_z\n")
    return tmp_path


def test_bigearthnet(patches):
    reader = opened("bigearthnet", patches, size_px=128)
    index = IMAGE_SET.check(reader.index(), "index").set_index("site_id")
    assert index["split"].to_dict() == {NAMES[0]: "train", NAMES[1]: "train", NAMES[2]: "val", NAMES[3]: "test"}
    assert index["label"].to_dict() == {
        NAMES[0]: "Beaches; dunes; sands, Pastures",
        NAMES[1]: "Arable land",
        NAMES[2]: "",
        NAMES[3]: "Marine waters",
    }
    # 600 m east of the central meridian of zone 34 (21 degrees), 600 m south of 5 000 km.
    assert index["lon"].iloc[0] == pytest.approx(21 + 600 / 78_850, abs=1e-4)
    assert index["lat"].iloc[0] == pytest.approx(45.15, abs=0.01)
    pixels, valid = reader.read(NAMES[1], S2_L2A)
    assert pixels.shape == (12, 128, 128) and valid.all()
    assert pixels[:, 60, 60].tolist() == [folders.value(b, 1) for b in S2_L2A]


def test_bigearthnet_bands_are_resampled_bicubic(patches):
    import cv2

    pixels = np.random.default_rng(0).integers(100, 5000, (1, 60, 60)).astype("uint16")
    folders.write_tif(patches / "BigEarthNet-v1.0" / NAMES[0] / f"{NAMES[0]}_B05.tif", pixels)
    got = opened("bigearthnet", patches).read(NAMES[0], ("B2", "B5"))[0]
    expected = cv2.resize(pixels[0].astype("float64"), (120, 120), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(got[1], np.clip(expected, 0, None), atol=0.51)
    assert (got[0] == folders.value("B2")).all()


def test_bigearthnet_as_seco_lists_it(patches):
    for part, names in (("train", NAMES[:2]), ("val", NAMES[2:4]), ("test", NAMES[4:])):
        (patches / f"bigearthnet-{part}.txt").write_text("\n".join(names))
    (patches / "patches_with_seasonal_snow.csv").write_text(NAMES[1] + "\n")
    (patches / "patches_with_cloud_and_shadow.csv").write_text(NAMES[2] + "\n")
    index = opened("bigearthnet", patches, lists="in_domain").index().set_index("site_id")
    assert index["split"].to_dict() == {NAMES[0]: "train", NAMES[3]: "val", NAMES[4]: "test"}
    assert index["label"][NAMES[4]] == (
        "Land principally occupied by agriculture; with significant areas of natural vegetation"
    )
    (patches / "bigearthnet-test.txt").unlink()
    seco = opened("bigearthnet", patches, lists="in_domain", compat=["validation_as_test"])
    assert seco.index().set_index("site_id")["split"].to_dict() == {NAMES[0]: "train", NAMES[3]: "test"}


def test_bigearthnet_names_a_damaged_patch(patches):
    (patches / "BigEarthNet-v1.0" / NAMES[3] / f"{NAMES[3]}_labels_metadata.json").write_text("{}")
    with pytest.raises(UserError, match=f"{NAMES[3]}_labels_metadata.json: cannot be read"):
        opened("bigearthnet", patches).index()


def test_the_19_classes_are_torchgeos():
    torchgeo = pytest.importorskip("torchgeo.datasets").BigEarthNet
    old, new = torchgeo.class_sets[43], [c.replace(", ", "; ") for c in torchgeo.class_sets[19]]
    assert list(bigearthnet.MERGED) == new
    merged = {o: n for n, olds in bigearthnet.MERGED.items() for o in olds}
    assert {old[i]: new[j] for i, j in torchgeo.label_converter.items()} == merged
    assert set(old) == set(merged) | set(bigearthnet.DROPPED)
    assert not any(SEPARATOR in name for name in bigearthnet.MERGED)


# ---------------------------------------------------------------------------------------------------------- TreeSatAI
LABELS = {
    "Picea_abies_2_9_WEFL_NLF.tif": [["Picea", 0.9], ["Abies", 0.05], ["Fagus", 0.0]],
    "Abies_alba_1_8_WEFL_NLF.tif": [["Abies", 1.0]],
    "Quercus_robur_3_7_BI_NLF.tif": [["Quercus", 0.6], ["Cleared", 0.4]],
}


def test_treesatai(tmp_path):
    reader = opened("treesatai", folders.treesatai(tmp_path, LABELS))
    index = IMAGE_SET.check(reader.index(), "index").set_index("site_id")
    assert index["label"].to_dict() == {
        "Abies_alba_1_8_WEFL_NLF": "Abies",
        "Picea_abies_2_9_WEFL_NLF": "Abies, Picea",
        "Quercus_robur_3_7_BI_NLF": "Cleared, Quercus",
    }
    assert index["split"].tolist() == ["train", "train", "test"]
    assert 10 < index["lon"].iloc[0] < 11 and 53 < index["lat"].iloc[0] < 54
    pixels, valid = reader.read("Abies_alba_1_8_WEFL_NLF", S2_L2A)
    assert pixels.shape == (12, 6, 6) and valid.all()
    assert pixels[:, 2, 3].tolist() == [folders.value(b, 1) for b in S2_L2A]


def test_treesatai_with_the_bands_that_ssl4eco_read(tmp_path):
    folders.treesatai(tmp_path, LABELS)
    reader = opened("treesatai", tmp_path, compat=["bands_as_numbered"])
    pixels, _ = reader.read("Abies_alba_1_8_WEFL_NLF", ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A"))
    really = ["B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11"]
    assert pixels[:, 0, 0].tolist() == [folders.value(b, 1) for b in really]


def test_treesatai_bands_are_torchgeos():
    torchgeo = pytest.importorskip("torchgeo.datasets").TreeSatAI
    assert [b.replace("B0", "B") for b in torchgeo.all_bands["s2"]] == list(treesatai.FILE_BANDS)


def test_treesatai_without_a_listed_file(tmp_path):
    folders.treesatai(tmp_path, LABELS)
    (tmp_path / "s2" / "60m" / "Abies_alba_1_8_WEFL_NLF.tif").unlink()
    with pytest.raises(UserError, match=r"Abies_alba_1_8_WEFL_NLF.tif is not there \(1 of 3"):
        opened("treesatai", tmp_path).index()
