"""What happens beside the steps of a fine-tuning: validation, the best weights, checkpoints, and stopping."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from greenup.config.finetune import FinetuneProtocol
from greenup.errors import UserError
from greenup.evaluate.finetune_images import Judged
from greenup.evaluate.finetune_network import Finetuner
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.module import Training
from greenup.pretrain.progress import CHECKPOINT_SHARE, STOPPED_BY, Stopped

log = logging.getLogger(__name__)


@torch.no_grad()
def logits_of(learner: Finetuner, images: Judged) -> torch.Tensor:
    """Outputs (M, C), float32 on the CPU, of the network as it is used: without dropout, batch norms as kept."""
    device, training = next(learner.parameters()).device, learner.training
    learner.eval()
    try:
        parts = [learner.logits(part.to(device, memory_format=torch.channels_last)).cpu() for part in images.batches()]
    finally:
        learner.train(training)
    return torch.cat(parts)


class FinetuneProgress(pl.Callback):
    """Follows a fine-tuning: validates after every epoch, keeps the best weights, stops when nothing gets better.

    ``validation``: its images and their rows in the targets; ``metric``: from scores (V, C) to the task's main metric
    (larger is better), NaN where the part cannot define it. ``rows`` are the lines of the curve, an epoch each;
    ``best`` the weights to be tested. ``state`` is that of a checkpoint, None at the beginning.
    """

    def __init__(
        self,
        protocol: FinetuneProtocol,
        validation: Judged,
        val_rows: np.ndarray,
        metric: Callable[[np.ndarray], float],
        checkpoints: Checkpoints,
        checkpoint_minutes: float,
        where: str,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.protocol, self.validation, self.val_rows, self.metric = protocol, validation, val_rows, metric
        self.checkpoints, self.checkpoint_s, self.where = checkpoints, checkpoint_minutes * 60, where
        self.rows: list[dict[str, Any]] = list(state["rows"]) if state else []
        self.best: dict[str, torch.Tensor] | None = state["best"] if state else None
        self.best_value = state["best_value"] if state else math.inf
        self.best_epoch, self.waited = (state["best_epoch"], state["waited"]) if state else (0, 0)
        self._sum, self._parts = (state["sum"], state["parts"]) if state else (0.0, 0)
        self._loss: torch.Tensor | float = 0.0
        self._write_s = 0.0
        self._signal = 0

    @property
    def ended(self) -> bool:
        """Whether patience has run out."""
        return self.protocol.patience is not None and self.waited >= self.protocol.patience

    # ---------------------------------------------------------------------------------------------- Lightning's hooks
    def on_train_start(self, trainer: pl.Trainer, module: Training) -> None:
        # Lightning's own handler would exit with 0.
        for signum in STOPPED_BY:
            signal.signal(signum, self._on_signal)
        self._saved = self._began = time.monotonic()
        self._images = 0

    def on_train_batch_start(self, trainer: pl.Trainer, module: Training, batch: Batch, batch_idx: int) -> None:
        self._before, self._rate = module.step, module.rate

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Training, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        # Kept on the device: reading a value each step would make a GPU wait for the CPU.
        self._loss = self._loss + module.learnt.loss.detach()
        self._parts += 1
        self._images += len(batch.rows)
        if module.step == self._before:
            return
        at_end = module.step % module.steps_per_epoch == 0
        late = time.monotonic() - self._saved >= self.checkpoint_s
        if at_end or late or self._signal or module.device.type == "cpu":
            self._collect(module)
        if at_end:
            self._end_epoch(module)
        worth = time.monotonic() - self._saved >= self._write_s / CHECKPOINT_SHARE
        if late or self._signal or (at_end and worth):
            self._save(module)
        if at_end and self.ended:
            trainer.should_stop = True
        elif self._signal and module.step < module.total_steps:
            name = signal.Signals(self._signal).name
            log.warning("asked to stop (%s) at step %d: the same command continues there", name, module.step)
            raise Stopped(self._signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum

    # ---------------------------------------------------------------------------------------------------- its parts
    def _collect(self, module: Training) -> None:
        self._sum += float(self._loss)
        self._loss = 0.0
        self._check(self._sum, "loss", module)

    def _check(self, value: float, what: str, module: Training) -> None:
        if math.isfinite(value):
            return
        optimizer = self.protocol.optimizer
        epoch = -(-module.step // module.steps_per_epoch)
        raise UserError(
            f"{self.where}: the {what} is {value} in epoch {epoch}, step {module.step}: training has diverged",
            f"lower optimizer.lr (now {optimizer.lr:g}), lengthen its warm-up"
            + (", or set optimizer.clip_norm" if optimizer.clip_norm is None else "")
            + ("" if self.protocol.precision == "float32" else ", or write precision: float32"),
        )

    def _end_epoch(self, module: Training) -> None:
        seconds = time.monotonic() - self._began
        learner, epoch = module.learner, module.step // module.steps_per_epoch
        logits = logits_of(learner, self.validation)
        targets = learner.targets
        loss = float(learner.loss(logits, targets.y[torch.from_numpy(self.val_rows)]))
        self._check(loss, "validation loss", module)
        metric = self.metric(targets.scores(logits))
        value = loss if self.protocol.watch == "loss" else -metric
        if math.isnan(value):
            raise UserError(
                f"{self.where}.watch: the validation part cannot define the task's metric", "write watch: loss"
            )
        better = value < self.best_value
        if better:
            self.best_value, self.best_epoch, self.waited = value, epoch, 0
        else:
            self.waited += 1
        if better or "last_weights" in self.protocol.compat:
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in learner.state_dict().items()}
        train_loss = self._sum / self._parts
        self.rows.append(
            {
                "epoch": epoch,
                "step": module.step,
                "loss": train_loss,
                "val_loss": loss,
                "val_metric": metric,
                "lr": self._rate,
                "best": better,
                "images_per_second": self._images / seconds,
            }
        )
        log.info(
            "epoch %d/%d, loss %.4f, validation %.4f, metric %.4f%s; %.0f images/s",
            epoch,
            self.protocol.epochs,
            train_loss,
            loss,
            metric,
            ", the best so far" if better else "",
            self._images / seconds,
        )
        self._sum, self._parts, self._images = 0.0, 0, 0
        self._began = time.monotonic()

    def _save(self, module: Training) -> None:
        began = time.monotonic()
        state = {
            "learner": module.learner.state_dict(),
            "optimizer": module.optimizers().optimizer.state_dict(),
            "rows": self.rows,
            "best": self.best,
            "best_value": self.best_value,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "sum": self._sum,
            "parts": self._parts,
        }
        try:
            self.checkpoints.save(module.step, state)
        except OSError as error:
            log.warning("step %d could not be saved (%s): training goes on", module.step, error)
        self._saved = time.monotonic()
        self._write_s = self._saved - began
