"""Images for fine-tuning: crops of stored pixels, and the frame they are judged in."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from finetuned import CHANNELS, SIZE, PatternStore, preprocess_of
from greenup.errors import UserError
from greenup.evaluate.finetune_images import BATCH, Crops, Judged, Scaling, images_of

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 65536, (2, 20, 20), dtype=np.uint16)


def crop(crops, image=IMAGE, seed=0):
    views, mask = crops(lambda number: image, 1, np.random.default_rng(seed))
    assert mask is None and len(views) == 1
    return views[0][0]


@pytest.mark.parametrize(
    ("size", "interpolation"), [(16, "bilinear"), (20, "bilinear"), (28, "bilinear"), (28, "bicubic")]
)
def test_the_whole_image_is_the_frame_it_is_judged_in(size, interpolation):
    preprocess = replace(preprocess_of(size), interpolation=interpolation)
    image = IMAGE // 2 + 10_000
    view = crop(Crops(size, (1, 1), "none", interpolation), image)
    seen = preprocess.scale(torch.from_numpy(view.astype(np.float32)))
    # Of resized images stored values are rounded: half a unit, over a deviation of 500.
    torch.testing.assert_close(seen, preprocess(image), rtol=0, atol=0.0011)


def test_nothing_wraps_around():
    """Cubic interpolation overshoots a step from 0 to 65 535 on both sides."""
    step = np.zeros((1, 12, 12), np.uint16)
    step[..., 6:] = 65_535
    view = crop(Crops(24, (1, 1), "none", "bicubic"), step)
    assert (view[..., :10] == 0).all() and (view[..., 14:] == 65_535).all()


def test_crops_cover_the_share_asked_for():
    """Of a ramp, the spread of a crop tells its extent."""
    ramp = np.tile(np.arange(0, 20_000, 100, dtype=np.uint16), (1, 200, 1))
    spreads = [np.ptp(crop(Crops(64, (0.25, 0.25), "none"), ramp, seed).astype(int)) for seed in range(40)]
    widths = np.array(spreads) / 100 + 1
    # A quarter of the area, aspect 3/4..4/3: 0.433 to 0.577 of the side.
    assert widths.min() > 0.43 * 200 - 4 and widths.max() < 0.58 * 200 + 1 and np.ptp(widths) > 10


@pytest.mark.parametrize(("flips", "ways"), [("none", 1), ("horizontal", 2), ("all", 8)])
def test_flips(flips, ways):
    seen = {crop(Crops(20, (1, 1), flips), seed=s).tobytes() for s in range(120)}
    assert len(seen) == ways and IMAGE.tobytes() in seen
    if flips != "none":
        assert np.ascontiguousarray(IMAGE[..., ::-1]).tobytes() in seen


def test_zero_filled_channels_are_zero_at_the_input():
    preprocess = replace(preprocess_of(20), channels=("B2", "B10", "B8"), mean=(9.0,) * 3, std=(2.0,) * 3)
    preprocess = replace(preprocess, zero_when_missing=("B10",))
    scaling = Scaling(preprocess, preprocess.channels_of(CHANNELS, "m"))
    seen = scaling.scale(torch.from_numpy(IMAGE[None]))
    assert scaling.given == CHANNELS and seen.shape == (1, 3, 20, 20) and not seen[:, 1].any()
    torch.testing.assert_close(seen[0], preprocess(IMAGE, CHANNELS))
    whole = Scaling(preprocess_of(20), CHANNELS).scale(torch.from_numpy(IMAGE[None]))
    torch.testing.assert_close(whole[0], preprocess_of(20)(IMAGE))


KEYS = [(f"i{n:03d}", "summer") for n in range(BATCH + 9)]


class TestJudged:
    def test_all_in_order_as_when_embedding_and_read_once(self, monkeypatch):
        reads = []
        monkeypatch.setattr(Judged, "__getitem__", _counting(reads))
        images = Judged(KEYS, PatternStore(), Scaling(preprocess_of(), CHANNELS), workers=0)
        first, second = torch.cat(list(images.batches())), torch.cat(list(images.batches()))
        assert first.shape == (BATCH + 9, 2, SIZE, SIZE) and torch.equal(first, second)
        assert reads == list(range(BATCH + 9))
        torch.testing.assert_close(first[70], preprocess_of()(PatternStore().read("i070", "", CHANNELS)[0]))

    def test_what_does_not_fit_is_read_again(self, monkeypatch):
        monkeypatch.setattr("greenup.evaluate.finetune_images.MEMORY", 1000)
        reads = []
        monkeypatch.setattr(Judged, "__getitem__", _counting(reads))
        images = Judged(KEYS[:3], PatternStore(), Scaling(preprocess_of(), CHANNELS), workers=0)
        assert torch.equal(*(torch.cat(list(images.batches())) for _ in range(2)))
        assert reads == [0, 1, 2, 0, 1, 2]

    def test_an_error_in_a_worker_arrives_whole(self):
        images = Judged(KEYS[:3], PatternStore(broken=("i001",)), Scaling(preprocess_of(), CHANNELS), workers=1)
        with pytest.raises(UserError, match=r"^the image of site i001, summer has no valid pixel") as told:
            list(images.batches())
        assert told.value.mend == "look at its row in the ledger"


def _counting(reads):
    read = Judged.__getitem__

    def counted(self, row):
        reads.append(row)
        return read(self, row)

    return counted


class TestSources:
    def test_a_dataset(self, tmp_path):
        pd.DataFrame({"site_id": ["a"]}).to_parquet(tmp_path / "index.parquet")
        (tmp_path / "statistics.json").write_text('{"channels": {"B2": {}, "B8": {}}}')
        where = json.dumps(
            {k: str(tmp_path / f) for k, f in (("index", "index.parquet"), ("statistics", "statistics.json"))}
        )
        images = images_of(where)
        assert images.available == ("B2", "B8")
        pd.DataFrame({"site_id": ["b"]}).to_parquet(tmp_path / "index.parquet")
        assert images_of(where).version != images.version

    def test_an_image_set(self, monkeypatch):
        class Reader:
            channels = ("B4", "B3")

            def read(self, image_id, channels):
                return f"{image_id}: {channels}"

        opened = []
        monkeypatch.setattr("greenup.tasks.image_sets.open_image_set", lambda s: opened.append(s) or Reader())
        images = images_of(json.dumps({"kind": "eurosat", "folder": "data/eurosat"}))
        assert images.available == ("B4", "B3") and opened[0].folder == "data/eurosat"
        assert images.open_store().read("x", "", ["B4"]) == "x: ('B4',)"
