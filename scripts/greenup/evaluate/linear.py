"""Linear probes of all folds at once (SSL4Eco, section 4.1).

The published probe of one fold: one linear layer on frozen, standardised embeddings, AdamW (learning rate 1e-3, weight
decay 0.01 on weight and bias), batches of 256, at most 1000 epochs, stopped after 10 epochs without a lower validation
loss; cross-entropy for classes, the soft-margin loss for labels, squared error for targets. Here the *best* weights are
kept (the released code keeps the last), and embeddings and targets are standardised by the fold's own train part.

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
from torch.nn import functional as F

from greenup.config.learning import LinearProtocol
from greenup.errors import UserError
from greenup.evaluate.scaling import inverse_or_zero, train_statistics
from greenup.randomness import generator

log = logging.getLogger(__name__)

BETAS, EPS = (0.9, 0.999), 1e-8
"""AdamW's usual moments and epsilon (PyTorch's defaults)."""


@dataclass(frozen=True)
class LinearProbes:
    """Trained probes of F folds on embeddings of D dimensions with C outputs.

    ``weight`` (F, C, D) and ``bias`` (F, C) act on standardised embeddings; ``centre`` and ``inverse`` (F, D)
    standardise them, ``target_centre`` and ``target_scale`` (F, C) bring regression back to its unit. ``epochs`` (F,)
    were trained, the weights are those of ``best_epoch`` (F,), whose validation loss is ``val_loss`` (F,).
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

    def predict(self, x: np.ndarray, fold: int) -> np.ndarray:
        """Scores (M, C), float64, of embeddings (M, D): class probabilities, label probabilities, or target values."""
        z = ((x - self.centre[fold]) * self.inverse[fold]) @ self.weight[fold].T.astype("float64") + self.bias[fold]
        if self.kind == "classification":
            z = np.exp(z - z.max(axis=1, keepdims=True))
            return z / z.sum(axis=1, keepdims=True)
        if self.kind == "multilabel":
            return 0.5 * (1 + np.tanh(0.5 * z))
        return z * self.target_scale[fold] + self.target_centre[fold]


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
) -> LinearProbes:
    """Train the linear probes of all folds.

    ``x`` (N, D): embeddings, float32 (float64 computes in float64). ``y``: class numbers (N,) with ``outputs`` classes
    for classification, 0/1 (N, C) for multilabel, values (N, T) for regression. ``train`` and ``val``: bool (F, N).
    Memory: about three times ``x`` with ten folds of 81 % train and 9 % val.

    Raises `UserError` when a fold has no train or no val image, or when a loss is no longer finite.
    """
    for name, part in (("train", train), ("val", val)):
        if not part.any(axis=1).all():
            fold = int((~part.any(axis=1)).argmax())
            raise UserError(f"fold {fold} has no image in its {name} part", "write fewer folds: evaluation.folds.count")
    # One map for all folds first, so that the fold's own statistics are small corrections: float32 then loses nothing.
    mean, inverse = train_statistics(x)
    dtype = torch.float64 if x.dtype == np.float64 else torch.float32
    data = torch.from_numpy(np.ascontiguousarray((x - mean.astype(x.dtype)) * inverse.astype(x.dtype))).to(dtype)
    centre, scale = _fold_statistics(data, train)
    trainer = _Trainer(data, _targets(y, train, kind, outputs, dtype), train, val, centre, scale, kind, protocol, seed)
    best = trainer.run()
    std = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    return LinearProbes(
        kind=kind,
        weight=best[..., :-1],
        bias=best[..., -1],
        centre=mean + std * centre,
        inverse=inverse * scale,
        target_centre=trainer.targets.centre[:, 0].double().numpy(),
        target_scale=trainer.targets.scale,
        epochs=trainer.epochs,
        best_epoch=trainer.best_epoch,
        val_loss=trainer.best_loss,
    )


# -------------------------------------------------------------------------------------------------- data of the folds
@dataclass
class _Targets:
    """``y``: class numbers (N,) or values (N, C); values of a fold are (y - centre) * inverse, both (F, 1, C)."""

    y: torch.Tensor
    outputs: int
    centre: torch.Tensor
    inverse: torch.Tensor
    scale: np.ndarray


