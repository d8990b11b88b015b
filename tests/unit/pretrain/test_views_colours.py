import math

import numpy as np
import pytest
import torch
from greenup.bands import RGB, S2_L1C
from greenup.config.methods import Colours
from greenup.errors import UserError
from greenup.pretrain.views.colours import PLAIN, Change, Painter, draw_change
from greenup.pretrain.views.crops import Window
from greenup.randomness import generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from scipy.stats import binomtest, kstest
from test_views_crops import bilinear
from torchvision.transforms.v2 import functional as tv

NINE = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI")
NONE = Colours(jitter=0, grey=0, blur=0, flip=0)


def random_image(channels, height=60, width=64, high=9000, seed=1):
    return generator(seed, "image").integers(0, high, (channels, height, width)).astype(np.uint16)


def painted(image, channels, change, window=None, size=32, colours=NONE, **options):
    window = window or Window(0, 0, *image.shape[1:])
    out = np.empty((len(image), size, size), np.uint16)
    Painter(channels, [colours], **options).paint(image, window, size, change, out)
    return out


# ------------------------------------------------------------------------------------------------------------- draws
def draws(colours, count=3000):
    return [draw_change(colours, generator(7, i)) for i in range(count)]


def test_each_change_comes_as_often_as_it_should():
    changes = draws(Colours(solarize=0.3))
    jittered = [c for c in changes if c.brightness != 1]
    for happened, share in (
        (len(jittered), 0.8),
        (sum(c.grey for c in changes), 0.2),
        (sum(c.sigma > 0 for c in changes), 0.5),
        (sum(c.flip for c in changes), 0.5),
        (sum(c.solarize for c in changes), 0.3),
    ):
        assert binomtest(int(happened), len(changes), share).pvalue > 1e-4
    # Brightness and contrast come together or not at all.
    assert all((c.brightness == 1) == (c.contrast == 1) for c in changes)
    assert all(c.saturation == 1 and c.hue == 0 for c in changes)


def test_each_parameter_is_uniform_in_its_range_and_independent():
    changes = draws(Colours(jitter=1, brightness=0.4, contrast=0.3, saturation=0.2, hue=0.1, blur=1, sigma=(0.1, 2.0)))
    values = np.array([(c.brightness, c.contrast, c.saturation, c.hue, c.sigma) for c in changes])
    ranges = [(0.6, 1.4), (0.7, 1.3), (0.8, 1.2), (-0.1, 0.1), (0.1, 2.0)]
    for column, (low, high) in zip(values.T, ranges, strict=True):
        assert kstest(column, "uniform", args=(low, high - low)).pvalue > 1e-4
    # Of independent draws a correlation has standard error 1 / sqrt(3000) = 0.018.
    correlations = np.corrcoef(values.T) - np.eye(5)
    assert np.abs(correlations).max() < 0.08


def test_the_order_of_a_photographs_changes_is_random_and_else_fixed():
    orders = [c.order for c in draws(Colours(jitter=1, saturation=0.4), 2400)]
    counts = [orders.count(o) for o in set(orders)]
    assert len(counts) == 24 and min(counts) > 60
    assert {c.order for c in draws(Colours(jitter=1), 50)} == {(0, 1, 2, 3)}


def test_probability_nought_never_and_one_always():
    assert set(draws(NONE, 50)) == {PLAIN}
    always = draws(Colours(jitter=1, grey=1, blur=1, flip=1, solarize=1), 50)
    assert all(c.brightness != 1 and c.grey and c.sigma >= 0.1 and c.flip and c.solarize for c in always)


def test_solarisation_that_never_happens_draws_nothing():
    a, b = generator(8), generator(8)
    draw_change(Colours(), a)
    draw_change(Colours(solarize=0.5), b)
    assert a.random() != b.random()
    for rng in (c := generator(8), d := generator(8)):
        draw_change(Colours(solarize=0.0), rng)
    assert c.random() == d.random()


# ---------------------------------------------------------------------------------------------- any channels, exactly
def by_hand(image, window, size, change, light):
    """What `Painter` does to reflectance (``light`` of channels), step after step on the whole image in float64."""
    x = image.astype(np.float64)
    rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
    lit = np.asarray(light)[:, None, None]
    x = np.where(lit, x * change.brightness, x)
    mean = x[:, rows, columns].mean(axis=(1, 2), keepdims=True)
    x = np.where(lit, (x - mean) * change.contrast + mean, x)
    if change.grey:
        x = np.broadcast_to(x.mean(axis=0, keepdims=True), x.shape)
    if change.sigma:
        at = np.arange(-math.ceil(3 * change.sigma), math.ceil(3 * change.sigma) + 1)
        kernel = np.exp(-(at**2) / (2 * change.sigma**2))
        for axis in (1, 2):
            x = correlate1d(x, kernel / kernel.sum(), axis=axis, mode="mirror")
    x = np.stack([bilinear(plane[rows, columns], size) for plane in x])
    x = x[:, :, ::-1] if change.flip else x
    return np.clip(x, 0, 65_535)


