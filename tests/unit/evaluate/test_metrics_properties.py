"""Every metric equals scikit-learn's (or torchmetrics') on random sets, degenerate ones among them."""

import warnings

import numpy as np
import pytest
import torch
from greenup.errors import UserError
from greenup.evaluate.metrics import (
    classification_metrics,
    distribution_metrics,
    multilabel_metrics,
    regression_metrics,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multilabel_auroc,
    multilabel_average_precision,
    multilabel_f1_score,
)

CASES = settings(max_examples=60, deadline=None)
HOW = st.sampled_from(["plain", "rare", "constant scores", "ties", "one column"])


def _scores(rng, shape, how):
    if how == "constant scores":
        return np.full(shape, 0.5)
    scores = rng.random(shape)
    return np.round(scores, 1) if how == "ties" else scores


@CASES
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 7), HOW)
def test_classification(seed, images, classes, how):
    rng = np.random.default_rng(seed)
    # rare: some classes are never observed, though they may be predicted.
    observed = rng.integers(0, 1 if how == "one column" else 2 if how == "rare" else classes, images)
    scores = _scores(rng, (images, classes), how)
    scores /= scores.sum(axis=1, keepdims=True) + 1e-12
    predicted = scores.argmax(axis=1)
    got = classification_metrics(observed, predicted, scores)
    assert got["macro_f1"] == pytest.approx(sk.f1_score(observed, predicted, average="macro", zero_division=0))
    assert got["micro_f1"] == pytest.approx(sk.f1_score(observed, predicted, average="micro"))
    assert got["accuracy"] == got["micro_acc"] == pytest.approx(sk.accuracy_score(observed, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that are predicted and never observed
        assert got["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(observed, predicted))
        each = [sk.roc_auc_score(observed == c, scores[:, c]) for c in np.unique(observed)]
    both = len(np.unique(observed)) > 1
    assert ("macro_auroc" in got) == both
    if both:
        assert got["macro_auroc"] == pytest.approx(np.mean(each))
    theirs = multiclass_accuracy(torch.tensor(predicted), torch.tensor(observed), num_classes=classes, average="macro")
    assert got["macro_acc"] == pytest.approx(float(theirs), abs=1e-6)


def test_the_area_of_a_whole_set_of_classes_is_scikit_learns():
    rng = np.random.default_rng(0)
    scores, observed = rng.dirichlet(np.ones(5), 300), rng.integers(0, 5, 300)
    got = classification_metrics(observed, scores.argmax(axis=1), scores)
    assert got["macro_auroc"] == pytest.approx(sk.roc_auc_score(observed, scores, multi_class="ovr", average="macro"))


@CASES
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 6), HOW)
@pytest.mark.filterwarnings("ignore")
def test_multilabel(seed, images, labels, how):
    rng = np.random.default_rng(seed)
    observed = rng.random((images, labels)) < (0.05 if how == "rare" else 0.4)
    if how == "one column":
        observed[:, 1:] = False  # labels that are never there
        observed[:, 0] = True  # and one that always is
    scores = _scores(rng, (images, labels), how).astype("float32")
    if not observed.any():
        with pytest.raises(UserError, match="no image with any label"):
            multilabel_metrics(observed, scores)
        return
    got = multilabel_metrics(observed, scores)
    predicted = scores > 0.5
    present, both = observed.any(axis=0), observed.any(axis=0) & ~observed.all(axis=0)
    assert got["micro_map"] == pytest.approx(sk.average_precision_score(observed, scores, average="micro"))
    assert got["macro_map"] == pytest.approx(sk.average_precision_score(observed[:, present], scores[:, present]))
    wide = (np.column_stack([a, np.zeros((images, 1), bool)]) for a in (observed, predicted))
    assert got["micro_f1"] == pytest.approx(sk.f1_score(*wide, average="micro", zero_division=0))
    each = [sk.f1_score(observed[:, i], predicted[:, i], zero_division=0) for i in range(labels)]
    assert got["macro_f1"] == pytest.approx(np.mean(each))
    assert ("micro_auroc" in got) == (not observed.all()) and ("macro_auroc" in got) == both.any()
    if not observed.all():
        assert got["micro_auroc"] == pytest.approx(sk.roc_auc_score(observed.ravel(), scores.ravel()))
    if both.any():
        areas = [sk.roc_auc_score(observed[:, i], scores[:, i]) for i in np.flatnonzero(both)]
        assert got["macro_auroc"] == pytest.approx(np.mean(areas))
    if labels > 1:
        s, y = torch.tensor(scores), torch.tensor(observed).long()
        for name, function in (("map", multilabel_average_precision), ("f1", multilabel_f1_score)):
            for average in ("micro", "macro"):
                if (average, name) == ("macro", "map") and not present.all():
                    continue  # a label that does not occur has no precision: both libraries count 0
                theirs = function(s, y, num_labels=labels, average=average)
                assert got[f"{average}_{name}"] == pytest.approx(float(theirs), abs=2e-5)
        if both.all():
            theirs = multilabel_auroc(s, y, num_labels=labels, average="macro")
            assert got["macro_auroc"] == pytest.approx(float(theirs), abs=2e-5)


@CASES
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 5))
def test_regression(seed, images, targets):
    rng = np.random.default_rng(seed)
    observed = rng.normal(size=(images, targets)) * 10.0 ** rng.integers(-3, 4, targets)
    predicted = observed + rng.normal(size=(images, targets))
    names = [f"t{i}" for i in range(targets)]
    got = regression_metrics(observed, predicted, names)
    assert got["r2_mean"] == pytest.approx(sk.r2_score(observed, predicted))
    for i, name in enumerate(names):
        assert got[f"r2_{name}"] == pytest.approx(sk.r2_score(observed[:, i], predicted[:, i]))
        assert got[f"mae_{name}"] == pytest.approx(sk.mean_absolute_error(observed[:, i], predicted[:, i]))


