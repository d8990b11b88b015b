"""The effect of a sampling against paired differences worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from greenup.evaluate.intervals import compare, compare_trainings, holm
from greenup.paper.plain import to_markdown
from greenup.paper.sampling_effect import readable_effect, sampling_effect

METRICS = {"biomes": "macro_f1", "climate": "r2_mean"}


def tables(models, folds=("random", "blocks")):
    rng, scores, doubt = np.random.default_rng(2), [], []
    for task, metric in METRICS.items():
        for kind in folds:
            for model in models:
                about = {"model": model, "task": task, "protocol": "linear", "folds": kind}
                for fold in range(4):
                    value = 0.5 + 0.1 * rng.random()
                    scores.append(about | {"fold": fold, "metric": metric, "value": value, "n_test": 25, "n_train": 75})
                    scores.append(scores[-1] | {"metric": "other", "value": 0.0})
                doubt.append(about | {"metric": metric, "samples": 0.5 + 0.01 * rng.standard_normal(200)})
    return pd.DataFrame(scores), pd.DataFrame(doubt)


def values(scores, model, task="biomes", folds="random"):
    is_cell = (scores["model"] == model) & (scores["task"] == task) & (scores["folds"] == folds)
    return scores[is_cell & (scores["metric"] == METRICS[task])].sort_values("fold")["value"].to_numpy()


def test_it_is_the_paired_difference_with_the_corrected_interval():
    scores, doubt = tables(["eco", "calendar", "another"])
    table = sampling_effect(scores, doubt, {"eco": ["eco"], "calendar": ["calendar"]}, METRICS)
    assert len(table) == 4 and set(table["first"]) == {"eco"} and set(table["second"]) == {"calendar"}
    row = table.set_index(["task", "folds"]).loc[("biomes", "random")]
    expected = compare(values(scores, "eco"), values(scores, "calendar"), 25, 75)
    assert row["difference"] == pytest.approx(expected.difference.mean)
    assert (row["low"], row["high"]) == pytest.approx((expected.difference.low, expected.difference.high))
    blocks = table[table["folds"] == "blocks"]
    np.testing.assert_allclose(blocks["p_holm"], holm(blocks["p"]))


def test_trainings_of_several_seeds_are_one_side():
    scores, doubt = tables(["eco_s1", "eco_s2", "calendar"])
    table = sampling_effect(scores, doubt, {"eco": ["eco_s1", "eco_s2"], "calendar": ["calendar"]}, METRICS)
    row = table.set_index(["task", "folds"]).loc[("climate", "blocks")]
    eco = np.stack([values(scores, m, "climate", "blocks") for m in ("eco_s1", "eco_s2")])
    expected = compare_trainings(eco, values(scores, "calendar", "climate", "blocks"), 25, 75)
    assert row["seeds_first"] == 2 and row["high"] == pytest.approx(expected.difference.high)


def test_a_task_of_one_side_alone_is_left_out():
    scores, doubt = tables(["eco", "calendar"])
    scores = scores[~((scores["model"] == "calendar") & (scores["task"] == "climate"))]
    table = sampling_effect(scores, doubt, {"eco": ["eco"], "calendar": ["calendar"]}, METRICS)
    assert set(table["task"]) == {"biomes"}


def test_the_table_has_a_group_for_each_kind_of_folds():
    scores, doubt = tables(["eco", "calendar"])
    table = sampling_effect(scores, doubt, {"eco": ["eco"], "calendar": ["calendar"]}, METRICS)
    plain = readable_effect(table, simulated=True)
    assert [title for title, _ in plain.groups] == ["random folds", "blocks folds"]
    assert plain.legend.startswith("Simulated images") and plain.columns[3:5] == ("eco", "calendar")
    difference = table["difference"].iloc[0]
    assert f"{100 * difference:+.1f}".replace("-", "−") in to_markdown(plain)
