"""Why a job runs again, in words, from what Snakemake remembers of parameters: literals without names."""

import json

import pytest
from greenup.status.causes import changed_inputs, changed_params, newer_inputs
from hypothesis import given
from hypothesis import strategies as st

MODEL = {"backbone": "resnet18", "method": {"name": "seco", "epochs": 10, "optimizer": {"lr": 0.1}}}
CODE = "the code that makes it has changed"


def told(before: dict, now: dict) -> list[str]:
    """What is said of the parameters of a job, before and now by name, as Snakemake hands them on."""
    old, new = ({repr(v) for v in d.values()} for d in (before, now))
    return changed_params(old - new, new - old, {repr(v): k for k, v in now.items()})


def test_a_key_deep_in_a_block_is_named():
    longer = {**MODEL, "method": {**MODEL["method"], "epochs": 20}}
    assert told({"model": MODEL, "seed": 1}, {"model": longer, "seed": 1}) == ["model.method.epochs was 10, is 20"]
    # On the command line of a job a block is JSON.
    assert told({"model": json.dumps(MODEL)}, {"model": json.dumps(longer)}) == ["model.method.epochs was 10, is 20"]


def test_each_block_is_held_against_the_one_like_it():
    imagery, patches = {"source": "miniature", "seed": 1}, {"size_px": 48, "bands": ["B2"]}
    before = {"imagery": imagery, "patches": patches}
    now = {"imagery": {**imagery, "seed": 2}, "patches": {**patches, "bands": ["B2", "B3"]}}
    assert told(before, now) == ["imagery.seed was 1, is 2", 'patches.bands was ["B2"], is ["B2", "B3"]']


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"recipe": 1}, {"recipe": 2}, ["recipe was 1, is 2"]),
        ({"seed": 3}, {"seed": 3, "recipe": 2}, ["recipe is 2, which is new"]),
        ({"seed": 3, "recipe": 2}, {"seed": 3}, ["a setting that was 2 is no more"]),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": None}}, ["a.y was not there, is null"]),
        ({"code": "0" * 32}, {"code": "1" * 32}, [CODE]),
        ({"code": "0" * 32, "a": 1}, {"code": "1" * 32, "a": 2}, [CODE, "a was 1, is 2"]),
        ({}, {"code": "1" * 32}, [CODE]),
        ({"n": "<object>"}, {"n": "a" * 99}, [f"n was <object>, is {'a' * 48}..."]),
    ],
)  # fmt: skip
def test_plain_settings(before, now, words):
    assert told(before, now) == words


def test_many_changes_are_counted():
    assert (
        told({"a": {f"k{i}": 1 for i in range(9)}}, {"a": {f"k{i}": 2 for i in range(9)}})[-1] == "and 5 more settings"
    )


BLOCKS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3) | st.text(max_size=3), max_size=4)


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), BLOCKS, max_size=3), st.data())
def test_whatever_differs_something_is_said(before, data):
    now = {name: data.draw(BLOCKS) for name in before}
    old, new = ({repr(v) for v in d.values()} for d in (before, now))
    assert bool(told(before, now)) == (old != new)


def test_files():
    assert newer_inputs(["b.csv", "a.csv"]) == "a.csv, b.csv changed since"
    assert newer_inputs(f"{i}.h5" for i in range(6)) == "0.h5, 1.h5, 2.h5, 3.h5 and 2 more changed since"
    assert changed_inputs(["a", "b"], ["b", "c"]) == "reads now c, reads no more a"
    assert changed_inputs(["a"], ["a", "b"]) == "reads now b"
