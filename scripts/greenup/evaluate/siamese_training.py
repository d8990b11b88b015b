"""Training and judging the siamese head on pairs of images: pixels that have changed, precision, recall and F1."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from greenup.config.evaluation import SiameseProtocol
from greenup.errors import UserError
from greenup.evaluate.siamese import SiameseNetwork
from greenup.evaluate.siamese_tiles import (
    Batch,
    Pair,
    Tile,
    cut,
    oscd_quantiles,
    tiles_of,
    training_order,
    training_turns,
)
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.randomness import stable_hash

log = logging.getLogger(__name__)

THRESHOLD = 0.5
"""A pixel is said to have changed where its probability reaches this."""


@dataclass(frozen=True)
class Counts:
    """Pixels by what is said and what is true of them."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    @classmethod
    def of(cls, observed: np.ndarray, predicted: np.ndarray) -> Counts:
        """Of two arrays of bool, of one shape."""
        return cls(*(int(n.sum()) for n in (
            observed & predicted, ~observed & predicted, observed & ~predicted, ~observed & ~predicted
        )))  # fmt: skip

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    def metrics(self) -> dict[str, float]:
        """precision, recall and f1 of the changed pixels; 0 where the denominator is."""
        found, said = self.true_positive, self.true_positive + self.false_positive
        true = self.true_positive + self.false_negative
        return {
            "precision": found / said if said else 0.0,
            "recall": found / true if true else 0.0,
            "f1": 2 * found / (said + true) if said + true else 0.0,
        }


