import math

import numpy as np
import torch
from greenup.pretrain.views.crops import Window, cut, draw_window, resized, with_margin
from greenup.randomness import generator
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, kstest
from torchvision.transforms import RandomResizedCrop


@given(st.integers(8, 200), st.integers(8, 200), st.integers(0, 10**6))
def test_windows_lie_inside_with_allowed_aspect(height, width, seed):
    w = draw_window(height, width, (0.2, 1.0), generator(seed))
    assert 0 <= w.top <= height - w.height and 0 <= w.left <= width - w.width
    # Rounding to whole pixels moves an aspect by up to half a pixel on either side.
    assert (w.width - 0.5) / (w.height + 0.5) <= 4 / 3 and (w.width + 0.5) / (w.height - 0.5) >= 3 / 4


def test_areas_are_uniform_and_aspects_log_uniform_where_every_window_fits():
    windows = [draw_window(1000, 1000, (0.2, 0.5), generator(2, "area", i)) for i in range(2000)]
    areas = [w.height * w.width / 1e6 for w in windows]
    assert kstest(areas, "uniform", args=(0.2, 0.3)).pvalue > 1e-4
    aspects = [math.log(w.width / w.height) for w in windows]
    assert kstest(aspects, "uniform", args=(-math.log(4 / 3), 2 * math.log(4 / 3))).pvalue > 1e-4
    assert abs(np.corrcoef(areas, aspects)[0, 1]) < 0.09
    # Anywhere: the share of the room above and to the left.
    for place in ([w.top / (1000 - w.height) for w in windows], [w.left / (1000 - w.width) for w in windows]):
        assert kstest(place, "uniform").pvalue > 1e-4


@torch.random.fork_rng()
def compare_with_torchvision(scale):
    torch.manual_seed(3)
    picture = torch.zeros(1, 264, 264)
    theirs = np.array([RandomResizedCrop.get_params(picture, scale, (3 / 4, 4 / 3)) for _ in range(2000)])
    ours = np.array([draw_window(264, 264, scale, generator(4, i)) for i in range(2000)])
    for column in range(4):
        assert ks_2samp(theirs[:, column], ours[:, column]).pvalue > 1e-4


def test_windows_are_those_of_torchvision_whether_all_fit_or_not():
    compare_with_torchvision((0.2, 1.0))
    compare_with_torchvision((0.05, 0.14))


def test_an_image_too_long_for_any_window_gives_the_largest_centred_one():
    assert draw_window(20, 400, (1.0, 1.0), generator(0)) == Window(0, (400 - 27) // 2, 20, 27)
    assert draw_window(400, 20, (1.0, 1.0), generator(0)) == Window((400 - 27) // 2, 0, 27, 20)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 10), st.integers(1, 10), st.integers(0, 20))
def test_a_margin_never_leaves_the_image_and_the_window_is_found_again(top, left, height, width, margin):
    image = np.arange(40 * 40).reshape(40, 40)
    window = Window(top, left, height, width)
    around, inner = with_margin(window, image.shape, margin)
    np.testing.assert_array_equal(cut(cut(image, around), inner), cut(image, window))
    for first, size, outer_first, outer_size in (
        (top, height, around.top, around.height),
        (left, width, around.left, around.width),
    ):
        assert outer_first == max(0, first - margin)
        assert outer_first + outer_size == min(40, first + size + margin)


def bilinear(plane, size):
    """Bilinear resampling with aligned pixel centres, written out in float64."""
    for axis in (0, 1):
        n = plane.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
        low = np.minimum(at.astype(int), n - 1)
        high = np.minimum(low + 1, n - 1)
        share = np.expand_dims(at - low, 1 - axis)
        plane = np.take(plane, low, axis) * (1 - share) + np.take(plane, high, axis) * share
    return plane


def test_resizing_is_bilinear_to_half_a_stored_unit():
    part = generator(5).integers(0, 65_536, (30, 51)).astype(np.uint16)
    for size in (16, 48, 96):
        expected = bilinear(part.astype(np.float64), size)
        assert np.abs(resized(part, size) - expected).max() <= 0.52
        assert np.abs(resized(part.astype(np.float32), size) - expected).max() <= 0.05
    np.testing.assert_array_equal(resized(part[:, :30], 30), part[:, :30])


def test_resizing_writes_where_it_is_told():
    out = np.zeros((2, 8, 8), np.uint16)
    resized(np.full((5, 7), 9, np.uint16), 8, out=out[1])
    assert (out[1] == 9).all() and (out[0] == 0).all()
