"""The training step as a LightningModule: scale, embed, compare, enqueue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from greenup.config.learning import SeCoMethod
from greenup.pretrain.optimizers import build_optimizer, learning_rate
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.seco import SeCo


class SeCoTraining(pl.LightningModule):
    """Trains a `SeCo` on batches of views, uint16 (4, N, C, S, S) in stored units: query, k0, k1, k2.

    ``step`` counts optimiser steps from the beginning of the training, interruptions or not. ``optimizer_state`` is
    that of a checkpoint, None at the beginning.
    """

    def __init__(
        self,
        seco: SeCo,
        settings: SeCoMethod,
        preprocess: Preprocess,
        steps_per_epoch: int,
        step: int = 0,
        optimizer_state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.seco, self.settings, self.preprocess = seco, settings, preprocess
        self.steps_per_epoch, self.total_steps = steps_per_epoch, settings.epochs * steps_per_epoch
        self.step = step
        self.optimizer_state = optimizer_state
        self.last_query: torch.Tensor | None = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = build_optimizer(self.seco.query_parameters(), self.settings.optimizer)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    @property
    def rate(self) -> float:
        """Learning rate of the coming step."""
        return learning_rate(self.settings.optimizer, self.step, self.steps_per_epoch, self.total_steps)

    def on_train_batch_start(self, batch: torch.Tensor, batch_idx: int) -> None:
        for group in self.optimizers().optimizer.param_groups:
            group["lr"] = self.rate

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.seco.update_keys()
        query, keys = self._embed(batch)
        loss = self.seco.losses(query, keys).sum()
        self.seco.enqueue(keys)
        self.last_query = query.detach()
        return loss

    @torch.no_grad()
    def held_out_loss(self, batches: Iterable[torch.Tensor]) -> float:
        """Mean loss a site over batches of views, against the queues as they are, nothing of which is changed.

        Batch norm normalises by the batch, as in training: running statistics lag behind in the first epochs, and the
        loss would tell of that lag. They are left as they are.
        """
        total, count = 0.0, 0
        with _running_statistics_untouched(self.seco):
            for batch in batches:
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
                    query, keys = self._embed(batch.to(self.device))
                total += float(self.seco.losses(query, keys).sum()) * query.shape[1]
                count += query.shape[1]
        return total / count

    def _embed(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        views = [self.preprocess.scale(v) for v in batch]
        return self.seco.embed_query(views[0]), self.seco.embed_keys(views[1:])


@contextmanager
def _running_statistics_untouched(network: nn.Module) -> Iterator[None]:
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def embedding_spread(query: torch.Tensor) -> float:
    """Standard deviation of unit vectors (3, N, d) over the batch, averaged over d, times sqrt(d); the least of the
    three spaces. 1: spread over the whole sphere; 0: collapsed onto one point (Chen & He 2021, section 4.1).
    """
    return float((query.std(dim=1).mean(dim=1) * query.shape[2] ** 0.5).min())
