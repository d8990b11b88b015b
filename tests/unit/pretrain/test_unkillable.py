"""Trainings that are interrupted end with the very weights, queues and losses of one that is not."""

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from greenup.randomness import generator
from together import start, train_one

METHODS = {
    "seco": {"name": "seco", "accumulate": 2, "optimizer": {"name": "sgd", "lr": 0.01, "schedule": "cosine"}},
    # Stochastic depth and dropout are drawn anew at every step.
    "data2vec": {"name": "data2vec", "drop_path": 0.3, "attention_drop": 0.1},
}
STEPS = 12


def settings(folder, method, workers=0, **more):
    runtime = {"workers": workers, "checkpoint_minutes": 1e-9}
    return {"folder": str(folder), "methods": [METHODS[method]], "runtime": runtime, "small_network": True, **more}


def finished(folder, method, **more):
    """Train in this process to the end: (state of the learner, curves)."""
    train_one(folder / method, METHODS[method], settings(folder, method, **more))
    curves = pd.read_csv(folder / method / "out" / "curves.csv")
    measured = ["samples_per_second", "wait_share", "mb_per_second"]
    return torch.load(folder / method / "final.pt")["learner"], curves.drop(columns=measured)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted trainings."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    return {name: finished(folder, name) for name in METHODS}


def assert_same(got, expected):
    assert got[0].keys() == expected[0].keys()
    assert [k for k, v in expected[0].items() if not torch.equal(got[0][k], v)] == []
    pd.testing.assert_frame_equal(got[1], expected[1])


@pytest.mark.parametrize(
    ("method", "signum", "workers", "status"),
    [
        ("seco", signal.SIGTERM, 2, 143),
        ("seco", signal.SIGKILL, 0, -9),
        ("data2vec", signal.SIGUSR1, 0, 138),
        ("data2vec", signal.SIGKILL, 2, -9),
    ],
)
def test_interrupted_at_any_step_it_ends_the_same(whole, tmp_path, method, signum, workers, status):
    at = int(generator(7, method, signum, workers).integers(2, STEPS - 3))
    process = start(settings(tmp_path, method, workers, step_delay_s=0.15))
    deadline = time.monotonic() + 150
    work = tmp_path / method / "work"
    while not any(int(p.stem[5:]) >= at for p in work.glob("step-*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.01)
    # A scheduler warns the whole group: the loading workers hear it too.
    children = [] if signum == signal.SIGKILL else children_of(process.pid)
    for pid in [*children, process.pid]:
        os.kill(pid, signum)
    told = process.communicate(timeout=100)[0]
    assert process.returncode == status, told
    assert len(children) >= (workers if signum != signal.SIGKILL else 0)
    if signum != signal.SIGKILL:
        assert f"asked to stop ({signal.Signals(signum).name})" in told and "Traceback" not in told
    assert not (tmp_path / method / "out").exists()
    assert_same(finished(tmp_path, method, workers=workers), whole[method])


def children_of(pid):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(process.name))
    return found


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_between_the_parts_of_a_batch_waits_for_the_step(whole, tmp_path, monkeypatch, signum):
    from greenup.pretrain.module import Training

    step, parts = Training.training_step, []

    def interrupted(self, batch, batch_idx):
        parts.append(batch_idx)
        if len(parts) == 7:  # the first part of the fourth step
            os.kill(os.getpid(), signum)
        return step(self, batch, batch_idx)

    before = signal.getsignal(signum)
    monkeypatch.setattr(Training, "training_step", interrupted)
    with pytest.raises(SystemExit) as stopped:
        finished(tmp_path, "seco")
    assert stopped.value.code == 128 + signum
    assert (tmp_path / "seco" / "work" / "step-000000004.ckpt").exists() and len(parts) == 8
    assert signal.getsignal(signum) == before
    monkeypatch.setattr(Training, "training_step", step)
    assert_same(finished(tmp_path, "seco"), whole["seco"])


def test_a_damaged_newest_checkpoint_costs_one_step_and_no_bit(whole, tmp_path, monkeypatch, caplog):
    from greenup.pretrain.progress import Progress

    save = Progress._save

    def dying(self, module):
        save(self, module)
        if module.step == 7:
            raise KeyError("struck by lightning")

    monkeypatch.setattr(Progress, "_save", dying)
    with pytest.raises(KeyError):
        finished(tmp_path, "data2vec")
    monkeypatch.setattr(Progress, "_save", save)
    newest = tmp_path / "data2vec" / "work" / "step-000000007.ckpt"
    newest.write_bytes(newest.read_bytes()[:-100])
    with caplog.at_level("INFO"):
        assert_same(finished(tmp_path, "data2vec"), whole["data2vec"])
    assert "continuing at step 6 of 12" in caplog.text


def test_a_full_disk_does_not_end_the_training(whole, tmp_path, monkeypatch, caplog):
    write, tried = torch.save, []

    def full(state, path):
        tried.append(state.get("step"))
        if tried[-1] is not None and tried[-1] > 2:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        write(state, path)

    monkeypatch.setattr(torch, "save", full)
    assert_same(finished(tmp_path, "seco"), whole["seco"])
    assert tried[:STEPS] == list(range(1, STEPS + 1))
    assert "step 3 could not be saved ([Errno 28] No space left on device): training goes on" in caplog.text
    assert [p.name for p in (tmp_path / "seco" / "work").iterdir()] == ["step-000000002.ckpt"]
