"""In which order the sites of a training come, and which of them each process gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from greenup.pretrain.data import Draw, Site
from greenup.randomness import generator


def epoch_order(
    weights: np.ndarray, seed: int, epoch: int, shards: np.ndarray | None = None, shards_at_once: int = 1
) -> np.ndarray:
    """Rows of the sites of one epoch, as many as there are sites.

    With unequal weights drawn with replacement in proportion to them, as torch's ``WeightedRandomSampler``; with equal
    ones a permutation, so that each site comes once. With ``shards``, the shard of each site, the same draws come a few
    shards at a time: shards in random order, ``shards_at_once`` of them mixed.
    """
    rng = generator(seed, "epoch", epoch)
    if np.all(weights == weights[0]):
        rows = rng.permutation(len(weights))
    else:
        rows = rng.choice(len(weights), size=len(weights), replace=True, p=weights / weights.sum())
    if shards is None:
        return rows
    names, of = np.unique(shards[rows], return_inverse=True)
    group = rng.permutation(len(names)) // shards_at_once
    # The rows are in random order, and a stable sort leaves those of a group so.
    return rows[np.argsort(group[of], kind="stable")]


class TrainingBatches(Sampler[list[Draw]]):
    """The parts of the batches of the whole training that one process loads, from step ``first`` on.

    The batch of a step is cut into ``accumulate`` parts, each part into one piece a process (``ranks``), and this
    process gets piece ``rank`` of every part; so the samples of a step do not depend on how many share them. Epoch
    follows epoch without a pause for the workers. The incomplete last batch of an epoch is dropped.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        batch_size: int,
        epochs: int,
        seed: int,
        first: int = 0,
        *,
        accumulate: int = 1,
        rank: int = 0,
        ranks: int = 1,
        shards_at_once: int | None = None,
    ) -> None:
        if batch_size % (accumulate * ranks):
            raise ValueError(f"a batch of {batch_size} cannot be cut into {accumulate} parts for {ranks} processes")
        self.weights = np.array([s.weight for s in sites])
        self.shards = np.array([s.shard for s in sites]) if shards_at_once is not None else None
        self.shards_at_once = shards_at_once or 1
        self.batch_size, self.epochs, self.seed, self.first = batch_size, epochs, seed, first
        self.accumulate, self.rank, self.ranks = accumulate, rank, ranks
        self.steps_per_epoch = len(sites) // batch_size

    def __len__(self) -> int:
        return (self.epochs * self.steps_per_epoch - self.first) * self.accumulate

    def __iter__(self) -> Iterator[list[Draw]]:
        piece = self.batch_size // (self.accumulate * self.ranks)
        for epoch in range(self.first // self.steps_per_epoch, self.epochs):
            draws = self._draws(epoch)
            skip = max(0, self.first - epoch * self.steps_per_epoch)
            for step in range(skip, self.steps_per_epoch):
                for part in range(self.accumulate):
                    start = step * self.batch_size + (part * self.ranks + self.rank) * piece
                    yield draws[start : start + piece]

    def _draws(self, epoch: int) -> list[Draw]:
        seen: dict[int, int] = {}
        draws = []
        for row in epoch_order(self.weights, self.seed, epoch, self.shards, self.shards_at_once).tolist():
            draws.append(Draw(epoch, row, seen.get(row, 0)))
            seen[row] = seen.get(row, 0) + 1
        return draws
