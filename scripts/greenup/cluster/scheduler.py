"""What Slurm says of itself: whether it keeps accounts, and how soon it forgets a job that has ended."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

PATIENCE_S = 60
"""Seconds that a command of Slurm is waited for."""


@dataclass(frozen=True)
class Scheduler:
    """``keeps_accounts``: a database answers `sacct`. ``forgets_after``: seconds after its end for which `squeue` tells
    of a job (None where Slurm is not here to be asked)."""

    keeps_accounts: bool = False
    forgets_after: int | None = None


def ask_scheduler() -> Scheduler:
    """Ask the cluster. The executor's own choice is `sacct` wherever the program is installed; without its database the
    run would never learn that a job has ended."""
    told = answer("scontrol", "show", "config")
    if told is None:
        return Scheduler()
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", told, re.MULTILINE)
    database = re.search(r"^AccountingStorageType\s*=\s*\S*slurmdbd", told, re.MULTILINE) is not None
    return Scheduler(
        keeps_accounts=database and answer("sacct", "--noheader", "--allocations", "--starttime=now") is not None,
        forgets_after=int(age[1]) if age else None,
    )


def is_installed() -> bool:
    """Whether Slurm's commands are here."""
    return shutil.which("squeue") is not None


def answer(*command: str) -> str | None:
    """What a command prints; None where it is not installed, fails, or does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
