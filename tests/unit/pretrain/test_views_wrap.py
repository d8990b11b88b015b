import numpy as np
import pytest
from greenup.config.methods import Colours
from greenup.errors import UserError
from greenup.pretrain.views.colours import PLAIN, Change
from greenup.pretrain.views.crops import Window
from greenup.pretrain.views.wrap import WrappingPainter, as_bytes, brightened, bytes_of, contrasted
from greenup.randomness import generator
from hypothesis import given
from hypothesis import strategies as st

WINDOW = Window(0, 0, 8, 8)
NONE = Colours(jitter=0, grey=0, blur=0, flip=0)


def painted(image, change, channels=("B2",), **options):
    out = np.empty((len(image), 8, 8), np.uint16)
    WrappingPainter(channels, [NONE], **options).paint(image, WINDOW, 8, change, out)
    return out


def test_the_documented_numbers():
    assert brightened(np.array([200], np.uint8), 1.4) == [24]
    assert contrasted(np.array([0], np.uint8), 1.4, 70) == [228]
    assert bytes_of(np.array([12_000], np.uint16)) == [50]
    np.testing.assert_array_equal(bytes_of(np.array([0, 5_000, 10_000, 10_039, 10_040])), [0, 127, 255, 255, 0])


@given(st.integers(-(10**6), 10**6))
def test_bytes_are_numbers_modulo_256(number):
    assert as_bytes(np.array([number + (0.4 if number >= 0 else -0.4)])) == [number % 256]


def test_a_painted_view_wraps_around():
    bright = np.full((1, 8, 8), round(200 / 255 * 10_000 + 1), np.uint16)
    assert (painted(bright, Change(brightness=1.4)) == round(24 / 255 * 10_000)).all()
    assert (painted(np.full((1, 8, 8), 12_000, np.uint16), PLAIN) == round(50 / 255 * 10_000)).all()
    # Half 0, half 140 of 255: the mean is 70, and contrast makes 228 of what is 0.
    image = np.zeros((1, 8, 8), np.uint16)
    image[:, 4:] = round(140 / 255 * 10_000 + 1)
    assert (painted(image, Change(contrast=1.4))[:, :4] == round(228 / 255 * 10_000)).all()


def test_what_stays_in_range_differs_by_no_more_than_bytes_do():
    from greenup.pretrain.views.colours import Painter

    image = generator(1).integers(1000, 6000, (3, 8, 8)).astype(np.uint16)
    channels = ("B2", "B8", "NDVI")
    # Three casts drop up to a byte each: of 39 stored units, times what follows.
    for change in (PLAIN, Change(1.2, 0.8), Change(sigma=1.0), Change(grey=True), Change(flip=True)):
        exact = np.empty((3, 8, 8), np.uint16)
        Painter(channels, [NONE]).paint(image, WINDOW, 8, change, exact)
        assert np.abs(painted(image, change, channels).astype(int) - exact).max() <= 4 * 10_000 / 255


def test_solarisation_and_indices_as_told():
    image = np.full((1, 8, 8), 8_000, np.uint16)
    assert (painted(image, Change(solarize=True)) == round(51 / 255 * 10_000)).all()
    assert (painted(image, Change(solarize=True), solarize_below=True) == 8_000).all()
    ndvi = Change(brightness=0.7)
    assert (painted(image, ndvi, ("NDVI",)) == 8_000).all()
    assert (painted(image, ndvi, ("NDVI",), index_as_reflectance=True) < 6_000).all()


def test_what_no_released_code_computes_in_bytes_is_refused():
    with pytest.raises(UserError, match="backscatter"):
        WrappingPainter(("VV",), [NONE])
    with pytest.raises(UserError, match="saturation and hue"):
        WrappingPainter(("B4", "B3", "B2"), [Colours(hue=0.1)])
