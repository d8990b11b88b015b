"""Which cells tasks of kind change have, and what a submission is made of."""

import pytest
from greenup.config import resolve
from greenup.errors import UserError
from greenup.plan import Plan

DATASETS = {"here": {"sites": {"sampler": "points", "file": "my/points.csv"}}}
OSCD = {"image_set": "oscd", "kind": "change", "metric": "f1"}
CLEF = {"image_set": "geolifeclef", "kind": "multilabel", "metric": "micro_f1", "k": 1, "positive_weight": 12}


def plan(sets: dict, tasks: dict) -> Plan:
    models = {"seco_published": None, "ssl4eo_mae_published": None, "band_statistics": None}
    return Plan(resolve({"study": "x", "datasets": DATASETS, "models": models, "image_sets": sets, "tasks": tasks}))


def test_a_change_task_has_one_cell_for_each_resnet_and_no_embedding():
    made = plan({"oscd": {"kind": "oscd", "folder": "my/oscd"}}, {"oscd": OSCD})
    assert made.probes == ["results/x/probes/seco_published/oscd/siamese.official.parquet"]
    assert made.embeddings == []
    assert made.submissions == []


def test_a_submission_is_made_of_the_blind_part_of_the_same_folder():
    sets = {
        "geolifeclef": {"kind": "geolifeclef", "folder": "my/clef"},
        "elsewhere": {"kind": "geolifeclef", "folder": "other", "part": "blind"},
        "geolifeclef_blind": {"kind": "geolifeclef", "folder": "my/clef", "part": "blind"},
    }
    made = plan(sets, {"geolifeclef": CLEF})
    assert made.blind_set("geolifeclef") == "geolifeclef_blind"
    assert "results/x/submissions/seco_published/geolifeclef.csv" in made.submissions
    # There is no local test: the competition keeps it.
    assert made.fold_kinds("geolifeclef") == ("random", "blocks")
    del sets["geolifeclef_blind"]
    with pytest.raises(UserError, match="none is the blind part of 'geolifeclef'") as error:
        plan(sets, {"geolifeclef": CLEF}).blind_set("geolifeclef")
    assert "folder: my/clef, part: blind" in error.value.mend


def test_named_blocks_of_the_library_fit_together():
    sets = dict.fromkeys(("geolifeclef", "geolifeclef_blind", "biomassters_summer", "biomassters_winter", "oscd"))
    tasks = dict.fromkeys(("geolifeclef", "biomassters_summer", "biomassters_winter", "oscd"))
    made = plan(sets, tasks)
    assert made.blind_set("geolifeclef") == "geolifeclef_blind"
    assert made.fold_kinds("biomassters_winter") == ("official",)
    assert made.study.image_sets["biomassters_winter"].season == "winter"
    assert made.change_tasks == ["oscd"]
