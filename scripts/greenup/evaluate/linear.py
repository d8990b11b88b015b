"""Linear probes of all folds at once (SSL4Eco, section 4.1).

The published probe of one fold: one linear layer on frozen, standardised embeddings, AdamW (learning rate 1e-3, weight
decay 0.01 on weight and bias), batches of 256, at most 1000 epochs, stopped after 10 epochs without a lower validation
loss; the losses are those of `greenup.evaluate.outputs`. Here the *best* weights are kept (the released code keeps the
last), and embeddings and targets are standardised by the fold's own train part.

Ten folds share most of their images, so they are trained in one product: a step takes one batch of images, multiplies
it with the weights of all folds side by side, and hides from each fold what lies outside its train part.
Standardising is an affine map per fold, and is folded into the weights of the product: x_hat W = x (W / std) - (mean
/ std) W. Each fold has its own AdamW state, validation loss and end; in the mean over folds a step holds
``batch_size`` train images a fold. What comes out is what a loop over folds with `torch.nn.Linear` and
`torch.optim.AdamW` gives on the same batches.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from greenup.config.evaluation import LinearProtocol
from greenup.errors import UserError
from greenup.evaluate import outputs as out
from greenup.evaluate.linear_folds import FoldData
from greenup.evaluate.scaling import train_statistics
from greenup.randomness import generator

log = logging.getLogger(__name__)

_LANES = 16
"""Rows of a matrix that a processor multiplies at once in float32; fewer take as long, or twice as long."""


@dataclass(frozen=True)
class LinearProbes:
    """Trained probes of F folds on embeddings of D dimensions with C outputs.

    ``weight`` (F, C, D) and ``bias`` (F, C) act on standardised embeddings; ``centre`` and ``inverse`` (F, D)
    standardise them, ``target_centre`` and ``target_scale`` (F, C) bring regression back to its unit. ``epochs`` (F,)
    were trained, the weights are those of ``best_epoch`` (F,), whose validation loss is ``val_loss`` (F,), and were
    trained with ``weight_decay`` (F,). (Under compat last_weights they are those of the last epoch.)
    """

    kind: str
    weight: np.ndarray
    bias: np.ndarray
    centre: np.ndarray
    inverse: np.ndarray
    target_centre: np.ndarray
    target_scale: np.ndarray
    epochs: np.ndarray
    best_epoch: np.ndarray
    val_loss: np.ndarray
    weight_decay: np.ndarray

    def predict(self, x: np.ndarray, fold: int) -> np.ndarray:
        """Scores (M, C), float64, of embeddings (M, D): class probabilities, label probabilities, target values, or
        shares."""
        weight = self.weight[fold].T.astype("float64")
        z = np.empty((len(x), weight.shape[1]))
        for i in range(0, len(x), 4096):
            z[i : i + 4096] = ((x[i : i + 4096] - self.centre[fold]) * self.inverse[fold]) @ weight + self.bias[fold]
        return out.predictions(self.kind, z) * self.target_scale[fold] + self.target_centre[fold]


def initial_layer(seed: int, fold: int, outputs: int, dim: int) -> np.ndarray:
    """First weights and, in the last column, bias of a fold (C, D + 1): uniform in 1/sqrt(D), as `torch.nn.Linear`."""
    bound = dim**-0.5
    return generator(seed, "linear probe", "first weights", fold).uniform(-bound, bound, (outputs, dim + 1))


def epoch_batches(seed: int, epoch: int, images: int, batch: int) -> list[np.ndarray]:
    """Row numbers of the batches of one epoch; the last one holds what is left. The same for all folds."""
    order = generator(seed, "linear probe", "order", epoch).permutation(images)
    return [order[i : i + batch] for i in range(0, images, batch)]


def shared_batch(train: np.ndarray, batch_size: int) -> int:
    """Images of a shared batch such that a fold's train part holds ``batch_size`` of them in the mean.

    ``train``: bool (F, N).
    """
    return max(1, round(batch_size * train.shape[1] / train.sum(axis=1).mean()))


def fit_linear(
    x: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    val: np.ndarray,
    kind: str,
    protocol: LinearProtocol,
    *,
    seed: int,
    outputs: int | None = None,
    positive_weight: float = 1.0,
) -> LinearProbes:
    """Train the linear probes of all folds.

    ``x`` (N, D): embeddings, float32 (float64 computes in float64). ``y``: class numbers (N,) with ``outputs`` classes
    for classification, 0/1 (N, C) for multilabel, values (N, T) for regression, shares (N, C) for distribution.
    ``train`` and ``val``: bool (F, N). ``positive_weight``: of present labels in the loss of multilabel.
    Memory: about three times ``x`` with ten folds of 81 % train and 9 % val.

    Where the protocol has several candidates of weight decay, each fold takes the one with the lowest validation loss
    (the first of equals).

    Raises `UserError` when a fold has no train or no val image, or when a loss is no longer finite.
    """
    for name, part in (("train", train), ("val", val)):
        if not part.any(axis=1).all():
            fold = int((~part.any(axis=1)).argmax())
            raise UserError(f"fold {fold} has no image in its {name} part", "write fewer folds: evaluation.folds.count")
    known = np.ones_like(train) if "statistics_of_all_rows" in protocol.compat else train
    # One map for all folds first, so that the fold's own statistics are small corrections: float32 then loses nothing.
    mean, inverse = train_statistics(x)
    dtype = torch.float64 if x.dtype == np.float64 else torch.float32
    # NumPy asks for large pages, PyTorch does not: rows that are picked at random come faster.
    data = torch.from_numpy(np.empty(x.shape, dtype="float64" if dtype == torch.float64 else "float32"))
    for i in range(0, len(x), 4096):
        rows = (x[i : i + 4096] - mean.astype(x.dtype)) * inverse.astype(x.dtype)
        data[i : i + 4096] = torch.from_numpy(rows)
    folds = FoldData.of(data, y, train, val, known, kind, outputs)
    probes = []
    for decay in protocol.weight_decays:
        weight, bias, how = _Trainer(data, folds, train, protocol, decay, positive_weight, seed).run()
        probes.append((weight, bias, *how, np.full(len(train), decay)))
    best = np.argmin([p[4] for p in probes], axis=0)
    weight, bias, epochs, best_epoch, loss, decay = (
        np.stack([p[i][fold] for fold, p in enumerate(probes[b] for b in best)]) for i in range(6)
    )
    std, y_scale = (
        np.divide(1.0, i, out=np.zeros_like(i), where=i > 0) for i in (inverse, folds.y_inverse[..., 0].numpy())
    )
    return LinearProbes(
        kind=kind,
        weight=weight,
        bias=bias,
        centre=mean + std * folds.centre[:, 0].double().numpy(),
        inverse=inverse * folds.inverse[:, 0].double().numpy(),
        target_centre=folds.y_centre[..., 0].numpy(),
        target_scale=y_scale,
        epochs=epochs,
        best_epoch=best_epoch,
        val_loss=loss,
        weight_decay=decay,
    )


# ------------------------------------------------------------------------------------------------------------ training
class _Trainer:
    """One training of all folds with one weight decay; the leading dimension F shrinks as folds stop."""

    def __init__(
        self,
        data: torch.Tensor,
        folds: FoldData,
        train: np.ndarray,
        protocol: LinearProtocol,
        weight_decay: float,
        positive_weight: float,
        seed: int,
    ) -> None:
        self.data, self.folds, self.protocol, self.seed = data, folds, protocol, seed
        self.weight_decay, self.positive_weight = weight_decay, positive_weight
        # Images that train in no fold (the test part of an official split) are passed over.
        self.rows = np.flatnonzero(train.any(axis=0))
        self.batch = shared_batch(train[:, self.rows], protocol.batch_size)
        self.batch_x = torch.empty(self.batch, data.shape[1], dtype=data.dtype)
        self.active = np.arange(len(train))
        first = [initial_layer(seed, f, folds.columns, data.shape[1]) for f in range(len(train))]
        self._hold(torch.from_numpy(np.stack(first)).to(data.dtype), together=len(train))
        self.best = self._layers()
        self.best_loss = np.full(len(train), np.inf)
        self.best_epoch, self.epochs = np.zeros(len(train), dtype=np.int64), np.zeros(len(train), dtype=np.int64)

    def _hold(self, layers: torch.Tensor, together: int) -> None:
        """Take layers (F, C, D + 1; bias last) as the parameters of a new optimiser, ``together`` folds in a tensor."""
        self.together = together
        self.weight, self.bias = layers[..., :-1].contiguous(), layers[..., -1].contiguous()
        self.parameters = [
            p for pair in zip(*(t.split(together) for t in (self.weight, self.bias)), strict=True) for p in pair
        ]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=self.protocol.lr, weight_decay=self.weight_decay, fused=True
        )

    def _go_on(self, folds: np.ndarray, together: int) -> None:
        """Go on with some folds (int (G,)), ``together`` in a tensor: weights and AdamW state stay as they are."""
        was, states = self.together, [self.optimizer.state.get(p, {}) for p in self.parameters]
        folds = torch.from_numpy(folds)
        self._hold(self._layers()[folds], together)
        for part, held in enumerate(folds.split(together)):
            # Tensors only ever get smaller: the folds of a new one were in one tensor before.
            first, within = int(held[0]) // was, held % was
            for p in (0, 1):
                self.optimizer.state[self.parameters[2 * part + p]] = {
                    name: value[within] if value.ndim else value.clone()
                    for name, value in states[2 * first + p].items()
                }

    def _layers(self) -> torch.Tensor:
        return torch.cat([self.weight, self.bias[..., None]], dim=-1)

    @torch.no_grad()
    def run(self) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Train until every fold has stopped: weights (F, C, D), biases (F, C), and (epochs, best epoch, its validation
        loss), each (F,)."""
        waited = np.zeros(len(self.active), dtype=np.int64)
        keeps_last = "last_weights" in self.protocol.compat
        for epoch in range(self.protocol.max_epochs):
            for batch in epoch_batches(self.seed, epoch, len(self.rows), self.batch):
                self._step(torch.from_numpy(self.rows[batch]))
            loss = self._val_loss()
            if not np.isfinite(loss).all():
                fold = self.active[~np.isfinite(loss)][0]
                raise UserError(
                    f"linear probe: the validation loss of fold {fold} is not finite in epoch {epoch + 1}",
                    "write a smaller evaluation.protocols.linear.lr",
                )
            better = loss < self.best_loss[self.active]
            improved = self.active[better]
            if keeps_last:
                self.best[torch.from_numpy(self.active)] = self._layers()
            elif better.any():
                self.best[torch.from_numpy(improved)] = self._layers()[torch.from_numpy(better)]
            self.best_loss[improved], self.best_epoch[improved] = loss[better], epoch + 1
            self.epochs[self.active] = epoch + 1
            waited = np.where(better, 0, waited + 1)
            going = waited < self.protocol.patience
            if not going.any():
                break
            if not going.all():
                waited = waited[going]
                self._keep(going)
        best = self.best.double().numpy()
        return best[..., :-1], best[..., -1], (self.epochs, self.best_epoch, self.best_loss)

    def _keep(self, going: np.ndarray) -> None:
        """Drop the folds that have stopped from everything that is computed; the others keep their AdamW state."""
        self.active, self.folds = self.active[going], self.folds.only(going)
        self._go_on(np.flatnonzero(going), min(self.together, int(going.sum())))

    def _step(self, rows: torch.Tensor) -> None:
        """One AdamW step of every fold that has train images among these rows."""
        folds = self.folds
        x = torch.index_select(self.data, 0, rows, out=self.batch_x[: len(rows)])
        weight = self.weight * folds.inverse
        bias = self.bias - (weight @ folds.centre.mT)[..., 0]
        shape = self.bias.shape
        z = torch.addmm(bias.view(-1, 1), weight.view(-1, x.shape[1]), x.T).view(*shape, -1)
        mask = folds.mask.index_select(1, rows)
        n = mask.sum(1)
        # Gradient of the mean loss over the fold's images of this batch, by the fold's outputs (F, C, B).
        slope = out.gradient(folds.kind, z, folds.targets(rows), self.positive_weight)
        slope = slope.mul_((mask / n.clamp_min(1)[:, None])[:, None])
        summed = slope.sum(-1)
        by_weight = (slope.view(-1, len(rows)) @ x).view(self.weight.shape)
        by_weight.baddbmm_(summed[..., None], folds.centre, alpha=-1).mul_(folds.inverse)
        # A fold without an image here takes no step: no decay, no moment. AdamW counts the steps of a tensor.
        present = n > 0
        if self.together > 1 and not present.all():
            self._go_on(np.arange(len(present)), together=1)
        split = [g.split(self.together) for g in (by_weight, summed)]
        for i, takes_part in enumerate(present[:: self.together].tolist()):
            for p in (0, 1):
                self.parameters[2 * i + p].grad = split[p][i] if takes_part else None
        self.optimizer.step()

    def _val_loss(self) -> np.ndarray:
        """Mean loss over each fold's val part (F,), float64."""
        folds = self.folds
        count, columns, dim = self.weight.shape
        weight = self.weight.new_zeros(count, -(-columns // _LANES) * _LANES, dim)
        weight[:, :columns] = self.weight
        z = (weight @ folds.val_x.mT)[:, :columns] + self.bias[..., None]
        each = out.losses(folds.kind, z, folds.val_y, self.positive_weight)
        return (each.double() * folds.val_share.double()).sum(1).numpy()
