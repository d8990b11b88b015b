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


def _many(kind, seed=0):
    """4000 training and 60 test vectors; `close`: all similarities within 0.001, where bfloat16 tells nothing apart."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4060, 96))
    if kind == "close":
        x = x * 0.02 + 1
    elif kind == "twins":
        x[2000:4000] = x[:2000]
    elif kind == "positive":
        x = np.maximum(x @ rng.standard_normal((96, 96)) * np.linspace(1, 0.01, 96), 0) + 0.1
    return x[:4000].astype("float32"), x[4000:].astype("float32")


def _brute(train, test, k):
    """Neighbours by float64 similarities, and these, most similar first."""
    a, b = (v.astype("float64") / np.linalg.norm(v.astype("float64"), axis=1, keepdims=True) for v in (train, test))
    similarity = b @ a.T
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(similarity, order, axis=1)


@pytest.mark.parametrize("kind", ["plain", "close", "twins", "positive"])
@pytest.mark.parametrize("rough", [False, True])
def test_neighbours_are_those_of_brute_force_in_float64(kind, rough, monkeypatch):
    monkeypatch.setattr(knn._Rough, "of", staticmethod(lambda train, images: knn._Rough(train) if rough else None))
    train, test = _many(kind)
    nearest, similarity = knn.nearest_images(train, test, k=20, standardise=False)
    order, value = _brute(train, test, 20)
    np.testing.assert_allclose(similarity, value, atol=5e-7)
    if kind == "plain":
        np.testing.assert_array_equal(nearest, order)
    else:
        # Two of one similarity may change places; each is as near as the one it stands for.
        exact = _brute(train, test, len(train))
        for row in range(len(test)):
            reached = np.empty(len(train))
            reached[exact[0][row]] = exact[1][row]
            np.testing.assert_allclose(reached[nearest[row]], value[row], atol=5e-7)
            assert len(set(nearest[row])) == 20


def test_what_bfloat16_cannot_tell_is_done_again(monkeypatch, caplog):
    monkeypatch.setattr(knn, "_MANY", 0)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    train, test = _many("close")
    with caplog.at_level("INFO"):
        rough = knn.nearest_images(train, test, k=5, standardise=False)
    assert "60 of 60 images done again in float32" in caplog.text
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    plain = knn.nearest_images(train, test, k=5, standardise=False)
    np.testing.assert_array_equal(rough[0], plain[0])


def test_the_bound_of_the_rough_product_holds():
    """No similarity lies further from its rough one than the bound says, and the bound is not idle."""
    train, test = _many("positive", seed=3)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (train, test)]
    rough = knn._Rough(unit[0])
    columns, least, error = rough.candidates(unit[1], 56)
    exact = unit[1].astype("float64") @ unit[0].astype("float64").T
    outside = np.ones(exact.shape, dtype=bool)
    np.put_along_axis(outside, columns, False, axis=1)
    above = np.where(outside, exact, -np.inf).max(axis=1) - least
    assert (above <= error).all() and error.max() < 0.01


@pytest.mark.parametrize("width", [4000, 4001, 3969])
def test_the_largest_are_found_by_groups(width):
    similarity = np.random.default_rng(width).random((30, width)).astype("float32")
    columns, least = knn._top(similarity, 12)
    np.testing.assert_array_equal(np.sort(columns, axis=1), np.sort(np.argsort(-similarity, axis=1)[:, :12], axis=1))
    np.testing.assert_array_equal(least, np.sort(similarity, axis=1)[:, -12])


def test_histograms_are_averaged():
    rng = np.random.default_rng(0)
    train, shares = rng.normal(size=(50, 6)), rng.dirichlet(np.ones(8), 50)
    got = knn_scores(train, shares, rng.normal(size=(9, 6)), k=4)
    np.testing.assert_allclose(got.sum(axis=1), 1)
    np.testing.assert_array_equal(knn_scores(train, shares, train, k=1), shares)


def test_float32_votes_rise_just_above_one(data):
    """What the released k-NN hands on: the reason why scores are clamped."""
    train, test, _, _ = data
    nearest, similarity = knn.nearest_images(train, test, k=30, standardise=False)
    got = knn.vote(nearest, similarity, np.ones((200, 1)), k=30, shares=False, dtype="float32")
    assert 1 < got.max() < 1 + 1e-6
    assert knn.vote(nearest, similarity, np.ones((200, 1)), k=30).max() == 1
