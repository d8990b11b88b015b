"""Words of --config become a study: the model found, its images fitting, every mistake told with its mend."""

import json
import sqlite3

import pytest
from greenup.config import Model, parse
from greenup.config.request import read_configuration
from greenup.errors import UserError
from greenup.plan import Plan

HOME = {
    "study": "home",
    "seed": 5,
    "datasets": {"ssl4eco": {"imagery": {"source": "miniature", "seed": 9}, "phenology": {"source": "miniature"}}},
    "models": {
        "seco_eco": {"backbone": "resnet18", "size_px": 128},
        "band_statistics": None,
        "seco_eco_published": None,
        "height": {"method": {"name": "features", "file": "h.csv", "columns": ["h"]}},
    },
    "runtime": {"workers": 3},
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "My plots-2.csv").write_text("lon,lat\n" + "8.5,47.4\n" * 1200)
    return tmp_path


def trained(path, *, simulated=False, channels=("B4", "B3", "NDVI"), product="s2_l2a", size_px=96) -> None:
    """What `greenup.pretrain.product.save_model` leaves, as far as plans read it."""
    about = {
        "architecture": {"name": "resnet18", "arguments": {"in_chans": len(channels), "num_classes": 0}},
        "channels": list(channels),
        "product": product,
        "simulated": simulated,
        "preprocess": {"input_scale": "standardise", "size_px": size_px},
    }
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(about))
    (path / "weights.safetensors").write_bytes(b"")


def ask(home=HOME, **words):
    return read_configuration({**home, "points": "My plots-2.csv", **words}, where="home.yaml")


def refusal(home=HOME, **words) -> str:
    with pytest.raises(UserError) as caught:
        ask(home, **words)
    assert caught.value.mend
    return str(caught.value)


def test_without_its_words_a_study_is_what_it_says():
    study, request = read_configuration(HOME, where="home.yaml")
    assert request is None and study.study == "home" and set(study.models) == set(HOME["models"])


def test_a_released_model_takes_images_of_its_own_kind():
    study, request = ask(model="seco_eco_published")
    assert (study.study, study.seed, study.runtime.workers) == ("embed_my_plots_2", 5, 3)
    assert request.out == "results/embed_my_plots_2/seco_eco_published.parquet"
    dataset, model = study.datasets["points"], study.models["seco_eco_published"]
    assert (dataset.sites.file, dataset.sites.sea, dataset.shards) == ("My plots-2.csv", "refuse", 3)
    assert dataset.imagery.source == "stac" and dataset.imagery.product == "s2_l2a"
    assert dataset.seasons.rule == "window" and dataset.scenes.min_images == 1 and dataset.scenes.years == (2017, 2024)
    assert set(dataset.patches.bands) == set(model.channels) - {"NDVI"}
    assert dataset.patches.size_px == model.size_px == 224
    assert study.evaluation.embed == ("points",) and not study.tasks


def test_a_released_model_need_not_stand_in_the_study():
    study, _ = ask({k: v for k, v in HOME.items() if k != "models"}, model="ssl4eo_moco_published")
    assert study.datasets["points"].imagery.product == "s2_l1c"
    assert study.datasets["points"].imagery.source == "earthengine"
    assert set(study.datasets["points"].patches.bands) >= {"B1", "B10", "B12"}


def test_a_trained_model_sees_images_like_those_it_was_trained_on(folder):
    trained(folder / "results/home/models/seco_eco", simulated=True)
    study, _ = ask(model="seco_eco")
    model = study.models["seco_eco"]
    assert model.is_given and model.method.path == "results/home/models/seco_eco"
    assert (model.channels, model.backbone, model.size_px, model.dataset) == (
        ("B4", "B3", "NDVI"),
        "resnet18",
        96,
        None,
    )
    dataset = study.datasets["points"]
    assert (dataset.imagery.source, dataset.imagery.seed) == ("miniature", 9)
    assert set(dataset.patches.bands) == {"B3", "B4", "B8"} and dataset.patches.size_px == 96
    assert parse(Model, model.model_dump_json()) == model
    plan = Plan(study)
    assert plan.weighted_models == [] and plan.image_models == ["seco_eco"]
    assert plan.embed_inputs("seco_eco", "points")["weights"] == "results/home/models/seco_eco/weights.safetensors"


def test_a_folder_is_a_model(folder):
    trained(folder / "elsewhere/Net 7")
    study, request = ask(model="elsewhere/Net 7/", out="mine.parquet", years=2020, imagery="earthengine", sea="keep")
    assert (request.model, request.out) == ("net_7", "mine.parquet")
    dataset = study.datasets["points"]
    assert dataset.scenes.years == (2020, 2020) and dataset.imagery.source == "earthengine"
    assert dataset.sites.sea == "keep"