def _fold_statistics(data: torch.Tensor, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and inverse standard deviation (F, D), float64, of each fold's train part; data near N(0, 1)."""
    mask = torch.from_numpy(parts).double()
    total, square = 0.0, 0.0
    for i in range(0, len(data), 4096):
        rows = data[i : i + 4096].double()
        total = total + mask[:, i : i + 4096] @ rows
        square = square + mask[:, i : i + 4096] @ rows.square()
    count = mask.sum(1, keepdim=True)
    mean = total / count
    std = (square / count - mean.square()).clamp_min(0).sqrt().numpy()
    # The difference of squares cannot see spreads below the root of float64's precision: those count as constant.
    return mean.numpy(), inverse_or_zero(std, 1.0)


def _targets(y: np.ndarray, train: np.ndarray, kind: str, outputs: int | None, dtype: torch.dtype) -> _Targets:
    folds = len(train)
    if kind == "classification":
        classes = int(y.max()) + 1 if outputs is None else outputs
        one = torch.ones(folds, 1, classes, dtype=dtype)
        return _Targets(torch.from_numpy(y.astype(np.int64)), classes, one * 0, one, np.ones((folds, classes)))
    values = torch.from_numpy(np.array(y, dtype="float64"))
    classes = values.shape[1]
    centre, inverse = np.zeros((folds, classes)), np.ones((folds, classes))
    if kind == "regression":
        for fold in range(folds):
            centre[fold], inverse[fold] = train_statistics(np.asarray(y, dtype="float64")[train[fold]])
    scale = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)
    tensors = (torch.from_numpy(a[:, None]) for a in (centre, inverse))
    return _Targets(values, classes, *tensors, scale)


