"""Numbers of the errata on pretraining, against closed forms."""

import math

import numpy as np
import pytest
from greenup.paper.errata import training
from greenup.paper.errata.row import Samples

NONE = Samples()


def test_repeated_dates_by_the_birthday_problem():
    two, three = training.repeated_dates(NONE)
    assert two.released == pytest.approx(100 / 4, abs=0.6)
    assert three.released == pytest.approx(100 * (1 - 5 * 4 * 3 / 5**3), abs=0.7)  # 52
    assert two.right == three.right == 0


def test_distinct_shares_of_draws_with_replacement():
    once, twice, tenth = (n.released for n in training.distinct_after_subset(NONE))
    assert once == pytest.approx(100 * (1 - math.exp(-1)), abs=0.2)  # 63.2
    # A site that came k times (Poisson, mean 1) is missed by the second draw with probability exp(-k).
    assert twice == pytest.approx(100 * (1 - math.exp(-(1 - math.exp(-1)))), abs=0.3)
    # m draws of 10 m: 10 (1 - (1 - 1/10m)^m) = 10 (1 - exp(-0.1)).
    assert tenth == pytest.approx(100 * 10 * (1 - math.exp(-0.1)), abs=0.4)  # 95.2


def test_bytes_wrap_modulo_256():
    released = [n.released for n in training.wrapped_bytes(NONE)]
    assert released == [280 % 256, -28 % 256, 306 % 256] == [24, 228, 50]
    assert [n.right for n in training.wrapped_bytes(NONE)] == [255, 0, 255]


def test_ndvi_and_solarisation():
    assert training.brightened_ndvi(NONE)[0].released == pytest.approx(0.84)
    assert training.brightened_ndvi(NONE)[0].right == pytest.approx(0.6)
    dark, bright = training.solarized_side(NONE)
    assert (dark.released, dark.right, bright.released, bright.right) == (0.8, 0.2, 0.8, 0.2)


def test_one_bright_pixel_divides_all_by_255():
    beside, stored = training.divided_by_255(NONE)
    assert beside.right / beside.released == pytest.approx(255)
    assert stored.released == pytest.approx(3000 / 255)
    assert training.tensor_of(np.array([1.0, 0.5])).tolist() == [1.0, 0.5]


def test_inherited_states_draw_alike():
    number = training.workers_alike(NONE)[0]
    assert number.released == 100
    assert number.right == pytest.approx(100 / 16, abs=1)  # two of four dates, in order


def test_a_seed_reset_leaves_one_draw():
    assert [(n.released, n.right) for n in training.reseeded_samples(NONE)] == [(1, 1000)]


def test_the_rate_by_torchs_schedule():
    import torch

    number = training.last_learning_rate(NONE)[0]
    for milestones, expected in (((120, 160), number.released), ((60, 80), number.right)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones)
        for _ in range(99):
            optimizer.step()
            schedule.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)


def test_bands_by_position():
    """B3, B2, B1 for red, green, blue; B2, B5, B8 for blue, green, red."""
    assert training.rgb_of_twelve_bands(NONE)[0].released == 0
    assert training.so2sat_rgb(NONE)[0].released == 1
