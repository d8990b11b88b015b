"""The real Snakemake, run again with a changed configuration: only the new is fetched, as the jobs' logs count."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from greenup.files import read_table
from greenup.patches.tally import read_line
from greenup.schemas import LEDGER

from .conftest import snakemake

STUDY = """
study: reuse
seed: 3
datasets:
  d:
    sites: {{sampler: uniform, count: 14}}
    phenology: {{source: miniature}}
    seasons: {{{seasons}}}
    imagery: {{source: miniature, seed: 11}}
    scenes: {{years: {years}, min_images: 1}}
    patches: {{size_px: 24, bands: {bands}}}
    shards: {shards}
"""
FIRST = {"seasons": "rule: evi", "years": "[2019, 2020]", "shards": 2, "bands": "[B2, B4, B8, B5, B9]"}


def patches(folder: Path, **changed) -> tuple[Counter, set[tuple], dict]:
    """Run to the patches; what the jobs of this run told, the (scene, grid) that are stored, and their checksums."""
    config = folder / "study.yaml"
    config.write_text(STUDY.format(**{**FIRST, **changed}))
    logs = folder / "results/reuse/logs/export_patches/d"
    for log in logs.glob("*.log"):
        log.unlink()
    snakemake(folder, "patches", config=config)
    told: Counter = Counter()
    for log in logs.glob("*.log"):
        told.update(read_line(log.read_text()))
    stored = {}
    shards = {**FIRST, **changed}["shards"]
    for number in range(shards):
        ledger = read_table(folder / f"results/reuse/patches/d/{number:04d}.ledger.parquet", LEDGER)
        assert set(ledger["status"]) <= {"ok", "masked", "no_scene", "cloudy", "no_season"}
        # One without a valid pixel stands in no store, but is kept as well.
        for row in ledger[ledger["status"].isin(["ok", "masked"])].itertuples():
            stored[row.scene_id, row.epsg, row.west, row.north] = row.checksum
    return told, set(stored), stored


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, tuple]:
    """One folder, one change after the other."""
    folder = tmp_path_factory.mktemp("reuse")
    changes = {
        "first": {},
        "years": {"years": "[2019, 2021]"},
        "rule": {"years": "[2019, 2021]", "seasons": "rule: calendar, year: 2020"},
        "shards": {"years": "[2019, 2021]", "seasons": "rule: calendar, year: 2020", "shards": 3},
        "bands": {
            "years": "[2019, 2021]",
            "seasons": "rule: calendar, year: 2020",
            "shards": 3,
            "bands": "[B9, B8, B4]",
        },
    }
    done = {name: patches(folder, **change) for name, change in changes.items()}
    done["moved"] = list(folder.glob("results/reuse/work/patches/d/*/moved.*"))
    return done


def test_the_first_run_fetches_everything(runs):
    told, stored, _ = runs["first"]
    assert told["fetched"] == told["prepared"] == len(stored) > 20


@pytest.mark.parametrize(("change", "before"), [("years", "first"), ("rule", "years")])
def test_only_new_images_are_fetched(runs, change, before):
    told, stored, checksums = runs[change]
    had, old = runs[before][1:]
    assert told["fetched"] == len(stored - had) > 0, "exactly those that are new"
    assert told["finished"] + told["unfinished"] == len(stored & had) > 0
    assert all(checksums[key] == old[key] for key in stored & had if not pd.isna(old[key]))


def test_another_number_of_shards_fetches_nothing(runs):
    told, stored, checksums = runs["shards"]
    assert told["fetched"] == 0 and told["elsewhere"] > 0
    assert {k: c for k, c in checksums.items() if not pd.isna(c)} == {
        k: c for k, c in runs["rule"][2].items() if not pd.isna(c)
    }
    assert told["prepared"] == len(stored)
    assert not runs["moved"], "what was kept for the move is cleared when all shards are finished"


def test_fewer_bands_are_taken_out_of_what_is_there(runs):
    """But for images with invalid pixels (at the edge of a tile), which are fetched again."""
    told, stored, checksums = runs["bands"]
    assert stored == runs["shards"][1]
    assert told["finished"] > 0.8 * told["prepared"]
    assert told["fetched"] + told["finished"] == len(stored)
    before = runs["shards"][2]
    assert all(checksums[key] != before[key] for key in stored if not pd.isna(checksums[key]))
