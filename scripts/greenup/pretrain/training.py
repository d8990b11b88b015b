"""Train the network of one model, from its last checkpoint if there is one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from greenup.config import Model, Runtime
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.data import OpenStore, Site, SiteViews, runs_of
from greenup.pretrain.distributed import synchronise_batch_norms
from greenup.pretrain.loading import collate, loader
from greenup.pretrain.methods import build_learner
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.module import Training
from greenup.pretrain.order import TrainingBatches
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.probe import OnlineProbe
from greenup.pretrain.progress import AgreedError, Progress, Stopped
from greenup.pretrain.trainer import Team, build_trainer, end_others, is_first
from greenup.pretrain.views.makers import build_views

log = logging.getLogger("greenup.pretrain")

_HELD_OUT_MEMORY = 256 * 2**20


@dataclass(frozen=True)
class Job:
    """What is trained, and on what. ``index``: the table of the dataset's images."""

    model: Model
    method: TrainedMethod
    preprocess: Preprocess
    index: pd.DataFrame
    training: Sequence[Site]
    held_out: Sequence[Site]
    open_store: OpenStore
    seed: int
    simulated: bool


def train(
    job: Job, team: Team, runtime: Runtime, checkpoints: Checkpoints, where: str
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """(trained encoder on the CPU, rows of curves.csv). ``where`` names the model's method in messages.

    Raises `UserError` for a training that diverges or collapses, and SystemExit with 128 + its number when a signal
    asks to stop. Processes that are not the first end in silence then.
    """
    method, first = job.method, is_first(team)
    if not first:
        log.setLevel(logging.WARNING)
    state = checkpoints.load(tidy=first)
    step = state["step"] if state else 0
    batches = TrainingBatches(
        job.training,
        method.batch_size,
        method.epochs,
        job.seed,
        step,
        accumulate=method.accumulate,
        rank=team.rank,
        ranks=team.size,
        shards_at_once=method.shards_at_once if method.order == "shards" else None,
    )
    maker = build_views(job.model)
    views, held_views = (
        SiteViews(part, job.open_store, maker, job.preprocess.channels, job.seed)
        for part in (job.training, job.held_out)
    )
    learner = build_learner(job.model, job.seed)
    if state:
        log.info("continuing at step %d of %d (%s)", step, method.epochs * batches.steps_per_epoch, checkpoints.folder)
        learner.load_state_dict(state["learner"])
    if team.size > 1:
        synchronise_batch_norms(learner, gpu=team.accelerator == "gpu")
        # Lightning would give every process as many threads as it sees fit.
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    learner = learner.to(memory_format=torch.channels_last)
    optimizer = state["optimizer"] if state else None
    module = Training(learner, method, job.preprocess, batches.steps_per_epoch, job.seed, step, optimizer)
    probe = None
    if method.probe_epochs:
        probe = OnlineProbe(job.index, job.training, job.held_out, job.open_store, job.preprocess, job.seed)
        if not probe and first:
            log.warning("%s.probe_epochs: no held-out sites of two land covers to probe: left out", where)
    progress = Progress(
        checkpoints,
        runtime.checkpoint_minutes,
        # The first process goes through them alone.
        _held_out(held_views, method.batch_size // method.accumulate, runtime.workers) if first else [],
        views.counters,
        job.simulated,
        where,
        probe or None,
        state["progress"] if state else None,
    )
    if step < module.total_steps:
        trainer = build_trainer(method, team, module.total_steps - step, checkpoints.folder, progress)
        _fit(trainer, module, loader(views, batches, runtime.workers, pin=team.accelerator == "gpu"), first)
    return learner.encoder.to("cpu"), progress.rows


def _fit(trainer: pl.Trainer, module: Training, batches: DataLoader, first: bool) -> None:
    try:
        trainer.fit(module, batches)
    except (AgreedError, Stopped) as error:
        end_others(trainer)
        if not first:
            raise SystemExit(0) from None
        if isinstance(error, Stopped):
            raise SystemExit(error.status) from None
        raise
    except UserError as error:
        end_others(trainer)
        # An error in a loading worker arrives as the text of its traceback; the end is what the user needs.
        _, mark, text = str(error).rpartition("greenup.errors.UserError: ")
        if not mark:
            raise
        raise UserError(text.strip()) from error
    except BaseException:
        end_others(trainer)
        raise


def _held_out(views: SiteViews, batch_size: int, workers: int) -> Iterable[Batch]:
    """The held-out batches, to be run over once an epoch: kept in memory when they fit, made again when not."""
    runs = runs_of(len(views), batch_size)
    if not runs:
        return []
    size = sum(group.nbytes for group in views[0][0].groups)
    if len(views) * size <= _HELD_OUT_MEMORY:
        return [collate([views[row] for row in run]) for run in runs]
    return loader(views, runs, workers, pin=False)
