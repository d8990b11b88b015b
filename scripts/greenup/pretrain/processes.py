"""How many processes train one model on a cluster, as the resources of a profile say, and the srun that starts them.

Read while planning, so that what cannot be is refused before anything is queued. Imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greenup.config import Model, Runtime
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError

RULE = "set-resources: pretrain_model"


@dataclass(frozen=True)
class Processes:
    """``tasks`` processes of ``cpus`` cores each, equally many on each of ``nodes`` machines; ``srun`` starts them."""

    srun: str
    nodes: int
    tasks: int
    cpus: int

    @property
    def command(self) -> str:
        """What stands before the command of a process, ending in a space.

        The job step of Snakemake's executor takes the task variables of the allocation away, so all is said again.
        """
        options = {
            "nodes": self.nodes,
            "ntasks": self.tasks,
            "ntasks-per-node": self.tasks // self.nodes,
            "cpus-per-task": self.cpus,
            # A process that has failed would leave the others waiting for it.
            "kill-on-bad-exit": 1,
            # The first still writes the model when the others are done; a site may have set a limit to that.
            "wait": 0,
            # They find one another by torch; a site's default library could wait for calls that never come.
            "mpi": "none",
        }
        return " ".join([self.srun, *(f"--{name}={value}" for name, value in options.items())]) + " "


def launcher(name: str, model: Model, resources: Mapping[str, Any], threads: int, runtime: Runtime) -> str:
    """What stands before the command of model ``name``: nothing, or an srun of several processes.

    ``resources``: those of the job, ``threads`` cores a process. Weights that are not trained need one process only.

    Raises `UserError` for resources that contradict one another or leave GPUs idle, and for a batch that the processes
    cannot share equally.
    """
    method = model.method
    if not isinstance(method, TrainedMethod):
        return ""
    processes = processes_of(resources, threads)
    if processes is None:
        _refuse_idle(resources, runtime)
        check_parts(method, runtime.devices, f"models.{name}.method")
        return ""
    if runtime.accelerator != "cpu":
        _check_gpus(resources, processes)
    check_parts(method, processes.tasks, f"models.{name}.method")
    return processes.command


def processes_of(resources: Mapping[str, Any], threads: int) -> Processes | None:
    """The processes that resource ``mpi`` asks for; None where it is not set.

    Raises `UserError` unless exactly one of ``tasks`` and ``tasks_per_node`` is given, above 1, and shared equally by
    ``nodes`` (default 1).
    """
    srun, nodes = resources.get("mpi"), resources.get("nodes") or 1
    if not srun:
        return None
    if str(srun).split()[0].rpartition("/")[2] != "srun":
        raise UserError(f"{RULE}: mpi: {srun}: processes that train together are started by srun", "write mpi: srun")
    given = {key: resources.get(key) for key in ("tasks", "tasks_per_node") if resources.get(key)}
    if len(given) != 1 or next(iter(given.values())) < 2:
        told = ", ".join(f"{k}: {v}" for k, v in given.items()) or "neither tasks nor tasks_per_node"
        raise UserError(
            f"{RULE}: mpi: {srun} with {told}",
            "write one of them: tasks, the processes on all nodes, or tasks_per_node; at least 2 (for a single process "
            "leave mpi out)",
        )
    tasks = given.get("tasks") or given["tasks_per_node"] * nodes
    if tasks % nodes:
        raise UserError(
            f"{RULE}: {tasks} tasks cannot be shared equally by {nodes} nodes",
            f"write tasks: {-(-tasks // nodes) * nodes}, or other nodes",
        )
    cpus = resources.get("cpus_per_task") or threads
    return Processes(str(srun), nodes, tasks, max(1, cpus))


def check_parts(method: TrainedMethod, processes: int, where: str) -> None:
    """Refuse a batch that the processes and accumulated parts cannot share equally."""
    parts = processes * method.accumulate
    if method.batch_size % parts:
        up = -(-method.batch_size // parts) * parts
        raise UserError(
            f"{where}.batch_size: {method.batch_size} cannot be cut into equal parts for {processes} processes x "
            f"accumulate {method.accumulate}",
            f"write batch_size: {up} (and a queue that is a multiple of it), or another number of processes "
            "(runtime.devices; on a cluster the tasks of pretrain_model in the profile)",
        )


def _gpus(resources: Mapping[str, Any], nodes: int) -> int:
    """GPUs a job asks for on all its nodes: by ``gpu`` in all, by ``gres`` on each."""
    if resources.get("gpu"):
        return int(resources.get("gpu"))
    found = re.fullmatch(r"gpu(?::\D[^:]*)?(?::(\d+))?", str(resources.get("gres") or ""))
    return nodes * int(found[1] or 1) if found else 0


def _refuse_idle(resources: Mapping[str, Any], runtime: Runtime) -> None:
    nodes = resources.get("nodes") or 1
    tasks = resources.get("tasks") or resources.get("tasks_per_node") or 1
    if nodes > 1 or tasks > 1:
        raise UserError(
            f"{RULE}: nodes: {nodes}, tasks: {tasks} without mpi: one process would train, the other places stay empty",
            "add mpi: srun",
        )
    gpus = _gpus(resources, nodes)
    if gpus > max(1, runtime.devices):
        raise UserError(
            f"{RULE}: {gpus} GPUs for {runtime.devices} process: the others would stay idle",
            f"add mpi: srun and tasks: {gpus}",
        )


def _check_gpus(resources: Mapping[str, Any], processes: Processes) -> None:
    gpus = _gpus(resources, processes.nodes)
    if gpus and gpus != processes.tasks:
        raise UserError(
            f"{RULE}: {processes.tasks} processes on {processes.nodes} nodes share {gpus} GPUs, and need one each",
            f"write as many tasks as GPUs: gpu: {processes.tasks} (on all nodes), or gres: "
            f"gpu:{processes.tasks // processes.nodes} (on each)",
        )
    per_gpu = resources.get("tasks_per_gpu")
    # The executor would hand `tasks` to --ntasks-per-gpu where nothing is said of it.
    if gpus and (per_gpu or (per_gpu is None and resources.get("tasks"))):
        raise UserError(
            f"{RULE}: with tasks_per_gpu {'unset' if per_gpu is None else per_gpu} Slurm would be asked for tasks by "
            "the GPU, and each process would see one GPU alone",
            "write tasks_per_gpu: 0",
        )