def run_siamese(
    backbone: nn.Module,
    preprocess: Preprocess,
    train: Sequence[Pair],
    test: Sequence[Pair],
    protocol: SiameseProtocol,
    *,
    seed: int,
    device: torch.device | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train the head on some pairs and judge it on others.

    Returns (scores, predictions). Scores: fold (0), metric, value, n_test, n_train (pairs of images): precision,
    recall and f1 of all test pixels together, and f1_batch_mean, the mean of the F1 of batches of tiles, as SeCo and
    SSL4EO-S12 report it, which depends on how the tiles are batched and is no metric of the set. Predictions: a row a
    test pair with its four counts, and observed (bool) and probability (float32, NaN where nothing was predicted) as
    lists, row by row.

    ``backbone``: a frozen ResNet; ``device``: the GPU if there is one. Raises `UserError` where there is no tile to
    train on, no changed pixel to train on or to find, or when the loss is no longer finite.
    """
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if protocol.input_scale == "oscd_quantiles":
        preprocess = oscd_quantiles(preprocess.channels)
    train, test = [_filled(p) for p in train], [_filled(p) for p in test]
    for part, pairs in (("training", train), ("test", test)):
        if not any((p.changed & p.valid).any() for p in pairs):
            raise UserError(
                f"no pixel of the {part} images has changed", "look at the masks of change of the image set"
            )
    # Weights, and the maps that are dropped, are drawn by torch's global generator.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(stable_hash(seed, "siamese", "head") & (2**63 - 1))
        network = SiameseNetwork(
            backbone,
            first_stage=protocol.first_stage,
            dropout=protocol.dropout,
            adapts="adapting_batch_norm" in protocol.compat,
        ).to(device)
        _train(network, preprocess, train, protocol, seed, device)
    return _judge(network, preprocess, test, protocol, len(train), device)


def _filled(pair: Pair) -> Pair:
    """The same pair, with what is not valid in a network's eyes like the mean of its image."""
    if not pair.valid.any():
        raise UserError(f"the images of {pair.name} have no pixel with data at both dates", "look at its files")
    return Pair(
        pair.name,
        fill_invalid(pair.before, pair.valid),
        fill_invalid(pair.after, pair.valid),
        pair.changed & pair.valid,
        pair.valid,
    )


# ------------------------------------------------------------------------------------------------------------ training
def _train(
    network: SiameseNetwork,
    preprocess: Preprocess,
    pairs: Sequence[Pair],
    protocol: SiameseProtocol,
    seed: int,
    device: torch.device,
) -> None:
    tiles = tiles_of(pairs, protocol.tile_px, protocol.borders)
    if not tiles:
        raise UserError(
            f"no training image is as large as a tile of {protocol.tile_px} px",
            "write a smaller protocols.siamese.tile_px, or borders: pad",
        )
    optimizer = torch.optim.Adam(network.decoder.parameters(), lr=protocol.lr, weight_decay=protocol.weight_decay)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, protocol.lr_decay)
    started = time.monotonic()
    for epoch in range(protocol.epochs):
        network.train()
        flips, quarters = training_turns(seed, epoch, len(tiles))
        losses = []
        for numbers in training_order(seed, epoch, len(tiles), protocol.batch_size):
            batch = _cut(pairs, [tiles[i] for i in numbers], preprocess, protocol)
            batch = batch.turned(flips[numbers], quarters[numbers]).to(device)
            if not batch.counts.any():
                continue
            loss = _loss(network(batch.before, batch.after), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        schedule.step()
        if not np.isfinite(losses).all():
            raise UserError(
                f"the siamese head's loss is no longer finite in epoch {epoch}",
                "write a smaller protocols.siamese.lr, and look whether input_scale fits the model",
            )
        if epoch == 0 or (epoch + 1) % 10 == 0:
            seconds = (time.monotonic() - started) / (epoch + 1)
            log.info("epoch %d of %d: loss %.4f, %.1f s", epoch + 1, protocol.epochs, np.mean(losses), seconds)


def _loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Binary cross-entropy, the mean over the pixels that count."""
    each = F.binary_cross_entropy_with_logits(logits, batch.changed, reduction="none")
    return (each * batch.counts).sum() / batch.counts.sum()


def _cut(pairs: Sequence[Pair], tiles: Sequence[Tile], preprocess: Preprocess, protocol: SiameseProtocol) -> Batch:
    counts = "padding_counts" in protocol.compat
    return cut(pairs, tiles, protocol.tile_px, preprocess, padding_counts=counts)


# ------------------------------------------------------------------------------------------------------------- judging
def _judge(
    network: SiameseNetwork,
    preprocess: Preprocess,
    pairs: Sequence[Pair],
    protocol: SiameseProtocol,
    n_train: int,
    device: torch.device,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    network.eval()
    size, tiles = protocol.tile_px, tiles_of(pairs, protocol.tile_px, protocol.borders)
    if not tiles:
        raise UserError(
            f"no test image is as large as a tile of {size} px",
            "write a smaller protocols.siamese.tile_px, or borders: pad",
        )
    maps = [np.full(p.changed.shape, np.nan, dtype=np.float32) for p in pairs]
    of_pair, of_batch = [Counts()] * len(pairs), []
    for start in range(0, len(tiles), protocol.batch_size):
        part = tiles[start : start + protocol.batch_size]
        batch = _cut(pairs, part, preprocess, protocol)
        with torch.inference_mode():
            logits = network(batch.before.to(device), batch.after.to(device))
        probability = torch.sigmoid(logits.float()).cpu().numpy()[:, 0]
        observed, counts = (t.numpy()[:, 0] > 0 for t in (batch.changed, batch.counts))
        here = Counts()
        for tile, p, o, c in zip(part, probability, observed, counts, strict=True):
            counted = Counts.of(o[c], p[c] >= THRESHOLD)
            of_pair[tile.pair] += counted
            here += counted
            window = maps[tile.pair][tile.row : tile.row + size, tile.column : tile.column + size]
            window[:] = p[: window.shape[0], : window.shape[1]]
        if len(part) == protocol.batch_size or start == 0:
            of_batch.append(here.metrics()["f1"])
    metrics = sum(of_pair, Counts()).metrics() | {"f1_batch_mean": float(np.mean(of_batch))}
    log.info("siamese: precision %(precision).4f, recall %(recall).4f, f1 %(f1).4f", metrics)
    scores = pd.DataFrame(
        [{"fold": 0, "metric": m, "value": v, "n_test": len(pairs), "n_train": n_train} for m, v in metrics.items()]
    )
    return scores, pd.DataFrame(
        [
            {
                "site_id": pair.name,
                "fold": 0,
                "height": pair.changed.shape[0],
                "width": pair.changed.shape[1],
                **vars(counts),
                "observed": pair.changed.ravel(),
                "probability": probability.ravel(),
            }
            for pair, counts, probability in zip(pairs, of_pair, maps, strict=True)
        ]
    )
