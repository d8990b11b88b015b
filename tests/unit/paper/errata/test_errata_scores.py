"""Numbers of the errata on scores, against closed forms."""

import math

import pytest
from greenup.paper.errata import scores
from greenup.paper.errata.row import Samples

NONE = Samples()


def test_one_score_above_one_predicts_everything():
    f1, ap = scores.score_above_one(NONE)
    # All pairs are predicted: recall 1, precision the share of labels that are there, 0.155.
    assert f1.released == pytest.approx(100 * 2 * 0.155 / 1.155, abs=1)  # 27
    assert f1.right == pytest.approx(99.98, abs=0.01)
    assert ap.released == pytest.approx(ap.right)


def test_a_sigmoid_of_shares_keeps_a_ninth_of_the_variance():
    """A sigmoid of slope 1/4 divided by its sum, about 8 x 0.53: slope s = 0.0586, so R2 = 1 - (1 - s)^2 = 0.114 for a
    straight line (shares of many bins)."""
    peaked, even = scores.sigmoid_of_shares(NONE)
    slope = 0.2491 / (8 / (1 + math.exp(-1 / 8)))
    assert even.released == pytest.approx(100 * (1 - (1 - slope) ** 2), abs=0.5)
    assert peaked.released == pytest.approx(11, abs=0.5)
    assert peaked.right == even.right == 100


def test_a_logit_of_one_half():
    assert scores.probability_of_logit(NONE)[0].released == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_means_of_batches():
    mean, swapped, images = scores.mean_of_batches(NONE)
    assert mean.released != pytest.approx(mean.right, abs=1e-3)
    assert mean.released == pytest.approx(mean.right, abs=3)
    assert 0 <= swapped.released <= 45
    assert (images.released, images.right) == (2023 - 2023 % 256, 2023)


def test_eight_hundred_thousandths_too_much():
    number = scores.shares_with_epsilon(NONE)[0]
    assert (number.released, number.right) == (pytest.approx(1.00008, abs=1e-9), pytest.approx(1))
