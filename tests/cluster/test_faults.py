"""Jobs that fail, are killed or run late, and a node that dies: all finishes, whole and equal to a clean run."""

from collections import Counter

from tests.cluster.runs import FILES, SHARDS, finished, made, submitted


def states(slurm, said: str) -> dict[str, list[str]]:
    """How the export jobs of a run have ended, by shard, oldest first."""
    exports = {job: where for job, where in submitted(said).items() if where.startswith("export_patches/")}
    found: dict[str, list[str]] = {}
    for completion in slurm.completions():
        if completion.job in exports:
            found.setdefault(exports[completion.job].rpartition("_")[2], []).append(completion.state)
    return found


def patches(folder) -> dict[str, bytes]:
    return {name: content for name, content in made(folder).items() if name.startswith("patches/")}


def test_failed_cancelled_killed_and_late_jobs_are_tried_again(slurm, begun, clean):
    begun.meets(_0000="fail", _0001="memory", _0002="hold", _0003="hold")
    begun.begin(*FILES.values())
    begun.wait_met(*SHARDS)
    slurm.call("scontrol", "update", f"JobId={slurm.wait_for('export_patches', 'ssl4eco_0003')}", "TimeLimit=1")
    slurm.call("scancel", slurm.wait_for("export_patches", "ssl4eco_0002"))
    said = begun.finish()
    assert states(slurm, said) == {
        "0000": ["FAILED", "COMPLETED"],
        # An overuse of memory is told as a failure.
        "0001": ["FAILED", "COMPLETED"],
        "0002": ["CANCELLED", "COMPLETED"],
        "0003": ["TIMEOUT", "COMPLETED"],
    }
    assert Counter(finished(said))["export_patches"] == len(SHARDS)
    assert patches(begun.folder) == patches(clean)


def test_jobs_of_a_node_that_dies_are_done_on_another(slurm, begun, clean):
    begun.meets(**{f"_{shard}": "hold" for shard in SHARDS})
    begun.begin(*FILES.values())
    begun.wait_met(*SHARDS)
    nodes = {shard: slurm.node_of(slurm.wait_for("export_patches", f"ssl4eco_{shard}")) for shard in SHARDS}
    dead = nodes["0000"]
    slurm.node_down(dead)
    try:
        begun.release()
        said = begun.finish()
    finally:
        slurm.node_up(dead)
    told = states(slurm, said)
    for shard in SHARDS:
        assert told[shard] == (["NODE_FAIL", "COMPLETED"] if nodes[shard] == dead else ["COMPLETED"])
    assert patches(begun.folder) == patches(clean)
    slurm.wait_idle()
