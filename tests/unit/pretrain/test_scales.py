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


# What the evaluations' own code does to an image (H, W, C) of stored values, on its channels in the network's order.
def eight_bits(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def between(values: np.ndarray, means: list[float], deviations: list[float]) -> np.ndarray:
    low = np.array(means) - 2 * np.array(deviations)
    return eight_bits((values - low) / (4 * np.array(deviations)) * 255.0)


def seco(x):
    stretched = np.clip((eight_bits(x / 1e4 * 255).astype(float) - [0, 2, 3]) / [129, 101, 85], 0, 1)
    return (stretched - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def seco_in_ssl4eco(x):
    means = [590.23569706, 614.21682446, 429.9430203]
    return between(x, means, [675.88746967, 582.87945694, 572.41639287]) / 255


def radar(x):
    return between(x / 500 - 80, [-12.548, -20.192], [5.257, 5.912]) / 255


FMOW_MEANS = [1370.19151926, 1184.3824625, 1120.77120066, 1136.26026392, 1263.73947144, 1645.40315151, 1846.87040806]
FMOW_MEANS += [1762.59530783, 1972.62420416, 582.72633433, 1732.16362238, 1247.91870117]
FMOW_STDS = [633.15169573, 650.2842772, 712.12507725, 965.23119807, 948.9819932, 1108.06650639, 1258.36394548]
FMOW_STDS += [1233.1492281, 1364.38688993, 472.37967789, 1310.36996126, 1087.6020813]


def satmae(x):
    bands = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    return between(x, [FMOW_MEANS[b] for b in bands], [FMOW_STDS[b] for b in bands]) / 255


def satlas(x):
    x = x.copy()
    x[..., :3] = eight_bits(x[..., :3] / 10000.0 * 255.0) / 255
    x[..., 3:] = np.clip(x[..., 3:] / 8160, 0, 1)
    return x


def dofa(x):
    x = x.copy()
    x[..., :3], x[..., 3:] = x[..., :3] / 2500.0 * 255.0, x[..., 3:] / 8160.0 * 255.0
    means = [114.1099739, 114.81779093, 126.63977424, 84.33539309, 97.84789168, 103.94461911, 101.435633, 72.32804172]
    stds = [77.84352553, 69.96844919, 67.42465279, 64.57022983, 61.72545487, 61.34187099, 60.29744676, 47.88519516]
    return between(eight_bits(x), [*means, 56.66528851], [*stds, 42.55886798]) / 255


THEIRS = {
    "satmae_vit_large": (96, satmae),
    "satmae_vit_large_pretrain": (96, satmae),
    "satlas_swin_v2_base": (512, satlas),
    "croma_vit_large": (120, lambda x: between(x, FMOW_MEANS, FMOW_STDS) / 255),
    "dofa_vit_large": (224, dofa),
    "seco_resnet50_1m_in_ssl4eco": (128, seco_in_ssl4eco),
}
ORDERS = {
    "satmae": "B2 B3 B4 B5 B6 B7 B8 B8A B11 B12",
    "satlas": "B4 B3 B2 B5 B6 B7 B8 B11 B12",
    "croma": "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12",
    "dofa": "B4 B3 B2 B5 B6 B7 B8 B11 B12",
    "seco_resnet": "B4 B3 B2",
    "seco_eco_resnet50_12": "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12",
    "seco_eco_resnet50": "B2 B3 B4 B5 B6 B7 B8 B8A NDVI",
}
# Every band its own number, in stored units: dark, plain, bright, and above what 8 bits hold.
STORED = {
    "B1": 611, "B2": 1187, "B3": 2399, "B4": 2999, "B5": 3181, "B6": 4211, "B7": 5003, "B8": 6007, "B8A": 7013,
    "B9": 997, "B10": 13, "B11": 8167, "B12": 12_007, "NDVI": 5701, "VV": 32_003, "VH": 30_011,
}  # fmt: skip


def their_size_and_scale(name: str, channels: tuple[str, ...]):
    if name in THEIRS:
        return THEIRS[name]
    if channels == ("VV", "VH"):
        return 224, radar
    if name.startswith("seco_eco"):
        return 224, lambda x: x / 255
    if name.startswith("seco"):
        return 224, seco
    return 224, lambda x: eight_bits(x / 10000.0 * 255.0) / 255


@pytest.mark.parametrize("name", sorted(known()))
def test_what_arrives_at_the_first_layer(name):
    """Bands of distinct numbers through the whole preprocessing of released weights, into a probe that only looks."""
    row = known()[name]
    order = next((o for start, o in sorted(ORDERS.items(), reverse=True) if name.startswith(start)), None)
    assert order is None or row.channels == tuple(order.split())
    model = Model.model_validate({"method": {"name": "published", "weights": name}})
    preprocess = Preprocess.from_model(model, None)
    seen = []
    probe = torch.nn.Conv2d(len(row.channels), 1, 1)
    probe.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    stored = np.array([STORED[c] for c in row.channels], np.uint16)
    probe(preprocess(np.broadcast_to(stored[:, None, None], (len(stored), 264, 264)))[None])
    size, scale = their_size_and_scale(name, row.channels)
    assert seen[0].shape == (1, len(row.channels), size, size)
    values = seen[0][0].flatten(1)
    assert torch.allclose(values, values[:, :1], atol=1e-5)
    expected = scale(stored.astype(np.float64)[None, None])[0, 0]
    np.testing.assert_allclose(values[:, 0], expected, atol=2e-5)


@pytest.mark.parametrize(("scale", "theirs"), [("dofa", dofa), ("satlas", satlas), ("two_sigma_fmow", satmae)])
def test_every_stored_value_as_in_their_code(scale, theirs):
    """8-bit arithmetic, done twice by DOFA; apart from values that the two round apart in their last digit."""
    channels = tuple(ORDERS["satmae" if scale == "two_sigma_fmow" else scale].split())
    found = network_input(scale, channels, ALL_DN)
    expected = theirs(np.broadcast_to(ALL_DN.astype(np.float64)[:, None], (len(ALL_DN), len(channels)))).T
    differs = np.abs(found - expected) > 1e-5
    assert differs.mean() < 1e-3 and np.abs(found - expected).max() <= 2 / 255 + 1e-6


@pytest.mark.parametrize(
    ("name", "channels", "told"),
    [
        ("rgb_quantiles_imagenet", ("B4", "B8"), "is known for B2, B3, B4, not for 'B8'"),
        ("two_sigma", ("B2", "NDVI"), "not for 'NDVI'"),
        ("reflectance_8bit", ("VV",), "'VV' is backscatter"),
        ("satlas", ("B4", "B8A"), "not for 'B8A'"),
        ("dofa", ("B1",), "not for 'B1'"),
        ("two_sigma_bigearthnet", ("B10",), "not for 'B10'"),
        ("two_sigma_fmow", ("NDVI",), "not for 'NDVI'"),
        ("standardise", ("B2",), "'B2' is missing"),
    ],
)
def test_channels_without_constants_are_refused(name, channels, told):
    with pytest.raises(UserError, match=told):
        scale_of(name, channels, None, "the model")
