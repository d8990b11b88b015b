"""Which cells are asked for, which trainings stand together, and what is audited for leakage."""

import pytest
from greenup.config import resolve
from greenup.errors import UserError
from greenup.plan import Plan


def plan(**how):
    study = {
        "study": "s",
        "datasets": {"ssl4eco": {"sites": {"limit": 40}}, "biome_points": {"sites": {"count": 60}}},
        "models": {
            "seco_eco": None,
            "seco_eco_s2": {"like": "seco_eco", "seed": 2},
            "random_init": None,
            "band_statistics": None,
        },
        "tasks": {"biomes": None},
    }
    return Plan(resolve({**study, **how}, where="s.yaml"))


def cells(p, task):
    return {path.rsplit("/", 1)[1].removesuffix(".parquet") for path in p.judged([task])["scores"]}


def image_set(kind):
    return {
        "image_sets": {"them": {"kind": kind, "folder": "data/them"}},
        "tasks": {"it": {"image_set": "them", "kind": "classification", "metric": "accuracy"}},
    }


@pytest.mark.parametrize(
    ("kind", "folds", "expected"),
    [
        ("eurosat", None, {"blocks", "official"}),
        ("so2sat", None, {"official"}),
        ("geolifeclef", None, {"random", "blocks"}),
        ("eurosat", ["random"], {"random"}),
        ("so2sat", ["random", "blocks"], {"random"}),
    ],
)
def test_no_impossible_cell_is_asked_for(kind, folds, expected):
    p = plan(**image_set(kind), **({"evaluation": {"folds": {"kinds": folds}}} if folds else {}))
    assert cells(p, "it") == {f"{protocol}.{f}" for protocol in ("linear", "knn") for f in expected}


def test_points_of_a_dataset_have_no_official_split():
    assert cells(plan(), "biomes") == {f"{p}.{f}" for p in ("linear", "knn") for f in ("random", "blocks")}
    with pytest.raises(UserError, match=r"\[official\] cannot be made of images without an official split"):
        plan(evaluation={"folds": {"kinds": ["official"]}}).fold_kinds("biomes")


def test_a_model_may_be_judged_on_some_tasks_alone():
    both = {"biomes": None, "zones": {"like": "biomes", "dataset": "ssl4eco"}}
    p = plan(tasks=both, evaluation={"only": {"seco_eco_s2": ["zones"]}})
    cells_of = {tuple(path.split("/")[3:5]) for path in p.probes}
    assert ("seco_eco_s2", "zones") in cells_of and ("seco_eco_s2", "biomes") not in cells_of
    assert {("seco_eco", task) for task in both} <= cells_of
    assert "results/s/embeddings/seco_eco_s2/biome_points.parquet" not in p.embeddings
    assert "results/s/embeddings/seco_eco_s2/ssl4eco.parquet" in p.embeddings
    with pytest.raises(UserError, match=r"evaluation\.only\.seco_eco: task 'zone' is not in this study"):
        plan(tasks=both, evaluation={"only": {"seco_eco": ["zone"]}})


def test_fine_tuned_networks_are_cells_like_any_other():
    """In the results table with their bootstrap, compared with each other, and audited."""
    p = plan(evaluation={"finetune": {"models": ["seco_eco", "random_init"], "tasks": ["biomes"]}})
    tuned = [f"results/s/probes/{m}/biomes/finetune.random.parquet" for m in ("seco_eco", "random_init")]
    assert p.finetuned == tuned and p.scored[-2:] == tuned
    assert p.judged(["biomes"])["scores"][-2:] == tuned
    assert p.judged(["biomes"], ["seco_eco"])["predictions"][-1] == tuned[0].replace(".parquet", ".predictions.parquet")


@pytest.mark.parametrize(
    ("restricted", "told"),
    [({"models": ["random_init"]}, "'seco_eco' is not evaluated"), ({"tasks": ["other"]}, "'biomes' is not evaluated")],
)
def test_what_is_fine_tuned_is_evaluated(restricted, told):
    tasks = {"biomes": None, "other": {"like": "biomes"}}
    with pytest.raises(UserError, match=rf"evaluation\.finetune\..*{told}"):
        plan(tasks=tasks, evaluation={**restricted, "finetune": {"models": ["seco_eco"], "tasks": ["biomes"]}})


def test_trainings_that_differ_in_their_seed_stand_together():
    p = plan()
    assert p.called_together["seco_eco"] == p.called_together["seco_eco_s2"] == "seco_eco"
    assert (
        p.called_together["band_statistics"] == "band_statistics" and p.called_together["random_init"] == "random_init"
    )
    models = {"seco_eco_s1": {"like": "seco_eco", "seed": 1}, "seco_eco_s2": {"like": "seco_eco", "seed": 2}}
    assert set(plan(models=models).called_together.values()) == {"seco_eco"}
    models["seco_eco"] = {"size_px": 128}  # another model has the name that they have in common
    assert plan(models=models).called_together == {
        "seco_eco_s1": "seco_eco_s1",
        "seco_eco_s2": "seco_eco_s1",
        "seco_eco": "seco_eco",
    }


def test_a_reference_goes_by_the_name_of_its_trainings():
    assert plan().reference is None
    assert plan(evaluation={"reference": "seco_eco_s2"}).reference == "seco_eco"
    with pytest.raises(UserError, match=r"evaluation\.reference: model 'nobody'"):
        plan(evaluation={"reference": "nobody"})


def test_what_is_audited():
    p = plan()
    assert p.audits == {("biomes", "ssl4eco"): ["seco_eco", "seco_eco_s2"]}
    assert p.leakage == ["results/s/tasks/biomes/leakage.ssl4eco.parquet"]
    assert p.side_m("biomes") == 2640.0
    assert plan(**image_set("so2sat")).audits == {}
    assert plan(**image_set("eurosat")).side_m("it") == 640.0
    assert "leakage" in p.tables and "leakage" not in plan(**image_set("so2sat")).tables
    assert p.doubts["doubt"] == ["results/s/comparisons/biomes.doubt.parquet"]
