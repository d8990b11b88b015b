import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from fakes import tiny_model, write_statistics
from greenup.bands import S2_L1C, S2_L2A
from greenup.config import Model
from greenup.errors import UserError
from greenup.files import read_json
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.randomness import generator
from hypothesis import given
from hypothesis import strategies as st

PLAIN = Preprocess(("B2", "B8"), "reflectance", (0.0, 0.0), (10_000.0, 10_000.0), 8)


@pytest.fixture
def statistics(store, tmp_path):
    return read_json(write_statistics(tmp_path / "s.json", store))


def image(height, width):
    return generator(1, height, width).integers(0, 10_000, (2, height, width)).astype(np.uint16)


def test_standardised_dataset_has_mean_0_and_deviation_1(store, statistics):
    preprocess = Preprocess.from_model(tiny_model(), statistics)
    stack = torch.stack(
        [preprocess(store.read(s, t, preprocess.channels)[0]) for s, t in store.index[["site_id", "season"]].to_numpy()]
    )
    assert preprocess.channels == ("B2", "B8", "NDVI")
    assert stack.dtype == torch.float32


def test_standardise_divides_by_the_statistics_of_each_channel():
    statistics = {
        "channels": {c: {"mean": m, "std": s} for c, m, s in (("B2", 100, 10), ("B8", 200, 20), ("NDVI", 0, 5))}
    }
    preprocess = Preprocess.from_model(tiny_model(), statistics)
    pixels = np.array([110, 220, 10], np.uint16)[:, None, None] * np.ones((3, 32, 32), np.uint16)
    assert preprocess(pixels)[:, 0, 0].tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(("scale", "divisor"), [("published_255", 255), ("reflectance", 10_000)])
def test_fixed_scales(statistics, scale, divisor):
    model = tiny_model().model_copy(update={"input_scale": scale})
    pixels = np.full((3, 32, 32), 5100, np.uint16)
    assert Preprocess.from_model(model, statistics)(pixels)[0, 0, 0] == pytest.approx(5100 / divisor)


def test_missing_channel_and_constant_channel_are_refused(statistics):
    del statistics["channels"]["B8"]
    with pytest.raises(UserError, match="'B8' is missing"):
        Preprocess.from_model(tiny_model(), statistics)
    statistics["channels"]["B8"] = {"mean": 3.0, "std": 0.0}
    with pytest.raises(UserError, match=r"B8.std is 0.0"):
        Preprocess.from_model(tiny_model(), statistics)


def test_larger_images_are_cropped_at_their_centre():
    pixels = image(20, 12)
    np.testing.assert_allclose(PLAIN(pixels).numpy(), pixels[:, 6:14, 2:10] / 1e4, rtol=1e-6)


