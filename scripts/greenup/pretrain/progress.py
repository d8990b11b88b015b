"""What happens beside the steps: curves, log lines, held-out loss, probe, checkpoints, and stopping a training."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Iterable
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch

from greenup.errors import UserError
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.clock import StepClock
from greenup.pretrain.data import Counters
from greenup.pretrain.distributed import Council, gathered, rank
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.module import Training, embedding_spread
from greenup.pretrain.probe import OnlineProbe
from greenup.schemas import CURVE_COLUMNS

log = logging.getLogger("greenup.pretrain")

LOG_EVERY_S = 5.0
CHECKPOINT_SHARE = 0.05
"""An epoch's end is not worth a checkpoint when writing would take more than this share of the time."""
WAITING = 0.2
"""Share of an epoch spent waiting for data that is told as something to mend."""
STOPPED_BY = (signal.SIGTERM, signal.SIGUSR1)
"""Signals that save and end a training; a scheduler can be asked to send one before it kills
(``sbatch --signal=USR1@300``). The exit status is 128 + their number, as if they had killed: 143, 138."""

_MENDS = {
    "seco": "lower optimizer.lr, raise key_momentum, or lengthen the queue",
    "mocov3": "lower optimizer.lr, lengthen its warm-up, or keep freeze_patches: true",
    "dino": "lower teacher_temperature or optimizer.lr, or raise freeze_last_epochs",
    "mae": "lower optimizer.lr, or lengthen its warm-up",
    "data2vec": "lower optimizer.lr, lengthen its warm-up, or raise teacher_momentum",
}


class AgreedError(UserError):
    """What all processes find at the same step: each raises it, the first tells it."""


