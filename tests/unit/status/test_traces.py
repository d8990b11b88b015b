"""What jobs leave behind: errors in logs as `greenup.errors.job` writes them, unfinished work."""

import logging

import pytest
from greenup.errors import PassingError, UserError, job
from greenup.patches.fetch import Progress
from greenup.patches.work import site_name
from greenup.status.traces import checkpoint, failure, kept_images, kept_work


def ended(log, error: Exception | None) -> str | None:
    if error is None:
        with job(str(log)):
            logging.getLogger("greenup").info("error: no line of its own, a job may say this")
    else:
        with pytest.raises(SystemExit), job(str(log)):
            raise error
    return failure(log)


def test_the_error_of_a_log_is_its_last_attempts(tmp_path):
    log = tmp_path / "a.log"
    assert failure(log) is None
    assert ended(log, UserError("labels.csv: no column 'x'", "add it")) == "labels.csv: no column 'x'"
    assert ended(log, PassingError("3 of 20 images are lacking: 3 quota")).startswith("3 of 20 images are lacking")
    assert ended(log, KeyError("B2")) == "KeyError: 'B2'"


def test_a_long_log_is_read_at_its_end(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("10:00:00 error: long ago\n" + "10:00:01 step\n" * 5000 + "10:00:02 error: at last\n  mend: x\n")
    assert failure(log) == "at last"
    log.write_text("10:00:00 error: long ago\n" + "10:00:01 step\n" * 5000)
    assert failure(log) is None


def test_unfinished_shards_are_counted(tmp_path, monkeypatch):
    folder, log = tmp_path / "work/patches/d/0001/sites", tmp_path / "d.log"
    folder.mkdir(parents=True)
    log.write_text("20:00:00 d/0001: 10 images wanted, 0 kept already, 10 to fetch\n")
    assert kept_images(tmp_path, "d", "0001", log) == (0, 0, 0)
    for name in ("a", "b"):
        (folder / site_name(name)).touch()
    (folder / f".{site_name('c')}.host-1-2.part").touch()
    assert kept_images(tmp_path, "d", "0001", log) == (2, 0, 0)
    monkeypatch.setattr("greenup.patches.fetch._LOG_EVERY_S", 0)
    with job(str(log)):
        Progress("d/0001", total=10).step(7)
    assert kept_images(tmp_path, "d", "0001", log) == (2, 7, 10)


def test_the_newest_checkpoint_and_the_length_of_the_training(tmp_path):
    folder, log = tmp_path / "work/pretrain/m", tmp_path / "m.log"
    assert kept_work("pretrain_model", {"model": "m"}, tmp_path, str(log)) is None
    folder.mkdir(parents=True)
    for step in (40, 120):
        (folder / f"step-{step:09d}.ckpt").touch()
    assert checkpoint(folder, log) == "a checkpoint at step 120 is kept"
    log.write_text("10:00:00 epoch 1/5, step 40/1000, loss 1\n10:00:01 epoch 1/5, step 123/1000, loss 1\n")
    assert kept_work("pretrain_model", {"model": "m"}, tmp_path, str(log)) == "a checkpoint at step 120 of 1000 is kept"
    assert kept_work("fig1", {}, tmp_path, str(log)) is None