def test_smaller_images_are_resized_by_opencv():
    pixels = image(4, 4)
    expected = cv2.resize(np.moveaxis(pixels, 0, -1).astype(np.float32), (8, 8), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(PLAIN(pixels).numpy(), np.moveaxis(expected, -1, 0) / 1e4, rtol=1e-5)


@given(st.integers(1, 30), st.integers(1, 30))
def test_every_size_comes_out_as_asked(height, width):
    assert PLAIN(image(height, width)).shape == (2, 8, 8)


def test_bicubic_is_opencvs():
    """Up to the shorter side, then the centre: what SSL4Eco's evaluation does to images smaller than its networks'."""
    pixels, bicubic = image(6, 9), replace(PLAIN, interpolation="bicubic")
    whole = cv2.resize(np.moveaxis(pixels, 0, -1).astype(np.float32), (12, 8), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(bicubic(pixels).numpy(), np.moveaxis(whole[:, 2:10], -1, 0) / 1e4, atol=1e-5)
    assert not np.allclose(bicubic(pixels), PLAIN(pixels))
    large = image(20, 12)
    assert torch.equal(bicubic(large), PLAIN(large))
    with pytest.raises(ValueError, match="interpolation 'nearest', none of bilinear, bicubic"):
        replace(PLAIN, interpolation="nearest")


LEVEL_1C = Model.model_validate({"method": {"name": "published", "weights": "ssl4eo_moco_resnet50"}})


class TestMissingChannels:
    def test_b10_is_0_where_images_do_not_have_it(self, caplog):
        """Level-2A into a network of Level-1C: every other band at its own place."""
        preprocess = Preprocess.from_model(LEVEL_1C, None)
        given = preprocess.channels_of(S2_L2A, "images")
        assert given == S2_L2A and "images: the images have no B10, which the network sees as 0" in caplog.text
        stored = np.arange(1, 13, dtype=np.uint16) * 400
        seen = preprocess(np.broadcast_to(stored[:, None, None], (12, 230, 230)), given)
        assert seen.shape == (13, 224, 224)
        expected = np.insert(np.floor(stored / 1e4 * 255 + 1e-6) / 255, 10, 0)
        np.testing.assert_allclose(seen[:, 100, 100], expected, atol=1e-6)
        assert (seen == seen[:, :1, :1]).all()

    def test_it_is_read_where_images_have_it(self):
        preprocess = Preprocess.from_model(LEVEL_1C, None)
        assert preprocess.channels_of(S2_L1C, "images") == S2_L1C
        pixels = np.full((13, 224, 224), 4000, np.uint16)
        assert torch.equal(preprocess(pixels, S2_L1C), preprocess(pixels)) and (preprocess(pixels)[10] > 0).all()

    def test_another_missing_channel_is_refused(self):
        preprocess = Preprocess.from_model(LEVEL_1C, None)
        with pytest.raises(UserError, match=r"bigearthnet: the images have no channel 'B8A', which the model needs"):
            preprocess.channels_of([c for c in S2_L2A if c != "B8A"], "bigearthnet")
        with pytest.raises(ValueError, match="do not make"):
            preprocess(np.zeros((12, 8, 8), np.uint16), tuple(c for c in S2_L1C if c != "B8A"))

    def test_an_index_needs_its_bands(self):
        preprocess = Preprocess(("B2", "NDVI"), "reflectance", (0.0, 0.0), (1e4, 1e4))
        assert preprocess.channels_of(("B2", "B4", "B8"), "images") == ("B2", "NDVI")
        with pytest.raises(UserError, match="'NDVI'"):
            preprocess.channels_of(("B2", "B4"), "images")

    def test_zero_is_what_the_network_sees(self):
        """Of standardised input too, where a stored 0 is far from the mean."""
        preprocess = Preprocess(("B2", "B8"), "standardise", (900.0, 800.0), (10.0, 10.0), 8, zero_when_missing=("B2",))
        seen = preprocess(np.full((1, 8, 8), 820, np.uint16), ("B8",))
        assert seen[0].unique().tolist() == [0.0] and seen[1].unique().tolist() == [2.0]


def test_what_is_not_rounded_and_what_is_rounded_twice():
    """0 levels leave a channel whole; steps round what comes out, within 0..1."""
    some = Preprocess(("B2", "B8"), "x", (0.0, 0.0), (1e4, 1e4), 8, (0.0, 0.0), (1e4, 1e4), (10, 0))
    pixels = np.full((2, 8, 8), 1999, np.uint16)
    np.testing.assert_allclose(some(pixels)[:, 0, 0], [0.1, 0.1999], atol=1e-6)
    twice = replace(some, mean=(0.0, -1000.0), steps=4)
    np.testing.assert_allclose(twice(pixels)[:, 0, 0], [0.0, 0.25], atol=1e-6)
    np.testing.assert_allclose(twice(pixels * 5)[:, 0, 0], [0.75, 1.0], atol=1e-6)


def test_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="does not have the 2 channels"):
        PLAIN(np.zeros((3, 8, 8), np.uint16))


def test_json_gives_back_the_same():
    assert Preprocess.from_json(json.loads(json.dumps(PLAIN.to_json()))) == PLAIN


def test_batch_and_single_image_are_scaled_alike():
    pixels = np.stack([image(8, 8)] * 3)
    batch = PLAIN.scale(torch.from_numpy(pixels))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch[1], PLAIN(pixels[1]))


def test_invalid_pixels_get_the_mean_of_the_valid():
    pixels = np.arange(2 * 4 * 4, dtype=np.uint16).reshape(2, 4, 4) * 100
    valid = np.ones((4, 4), bool)
    assert fill_invalid(pixels, valid) is pixels
    valid[0] = False
    filled = fill_invalid(pixels, valid)
    assert (filled[0, 0] == 950).all() and (filled[1, 0] == 2550).all()
    np.testing.assert_array_equal(filled[:, 1:], pixels[:, 1:])
    with pytest.raises(ValueError, match="without one valid pixel"):
        fill_invalid(pixels, np.zeros((4, 4), bool))


