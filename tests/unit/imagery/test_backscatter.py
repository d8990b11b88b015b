"""Units of radar files by metadata, and decibels."""

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.imagery.backscatter import decibels, is_power


@pytest.mark.parametrize(
    ("values", "collection", "expected"),
    [
        ({"unit": "dB"}, None, False),
        ({"raster:unit": "decibels"}, "sentinel-1-rtc", False),
        ({"unit": "power"}, None, True),
        ({"unit": "Linear power"}, "mine", True),
        # The Planetary Computer's items name no unit; its documentation does.
        ({}, "sentinel-1-rtc", True),
    ],
)
def test_the_unit_is_the_metadatas(values, collection, expected):
    assert is_power(values, collection, "x") is expected


@pytest.mark.parametrize(
    ("values", "collection"), [({}, None), ({}, "sentinel-1-grd"), ({"unit": "1"}, "sentinel-1-rtc")]
)
def test_what_is_not_said_is_refused_with_what_to_write(values, collection):
    with pytest.raises(UserError, match="item x") as caught:
        is_power(values, collection, "item x")
    assert '"unit": "dB"' in caught.value.mend


def test_decibels_are_ten_logarithms_of_power():
    db, ok = decibels(np.array([1.0, 10.0, 0.001, 0.0, -1.0, np.nan], np.float32))
    assert ok.tolist() == [True, True, True, False, False, False]
    assert db[:3] == pytest.approx([0.0, 10.0, -30.0], abs=1e-5)
    assert np.isfinite(db[ok]).all()
