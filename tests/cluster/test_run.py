"""A whole run through `--profile slurm`: everything by sbatch, each job where it belongs, the same results."""

import shutil
import subprocess

import pytest
from greenup.cluster.site import Site

from tests.cluster.runs import (
    HERE,
    REPOSITORY,
    SHARDS,
    ClusterRun,
    copy_until,
    environment,
    finished,
    made,
    run_locally,
    submitted,
)

GPU_RULES = {"pretrain_model", "embed_images"}


@pytest.fixture(scope="module")
def whole(slurm, clean, tmp_path_factory):
    """One run on the cluster from the choice of scenes on, and what Snakemake said."""
    folder = tmp_path_factory.mktemp("whole")
    run = ClusterRun(slurm, copy_until("scenes", clean, folder / "study"), faults=folder / "faults")
    try:
        yield run, run.run("evaluate")
    finally:
        run.end()


def test_every_job_went_by_sbatch_and_ended_well(slurm, whole):
    _, said = whole
    jobs = submitted(said)
    done = {c.job: c for c in slurm.completions()}
    assert {done[job].state for job in jobs} == {"COMPLETED"}
    # A group of four shards is one job of Slurm; the target itself makes nothing.
    assert len(jobs) == len([r for r in finished(said) if r not in ("choose_scenes", "evaluate")]) + 1
    assert sum(r == "choose_scenes" for r in finished(said)) == len(SHARDS)


def test_gpu_jobs_alone_are_on_the_gpu_partition(slurm, whole):
    jobs = submitted(whole[1])
    done = {c.job: c.partition for c in slurm.completions()}
    partitions = {where.split("/")[0]: done[job] for job, where in jobs.items()}
    assert {rule for rule, partition in partitions.items() if partition == "gpu"} == GPU_RULES
    gpus = {job: slurm.gpus_of(job) for job in jobs}
    assert {where.split("/")[0]: gpus[job] for job, where in jobs.items() if gpus[job]} == dict.fromkeys(GPU_RULES, 1)


def test_results_are_those_of_a_run_without_a_cluster(whole, clean):
    assert made(whole[0].folder) == made(clean)
    assert "Nothing to be done" in run_locally(whole[0].folder, "-n", "evaluate")


def test_logs_are_found_by_rule_and_shard(whole):
    logs = whole[0].folder / "results/small/logs"
    for shard in SHARDS:
        assert "ok" in (logs / f"export_patches/ssl4eco/{shard}.log").read_text()
    # Slurm's own word on a job is kept only where the job failed.
    assert not [p for p in (whole[0].folder / "logs/slurm").rglob("*.log") if p.is_file()]


def test_without_accounting_the_queue_is_asked(slurm, whole):
    """sacct is installed and has no database behind it: asked, it would never tell that a job has ended."""
    assert shutil.which("sacct")
    assert "accounting_storage/none" in slurm.call("scontrol", "show", "config")
    assert whole[0].watched_by() == "squeue"


def test_a_job_with_two_gpus_is_started_once_and_sees_both(slurm, tmp_path):
    asked = Site(gpu_partition="gpu").gpu(memory_mb=1000, minutes=5, count=2)
    command = [
        "snakemake",
        "--profile",
        "slurm",
        "--directory",
        str(tmp_path),
        "--snakefile",
        str(HERE / "two_gpus.smk"),
    ]
    command += ["--set-resources", *(f"pretrain_model:{name}={value}" for name, value in asked.items())]
    # The other resources and groups of the profile are for rules that this workflow lacks.
    done = subprocess.run(
        slurm.command(*command, cwd=REPOSITORY),
        env=environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "gpus.txt").read_text().split() == ["0,1"]
    assert len(submitted(done.stdout + done.stderr)) == 1
