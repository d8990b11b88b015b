"""Jobs that an earlier run has left in Slurm's queue, because it was killed before it could cancel them.

Snakemake knows nothing of them. It would submit them again beside those that still run: two jobs on one file, of which
the one that fails, or is stopped, takes the other's file with it. Who holds Snakemake's locks on the files of a plan is
the only one to make them, so any job in the queue that makes one of them is left over.
"""

from __future__ import annotations

import getpass
import logging
import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from greenup.cluster.scheduler import answer, is_installed
from greenup.errors import UserError

log = logging.getLogger(__name__)

PATIENCE_S = 300
"""Seconds that cancelled jobs are waited for: Slurm warns them first, and kills them after its KillWait."""


def end_orphans(
    targets: Collection[str],
    study: Mapping[str, Sequence[str]],
    folder: str | Path,
    on_cluster: bool,
    patience: float = PATIENCE_S,
) -> int:
    """Cancel what is left over of the jobs ``targets`` and wait until it is gone; the number of jobs cancelled.

    ``targets``: jobs of the plan as Snakemake writes them (``rule:name=value,...``), ``study``: the options by which
    its jobs are told the study (``--configfiles``, ``--config``) with their values, ``folder``: Snakemake's working
    directory, ``on_cluster``: whether jobs are submitted to Slurm now. What the jobs have saved below work/ is kept,
    and gone on from. Where there is no Slurm nothing is done. Raises `UserError` when a job does not end, and on a
    cluster whose queue cannot be seen.
    """
    if not is_installed():
        return 0
    if on_cluster and answer("squeue", "--noheader", f"--user={getpass.getuser()}") is None:
        raise UserError("squeue does not answer: jobs of an earlier run could still be at work", "run again later")
    left = list(_orphans(set(targets), study, str(folder)))
    if not left:
        return 0
    answer("scancel", *left)
    end = time.monotonic() + patience
    while waiting := sorted(set(left) & set(_queue(str(folder)))):
        if time.monotonic() > end:
            raise UserError(
                f"jobs of an earlier run do not end: {', '.join(waiting)}",
                f"scancel {' '.join(waiting)}, wait until squeue shows them no more, and run again",
            )
        time.sleep(min(1.0, patience))
    return len(left)


def _orphans(targets: set[str], study: Mapping[str, Sequence[str]], folder: str) -> Iterator[str]:
    for job in _queue(folder):
        script = answer("scontrol", "write", "batch_script", job, "-")
        # A job that has ended meanwhile has no script.
        if script and (made := _made(script, study)) & targets:
            log.debug("job %s is left over: %s", job, ", ".join(sorted(made)))
            yield job


def _queue(folder: str) -> list[str]:
    """This user's jobs of a working directory that wait or run; none where there is no Slurm."""
    told = answer("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%A|%Z")
    jobs = [line.split("|", 1) for line in (told or "").splitlines()]
    return [job for job, where in jobs if where == folder]


def _made(script: str, study: Mapping[str, Sequence[str]]) -> set[str]:
    """Jobs of Snakemake that a batch script of its executor makes; none where it is of another study, or another's."""
    for line in script.splitlines():
        if "--target-jobs" not in line:
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if all(_values(words, option) == list(values) for option, values in study.items()):
            return set(_values(words, "--target-jobs"))
    return set()


def _values(words: list[str], option: str) -> list[str]:
    """What follows an option, up to the next one."""
    values: list[str] = []
    for word in words[words.index(option) + 1 :] if option in words else []:
        if word.startswith("--"):
            break
        values.append(word)
    return values
