"""Losses against torch.nn's modules, gradients against autograd, predictions against closed forms."""

import numpy as np
import pytest
import torch
from greenup.evaluate.outputs import gradient, losses, predictions
from torch import nn

FOLDS, COLUMNS, IMAGES = 3, 5, 40


def _case(kind, seed=0):
    random = torch.Generator().manual_seed(seed)
    z = torch.randn(FOLDS, COLUMNS, IMAGES, generator=random, dtype=torch.float64) * 3
    if kind == "classification":
        return z, torch.randint(0, COLUMNS, (FOLDS, IMAGES), generator=random)
    y = torch.randn(FOLDS, COLUMNS, IMAGES, generator=random, dtype=torch.float64)
    if kind == "multilabel":
        return z, (y > 0).double()
    if kind == "distribution":
        y = torch.where(y > 0.5, y, 0.0) + (torch.arange(COLUMNS) == 1).double()[:, None]
        return z, y / y.sum(1, keepdim=True)
    return z, y


def _module(kind, z, y, weight):
    """The mean loss of one fold, z (C, B), by PyTorch's own losses."""
    if kind == "classification":
        return nn.CrossEntropyLoss()(z.T, y)
    if kind == "multilabel":
        plain = nn.MultiLabelSoftMarginLoss()(z.T, y.T)
        weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))(z.T, y.T)
        assert weight != 1 or torch.isclose(plain, weighted)
        return weighted
    if kind == "regression":
        return nn.MSELoss()(z, y)
    share = torch.sigmoid(z)
    return nn.KLDivLoss(reduction="batchmean")((share / share.sum(0)).log().T, y.T)


@pytest.mark.parametrize(
    ("kind", "weight"),
    [("classification", 1.0), ("multilabel", 1.0), ("multilabel", 12.0), ("regression", 1.0), ("distribution", 1.0)],
)
def test_as_pytorchs_losses_and_their_gradients(kind, weight):
    z, y = _case(kind)
    z.requires_grad_()
    each = losses(kind, z, y, weight)
    assert each.shape == (FOLDS, IMAGES)
    for fold in range(FOLDS):
        theirs = _module(kind, z[fold], y[fold], weight)
        torch.testing.assert_close(each[fold].mean(), theirs, rtol=1e-12, atol=1e-12)
    (theirs,) = torch.autograd.grad(each.sum(), z)
    torch.testing.assert_close(gradient(kind, z.detach(), y, weight), theirs, rtol=1e-10, atol=1e-12)


def test_a_present_label_counts_twelve_times():
    z = torch.zeros(1, 2, 1, dtype=torch.float64)
    y = torch.tensor([[[1.0], [0.0]]], dtype=torch.float64)
    assert losses("multilabel", z, y, 12.0).item() == pytest.approx(np.log(2) * 13 / 2)


def test_a_perfect_distribution_loses_nothing():
    share = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    z = torch.logit(share)[None, :, None]
    assert losses("distribution", z, share[None, :, None]).item() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(predictions("distribution", z[0].T.numpy())[0], share.numpy())


def test_predictions():
    z = np.random.default_rng(0).normal(size=(20, 4)) * 3
    t = torch.from_numpy(z)
    np.testing.assert_allclose(predictions("classification", z), torch.softmax(t, 1).numpy())
    np.testing.assert_allclose(predictions("multilabel", z), torch.sigmoid(t).numpy())
    share = torch.sigmoid(t) / torch.sigmoid(t).sum(1, keepdim=True)
    np.testing.assert_allclose(predictions("distribution", z), share.numpy())
    np.testing.assert_array_equal(predictions("regression", z), z)


def test_large_outputs_stay_finite():
    z = np.array([[-1e4, -1e4 + 1, -2e4], [900.0, 0.0, -900.0]])
    for kind in ("classification", "multilabel", "distribution"):
        assert np.isfinite(predictions(kind, z)).all()
    e = np.e
    np.testing.assert_allclose(predictions("distribution", z)[0], [1 / (1 + e), e / (1 + e), 0], atol=1e-12)
    t = torch.from_numpy(z.T.copy())[None]
    y = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]).T[None].double()
    assert torch.isfinite(losses("distribution", t, y)).all() and torch.isfinite(gradient("distribution", t, y)).all()
