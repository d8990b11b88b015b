"""Numbers of the errata on what networks are fed."""

import pytest
from greenup.paper.errata import scales
from greenup.paper.errata.row import Samples

NONE = Samples()


def test_the_factor_is_that_of_the_divisors():
    fed, factor = scales.torchgeo_ssl4eco(NONE)
    assert (fed.released, fed.right) == (pytest.approx(0.3), pytest.approx(3000 / 255))
    assert factor.released == pytest.approx(10_000 / 255, rel=1e-6)  # 39.2


def test_green_is_255_times_too_wide():
    red, green, blue, between = scales.torchgeo_seco(NONE)
    assert green.released / green.right == pytest.approx(255, rel=1e-4)
    # Red and blue stand between each other's quantiles, 85 and 129 bytes wide.
    assert red.released / red.right == pytest.approx(255 * 129 / 85, rel=1e-4)
    assert blue.released / blue.right == pytest.approx(255 * 85 / 129, rel=1e-4)
    assert (between.released, between.right) == (pytest.approx(85, rel=1e-3), 129)


def test_both_scales_of_seco_by_hand():
    """A byte b = DN / 10 000 x 255 between the quantiles 0 and 129, then ImageNet's 0.485 and 0.229; BigEarthNet's red
    has mean 590.2 and deviation 675.9 (L2A, the constants of SeCo's BigEarthNet data set)."""
    from greenup.pretrain.constants import BIGEARTHNET

    mean, std = BIGEARTHNET["B4"]
    for number, stored in zip(scales.seco_as_ssl4eco_feeds_it(NONE), (300, 1000, 3000), strict=True):
        assert number.right == pytest.approx((stored * 255 / 1e4 / 129 - 0.485) / 0.229)
        assert number.released == pytest.approx(min((stored - (mean - 2 * std)) / (4 * std), 1))


def test_rounding_down_costs_half_a_step():
    mean, largest = scales.rounded_before_resizing(NONE)
    assert mean.released == pytest.approx(0.5, abs=0.05)  # of a uniform fraction
    assert 0.9 < largest.released < 1.5  # bicubic weights reach below 0 and above 1
