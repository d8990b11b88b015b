"""What happens beside the steps: curves, log lines, held-out loss, checkpoints, and stopping a failed training."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from greenup.errors import UserError
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.module import SeCoTraining, embedding_spread
from greenup.schemas import CURVE_COLUMNS

log = logging.getLogger("greenup.pretrain")

LOG_EVERY_S = 5.0
COLLAPSED, THIN = 0.01, 0.1
"""Embedding spreads (see `embedding_spread`) at which training stops, and at which it warns."""
CHECKPOINT_SHARE = 0.05
"""An epoch's end is not worth a checkpoint when writing would take more than this share of the time."""


class Progress(pl.Callback):
    """Follows a `SeCoTraining` and keeps ``rows``, the lines of curves.csv (one an epoch, see `CURVE_COLUMNS`)."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        checkpoint_minutes: float,
        held_out: Iterable[torch.Tensor],
        simulated: bool,
        where: str,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.checkpoints, self.checkpoint_s = checkpoints, checkpoint_minutes * 60
        self.held_out, self.simulated, self.where = held_out, simulated, where
        self.rows: list[dict[str, Any]] = list(state["rows"]) if state else []
        # Sums over the epoch so far; times are in seconds.
        self.sums: dict[str, float] = dict(state["sums"]) if state else _zeros()
        self._loss = 0.0
        self._spread = 0.0
        self._write_s = 0.0

    # ---------------------------------------------------------------------------------------------- Lightning's hooks
    def on_train_start(self, trainer: pl.Trainer, module: SeCoTraining) -> None:
        self._mark = self._logged = self._saved = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, module: SeCoTraining, batch: Any, batch_idx: int) -> None:
        now = time.monotonic()
        self.sums["wait"] += now - self._mark
        self.sums["time"] += now - self._mark
        self._mark = now

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: SeCoTraining, outputs: Any, batch: torch.Tensor, batch_idx: int
    ) -> None:
        rate = module.rate
        module.step += 1
        # Kept on the device: reading a value each step would make a GPU wait for the CPU.
        self._loss = self._loss + outputs["loss"].detach()
        if module.step % module.steps_per_epoch == 0 or module.step % 20 == 0:
            self.sums["spread"] += embedding_spread(module.last_query)
            self.sums["spread_steps"] += 1
        self.sums["steps"] += 1
        self.sums["samples"] += batch.shape[1]
        now = time.monotonic()
        self.sums["time"] += now - self._mark
        self._mark = now

        at_end = module.step % module.steps_per_epoch == 0
        late = now - self._saved >= self.checkpoint_s
        if at_end or late or now - self._logged >= LOG_EVERY_S:
            self._collect(module)
        if at_end:
            self._end_epoch(module, rate)
        elif now - self._logged >= LOG_EVERY_S:
            self._say(module)
        worth = now - self._saved >= self._write_s / CHECKPOINT_SHARE
        if late or (at_end and worth) or module.step == module.total_steps:
            self._save(module)
        self._mark = time.monotonic()

    def on_exception(self, trainer: pl.Trainer, module: SeCoTraining, exception: BaseException) -> None:
        # Lightning raises this one between two steps, so that the state is whole; a scheduler is about to stop the job.
        if isinstance(exception, SIGTERMException):
            self._collect(module)
            self._save(module)
            log.warning("asked to stop (SIGTERM): step %d is saved, the same command continues there", module.step)

    # ---------------------------------------------------------------------------------------------------- its parts
    def _collect(self, module: SeCoTraining) -> None:
        self.sums["loss"] += float(self._loss)
        self._loss = 0.0
        if not math.isfinite(self.sums["loss"]):
            precision = module.settings.precision
            raise UserError(
                f"{self.where}: the loss is {self.sums['loss']} near step {module.step}: training has diverged",
                f"lower optimizer.lr (now {module.settings.optimizer.lr:g}) or add warmup_steps"
                + ("" if precision == "float32" else f", or write precision: float32 (now {precision})"),
            )

    def _end_epoch(self, module: SeCoTraining, rate: float) -> None:
        sums, epoch = self.sums, module.step // module.steps_per_epoch
        spread = sums["spread"] / sums["spread_steps"]
        held_out = module.held_out_loss(self.held_out) if self.held_out else math.nan
        values = (
            epoch,
            module.step,
            sums["loss"] / sums["steps"],
            held_out,
            rate,
            spread,
            sums["samples"] / sums["time"],
            sums["wait"] / sums["time"],
            self.simulated,
        )
        self.rows.append(dict(zip(CURVE_COLUMNS, values, strict=True)))
        self._say(module, f", held-out {held_out:.4f}, spread {spread:.3f}")
        self.sums = _zeros()
        if spread < COLLAPSED:
            raise UserError(
                f"{self.where}: the embeddings have collapsed in epoch {epoch}: spread {spread:.4f}, 1 being the most",
                "lower optimizer.lr, raise key_momentum, or lengthen the queue",
            )
        if spread < THIN:
            log.warning("the embeddings are close to collapse: spread %.3f, 1 being the most", spread)

    def _say(self, module: SeCoTraining, more: str = "") -> None:
        sums = self.sums
        log.info(
            "epoch %d/%d, step %d/%d, loss %.4f%s; %.0f samples/s, %.0f %% of the time waiting for data",
            -(-module.step // module.steps_per_epoch),
            module.settings.epochs,
            module.step,
            module.total_steps,
            sums["loss"] / sums["steps"],
            more,
            sums["samples"] / sums["time"],
            100 * sums["wait"] / sums["time"],
        )
        self._logged = time.monotonic()

    def _save(self, module: SeCoTraining) -> None:
        began = time.monotonic()
        self.checkpoints.save(
            module.step,
            {
                "seco": module.seco.state_dict(),
                "optimizer": module.optimizers().optimizer.state_dict(),
                "progress": {"rows": self.rows, "sums": self.sums},
            },
        )
        self._saved = time.monotonic()
        self._write_s = self._saved - began


def _zeros() -> dict[str, float]:
    return dict.fromkeys(("loss", "steps", "samples", "time", "wait", "spread", "spread_steps"), 0.0)
