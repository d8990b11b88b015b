"""The real scheduler at full size: all jobs of a study, each only writing its outputs, interrupted and restarted.

    python benchmarks/scale_run.py [--config config/papers.yaml] [--scheduler greedy] [--keep FOLDER]

Real are the Snakefile, Snakemake's graph, scheduler, preparation of jobs, checks and metadata; what a job would do, and
the queue of a cluster, are not (`benchmarks/executors`). Empty folders stand in for image sets. In this order: a dry
run; a run that interrupts itself (SIGINT) after nine tenths of the jobs; a dry run of what is left; the same command
again to the end; a dry run when all is done; and what one job of a cluster spends before its own work begins. Prints a
table. Goals: each dry run and the time to the first job of the restart at most 30 s, and 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scale import ROOT, run

sys.path.insert(0, str(ROOT / "scripts"))

from greenup.config.load import load_study
from greenup.tasks.image_sets.catalogue import ABOUT

AT_ONCE = 200
"""Jobs that are under way together, as in profiles/slurm."""
STOPPED_AT = 0.9
"""Share of the jobs after which the run interrupts itself."""
JOB = "export_patches"
"""Rule of the job whose start is measured: most jobs are of it."""


@dataclass(frozen=True)
class Measured:
    """Wall and processor seconds, peak bytes of all processes, and load of the machine before."""

    wall: float
    cpu: float
    peak: int
    load: float

    def row(self, what: str, more: str = "") -> str:
        return (
            f"| {what} | {self.wall:.1f} s | {self.cpu:.1f} s | {self.peak / 1e6:.0f} MB | {self.load:.1f} | {more} |"
        )


def stand_ins(config: Path, folder: Path) -> None:
    """Folders and empty files in the place of the image sets that a study asks for."""
    for settings in load_study(config).image_sets.values():
        for need in ABOUT[settings.kind].needs(settings):
            path = folder / settings.folder / need.split(" | ")[0].replace("**/", "some/").replace("*", "x")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir(exist_ok=True)


def command(config: Path, folder: Path, *more: str | Path) -> list[str]:
    """Snakemake by this Python, as the profile of a cluster asks for it."""
    places = ["--snakefile", ROOT / "Snakefile", "--configfile", config, "--directory", folder]
    options = ["--workflow-profile", "none", "--rerun-triggers", "mtime", "params", "input", "--rerun-incomplete"]
    return [sys.executable, "-m", "snakemake", *map(str, (*places, *options, *more))]


def measured(call: list[str], log: Path) -> Measured:
    load = os.getloadavg()[0]
    return Measured(*run(call, log), load)


def job_counts(log: Path) -> Counter[str]:
    """Jobs a rule that a dry run told; none where nothing is to be done."""
    found = re.search(r"^Job stats:\n.*\n-.*\n((?:\S+ +\d+\n)+)", log.read_text(), flags=re.M)
    counts = Counter({n: int(c) for n, c in map(str.split, found[1].splitlines())} if found else {})
    counts.pop("total", None)
    return counts


def jobs_of(journal: Path) -> Iterator[dict]:
    with journal.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def each_job(journal: Path) -> tuple[float, float]:
    """Milliseconds a job, wall and Snakemake's processor time, between the first and the last that were handed over."""
    jobs = list(jobs_of(journal))
    return tuple(1e3 * (jobs[-1][key] - jobs[0][key]) / (len(jobs) - 1) for key in ("time", "cpu"))


def size(folder: Path) -> tuple[int, int]:
    """Files below a folder and their bytes."""
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)


def start_of_a_job(journal: Path, folder: Path) -> tuple[str, Measured]:
    """What is spent from the start of a job's own Snakemake to where its command would begin."""
    job = next((j for j in jobs_of(journal) if j["rule"] == JOB), None) or next(jobs_of(journal))
    # The sources are copied anew where the folder of the controller's copies is gone.
    call = re.sub(r"--runtime-source-cache-path '[^']*'", "", job["command"]) + " --dry-run --workflow-profile none"
    return job["rule"], measured(["bash", "-c", f"cd {folder} && exec {call}"], folder / "job.log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config/papers.yaml")
    parser.add_argument("--scheduler", choices=("greedy", "ilp"), default="greedy")
    parser.add_argument("--keep", type=Path, help="an empty folder to run in and keep")
    args = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT / "benchmarks/executors"), os.getenv("PYTHONPATH")])
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SystemExit(f"{folder} is not empty")
        report(args.config.resolve(), args.scheduler, folder)


def report(config: Path, scheduler: str, folder: Path) -> None:
    print(f"{config.name}, {os.cpu_count()} cores, scheduler {scheduler}, {AT_ONCE} jobs at once\n")
    print("| | wall | processor | peak memory | load before | |\n|---|---|---|---|---|---|")
    log = folder / "snakemake.log"
    stand_ins(config, folder)
    dry = command(config, folder, "--dry-run", "--quiet", "rules")
    planned = measured(dry, log)
    jobs = job_counts(log).total()
    print(planned.row("dry run", f"{jobs:,} jobs"), flush=True)

    first, second = folder / "first.jsonl", folder / "second.jsonl"
    options = ["--executor", "touch-size", "--cores", str(AT_ONCE), "--scheduler", scheduler]
    stop = int(STOPPED_AT * jobs)
    interrupted = command(config, folder, *options, "--touch-size-journal", first, "--touch-size-stop-after", str(stop))
    # An interrupted run ends with an error: that it did what it should shows below, by what is left.
    begun = measured(["bash", "-c", '"$@" || test $? -eq 1', "run", *interrupted], log)
    wall, cpu = each_job(first)
    told = f"{stop:,} jobs; from first to last {wall:.1f} ms each, {cpu:.1f} ms of processor time"
    print(begun.row("run, interrupted at nine tenths", told), flush=True)
    print(measured(dry, log).row("dry run of what is left", f"{job_counts(log).total():,} jobs"), flush=True)

    started = time.time()
    ended = measured(command(config, folder, *options, "--touch-size-journal", second), log)
    head, count = next(jobs_of(second)), sum(1 for _ in jobs_of(second))
    # All measured in one process, whose memory is that of the whole.
    to_first = Measured(head["time"] - started, head["cpu"], ended.peak, ended.load)
    print(to_first.row("restart to its first job"))
    print(ended.row("restart to its end", f"{count:,} jobs"), flush=True)
    print(measured(dry, log).row("dry run when all is done", f"{job_counts(log).total():,} jobs"), flush=True)
    rule, begin = start_of_a_job(first, folder)
    print(begin.row(f"start of one job of a cluster ({rule})", "before its own command"))

    made = Counter(tuple(j["outputs"]) for part in (first, second) for j in jobs_of(part) if j["outputs"])
    files, taken = size(folder / ".snakemake" / "metadata")
    every = Counter(made.values())
    print(f"\n{len(made):,} jobs with outputs; handed over twice: {every[2]:,}, of those under way when interrupted")
    print(f"Snakemake's records: {files:,} files, {taken / 1e6:.0f} MB, one an output")
    left = subprocess.run(dry, capture_output=True, text=True, check=True)
    if "Nothing to be done" not in left.stdout + left.stderr or set(every) - {1, 2}:
        raise SystemExit("not finished, or done more often than it should:\n" + left.stdout[-4000:])


if __name__ == "__main__":
    main()
