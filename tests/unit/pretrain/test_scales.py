"""Input scales against what the released code does to pixels, re-expressed with NumPy's 8-bit arithmetic."""

import numpy as np
import pytest
import torch
from greenup.bands import RGB, S1_GRD, S2_L1C, SECO_ECO
from greenup.config import Model
from greenup.config.weights import known
from greenup.errors import UserError
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.scales import scale_of
from hypothesis import given
from hypothesis import strategies as st

ALL_DN = np.arange(0, 20_001, dtype=np.uint16)


def network_input(name: str, channels: tuple[str, ...], stored: np.ndarray) -> np.ndarray:
    """The same stored values (n,) in all channels -> what the network sees, (C, n)."""
    preprocess = Preprocess.of_scale(channels, name, scale_of(name, channels, None, "x"), None)
    pixels = np.broadcast_to(stored, (len(channels), 1, len(stored)))
    return preprocess.scale(torch.from_numpy(pixels.astype(np.float32))).numpy()[:, 0]


def test_seco_within_one_step_of_its_code():
    """Stored in 8 bits, stretched between quantiles in 8 bits, then ImageNet's mean and deviation of 0..1."""
    stored = (np.clip(ALL_DN / 1e4, 0, 1) * 255).astype(np.uint8)
    quantiles = {"B4": (0, 129), "B3": (2, 103), "B2": (3, 88)}
    found = network_input("rgb_quantiles_imagenet", RGB, ALL_DN)
    for i, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        low, high = quantiles[RGB[i]]
        stretched = np.clip((stored.astype(np.float64) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        expected = (stretched / 255 - mean) / std
        # The second rounding down, which we leave out, takes less than a step.
        steps = (found[i] - expected) * std * 255
        assert steps.min() > -1e-3 and steps.max() < 1 + 1e-3
        assert found[i][0] == pytest.approx(-mean / std, abs=1e-5) and found[i][-1] == pytest.approx(
            (1 - mean) / std, abs=1e-5
        )


def test_ssl4eo_in_8_bits_exactly_and_cut_instead_of_wrapped():
    expected = (np.clip(ALL_DN.astype(np.int64) * 255 // 10_000, 0, 255)) / 255
    found = network_input("reflectance_8bit", S2_L1C, ALL_DN)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-6)
    # As its code stores them, up to its own rounding errors.
    theirs = (np.clip(ALL_DN / 1e4, 0, 1) * 255).astype(np.uint8) / 255
    assert np.abs(found[0] - theirs).max() <= 1 / 255 + 1e-6 and (np.abs(found[0] - theirs) > 1e-6).mean() < 0.01


def test_ssl4eco_divides_by_255():
    np.testing.assert_allclose(network_input("published_255", SECO_ECO, ALL_DN)[8], ALL_DN / 255, rtol=1e-6)


@given(st.floats(-60, 20))
def test_two_sigma_of_radar_within_one_step_of_its_code(decibel):
    stored = np.array([round((decibel + 80) * 500)], np.uint16)
    found = network_input("two_sigma", S1_GRD, stored)[:, 0]
    for i, (mean, std) in enumerate(((-12.548, 5.257), (-20.192, 5.912))):
        low, high = mean - 2 * std, mean + 2 * std
        expected = int(np.clip((stored[0] / 500 - 80 - low) / (high - low) * 255, 0, 255)) / 255
        assert found[i] == pytest.approx(expected, abs=1 / 255 + 1e-6)
        assert 0 <= found[i] <= 1


def test_two_sigma_of_every_step_of_radar():
    stored = np.arange(0, 65_536, 7, dtype=np.uint16)
    low, high = -12.548 - 2 * 5.257, -12.548 + 2 * 5.257
    expected = np.clip((stored.astype(np.float64) / 500 - 80 - low) / (high - low) * 255, 0, 255).astype(np.uint8) / 255
    found = network_input("two_sigma", S1_GRD, stored)[0]
    assert (np.abs(found - expected) > 1e-5).mean() < 1e-3 and np.abs(found - expected).max() <= 1 / 255 + 1e-5


@pytest.mark.parametrize("name", sorted(known()))
def test_what_arrives_at_the_first_layer(name):
    """A constant image through the whole preprocessing of released weights, into a probe that only looks."""
    row = known()[name]
    model = Model.model_validate({"method": {"name": "published", "weights": name}})
    preprocess = Preprocess.from_model(model, None)
    seen = []
    probe = torch.nn.Conv2d(len(row.channels), 1, 1)
    probe.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    stored = 32_000 if row.product == "s1_grd" else 2_000
    probe(preprocess(np.full((len(row.channels), 264, 264), stored, np.uint16))[None])
    values = seen[0][0].flatten(1)
    assert seen[0].shape == (1, len(row.channels), 224, 224) and (values == values[:, :1]).all()
    expected = {
        "published_255": [2_000 / 255] * len(row.channels),
        "reflectance_8bit": [51 / 255] * len(row.channels),
        # 51 of 255 in 8 bits, between the quantiles.
        "rgb_quantiles_imagenet": [
            (51 / 129 - 0.485) / 0.229,
            ((51 - 2) / (103 - 2) - 0.456) / 0.224,
            ((51 - 3) / (88 - 3) - 0.406) / 0.225,
        ],
        # -16 dB, in steps between the mean less and plus two deviations.
        "two_sigma": [
            int((-16 + 12.548 + 10.514) / 21.028 * 255) / 255,
            int((-16 + 20.192 + 11.824) / 23.648 * 255) / 255,
        ],
    }[row.input_scale]
    assert values[:, 0].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "channels", "told"),
    [
        ("rgb_quantiles_imagenet", ("B4", "B8"), "is known for B2, B3, B4, not for 'B8'"),
        ("two_sigma", ("B2", "NDVI"), "not for 'NDVI'"),
        ("reflectance_8bit", ("VV",), "'VV' is backscatter"),
        ("standardise", ("B2",), "'B2' is missing"),
    ],
)
def test_channels_without_constants_are_refused(name, channels, told):
    with pytest.raises(UserError, match=told):
        scale_of(name, channels, None, "the model")
