"""The Lightning trainer of a study: on which devices, in which processes, and nothing of Lightning's own."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from pytorch_lightning.strategies import DDPStrategy, Strategy

from greenup.config import Runtime
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.pretrain.distributed import PATIENCE


@dataclass(frozen=True)
class Team:
    """The processes that train one model: ``nodes`` machines of ``devices`` each, and who this one is among them.

    ``sharing``: how many of them share the threads of the job. Slurm gives each task cores of its own.
    """

    accelerator: str
    devices: int
    nodes: int
    rank: int
    environment: ClusterEnvironment
    sharing: int = 1

    @property
    def size(self) -> int:
        return self.devices * self.nodes


def team_of(runtime: Runtime) -> Team:
    """Under srun with several tasks, or torchrun, they are the processes; else ``runtime.devices`` on this machine.

    Raises `UserError` for a GPU where there is none, for more than there are, and for tasks that srun has spread
    unequally over the nodes.
    """
    has_gpu = torch.cuda.is_available()
    if runtime.accelerator == "gpu" and not has_gpu:
        raise UserError(
            "runtime.accelerator: gpu, but torch sees no GPU on this machine",
            "write accelerator: auto or cpu, or run on a machine with a GPU and a torch built for it",
        )
    accelerator = "gpu" if has_gpu and runtime.accelerator != "cpu" else "cpu"
    env = os.environ
    # SLURM_STEP_*: set by srun alone; a batch script sees SLURM_NTASKS too.
    if int(env.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        nodes, spread = int(env.get("SLURM_STEP_NUM_NODES", 1)), env.get("SLURM_STEP_TASKS_PER_NODE", "")
        # Such as 4(x2): four tasks on each of two nodes; a comma stands between nodes of different numbers.
        if "," in spread or int(env["SLURM_STEP_NUM_TASKS"]) % nodes:
            raise UserError(
                f"srun has started {env['SLURM_STEP_NUM_TASKS']} processes unequally on {nodes} nodes ({spread})",
                "give srun --ntasks-per-node",
            )
        devices, number = int(env["SLURM_STEP_NUM_TASKS"]) // nodes, int(env["SLURM_PROCID"])
        sharing = 1
        # Lightning asks for it even where srun was given tasks and nodes alone.
        env["SLURM_NTASKS_PER_NODE"] = str(devices)
        environment: ClusterEnvironment = SLURMEnvironment(auto_requeue=False)
    elif "TORCHELASTIC_RUN_ID" in env:
        devices = int(env["LOCAL_WORLD_SIZE"])
        nodes, number = int(env["WORLD_SIZE"]) // devices, int(env["RANK"])
        sharing = devices
        environment = TorchElasticEnvironment()
    else:
        devices, nodes, number = runtime.devices, 1, int(env.get("LOCAL_RANK", 0)) if runtime.devices > 1 else 0
        environment, sharing = LightningEnvironment(), devices
    if accelerator == "gpu" and devices > torch.cuda.device_count():
        raise UserError(
            f"{devices} processes on this machine (runtime.devices, or tasks of srun), but torch sees "
            f"{torch.cuda.device_count()} GPUs",
            f"write devices: {torch.cuda.device_count()}; under srun as many tasks a node as it has, seen by all",
        )
    return Team(accelerator, devices, nodes, number, environment, sharing)


def is_first(team: Team | None = None) -> bool:
    """Whether this process is the one that writes and speaks; without a team, by what the environment says."""
    if team is not None:
        return team.rank == 0
    key = "SLURM_PROCID" if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1 else "RANK"
    return int(os.environ.get(key, os.environ.get("LOCAL_RANK", 0))) == 0


def build_trainer(method: TrainedMethod, team: Team, steps: int, folder: Path, callback: pl.Callback) -> pl.Trainer:
    """A Trainer that takes ``steps`` optimiser steps and nothing else: no bars, no folders, no requeueing."""
    for chatty in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    # Advice for other uses: workers are set by the user, the loader runs over the whole training at once, and the rule
    # calls srun where it is wanted.
    advices = ("does not have many workers", "GPU available but not used", "isinstance.treespec, LeafSpec")
    for advice in (*advices, "`srun` command is available"):
        warnings.filterwarnings("ignore", message=f".*{advice}.*")
    return pl.Trainer(
        accelerator=team.accelerator,
        devices=team.devices,
        num_nodes=team.nodes,
        strategy=_strategy(team),
        precision="bf16-mixed" if method.precision == "bfloat16" else "32-true",
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=method.accumulate,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        benchmark=team.accelerator == "gpu",
        default_root_dir=folder,
        plugins=[team.environment],
    )


def _strategy(team: Team) -> Strategy | str:
    if team.size == 1:
        return "auto"
    if team.nodes == 1 and sys.platform == "linux":
        # Processes of one machine speak over its loopback; names of hosts are not always known to themselves.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return DDPStrategy(
        # Queues, centres and statistics are the same everywhere by themselves; sending them every step is not needed.
        forward_sync_buffers=False,
        gradient_as_bucket_view=True,
        process_group_backend="nccl" if team.accelerator == "gpu" else "gloo",
        timeout=PATIENCE,
    )


def end_others(trainer: pl.Trainer) -> None:
    """Kill the processes that this one has started: one that has failed leaves none behind, waiting for it."""
    launcher = trainer.strategy.launcher
    for process in getattr(launcher, "procs", []):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
