"""What a study says of image sets that are not there."""

import pytest
from greenup.config import load_study
from greenup.config.load import LIBRARY
from greenup.errors import UserError
from greenup.plan import Plan
from greenup.tasks.image_sets.catalogue import ABOUT


@pytest.fixture
def plan(tmp_path, monkeypatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan(load_study(LIBRARY / "published.yaml"))


def fill(plan: Plan, name: str, folder) -> None:
    settings = plan.study.image_sets[name]
    for need in ABOUT[settings.kind].needs(settings):
        path = folder / settings.folder / need.split(" | ")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_all_that_is_missing_is_told_at_once(plan):
    with pytest.raises(UserError) as told:
        plan.image_set_files("bigearthnet")
    said = str(told.value)
    assert "image_sets.bigearthnet.folder" in said
    for kind in ("bigearthnet", "geolifeclef", "treesatai", "biomassters"):
        assert ABOUT[kind].url in said
        assert said.count(f"{ABOUT[kind].size_gb:g} GB") == 1
    assert said.count("mend:") == 1


def test_sets_that_share_a_folder_are_one_download(plan):
    assert list(plan.lacking_sets) == [
        f"data/image_sets/{kind}" for kind in ("bigearthnet", "geolifeclef", "treesatai", "biomassters")
    ]


def test_what_is_there_is_not_missed(plan, tmp_path):
    for name in ("geolifeclef", "treesatai", "biomassters_summer"):
        fill(plan, name, tmp_path)
    assert list(plan.lacking_sets) == ["data/image_sets/bigearthnet"]
    with pytest.raises(UserError) as told:
        plan.image_set_files("bigearthnet")
    assert "also lacks" not in str(told.value)
    fill(plan, "bigearthnet", tmp_path)
    assert plan.lacking_sets == {}
    assert all(path.startswith("data/image_sets/bigearthnet/") for path in plan.image_set_files("bigearthnet"))


def test_a_task_that_is_not_judged_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = load_study(LIBRARY / "published.yaml")
    few = study.model_copy(update={"evaluation": study.evaluation.model_copy(update={"tasks": ("treesatai",)})})
    assert list(Plan(few).lacking_sets) == ["data/image_sets/treesatai"]