@CASES
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 8))
def test_distribution(seed, images, bins):
    rng = np.random.default_rng(seed)
    observed, predicted = rng.dirichlet(np.ones(bins), images), rng.dirichlet(np.ones(bins), images)
    names = [f"b{i}" for i in range(bins)]
    got = distribution_metrics(observed, predicted, names)
    assert got["r2_mean"] == pytest.approx(sk.r2_score(observed, predicted))
    assert got["mae_mean"] == pytest.approx(sk.mean_absolute_error(observed, predicted))
    assert got["rmse_mean"] == pytest.approx(sk.root_mean_squared_error(observed, predicted))


def test_a_bin_without_spread_has_no_r2():
    rng = np.random.default_rng(0)
    observed = np.column_stack([rng.dirichlet([1, 1], 20), np.zeros(20)])
    predicted = np.column_stack([rng.dirichlet([1, 1], 20), np.full(20, 1e-5)])
    got = distribution_metrics(observed, predicted, ["a", "b", "c"])
    assert "r2_c" not in got
    assert got["r2_mean"] == pytest.approx(sk.r2_score(observed[:, :2], predicted[:, :2]))
    assert got["mae_mean"] == pytest.approx(sk.mean_absolute_error(observed, predicted))
    with pytest.raises(UserError, match="same shares at all"):
        distribution_metrics(np.full((5, 2), 0.5), predicted[:5, :2], ["a", "b"])


def test_a_score_of_one_half_is_no_prediction():
    """As torchmetrics has it: above the threshold, not at it."""
    observed, scores = np.array([[1, 0], [1, 0]]), np.array([[0.5, 0.1], [0.9, 0.2]])
    theirs = multilabel_f1_score(torch.tensor(scores), torch.tensor(observed), num_labels=2, average="micro")
    assert multilabel_metrics(observed, scores)["micro_f1"] == pytest.approx(float(theirs)) == pytest.approx(2 / 3)
