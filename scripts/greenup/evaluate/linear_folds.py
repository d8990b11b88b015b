"""What the folds of a linear probe share, and what each adds: masks, standardising maps, targets, validation images."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from greenup.evaluate.scaling import inverse_or_zero, train_statistics


@dataclass(frozen=True)
class FoldData:
    """What each of F folds adds to the shared images (N, D); tensors lead with F, but for ``y``.

    ``y``: class numbers (N,) or values (C, N). ``mask`` (F, N): 1 where an image trains. ``centre`` and ``inverse``
    (F, 1, D) standardise images, ``y_centre`` and ``y_inverse`` (F, C, 1) values. ``val_x`` (F, V, D): standardised
    val images, padded to the longest; ``val_y`` (F, V) or (F, C, V): their targets; ``val_share`` (F, V): their
    weights, which add up to 1 a fold.
    """

    kind: str
    y: torch.Tensor
    mask: torch.Tensor
    centre: torch.Tensor
    inverse: torch.Tensor
    y_centre: torch.Tensor
    y_inverse: torch.Tensor
    val_x: torch.Tensor
    val_y: torch.Tensor
    val_share: torch.Tensor

    @staticmethod
    def of(
        data: torch.Tensor,
        y: np.ndarray,
        train: np.ndarray,
        val: np.ndarray,
        known: np.ndarray,
        kind: str,
        outputs: int | None,
    ) -> FoldData:
        """``known`` (F, N): the images whose statistics standardise a fold."""
        folds, dtype = len(train), data.dtype
        centre, inverse = (torch.from_numpy(a).to(dtype)[:, None] for a in _fold_statistics(data, known))
        if kind == "classification":
            columns = int(y.max()) + 1 if outputs is None else outputs
            values = torch.from_numpy(y.astype(np.int64))
        else:
            columns = y.shape[1]
            values = torch.from_numpy(np.ascontiguousarray(np.asarray(y, dtype="float64").T))
        y_centre, y_inverse = np.zeros((folds, columns, 1)), np.ones((folds, columns, 1))
        if kind == "regression":
            for fold in range(folds):
                y_centre[fold, :, 0], y_inverse[fold, :, 0] = train_statistics(np.asarray(y, "float64")[known[fold]])
        longest = int(val.sum(axis=1).max())
        shape = (folds, longest) if kind == "classification" else (folds, columns, longest)
        made = FoldData(
            kind=kind,
            y=values,
            mask=torch.from_numpy(train).to(dtype),
            centre=centre,
            inverse=inverse,
            y_centre=torch.from_numpy(y_centre),
            y_inverse=torch.from_numpy(y_inverse),
            val_x=torch.zeros(folds, longest, data.shape[1], dtype=dtype),
            val_y=torch.zeros(shape, dtype=torch.int64 if kind == "classification" else dtype),
            val_share=torch.zeros(folds, longest, dtype=dtype),
        )
        for fold in range(folds):
            rows = torch.from_numpy(np.flatnonzero(val[fold]))
            n = len(rows)
            torch.sub(data[rows], centre[fold], out=made.val_x[fold, :n]).mul_(inverse[fold])
            made.val_share[fold, :n] = 1.0 / n
            made.val_y[fold, ..., :n] = made.targets(rows, slice(fold, fold + 1))[0]
        return made

    @property
    def columns(self) -> int:
        return self.y_centre.shape[1]

    def targets(self, rows: torch.Tensor, folds: slice = slice(None)) -> torch.Tensor:
        """Targets of some images for the folds: class numbers (F, B) or standardised values (F, C, B)."""
        centre, inverse = self.y_centre[folds], self.y_inverse[folds]
        if self.kind == "classification":
            return self.y[rows].expand(len(centre), -1)
        return ((self.y[:, rows] - centre) * inverse).to(self.mask.dtype)

    def only(self, going: np.ndarray) -> FoldData:
        """The folds that still train (bool (F,))."""
        index = torch.from_numpy(np.flatnonzero(going))
        shared = {"kind": self.kind, "y": self.y}
        return FoldData(
            **shared, **{f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in shared}
        )


def _fold_statistics(data: torch.Tensor, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and inverse standard deviation (F, D), float64, of each fold's part (bool (F, N)); data near N(0, 1)."""
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
