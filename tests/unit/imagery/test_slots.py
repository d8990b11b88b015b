"""Slots that processes share."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from greenup.errors import UserError
from greenup.imagery.slots import Slots


def _work(folder, journal, count):
    slots = Slots("a service", 3, folder)

    def hold(_):
        with slots.one():
            with journal.open("a") as file:
                file.write("+")
            time.sleep(0.01)
            with journal.open("a") as file:
                file.write("-")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(count)))


def _hold_for_ever(folder, ready):
    with Slots("a service", 1, folder).one():
        ready.set()
        time.sleep(600)


def test_processes_and_their_threads_hold_no_more_slots_than_there_are(tmp_path):
    journal = tmp_path / "journal"
    several = multiprocessing.get_context("spawn")
    jobs = [several.Process(target=_work, args=(tmp_path / "locks", journal, 12)) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    held, most = 0, 0
    for sign in journal.read_text():
        held += 1 if sign == "+" else -1
        most = max(most, held)
    assert len(journal.read_text()) == 2 * 36 and held == 0
    assert 2 <= most <= 3


def test_a_killed_process_gives_its_slot_back(tmp_path):
    several = multiprocessing.get_context("spawn")
    ready = several.Event()
    job = several.Process(target=_hold_for_ever, args=(tmp_path, ready))
    job.start()
    assert ready.wait(60)
    slots = Slots("a service", 1, tmp_path)
    assert slots._take() is None
    os.kill(job.pid, signal.SIGKILL)
    job.join(60)
    with slots.one():
        assert slots._take() is None


def test_other_names_and_failing_bodies_have_no_part_in_it(tmp_path):
    one, other = Slots("a", 1, tmp_path), Slots("b", 1, tmp_path)
    with pytest.raises(ZeroDivisionError), one.one(), other.one():
        raise ZeroDivisionError
    with one.one(), other.one():
        assert one._take() is None


def test_a_folder_laid_there_by_another_is_not_used(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UserError, match="not a folder of this user"):
        Slots("a", 1, tmp_path / "link")
