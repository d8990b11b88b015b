"""Folds: every image tested once, nothing shared between parts, neighbours kept together, whatever the input."""

import numpy as np
import pandas as pd
import pytest
from greenup.config.learning import Folds
from greenup.errors import UserError
from greenup.tasks.folds import EARTH_RADIUS_KM, spatial_blocks, split_folds
from hypothesis import given, settings
from hypothesis import strategies as st


def _labels(n, seed=0, classes=5, spread=1.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "site_id": [f"p{i:05d}" for i in range(n)],
            "season": "summer",
            "lon": rng.uniform(-180, 180, n) * spread,
            "lat": rng.uniform(-60, 84, n) * spread,
            "label": [f"c{i}" for i in np.floor(classes * np.sqrt(rng.random(n))).astype(int)],
        }
    )


def _wide(folds, kind):
    return folds[folds["folds"] == kind].pivot(index="site_id", columns="fold", values="part")  # noqa: PD010


@st.composite
def tasks(draw):
    """Labels with repeated and nearly repeated coordinates, at the date line and the poles too."""
    n = draw(st.integers(24, 60))
    count = draw(st.integers(2, 5))
    places = draw(
        st.lists(
            st.tuples(
                st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 0.0])),
                st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0])),
            ),
            min_size=14, max_size=n, unique_by=lambda p: (round(p[0], 3), round(p[1], 3)),
        )
    )  # fmt: skip
    chosen = [places[i % len(places)] for i in range(n)]
    jitter = draw(st.sampled_from([0.0, 4e-9]))
    table = pd.DataFrame(
        {
            "site_id": draw(st.permutations([f"s{i}" for i in range(n)])),
            "season": "summer",
            "lon": [np.clip(p[0] + jitter * (i % 3), -180, 180) for i, p in enumerate(chosen)],
            "lat": [p[1] for p in chosen],
            "label": draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n)),
        }
    )
    return table, count


