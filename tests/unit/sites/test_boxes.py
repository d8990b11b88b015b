"""Places uniform by area over boxes, overlapping or not."""

import numpy as np
import pytest
import shapely
from greenup.sites.boxes import Boxes
from greenup.sites.sphere import EARTH_KM
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest


def test_uniform_by_area():
    """Lambert's cylinder: longitude and sine of latitude are uniform."""
    boxes = Boxes(np.array([[-170.0, 20.0, -20.0, 90.0]]))
    lon, lat = boxes.draw(np.random.default_rng(1), 5000)
    low = np.sin(np.radians(20))
    assert kstest((lon + 170) / 150, "uniform").pvalue > 1e-3
    assert kstest((np.sin(np.radians(lat)) - low) / (1 - low), "uniform").pvalue > 1e-3
    assert boxes.area_km2 == pytest.approx(EARTH_KM**2 * np.radians(150) * (1 - low))


def test_where_boxes_overlap_a_place_is_as_likely_as_elsewhere():
    """A 10 x 10 degree square, its upper half again, and one beside it that half overlaps: a lattice counts alike."""
    bounds = np.array([[0, -5, 10, 5], [0, 0, 10, 5], [5, -5, 15, 5]], dtype=float)
    lon, lat = Boxes(bounds).draw(np.random.default_rng(1), 40_000)
    rows = np.sin(np.radians(np.linspace(-5, 5, 5)))
    count, *_ = np.histogram2d(lon, np.sin(np.radians(lat)), bins=[np.linspace(0, 15, 7), rows])
    # Rows of equal latitude steps this near the equator differ by 0.3 % in area, a tenth of the error of a count.
    assert chisquare(count.ravel()).pvalue > 1e-3


def test_boxes_known_to_be_disjoint_need_no_look():
    bounds = np.array([[0, 0, 10, 10], [20, -40, 30, -30]], dtype=float)
    one, other = (Boxes(bounds, disjoint=d).draw(np.random.default_rng(3), 500) for d in (True, False))
    assert one.tolist() == other.tolist()


@settings(max_examples=40)
@given(
    bounds=st.lists(
        st.tuples(st.floats(-170, 160), st.floats(-80, 70), st.floats(0.01, 20), st.floats(0.01, 20)),
        min_size=1,
        max_size=8,
    ),
    steps=st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_drawn_at_once_or_in_steps_and_inside(bounds, steps):
    bounds = np.array([[w, s, w + dx, s + dy] for w, s, dx, dy in bounds])
    boxes, rng = Boxes(bounds), np.random.default_rng(2)
    parts = np.concatenate([boxes.draw(rng, n) for n in steps], axis=1)
    assert parts.tolist() == boxes.draw(np.random.default_rng(2), sum(steps)).tolist()
    near = shapely.buffer(shapely.union_all(shapely.box(*bounds.T)), 1e-6)
    assert shapely.covers(near, shapely.points(parts.T)).all()
