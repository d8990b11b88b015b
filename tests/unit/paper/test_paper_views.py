import numpy as np
import pandas as pd
import pytest
from greenup.config.published import published_tables, read_names, result_tables
from greenup.paper.paper_tables import compare_with_published
from greenup.paper.paper_views import digits, views
from greenup.paper.published import read_published

NAMES = read_names()
PUBLISHED = read_published(NAMES)


def probe(model, task, values, *, protocol="linear", folds="random", metric="macro_f1", k=None, simulated=False):
    table = pd.DataFrame(
        {
            "model": model,
            "task": task,
            "protocol": protocol,
            "folds": folds,
            "fold": range(len(values)),
            "metric": metric,
        }
        | {"value": values, "n_test": 100, "n_train": 900, "choice": f"k={k}" if k else "weight_decay=0.01"}
    )
    table.attrs["simulated"] = simulated
    return table


def views_of(name, probes=(), **more):
    table = compare_with_published(PUBLISHED[PUBLISHED["name"] == name], NAMES, probes, **more)
    return {v.kind: v for v in views(table, NAMES, tuple(t for t in published_tables() if t.name == name))}


def row(view, title):
    return next(r for r in view.rows if r.title == title)


def test_the_published_view_is_laid_out_as_in_the_paper():
    view = views_of("table3")["published"]
    assert [r.title for r in view.rows] == ["SeCo", "SatMAE", "Satlas", "CROMA", "SSL4EO", "DOFA", "SeCo-Eco"]
    assert [c.heads for c in view.columns] == [
        ("Biomes", "macro F1", "linear probe"),
        ("Biomes", "macro F1", "k-NN, k = 10"),
        ("CAVM", "macro F1", "linear probe"),
        ("CAVM", "macro F1", "k-NN, k = 20"),
    ]
    best, second = row(view, "SeCo-Eco"), row(view, "SSL4EO")
    assert [c.text for c in best.cells] == ["56.1 ± 0.7", "51.1 ± 0.9", "59.4 ± 1.0", "59.5 ± 0.8"]
    assert {c.rank for c in best.cells} == {1} and {c.rank for c in second.cells} == {2}
    assert [c.marks for c in best.cells] == ["", "‡", "", ""]
    assert (
        "Biomes, macro F1, k-NN: SatMAE 47.8 in Table A-6; DOFA 43.0 in Table A-6; SeCo-Eco 51.2 in Table A-6"
        in view.notes[1]
    )
    assert "doi:10.48550/arXiv.2504.18256, Table 3 (https://arxiv.org/abs/2504.18256)" in view.notes[-1]


@pytest.mark.parametrize("name", result_tables())
def test_every_number_is_shown_once_and_what_was_not_run_says_so(name):
    shown = views_of(name)
    assert list(shown) == ["published", "ours", "difference"]
    mine = PUBLISHED[PUBLISHED["name"] == name]
    cells = [c.text for r in shown["published"].rows for c in r.cells]
    assert len(cells) - cells.count("–") == len(mine)
    printed = sorted(digits(v, d) for v, d in zip(mine["mean"], mine["decimals"], strict=True))
    assert sorted(c.split(" ± ")[0] for c in cells if c != "–") == printed
    ours = [c.text for r in shown["ours"].rows for c in r.cells]
    assert ours.count("not run") == len(mine) and set(ours) <= {"not run", "–"}
    assert not shown["difference"].rows and "nothing was run" in shown["difference"].notes[0]


def test_ours_has_interval_sizes_and_the_names_of_this_study():
    values = np.linspace(0.5, 0.59, 10)
    probes = [
        probe("seco_eco_published", "biomes_published", values),
        probe("dofa_published", "biomes_published", values - 0.1),
    ]
    shown = views_of("table3", probes)
    mine = row(shown["ours"], "SeCo-Eco")
    assert mine.own == "seco_eco_published" and row(shown["ours"], "SeCo").own == ""
    assert (mine.cells[0].text, mine.cells[0].rank) == ("54.5 ± 3.0", 1)
    assert mine.cells[0].small == "[51.4, 57.6]" and mine.cells[1].text == "not run"
    assert row(shown["ours"], "DOFA").cells[0].rank == 2
    assert shown["ours"].columns[0].size == "biomes_published, n = 1,000, 10 folds"
    assert shown["ours"].columns[1].size == ""
    difference = row(shown["difference"], "SeCo-Eco").cells
    assert (difference[0].text, difference[0].small) == ("−1.6", "within ± 6.3") and difference[1].text == "not run"
    assert (row(shown["difference"], "DOFA").cells[0].text) == "−5.2"
    assert "twice the combined standard deviation" in shown["difference"].notes[0]


