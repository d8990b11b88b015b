"""Damage is found by name, put aside when asked, and what is whole is left alone."""

from __future__ import annotations

import logging

import pytest
from fake_source import FakeSource, scene_table, site_table
from greenup.errors import UserError
from greenup.files import read_table, write_table
from greenup.patches.container import ShardFile
from greenup.patches.verify import verify_study
from greenup.schemas import LEDGER
from test_describe import describe


def flip(path, dataset="pixels_20", image=2):
    """Change one bit of the data of one image."""
    with ShardFile(path) as file:
        chunk = file.handle[dataset].id.get_chunk_info(image)
    with path.open("r+b") as handle:
        handle.seek(chunk.byte_offset + chunk.size // 2)
        byte = handle.read(1)[0]
        handle.seek(-1, 1)
        handle.write(bytes([byte ^ 0x04]))


def times(study):
    return {p: p.stat().st_mtime_ns for p in study.root.rglob("*") if p.is_file()}


def test_a_sound_study_passes_untouched(finished, caplog):
    describe(finished)
    before = times(finished)
    with caplog.at_level(logging.INFO):
        verify_study(finished.root)
    assert "2 shards, 12 images, all as they were exported" in caplog.text
    verify_study(finished.root, repair=True)
    assert times(finished) == before


@pytest.mark.parametrize("dataset", ["pixels_10", "pixels_20", "pixels_60", "valid_10"])
def test_one_bit_is_found_and_repaired(finished, dataset, caplog):
    whole = finished.pixels(1).read_bytes()
    describe(finished)
    flip(finished.pixels(1), dataset)
    before = times(finished)
    with pytest.raises(UserError, match="1 of 2 shards are wrong") as raised:
        verify_study(finished.root)
    assert "0001.h5: row 2 (site s004, spring) does not match its checksum" in str(raised.value)
    assert times(finished) == before

    verify_study(finished.root, repair=True)
    assert f"snakemake {finished.pixels(1)} --configfile <yours>" in caplog.text
    assert not finished.pixels(1).exists() and not finished.ledger(1).exists()
    assert not (finished.work(1) / "previous.h5").exists(), "the link hands the damaged bytes on"
    aside = finished.root / "work" / "damaged" / "d"
    assert sorted(p.name for p in aside.iterdir()) == ["0001.0.h5", "0001.0.ledger.parquet"]
    touched = {p for p, t in times(finished).items() if before.get(p) != t}
    assert touched == set(aside.iterdir())

    sites = site_table(6, shards=2)
    source = FakeSource(holed=["s001-summer"])
    finished.export(sites, scene_table(sites[sites["shard"] == 1]), source, 1)
    assert source.reads.total() == 6
    assert finished.pixels(1).read_bytes() == whole
    verify_study(finished.root)


def test_two_repairs_do_not_overwrite_each_other(finished):
    sites = site_table(6, shards=2)
    for _ in range(2):
        flip(finished.pixels(0))
        verify_study(finished.root, repair=True)
        finished.export(sites, scene_table(sites[sites["shard"] == 0]), FakeSource(), 0)
    assert len(list((finished.root / "work" / "damaged" / "d").glob("*.h5"))) == 2


def test_missing_cut_and_contradictory_files(finished):
    describe(finished)
    raw = finished.pixels(0).read_bytes()
    finished.pixels(0).write_bytes(raw[:-500])
    finished.pixels(1).unlink()
    with pytest.raises(UserError, match="2 of 2") as raised:
        verify_study(finished.root)
    assert "0000.h5: damaged: the file cannot be read" in str(raised.value)
    assert "0001.h5: the pixel file is missing" in str(raised.value)
    # Both files of a shard gone: the index of the dataset still speaks of it.
    finished.ledger(1).unlink()
    with pytest.raises(UserError, match=r"0001\.h5: its ledger is missing; the pixel file is missing"):
        verify_study(finished.root)
    finished.pixels(0).write_bytes(raw)
    ledger = read_table(finished.ledger(0), LEDGER)
    write_table(finished.ledger(0), ledger[:-2], LEDGER, simulated=True, attribution="test")
    with pytest.raises(UserError, match=r"0000\.h5: the ledger has 4 images, the pixel file 6"):
        verify_study(finished.root)
    finished.ledger(0).write_bytes(b"not a table")
    with pytest.raises(UserError, match=r"0000\.h5: its ledger is damaged"):
        verify_study(finished.root)


def test_nothing_to_verify_is_said(tmp_path):
    with pytest.raises(UserError, match="no patches below"):
        verify_study(tmp_path)
