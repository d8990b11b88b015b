"""Damage is found by name, put aside when asked, and what is whole is left alone."""

from __future__ import annotations

import logging
import os
import re

import h5py
import pandas as pd
import pytest
from fake_source import FakeSource, scene_table, site_table
from greenup.errors import UserError
from greenup.files import read_table, write_table
from greenup.patches.container import ShardFile
from greenup.patches.verify import verify_study
from greenup.schemas import INDEX, LEDGER, SCENES
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
    """Of every file when its content and when anything of it was last changed, its place on disk and its size."""
    stats = {p: p.stat() for p in study.root.rglob("*") if p.is_file()}
    return {p: (s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for p, s in stats.items()}


def test_a_sound_study_passes_untouched(finished, caplog):
    describe(finished)
    before = times(finished)
    with caplog.at_level(logging.INFO):
        verify_study(finished.root)
    assert "2 shards, 12 images, all as they were exported" in caplog.text
    verify_study(finished.root, repair=True)
    assert times(finished) == before


@pytest.mark.parametrize("workers", [1, 3])
def test_processes_and_the_report(finished, workers, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    flip(finished.pixels(0))
    flip(finished.pixels(1), image=5)
    flip(finished.pixels(1), image=1)
    before = times(finished)
    with pytest.raises(UserError, match="2 of 2 shards are wrong") as raised:
        verify_study(finished.root, workers=workers, report=tmp_path / "verify.csv")
    assert times(finished) == before
    # In the order of rows, whichever process found them.
    assert "row 1 (site s003, summer) does not match its checksum; row 5 (site s005, summer)" in str(raised.value)
    found = pd.read_csv(tmp_path / "verify.csv", dtype={"shard": str})
    assert found[["shard", "images", "expected", "state"]].to_numpy().tolist() == [
        ["0000", 6, 6, "damaged"],
        ["0001", 6, 6, "damaged"],
    ]
    assert found["bytes"].tolist() == [finished.pixels(i).stat().st_size for i in (0, 1)]
    line = next(line for line in caplog.text.splitlines() if line.split()[:3] == ["d", "2", "12"])
    assert line.split()[4:] == ["3", "0", "2"]


@pytest.mark.parametrize("dataset", ["pixels_10", "pixels_20", "pixels_60"])
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
    assert "snakemake patches --configfile <yours>" in caplog.text
    assert not finished.pixels(1).exists() and not finished.ledger(1).exists()
    aside = finished.root / "work" / "damaged" / "d"
    assert sorted(p.name for p in aside.iterdir()) == ["0001.0.h5", "0001.0.ledger.parquet", "0001.json"]
    touched = {p for p, t in times(finished).items() if p.name != "previous.h5" and before.get(p) != t}
    assert touched == set(aside.iterdir())

    sites = site_table(6, shards=2)
    source = FakeSource(holed=["s001-summer"])
    finished.export(sites, scene_table(sites[sites["shard"] == 1]), source, 1)
    assert source.reads == {"s004-spring": 1}, "the images that are intact are not fetched twice"
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


def wrong(study, **kwargs):
    with pytest.raises(UserError) as raised:
        verify_study(study.root, **kwargs)
    return raised.value


def rewrite(study, shard, change):
    table = change(read_table(study.ledger(shard), LEDGER))
    write_table(study.ledger(shard), table, LEDGER, simulated=True, attribution="test")


def replaced(column, row, value):
    def change(table):
        table.loc[row, column] = value
        return table

    return change


class TestBadInput:
    """One clear error each: file, field, value, and what to do."""

    def test_another_version_of_the_layout(self, finished):
        with h5py.File(finished.pixels(1), "r+") as file:
            file.attrs["version"] = 1
        said = str(wrong(finished))
        assert "0001.h5: " in said and "layout version 1, this greenup reads version" in said

    def test_a_wrong_checksum(self, finished):
        rewrite(finished, 1, replaced("checksum", 3, "0" * 32))
        assert f"row 3: checksum is {'0' * 32} in the ledger" in str(wrong(finished))

    @pytest.mark.parametrize(
        ("column", "value"),
        [("scene_id", "another"), ("west", 1.0), ("epsg", 32632), ("time", pd.Timestamp(2021, 1, 1, tz="UTC"))],
    )
    def test_a_ledger_that_contradicts_its_shard(self, finished, column, value):
        rewrite(finished, 0, replaced(column, 2, value))
        said = wrong(finished)
        assert f"0000.h5: row 2: {column} is " in str(said) and "snakemake repair" in said.mend
        with pytest.raises(UserError, match=rf"0000\.h5 and .*0000\.ledger\.parquet disagree: row 2: {column} is "):
            describe(finished)

    def test_a_ledger_that_is_no_parquet(self, finished):
        finished.ledger(1).write_text("site_id,season\n")
        assert "0001.h5: its ledger is damaged (" in str(wrong(finished))
        with pytest.raises(UserError, match=r"0001\.ledger\.parquet"):
            describe(finished)

    def test_a_ledger_that_is_another_table(self, finished):
        finished.ledger(1).write_bytes((finished.root / "sites" / "d.parquet").read_bytes())
        assert "holds 'sites', expected 'ledger'" in str(wrong(finished))

    def test_a_status_that_is_not_final(self, finished):
        rewrite(finished, 0, replaced("status", 1, "quota"))
        assert "ledger: site s000, summer: status 'quota' is not final" in str(wrong(finished))

    def test_an_index_that_contradicts(self, finished):
        describe(finished)
        index = read_table(finished.index, INDEX)
        about = {"simulated": True, "attribution": "test"}
        write_table(finished.index, replaced("scene_id", 7, "another")(index), INDEX, **about)
        said = str(wrong(finished))
        assert "1 index not of these shards" in said
        assert "index.parquet: patches/d/0001.h5, row 1: scene_id is another in the index, s003-summer in" in said
        write_table(finished.index, index[:-1], INDEX, **about)
        assert "patches/d/0001.h5: 5 images in the index, 6 in the ledger" in str(wrong(finished))
        verify_study(finished.root, repair=True)
        assert not finished.index.exists() and finished.pixels(1).exists()
        describe(finished)
        verify_study(finished.root)

    def test_a_shard_of_other_sites_in_the_place_of_the_right_one(self, finished):
        write_scenes(finished)
        for part in ("pixels", "ledger"):
            getattr(finished, part)(1).write_bytes(getattr(finished, part)(0).read_bytes())
        said = str(wrong(finished))
        assert "0001.h5: ledger: 6 of 6 site x season of the scenes are lacking (site s003, spring, first)" in said
        assert "6 site x season are not among the scenes (site s000, spring, first): of another sampling" in said
        with pytest.raises(UserError, match=r"site_id \+ season s000, spring stands twice"):
            describe(finished)

    @pytest.mark.parametrize(
        ("patches", "origin", "said"),
        [
            ({"bands": ("B2", "B4")}, "", r"bands is \('B2', 'B4'\), by the configuration \('B2', 'B4', 'B8'"),
            ({"size_px": 30}, "", "size_px is 30, by the configuration 26"),
            ({}, "elsewhere", "origin is 'elsewhere', by the other shards ''"),
        ],
    )
    def test_a_shard_of_another_dataset(self, study, patches, origin, said):
        sites = site_table(9, shards=3)
        study.write_sites(sites)
        for shard in (0, 1, 2):
            other = patches if shard == 1 else {}
            study.export(
                sites,
                scene_table(sites[sites["shard"] == shard]),
                FakeSource(),
                shard,
                patches=study.patches.model_copy(update=other),
                origin=origin if shard == 1 else "",
            )
        configured = {"d": {"shards": 3, "bands": list(study.patches.bands), "size_px": 26}}
        assert re.search(rf"0001\.h5: {said}", str(wrong(study, datasets=configured)))
        assert "1 of 3 shards" in str(wrong(study))
        verify_study(study.root, datasets=configured, repair=True)
        assert not study.pixels(1).exists() and study.pixels(0).exists()


def write_scenes(study):
    """The tables of scenes as they were when the shards were exported."""
    sites = site_table(6, shards=2)
    for shard in (0, 1):
        path = study.root / "scenes" / "d" / f"{shard:04d}.parquet"
        write_table(path, scene_table(sites[sites["shard"] == shard]), SCENES, simulated=True, attribution="test")
        os.utime(path, (1, 1))


def test_scenes_without_their_shard_and_shards_without_their_scenes(finished):
    write_scenes(finished)
    verify_study(finished.root)
    finished.delete_outputs(1)
    assert "0001.h5: its ledger is missing; the pixel file is missing" in str(wrong(finished))


def test_a_ledger_older_than_its_scenes_is_not_repaired(finished):
    """The configuration was changed: the next run exports what is new, and nothing is moved aside."""
    write_scenes(finished)
    path = finished.root / "scenes" / "d" / "0001.parquet"
    scenes = read_table(path, SCENES)
    write_table(path, replaced("scene_id", 0, "later")(scenes), SCENES, simulated=True, attribution="test")
    os.utime(path, (1, 1))
    assert "ledger: site s003, spring: s003-spring in the ledger, later in the scenes" in str(wrong(finished))
    os.utime(path)
    assert "later in the scenes, which is newer" in str(wrong(finished))
    verify_study(finished.root, repair=True)
    assert finished.pixels(1).exists()


def test_shards_beyond_the_configured_number(finished, caplog):
    configured = {"d": {"shards": 1, "bands": None, "size_px": 26}}
    assert "0001.h5: beyond the 1 shards that are configured" in str(wrong(finished, datasets=configured))
    verify_study(finished.root, datasets=configured, repair=True)
    assert not finished.pixels(1).exists()
    assert not list((finished.root / "work" / "damaged" / "d").glob("*.json")), "it is not to be made again"
    verify_study(finished.root, datasets=configured)
    verify_study(finished.root, datasets={"other": {"shards": 1}})
    assert "patches/d: no such dataset is configured" in caplog.text


def test_a_damaged_mask_is_found(finished):
    # The only one that is stored: where all pixels are valid, none is.
    flip(finished.pixels(0), "valid_10", image=0)
    assert "row 3 (site s001, summer) does not match" in str(wrong(finished))


def test_nothing_to_verify_is_said(tmp_path):
    with pytest.raises(UserError, match="no patches below"):
        verify_study(tmp_path)