def test_a_score_that_stands_alone_is_not_called_the_best():
    view = views_of("table3", [probe("seco_eco", "biomes_published", [0.5, 0.6])])["ours"]
    assert row(view, "SeCo-Eco").cells[0].rank is None


def test_simulated_scores_have_a_view_of_their_own_and_no_difference():
    probes = [probe("seco_eco", t, [0.5, 0.6], simulated=True) for t in ("biomes", "arctic_cover")]
    shown = views_of("table3", probes)
    assert list(shown) == ["published", "simulated", "difference"]
    assert shown["simulated"].title.startswith("Simulated images") and "Simulated:" in shown["simulated"].notes[0]
    mine = row(shown["simulated"], "SeCo-Eco").cells
    assert mine[0].text == "55.0 ± 7.1" and mine[2].marks == "a"
    assert shown["simulated"].notes[1] == "a: another task: classes of MODIS north of 60° in place of CAVM's."
    assert shown["difference"].rows == () and "simulated images" in shown["difference"].notes[0]
    # No simulated number stands in another view.
    for kind in ("published", "difference"):
        assert not any("55.0" in c.text for r in shown[kind].rows for c in r.cells)


def test_real_and_simulated_scores_never_share_a_view():
    probes = [probe("seco_eco", "biomes", [0.5, 0.6], simulated=True), probe("dofa_published", "biomes", [0.3, 0.4])]
    shown = views_of("table3", probes)
    assert list(shown) == ["published", "ours", "simulated", "difference"]
    assert row(shown["ours"], "SeCo-Eco").cells[0].text == "not run" and row(shown["ours"], "SeCo-Eco").own == ""
    assert row(shown["simulated"], "DOFA").cells[0].text == "not run"
    assert row(shown["ours"], "DOFA").cells[0].text.startswith("35.0")
    assert row(shown["difference"], "SeCo-Eco").cells[0].text == "not compared"
    assert shown["ours"].columns[0].size == shown["simulated"].columns[0].size == "biomes, n = 200, 2 folds"


def test_why_there_is_no_number_is_told_below():
    probes = [
        probe("seco_eco_published", "cavm", [0.5, 0.6], protocol="knn", k=10),
        probe("seco_eco_published", "geolifeclef", [0.2], metric="micro_f1"),
        probe("seco_published", "treesatai", [0.2], metric="micro_f1", folds="official"),
    ]
    cell = row(views_of("table3", probes)["ours"], "SeCo-Eco").cells[3]
    assert (cell.text, cell.marks) == ("not run", "a")
    shown = views_of("table4", probes, backbones={"seco_published": "resnet18"})
    assert (
        not shown["difference"].rows and "another network: resnet18, published resnet50" in shown["difference"].notes[0]
    )
    assert any("random folds of the plots" in n for n in shown["ours"].notes)
    official = views_of("table4", [probe("dofa_published", "treesatai", [0.36], metric="micro_f1", folds="official")])
    cell = row(official["difference"], "DOFA").cells[6]
    assert (cell.text, cell.small, cell.marks) == ("+0.9", "no tolerance", "a")
    assert official["difference"].notes[1] == "a: no standard deviation: ours has one fold."


def test_digits():
    assert [digits(-0.04, 1), digits(-0.05001, 1, sign=True), digits(1.23, 1, sign=True)] == ["0.0", "−0.1", "+1.2"]
    assert digits(27695.5, 1) == "27695.5" and digits(87.27, 2) == "87.27" and digits(0.0, 1, sign=True) == "0.0"