@given(tasks(), st.sampled_from(["classification", "multilabel", "regression"]), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_image_is_tested_once_and_parts_do_not_overlap(task, kind, seed):
    labels, count = task
    try:
        folds = split_folds(labels, kind, Folds(count=count, block_km=50), seed=seed)
    except UserError as error:  # so few places that they cannot be dealt: said so, not crashed
        assert "folds" in str(error)
        return
    assert not folds.duplicated(["site_id", "folds", "fold"]).any()
    assert len(folds) == 2 * count * len(labels)
    for split in ("random", "blocks"):
        wide = _wide(folds, split)
        assert sorted(wide.index) == sorted(labels["site_id"])
        assert ((wide == "test").sum(axis=1) == 1).all()
        assert wide.isin(["train", "val", "test"]).all(axis=None)
        for fold in wide.columns:
            assert set(wide[fold]) == {"train", "val", "test"}


@given(tasks(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_one_location_is_never_split(task, seed):
    labels, count = task
    folds = split_folds(labels, "classification", Folds(count=count, kinds=("random",)), seed=seed)
    wide = _wide(folds, "random")
    # Independent of the code under test: distance on the unit sphere, in metres.
    lon, lat = np.deg2rad(labels["lon"].to_numpy()), np.deg2rad(labels["lat"].to_numpy())
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    # Jittered copies are 0.4 mm apart; rounding may part them only where they straddle a raster line of 1e-5 degrees.
    on_line = np.abs(labels[["lon", "lat"]].to_numpy() * 1e5 % 1 - 0.5).min(axis=1) < 0.01
    near = (np.linalg.norm(xyz[:, None] - xyz, axis=2) * EARTH_RADIUS_KM * 1e3 < 0.01) & ~on_line[:, None] & ~on_line
    ids = labels["site_id"].to_numpy()
    at_pole = np.abs(labels["lat"].to_numpy()) > 89.9999
    for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        if not at_pole[i]:
            assert (wide.loc[ids[i]] == wide.loc[ids[j]]).all()


@given(st.integers(0, 20), st.floats(20, 3000), st.integers(2, 10))
@settings(max_examples=30, deadline=None)
def test_blocks_are_never_split(seed, block_km, count):
    labels = _labels(200, seed)
    folds = split_folds(labels, "regression", Folds(count=count, kinds=("blocks",), block_km=block_km), seed=seed)
    wide = _wide(folds, "blocks")
    block = spatial_blocks(labels[["lon", "lat"]].to_numpy().round(5), block_km)
    assert (wide.loc[labels["site_id"]].groupby(block).nunique() == 1).all(axis=None)  # noqa: PD101


@given(st.floats(10, 5000))
@settings(max_examples=50, deadline=None)
def test_blocks_have_equal_area(block_km):
    """A parallel meets as many blocks as its length holds sides; with rows of equal height the areas are then equal."""
    around = np.linspace(0, 360, 20_001)[:-1]
    parallel = 41.7
    met = len(np.unique(spatial_blocks(np.column_stack([around, np.full(20_000, parallel)]), block_km)))
    rows = round(np.pi * EARTH_RADIUS_KM / block_km)
    middle = (np.floor((parallel + 90) / 180 * rows) + 0.5) / rows * 180 - 90
    assert abs(met - 2 * np.pi * EARTH_RADIUS_KM * np.cos(np.deg2rad(middle)) / block_km) <= 0.5 + 1e-6


def test_rows_are_block_km_high():
    lat = np.linspace(-89.999, 89.999, 100_000)
    rows = len(np.unique(spatial_blocks(np.column_stack([np.zeros_like(lat), lat]), 300.0)))
    assert rows == round(np.pi * EARTH_RADIUS_KM / 300) == 67


def test_both_sides_of_the_date_line_are_one_place():
    a, b = spatial_blocks(np.array([[180.0, 10.0], [-180.0, 10.0]]), 300)
    assert a == b


def test_random_folds_are_stratified_and_of_equal_size():
    labels = _labels(997, classes=6)
    wide = _wide(split_folds(labels, "classification", Folds(), seed=1), "random")
    test = wide == "test"
    assert test.sum().max() - test.sum().min() <= 1
    of_class = test.loc[labels["site_id"]].groupby(labels["label"].to_numpy()).sum()
    assert (of_class.max(axis=1) - of_class.min(axis=1)).max() <= 1


def test_nine_to_one_of_the_rest_trains():
    labels = _labels(1000)
    for kind in ("random", "blocks"):
        wide = _wide(split_folds(labels, "regression", Folds(), seed=1), kind)
        rest, val = (wide != "test").sum(), (wide == "val").sum()
        np.testing.assert_allclose(val, 0.1 * rest, atol=1)


def test_blocked_folds_are_balanced():
    wide = _wide(split_folds(_labels(2000), "regression", Folds(), seed=1), "blocks")
    assert (wide == "test").sum().between(195, 205).all()


def test_blocked_folds_are_farther_from_training_than_random_ones():
    labels = _labels(1500, spread=0.25)
    folds = split_folds(labels, "regression", Folds(block_km=800), seed=1)
    lon, lat = np.deg2rad(labels["lon"].to_numpy()), np.deg2rad(labels["lat"].to_numpy())
    xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    median = {}
    for kind in ("random", "blocks"):
        part = _wide(folds, kind)[0].loc[labels["site_id"]].to_numpy()
        distance = np.linalg.norm(xyz[part == "test"][:, None] - xyz[part == "train"], axis=2).min(axis=1)
        median[kind] = np.median(distance)
    assert median["blocks"] > 1.5 * median["random"]


def test_seed_and_site_decide_not_the_order_of_rows():
    labels = _labels(300)
    one = split_folds(labels, "classification", Folds(), seed=1)
    two = split_folds(labels.sample(frac=1, random_state=0), "classification", Folds(), seed=1)
    pd.testing.assert_frame_equal(one, two)
    other = split_folds(labels, "classification", Folds(), seed=2)
    for kind in ("random", "blocks"):
        assert (_wide(one, kind) != _wide(other, kind)).any(axis=None)


def test_a_class_rarer_than_the_folds_is_spread_and_named(caplog):
    labels = _labels(200)
    labels.loc[:2, "label"] = "rare"
    wide = _wide(split_folds(labels, "classification", Folds(), seed=1), "random")
    assert ((wide.loc[labels["site_id"][:3]] == "test").sum() <= 1).all()
    assert "rare 3" in caplog.text


def test_too_few_blocks_names_a_side_that_works():
    labels = _labels(300, spread=0.01)
    with pytest.raises(UserError, match="block_km: 300") as error:
        split_folds(labels, "regression", Folds(), seed=1)
    side = float(error.value.mend.split("block_km: ")[1].split(",")[0])
    split_folds(labels, "regression", Folds(block_km=side), seed=1)


def test_too_few_locations():
    labels = _labels(30).assign(lon=[1.0, 2.0, 3.0] * 10, lat=5.0)
    with pytest.raises(UserError, match="30 labelled images at 3 locations cannot make 10 folds"):
        split_folds(labels, "regression", Folds(kinds=("random",)), seed=1)
    assert len(split_folds(labels, "regression", Folds(kinds=("random",), count=3), seed=1)) == 90
