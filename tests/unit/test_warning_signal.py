"""Who lives on when a scheduler warns of the end of a job's time."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import greenup
from greenup.warning_signal import outlive_warning


def status_after(code: str) -> int:
    """Exit status of a shell that sends itself the warning, started by a Python that has run ``code``."""
    script = f"{code}\nimport subprocess, sys\n"
    script += "sys.exit(abs(subprocess.run(['bash', '-c', 'kill -USR1 $$; exit 7']).returncode))"
    env = {**os.environ, "PYTHONPATH": str(Path(greenup.__file__).parents[1])}
    return subprocess.run([sys.executable, "-c", script], env=env).returncode


def test_a_shell_dies_of_the_warning_unless_its_parent_outlives_it():
    assert status_after("") == signal.SIGUSR1
    assert status_after("from greenup.warning_signal import outlive_warning; outlive_warning()") == 7


def test_other_threads_leave_the_signals_alone():
    before = signal.getsignal(signal.SIGUSR1)
    raised = []
    threading.excepthook, hook = raised.append, threading.excepthook
    try:
        thread = threading.Thread(target=outlive_warning)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = hook
    assert not raised and signal.getsignal(signal.SIGUSR1) is before
