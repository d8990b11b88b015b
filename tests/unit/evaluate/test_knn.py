"""k-NN against scikit-learn's brute-force cosine neighbours and a literal loop in float64."""

import subprocess
import sys

import numpy as np
import pytest
from greenup.evaluate import knn
from greenup.evaluate.knn import knn_scores
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

T = 0.07


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 260)
    x = rng.normal(size=(260, 24)) * rng.uniform(0.1, 5, 24) + rng.normal(size=(4, 24))[classes] * 2 + 3
    return x[:200].astype("float32"), x[200:].astype("float32"), classes[:200], classes[200:]


def _weights(distance):
    return np.exp((1 - distance) / T)


@pytest.mark.parametrize("k", [1, 7, 20, 200])
def test_classes_as_scikit_learn(data, k):
    train, test, y, _ = data
    theirs = KNeighborsClassifier(k, weights=_weights, metric="cosine", algorithm="brute").fit(train.astype(float), y)
    got = knn_scores(train, np.eye(4)[y], test, k=k, standardise=False)
    np.testing.assert_allclose(got, theirs.predict_proba(test.astype(float)), atol=2e-5)


def test_standardised_by_the_train_part_alone(data):
    train, test, y, _ = data
    scaler = StandardScaler().fit(train.astype(float))
    theirs = KNeighborsClassifier(9, weights=_weights, metric="cosine", algorithm="brute")
    theirs.fit(scaler.transform(train.astype(float)), y)
    got = knn_scores(train, np.eye(4)[y], test, k=9)
    np.testing.assert_allclose(got, theirs.predict_proba(scaler.transform(test.astype(float))), atol=2e-5)


def test_targets_as_scikit_learn(data):
    train, test, y, _ = data
    targets = np.column_stack([y * 100.0 - 150, train[:, 0]]).astype(float)
    theirs = KNeighborsRegressor(5, weights=_weights, metric="cosine", algorithm="brute").fit(
        train.astype(float), targets
    )
    got = knn_scores(train, targets, test, k=5, standardise=False, shares=False)
    np.testing.assert_allclose(got, theirs.predict(test.astype(float)), rtol=1e-4, atol=1e-4)
    assert got.min() < 0


def test_labels_as_a_literal_loop(data):
    train, test, y, _ = data
    labels = np.column_stack([y == 0, y < 2, y % 2 == 1]).astype(float)
    got = knn_scores(train, labels, test, k=6, temperature=0.2, standardise=False)
    for i, vector in enumerate(test.astype(float)):
        similarity = train.astype(float) @ vector / np.linalg.norm(train.astype(float), axis=1) / np.linalg.norm(vector)
        near = np.argsort(-similarity)[:6]
        weight = np.exp(similarity[near] / 0.2)
        np.testing.assert_allclose(got[i], weight @ labels[near] / weight.sum(), atol=2e-5)


def test_scores_stay_in_the_unit_interval(data):
    train, test, _, _ = data
    got = knn_scores(train, np.ones((200, 3)), test, k=11)
    assert got.max() <= 1.0
    np.testing.assert_allclose(got, 1.0, atol=1e-12)


def test_chunks_do_not_show(data, monkeypatch):
    train, test, y, _ = data
    whole = knn_scores(train, np.eye(4)[y], test, k=8)
    monkeypatch.setattr(knn, "_BLOCK", 7 * 200)
    np.testing.assert_allclose(knn_scores(train, np.eye(4)[y], test, k=8), whole, atol=1e-5)


def test_more_neighbours_than_images(data, caplog):
    train, test, y, _ = data
    got = knn_scores(train[:5], np.eye(4)[y[:5]], test, k=10)
    np.testing.assert_array_equal(got, knn_scores(train[:5], np.eye(4)[y[:5]], test, k=5))
    assert "all are used" in caplog.text


def test_a_zero_vector_votes_evenly():
    got = knn_scores(np.eye(3), np.eye(3), np.zeros((1, 3)), k=3, standardise=False)
    np.testing.assert_allclose(got, 1 / 3)


def test_a_dimension_constant_in_training_is_ignored(data):
    train, test, y, _ = data
    wide = [np.column_stack([a, np.full(len(a), c, "float32")]) for a, c in ((train, 0.0), (test, 99.0))]
    narrow = knn_scores(train, np.eye(4)[y], test, k=8)
    np.testing.assert_allclose(knn_scores(wide[0], np.eye(4)[y], wide[1], k=8), narrow, atol=1e-5)


def test_torch_stays_out():
    """A k-NN job on a laptop must not pay for a deep-learning library."""
    code = "import sys; from greenup.evaluate import probe, knn, metrics; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(p for p in sys.path if p)})
