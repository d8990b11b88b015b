"""Pauses between attempts, counts of failures, and what is said while the user waits."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import BANDS
from fake_source import FakeSource, fake_pixels
from greenup.bands import KEPT
from greenup.grids import PatchGrid
from greenup.imagery.base import PassingError, Pixels, SceneMissing, read_many
from greenup.imagery.patience import Patience
from greenup.patches.container import Form
from greenup.patches.fetch import AT_ONCE_BYTES, Fetcher, Image, Progress, image_bytes, shares

FORM = Form(BANDS, 26, True, "test")


def image(scene: str) -> Image:
    return Image("s", "spring", scene, pd.Timestamp("2020-04-01", tz="UTC"), PatchGrid(32631, 0.0, 600.0, 26))


@pytest.fixture
def pauses(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("greenup.patches.fetch.time.sleep", lambda s: slept.append(s) if s else None)
    return slept


def test_pauses_double_and_vary(pauses):
    fetcher = Fetcher(FakeSource(fails={"a": [PassingError("x")] * 9}), FORM, Patience(5, 2.0, 4))
    assert fetcher.read([image("a")]) == [None]
    assert len(pauses) == 4, "none after the last attempt"
    for k, pause in enumerate(pauses):
        assert 0.5 * 2 * 2**k <= pause <= 1.5 * 2 * 2**k
    assert len({p / 2**k for k, p in enumerate(pauses)}) == 4


def test_what_will_never_pass_is_not_tried_again(pauses):
    source = FakeSource(fails={"a": [SceneMissing("gone")]})
    (answer,) = Fetcher(source, FORM, Patience()).read([image("a")])
    assert isinstance(answer, SceneMissing) and str(answer) == "gone"
    assert source.reads["a"] == 1 and not pauses


def test_only_failures_in_a_row_count_against_a_source(pauses):
    names = [f"{kind}{i}" for i in range(6) for kind in ("bad", "good")]
    source = FakeSource(fails={n: [PassingError("busy", "quota")] * 9 for n in names if n.startswith("bad")})
    fetcher = Fetcher(source, FORM, Patience(2, 0.0, 2, quota_attempts=3))
    got = [fetcher.read([image(n)])[0] is not None for n in names]
    assert got == [False, True] * 6
    assert fetcher.lacking == 6 and fetcher.skipped == 0
    assert fetcher.causes() == "6 quota (busy)"


def test_a_quota_is_waited_for_longer_than_an_error_and_pauses_have_an_end(pauses):
    patience = Patience(3, 2.0, 9, quota_attempts=7, longest_s=10.0)
    fetcher = Fetcher(FakeSource(fails={"a": [PassingError("busy", "quota")] * 9}), FORM, patience)
    assert fetcher.read([image("a")]) == [None]
    assert len(pauses) == 6
    for pause, expected in zip(pauses, (2, 4, 8, 10, 10, 10), strict=True):
        assert 0.5 * expected <= pause <= 1.5 * expected


def test_images_of_a_site_are_read_together_and_only_the_failed_again(pauses):
    class Bulk:
        def __init__(self, one) -> None:
            self.one, self.asked = one, []

        def read_many(self, scene_ids, grid, bands):
            self.asked.append(list(scene_ids))
            return read_many(self.one, scene_ids, grid, bands)

    fails = {"b": [PassingError("reset")], "c": [SceneMissing("gone")], "d": [KeyError("a fault")]}
    source = Bulk(FakeSource(fails=fails))
    fetcher = Fetcher(source, FORM, Patience(3, 1.0, 9))
    got = fetcher.read([image(n) for n in "abcd"])
    assert source.asked == [["a", "b", "c", "d"], ["b"]]
    assert [type(g) for g in got] == [Pixels, Pixels, SceneMissing, KeyError]
    for name, pixels in zip("ab", got, strict=False):
        np.testing.assert_array_equal(pixels.values[10], fake_pixels(name, image(name).grid, BANDS).values[10])
    assert fetcher.lacking == 0 and len(pauses) == 1


def test_what_is_known_is_handed_out_before_a_pause():
    """So that a job that is killed in a long pause has lost nothing."""
    seen: list[str] = []

    class Watched(Patience):
        def wait(self, cause, tried, *key):
            seen.append(f"pause for {key[1]} by {cause}")
            return True

    fails = {"b": [PassingError("busy", "quota"), PassingError("reset")]}
    fetcher = Fetcher(FakeSource(fails=fails), FORM, Watched())
    for batch in fetcher.answers([image(n) for n in "abc"]):
        seen += [i.scene_id for i, _ in batch]
    assert seen == ["a", "c", "pause for spring by quota", "pause for spring by error", "b"]


@pytest.mark.parametrize(
    ("size_px", "threads", "expected"),
    [(264, 40, (40, 5)), (264, 1, (1, 222)), (1024, 40, (14, 1)), (9000, 40, (1, 1))],
)
def test_threads_share_what_fits_into_memory(size_px, threads, expected):
    form = Form(KEPT["s2_l2a"], size_px, True, "test")
    assert shares(form, threads) == expected
    grid = PatchGrid(32631, 0.0, 0.0, size_px if size_px < 300 else 26)
    pixels = fake_pixels("a", grid, form.bands)
    held = sum(v.nbytes for v in (*pixels.values.values(), *pixels.valid.values()))
    assert image_bytes(replace(form, size_px=grid.size_px)) == held
    assert size_px > 5000 or expected[0] * expected[1] * image_bytes(form) <= AT_ONCE_BYTES


def test_kept_images_say_nothing_of_the_time_left(monkeypatch, caplog):
    clock = [0.0]
    monkeypatch.setattr("greenup.patches.fetch.time.monotonic", lambda: clock[0])
    progress = Progress("d/0003", 1000, kept=600)
    with caplog.at_level(logging.INFO):
        clock[0] += 10
        progress.step(600, reused=600)
        for _ in range(20):
            clock[0] += 1
            progress.step(2)
        clock[0] += 100  # the source is slow for a while
        progress.step(2)
        for _ in range(8):
            clock[0] += 10
            progress.step(40)
    told = [r.getMessage() for r in caplog.records]
    assert told[0] == "d/0003: 600 of 1000 images, 0.0 images/s, time left unknown"
    assert told[2] == "d/0003: 640 of 1000 images, 2.0 images/s, 3 min left"
    assert told[-1] == "d/0003: 962 of 1000 images, 4.0 images/s, 10 s left"


def test_progress_tells_rate_and_time_left(monkeypatch, caplog):
    clock = [100.0]
    monkeypatch.setattr("greenup.patches.fetch.time.monotonic", lambda: clock[0])
    progress = Progress("d/0003", 400)
    with caplog.at_level(logging.INFO):
        for _ in range(100):
            clock[0] += 0.25
            progress.step()
    assert [r.getMessage() for r in caplog.records] == [
        "d/0003: 40 of 400 images, 4.0 images/s, 90 s left",
        "d/0003: 80 of 400 images, 4.0 images/s, 80 s left",
    ]