CHANGES = [
    Change(),
    Change(flip=True),
    Change(brightness=1.2, contrast=0.7),
    Change(brightness=0.6, contrast=1.4, flip=True),
    Change(grey=True),
    Change(brightness=1.3, contrast=0.8, grey=True, flip=True),
    Change(sigma=0.1),
    Change(sigma=1.9),
    Change(brightness=1.1, contrast=1.3, grey=True, sigma=0.8, flip=True),
    Change(brightness=1.1, contrast=1.3, sigma=2.0, flip=True),
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("channels", [("B8",), RGB, NINE, ("B2", "EVI"), S2_L1C], ids=lambda c: f"{len(c)} channels")
def test_views_agree_with_the_plain_algorithm_to_one_stored_unit(change, channels):
    image = random_image(len(channels))
    light = [c not in ("NDVI", "EVI") for c in channels]
    # At a corner, in the middle, and the whole image; made smaller and larger.
    for window, size in ((Window(0, 0, 60, 64), 32), (Window(17, 25, 30, 24), 48), (Window(40, 3, 20, 20), 16)):
        got = painted(image, channels, change, window, size)
        assert np.abs(got - by_hand(image, window, size, change, light)).max() <= 0.6


@given(st.integers(0, 10**6), st.floats(0.6, 1.4), st.floats(0.6, 1.4), st.booleans(), st.just(0.0) | st.floats(0.1, 2))
@settings(max_examples=40, deadline=None)
def test_extremes_are_clipped_and_never_wrap(seed, brightness, contrast, grey, sigma):
    image = (generator(seed).integers(0, 2, (3, 20, 24)) * 65_535).astype(np.uint16)
    change = Change(brightness, contrast, grey=grey, sigma=sigma)
    window = Window(0, 0, 20, 24)
    got = painted(image, ("B2", "NDVI", "B8"), change, window, 20)
    expected = by_hand(image, window, 20, change, [True, False, True])
    # What wrapped around would be wrong by up to 65 536.
    assert np.abs(got - expected).max() <= 1


def test_bright_stays_bright_and_dark_dark():
    image = np.full((2, 8, 8), 60_000, np.uint16)
    image[:, :4] = 0
    out = painted(image, ("B2", "B8"), Change(1.4, 1.4), size=8)
    assert (out[:, 4:] == 65_535).all() and (out[:, :4] == 0).all()


def test_indices_are_lit_only_where_they_are_taken_for_reflectances():
    image = random_image(2)
    change = Change(brightness=1.3, contrast=1.2)
    channels = ("B8", "NDVI")
    window = Window(0, 0, 60, 64)
    left_alone = painted(image, channels, change)
    np.testing.assert_array_equal(left_alone[1], painted(image, channels, PLAIN)[1])
    changed = painted(image, channels, change, index_as_reflectance=True)
    np.testing.assert_array_equal(changed[0], left_alone[0])
    assert np.abs(changed - by_hand(image, window, 32, change, [True, True])).max() <= 0.6
    assert np.abs(changed[1].astype(int) - left_alone[1]).max() > 500


def test_backscatter_brightens_by_decibels():
    """A factor of the light is a factor of the power: 10 log10 of it more dB, whatever the dB."""
    decibels = generator(6).uniform(-25, 0, (2, 8, 8))
    image = np.rint((decibels + 80) * 500).astype(np.uint16)
    out = painted(image, ("VV", "VH"), Change(brightness=1.3), size=8)
    expected = 10 * np.log10(10 ** ((image / 500 - 80) / 10) * 1.3)
    np.testing.assert_allclose(out / 500 - 80, expected, atol=0.6 / 500)
    mean = expected.mean(axis=(1, 2), keepdims=True)
    out = painted(image, ("VV", "VH"), Change(brightness=1.3, contrast=1.4), size=8)
    np.testing.assert_allclose(out / 500 - 80, (expected - mean) * 1.4 + mean, atol=0.6 / 500)


def test_solarisation_inverts_from_half_of_the_range_up():
    image = np.array([[[0, 4999, 5000, 10_000, 12_000, 65_535]]], np.uint16).repeat(6, axis=1)
    expected = [0, 4999, 5000, 0, 0, 0]
    np.testing.assert_array_equal(painted(image, ("B2",), Change(solarize=True), size=6)[0, 0], expected)
    np.testing.assert_array_equal(painted(image, ("NDVI",), Change(solarize=True), size=6)[0, 0], expected)
    below = painted(image, ("B2",), Change(solarize=True), size=6, solarize_below=True)[0, 0]
    np.testing.assert_array_equal(below, [10_000, 5001, 5000, 10_000, 12_000, 65_535])
    # Backscatter: -10 dB becomes -20 dB, within -30..0 dB.
    radar = np.full((1, 4, 4), (-10 + 80) * 500, np.uint16)
    assert (painted(radar, ("VV",), Change(solarize=True), size=4) == (-20 + 80) * 500).all()


def test_a_view_is_written_in_place_and_nowhere_else():
    image = random_image(2)
    before = image.copy()
    out = np.zeros((3, 2, 16, 16), np.uint16)
    change = Change(1.1, 0.9, grey=True, sigma=1.0, flip=True, solarize=True)
    Painter(("B2", "B3"), [NONE]).paint(image, Window(3, 4, 30, 40), 16, change, out[1])
    assert out[1].any() and not out[0].any() and not out[2].any()
    np.testing.assert_array_equal(image, before)


# --------------------------------------------------------------------------------- red, green, blue, as in torchvision
PHOTO = Colours(saturation=0.4, hue=0.1)


def as_torch(image):
    """0..65535 as 0..1, which both clip to."""
    return torch.from_numpy(image.astype(np.float64) / 65_535)


def from_torch(picture):
    return picture.numpy() * 65_535


@pytest.mark.parametrize(
    ("change", "theirs"),
    [
        (Change(brightness=1.35), lambda x: tv.adjust_brightness(x, 1.35)),
        (Change(contrast=0.65), lambda x: tv.adjust_contrast(x, 0.65)),
        (Change(contrast=1.4), lambda x: tv.adjust_contrast(x, 1.4)),
        (Change(saturation=0.6), lambda x: tv.adjust_saturation(x, 0.6)),
        (Change(saturation=1.4), lambda x: tv.adjust_saturation(x, 1.4)),
        (Change(hue=0.1), lambda x: tv.adjust_hue(x, 0.1)),
        (Change(hue=-0.1), lambda x: tv.adjust_hue(x, -0.1)),
        (Change(hue=0.5), lambda x: tv.adjust_hue(x, 0.5)),
        (Change(grey=True), lambda x: tv.rgb_to_grayscale(x, num_output_channels=3)),
        (Change(flip=True), tv.horizontal_flip),
        (
            Change(1.3, 0.8, 1.2, -0.07, order=(3, 1, 0, 2)),
            lambda x: tv.adjust_saturation(
                tv.adjust_brightness(tv.adjust_contrast(tv.adjust_hue(x, -0.07), 0.8), 1.3), 1.2
            ),
        ),
    ],
    ids=["bright", "flat", "contrast", "pale", "vivid", "hue", "hue back", "opposite", "grey", "flip", "all"],
)
@pytest.mark.parametrize("high", [9_000, 65_536])
def test_photographs_change_as_in_torchvision(change, theirs, high):
    image = random_image(3, 40, 40, high)
    expected = from_torch(theirs(as_torch(image)))
    got = painted(image, RGB, change, size=40, colours=PHOTO)
    # torchvision's weights of grey are rounded to four digits: 0.2989 for 0.299.
    assert np.abs(got - expected).max() <= 0.6 + 2e-4 * high


def test_a_blurred_photograph_is_blurred_channel_by_channel():
    image = random_image(3)
    change, window = Change(sigma=1.4), Window(10, 5, 40, 50)
    got = painted(image, RGB, change, window, colours=PHOTO)
    assert np.abs(got - by_hand(image, window, 32, change, [True] * 3)).max() <= 0.6


@given(st.integers(0, 10**6), st.permutations(range(4)))
@settings(max_examples=30, deadline=None)
def test_extreme_photographs_never_wrap(seed, order):
    image = (generator(seed).integers(0, 2, (3, 12, 12)) * 65_535).astype(np.uint16)
    change = Change(1.4, 1.4, 1.4, 0.1, order=tuple(order))
    steps = [
        lambda x: tv.adjust_brightness(x, 1.4),
        lambda x: tv.adjust_contrast(x, 1.4),
        lambda x: tv.adjust_saturation(x, 1.4),
        lambda x: tv.adjust_hue(x, 0.1),
    ]
    expected = as_torch(image)
    for number in order:
        expected = steps[number](expected)
    assert np.abs(painted(image, RGB, change, size=12, colours=PHOTO) - from_torch(expected)).max() < 70


@pytest.mark.parametrize("channels", [("B2", "B3", "B4"), NINE, ("B4", "B3"), ("VV", "VH")])
def test_hue_is_refused_for_what_is_not_red_green_blue(channels):
    for colours in (Colours(saturation=0.4), Colours(hue=0.1)):
        with pytest.raises(UserError, match="saturation and hue") as refusal:
            Painter(channels, [NONE, colours])
        assert "saturation: 0" in refusal.value.mend
    Painter(channels, [NONE])
