"""One fold of a fine-tuning: from its last checkpoint if there is one, to the scores of its test part."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from greenup.config import Runtime
from greenup.config.finetune import FinetuneProtocol
from greenup.evaluate.finetune_images import Crops, Judged, Scaling
from greenup.evaluate.finetune_layers import layered_optimizer, set_scaled_rates
from greenup.evaluate.finetune_network import Finetuner, Targets
from greenup.evaluate.finetune_progress import FinetuneProgress, logits_of
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.data import OpenStore, Site, SiteViews
from greenup.pretrain.loading import loader
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.module import Training
from greenup.pretrain.order import TrainingBatches
from greenup.pretrain.progress import STOPPED_BY, Stopped
from greenup.pretrain.trainer import build_trainer, team_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """What is trained on and judged: ``keys`` (site, season) of all N labelled images, their targets, and the rows of
    the three parts. ``metric``: from validation scores (V, C) to the task's main metric."""

    keys: Sequence[tuple[str, str]]
    targets: Targets
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    metric: Callable[[np.ndarray], float]


class FineTuning(Training):
    """`Training` with learning rates layer by layer."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = layered_optimizer(self.learner.encoder, self.learner.head, self.settings)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if batch_idx % self.settings.accumulate == 0:
            set_scaled_rates(self.optimizers().optimizer, self.rate)


def finetune_fold(
    backbone: nn.Module,
    fold: Fold,
    protocol: FinetuneProtocol,
    scaling: Scaling,
    open_store: OpenStore,
    *,
    size: int,
    positive_weight: float,
    seed: int,
    runtime: Runtime,
    checkpoints: Checkpoints,
    where: str,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Scores (T, C), float64, of the test part, and the lines of the training curve.

    ``backbone`` is changed; ``size``: side of training crops (pixels). A fold that has ended is read from its
    checkpoint, one that was interrupted is continued: on a CPU the result is the same to the last bit.

    Raises `UserError` for a loss that is no longer finite or a judged image that cannot be read, and SystemExit with
    128 + its number when a signal asks to stop.
    """
    state = checkpoints.load()
    if state and state.get("finished"):
        log.info("done before (%s)", checkpoints.folder)
        return state["scores"].numpy(), state["rows"]
    step = state["step"] if state else 0
    sites = [Site(*_site(fold.keys[row])) for row in fold.train]
    batches = TrainingBatches(sites, protocol.batch_size, protocol.epochs, seed, step, accumulate=protocol.accumulate)
    crops = Crops(size, tuple(protocol.crop_scale), protocol.flips, scaling.preprocess.interpolation)
    views = SiteViews(sites, open_store, crops, scaling.given, seed)
    learner = Finetuner(
        backbone, fold.targets, fold.train, protocol, positive_weight=positive_weight, seed=seed, where=where
    )
    if state:
        log.info("continuing at step %d of %d", step, protocol.epochs * batches.steps_per_epoch)
        learner.load_state_dict(state["learner"])
    # Lightning leaves the modes as they are, and a loaded network is one to be used.
    learner = learner.to(memory_format=torch.channels_last).train()
    validation, test = (
        Judged([fold.keys[row] for row in rows], open_store, scaling, runtime.workers) for rows in (fold.val, fold.test)
    )
    progress = FinetuneProgress(
        protocol, validation, fold.val, fold.metric, checkpoints, runtime.checkpoint_minutes, where, state
    )
    team = team_of(runtime.model_copy(update={"devices": 1}))
    optimizer = state["optimizer"] if state else None
    module = FineTuning(learner, protocol, scaling, batches.steps_per_epoch, seed, step, optimizer)
    if step < module.total_steps and not progress.ended:
        trainer = build_trainer(protocol, team, module.total_steps - step, checkpoints.folder, progress)
        # Batch norms that keep their statistics are.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        handlers = {signum: signal.getsignal(signum) for signum in STOPPED_BY}
        try:
            trainer.fit(module, loader(views, batches, runtime.workers, pin=team.accelerator == "gpu"))
        except Stopped as stopped:
            raise SystemExit(stopped.status) from None
        finally:
            for signum, handler in handlers.items():
                signal.signal(signum, handler)
    learner.load_state_dict(progress.best)
    learner.to("cuda" if team.accelerator == "gpu" else "cpu")
    scores = fold.targets.scores(logits_of(learner, test))
    # The weights have done their work; what stays is as small as the answer.
    ended = {"finished": True, "scores": torch.from_numpy(scores), "rows": progress.rows}
    checkpoints.save(module.total_steps + 1, ended)
    checkpoints.keep(1)
    return scores, progress.rows


def _site(key: tuple[str, str]) -> tuple[str, tuple[str, ...], float]:
    return key[0], (key[1],), 1.0
