"""What Slurm's commands say, told by stand-ins for them on PATH."""

import pytest
from greenup.cluster.scheduler import Scheduler, ask_scheduler

CONFIG = "AccountingStorageType   = accounting_storage/{storage}\nMinJobAge               = {age} sec\n"


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Puts programs of given shell lines on PATH, in place of all others but the shell's own."""

    def put(**lines: str) -> None:
        for name, line in lines.items():
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\n{line}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


def says(text: str) -> str:
    return f"printf '%s' '{text}'"


def test_a_database_that_answers_keeps_accounts(commands):
    commands(scontrol=says(CONFIG.format(storage="slurmdbd", age=300)), sacct="exit 0")
    assert ask_scheduler() == Scheduler(keeps_accounts=True, forgets_after=300)


@pytest.mark.parametrize(("storage", "sacct"), [("none", "exit 0"), ("slurmdbd", "exit 1"), ("filetxt", "exit 0")])
def test_sacct_alone_is_no_database(commands, storage, sacct):
    commands(scontrol=says(CONFIG.format(storage=storage, age=120)), sacct=sacct)
    assert ask_scheduler() == Scheduler(keeps_accounts=False, forgets_after=120)


def test_without_slurm_nothing_is_known(commands):
    commands()
    assert ask_scheduler() == Scheduler()
