"""Labels: the right value at the right site from every source, and every mistake named with its mend."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from greenup.config import Task, parse, resolve
from greenup.config.data import ArchiveImagery, MiniatureImagery
from greenup.errors import UserError
from greenup.schemas import INDEX, LABELS, SITES
from greenup.tasks.labels import CLIMATE, label_images

MINIATURE = MiniatureImagery(source="miniature", seed=4)
ARCHIVE = ArchiveImagery(source="archive", path="somewhere")
IDS = [f"{i:03d}" for i in range(8)]


@pytest.fixture
def sites():
    return SITES.check(
        pd.DataFrame(
            {
                "site_id": IDS,
                "lon": np.linspace(-170, 170, 8),
                "lat": np.linspace(-50, 70, 8),
                "stratum": "s",
                "climate_zone": "Cfb",
                "land": True,
                "ecoregion": None,
                "realm": None,
                "mountain": False,
                "land_cover": "grassland",
                "biome": ["fen", "moor", "fen", "fen", None, "moor", "heath", "fen"],
                "weight": 1.0,
                "shard": 0,
            }
        ),
        "sites",
    )


def _index(sites, seasons=("summer",)):
    rows = sites[["site_id", "lon", "lat", "stratum", "land_cover", "weight", "shard"]]
    table = pd.concat([rows.assign(season=s) for s in seasons], ignore_index=True).sample(frac=1, random_state=1)
    extra = {"row": range(len(table)), "file": "x.h5", "scene_id": "S", "valid_fraction": 1.0, "cloud": 0.0}
    return INDEX.check(table.assign(**extra, time="2020-07-01"), "index")


def _task(labels, kind="classification", **more):
    metric = {"classification": "macro_f1", "multilabel": "micro_map", "regression": "r2_mean"}[kind]
    return parse(Task, {"dataset": "d", "labels": labels, "kind": kind, "metric": metric, **more})


BIOME = {"source": "site", "column": "biome"}


# ------------------------------------------------------------------------------------------------ sites and seasons
def test_classes_of_the_sites(sites, caplog):
    got = label_images(_task(BIOME), sites, _index(sites), ARCHIVE)
    assert got.set_index("site_id")["label"].to_dict() == {
        "000": "fen", "001": "moor", "002": "fen", "003": "fen", "005": "moor", "006": "heath", "007": "fen"
    }  # fmt: skip
    assert got["site_id"].is_monotonic_increasing
    assert "1 of 8 images are left out: 1 no value" in caplog.text
    LABELS.check(got, "labels")


def test_rare_classes_are_left_out_and_counted(sites, caplog):
    got = label_images(_task({**BIOME, "min_count": 2}), sites, _index(sites), ARCHIVE)
    assert sorted(got["label"].unique()) == ["fen", "moor"] and len(got) == 6
    assert "heath 1" in caplog.text and "(1 images)" in caplog.text


def test_sites_without_image_have_no_label(sites):
    got = label_images(_task(BIOME), sites, _index(sites).query("site_id != '002'"), ARCHIVE)
    assert "002" not in set(got["site_id"]) and len(got) == 6


def test_the_named_season(sites):
    index = _index(sites, ("autumn", "summer", "spring"))
    got = label_images(_task(BIOME, season="autumn"), sites, index, ARCHIVE)
    assert set(got["season"]) == {"autumn"} and len(got) == 7


def test_without_a_name_the_first_season_of_the_year_that_a_site_has(sites, caplog):
    index = _index(sites, ("autumn", "summer", "spring"))
    index = index[~((index["site_id"] == "000") & (index["season"] == "spring"))]
    got = label_images(_task(BIOME), sites, index, ARCHIVE).set_index("site_id")["season"]
    assert got["000"] == "summer" and set(got.drop("000")) == {"spring"}
    assert "spring, summer, autumn" in caplog.text


def test_a_season_that_is_not_there(sites):
    with pytest.raises(UserError, match="no image of season 'monsoon'") as error:
        label_images(_task(BIOME, season="monsoon"), sites, _index(sites), ARCHIVE)
    assert "summer" in error.value.mend


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"biome": "fen"}, r"fewer than two classes are left \(fen\)"),
        ({"biome": ["fen", "moor"] + [None] * 6}, "2 labelled images are left"),
    ],
)
def test_too_little_to_learn(sites, change, message):
    with pytest.raises(UserError, match=message):
        label_images(_task(BIOME), sites.assign(**change), _index(sites), ARCHIVE)


def test_one_class_a_site_is_no_regression(sites):
    with pytest.raises(UserError, match="holds one class a site"):
        label_images(_task(BIOME, "regression"), sites, _index(sites), ARCHIVE)


def test_an_index_of_other_sites(sites):
    with pytest.raises(UserError, match=r"index and sites disagree.*'007'"):
        label_images(_task(BIOME), sites[:-1], _index(sites), ARCHIVE)


# --------------------------------------------------------------------------------------------------- miniature Earth
@pytest.fixture
def miniature(monkeypatch):
    class MiniatureSource:
        def __init__(self, seed):
            assert seed == 4

        def climate(self, sites):
            values = {name: sites["lat"] * 10 + i for i, name in enumerate(CLIMATE)}
            return pd.DataFrame({"site_id": sites["site_id"], **values})[::-1]

        def genera(self, sites):
            label = ["Quercus,Abies", "", "Fagus", "Abies", "Fagus, Abies", "", "Picea", "Picea"]
            return pd.DataFrame({"site_id": sites["site_id"], "label": label})[::-1]

    module = ModuleType("greenup.imagery.miniature")
    module.MiniatureSource = MiniatureSource
    monkeypatch.setitem(sys.modules, "greenup.imagery.miniature", module)


def test_climate(sites, miniature):
    task = _task({"source": "miniature", "variable": "climate"}, "regression")
    got = label_images(task, sites, _index(sites), MINIATURE)
    assert [c for c in got.columns if c in CLIMATE] == list(CLIMATE)
    np.testing.assert_allclose(got["precipitation_mm"], got["lat"] * 10 + 1)


def test_genera(sites, miniature):
    task = _task({"source": "miniature", "variable": "genera"}, "multilabel")
    got = label_images(task, sites, _index(sites), MINIATURE)
    assert got["label"].tolist() == ["Abies, Quercus", "", "Fagus", "Abies", "Abies, Fagus", "", "Picea", "Picea"]


@pytest.mark.parametrize(("variable", "kind"), [("climate", "regression"), ("genera", "multilabel")])
def test_the_real_miniature_gives_what_a_task_needs(sites, variable, kind):
    places = sites.assign(lon=[10.0, 25, -60, 100, 140, -75, 30, -100], lat=[50.0, 60, -10, 30, -25, 45, 0, 55])
    task = _task({"source": "miniature", "variable": variable}, kind)
    got = label_images(task, places, _index(places), MINIATURE)
    assert got["site_id"].tolist() == IDS
    shuffled = label_images(task, places, _index(places).sample(frac=1, random_state=9), MINIATURE)
    pd.testing.assert_frame_equal(got, shuffled)


def test_the_miniature_knows_its_own_images_only(sites, miniature):
    task = _task({"source": "miniature", "variable": "genera"}, "multilabel")
    with pytest.raises(UserError, match="for images of source 'archive'"):
        label_images(task, sites, _index(sites), ARCHIVE)
    with pytest.raises(UserError, match="write kind: multilabel"):
        label_images(_task({"source": "miniature", "variable": "genera"}), sites, _index(sites), MINIATURE)


# -------------------------------------------------------------------------------------------------------------- files
def _file(path, columns, kind, text=None, table=None):
    if text is not None:
        path.write_text(text)
    else:
        table.to_parquet(path)
    return _task({"source": "file", "file": str(path), "columns": columns}, kind)


def _csv(header, cells):
    return "\n".join([header, *(f"{i},{c}" for i, c in zip(IDS, cells, strict=True))])


def test_classes_from_a_csv_with_ids_like_numbers_and_a_class_named_na(tmp_path, sites):
    text = _csv("site_id,class", ["NA", " fen", "", "None", "fen", "NA", "fen", "NA"])
    got = label_images(_file(tmp_path / "a.csv", ["class"], "classification", text), sites, _index(sites), ARCHIVE)
    assert got["label"].tolist() == ["NA", "fen", "None", "fen", "NA", "fen", "NA"]
    assert "002" not in set(got["site_id"])


def test_several_labels_an_image(tmp_path, sites):
    text = _csv("site_id,genera", ['"Picea,Abies"', "Picea", "Abies", '"Abies, Picea"', "Acer", "Acer", "Acer", ""])
    got = label_images(_file(tmp_path / "a.csv", ["genera"], "multilabel", text), sites, _index(sites), ARCHIVE)
    assert got["label"].tolist() == ["Abies, Picea", "Picea", "Abies", "Abies, Picea", "Acer", "Acer", "Acer"]


@pytest.mark.parametrize("how", ["csv", "parquet"])
def test_targets(tmp_path, sites, how):
    """More rows than images, in another order; an empty cell leaves its image out."""
    values = {"t": [1.5, -2, np.nan, 4, 5, 6, 7, 8, 99], "p": np.arange(9)}
    table = pd.DataFrame({"site_id": [*IDS, "elsewhere"], **values}).sample(frac=1, random_state=0)
    text = table.to_csv(index=False) if how == "csv" else None
    task = _file(tmp_path / f"a.{how}", ["p", "t"], "regression", text, table)
    got = label_images(task, sites, _index(sites), ARCHIVE)
    assert got.columns.tolist() == ["site_id", "season", "lon", "lat", "p", "t"]
    assert got["t"].tolist() == [1.5, -2, 4, 5, 6, 7, 8] and got["p"].tolist() == [0, 1, 3, 4, 5, 6, 7]


def test_joined_by_position(tmp_path, sites):
    table = pd.DataFrame({"lon": sites["lon"].round(6), "lat": sites["lat"].round(6), "y": range(8)})[::-1]
    task = _file(tmp_path / "a.csv", ["y"], "regression", table.to_csv(index=False))
    got = label_images(task, sites, _index(sites), ARCHIVE)
    assert got["y"].tolist() == list(range(8))


@pytest.mark.parametrize(
    ("text", "columns", "kind", "message", "mend"),
    [
        (None, ["y"], "regression", "no such file", "labels.file"),
        ("site_id,z\n000,1", ["y"], "regression", "column 'y' is missing", "site_id, z"),
        ("name,y\n000,1", ["y"], "regression", "neither column 'site_id' nor", "add one"),
        (
            _csv("site_id,y", [1, 2, 3, "4,5", 5, 6, 7, 8]),
            ["y"],
            "regression",
            "cannot be read",
            "commas",
        ),
        (_csv("site_id,y", [1, 2, 3, "warm", 5, 6, 7, 8]), ["y"], "regression", "'y', 003: 'warm' is not", "number"),
        (_csv("site_id,y", [1, 2, 3, "inf", 5, 6, 7, 8]), ["y"], "regression", "003: 'inf' is not a finite", "number"),
        (_csv("site_id,y", [7] * 8), ["y"], "regression", "target 'y' is 7 at every image", "leave it out"),
        ("site_id,y\n000,1\n001,2", ["y"], "regression", "6 of 8 images have no row by site_id: 002, 003, 004", "add"),
        ("site_id,y\nA,1\nB,2", ["y"], "regression", "8 of 8 images have no row", "another dataset"),
        (_csv("site_id,y", range(8)) + "\n005,3", ["y"], "regression", "row 8: site_id 005 stands twice", "one row"),
        (_csv("site_id,y", range(8)), ["y", "lat"], "regression", "'lat' would replace", "rename"),
        (_csv("site_id,y", "ababab" + "ab"), ["y", "z"], "classification", "names 2 columns", "name one"),
        (_csv("site_id,y", "abababab"), ["z"], "classification", "column 'z' is missing", "site_id, y"),
        (_csv("site_id,y", ["a"] * 8), ["y"], "classification", r"fewer than two classes are left \(a\)", "min_count"),
        (_csv("site_id,y", ["a", "nan", *"bababa"]), ["y"], "classification", "'y', 001: 'nan' is no class", "empty"),
    ],
)
def test_files_that_do_not_fit(tmp_path, sites, text, columns, kind, message, mend):
    path = tmp_path / "labels.csv"
    if text is not None:
        path.write_text(text)
    task = _task({"source": "file", "file": str(path), "columns": columns}, kind)
    with pytest.raises(UserError, match=message) as error:
        label_images(task, sites, _index(sites), ARCHIVE)
    assert mend in error.value.mend
    if not any(word in message for word in ("columns", "replace", "classes")):
        assert str(path) in error.value.message


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""])
@pytest.mark.parametrize("kind", ["classification", "multilabel", "regression"])
def test_missing_labels_leave_their_images_out(tmp_path, sites, kind, missing, caplog):
    values = [str(v) if kind == "regression" else "ab"[v % 2] for v in range(8)]
    values[1] = values[4] = missing
    table = pd.DataFrame({"site_id": sites["site_id"], "y": pd.Series(values, dtype=object)})
    if kind == "regression" and not isinstance(missing, str):
        table["y"] = pd.to_numeric(table["y"].astype("string")).astype("float64" if missing is np.nan else "Float64")
    table.to_parquet(tmp_path / "y.parquet")
    task = _task({"source": "file", "file": str(tmp_path / "y.parquet"), "columns": ["y"]}, kind)
    got = label_images(task, sites, _index(sites), ARCHIVE)
    assert got["site_id"].tolist() == [s for i, s in enumerate(sites["site_id"]) if i not in (1, 4)]
    assert "2 of 8 images are left out: 2 no value" in caplog.text


def test_a_row_twice_of_a_site_without_image_does_no_harm(tmp_path, sites):
    text = _csv("site_id,y", range(8)) + "\nx,1\nx,2"
    got = label_images(_file(tmp_path / "a.csv", ["y"], "regression", text), sites, _index(sites), ARCHIVE)
    assert got["y"].tolist() == list(range(8))


# ------------------------------------------------------------------------------------------------ the named tasks
@pytest.mark.parametrize("name", ["biomes", "land_cover", "climate", "genera"])
def test_named_tasks_are_valid(name):
    dataset = {"imagery": {"source": "miniature"}}
    study = resolve({"study": "x", "datasets": {"biome_points": dataset}, "tasks": {name: {}}})
    assert study.tasks[name].dataset == "biome_points"
