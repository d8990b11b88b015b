"""Spatial order and shards."""

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.sites import order
from greenup.sites.order import hilbert_index, order_and_shard
from hypothesis import given
from hypothesis import strategies as st


def test_the_curve_visits_every_cell_once_and_steps_to_a_neighbour(monkeypatch):
    monkeypatch.setattr(order, "_BITS", 5)
    x, y = np.meshgrid(np.arange(32), np.arange(32))
    index = hilbert_index(-180 + (x + 0.5) * 360 / 32, -90 + (y + 0.5) * 180 / 32)
    assert sorted(index.ravel()) == list(range(32 * 32))
    at = np.argsort(index.ravel())
    steps = np.abs(np.diff(x.ravel()[at])) + np.abs(np.diff(y.ravel()[at]))
    assert (steps == 1).all()


def places(n, seed=0):
    rng = np.random.default_rng(seed)
    ids = [f"s{i}" for i in range(n)]
    return pd.DataFrame({"site_id": ids, "lon": rng.uniform(-180, 180, n), "lat": rng.uniform(-90, 90, n)})


@given(st.integers(1, 200), st.integers(1, 200))
def test_shards_are_equal_runs(n, shards):
    if shards > n:
        with pytest.raises(UserError, match=rf"dataset x: {shards} shards but {n} sites.*\n.*shards: {n} or fewer"):
            order_and_shard("x", places(n), shards)
        return
    table = order_and_shard("x", places(n), shards)
    assert table["shard"].is_monotonic_increasing
    sizes = table["shard"].value_counts()
    assert sorted(sizes.index) == list(range(shards))
    assert sizes.max() - sizes.min() <= 1


def test_the_order_does_not_depend_on_the_order_given():
    table = places(300)
    table.loc[10:20, ["lon", "lat"]] = [3.0, 4.0]
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(order_and_shard("x", table, 7), order_and_shard("x", shuffled, 7))


def test_shards_are_compact():
    """Neighbours in the order are an order of magnitude nearer than sites at random."""
    table = order_and_shard("x", places(2000), 1)
    step = np.hypot(np.diff(table["lon"]), np.diff(table["lat"]))
    random = places(2000, seed=0)
    assert np.median(step) < 0.1 * np.median(np.hypot(np.diff(random["lon"]), np.diff(random["lat"])))


def test_corners_of_the_map_have_a_place():
    assert (hilbert_index([-180, 180, 180, -180], [-90, 90, -90, 90]) >= 0).all()
