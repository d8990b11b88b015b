"""Labels of image sets, and the whole way from a folder of images to scores of a probe."""

import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from greenup.config import Model, Runtime, Task, parse
from greenup.config.evaluation import Folds, KnnProtocol
from greenup.config.image_sets import ImageSet
from greenup.errors import UserError
from greenup.evaluate.embed import embed_to_file
from greenup.evaluate.images import SetImages
from greenup.evaluate.probe import run_probe
from greenup.evaluate.vectors import read_vectors
from greenup.files import read_table, write_table
from greenup.schemas import FOLDS, IMAGE_SET, LABELS
from greenup.tasks.folds import split_folds
from greenup.tasks.image_set_labels import image_set_statistics, images_with_pixels, label_image_set
from greenup.tasks.image_sets import open_image_set

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import image_set_folders as folders

ABOUT = {"simulated": False, "attribution": "nobody"}


def task(kind="classification", metric="accuracy", **settings):
    return parse(Task, {"image_set": "mine", "kind": kind, "metric": metric, **settings})


def index(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame(
        {"site_id": [f"i{9 - i}" for i in range(n)], "lon": np.nan, "lat": np.nan, "split": "train", **columns}
    )


def test_labels_keep_the_split_and_need_no_place(tmp_path):
    labels = label_image_set(task(), index(label=["a", "b", None, "a"]))
    assert labels["site_id"].tolist() == ["i6", "i8", "i9"] and labels["label"].tolist() == ["a", "b", "a"]
    write_table(tmp_path / "labels.parquet", labels, LABELS, kind="classification", **ABOUT)
    back = read_table(tmp_path / "labels.parquet", LABELS)
    assert back["lon"].isna().all() and back["split"].tolist() == ["train"] * 3 and set(back["season"]) == {""}


def test_targets_and_what_does_not_fit():
    shares = index(low=[0.1, 0.5, 0.9], high=[0.9, 0.5, 0.1])
    assert list(label_image_set(task("distribution", "r2_mean"), shares).columns[-2:]) == ["low", "high"]
    with pytest.raises(UserError, match="has low, high of each image, which does not make a task of kind 'multilabel'"):
        label_image_set(task("multilabel", "micro_map"), shares)
    with pytest.raises(UserError, match=r"has label of each image, .* kind 'regression'"):
        label_image_set(task("regression", "r2_mean"), index(label=["a", "b", "c"]))
    with pytest.raises(UserError, match=r"one class only \(a\)"):
        label_image_set(task("multilabel", "micro_map"), index(label=["a", "", "a"]))
    with pytest.raises(UserError, match="target 'low' is the same"):
        label_image_set(task("regression", "r2_mean"), index(low=[1.0, 1.0, 1.0]))
    with pytest.raises(UserError, match="2 labelled images, at least 3"):
        label_image_set(task(), index(label=["a", "b"]))


def test_statistics_are_those_of_numpy(tmp_path, monkeypatch):
    reader = open_image_set(parse(ImageSet, {"kind": "eurosat", "folder": str(folders.eurosat(tmp_path, each=4))}))
    table = reader.index()
    got = image_set_statistics(reader, table, seed=1)
    b2 = np.array([reader.read(i, ("B2",))[0] for i in table["site_id"]], dtype=float)
    assert got["channels"]["B2"]["mean"] == pytest.approx(b2.mean())
    assert got["channels"]["B2"]["std"] == pytest.approx(b2.std())
    assert got["images"] == got["images_read"] == 12 and {"B10", "NDVI"} <= got["channels"].keys()
    monkeypatch.setattr("greenup.tasks.image_set_labels.STATISTICS_OF", 5)
    assert image_set_statistics(reader, table, seed=1)["images_read"] == 5


def test_images_without_a_pixel_are_left_out_and_counted(tmp_path, caplog):
    folder = folders.eurosat(tmp_path / "images", each=4)
    for name in ("Forest_2", "SeaLake_1"):
        file = next(folder.rglob(f"{name}.tif"))
        folders.write_tif(file, np.zeros((13, 8, 8), "uint16"))
    # Zeros in one band are a measurement, as of dark water.
    dark = np.zeros((13, 8, 8), "uint16")
    dark[3, 0, 0] = 7
    folders.write_tif(next(folder.rglob("Forest_3.tif")), dark)
    settings = parse(ImageSet, {"kind": "eurosat", "folder": str(folder)})
    reader = open_image_set(settings)
    whole = reader.index()
    index, left_out = images_with_pixels(reader)
    assert left_out == 2 and set(whole["site_id"]) - set(index["site_id"]) == {"Forest_2", "SeaLake_1"}
    pd.testing.assert_series_equal(
        index.set_index("site_id")["split"],
        whole.set_index("site_id")["split"].drop(["Forest_2", "SeaLake_1"]),
        check_like=True,
    )
    assert "2 of 12 images hold no pixel of data and are left out" in caplog.text
    assert "Forest_2, SeaLake_1" in caplog.text
    write_table(tmp_path / "index.parquet", index, IMAGE_SET, **ABOUT)
    model = parse(Model, {"method": {"name": "band_statistics"}, "channels": ["B1", "B2"]})
    embed_to_file(
        tmp_path / "e.parquet", model, "", SetImages(settings, tmp_path / "index.parquet"), threads=1, runtime=Runtime()
    )
    vectors = read_vectors(tmp_path / "e.parquet")
    assert vectors.site_ids.tolist() == index["site_id"].tolist()
    assert (vectors.values[vectors.site_ids.tolist().index("Forest_3")] == 0).all()
    for file in folder.rglob("*.tif"):
        folders.write_tif(file, np.zeros((13, 8, 8), "uint16"))
    with pytest.raises(UserError, match="none of 12 images holds a pixel"):
        images_with_pixels(reader)


@pytest.mark.parametrize("kind", ["bigearthnet", "so2sat"])
def test_readers_of_their_own_ways_find_images_without_a_pixel(kind, tmp_path):
    if kind == "so2sat":
        folders.so2sat(tmp_path)
        with h5py.File(tmp_path / "training.h5", "r+") as file:
            file["sen2"][2] = 0
        empty = "training_000002"
    else:
        names = [f"S2A_MSIL2A_20170613T101031_{i}_0" for i in range(3)]
        for name in names:
            folders.bigearthnet_patch(tmp_path, name, ["Pastures"])
            (tmp_path / f"{('train', 'val', 'test')[int(name[-3])]}.csv").write_text(name)
        empty = names[1]
        for file in (tmp_path / "BigEarthNet-v1.0" / empty).glob("*.tif"):
            folders.write_tif(file, np.zeros((1, 20, 20), "uint16"))
    reader = open_image_set(parse(ImageSet, {"kind": kind, "folder": str(tmp_path)}))
    assert reader.without_pixels(reader.index()["site_id"].tolist()) == [empty]


def whole_way(tmp_path, settings, channels, **of_task):
    """Index, labels, folds, vectors and scores, each through its file as between rules."""
    settings = parse(ImageSet, settings)
    reader = open_image_set(settings)
    write_table(tmp_path / "index.parquet", reader.index(), IMAGE_SET, **ABOUT)
    labels = label_image_set(task(**of_task), read_table(tmp_path / "index.parquet", IMAGE_SET))
    write_table(tmp_path / "labels.parquet", labels, LABELS, **ABOUT)
    labels = read_table(tmp_path / "labels.parquet", LABELS)
    asked = task(**of_task)
    folds = FOLDS.check(
        split_folds(labels, asked.kind, Folds(kinds=("official",)), seed=3, subsets=asked.subsets), "folds"
    )
    model = parse(Model, {"method": {"name": "band_statistics"}, "channels": channels})
    images = SetImages(settings, tmp_path / "index.parquet")
    embed_to_file(tmp_path / "e.parquet", model, "", images, threads=1, runtime=Runtime())
    vectors = read_vectors(tmp_path / "e.parquet")
    assert vectors.site_ids.tolist() == labels["site_id"].tolist() and set(vectors.seasons) == {""}
    assert vectors.values.shape[1] == 2 * len(channels)
    knn = KnnProtocol().model_dump()
    scores, _ = run_probe(vectors, labels, folds, asked, "knn", knn, seed=3)
    return folds, scores


def test_the_whole_way_of_eurosat(tmp_path):
    folder = folders.eurosat(tmp_path / "images", each=20)
    folds, scores = whole_way(tmp_path, {"kind": "eurosat", "folder": str(folder)}, ["B4", "B8A"], k=3)
    assert folds["part"].value_counts().to_dict() == {"train": 43, "test": 12, "val": 5}
    # Classes of these images are 3000 apart in every band: nothing can be mistaken.
    assert scores.loc[scores["metric"] == "accuracy", "value"].tolist() == [1.0]


def test_the_whole_way_of_bigearthnet_in_subsets(tmp_path):
    folder = tmp_path / "images"
    names = [f"S2A_MSIL2A_20170613T101031_{i}_0" for i in range(60)]
    for i, name in enumerate(names):
        label = ["Pastures"] if i % 2 else ["Sea and ocean"]
        folders.bigearthnet_patch(folder, name, label, 4000 * (i % 2), ulx=400_000 + 1200 * i)
    for part, listed in (("train", names[:40]), ("val", names[40:45]), ("test", names[45:])):
        (folder / f"{part}.csv").write_text("\n".join(listed))
    settings = {"kind": "bigearthnet", "folder": str(folder), "size_px": 20}
    folds, scores = whole_way(
        tmp_path, settings, ["B2", "B11"], kind="multilabel", metric="micro_map", k=3,
        subsets={"count": 4, "share": 0.25},
    )  # fmt: skip
    assert folds["fold"].nunique() == 4
    for _, fold in folds.groupby("fold"):
        assert fold["part"].value_counts().to_dict() == {"unused": 35, "test": 15, "train": 9, "val": 1}
        assert set(fold.loc[fold["part"] == "test", "site_id"]) == set(names[45:])
    assert len(scores[scores["metric"] == "micro_map"]) == 4
