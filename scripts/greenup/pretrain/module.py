"""Any method of pretraining as a LightningModule: scale, learn, clip, step, in the order that `Learner` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from greenup.config.methods import TrainedMethod
from greenup.pretrain.distributed import alone, rank
from greenup.pretrain.methods.base import Batch, Learner, Learnt, Moment
from greenup.pretrain.optimizers import build_optimizer, learning_rate, set_schedules, weight_decay
from greenup.pretrain.preprocess import Preprocess
from greenup.randomness import stable_hash


class Training(pl.LightningModule):
    """Trains a `Learner` on `Batch`es of uint16 views in stored units, scaled on the device.

    A Lightning batch is a part: ``settings.accumulate`` of them make an optimiser step, and with R processes each has
    1/R of every part, so batch_size = R x accumulate x sites of a `Batch`. ``step`` counts optimiser steps from the
    beginning of the training, interruptions or not. ``optimizer_state`` is that of a checkpoint, None at the beginning.
    """

    def __init__(
        self,
        learner: Learner,
        settings: TrainedMethod,
        preprocess: Preprocess,
        steps_per_epoch: int,
        seed: int,
        step: int = 0,
        optimizer_state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.learner, self.settings, self.preprocess = learner, settings, preprocess
        self.steps_per_epoch, self.total_steps = steps_per_epoch, settings.epochs * steps_per_epoch
        self.seed, self.step = seed, step
        self.optimizer_state = optimizer_state
        self.learnt: Learnt | None = None

    @property
    def moment(self) -> Moment:
        """The optimiser step at hand."""
        return Moment(self.step, self.steps_per_epoch, self.total_steps)

    @property
    def rate(self) -> float:
        """Learning rate of the step at hand."""
        return learning_rate(self.settings.optimizer, self.step, self.steps_per_epoch, self.total_steps)

    @property
    def decay(self) -> float:
        """Weight decay of the step at hand."""
        return weight_decay(self.settings.optimizer, self.step, self.total_steps)

    # ---------------------------------------------------------------------------------------------- Lightning's hooks
    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = build_optimizer(self.learner.trained_parameters(), self.settings.optimizer)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if batch_idx % self.settings.accumulate:
            return
        # What a layer draws for itself (drop-path, dropout) depends on the step alone, so that a training resumed here
        # draws the same.
        torch.manual_seed(stable_hash(self.seed, "step", self.step, rank()) & (2**63 - 1))
        set_schedules(self.optimizers().optimizer, self.rate, self.decay)
        self.learner.before_step(self.moment)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.learnt = self.learner(self.scaled(batch), self.moment)
        return self.learnt.loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.learner.after_backward(self.moment)
        settings = self.settings.optimizer
        if settings.clip_norm is not None:
            weights = [p for group in optimizer.param_groups for p in group["params"]]
            for part in [weights] if settings.clip == "all" else [[p] for p in weights]:
                nn.utils.clip_grad_norm_(part, settings.clip_norm)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.learner.after_step(self.moment)
        self.step += 1

    # ------------------------------------------------------------------------------------------------ beside training
    def scaled(self, batch: Batch) -> Batch:
        """The batch with its views as float32, as the network sees them, view by view in channels-last memory."""
        return batch._replace(views=[torch.stack([self.preprocess.scale(v) for v in group]) for group in batch.views])

    @torch.no_grad()
    def held_out_loss(self, batches: Iterable[Batch]) -> float:
        """Mean loss a site over batches of held-out sites; nothing of the training is changed by it.

        Batch norm normalises by the batch, as in training: running statistics lag behind in the first epochs, and the
        loss would tell of that lag. This process computes it alone, whatever the others do meanwhile.
        """
        total, count = 0.0, 0
        precision = self.settings.precision == "bfloat16"
        with alone(), without_trace(self.learner):
            for number, batch in enumerate(batches):
                torch.manual_seed(stable_hash(self.seed, "held-out", number) & (2**63 - 1))
                with torch.autocast(self.device.type, torch.bfloat16, enabled=precision):
                    learnt = self.learner(self.scaled(on_device(batch, self.device)), self.moment)
                total += float(learnt.loss) * len(batch.rows)
                count += len(batch.rows)
        return total / count


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with all its tensors on ``device``."""
    masks = None if batch.masks is None else batch.masks.to(device)
    return Batch([v.to(device) for v in batch.views], masks, batch.rows.to(device))


@contextmanager
def without_trace(learner: Learner) -> Iterator[None]:
    """While it lasts, forward passes change neither running statistics nor random state, nor are they noted."""
    norms = [m for m in learner.modules() if isinstance(m, _BatchNorm)]
    tracking, recording = [n.track_running_stats for n in norms], learner.recording
    for norm in norms:
        norm.track_running_stats = False
    learner.recording = False
    devices = {p.device for p in learner.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=[d.index for d in devices]):
            yield
    finally:
        learner.recording = recording
        for norm, tracked in zip(norms, tracking, strict=True):
            norm.track_running_stats = tracked


def embedding_spread(embedding: torch.Tensor) -> float:
    """Standard deviation of the vectors (N, D), each made a unit vector, averaged over D, times sqrt(D).

    1: spread over the whole sphere; 0: collapsed onto one point (Chen & He 2021, section 4.1).
    """
    unit = F.normalize(embedding.float(), dim=1)
    return float(unit.std(dim=0).mean() * unit.shape[1] ** 0.5)
