"""The signal by which a scheduler warns of the end of a job's time, and who may die of it."""

from __future__ import annotations

import signal
import threading

WARNING = signal.SIGUSR1
"""``sbatch --signal=USR1@300`` sends it to every process of a job's steps, 300 s before the time limit."""


def outlive_warning() -> None:
    """Ignore `WARNING` here and in programs started from here, until they ask for it.

    A training saves and ends when it is warned (see `greenup.pretrain.progress.STOPPED_BY`). The Snakemake and the
    shell around it get the signal too; by default it kills, and Slurm ends a step with the first of its processes,
    before anything is saved. Only the main thread can say so to the system; in others this does nothing.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(WARNING, signal.SIG_IGN)
