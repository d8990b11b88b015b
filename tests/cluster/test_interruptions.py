"""The Snakemake that submits is interrupted or killed while its jobs run: what is done is kept, the rest done once."""

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster.runs import FILES, SHARDS, finished, run_locally, submitted
from tests.cluster.test_faults import patches


def hold(run, *shards: str) -> None:
    """Start a run and wait until the jobs of some shards are held and the files of the others are there."""
    run.meets(**{f"_{shard}": "hold" for shard in shards})
    run.begin(*FILES.values())
    run.wait_met(*shards)
    end = time.monotonic() + 180
    while not all(Path(run.folder, FILES[shard]).exists() for shard in set(SHARDS) - set(shards)):
        if time.monotonic() > end:
            pytest.fail("the shards that are not held do not come")
        time.sleep(0.2)


def test_ctrl_c_cancels_the_jobs_and_a_termination_lets_them_finish(slurm, begun, clean):
    hold(begun, *SHARDS)
    begun.send(signal.SIGINT)
    begun.finish(code=None)
    slurm.wait_idle()
    assert not patches(begun.folder)

    # No `--unlock` is needed: an interrupted Snakemake gives its locks back.
    hold(begun, *SHARDS)
    begun.send(signal.SIGTERM)
    begun.release()
    said = begun.finish(code=None)
    assert not slurm.queue() and Counter(finished(said))["export_patches"] == len(SHARDS)
    assert patches(begun.folder) == patches(clean)
    assert "Nothing to be done" in run_locally(begun.folder, "-n", *FILES.values())


def test_jobs_of_a_killed_controller_do_not_write_beside_those_of_the_next(slurm, begun, clean):
    """Killed without a word, unlocked and started again at once, while its jobs run."""
    hold(begun, "0002", "0003")
    slurm.wait_queued(2)
    left = set(slurm.queue())
    begun.send(signal.SIGKILL)
    begun.finish(code=None)
    assert set(slurm.queue()) == left and len(left) == 2
    times = {shard: Path(begun.folder, FILES[shard]).stat().st_mtime_ns for shard in ("0000", "0001")}

    run_locally(begun.folder, "--unlock")
    said = begun.run(*FILES.values())
    assert "2 jobs of an earlier run were still in the queue: cancelled" in said
    ended = {c.job: c.state for c in slurm.completions()}
    assert {ended[job] for job in left} == {"CANCELLED"}
    assert patches(begun.folder) == patches(clean)
    # What the killed run had finished is not done again.
    exports = [where for where in submitted(said).values() if where.startswith("export_patches/")]
    assert sorted(exports) == ["export_patches/ssl4eco_0002", "export_patches/ssl4eco_0003"]
    assert times == {shard: Path(begun.folder, FILES[shard]).stat().st_mtime_ns for shard in times}


def test_a_job_that_nobody_can_cancel_harms_nothing(slurm, begun, clean):
    """As on a node that the network has lost: an old job goes on beside the new ones, and writes after them."""
    hold(begun, *SHARDS)
    left = set(slurm.queue())
    begun.send(signal.SIGKILL)
    begun.finish(code=None)
    run_locally(begun.folder, "--unlock")
    # Outside of the cluster's namespace, where nobody knows of its jobs.
    run_locally(begun.folder, "patches")
    assert patches(begun.folder) == patches(clean)
    begun.release()
    slurm.wait_idle()
    ended = {c.job: c.state for c in slurm.completions()}
    assert {ended[job] for job in left} == {"COMPLETED"}
    assert patches(begun.folder) == patches(clean)
    assert "Nothing to be done" in run_locally(begun.folder, "-n", "patches")
