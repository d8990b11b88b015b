"""Statistics from histograms against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from fake_source import fake_pixels
from greenup.errors import UserError
from greenup.grids import PatchGrid
from greenup.imagery.base import Pixels
from greenup.patches.container import Form
from greenup.patches.statistics import Histograms, quantiles, summarise
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=60), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_one_channel(values, shares):
    counts = np.bincount(values, minlength=65_536)
    found = summarise(counts)
    truth = np.array(values, np.float64)
    assert found["mean"] == pytest.approx(truth.mean(), rel=1e-14)
    assert found["std"] == pytest.approx(truth.std(), rel=1e-9, abs=1e-9)
    assert quantiles(counts, shares) == pytest.approx(np.quantile(truth, shares), rel=1e-9, abs=1e-9)


def test_sums_of_a_full_size_dataset_do_not_overflow():
    """Half of 10^11 pixels at each end of the range: mean 32 767.5, standard deviation the same."""
    counts = np.zeros(65_536, np.int64)
    counts[[0, -1]] = 5 * 10**10
    found = summarise(counts)
    assert found["mean"] == found["std"] == 32_767.5
    assert (found["p02"], found["p98"]) == (0, 65_535)


def test_images_with_holes_at_native_resolution():
    bands = ("B2", "B4", "B8", "B5", "B9")
    form = Form(bands, 26, True, "test")
    histograms = Histograms(form)
    images = [fake_pixels(f"scene {i}", PatchGrid(32631, 0.0, 600.0 * i, 26), bands, holed=i > 0) for i in range(3)]
    for pixels in images:
        histograms.add(pixels)
    found = histograms.summary()
    assert list(found) == [*bands, "NDVI", "EVI"]
    blue, red, nir = (
        np.concatenate([p.values[10][i][p.valid[10]] for p in images]).astype(np.float64) for i in range(3)
    )
    below = nir + 6 * red - 7.5 * blue + 1e4
    truth = {
        "B2": np.concatenate([p.values[10][0][p.valid[10]] for p in images]),
        "B5": np.concatenate([p.values[20][0][p.valid[20]] for p in images]),
        "B9": np.concatenate([p.values[60][0][p.valid[60]] for p in images]),
        "NDVI": np.floor(np.clip((nir - red) / (nir + red), 0, None) * 10_000 + 1e-9),
        "EVI": np.floor(np.where(below > 0, np.clip(2.5 * (nir - red) / below, 0, 1), 0) * 10_000 + 1e-9),
    }
    for name, values in truth.items():
        values = values.astype(np.float64)
        assert found[name]["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert found[name]["std"] == pytest.approx(values.std(), rel=1e-12)
        for key, share in (("p02", 0.02), ("p50", 0.5), ("p98", 0.98)):
            assert found[name][key] == pytest.approx(np.quantile(values, share), rel=1e-12)


def test_histograms_add_up_in_any_order():
    bands = ("B2", "B4", "B8", "B5", "SCL")
    form = Form(bands, 26, True, "test")
    images = [fake_pixels(f"scene {i}", PatchGrid(32631, 0.0, 600.0 * i, 26), bands, holed=True) for i in range(5)]

    def of(*which):
        found = Histograms(form)
        for i in which:
            found.add(images[i])
        return found

    whole, parts = of(0, 1, 2, 3, 4), of(4, 2)
    for other in (of(3), of(), of(1, 0)):
        parts.merge(other)
    assert parts.summary() == whole.summary() and parts.mask_counts() == whole.mask_counts()
    with pytest.raises(ValueError, match="do not add"):
        whole.merge(Histograms(Form(bands[:2], 26, True, "test")))


def test_a_band_without_a_valid_pixel_is_named():
    form = Form(("B2", "B9"), 12, True, "test")
    histograms = Histograms(form)
    pixels = fake_pixels("scene", PatchGrid(32631, 0.0, 0.0, 12), form.bands)
    pixels.valid[60][:] = False
    histograms.add(pixels)
    with pytest.raises(UserError, match="channel B9: not a valid pixel in 1 images"):
        histograms.summary()


def test_valid_share_of_bands_that_were_resampled():
    form = Form(("B2", "B5"), 12, True, "test", resampled=True)
    histograms = Histograms(form)
    valid = np.arange(144).reshape(12, 12) % 4 > 0
    values = np.full((2, 12, 12), 7, np.uint16) * valid
    histograms.add(Pixels({10: values}, {10: valid}))
    found = histograms.summary()
    assert found["B5"] == {"mean": 7, "std": 0, "p02": 7, "p50": 7, "p98": 7, "min": 7, "max": 7, "valid": 0.75}


def test_no_ndvi_without_its_bands():
    assert Histograms(Form(("B4", "B5"), 8, True, "test")).channels == ("B4", "B5")


def test_masks_are_counted_by_value():
    bands = ("SCL", "B5", "QA60")
    histograms = Histograms(Form(bands, 24, True, "test"))
    pixels = fake_pixels("scene", PatchGrid(32631, 0.0, 0.0, 24), bands, holed=True)
    pixels.values[20][0] = np.arange(144).reshape(12, 12) % 12 * pixels.valid[20]
    pixels.values[60][0] = np.array([0, 1024, 2048, 3072] * 4, np.uint16).reshape(4, 4) * pixels.valid[60]
    histograms.add(pixels)
    assert list(histograms.summary()) == ["B5"]
    counted = histograms.mask_counts()
    for name, m in (("SCL", 20), ("QA60", 60)):
        values, counts = np.unique(pixels.values[m][0][pixels.valid[m]], return_counts=True)
        assert counted[name] == {str(v): c for v, c in zip(values.tolist(), counts.tolist(), strict=True)}
