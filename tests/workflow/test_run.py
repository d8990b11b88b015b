"""A whole run: complete, with nothing left to do, the same again, and unharmed by kills."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from greenup.files import read_table
from greenup.schemas import LEDGER, PROBES, SCENES, SITES

from .conftest import command, environment, snakemake


def tables(folder: Path, pattern: str) -> list[Path]:
    found = sorted((folder / "results/tiny").glob(pattern))
    assert found, f"no {pattern} below {folder}"
    return found


def test_run_is_complete(tiny):
    report = (tiny / "results/tiny/report.html").read_text()
    assert "simulated" in report.lower()
    for name in ("fig1", "fig2", "training", "quality"):
        assert (tiny / f"results/tiny/paper/figures/{name}.png").stat().st_size > 10_000
    assert len(read_table(tables(tiny, "sites/ssl4eco.parquet")[0], SITES)) == 40


def test_second_run_has_nothing_to_do(tiny):
    assert "Nothing to be done" in snakemake(tiny, "-n").stdout


def test_every_site_and_season_is_accounted_for(tiny):
    for dataset, seasons in (("ssl4eco", 4), ("biome_points", 1)):
        sites = read_table(tables(tiny, f"sites/{dataset}.parquet")[0], SITES)
        ledger = pd.concat(read_table(p, LEDGER) for p in tables(tiny, f"patches/{dataset}/*.ledger.parquet"))
        scenes = pd.concat(read_table(p, SCENES) for p in tables(tiny, f"scenes/{dataset}/*.parquet"))
        assert len(ledger) == len(scenes) == len(sites) * seasons
        assert set(ledger["site_id"]) == set(sites["site_id"])
        assert (ledger["status"] == "ok").mean() > 0.5


@pytest.fixture(scope="session")
def killed(tiny, tmp_path_factory) -> tuple[Path, dict[Path, float], int]:
    """The numbers of the same study made in another folder, killed at seeded moments until shards were seen in between.

    Returns the folder, when each finished shard was first seen whole, and how often the run was killed.
    """
    folder = tmp_path_factory.mktemp("killed")
    rng = random.Random(5)
    seen: dict[Path, float] = {}
    # Straight to the shards: sites of other datasets, coverage and figures would only keep the kills from them.
    kills, target = 0, ("patches",)
    for attempt in range(20):
        if kills >= 4 and len(seen) >= 2:
            break
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command(folder, *target), env=environment(), start_new_session=True, **quiet)
        try:
            process.wait(timeout=rng.uniform(6, 16))
            # All patches are there: the kills go on in what is made of them.
            target = ("evaluate",)
        except subprocess.TimeoutExpired:
            # The whole group: Snakemake and its jobs die at once, as in a power cut or an out-of-memory kill.
            os.killpg(process.pid, signal.SIGKILL if attempt % 2 else signal.SIGTERM)
            process.wait()
            time.sleep(0.5)
            kills += 1
        for path in folder.glob("results/tiny/patches/*/*.ledger.parquet"):
            seen.setdefault(path, path.stat().st_mtime)
        snakemake(folder, "--unlock")
    snakemake(folder, "evaluate")
    return folder, seen, kills


def test_killed_run_finishes_without_redoing_shards(killed):
    folder, seen, kills = killed
    assert kills >= 3
    assert seen, "no shard was finished before the last kill: the kills come too early to test anything"
    redone = [p for p, first in seen.items() if p.stat().st_mtime != first]
    assert not redone
    assert not list(folder.glob("results/tiny/**/*.part"))
    assert "Nothing to be done" in snakemake(folder, "evaluate", "-n").stdout


def test_killed_run_has_the_same_results(tiny, killed):
    other = killed[0]
    for pattern in ("sites/*.parquet", "phenology/*.parquet", "seasons/*.parquet", "scenes/*/*.parquet"):
        # Datasets that are only drawn are in no number, so the killed run has none of them.
        for path in tables(other, pattern):
            pd.testing.assert_frame_equal(
                read_table(path), read_table(tiny / path.relative_to(other)), check_exact=True
            )
    for path in tables(tiny, "patches/*/*.ledger.parquet"):
        pd.testing.assert_frame_equal(read_table(path), read_table(other / path.relative_to(tiny)), check_exact=True)
    for path in tables(tiny, "probes/*/*/*.parquet"):
        if "predictions" not in path.name:
            a, b = read_table(path, PROBES), read_table(other / path.relative_to(tiny), PROBES)
            np.testing.assert_allclose(a["value"], b["value"], atol=0.02)
