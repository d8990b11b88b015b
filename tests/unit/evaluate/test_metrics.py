"""Metrics against torchmetrics, closed forms, and the mistakes they are meant to avoid."""

import numpy as np
import pytest
import torch
from greenup.errors import UserError
from greenup.evaluate.metrics import classification_metrics, multilabel_metrics, regression_metrics
from torchmetrics.functional.classification import (
    multiclass_f1_score,
    multilabel_average_precision,
    multilabel_f1_score,
)
from torchmetrics.functional.regression import r2_score


def test_macro_f1_by_hand():
    # Class 0: 2 of 3 found, 2 of 2 right -> 0.8; class 1: 1 of 1 found, 1 of 2 right -> 2/3; class 2 is never right.
    got = classification_metrics(np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 3]))
    # Class 3 is predicted and never observed: it counts as 0.
    assert got["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0 + 0) / 4)
    assert got["accuracy"] == pytest.approx(3 / 5)
    assert got["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)


@pytest.mark.parametrize("seed", range(3))
def test_classification_agrees_with_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    observed, predicted = rng.integers(0, 6, 80), rng.integers(0, 7, 80)
    theirs = multiclass_f1_score(torch.tensor(predicted), torch.tensor(observed), num_classes=9, average="macro")
    assert classification_metrics(observed, predicted)["macro_f1"] == pytest.approx(float(theirs), abs=1e-6)


def test_multilabel_agrees_with_torchmetrics():
    rng = np.random.default_rng(0)
    observed = (rng.random((200, 7)) < 0.2).astype(float)
    scores = np.clip(observed * 0.3 + rng.random((200, 7)) * 0.7, 0, 1).astype("float32")
    got = multilabel_metrics(observed, scores)
    s, y = torch.tensor(scores), torch.tensor(observed).long()
    theirs = {
        "micro_map": multilabel_average_precision(s, y, num_labels=7, average="micro"),
        "macro_map": multilabel_average_precision(s, y, num_labels=7, average="macro"),
        "micro_f1": multilabel_f1_score(s, y, num_labels=7, average="micro"),
    }
    for name, value in theirs.items():
        assert got[name] == pytest.approx(float(value), abs=1e-5), name


def test_a_score_just_above_one_changes_nothing():
    """torchmetrics takes scores outside [0, 1] for logits, which turns every small vote into a yes."""
    rng = np.random.default_rng(1)
    observed = (rng.random((500, 19)) < 0.1).astype(float)
    scores = np.where(observed > 0, 1.0, 0.02)
    lifted = scores.copy()
    lifted[observed > 0] = 1.0000001
    assert multilabel_metrics(observed, lifted) == multilabel_metrics(observed, scores)
    assert multilabel_metrics(observed, lifted)["micro_f1"] == 1.0
    as_logits = multilabel_f1_score(torch.tensor(lifted), torch.tensor(observed).long(), num_labels=19, average="micro")
    assert float(as_logits) < 0.3


def test_the_whole_set_is_not_the_mean_of_its_batches():
    observed = np.array([[1, 0], [0, 1], [0, 0], [0, 1]])
    scores = np.array([[0.9, 0.8], [0.3, 0.2], [0.7, 0.6], [0.1, 0.65]])
    whole = multilabel_metrics(observed, scores)["micro_map"]
    # By hand: positives at ranks 1 (0.9), 4 (0.65) and 7 (0.2).
    assert whole == pytest.approx((1 / 1 + 2 / 4 + 3 / 7) / 3)
    halves = [multilabel_metrics(observed[i : i + 2], scores[i : i + 2])["micro_map"] for i in (0, 2)]
    assert np.mean(halves) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert abs(np.mean(halves) - whole) > 0.01


def test_labels_that_do_not_occur_are_left_out_of_the_macro_mean():
    got = multilabel_metrics(np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]]))
    assert got["macro_map"] == 1.0


def test_no_label_at_all_is_refused():
    with pytest.raises(UserError, match="no image with any label"):
        multilabel_metrics(np.zeros((3, 2)), np.zeros((3, 2)))


def test_r2():
    rng = np.random.default_rng(2)
    observed = rng.normal(size=(50, 3)) * [1, 10, 100] + [5, 50, 500]
    predicted = observed + rng.normal(size=(50, 3)) * [0.5, 3, 120]
    got = regression_metrics(observed, predicted, ["a", "b", "c"])
    theirs = r2_score(torch.tensor(predicted), torch.tensor(observed), multioutput="raw_values").numpy()
    assert [got[f"r2_{t}"] for t in "abc"] == pytest.approx(theirs.tolist(), rel=1e-9)
    assert got["r2_mean"] == pytest.approx(theirs.mean(), rel=1e-9)
    assert regression_metrics(observed, np.tile(observed.mean(0), (50, 1)), list("abc"))["r2_mean"] == pytest.approx(0)


@pytest.mark.parametrize("observed", [np.array([[3.0]]), np.array([[1.0, 2.0], [3.0, 2.0]])])
def test_a_target_without_spread_is_refused(observed):
    with pytest.raises(UserError, match="one value of"):
        regression_metrics(observed, observed, ["a", "b"][: observed.shape[1]])
