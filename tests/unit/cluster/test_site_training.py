"""What the site file's `training_*` keys become: resources of the rule that trains, and an srun that fits them."""

import pytest
from greenup.cluster.site import Site
from greenup.pretrain.processes import processes_of


def resources(**keys):
    return Site(**keys).training(memory_mb=1000, minutes=60)


def test_one_gpu_is_left_to_the_executor():
    given = resources()
    assert given["gpu"] == 1 and "mpi" not in given and "gres" not in given


@pytest.mark.parametrize(("nodes", "gpus"), [(1, 4), (2, 1), (2, 4), (8, 8)])
def test_processes_and_gpus_are_asked_for_node_by_node(nodes, gpus):
    given = resources(training_nodes=nodes, training_gpus=gpus, gpu_kind="a100")
    assert given["gres"] == f"'gpu:a100:{gpus}'" and "gpu" not in given and given["tasks_per_gpu"] == 0
    assert given["mem_mb"] == f"{1000 * gpus} * attempt"
    # Quoted for Snakemake, which evaluates them.
    processes = processes_of({k: str(v).strip("'") if k == "mpi" else v for k, v in given.items()}, 4)
    assert (processes.nodes, processes.tasks) == (nodes, nodes * gpus)
    # The executor takes one of them, and refuses tasks_per_node: 1.
    assert ("tasks" in given) != ("tasks_per_node" in given) and given.get("tasks_per_node", 2) > 1


def test_processes_are_warned_and_not_the_script_around_them():
    assert resources(warning_seconds=600)["slurm_extra"] == "'--signal=USR1@600'"
    assert resources(training_nodes=2)["slurm_extra"] == "'--signal=USR1@300'"


def test_processors_of_a_node_are_shared_by_its_processes():
    assert Site(max_cpus=32, training_gpus=4).training_cpus(16) == 8
    assert Site(max_cpus=2, training_gpus=4).training_cpus(16) == 1
    assert Site().training_cpus(16) == 16
