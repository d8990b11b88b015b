import itertools

import cv2
import numpy as np
import pytest
from greenup.pretrain.views import (
    Window,
    augment,
    decibel_steps,
    draw_dates,
    draw_window,
    resized_crop,
    seco_views,
)
from greenup.randomness import generator
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest


class Scripted:
    """A generator that answers `random` and `uniform` from a list."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def random(self):
        return self.answers.pop(0)

    def uniform(self, low, high, size=None):
        return self.answers.pop(0)


NEVER, ALWAYS = 0.999, 0.0


@pytest.mark.parametrize("images", [3, 4, 5])
def test_three_distinct_dates_all_orders_equally_likely(images):
    draws = [draw_dates(images, generator(1, "t", i)) for i in range(6000)]
    orders = list(itertools.permutations(range(images), 3))
    counts = [draws.count(o) for o in orders]
    assert sum(counts) == len(draws)
    assert chisquare(counts).pvalue > 1e-4


def test_two_dates_never_pair_a_date_with_itself():
    draws = {draw_dates(2, generator(1, i)) for i in range(100)}
    assert draws == {(0, 1, 1), (1, 0, 0)}


def test_one_date_is_repeated_and_none_is_refused():
    assert draw_dates(1, generator(1)) == (0, 0, 0)
    with pytest.raises(ValueError, match="without images"):
        draw_dates(0, generator(1))


@given(st.integers(8, 200), st.integers(8, 200), st.integers(0, 10**6))
def test_windows_lie_inside_with_allowed_aspect(height, width, seed):
    w = draw_window(height, width, (0.2, 1.0), generator(seed))
    assert 0 <= w.top <= height - w.height and 0 <= w.left <= width - w.width
    # Rounding to whole pixels moves an aspect by up to half a pixel on either side.
    assert (w.width - 0.5) / (w.height + 0.5) <= 4 / 3 and (w.width + 0.5) / (w.height - 0.5) >= 3 / 4


def test_window_areas_are_uniform_where_every_window_fits():
    areas = [
        w.height * w.width / 1e6
        for w in (draw_window(1000, 1000, (0.2, 0.5), generator(2, "area", i)) for i in range(2000))
    ]
    assert kstest(areas, "uniform", args=(0.2, 0.3)).pvalue > 1e-4


def test_resized_crop_is_opencv_on_the_window():
    image = generator(3).integers(0, 65535, (2, 40, 50)).astype(np.uint16)
    part = image[:, 5:25, 7:37]
    expected = cv2.resize(np.moveaxis(part, 0, -1).astype(np.float32), (16, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resized_crop(image, Window(5, 7, 20, 30), 16), np.moveaxis(expected, -1, 0), rtol=1e-6)
    same = resized_crop(image, Window(3, 4, 16, 16), 16)
    np.testing.assert_array_equal(same, image[:, 3:19, 4:20])


def test_brightness_and_contrast_follow_their_formula():
    view = generator(4).uniform(0, 5000, (3, 8, 8)).astype(np.float32)
    out = augment(view, Scripted(ALWAYS, (1.2, 0.7), NEVER, NEVER, NEVER))
    bright = view.astype(np.float64) * 1.2
    mean = bright.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(out, (bright - mean) * 0.7 + mean, rtol=1e-5)


def test_bright_pixels_are_clipped_and_never_wrap():
    view = np.full((2, 8, 8), 60_000, np.float32)
    view[:, :4] = 0
    out = augment(view, Scripted(ALWAYS, (1.4, 1.4), NEVER, NEVER, NEVER))
    assert (out[:, 4:] == 65535).all() and (out[:, :4] == 0).all()


def test_grey_is_the_mean_of_the_channels_and_flip_mirrors():
    view = generator(5).uniform(0, 5000, (3, 4, 6)).astype(np.float32)
    grey = augment(view, Scripted(NEVER, ALWAYS, NEVER, NEVER))
    np.testing.assert_allclose(grey, np.broadcast_to(view.mean(axis=0), view.shape), rtol=1e-6)
    np.testing.assert_array_equal(augment(view, Scripted(NEVER, NEVER, NEVER, ALWAYS)), view[:, :, ::-1])


def test_blur_is_gaussian_and_follows_the_zoom():
    point = np.zeros((1, 41, 41), np.float32)
    point[0, 20, 20] = 1000
    out = augment(point, Scripted(NEVER, NEVER, ALWAYS, 2.0, NEVER), zoom=(1.0, 0.5))[0]
    offset = np.arange(41) - 20
    for axis, sigma in ((0, 2.0), (1, 1.0)):
        profile = out.sum(axis=1 - axis)
        assert profile.sum() == pytest.approx(1000, rel=1e-4)
        assert np.sqrt((profile * offset**2).sum() / 1000) == pytest.approx(sigma, rel=0.02)


def test_augmentations_come_as_often_as_they_should():
    view = np.zeros((2, 4, 4), np.float32)
    view[0], view[1] = 100, 300
    view[:, :, 0] += 50
    changed = [augment(view, generator(6, i)) for i in range(2000)]
    grey = np.mean([np.allclose(c[0], c[1]) for c in changed])
    flipped = np.mean([c[0, 0, -1] > c[0, 0, 0] for c in changed])
    # Of a flat image only brightness changes the mean.
    flat = np.full((2, 4, 4), 100, np.float32)
    coloured = np.mean([not np.isclose(augment(flat, generator(6, i)).mean(), 100, rtol=1e-4) for i in range(2000)])
    # Four standard errors of a share of 2000 draws are at most 0.045.
    assert grey == pytest.approx(0.2, abs=0.045)
    assert flipped == pytest.approx(0.5, abs=0.045)
    assert coloured == pytest.approx(0.8, abs=0.045)


def test_views_keep_their_roles():
    """Only k0 and k2 change colours; k0 comes from t1, k1 from t2, q and k2 from t0."""
    images = [np.full((2, 20, 20), v, np.uint16) for v in (1000, 2000, 4000)]
    seen = np.array([seco_views(images, 8, (0.2, 1.0), generator(7, i))[:, 0, 0, 0] for i in range(60)])
    assert (seen[:, 0] == 1000).all() and (seen[:, 2] == 4000).all()
    assert len(set(seen[:, 1])) > 20 and len(set(seen[:, 3])) > 20
    assert seen[:, 1].min() >= 1200 and seen[:, 1].max() <= 2800
    assert seen[:, 3].min() >= 600 and seen[:, 3].max() <= 1400


def test_every_view_has_its_own_crop_and_stays_in_range():
    ramp = np.broadcast_to(np.linspace(0, 65535, 64).astype(np.uint16), (1, 64, 64))
    views = seco_views([ramp] * 3, 16, (0.2, 0.5), generator(8))
    assert views.shape == (4, 1, 16, 16) and views.dtype == np.uint16
    assert not np.array_equal(views[0], views[2])
    # A ramp that wrapped around would fall somewhere; plain views rise all the way.
    assert (np.diff(views[[0, 2]].astype(int), axis=-1) >= 0).all()


def test_backscatter_brightens_by_decibels():
    """A factor of the light is a factor of the power: 10 log10 of it more dB, whatever the dB; reflectance as ever."""
    np.testing.assert_array_equal(decibel_steps(("B4", "VV", "NDVI", "VH")), [0, 500, 0, 500])
    decibels = generator(6).uniform(-25, 0, (2, 8, 8))
    power = 10 ** (decibels / 10) * 1.3
    stored = np.concatenate([(decibels + 80) * 500, generator(7).uniform(0, 5000, (1, 8, 8))]).astype(np.float32)
    steps = decibel_steps(("VV", "VH", "B8"))
    out = augment(stored, Scripted(ALWAYS, (1.3, 1.0), NEVER, NEVER, NEVER), decibels=steps)
    np.testing.assert_allclose(out[:2] / 500 - 80, 10 * np.log10(power), atol=1e-3)
    np.testing.assert_allclose(out[2], stored[2] * 1.3, rtol=1e-5)


def test_views_of_reflectance_do_not_know_of_decibels():
    """Bit for bit what they were before there was backscatter."""
    images = [generator(8, i).integers(0, 9000, (3, 40, 40)).astype(np.uint16) for i in range(3)]
    plain = seco_views(images, 16, (0.2, 1.0), generator(9))
    steps = decibel_steps(("B2", "B8", "NDVI"))
    np.testing.assert_array_equal(seco_views(images, 16, (0.2, 1.0), generator(9), steps), plain)
