import numpy as np
import pandas as pd
import pytest
from greenup.config.published import read_names
from greenup.errors import UserError
from greenup.paper.fig3 import ALONE, NOT_RUN, NUMBERS, RUN, draw_fig3, published_axes, study_axes
from greenup.paper.published import read_published
from greenup.paper.style import save_figure

from tests.unit.paper.looks import overlaps, smallest

# Tables 3 to 5 of SSL4Eco, linear probe, by hand: SeCo-Eco, and the best of the six baselines.
PRINTED = {
    "biomes": (56.1, 53.3, "SSL4EO"),
    "cavm": (59.4, 57.5, "SSL4EO"),
    "bigearthnet10": (85.3, 83.2, "SSL4EO"),
    "geolifeclef": (22.3, 21.7, "SSL4EO"),
    "euforest": (35.7, 35.7, "SatMAE"),
    "treesatai": (42.7, 46.8, "SatMAE"),
    "biomassters_summer": (75.3, 71.3, "SSL4EO"),
    "chelsa": (81.1, 76.3, "SatMAE"),
}


@pytest.fixture(scope="module")
def names():
    return read_names()


@pytest.fixture(scope="module")
def published(names):
    return published_axes(read_published(names), names)


def results(scores, folds="random", protocol="linear", simulated=True):
    """A results table: (task, metric) -> model -> mean."""
    rows = [
        {
            **{"task": task, "protocol": protocol, "folds": folds, "metric": metric, "is_main": True, "model": model},
            **{"mean": mean, "low": mean - 0.02, "high": mean + 0.03, "simulated": simulated},
        }
        for (task, metric), by_model in scores.items()
        for model, mean in by_model.items()
    ]
    return pd.DataFrame(rows)


DEMO = {
    ("biomes", "macro_f1"): {"ours": 0.40, "a": 0.35, "b": 0.36},
    ("arctic_cover", "macro_f1"): {"ours": 0.30, "a": 0.35, "b": 0.20},
    ("genera", "micro_map"): {"ours": 0.50, "a": 0.45, "b": 0.45},
    ("land_cover", "macro_f1"): {"ours": 0.2, "a": -0.1, "b": -0.2},
}


def study(names, published, scores=DEMO, tasks=None, **how):
    tasks = [t for t, _ in scores] if tasks is None else tasks
    return study_axes(results(scores), tasks, published, names, "ours", ["a", "b"], **how)


def drawn(axes, gid):
    return next(line for line in axes.lines if line.get_gid() == gid)


def words(axes):
    return [t.get_text() for t in axes.texts]


def test_published_numbers_are_those_printed(published):
    assert tuple(published.columns) == NUMBERS
    found = {r["task"]: (r["score"], r["best"], r["baseline"]) for _, r in published.iterrows()}
    assert found == PRINTED and list(found) == list(PRINTED)
    assert set(published["status"]) == {RUN} and not published["simulated"].any()
    biomes = published.set_index("task").loc["biomes"]
    assert (biomes["low"], biomes["high"]) == pytest.approx((55.4, 56.8))
    assert (biomes["best_low"], biomes["best_high"]) == pytest.approx((52.3, 54.3))


def test_published_k_nn(names):
    table = published_axes(read_published(names), names, "knn").set_index("task")
    assert table.loc["biomassters_summer", ["score", "best"]].tolist() == [-16.3, -16.8]
    assert table.loc["geolifeclef", "baseline"] == "SatMAE"


def test_a_protocol_that_is_not_printed_is_refused(names):
    with pytest.raises(UserError, match="no finetune score of SeCo-Eco"):
        published_axes(read_published(names), names, "finetune")


def test_the_studys_tasks_take_the_axes_they_stand_for(names, published):
    table = study(names, published)
    run = table[table["status"] == RUN]
    assert run[["published_task", "task"]].to_numpy().tolist() == [
        ["biomes", "biomes"],
        ["cavm", "arctic_cover"],
        ["euforest", "genera"],
        ["", "land_cover"],
    ]
    assert run["difference"].tolist() == pytest.approx([4.0, -5.0, 5.0, 30.0])
    assert run["baseline"].tolist() == ["b", "a", "a", "a"]
    assert run["name"].tolist() == ["Biomes", "arctic cover for CAVM", "genera for EU-Forest", "land cover"]
    assert (run["other"] != "").tolist() == [False, True, True, False]
    rest = table[table["status"] == NOT_RUN]
    assert list(rest["published_task"]) == ["bigearthnet10", "geolifeclef", "treesatai", "biomassters_summer", "chelsa"]
    assert rest[["score", "best", "difference"]].isna().all(axis=None)
    assert list(table.index) == list(range(len(table))) and list(table["status"]) == [RUN] * 4 + [NOT_RUN] * 5


