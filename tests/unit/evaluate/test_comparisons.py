"""Comparisons of models: which test is taken, what is paired, and what is corrected for."""

import numpy as np
import pandas as pd
import pytest
from greenup.evaluate.comparisons import compare_models, doubt_of
from greenup.evaluate.intervals import compare, compare_trainings, holm
from greenup.schemas import COMPARISONS, DOUBT


def predicted(rng, level, folds, same_test=False, n=80):
    tables = []
    for fold in range(folds):
        right = rng.random(n) < level
        ids = [f"p{0 if same_test else fold}_{i:03d}" for i in range(n)]
        answers = np.where(right, "a", "b")
        tables.append(pd.DataFrame({"site_id": ids, "fold": fold, "observed": "a", "predicted": answers}))
    return pd.concat(tables, ignore_index=True)


def scored(model, predictions, kind, protocol="linear"):
    right = (predictions["observed"] == predictions["predicted"]).groupby(predictions["fold"]).mean()
    return pd.DataFrame(
        {
            "model": model,
            "task": "biomes",
            "protocol": protocol,
            "folds": kind,
            "fold": right.index,
            "metric": "accuracy",
            "value": right.to_numpy(),
            "n_test": 80,
            "n_train": 700,
        }
    )


def study(levels, kind="random", folds=10, seed=0):
    rng = np.random.default_rng(seed)
    scores, doubt = [], []
    for model, level in levels.items():
        predictions = predicted(rng, level, folds, same_test=kind == "official")
        scores.append(scored(model, predictions, kind))
        doubt.append(doubt_of(scores[-1], predictions, "accuracy", seed=1))
    return pd.concat(scores, ignore_index=True), pd.DataFrame(doubt)


def test_doubt_is_of_the_score_and_fits_its_schema(caplog):
    predictions = predicted(np.random.default_rng(0), 0.7, 5)
    scores = scored("m", predictions, "random")
    row = doubt_of(scores, predictions, "accuracy", seed=1)
    assert row["value"] == pytest.approx(scores["value"].mean()) and row["images"] == 400 and row["draws"] == 1000
    assert row["low"] < row["value"] < row["high"]
    DOUBT.check(pd.DataFrame([row]), "here")
    assert not caplog.text
    doubt_of(scores.assign(value=scores["value"] + 0.01), predictions, "accuracy", seed=1)
    assert "intervals speak of the latter" in caplog.text


def test_all_pairs_by_the_corrected_test_and_holm():
    scores, doubt = study({"a": 0.8, "b": 0.6, "c": 0.62})
    table = compare_models(scores, doubt, {m: m for m in "abc"})
    assert list(zip(table["first"], table["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    by_model = {m: g["value"].tolist() for m, g in scores.groupby("model")}
    expected = [compare(by_model[x], by_model[y], 80, 700) for x, y in (("a", "b"), ("a", "c"), ("b", "c"))]
    assert table["p"].tolist() == pytest.approx([c.p for c in expected])
    assert table["low"].tolist() == pytest.approx([c.difference.low for c in expected])
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p"]).tolist())
    assert set(table["test"]) == {"corrected_t"} and set(table["n"]) == {10}
    assert table["seed_sd_first"].isna().all()
    COMPARISONS.check(table, "here")


def test_each_against_a_reference():
    scores, doubt = study({"a": 0.8, "b": 0.6, "c": 0.62})
    table = compare_models(scores, doubt, {m: m for m in "abc"}, reference="b")
    assert list(zip(table["first"], table["second"], strict=True)) == [("a", "b"), ("c", "b")]
    # Two pairs are fewer to correct for than three.
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p"]).tolist())


def test_trainings_of_one_model_stand_together():
    scores, doubt = study({"s1": 0.8, "s2": 0.7, "b": 0.6})
    table = compare_models(scores, doubt, {"s1": "s", "s2": "s", "b": "b"})
    assert len(table) == 1
    row = table.iloc[0]
    values = {m: g["value"].to_numpy() for m, g in scores.groupby("model")}
    both = np.stack([values["s1"], values["s2"]])
    expected = compare_trainings(both, values["b"], 80, 700)
    assert (row["first"], row["seeds_first"], row["seeds_second"]) == ("s", 2, 1)
    assert (row["p"], row["difference"]) == (pytest.approx(expected.p), pytest.approx(both.mean() - values["b"].mean()))
    assert row["seed_sd_first"] == pytest.approx(both.mean(axis=1).std(ddof=1)) and np.isnan(row["seed_sd_second"])


@pytest.mark.parametrize(("kind", "folds"), [("official", 1), ("official", 4), ("random", 1)])
def test_one_test_part_is_bootstrapped(kind, folds):
    scores, doubt = study({"a": 0.85, "b": 0.6}, kind, folds)
    row = compare_models(scores, doubt, {"a": "a", "b": "b"}).iloc[0]
    samples = np.subtract(*(np.asarray(s, dtype="float64") for s in doubt["samples"]))
    assert row["test"] == "bootstrap" and row["n"] == folds
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])))
    assert row["p"] < 0.05 and row["low"] > 0
    assert (row["boot_low"], row["boot_high"]) == (row["low"], row["high"])


def test_models_are_compared_on_the_folds_they_share():
    scores, doubt = study({"a": 0.8, "b": 0.6})
    fewer = scores[(scores["model"] == "a") | (scores["fold"] < 4)]
    row = compare_models(fewer, doubt, {"a": "a", "b": "b"}).iloc[0]
    a, b = (scores[(scores["model"] == m) & (scores["fold"] < 4)]["value"].tolist() for m in "ab")
    assert row["n"] == 4 and row["p"] == pytest.approx(compare(a, b, 80, 700).p)
    assert np.isnan(row["boot_low"])


def test_without_a_shared_fold_nothing_is_tested(caplog):
    scores, doubt = study({"a": 0.8, "b": 0.6})
    apart = scores[(scores["model"] == "a") == (scores["fold"] < 5)]
    row = compare_models(apart, doubt, {"a": "a", "b": "b"}).iloc[0]
    assert np.isnan(row["p"]) and row["n"] == 0 and "share 0 folds" in caplog.text


def test_one_model_alone_has_no_pair():
    scores, doubt = study({"a": 0.8})
    table = compare_models(scores, doubt, {"a": "a"})
    assert table.empty
    COMPARISONS.check(table, "here")
