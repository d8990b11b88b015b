import numpy as np
import pytest
from greenup.paper.dots import draw_dots
from greenup.paper.style import DPI, new_figure

RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def axes():
    """A map of 1 x 0.5 inches: 20 units wide, 10 high."""
    figure = new_figure(1.0, 2.0)
    axes = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    axes.set_xlim(0, 20)
    axes.set_ylim(-5, 5)
    return axes


def painted(image):
    return np.argwhere(image.get_array()[..., 3] > 0)


def test_a_dot_lies_where_its_point_is(axes):
    image = draw_dots(axes, np.array([5.0]), np.array([2.5]), np.array([RED]), size=0.01)
    assert image.get_array().shape == (DPI // 2, DPI, 4)
    assert painted(image).tolist() == [[DPI // 8, DPI // 4]]
    assert image.get_extent() == [0, 20, -5, 5] and axes.get_xlim() == (0, 20) and axes.get_ylim() == (-5, 5)


def test_its_area_is_that_of_a_mark(axes):
    size = 9.0  # a disc 3 points across
    image = draw_dots(axes, np.array([10.0]), np.array([0.0]), np.array([RED]), size=size)
    assert len(painted(image)) == pytest.approx(np.pi / 4 * size * (DPI / 72) ** 2, rel=0.1)


def test_a_later_point_lies_above_an_earlier_one(axes):
    image = draw_dots(axes, np.array([10.0, 10.0]), np.array([0.0, 0.0]), np.array([BLUE, RED]), size=4.0)
    assert {tuple(c) for c in image.get_array()[tuple(painted(image).T)]} == {(255, 0, 0, 255)}


def test_no_point_is_hidden_whole_by_its_neighbours(axes):
    # Neighbours a tenth of an inch over the other, discs three times as wide as their distance.
    x, y = np.meshgrid(np.arange(2, 18, 0.4), np.arange(-4, 4, 0.4))
    colours = np.zeros((x.size, 4))
    colours[:, 0], colours[:, 3] = np.arange(x.size) % 256 / 255, 1.0
    image = draw_dots(axes, x.ravel(), y.ravel(), colours, size=6.0).get_array()
    row, column = ((5 - y) / 10 * DPI / 2).astype(int), (x / 20 * DPI).astype(int)
    assert (image[row, column, 0].ravel() == np.arange(x.size) % 256).all()


def test_points_beyond_the_map_are_left_out(axes):
    image = draw_dots(axes, np.array([-1.0, 25.0, 3.0]), np.array([0.0, 0.0, 9.0]), np.array([RED] * 3), size=4.0)
    assert len(painted(image)) == 0
