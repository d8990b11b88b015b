"""Numbers of the errata on probes, against closed forms."""

import numpy as np
import pytest
from greenup.paper.errata import probes
from greenup.paper.errata.row import Samples

NONE = Samples()


def test_test_rows_move_the_mean_by_a_sampling_error():
    """The mean of n rows less that of 0.9 n of them: variance 1/(0.9 n) - 1/n."""
    for number, n in zip(probes.statistics_of_all_rows(NONE), (1000, 52_000), strict=True):
        assert number.released == pytest.approx(np.sqrt(1 / (0.9 * n) - 1 / n), rel=0.1)


def test_last_weights_are_worse_on_the_validation_part():
    loss, accuracy = probes.last_weights(NONE)
    assert loss.released > loss.right > 0
    assert 40 < accuracy.released < 100 and 40 < accuracy.right < 100


def test_features_depend_on_the_batch_only_where_batch_norms_adapt():
    number = probes.adapting_batch_norm(NONE)[0]
    assert number.released > 10
    assert number.right == pytest.approx(0, abs=0.01)


def test_nine_of_ten_subsets_get_the_first():
    number = probes.cached_by_length(NONE)[0]
    # A row of another subset is the same image once in 10 000.
    assert number.released == pytest.approx(100 * 0.9 * (1 - 1e-4), abs=0.1)
    assert number.right == 0


def test_a_month_is_alone_only_if_all_are_held_back():
    number = probes.parted_chips(NONE)[0]
    assert number.released == pytest.approx(100 * (1 - 0.1**2), abs=1.2)
    assert number.right == 0


def test_bands_that_are_where_they_are_called():
    everything, channels = probes.treesatai_bands(NONE)
    # B5, B6 and B7 alone.
    assert (everything.released, everything.right, channels.released, channels.right) == (3, 12, 3, 8)
