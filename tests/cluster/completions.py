"""What Slurm's controller notes of every job that has ended (JobCompType jobcomp/filetxt)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Completion:
    """A job that has ended. Of a job that was started again there is one for each of its runs."""

    job: str
    """Its id; 12_3 is the third of the array 12."""
    name: str
    """The run of Snakemake that submitted it."""
    state: str
    partition: str
    nodes: str


def read_completions(path: Path) -> list[Completion]:
    """The lines of the controller's file, oldest first; empty before the first job has ended."""
    if not path.is_file():
        return []
    return [_completion(dict(re.findall(r"(\w+)=(\S*)", line))) for line in path.read_text().splitlines()]


def _completion(told: dict[str, str]) -> Completion:
    job = f"{told['ArrayJobId']}_{told['ArrayTaskId']}" if "ArrayJobId" in told else told["JobId"]
    return Completion(job, told["Name"], told["JobState"], told["Partition"], told["NodeList"])
