"""Which layers are needed, and which cycle is taken, against a plain loop over pixels."""

import numpy as np
import pytest
from greenup.phenology.mcd12q2 import DATE_LAYERS, FILL, choose_cycle, known, layers_of, split_layer
from hypothesis import given
from hypothesis import strategies as st

maybe = st.one_of(st.none(), st.integers(11138, 20000).map(float))
pixel = st.fixed_dictionaries(
    {f"{name}_{n}": maybe for name in DATE_LAYERS for n in (1, 2)}
    | {f"QA_Overall_{n}": st.one_of(st.none(), st.integers(0, 3).map(float)) for n in (1, 2)}
    | {f"EVI_Amplitude_{n}": st.one_of(st.none(), st.sampled_from([1000.0, 2000.0, 3000.0])) for n in (1, 2)}
)


def by_hand(one, cycle, max_quality):
    """The four dates of one pixel, None for none."""
    cycles = {}
    for n in (1, 2):
        dates = [one[f"{name}_{n}"] for name in DATE_LAYERS]
        quality = one[f"QA_Overall_{n}"]
        if max_quality is not None and (quality is None or quality > max_quality):
            dates = [None] * 4
        cycles[n] = dates
    if cycle != "largest":
        return cycles[1 if cycle == "first" else 2]
    there = [n for n in (1, 2) if any(d is not None for d in cycles[n])]
    return cycles[max(there, key=lambda n: one[f"EVI_Amplitude_{n}"] or 0)] if there else [None] * 4


@given(
    st.lists(pixel, min_size=1, max_size=8),
    st.sampled_from(["first", "second", "largest"]),
    st.sampled_from([None, 0, 2]),
)
def test_choice_of_the_cycle(pixels, cycle, max_quality):
    layers = {k: np.array([np.nan if p[k] is None else p[k] for p in pixels]) for k in layers_of(cycle, max_quality)}
    expected = [[np.nan if d is None else d for d in by_hand(p, cycle, max_quality)] for p in pixels]
    np.testing.assert_array_equal(choose_cycle(layers, cycle, max_quality), expected)


@pytest.mark.parametrize(
    ("cycle", "max_quality", "count"), [("first", None, 4), ("second", 1, 5), ("largest", None, 10), ("largest", 0, 12)]
)
def test_only_layers_that_are_needed(cycle, max_quality, count):
    layers = layers_of(cycle, max_quality)
    assert len(layers) == len(set(layers)) == count
    assert any(layer.startswith("QA") for layer in layers) == (max_quality is not None)
    assert {split_layer(layer)[1] for layer in layers} == {"first": {1}, "second": {2}, "largest": {1, 2}}[cycle]


def test_names():
    assert split_layer("QA_Overall_2") == ("QA_Overall", 2)
    assert split_layer("NumCycles") == ("NumCycles", 1)


def test_fill_and_days_out_of_range_are_no_data():
    stored = np.array([FILL, 11137, 11138, 32766, 0, -5], dtype=np.int16)
    assert np.isfinite(known("Greenup", stored)).tolist() == [False, False, True, True, False, False]
    assert np.isfinite(known("NumCycles", stored)).tolist() == [False, True, True, True, True, True]
