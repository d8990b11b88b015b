"""Two processes on the CPU against one that has the whole batch."""

import socket
import time

import pytest
import torch
from fakes import METHODS
from greenup.config import Runtime
from greenup.errors import UserError
from greenup.pretrain.distributed import alone, gathered, mean_over_all, rank, synchronise_batch_norms, world
from greenup.pretrain.processes import check_parts
from greenup.pretrain.trainer import is_first, team_of
from small import SmallNetwork
from together import finish, start
from torch import nn

# Sums in another order: float32 with room for what a few steps add up. Losses to 1e-5, weights and queues to 1e-5.
TOLERANCE = 1e-5


def recipe(name):
    """Four steps of two parts. No dropout: each process draws its own."""
    out = {"name": name, "epochs": 2, "batch_size": 8, "accumulate": 2}
    out["optimizer"] = {"name": "sgd", "lr": 0.01, "clip_norm": 1.0}
    if name in ("seco", "moco", "moco_tp", "moco_seasonal"):
        out["queue"] = 16
    if name == "data2vec":
        out |= {"drop_path": 0.0, "attention_drop": 0.0}
    return out


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Folders of all methods trained by one process, and by two that a launcher has started."""
    folder = tmp_path_factory.mktemp("together")
    settings = {"methods": [recipe(n) for n in METHODS], "runtime": {"workers": 0}, "small_network": True}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (folder / "one").mkdir()
    finish(start({**settings, "folder": str(folder / "one")}))
    (folder / "two").mkdir()
    for file in ("index.parquet", "statistics.json"):
        (folder / "two" / file).write_bytes((folder / "one" / file).read_bytes())
    common = {"TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    finish(
        *(
            start({**settings, "folder": str(folder / "two")}, **common, RANK=str(r), LOCAL_RANK=str(r))
            for r in range(2)
        )
    )
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_learn_what_one_learns(both, name):
    one, two = (torch.load(both / which / name / "final.pt") for which in ("one", "two"))
    assert len(one["losses"]) == 8
    assert one["losses"] == pytest.approx(two["losses"], rel=TOLERANCE)
    assert one["learner"].keys() == two["learner"].keys()
    for key, value in one["learner"].items():
        torch.testing.assert_close(
            two["learner"][key], value, rtol=TOLERANCE, atol=TOLERANCE, msg=lambda m, k=key: f"{k}: {m}"
        )


@pytest.mark.parametrize("name", METHODS)
def test_only_the_first_process_writes(both, name):
    folder = both / "two" / name
    assert [p.name for p in (folder / "work").iterdir()] == ["step-000000004.ckpt"]
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "README.md",
        "config.json",
        "curves.csv",
        "weights.safetensors",
    ]


def test_processes_of_our_own_end_together_when_one_fails(tmp_path):
    settings = {"methods": [recipe("seco")], "runtime": {"workers": 0, "devices": 2}, "small_network": True}
    began = time.monotonic()
    process = start({**settings, "folder": str(tmp_path), "fail_at": 1})
    told = process.communicate(timeout=200)[0]
    assert process.returncode != 0 and "this process fails" in told, told
    assert time.monotonic() - began < 200


def test_processes_of_our_own_tell_a_divergence_once(tmp_path):
    method = {**recipe("seco"), "optimizer": {"name": "sgd", "lr": 1e30}}
    settings = {"methods": [method], "runtime": {"workers": 0, "devices": 2}, "small_network": True}
    process = start({**settings, "folder": str(tmp_path)})
    told = process.communicate(timeout=200)[0]
    assert process.returncode == 1, told
    assert told.count("training has diverged") == 1 and "Traceback" not in told


def test_alone_nothing_waits_for_others():
    values = torch.arange(4.0)
    assert world() == 1 and rank() == 0
    assert gathered(values) is values and mean_over_all(values) is values
    with alone():
        assert world() == 1


@pytest.mark.parametrize("training", [True, False])
def test_a_synchronised_batch_norm_of_one_process_is_an_ordinary_one(training):
    plain, ours = SmallNetwork().train(training), synchronise_batch_norms(SmallNetwork(), gpu=False).train(training)
    assert not any(type(m) is nn.BatchNorm2d for m in ours.modules())
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain(x), ours(x))
    assert all(torch.equal(v, ours.state_dict()[k]) for k, v in plain.state_dict().items())


def test_a_batch_norm_that_does_more_is_refused():
    class Acting(nn.BatchNorm2d):
        pass

    with pytest.raises(TypeError, match="Acting"):
        synchronise_batch_norms(nn.Sequential(Acting(3)), gpu=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"runtime\.accelerator: gpu, but torch sees no GPU"):
        team_of(Runtime(accelerator="gpu"))


def test_more_devices_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"4 processes on this machine .*, but torch sees 2 GPUs") as caught:
        team_of(Runtime(devices=4))
    assert caught.value.mend.startswith("write devices: 2")


def test_a_batch_that_processes_cannot_share_is_refused(model):
    with pytest.raises(UserError, match=r"m.batch_size: 4 cannot be cut into equal parts for 3 processes") as caught:
        check_parts(model.method, 3, "m")
    assert "batch_size: 6" in caught.value.mend


def test_tasks_of_srun_are_the_team(monkeypatch):
    for key, value in {
        "STEP_NUM_TASKS": 8,
        "STEP_NUM_NODES": 2,
        "PROCID": 5,
        "NTASKS": 8,
        "NTASKS_PER_NODE": 1,
    }.items():
        monkeypatch.setenv(f"SLURM_{key}", str(value))
    team = team_of(Runtime(accelerator="cpu"))
    assert (team.size, team.nodes, team.devices, team.rank) == (8, 2, 4, 5)
    assert not team.environment.auto_requeue and not is_first(team) and not is_first()


def test_tasks_of_srun_have_cores_of_their_own_and_processes_of_one_job_share_them(monkeypatch):
    assert team_of(Runtime(accelerator="cpu", devices=4)).sharing == 4
    for key, value in {"STEP_NUM_TASKS": 4, "STEP_NUM_NODES": 1, "PROCID": 0, "NTASKS": 4}.items():
        monkeypatch.setenv(f"SLURM_{key}", str(value))
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    assert team_of(Runtime(accelerator="cpu")).sharing == 1


def test_tasks_that_srun_spreads_unequally_are_refused(monkeypatch):
    for key, value in {"STEP_NUM_TASKS": 4, "STEP_NUM_NODES": 2, "STEP_TASKS_PER_NODE": "3,1", "PROCID": 0}.items():
        monkeypatch.setenv(f"SLURM_{key}", str(value))
    with pytest.raises(UserError, match=r"4 processes unequally on 2 nodes \(3,1\)"):
        team_of(Runtime(accelerator="cpu"))


def test_a_batch_script_of_slurm_is_one_process(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert team_of(Runtime(accelerator="cpu")).size == 1
