"""Lattice noise: one world seen through any window."""

import numpy as np
from greenup.imagery.miniature import noise
from greenup.imagery.miniature.noise import Window
from hypothesis import given, settings
from hypothesis import strategies as st

OCTAVES = [1.0, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2]


@given(
    st.integers(-40_000, 40_000), st.integers(-1_000_000, 1_000_000), st.integers(0, 150), st.integers(0, 150),
    st.integers(1, 140),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_windows_agree_to_the_bit_where_they_overlap(col, row, down, right, size):
    wide = Window(32632, col, row, 300, 300)
    part = Window(32632, col + right, row + down, size, size)
    same = np.s_[down : down + size, right : right + size]
    assert np.array_equal(wide.fractal(7, (6, 0), OCTAVES)[same], part.fractal(7, (6, 0), OCTAVES))
    assert np.array_equal(wide.fractal(7, (9, 3), OCTAVES)[same], part.fractal(7, (9, 3), OCTAVES))
    assert np.array_equal(wide.white(7)[same], part.white(7))


@given(st.integers(-40_000, 40_000), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_values_at_nodes_spread_alike(col, down, right):
    def values(window):
        east, north = window.nodes()
        return np.sin(east / 3000.0) + np.cos(north / 5000.0)

    wide = Window(32632, col, col + 77, 264, 264)
    part = Window(32632, col + right, col + 77 + down, 120, 120)
    same = np.s_[down : down + 120, right : right + 120]
    assert np.array_equal(wide.spread(values(wide))[same], part.spread(values(part)))
    sums = [w.fractal(3, (7, 1), lambda level, w=w: np.abs(values(w)) / (level + 1)) for w in (wide, part)]
    assert np.array_equal(sums[0][same], sums[1])


def test_spread_is_linear_between_nodes():
    window = Window(32632, 12_345, -54_321, 200, 200)
    east, north = window.nodes()
    x = (window.col + np.arange(200) + 0.5) * 10.0
    y = -(window.row + np.arange(200) + 0.5) * 10.0
    got = window.spread((east - x[0]) / 1000.0 - (north - y[0]) / 2000.0)
    truth = (x[None, :] - x[0]) / 1000.0 - (y[:, None] - y[0]) / 2000.0
    # A plane is reproduced by linear interpolation, to float32.
    assert np.abs(got - truth).max() < 1e-4


def test_a_grown_window_has_the_same_nodes():
    for col in range(-130, 130):
        window = Window(32632, col, col, 128, 128)
        assert window.node_box() == window.grown(1).node_box()


def test_zones_and_keys_have_worlds_of_their_own():
    a = Window(32632, 0, 0, 128, 128)
    b = Window(32633, 0, 0, 128, 128)
    one, other, third = a.fractal(1, (4, 0), OCTAVES), b.fractal(1, (4, 0), OCTAVES), a.fractal(2, (4, 0), OCTAVES)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.2
    assert abs(np.corrcoef(one.ravel(), third.ravel())[0, 1]) < 0.2


def test_uniform_numbers_are_uniform():
    u = noise.uniform(5, np.arange(400)[:, None], np.arange(-250, 250)[None, :]).ravel()
    counts = np.histogram(u, bins=50, range=(0, 1))[0]
    # Chi-square of 49 degrees of freedom: 99.99 % below 97.
    assert ((counts - 4000) ** 2 / 4000).sum() < 97
    grid = u.reshape(400, 500)
    for axis in (0, 1):
        a, b = np.delete(grid, 0, axis), np.delete(grid, -1, axis)
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_sphere_noise_has_unit_spread_and_no_seam():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-180, 180, 4000), np.degrees(np.arcsin(rng.uniform(-1, 1, 4000)))
    values = noise.sphere_noise(lon, lat, [(200.0, 1), (20.0, 2)])
    assert values.shape == (2, 4000)
    assert np.allclose(values.std(axis=1), 1.0, atol=0.1)
    assert np.allclose(values.mean(axis=1), 0.0, atol=0.15)
    lat = np.linspace(-89, 89, 50)
    east, west = (noise.sphere_noise(np.full(50, x), lat, [(50.0, 1)]) for x in (179.999999, -179.999999))
    assert np.abs(east - west).max() < 1e-3
    around = noise.sphere_noise(np.linspace(-180, 180, 9), np.full(9, 90.0), [(50.0, 1)])
    assert np.ptp(around) < 1e-9


def test_places_do_not_depend_on_their_company():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 2500), rng.uniform(-80, 80, 2500)
    together = noise.sphere_noise(lon, lat, [(90.0, 4)])[0]
    alone = [noise.sphere_noise(lon[[i]], lat[[i]], [(90.0, 4)])[0, 0] for i in (0, 1023, 1024, 2499)]
    assert together[[0, 1023, 1024, 2499]].tolist() == alone
