import textwrap

import pytest
from greenup.config import load, published
from greenup.config.published import cells_named, published_tables, read_names, result_tables
from greenup.errors import UserError

TABLES = (
    *(f"table{i}" for i in range(3, 8)),
    *(f"tableA{i}" for i in range(2, 11)),
    *("ssl4eo_table", "seco_table"),
)


def own(tmp_path, text):
    path = tmp_path / "names.yaml"
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_every_table_of_results_is_a_target_with_a_source():
    assert result_tables() == TABLES
    for table in published_tables():
        assert table.url.startswith("https://") and ("doi:" in table.source or "arXiv" in table.source)
    # The tables of the paper are named as it numbers them.
    assert all(t.name == "table" + t.table.replace("-", "") for t in published_tables() if t.paper == "ssl4eco")


def test_names_are_those_of_the_library():
    """Every task and model that stands for a published one is a block of the library, or an image set's own name."""
    tasks, sets = load.library_blocks("tasks"), load.library_blocks("image_sets")
    models, names = load.library_blocks("models"), read_names()
    for paper in names.papers.values():
        for task in paper.tasks.values():
            for one in task.ours:
                assert one.task in tasks or one.task in sets
                assert one.folds in ("random", "official")
        for model in paper.models.values():
            assert set(model.ours) <= set(models)


def test_cells_of_a_table_are_models_x_tasks_x_protocols():
    cells = cells_named("table7", read_names())
    assert {c[0] for c in cells} >= {"seco_published", "seco_eco_published", "seco_eco", "dofa_published"}
    assert {c[1:] for c in cells} == {
        (f"biomassters_{season}", protocol, "official")
        for season in ("summer", "winter")
        for protocol in ("linear", "knn")
    }
    assert {c[2:] for c in cells_named("ssl4eo_table", read_names())} == {("finetune", "official")}


def test_a_study_puts_its_own_names_first(tmp_path):
    path = own(
        tmp_path,
        """
        papers:
          ssl4eco:
            tasks: {biomes: {ours: [{task: my_biomes}]}}
            models: {SeCo-Eco: {ours: [my_model, seco_eco]}}
        """,
    )
    names, library = read_names(path), read_names()
    paper = names.paper("ssl4eco")
    assert [o.task for o in paper.task("biomes").ours] == ["my_biomes", "biomes_published", "biomes"]
    assert paper.model("SeCo-Eco").ours == ("my_model", "seco_eco", "seco_eco_published")
    assert paper.model("SeCo-Eco").title == "SeCo-Eco" and paper.model("SeCo-Eco").backbone == "resnet50"
    # Nothing else has changed, nor its order.
    assert list(paper.models) == list(library.paper("ssl4eco").models)
    assert paper.task("cavm") == library.paper("ssl4eco").task("cavm") and names.metrics == library.metrics
    assert ("my_model", "my_biomes", "linear", "random") in cells_named("table3", names)


@pytest.mark.parametrize(
    "text, message",
    [
        ("papers: {ssl4eco: {models: {SeCoEco: {ours: [mine]}}}}", "no model is published as 'SeCoEco'"),
        ("papers: {ssl4eco: {tasks: {biome: {ours: [{task: a}]}}}}", "no task is published as 'biome'"),
        ("papers: {prithvi: {}}", "no paper is published as 'prithvi'"),
        ("metrics: {kappa: {ours: [kappa]}}", "no metric is published as 'kappa'"),
        ("papers: {ssl4eco: {models: {SeCo: {ours: []}}}}", "papers.ssl4eco.models.SeCo.ours"),
        ("papers: {ssl4eco: {models: {SeCo: {our: [a]}}}}", "papers.ssl4eco.models.SeCo.our"),
        ("[a, b]", "no block of keys"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_file_of_names_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as error:
        read_names(own(tmp_path, text))
    assert "names.yaml" in str(error.value) and error.value.mend


def test_a_table_without_its_source_is_refused(tmp_path):
    text = (published.FOLDER / "tables.csv").read_text()
    for old, new, message in (
        (",https://arxiv.org/abs/2504.18256,transcribed,", ",,transcribed,", "line 2: url is empty"),
        (",transcribed,", ",remembered,", "line 2: checked 'remembered'"),
        ("name,paper", "target,paper", "column 'name' is missing"),
    ):
        folder = tmp_path / message[-8:].strip("'")
        folder.mkdir()
        (folder / "tables.csv").write_text(text.replace(old, new, 1))
        with pytest.raises(UserError, match=message):
            published_tables(folder)
    with pytest.raises(UserError, match="cannot be read"):
        published_tables(tmp_path / "nowhere")
