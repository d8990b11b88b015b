"""Real export jobs killed at seeded moments: what is kept stays, the finished is whole, nothing passing is final."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import killing
import pytest
from forking import ENDED

SEED = int(os.environ.get("GREENUP_KILL_SEED", "5"))
"""Another seed, other moments."""


def test_fifty_kills(tmp_path, capsys):
    store = killing.campaign(tmp_path, kills=50, seed=SEED)
    with capsys.disabled():
        print("\n" + killing.told(store, SEED))
    by_signal = [sum(n for (_, s), n in store.kills.items() if s == t) for t in (signal.SIGKILL, signal.SIGTERM)]
    assert sum(by_signal) >= 50 and min(by_signal) >= 10
    assert store.met() == set(range(ENDED)), "some places were never met"
    assert store.shards >= 3


def test_three_writers_at_once_some_of_them_killed(tmp_path, capsys):
    store = killing.writers(tmp_path, rounds=5, seed=SEED)
    with capsys.disabled():
        print("\n" + killing.told(store, SEED))
    assert store.shards == 5 and sum(store.kills.values()) >= 3


SLOW = """
import sys
from pathlib import Path
from forking import Flaky, PATCHES, shard_of
from greenup.config.study import Runtime
from greenup.errors import job
from greenup.imagery.base import PassingError
from greenup.imagery.patience import Patience
from greenup.patches.export import export_shard
root = Path(sys.argv[1])
sites, scenes = shard_of(0)
waits = [s for s in scenes["scene_id"] if s.endswith("-autumn")]
class Waiting(Flaky):
    requests = 3
    def read(self, scene_id, grid, bands):
        if scene_id in waits:
            (root / "waiting.txt").open("a").write("x")
            raise PassingError("too many requests", "quota")
        return super().read(scene_id, grid, bands)
with job():
    export_shard(sites, scenes, Waiting(0, root / "asked.txt"), PATCHES, min_images=1, runtime=Runtime(),
        patience=Patience(9, 3600.0, 99, quota_attempts=9, longest_s=3600.0),
        work=root / "work" / "patches" / "d" / "0000", pixels=root / "patches" / "d" / "0000.h5",
        ledger=root / "patches" / "d" / "0000.ledger.parquet")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_in_the_middle_of_long_pauses_ends_at_once_and_has_saved_what_it_had(tmp_path, number):
    """All threads wait for an hour: none is waited for, and the images that came beside the refused one are kept."""
    store = killing.Store(tmp_path / "store", tmp_path / "clean")
    store.add_shard()
    env = {**os.environ, "PYTHONPATH": f"{killing.SCRIPTS}{os.pathsep}{killing.HERE}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(store.root)], env=env, stderr=subprocess.PIPE, text=True
    )
    waiting = store.root / "waiting.txt"
    deadline = time.monotonic() + 60
    while not (waiting.exists() and len(waiting.read_text()) == 3 and len(store.kept(0)) == 6):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -number
    assert f"ended by {number.name}; d/0000: what is finished is kept in {store.work(0)}" in said
    assert "Traceback" not in said
    kept = store.kept(0)
    assert kept == {f"k000-{site}-{season}" for site in range(3) for season in ("spring", "summer")}
    with killing.serving(tmp_path / "server") as server:
        killing.finish(store, server)
