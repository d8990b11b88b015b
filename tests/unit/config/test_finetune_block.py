"""Fine-tuning as users write it: published recipes, recipes of single models, mistakes refused; the files it needs."""

import json

import pytest
import yaml
from greenup.config import load_study, parse, resolve
from greenup.config.finetune import FinetuneProtocol
from greenup.config.load import LIBRARY
from greenup.errors import UserError
from greenup.plan import Plan

TINY = yaml.safe_load((LIBRARY / "tiny.yaml").read_text())
CELLS = {"models": ["seco_eco", "random_init"], "tasks": ["biomes"]}
RECIPES = yaml.safe_load((LIBRARY / "finetune.yaml").read_text())


def plan(cells=CELLS, protocol=None, **study):
    evaluation = {**TINY["evaluation"], "finetune": cells}
    if protocol is not None:
        evaluation["protocols"] = {**evaluation.get("protocols", {}), "finetune": protocol}
    return Plan(resolve({**TINY, "evaluation": evaluation, **study}, where="mine.yaml"))


def refusal(**written):
    with pytest.raises(UserError) as told:
        _ = plan(**written).finetuned
    return str(told.value)


def test_nothing_is_fine_tuned_by_default():
    assert Plan(load_study(LIBRARY / "default.yaml")).finetuned == []


def test_cells():
    mine = plan()
    assert mine.finetuned == [f"results/tiny/probes/{m}/biomes/finetune.random.parquet" for m in CELLS["models"]]
    files = mine.finetune_inputs("seco_eco", "biomes")
    assert files["weights"] == "results/tiny/models/seco_eco/weights.safetensors"
    assert files["index"] == "results/tiny/datasets/biome_points/index.parquet" and files["pixels"]
    assert json.loads(mine.finetune_images("biomes")) == {k: files[k] for k in ("index", "statistics")}


def test_an_image_set_is_read_where_it_lies_and_split_as_its_publishers_do():
    mine = plan(
        cells={"models": ["seco_eco"], "tasks": ["towns"]},
        image_sets={"own": {"kind": "eurosat", "folder": "data/eurosat"}},
        tasks={"towns": {"image_set": "own", "kind": "classification", "metric": "accuracy"}},
        evaluation={**TINY["evaluation"], "folds": {"kinds": ["random", "official"]}, "finetune": {
            "models": ["seco_eco"], "tasks": ["towns"]}},
    )  # fmt: skip
    assert mine.finetuned == ["results/tiny/probes/seco_eco/towns/finetune.official.parquet"]
    assert set(mine.finetune_inputs("seco_eco", "towns")) == {"weights", "model_config"}
    assert json.loads(mine.finetune_images("towns"))["folder"] == "data/eurosat"


@pytest.mark.parametrize("name", RECIPES)
def test_published_recipes(name):
    recipe = plan(protocol={"like": name}).finetune_recipe("seco_eco")
    assert recipe == FinetuneProtocol(**RECIPES[name])
    assert (recipe.epochs, recipe.batch_size, recipe.patience) == (100, 256, None)
    assert parse(FinetuneProtocol, recipe.model_dump_json()) == recipe


def test_a_recipe_of_one_model_starts_from_the_common_one_or_another():
    common = {"like": "seco", "epochs": 7}
    mine = plan(cells={**CELLS, "recipes": {"random_init": {"dropout": 0.5}}}, protocol=common)
    assert mine.finetune_recipe("seco_eco").epochs == mine.finetune_recipe("random_init").epochs == 7
    assert (mine.finetune_recipe("seco_eco").dropout, mine.finetune_recipe("random_init").dropout) == (0.2, 0.5)
    other = plan(cells={**CELLS, "recipes": {"random_init": {"like": "ssl4eo_data2vec"}}}, protocol=common)
    recipe = other.finetune_recipe("random_init")
    assert recipe.epochs == 100 and recipe.layer_decay == 0.65 and recipe.optimizer.name == "adamw"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"models": ["band_statistics"], "tasks": ["biomes"]}, "'band_statistics' has no weights to train"),
        ({"models": ["resnet"], "tasks": ["biomes"]}, "finetune.models: model 'resnet' is not in this study"),
        ({"models": ["seco_eco"], "tasks": ["x"]}, "evaluation.finetune.tasks: task 'x' is not in this study"),
        ({"models": ["seco_eco"]}, "models and tasks: give both or neither"),
        ({**CELLS, "folds": "official"}, "finetune.folds: 'official' is not made of the images"),
        ({**CELLS, "recipes": {"other": {}}}, "recipes.other: the model is not among those fine-tuned"),
        ({**CELLS, "recipes": {"seco_eco": {"like": "secco"}}}, "did you mean 'seco'?"),
        ({**CELLS, "recipes": {"seco_eco": {"compat": ["adapting_batch_norm"]}}}, "add head_only"),
    ],
)  # fmt: skip
def test_mistakes_in_what_is_fine_tuned(cells, message):
    assert message in refusal(cells=cells)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"accumulate": 3}, "batch_size 64 cannot be cut into 3 equal parts"),
        ({"crop_scale": [0.8, 1.2]}, "crop_scale [0.8, 1.2]"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
    ],
)
def test_mistakes_in_the_recipe(protocol, message):
    assert message in refusal(protocol=protocol)