def test_folds_are_never_mixed(names, published):
    both = pd.concat([results(DEMO), results({k: {"a": 0.99} for k in DEMO}, folds="blocks")])
    tasks = [t for t, _ in DEMO]
    random = study_axes(both, tasks, published, names, "ours", ["a", "b"])
    assert set(random.loc[random["status"] == RUN, "folds"]) == {"random"} and random["best"].max() < 50
    blocks = study_axes(both, tasks, published, names, "ours", ["a", "b"], folds="blocks")
    assert set(blocks["status"]) == {NOT_RUN}
    official = study_axes(results(DEMO, folds="official"), tasks, published, names, "ours", ["a"])
    assert set(official.loc[official["status"] == RUN, "folds"]) == {"official"}


def test_other_metrics_and_protocols_are_left_out(names, published):
    more = pd.concat([results(DEMO), results({("biomes", "accuracy"): {"ours": 0.9, "a": 0.8}}).assign(is_main=False)])
    table = study_axes(more, ["biomes"], published, names, "ours", ["a", "b"])
    assert table.loc[table["task"] == "biomes", "score"].tolist() == [40.0]
    assert set(study(names, published, protocol="knn")["status"]) == {NOT_RUN}


def test_points_lie_as_far_out_as_the_model_is_better(names, published, outputs):
    figure, data = draw_fig3(published, study(names, published))
    left, right = (a for a in figure.axes if a.lines)
    for axes, table in ((left, data[data["panel"] == "published"]), (right, data[data["panel"] == "study"])):
        run = (table["status"] == RUN).to_numpy()
        angle = 2 * np.pi * np.arange(len(table)) / len(table)
        x, y = drawn(axes, "scores").get_data()
        radius = np.hypot(x, y)
        assert np.allclose(np.arctan2(x, y) % (2 * np.pi), angle[run])
        # One scale for all axes: radius against difference is a line that rises, and 0 is where the baseline lies.
        slope, middle = np.polyfit(table.loc[run, "difference"].to_numpy(float), radius, 1)
        assert slope > 0 and np.allclose(radius, middle + slope * table.loc[run, "difference"].to_numpy(float))
        line = np.column_stack(drawn(axes, "baseline").get_data())
        assert np.allclose(np.hypot(*line[~np.isnan(line).any(axis=1)].T), middle)
        ends = [np.hypot(*line.get_data()) for line in axes.lines if line.get_gid() == "interval"]
        wide = table.loc[run, ["low", "high"]].to_numpy(float) - table.loc[run, ["best"]].to_numpy(float)
        assert np.allclose(ends, middle + slope * wide)
        assert max(radius) <= 1 and np.max(ends) <= 1
    save_figure(figure, data, outputs("fig3"), simulated="b: simulated")
    written = pd.read_csv(outputs("fig3").csv)
    assert written.groupby("panel")["simulated"].sum().to_dict() == {"published": 0, "study": 4}


def test_every_axis_tells_its_task_its_metric_and_both_scores(names, published):
    figure, _ = draw_fig3(published, study(names, published))
    left, right = (a for a in figure.axes if a.lines)
    for score, best, baseline in PRINTED.values():
        assert f"{score:.1f}" in words(left) and f"{best:.1f} {baseline}" in words(left)
    assert words(left).count("macro F1") == 2 and words(left).count("mean R²") == 2
    assert words(right).count("not run") == 5 and "−10.0 a" in words(right)
    assert {"+2", "0", "−2"} <= set(words(left))
    titles = [t.get_text() for a in figure.axes for t in a.texts]
    assert "SSL4Eco, as published" in titles and "this study, simulated" in titles


def test_texts_can_be_read_in_print(names, published):
    figure, _ = draw_fig3(published, study(names, published))
    assert smallest(figure) >= 5.5
    assert overlaps(figure) == []


def test_two_tasks_are_bars(names, published):
    scores = {k: DEMO[k] for k in [("biomes", "macro_f1"), ("genera", "micro_map")]}
    figure, _ = draw_fig3(published, study(names, published, scores))
    axes = next(a for a in figure.axes if a.containers)
    assert [round(c[0].get_width(), 6) for c in axes.containers] == [40.0, 36.0, 50.0, 45.0]
    assert words(axes).count("not run") == 6
    assert "36.0 b" in words(axes) and "Biomes, macro F1" in words(axes)
    assert overlaps(figure) == [] and smallest(figure) >= 5.5


def test_a_model_without_baselines_is_said_to_be_alone(names, published):
    table = study_axes(results(DEMO), [t for t, _ in DEMO], published, names, "ours", [])
    assert set(table["status"]) == {ALONE, NOT_RUN}
    figure, _ = draw_fig3(published, table)
    axes = next(a for a in figure.axes if a.containers)
    assert words(axes).count("no baseline") == 4


def test_nothing_run_is_said(names, published):
    figure, data = draw_fig3(published, study(names, published, tasks=[]))
    assert "ours: not run on any task" in [t.get_text() for a in figure.axes for t in a.texts]
    assert set(data.loc[data["panel"] == "study", "status"]) == {NOT_RUN}


def test_real_results_are_not_called_simulated(names, published):
    table = study_axes(results(DEMO, simulated=False), ["biomes"], published, names, "ours", ["a"])
    figure, data = draw_fig3(published, table)
    assert "this study" in [t.get_text() for a in figure.axes for t in a.texts] and not data["simulated"].any()
