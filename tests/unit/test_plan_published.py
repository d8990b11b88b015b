from pathlib import Path

import pytest
from greenup.config import load_study, resolve
from greenup.config.published import result_tables
from greenup.plan import Plan

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def released():
    return Plan(load_study(CONFIG / "published.yaml"))


def test_released_weights_fill_tables_3_4_5_and_7(released):
    """published.yaml promises tables 3 to 7 but for what is trained by the authors of SSL4Eco and not released."""
    for name, tasks in (("table3", 2), ("table5", 2), ("table7", 2)):
        assert len(released.published_scores(name)) == 7 * tasks * 2, name
    # EU-Forest is there twice, by species and by genera.
    assert len(released.published_scores("table4")) == 7 * 5 * 2
    assert not released.approximated_tasks
    models = {Path(p).parts[-3] for p in released.published_scores("table6")}
    assert models == {"ssl4eo_moco_published", "seco_eco_published"}


def test_bootstraps_are_asked_for_where_one_test_part_is_given(released):
    assert released.result_table_inputs("table3")["doubt"] == []
    wanted = released.result_table_inputs("table4")["doubt"]
    assert [Path(p).name for p in wanted] == ["bigearthnet10.doubt.parquet", "treesatai.doubt.parquet"]


def test_backbones_are_those_of_the_weights(released):
    backbones = {n: m["backbone"] for n, m in released.compared_models.items()}
    paper = released.published_names.paper("ssl4eco")
    for model in paper.models.values():
        for own in model.ours:
            assert backbones.get(own, model.backbone) == model.backbone


def test_the_demo_takes_part_with_simulated_stand_ins():
    plan = Plan(load_study(CONFIG / "demo.yaml"))
    assert plan.approximated_tasks.keys() == {"biomes"}
    tasks = {Path(p).parts[-2] for p in plan.published_scores("table6")}
    assert tasks == {"biomes", "arctic_cover", "genera", "climate"}
    assert all(Path(p).stem.endswith(".random") for p in plan.scored if p in set(plan.published_scores("table6")))
    assert plan.compared_models["seco_eco"]["simulated"] and not plan.compared_models["band_statistics"]["simulated"]


def test_a_study_without_models_has_every_table():
    plan = Plan(
        resolve({"study": "bare", "datasets": {"ssl4eco": {"phenology": None, "seasons": None, "imagery": None}}})
    )
    assert {"table2", *result_tables()} <= set(plan.tables)
    assert all(plan.result_table_inputs(n) == {"probes": [], "doubt": []} for n in result_tables())


def test_names_of_the_study_are_followed(tmp_path):
    names = tmp_path / "names.yaml"
    names.write_text("papers: {ssl4eco: {models: {DOFA: {ours: [random_init]}}}}")
    plain = load_study(CONFIG / "demo.yaml")
    own = plain.model_copy(update={"paper": plain.paper.model_copy(update={"published_names": str(names)})})
    before, after = (set(Plan(s).published_scores("table3")) for s in (plain, own))
    assert {Path(p).parts[-3] for p in after - before} == {"random_init"} and before < after
    assert Plan(own).own_names == [str(names)] and Plan(plain).own_names == []
