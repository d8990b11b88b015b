"""The effect of each quirk of released evaluation code, in numbers; torchmetrics itself is the witness of its own."""

import numpy as np
import pytest
import torch
from greenup.errors import UserError
from greenup.evaluate.metrics import distribution_metrics, multilabel_metrics
from greenup.evaluate.quirks import (
    LOGIT_THRESHOLD,
    batch_means,
    probabilities_by_torchmetrics,
    shares_after_sigmoid,
)
from greenup.evaluate.truth import Truth
from torchmetrics.functional.classification import multilabel_f1_score


def _labels(images=1000, labels=19, share=0.155):
    """0/1 labels, and scores that are right but for one of them; absent labels have a small vote."""
    rng = np.random.default_rng(0)
    observed = (rng.random((images, labels)) < share).astype(float)
    scores = np.where(observed > 0, 1.0, 0.02)
    scores[tuple(np.argwhere(observed > 0)[0])] = 0.02
    return observed, scores.astype("float32")


def test_one_score_above_one_turns_f1_of_1_into_0_27():
    observed, scores = _labels()
    lifted = scores.copy()
    lifted[tuple(np.argwhere(observed > 0)[1])] = np.float32(1.0000001)
    assert (lifted > 1).sum() == 1
    truth = Truth("multilabel", [str(i) for i in range(19)], observed)
    rows = np.ones(len(observed), dtype=bool)
    right, _ = truth.judge(rows, lifted)
    wrong, table = truth.judge(rows, lifted, ["scores_above_one"])
    assert right["micro_f1"] == pytest.approx(0.9998, abs=1e-4)
    assert wrong["micro_f1"] == pytest.approx(0.27, abs=0.005)
    theirs = multilabel_f1_score(torch.tensor(lifted), torch.tensor(observed).long(), num_labels=19, average="micro")
    assert wrong["micro_f1"] == pytest.approx(float(theirs), abs=1e-6)
    # The order of scores is kept, and with it average precision; what is kept says what was judged.
    assert wrong["micro_map"] == pytest.approx(right["micro_map"], abs=1e-4)
    assert table["predicted"].str.count(",").eq(18).all()


def test_without_a_score_above_one_nothing_happens():
    _, scores = _labels()
    np.testing.assert_array_equal(probabilities_by_torchmetrics(scores), scores)


def test_a_sigmoid_makes_a_perfect_histogram_score_0_11():
    rng = np.random.default_rng(1)
    # Eight bins, most of the area in one or two of them.
    shares = rng.dirichlet(np.full(8, 0.25), 4000)
    names = [f"bin{i}" for i in range(8)]
    assert distribution_metrics(shares, shares, names)["r2_mean"] == 1
    truth = Truth("distribution", names, shares)
    got, table = truth.judge(np.ones(4000, dtype=bool), shares, ["sigmoid_of_shares"])
    assert got["r2_mean"] == pytest.approx(0.11, abs=0.005)
    np.testing.assert_allclose(table.filter(like="_predicted").sum(axis=1), 1)
    by_torch = torch.sigmoid(torch.tensor(shares))
    by_torch = by_torch / by_torch.sum(1, keepdim=True)
    np.testing.assert_allclose(shares_after_sigmoid(shares), by_torch.numpy())


def test_a_threshold_on_logits_is_a_probability_of_0_62():
    assert abs(LOGIT_THRESHOLD - 0.6225) < 1e-4
    observed = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    scores = np.array([[0.6, 0.1], [0.63, 0.1], [0.2, 0.7]])
    truth, rows = Truth("multilabel", ["a", "b"], observed), np.ones(3, dtype=bool)
    assert truth.judge(rows, scores)[0]["micro_f1"] == 1
    got, table = truth.judge(rows, scores, ["threshold_on_logits"])
    assert got["micro_f1"] == pytest.approx(0.8)
    assert table["predicted"].tolist() == ["", "a", "b"]


def test_means_of_batches_are_another_number():
    rng = np.random.default_rng(2)
    images = 256 * 3 + 200
    observed = (rng.random((images, 6)) < 0.2).astype(float)
    # Hard images stand together, as tiles of one region do in a published list; the worst are in the last batch.
    noise = np.repeat([0.3, 0.6, 1.5, 4.0], [256, 256, 256, 200])[:, None]
    scores = 1 / (1 + np.exp(-(observed * 2 - 1 + noise * rng.normal(size=observed.shape))))
    truth, rows = Truth("multilabel", list("abcdef"), observed), np.ones(images, dtype=bool)
    whole = truth.judge(rows, scores)[0]["micro_map"]
    batches = truth.judge(rows, scores, ["batch_means"])[0]["micro_map"]
    judged = scores.astype("float32")
    each = [multilabel_metrics(observed[i : i + 256], judged[i : i + 256])["micro_map"] for i in (0, 256, 512)]
    assert batches == pytest.approx(np.mean(each))
    assert batches - whole > 0.05


def test_a_metric_that_a_batch_lacks_is_left_out():
    got = batch_means(lambda part: {"a": float(part.start)} | ({"b": 1.0} if part.start else {}), 7, 3)
    assert got == {"a": 1.5}


def test_less_than_a_batch_is_refused():
    with pytest.raises(UserError, match="no whole batch of 256"):
        batch_means(lambda part: {}, 255)
