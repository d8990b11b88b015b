"""Sharing sites out: sums, minima and proportions."""

import numpy as np
import pytest
from greenup.sites.allocation import allocate, largest_remainder
from hypothesis import given
from hypothesis import strategies as st

AREAS = st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=40).map(np.array)
RULES = {"equal": 0.0, "square_root": 0.5, "proportional": 1.0}


@given(AREAS, st.integers(0, 20_000), st.sampled_from(sorted(RULES)), st.integers(0, 5))
def test_sums_minima_and_proportions(area, count, rule, minimum):
    if count < minimum * len(area):
        with pytest.raises(ValueError, match="fewer than"):
            allocate(area, count, rule, minimum)
        return
    sites = allocate(area, count, rule, minimum)
    assert sites.sum() == count
    assert (sites >= minimum).all()
    # Those above the minimum are to each other as their weights, within the one site that rounding moves.
    weight = area ** RULES[rule]
    above = sites > minimum
    share = sites[above].sum() * weight[above] / weight[above].sum()
    assert (np.abs(sites[above] - share) < 1 + 1e-6 + np.count_nonzero(~above)).all()
    assert (np.diff(sites[np.argsort(weight, kind="stable")]) >= -1).all(), "never fewer for more weight, but for a tie"


def test_by_hand():
    area = np.array([100.0, 400.0, 0.25])
    assert allocate(area, 300, "equal").tolist() == [100, 100, 100]
    assert allocate(area, 61, "square_root").tolist() == [20, 40, 1]
    assert allocate(area, 2001, "proportional").tolist() == [400, 1600, 1]
    # Half a site is due to the third: it gets its two, and the others share 18 as 1 to 4.
    assert allocate(area, 20, "proportional", 2).tolist() == [4, 14, 2]


def test_the_largest_remainders_are_rounded_up_the_first_of_equal_ones():
    assert largest_remainder(np.array([1.2, 1.5, 2.3]), 5).tolist() == [1, 2, 2]
    assert largest_remainder(np.full(3, 1 / 3), 1).tolist() == [1, 0, 0]
    assert largest_remainder(np.array([2.0, 3.0]), 5).tolist() == [2, 3]