def test_models_without_weights_are_there_already():
    assert ask(model="band_statistics")[0].models["band_statistics"].method.name == "band_statistics"
    bare = {k: v for k, v in HOME.items() if k != "models"}
    assert ask(bare, model="band_statistics")[0].datasets["points"].patches.size_px == 264


@pytest.mark.parametrize(
    ("years", "expected"), [(2020, (2020, 2020)), ("2019-2022", (2019, 2022)), ([2018, 2019], (2018, 2019))]
)
def test_years_as_snakemake_reads_them(years, expected):
    assert ask(model="band_statistics", years=years)[0].datasets["points"].scenes.years == expected


def test_image_sources_by_their_words(folder):
    (folder / "archive").mkdir()
    for asked, source in {
        "miniature": "miniature",
        "planetary-computer": "stac",
        "https://example.org/v1": "stac",
        "archive": "archive",
        "ssl4eco": "miniature",
    }.items():
        assert ask(model="band_statistics", imagery=asked)[0].datasets["points"].imagery.source == source
    block = {"source": "archive", "path": "archive", "offset": "none"}
    assert ask(model="band_statistics", imagery=block)[0].datasets["points"].imagery.offset == "none"


def test_jobs_follow_the_number_of_points(folder):
    with sqlite3.connect(folder / "p.gpkg") as tables:
        tables.execute("CREATE TABLE gpkg_contents (table_name TEXT)")
        tables.execute("INSERT INTO gpkg_contents VALUES ('a layer')")
        tables.execute('CREATE TABLE "a layer" (x INT)')
        tables.executemany('INSERT INTO "a layer" VALUES (?)', [(i,) for i in range(501)])
    assert ask(model="band_statistics", points="p.gpkg")[0].datasets["points"].shards == 2
    (folder / "broken.gpkg").write_text("no database")
    assert ask(model="band_statistics", points="broken.gpkg")[0].datasets["points"].shards == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"model": "seco_ecco"}, ["neither a model of study 'home'", "did you mean 'seco_eco'"]),
        ({"model": "seco_eco"}, ["has not trained it: results/home/models/seco_eco/weights", "seco_eco_published"]),
        ({"model": "moco_eco"}, ["study 'home' has not trained it", "train it"]),
        ({"model": "no/such/folder"}, ["model=no/such/folder", "config.json cannot be read", "results/<study>/models"]),
        ({"model": "height"}, ["columns of h.csv", "model of images"]),
        ({"points": "none.csv", "model": "band_statistics"}, ["points=none.csv: no such file"]),
        ({"points": "plots.xlsx", "model": "band_statistics"}, ["plots.xlsx", ".csv, .gpkg, .geojson"]),
        ({"model": "band_statistics", "imagery": "moon"}, ["imagery=moon", "earth-search", "ssl4eco"]),
        ({"model": "band_statistics", "years": "twenty"}, ["years=twenty", "2019-2022"]),
        ({"model": "band_statistics", "years": "2022-2019"}, ["datasets.points.scenes.years"]),
        ({"model": "band_statistics", "sea": "swim"}, ["datasets.points.sites.sea", "'swim'"]),
        ({"model": "ssl4eo_moco_published", "imagery": "miniature"}, ["renders no s2_l1c"]),
        ({}, ["points without model="]),
    ],
)
def test_mistakes_are_told_with_their_mend(words, told):
    said = refusal(**words)
    for part in told:
        assert part in said, said


def test_what_others_have_trained_is_offered(folder):
    trained(folder / "results/other/models/moco_eco")
    assert "model=results/other/models/moco_eco" in refusal(model="moco_eco")


def test_a_model_of_simulated_images_is_not_shown_real_ones(folder):
    trained(folder / "m/one", simulated=True)
    assert "knows nothing of real ones" in refusal(model="m/one", imagery="earth-search")
    assert ask(model="m/one")[0].datasets["points"].imagery.source == "miniature"


def test_a_folder_of_another_make_is_refused(folder):
    (folder / "m/old").mkdir(parents=True)
    (folder / "m/old/config.json").write_text('{"architecture": "resnet18"}')
    assert "is not what this greenup writes" in refusal(model="m/old")


def test_a_wrong_study_file_is_told_as_ever():
    assert "unknown key 'sead'" in refusal({**HOME, "sead": 1}, model="band_statistics")