# ------------------------------------------------------------------------------------------------------------ training
class _Trainer:
    """The state of all folds that still train; leading dimension F shrinks as folds stop."""

    def __init__(
        self,
        data: torch.Tensor,
        targets: _Targets,
        train: np.ndarray,
        val: np.ndarray,
        centre: np.ndarray,
        inverse: np.ndarray,
        kind: str,
        protocol: LinearProtocol,
        seed: int,
    ) -> None:
        self.data, self.targets, self.kind, self.protocol, self.seed = data, targets, kind, protocol, seed
        folds, dim, dtype = len(train), data.shape[1], data.dtype
        self.batch = shared_batch(train, protocol.batch_size)
        self.active = np.arange(folds)
        self.mask = torch.from_numpy(np.ascontiguousarray(train.T)).to(dtype)  # (N, F)
        self.centre = torch.from_numpy(centre).to(dtype)[:, None]  # (F, 1, D)
        self.inverse = torch.from_numpy(inverse).to(dtype)[:, None]
        first = [initial_layer(seed, f, targets.outputs, dim) for f in range(folds)]
        self.layer = torch.from_numpy(np.stack(first)).to(dtype)  # (F, C, D + 1): weight and, last, bias
        self.moment, self.square = torch.zeros_like(self.layer), torch.zeros_like(self.layer)
        self.steps = torch.zeros(folds, dtype=torch.float64)
        self.fold_y = (targets.centre, targets.inverse)
        self._gather_val(val)
        self.best = self.layer.double().numpy().copy()
        self.best_loss = np.full(folds, np.inf)
        self.best_epoch, self.epochs = np.zeros(folds, dtype=np.int64), np.zeros(folds, dtype=np.int64)

    def _gather_val(self, val: np.ndarray) -> None:
        """Standardised val images of every fold, padded to the longest: (F, V, D), their targets and 0/1 weights."""
        folds, longest = len(val), int(val.sum(axis=1).max())
        self.val_x = torch.zeros(folds, longest, self.data.shape[1], dtype=self.data.dtype)
        self.val_share = torch.zeros(folds, longest, dtype=self.data.dtype)
        is_class = self.kind == "classification"
        shape = (folds, longest) if is_class else (folds, longest, self.targets.outputs)
        self.val_y = torch.zeros(shape, dtype=torch.int64 if is_class else self.data.dtype)
        for fold in range(folds):
            rows = torch.from_numpy(np.flatnonzero(val[fold]))
            n = len(rows)
            torch.mul(self.data[rows] - self.centre[fold], self.inverse[fold], out=self.val_x[fold, :n])
            self.val_share[fold, :n] = 1.0 / n
            self.val_y[fold, :n] = self._fold_targets(rows, slice(fold, fold + 1))[:, 0]

    def _fold_targets(self, rows: torch.Tensor, folds: slice) -> torch.Tensor:
        """Targets of some images for some folds: class numbers (B, F) or standardised values (B, F, C)."""
        y = self.targets.y[rows]
        if self.kind == "classification":
            return y[:, None].expand(-1, len(self.fold_y[0][folds]))
        centre, inverse = (t[folds, 0][None] for t in self.fold_y)
        return ((y[:, None] - centre) * inverse).to(self.data.dtype)

    def run(self) -> np.ndarray:
        """Train until every fold has stopped; the best layers (F, C, D + 1), float64."""
        waited = np.zeros(len(self.active), dtype=np.int64)
        with torch.inference_mode():
            for epoch in range(self.protocol.max_epochs):
                for rows in epoch_batches(self.seed, epoch, len(self.data), self.batch):
                    self._step(torch.from_numpy(rows))
                loss = self._val_loss()
                if not np.isfinite(loss).all():
                    fold = self.active[~np.isfinite(loss)][0]
                    raise UserError(
                        f"linear probe: the validation loss of fold {fold} is not finite in epoch {epoch + 1}",
                        "write a smaller evaluation.protocols.linear.lr",
                    )
                better = loss < self.best_loss[self.active]
                improved = self.active[better]
                self.best[improved] = self.layer[torch.from_numpy(better)].double().numpy()
                self.best_loss[improved], self.best_epoch[improved] = loss[better], epoch + 1
                self.epochs[self.active] = epoch + 1
                waited = np.where(better, 0, waited + 1)
                going = waited < self.protocol.patience
                if not going.any():
                    break
                if not going.all():
                    waited = waited[going]
                    self._keep(going)
        return self.best

    def _keep(self, going: np.ndarray) -> None:
        """Drop the folds that have stopped from everything that is computed."""
        self.active = self.active[going]
        index = torch.from_numpy(np.flatnonzero(going))
        for name in ("centre", "inverse", "layer", "moment", "square", "steps", "val_x", "val_y", "val_share"):
            setattr(self, name, getattr(self, name)[index])
        self.fold_y = tuple(t[index] for t in self.fold_y)
        self.mask = self.mask[:, index].contiguous()

    def _step(self, rows: torch.Tensor) -> None:
        """One AdamW step of every fold that has train images among these rows."""
        x, mask = self.data[rows], self.mask[rows]
        folds, outputs, dim = self.layer.shape[0], self.layer.shape[1], x.shape[1]
        weight = self.layer[..., :-1] * self.inverse
        bias = self.layer[..., -1] - torch.matmul(weight, self.centre.mT)[..., 0]
        z = torch.addmm(bias.view(-1), x, weight.view(-1, dim).T).view(-1, folds, outputs)
        n = mask.sum(0)
        # Gradient of the mean loss over the fold's images of this batch, by the fold's outputs (B, F, C).
        grad_z = self._output_gradient(z, rows) * (mask / n.clamp_min(1))[..., None]
        grad = torch.empty_like(self.layer)
        summed = grad_z.sum(0)
        product = (grad_z.view(-1, folds * outputs).T @ x).view(folds, outputs, dim)
        grad[..., :-1] = (product - summed[..., None] * self.centre) * self.inverse
        grad[..., -1] = summed
        self._adamw(grad, n > 0)

    def _output_gradient(self, z: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        if self.kind == "classification":
            gradient = torch.softmax(z, -1)
            y = self.targets.y[rows][:, None, None].expand(-1, z.shape[1], 1)
            return gradient.scatter_add_(-1, y, torch.full_like(y, -1, dtype=z.dtype))
        y = self._fold_targets(rows, slice(None))
        if self.kind == "multilabel":
            return (torch.sigmoid(z) - y) / z.shape[-1]
        return 2 * (z - y) / z.shape[-1]

    def _adamw(self, grad: torch.Tensor, present: torch.Tensor) -> None:
        """Decoupled weight decay, then Adam (Loshchilov & Hutter 2019), in the order and with the terms of PyTorch."""
        absent = None if bool(present.all()) else ~present
        state = (self.layer, self.moment, self.square)
        kept = [t[absent].clone() for t in state] if absent is not None else []
        self.steps += present
        steps = self.steps.clamp_min(1)
        self.layer.mul_(1 - self.protocol.lr * self.protocol.weight_decay)
        self.moment.lerp_(grad, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(grad, grad, value=1 - BETAS[1])
        first = (self.protocol.lr / (1 - BETAS[0] ** steps)).to(grad.dtype)[:, None, None]
        second = (1 - BETAS[1] ** steps).sqrt().to(grad.dtype)[:, None, None]
        self.layer.sub_(self.moment / (self.square.sqrt().div_(second).add_(EPS)) * first)
        if absent is not None:
            for tensor, old in zip(state, kept, strict=True):
                tensor[absent] = old

    def _val_loss(self) -> np.ndarray:
        """Mean loss over each fold's val part (F,), float64."""
        z = torch.baddbmm(self.layer[:, None, :, -1], self.val_x, self.layer[..., :-1].mT)
        if self.kind == "classification":
            each = F.cross_entropy(z.flatten(0, 1), self.val_y.flatten(), reduction="none").view(z.shape[:2])
        elif self.kind == "multilabel":
            each = F.binary_cross_entropy_with_logits(z, self.val_y, reduction="none").mean(-1)
        else:
            each = (z - self.val_y).square().mean(-1)
        return (each.double() * self.val_share.double()).sum(1).numpy()
