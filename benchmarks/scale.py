"""The paper's configuration at full size: from nothing to the seasons of every SSL4Eco site, and the plan of all jobs.

    python benchmarks/scale.py [--cores 2] [--keep FOLDER]

Runs `snakemake results/scale/seasons/ssl4eco.parquet --configfile config/scale.yaml --profile profiles/demo` in an
empty folder: sites with all attributes, phenology filled, seasons. Prints wall time, processor time (which other work
on the machine hardly moves), the most memory that all processes held together, and each rule's share; then the time to
plan all jobs of the study. Goals: 60 s and 3 GB on two cores; 30 s to plan.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path("results/scale")
SITES, DATES, SEASONS = (RESULTS / stage / "ssl4eco.parquet" for stage in ("sites", "phenology", "seasons"))
_LOOK_SECONDS = 0.1


def snakemake(folder: Path, *arguments: str) -> list[str]:
    """The command, run by this Python."""
    places = ["--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config/scale.yaml", "--directory", folder]
    return [sys.executable, "-m", "snakemake", *map(str, places), *arguments]


def memory(process: psutil.Process) -> int:
    """Bytes that a process and all below it hold (RSS; pages that two of them share count twice)."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def run(command: list[str], log: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak bytes of a command; its output is shown when it fails."""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0
    with log.open("w") as out:
        job = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        process = psutil.Process(job.pid)
        while job.poll() is None:
            peak = max(peak, memory(process))
            time.sleep(_LOOK_SECONDS)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if job.returncode:
        raise SystemExit(log.read_text() + f"\nfailed: {' '.join(command)}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def report(folder: Path) -> None:
    """What came out, and each rule's part (Snakemake's benchmark files)."""
    sites, dates = (pq.read_table(folder / p).to_pandas() for p in (SITES.as_posix(), DATES.as_posix()))
    rows = pq.read_metadata(folder / SEASONS).num_rows
    origins = ", ".join(f"{n:,} {origin}" for origin, n in dates["origin"].value_counts().items())
    print(f"{len(sites):,} sites, dates of {origins}; {rows:,} intervals")
    empty = [f"{name} {100 * share:.2g} %" for name, share in sites.isna().mean().items() if share > 0]
    print(f"attributes without a value: {', '.join(empty) or 'none'}")
    for path in sorted((folder / RESULTS / "benchmarks").rglob("*.ssl4eco.tsv"), key=lambda p: p.stat().st_mtime):
        row = pd.read_csv(path, sep="\t").iloc[0]
        name = path.name.removesuffix(".ssl4eco.tsv")
        print(f"  {name:16} {row['s']:6.1f} s wall {row['cpu_time']:6.1f} s processor {row['max_rss']:6.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="an empty folder to run in and keep")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores in this machine, load {load:.1f} before"
        + (" (others work on it)" if load > 0.5 else "")
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SystemExit(f"{folder} is not empty")
        log = folder / "snakemake.log"
        options = ("--profile", str(ROOT / "profiles/demo"), "--cores", str(args.cores))
        wall, cpu, peak = run(snakemake(folder, SEASONS.as_posix(), *options), log)
        print(f"from nothing to seasons: {wall:.1f} s wall, {cpu:.1f} s processor, {peak / 1e9:.2f} GB at most")
        report(folder)
        wall, cpu, _ = run(snakemake(folder / "plan", "--dry-run", "--quiet", "all"), log)
        print(f"plan of the whole study: {wall:.1f} s wall, {cpu:.1f} s processor")


if __name__ == "__main__":
    main()
