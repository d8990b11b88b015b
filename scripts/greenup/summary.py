"""What a finished run says at its end."""

from __future__ import annotations

import csv
from pathlib import Path

from greenup.plan import STAGES


def stage_times(root: str | Path) -> dict[str, tuple[int, float, float]]:
    """Jobs, seconds of work, and largest memory (MB) of each stage, from ``<root>/benchmarks/<stage>/*.tsv``.

    Seconds are summed over jobs: with several cores the wall clock shows less.
    """
    times = {}
    for stage in STAGES:
        rows = []
        for path in sorted(Path(root, "benchmarks", stage).glob("*.tsv")):
            with path.open() as handle:
                rows += list(csv.DictReader(handle, delimiter="\t"))
        if rows:
            memory = [float(r["max_rss"]) for r in rows if r["max_rss"] not in ("", "-", "NA")]
            times[stage] = (len(rows), sum(float(r["s"]) for r in rows), max(memory, default=0.0))
    return times


def print_summary(root: str | Path) -> None:
    """Print the table of stages and the report's place."""
    print(f"\n{'stage':<12}{'jobs':>6}{'seconds':>10}{'max MB':>10}")
    for stage, (jobs, seconds, memory) in stage_times(root).items():
        print(f"{stage:<12}{jobs:>6}{seconds:>10.1f}{memory:>10.0f}")
    report = Path(root, "report.html").resolve()
    print(f"\nThe report: {report}" if report.exists() else f"\nNo report yet at {report}")