def radar_model(scale):
    return tiny_model().model_copy(update={"channels": ("VV", "VH"), "input_scale": scale})


def test_backscatter_is_standardised_in_decibels():
    """The statistics are of stored values; what comes out is (dB - mean dB) / deviation in dB."""
    decibels = np.stack([generator(1, p).normal(m, 3, (32, 32)) for p, m in (("VV", -12.5), ("VH", -20.2))])
    stored = np.rint((decibels + 80) * 500).astype(np.uint16)
    channels = {c: {"mean": float(b.mean()), "std": float(b.std())} for c, b in zip(("VV", "VH"), stored, strict=True)}
    out = Preprocess.from_model(radar_model("standardise"), {"channels": channels})(stored).numpy()
    mean, std = decibels.mean(axis=(1, 2), keepdims=True), decibels.std(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(out, (decibels - mean) / std, atol=2e-3)


def test_fixed_scales_of_backscatter():
    stored = np.full((2, 32, 32), 34_000, np.uint16)
    assert Preprocess.from_model(radar_model("reflectance"), {})(stored).unique().tolist() == [-12.0]
    with pytest.raises(UserError, match=r"'VV' is backscatter\n  mend: write input_scale: standardise"):
        Preprocess.from_model(radar_model("published_255"), {})


@pytest.mark.parametrize("scale", ["standardise", "reflectance", "published_255"])
def test_masks_are_no_input(scale):
    model = tiny_model().model_copy(update={"channels": ("B2", "SCL"), "input_scale": scale})
    with pytest.raises(UserError, match=r"channels: 'SCL' is a mask.*\n  mend: leave it out"):
        Preprocess.from_model(model, {"channels": {c: {"mean": 4.0, "std": 2.0} for c in ("B2", "SCL")}})


def test_level_1c_with_its_cirrus_band():
    statistics = {"channels": {c: {"mean": 20.0, "std": 50.0} for c in S2_L1C}}
    model = tiny_model().model_copy(update={"channels": S2_L1C})
    assert Preprocess.from_model(model, statistics)(np.full((13, 32, 32), 70, np.uint16)).unique().tolist() == [1.0]


EIGHT_BIT = Preprocess(("B2", "B8"), "x", (0.0, 0.0), (1e4, 1e4), 8, (0.0, 0.0), (1e4, 1e4), (255, 255))


def test_files_of_before_the_cut_are_read():
    new = ("low", "high", "levels", "steps", "interpolation", "zero_when_missing")
    old = {k: v for k, v in PLAIN.to_json().items() if k not in new}
    assert Preprocess.from_json(old) == PLAIN
    assert Preprocess.from_json(json.loads(json.dumps(EIGHT_BIT.to_json()))) == EIGHT_BIT


@pytest.mark.parametrize("more", [{"low": (0.0, 0.0)}, {"levels": (255, 255)}, {"low": (0.0,), "high": (1.0,)}])
def test_half_a_cut_is_refused(more):
    with pytest.raises(ValueError, match=r"low|levels"):
        Preprocess(("B2", "B8"), "x", (0.0, 0.0), (1.0, 1.0), None, **more)


def test_scaling_changes_nothing_it_is_given():
    pixels = torch.from_numpy(image(8, 8).astype(np.float32))
    before = pixels.clone()
    for preprocess in (PLAIN, EIGHT_BIT):
        preprocess.scale(pixels)
        assert torch.equal(pixels, before)


def test_constants_are_made_once_a_device(monkeypatch):
    """A new tensor a call is a copy to the device, which waits for it; and training goes on after inference mode."""
    fresh = Preprocess(("B2", "B8"), "fresh", (0.0, 0.0), (1e4, 1e4), 8, (0.0, 0.0), (1e4, 1e4), (255, 255))
    pixels = torch.from_numpy(image(8, 8))
    with torch.inference_mode():
        first = fresh.scale(pixels)
    monkeypatch.setattr(torch, "tensor", None)
    weight = torch.ones(1, requires_grad=True)
    (fresh.scale(pixels) * weight).sum().backward()
    assert torch.equal(fresh.scale(pixels), first) and weight.grad is not None


def test_an_image_for_a_vit_has_the_size_of_its_views():
    model = tiny_model(name="mae")
    assert model.backbone == "vit_tiny"
    plain = model.model_copy(update={"size_px": None, "input_scale": "reflectance"})
    assert Preprocess.from_model(plain, None).size_px == model.method.crop_px
