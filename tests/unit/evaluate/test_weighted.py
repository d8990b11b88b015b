"""Weighted metrics against scikit-learn's, with sample weights and with images repeated; degenerate cases too."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.evaluate.weighted import read_predictions, weighted_metric
from greenup.tasks.labels import SEPARATOR
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, r2_score


def class_predictions(rng, n, classes=4):
    observed = rng.integers(0, classes, n)
    predicted = np.where(rng.random(n) < 0.5, observed, rng.integers(0, classes + 1, n))
    return pd.DataFrame({"observed": [f"c{i}" for i in observed], "predicted": [f"c{i}" for i in predicted]})


def label_predictions(rng, n, labels=5, steps=None):
    observed = rng.random((n, labels)) < 0.3
    scores = np.clip(0.35 * rng.random((n, labels)) + 0.5 * observed * rng.random((n, labels)), 0, 1)
    scores = (np.round(scores * steps) / steps if steps else scores).astype("float32")
    names = np.array([f"genus {i}" for i in range(labels)], dtype=object)
    table = pd.DataFrame(
        {
            "observed": [SEPARATOR.join(names[r]) for r in observed],
            "predicted": [SEPARATOR.join(names[r]) for r in scores >= 0.5],
            **{f"score_{name}": scores[:, i] for i, name in enumerate(names)},
        }
    )
    return table, observed, scores


def value_predictions(rng, n, targets=3):
    observed = 280 + 5 * rng.normal(size=(n, targets))
    predicted = observed + 3 * rng.normal(size=(n, targets))
    columns = {}
    for i in range(targets):
        columns |= {f"t{i}_observed": observed[:, i], f"t{i}_predicted": predicted[:, i]}
    return pd.DataFrame(columns), observed, predicted


def bootstrap_weights(rng, n, draws=4):
    drawn = np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)])
    return np.vstack([np.ones(n, dtype=int), drawn])


@given(st.integers(0, 10_000), st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_classes_drawn_again_are_scored_as_scikit_learn_scores_them(seed, n):
    rng = np.random.default_rng(seed)
    table = class_predictions(rng, n)
    weights = bootstrap_weights(rng, n)
    for metric, truth in (
        ("macro_f1", lambda o, p: f1_score(o, p, average="macro", zero_division=0)),
        ("accuracy", accuracy_score),
    ):
        got = weighted_metric(table, metric)(weights)
        drawn = [table.loc[np.repeat(np.arange(n), w)] for w in weights]
        np.testing.assert_allclose(got, [truth(d["observed"], d["predicted"]) for d in drawn], rtol=1e-12)


@given(st.integers(0, 10_000), st.integers(3, 30), st.sampled_from([None, 2, 10]))
@settings(max_examples=50, deadline=None)
def test_labels_drawn_again_are_scored_as_scikit_learn_scores_them(seed, n, steps):
    """With scores in steps, many pairs tie: they count together."""
    rng = np.random.default_rng(seed)
    table, observed, scores = label_predictions(rng, n, steps=steps)
    weights = bootstrap_weights(rng, n, draws=10)
    precision, f1 = weighted_metric(table, "micro_map")(weights), weighted_metric(table, "micro_f1")(weights)
    for w, mean_precision, f in zip(weights, precision, f1, strict=True):
        rows = np.repeat(np.arange(n), w)
        o, s = observed[rows].ravel(), scores[rows].ravel()
        assert f == pytest.approx(f1_score(o, s >= 0.5, zero_division=0), rel=1e-12)
        if o.any():
            assert mean_precision == pytest.approx(average_precision_score(o, s), rel=1e-9)
        else:
            assert np.isnan(mean_precision)


@given(st.integers(0, 10_000), st.integers(4, 40))
@settings(max_examples=50, deadline=None)
def test_values_are_scored_with_any_weights(seed, n):
    rng = np.random.default_rng(seed)
    table, observed, predicted = value_predictions(rng, n)
    weights = rng.random((3, n))
    expected = [r2_score(observed, predicted, sample_weight=w) for w in weights]
    np.testing.assert_allclose(weighted_metric(table, "r2_mean")(weights), expected, rtol=1e-9)


def test_values_far_from_zero_lose_no_digits():
    rng = np.random.default_rng(1)
    table, observed, predicted = value_predictions(rng, 200)
    shifted = weighted_metric(table + 1e6, "r2_mean")(np.ones((1, 200)))[0]
    assert shifted == pytest.approx(r2_score(observed, predicted), rel=1e-6)


def test_a_sample_of_one_value_has_no_r2():
    table, _, _ = value_predictions(np.random.default_rng(0), 5)
    once = np.zeros((1, 5))
    once[0, 2] = 5
    assert np.isnan(weighted_metric(table, "r2_mean")(once)).all()
    assert np.isnan(weighted_metric(class_predictions(np.random.default_rng(0), 5), "accuracy")(np.zeros((1, 5)))).all()


def test_changed_pixels_are_counted_over_all_images():
    table = pd.DataFrame({"true_positive": [5, 0, 1], "false_positive": [1, 0, 9], "false_negative": [4, 0, 0]})
    weights = np.array([[1, 1, 1], [2, 0, 1], [0, 1, 0]])
    # 2 tp / (2 tp + fp + fn), worked by hand: 12 / 26, 22 / 41, and nothing changed nor said to have.
    assert weighted_metric(table, "f1")(weights) == pytest.approx([12 / 26, 22 / 41, 0.0])


def test_what_is_not_there_is_named(tmp_path):
    table = class_predictions(np.random.default_rng(0), 5)
    for metric in ("micro_map", "r2_mean", "f1"):
        with pytest.raises(UserError, match=f"no '{metric}' can be had of columns observed, predicted"):
            weighted_metric(table, metric)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    for name in ("bad", "none"):
        with pytest.raises(UserError, match=rf"{name}.parquet: cannot be read"):
            read_predictions(tmp_path / f"{name}.parquet")


def test_maps_are_not_read(tmp_path):
    table = pd.DataFrame({"site_id": ["a"], "true_positive": [3], "probability": [np.arange(4.0)]})
    table.to_parquet(tmp_path / "p.parquet")
    assert list(read_predictions(tmp_path / "p.parquet").columns) == ["site_id", "true_positive"]
