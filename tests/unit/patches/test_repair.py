"""Shards put aside, interrupted anywhere, and time stamps given back where the images are the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_source import FakeSource, scene_table, site_table
from greenup.errors import UserError
from greenup.files import read_table, write_table
from greenup.patches.repair import put_aside, put_index_aside, settle, waiting
from greenup.patches.verify import verify_study
from greenup.schemas import LEDGER
from test_describe import describe
from test_verify import flip

LONG_AGO = 1_600_000_000_123_456_789


def age(study, shard):
    for path in (study.pixels(shard), study.ledger(shard)):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))


def export_again(study, shard, source=None):
    sites = site_table(6, shards=2)
    study.export(sites, scene_table(sites[sites["shard"] == shard]), source or FakeSource(holed=["s001-summer"]), shard)


def test_the_same_images_get_their_time_back(finished, caplog):
    caplog.set_level("INFO")
    age(finished, 1)
    flip(finished.pixels(1))
    os.utime(finished.pixels(1), ns=(LONG_AGO, LONG_AGO))
    put_aside(finished.root, finished.pixels(1), finished.ledger(1))
    assert waiting(finished.root) == {"d"}
    settle(finished.root)
    assert waiting(finished.root) == {"d"}, "nothing is settled before the shard is there"
    export_again(finished, 1)
    assert waiting(finished.root) == {"d"}, "a run that was killed here must not make what depends on the shard"
    settle(finished.root)
    assert waiting(finished.root) == set()
    assert "the same images as before the damage" in caplog.text
    assert {p.stat().st_mtime_ns for p in (finished.pixels(1), finished.ledger(1))} == {LONG_AGO}
    # Once: a shard that is made again for another reason keeps the time of that.
    export_again(finished, 1)
    settle(finished.root)
    assert finished.pixels(1).stat().st_mtime_ns > LONG_AGO


def test_other_images_keep_their_new_time(finished, caplog):
    age(finished, 1)
    put_aside(finished.root, finished.pixels(1), finished.ledger(1), reuse=False)
    export_again(finished, 1, FakeSource(holed=["s003-spring"]))
    settle(finished.root)
    assert "not the same images as before the damage" in caplog.text
    assert finished.pixels(1).stat().st_mtime_ns > LONG_AGO and finished.ledger(1).stat().st_mtime_ns > LONG_AGO


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_interrupted_repair_ends_whole_when_run_again(finished, steps, monkeypatch):
    """Killed before the note, before the ledger, or before the pixel file is moved."""
    whole = finished.pixels(1).read_bytes()
    age(finished, 1)
    flip(finished.pixels(1))
    os.utime(finished.pixels(1), ns=(LONG_AGO, LONG_AGO))
    left = [steps]
    calm = {name: getattr(Path, name) for name in ("rename", "replace")}

    def fragile(name):
        def move(self, target):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return calm[name](self, target)

        return move

    with monkeypatch.context() as patched:
        for name in calm:
            patched.setattr(Path, name, fragile(name))
        with pytest.raises(KeyboardInterrupt):
            put_aside(finished.root, finished.pixels(1), finished.ledger(1))
    settle(finished.root)
    assert waiting(finished.root) == ({"d"} if steps == 2 else set())
    with pytest.raises(UserError, match=r"0001\.h5: .*row 2 \(site s004, spring\)"):
        verify_study(finished.root)
    verify_study(finished.root, repair=True)
    aside = finished.root / "work" / "damaged" / "d"
    assert {p.name for p in aside.iterdir() if p.suffix != ".part"} == {
        "0001.0.h5", "0001.0.ledger.parquet", "0001.json"
    }  # fmt: skip
    export_again(finished, 1)
    settle(finished.root)
    assert finished.pixels(1).read_bytes() == whole and finished.pixels(1).stat().st_mtime_ns == LONG_AGO
    verify_study(finished.root)


def test_damaged_again_before_the_end_of_the_run(finished):
    """What everything else was made from is the first one."""
    age(finished, 1)
    put_aside(finished.root, finished.pixels(1), finished.ledger(1))
    export_again(finished, 1)
    flip(finished.pixels(1))
    verify_study(finished.root, repair=True)
    export_again(finished, 1)
    settle(finished.root)
    assert finished.pixels(1).stat().st_mtime_ns == LONG_AGO
    assert len(list((finished.root / "work" / "damaged" / "d").glob("*.h5"))) == 2


def test_more_than_pixels_is_wrong_then_nothing_of_the_file_is_used_again(finished):
    ledger = read_table(finished.ledger(1), LEDGER)
    write_table(finished.ledger(1), ledger.assign(cloud=77.0), LEDGER, simulated=True, attribution="test")
    with pytest.raises(UserError, match=r"row 0: cloud is 77\.0 in the ledger, 1\.5 in the pixel file"):
        verify_study(finished.root)
    verify_study(finished.root, repair=True)
    source = FakeSource()
    export_again(finished, 1, source)
    assert source.reads.total() == 6
    verify_study(finished.root)


def test_an_index_that_contradicts_is_put_aside(finished):
    describe(finished)
    put_index_aside(finished.root, finished.index)
    describe(finished)
    put_index_aside(finished.root, finished.index)
    assert not finished.index.exists()
    assert len(list((finished.root / "work" / "damaged" / "d").glob("index.*.parquet"))) == 2
