"""Train statistics against scikit-learn's scaler."""

import numpy as np
from greenup.evaluate.scaling import train_statistics
from sklearn.preprocessing import StandardScaler


def test_as_standard_scaler_also_far_from_zero():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(20_000, 5)) * [1, 1e-3, 50, 1e4, 1] + [0, 5, 1e3, -1e4, 100]).astype("float32")
    mean, inverse = train_statistics(x)
    theirs = StandardScaler().fit(x.astype("float64"))
    np.testing.assert_allclose(mean, theirs.mean_, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(1 / inverse, theirs.scale_, rtol=1e-9)


def test_a_constant_dimension_is_ignored():
    x = np.column_stack([np.full(100, 0.1, "float32"), np.zeros(100, "float32"), np.arange(100, dtype="float32")])
    _, inverse = train_statistics(x)
    assert inverse[0] == 0 and inverse[1] == 0 and inverse[2] > 0


def test_a_dimension_of_tiny_numbers_is_not():
    _, inverse = train_statistics(np.random.default_rng(1).normal(size=(100, 1)).astype("float32") * 1e-20)
    assert np.isfinite(inverse[0]) and inverse[0] > 0
