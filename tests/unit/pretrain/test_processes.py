"""How many processes a profile asks for, and what is refused before anything is queued."""

import pytest
from fakes import tiny_model
from greenup.config import Model, Runtime
from greenup.errors import UserError
from greenup.pretrain.processes import launcher, processes_of

MODEL = tiny_model(batch_size=8, queue=16)
CPU = Runtime(accelerator="cpu")


def started(threads=2, runtime=CPU, model=MODEL, **resources):
    return launcher("m", model, resources, threads, runtime)


def test_on_one_machine_nothing_stands_before_the_command():
    assert started() == "" and started(gpu=1, mem_mb=1000, runtime=Runtime()) == ""


@pytest.mark.parametrize(
    ("resources", "nodes", "tasks", "each"),
    [
        ({"tasks": 4}, 1, 4, 4),
        ({"tasks": 4, "nodes": 2}, 2, 4, 2),
        ({"tasks_per_node": 4, "nodes": 2}, 2, 8, 4),
        ({"tasks_per_node": 2}, 1, 2, 2),
    ],
)
def test_srun_is_told_all_that_the_job_step_takes_away(resources, nodes, tasks, each):
    words = started(mpi="srun", **resources).split()
    assert words[0] == "srun"
    assert words[1:5] == [f"--nodes={nodes}", f"--ntasks={tasks}", f"--ntasks-per-node={each}", "--cpus-per-task=2"]
    assert {"--kill-on-bad-exit=1", "--wait=0"} <= set(words)


def test_options_of_a_site_stay_and_cores_can_be_given():
    words = started(mpi="srun --network=sn_all", tasks=2, cpus_per_task=7)
    assert words.startswith("srun --network=sn_all --nodes=1 ") and "--cpus-per-task=7 " in words and words[-1] == " "


def test_weights_that_are_not_trained_need_one_process():
    network = {"dataset": "a", "backbone": "resnet18", "input_scale": "standardise"}
    drawn = Model.model_validate(network | {"method": {"name": "random_init"}})
    assert started(mpi="srun", tasks=3, model=drawn) == ""


@pytest.mark.parametrize(
    ("resources", "message", "mend"),
    [
        ({"mpi": "mpirun", "tasks": 2}, "mpi: mpirun", "mpi: srun"),
        ({"mpi": "srun"}, "neither tasks nor tasks_per_node", "tasks"),
        ({"mpi": "srun", "tasks": 1}, "tasks: 1", "leave mpi out"),
        ({"mpi": "srun", "tasks": 2, "tasks_per_node": 2}, "tasks: 2, tasks_per_node: 2", "one of them"),
        ({"mpi": "srun", "tasks": 3, "nodes": 2}, "3 tasks .* 2 nodes", "tasks: 4"),
        ({"mpi": "srun", "tasks": 3}, "batch_size: 8 cannot be cut .* 3 processes", "batch_size: 9"),
        ({"nodes": 2}, "nodes: 2, tasks: 1 without mpi", "mpi: srun"),
        ({"gpu": 4}, "4 GPUs for 1 process", "tasks: 4"),
        ({"gres": "gpu:a100:4"}, "4 GPUs for 1 process", "tasks: 4"),
    ],
)
def test_what_cannot_be_is_refused_with_a_mend(resources, message, mend):
    with pytest.raises(UserError, match=message) as caught:
        started(**resources)
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    ("resources", "message", "mend"),
    [
        ({"tasks": 4, "gpu": 2, "tasks_per_gpu": 0}, "4 processes on 1 nodes share 2 GPUs", "gpu: 4"),
        ({"tasks": 4, "nodes": 2, "gres": "gpu:4", "tasks_per_gpu": 0}, "share 8 GPUs", "gpu:2"),
        ({"tasks": 2, "gpu": 2}, "tasks_per_gpu unset", "tasks_per_gpu: 0"),
        ({"tasks_per_node": 2, "gres": "gpu:2", "tasks_per_gpu": 1}, "tasks_per_gpu 1", "tasks_per_gpu: 0"),
    ],
)
def test_each_process_has_a_gpu_and_sees_all_of_its_node(resources, message, mend):
    with pytest.raises(UserError, match=message) as caught:
        started(mpi="srun", runtime=Runtime(), **resources)
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    "resources",
    [
        {"tasks": 2, "nodes": 2, "gres": "gpu:1", "tasks_per_gpu": 0},
        {"tasks_per_node": 4, "nodes": 2, "gres": "gpu:a100:4"},
        {"tasks": 4, "gpu": 4, "tasks_per_gpu": 0},
    ],
)
def test_as_many_gpus_as_processes_are_right(resources):
    assert started(mpi="srun", runtime=Runtime(), **resources).startswith("srun ")


def test_runtime_devices_use_the_gpus_of_one_machine():
    assert started(gpu=4, runtime=Runtime(devices=4)) == ""


def test_without_mpi_there_is_no_team():
    assert processes_of({"tasks": 1}, 2) is None
