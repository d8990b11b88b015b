"""The offset of processing baseline 04.00: by metadata only, taken off once at most."""

import pytest
from greenup.errors import UserError
from greenup.imagery.offsets import scale_and_offset
from hypothesis import given
from hypothesis import strategies as st

APPLIED, NOT_APPLIED = {"earthsearch:boa_offset_applied": True}, {"earthsearch:boa_offset_applied": False}
RASTER = {"scale": 0.0001, "offset": -0.1}


@pytest.mark.parametrize(
    ("properties", "values", "scale", "offset"),
    [
        # The Planetary Computer: only the baseline.
        ({"s2:processing_baseline": "02.12"}, {}, 1e-4, 0.0),
        ({"s2:processing_baseline": "03.01"}, {}, 1e-4, 0.0),
        ({"s2:processing_baseline": "04.00"}, {}, 1e-4, -0.1),
        ({"s2:processing_baseline": "05.09"}, {}, 1e-4, -0.1),
        # Earth Search repeats offset -0.1 whether it took it off or not.
        ({**APPLIED, "s2:processing_baseline": "05.09"}, RASTER, 1e-4, 0.0),
        ({**NOT_APPLIED, "s2:processing_baseline": "05.09"}, RASTER, 1e-4, -0.1),
        ({**NOT_APPLIED, "s2:processing_baseline": "02.12"}, {"scale": 1e-4, "offset": 0}, 1e-4, 0.0),
        (APPLIED, {}, 1e-4, 0.0),
        # An offset written for the asset, in STAC 1.0 and 1.1, goes before the baseline: never both.
        ({"s2:processing_baseline": "05.09"}, RASTER, 1e-4, -0.1),
        ({"s2:processing_baseline": "05.09"}, {"scale": 1e-4, "offset": 0.0}, 1e-4, 0.0),
        ({}, {"raster:scale": 1e-4, "raster:offset": -0.1}, 1e-4, -0.1),
        ({}, {"scale": 1.0, "offset": 0.0}, 1.0, 0.0),
        # A scale alone says nothing of the offset.
        ({"s2:processing_baseline": "04.00"}, {"scale": 1e-4}, 1e-4, -0.1),
    ],
)
def test_offsets_follow_the_metadata(properties, values, scale, offset):
    assert scale_and_offset(properties, values, "here") == (pytest.approx(scale), pytest.approx(offset))


@pytest.mark.parametrize(("properties", "values"), [({}, {}), ({}, {"scale": 1e-4}), (NOT_APPLIED, {})])
def test_silent_items_are_refused_with_what_to_write(properties, values):
    with pytest.raises(UserError, match="does not say") as caught:
        scale_and_offset(properties, values, "item x")
    assert "s2:processing_baseline" in caught.value.mend
    assert "boa_offset_applied" in caught.value.mend


@given(
    applied=st.sampled_from([None, True, False]),
    raster=st.sampled_from([None, 0.0, -0.1]),
    baseline=st.sampled_from([None, "02.14", "03.01", "04.00", "05.11"]),
    silent=st.sampled_from(["metadata", "none", "subtract_1000"]),
)
def test_whatever_is_said_the_offset_is_taken_off_once_at_most(applied, raster, baseline, silent):
    properties = {"earthsearch:boa_offset_applied": applied, "s2:processing_baseline": baseline}
    properties = {k: v for k, v in properties.items() if v is not None}
    values = {} if raster is None else {"offset": raster}
    is_silent = applied is not True and raster is None and baseline is None
    if is_silent and silent == "metadata":
        with pytest.raises(UserError):
            scale_and_offset(properties, values, "x", silent)
        return
    _, offset = scale_and_offset(properties, values, "x", silent)
    assert offset in (0.0, -0.1)
    if is_silent:
        assert offset == (-0.1 if silent == "subtract_1000" else 0.0)
    else:
        assert offset == scale_and_offset(properties, values, "x")[1], "the user's word overrules no item"
    if applied is True:
        assert offset == 0.0


def test_nonsense_is_named():
    with pytest.raises(UserError, match="N0509"):
        scale_and_offset({"s2:processing_baseline": "N0509"}, {}, "x")
    with pytest.raises(UserError, match="much"):
        scale_and_offset({}, {"offset": "much"}, "x")


def test_the_refusal_names_the_keys_to_write_and_the_study_key():
    with pytest.raises(UserError) as caught:
        scale_and_offset({}, {}, "cat: item x, asset B02")
    assert str(caught.value).startswith("cat: item x, asset B02")
    assert "imagery.offset: none or subtract_1000" in caught.value.mend