class Stopped(Exception):
    """A signal asked the training to stop, and its state is saved."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.status = 128 + signum


class Progress(pl.Callback):
    """Follows a `Training` and keeps ``rows``, the lines of curves.csv (one an epoch, see `CURVE_COLUMNS`).

    Under several processes each takes part in what is decided together; only the first writes and speaks.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        checkpoint_minutes: float,
        held_out: Iterable[Batch],
        counters: Counters,
        simulated: bool,
        where: str,
        probe: OnlineProbe | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.checkpoints, self.checkpoint_s = checkpoints, checkpoint_minutes * 60
        self.held_out, self.counters, self.probe = held_out, counters, probe
        self.simulated, self.where = simulated, where
        self.rows: list[dict[str, Any]] = list(state["rows"]) if state else []
        # Sums over the epoch so far; times are in seconds.
        self.sums: dict[str, float] = dict(state["sums"]) if state else _zeros()
        self.skipped = self._skipped_before = state["skipped"] if state else 0
        self._loss: torch.Tensor | float = 0.0
        self._parts = 0
        self._write_s = 0.0
        self._bytes = 0
        self._signal = 0
        self._told_waiting = False
        self._handlers: dict[int, Any] = {}

    # ---------------------------------------------------------------------------------------------- Lightning's hooks
    def on_train_start(self, trainer: pl.Trainer, module: Training) -> None:
        self.first = rank() == 0
        self.council = Council()
        # Lightning's own handler would stop between the parts of a batch, and exit with 0.
        self._handlers = {s: signal.signal(s, self._on_signal) for s in STOPPED_BY}
        last, first = self.council.highest(module.step, -module.step)
        if last != -first:
            raise RuntimeError(f"processes continue at different steps ({-first:.0f} .. {last:.0f}): is work/ shared?")
        self._logged = self._saved = time.monotonic()
        self.clock = StepClock(module.device)

    def on_train_batch_start(self, trainer: pl.Trainer, module: Training, batch: Batch, batch_idx: int) -> None:
        self.clock.data_there()
        self._before, self._rates = module.step, (module.rate, module.decay)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Training, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        # Kept on the device: reading a value each step would make a GPU wait for the CPU.
        self._loss = self._loss + module.learnt.loss.detach()
        self._parts += 1
        self.sums["samples"] += len(batch.rows)
        if module.step == self._before:
            self.clock.done()
            return
        at_end = module.step % module.steps_per_epoch == 0
        if at_end or module.step % 20 == 0:
            self.sums["spread"] += embedding_spread(gathered(module.learnt.embedding))
            self.sums["spread_steps"] += 1
        self.clock.done()
        now = time.monotonic()
        # Only the first process looks at the clock, but a signal may reach any.
        wanted, late, stop = self.council.highest(
            self.first and now - self._logged >= LOG_EVERY_S,
            self.first and now - self._saved >= self.checkpoint_s,
            self._signal,
        )
        if at_end or wanted or late or stop:
            self._collect(module)
            self._logged = time.monotonic()
        if at_end:
            self._end_epoch(module)
        elif wanted:
            self._say(module)
        worth = now - self._saved >= self._write_s / CHECKPOINT_SHARE
        if late or stop or (at_end and worth) or module.step == module.total_steps:
            self._save(module)
        if stop and module.step < module.total_steps:
            # The others wait here until it is written: srun may end them all soon after the first to end.
            self.council.highest(0)
            if self.first:
                name = signal.Signals(int(stop)).name
                log.warning("asked to stop (%s) at step %d: the same command continues there", name, module.step)
            raise Stopped(int(stop))

    def teardown(self, trainer: pl.Trainer, module: Training, stage: str) -> None:
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers = {}

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum

    # ---------------------------------------------------------------------------------------------------- its parts
    def _collect(self, module: Training) -> None:
        """Bring the sums up to this step. All processes do so at the same step, so that all stop on a bad loss."""
        passed, waited = self.clock.take()
        loss, parts, size, skipped, samples = self.council.total(
            float(self._loss), self._parts, self.counters.bytes, self.counters.skipped, self.sums.pop("samples")
        )
        self.sums["loss"] += loss
        self.sums["parts"] += parts
        self.sums["all_samples"] += samples
        self.sums["time"] += passed
        self.sums["wait"] += waited
        self.sums["bytes"] += size - self._bytes
        self.sums["samples"] = 0.0
        self._bytes = size
        self.skipped = self._skipped_before + int(skipped)
        self._loss, self._parts = 0.0, 0
        if not math.isfinite(self.sums["loss"]):
            settings = module.settings
            epoch = -(-module.step // module.steps_per_epoch)
            raise AgreedError(
                f"{self.where}: the loss is {loss} in epoch {epoch}, near step {module.step}: training has diverged",
                f"lower optimizer.lr (now {settings.optimizer.lr:g}), lengthen its warm-up"
                + (", or set optimizer.clip_norm" if settings.optimizer.clip_norm is None else "")
                + (
                    ""
                    if settings.precision == "float32"
                    else f", or write precision: float32 (now {settings.precision})"
                ),
            )

    def _end_epoch(self, module: Training) -> None:
        sums, epoch = self.sums, module.step // module.steps_per_epoch
        spread = sums["spread"] / sums["spread_steps"]
        if self.first:
            held_out = module.held_out_loss(self.held_out) if self.held_out else math.nan
            due = self.probe is not None and epoch % module.settings.probe_epochs == 0
            accuracy = self.probe(module) if due else math.nan
            values = (
                epoch,
                module.step,
                sums["loss"] / sums["parts"],
                held_out,
                *self._rates,
                spread,
                accuracy,
                sums["all_samples"] / sums["time"],
                sums["wait"] / sums["time"],
                sums["bytes"] / 1e6 / sums["time"],
                self.skipped,
                self.simulated,
            )
            self.rows.append(dict(zip(CURVE_COLUMNS, values, strict=True)))
            more = f", held-out {held_out:.4f}, spread {spread:.3f}" + (f", k-NN {accuracy:.3f}" if due else "")
            self._say(module, more)
            self._tell_waiting(sums["wait"] / sums["time"])
        # The others wait here.
        self.council.highest(0)
        self.clock.skip()
        self.sums = _zeros()
        if spread < module.learner.collapsed:
            raise AgreedError(
                f"{self.where}: the embeddings have collapsed in epoch {epoch}, step {module.step}: "
                f"spread {spread:.4f}, 1 being the most",
                _MENDS.get(module.settings.name, _MENDS["seco"]),
            )
        if spread < module.learner.thin and self.first:
            log.warning("the embeddings are close to collapse: spread %.3f, 1 being the most", spread)

    def _tell_waiting(self, share: float) -> None:
        if share > WAITING and not self._told_waiting:
            self._told_waiting = True
            log.warning(
                "%.0f %% of this epoch was spent waiting for data: raise runtime.workers (and the job's threads), put "
                "the dataset on a local disk, or write order: shards",
                100 * share,
            )

    def _say(self, module: Training, more: str = "") -> None:
        if not self.first:
            return
        sums = self.sums
        log.info(
            "epoch %d/%d, step %d/%d, loss %.4f%s; %.0f samples/s, %.0f %% of the time waiting for data",
            -(-module.step // module.steps_per_epoch),
            module.settings.epochs,
            module.step,
            module.total_steps,
            sums["loss"] / sums["parts"],
            more,
            sums["all_samples"] / sums["time"],
            100 * sums["wait"] / sums["time"],
        )

    def _save(self, module: Training) -> None:
        if self.first:
            began = time.monotonic()
            state = {
                "learner": module.learner.state_dict(),
                "optimizer": module.optimizers().optimizer.state_dict(),
                "progress": {"rows": self.rows, "sums": self.sums, "skipped": self.skipped},
            }
            try:
                self.checkpoints.save(module.step, state)
            except OSError as error:
                log.warning(
                    "step %d could not be saved (%s): training goes on, the checkpoint before it is kept; make room "
                    "for %s",
                    module.step,
                    error,
                    self.checkpoints.folder,
                )
            self._write_s = time.monotonic() - began
        self._saved = time.monotonic()
        self.clock.skip()


def _zeros() -> dict[str, float]:
    names = ("loss", "parts", "samples", "all_samples", "time", "wait", "bytes", "spread", "spread_steps")
    return dict.fromkeys(names, 0.0)
