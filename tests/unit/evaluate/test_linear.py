"""The shared product against a plain loop over folds with torch.nn.Linear and torch.optim.AdamW on the same batches."""

import numpy as np
import pytest
import torch
from greenup.config.evaluation import LinearProtocol
from greenup.errors import UserError
from greenup.evaluate.linear import epoch_batches, fit_linear, initial_layer, shared_batch
from torch import nn

KINDS = ["classification", "multilabel", "regression"]


def _data(kind, n=180, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim)) * rng.uniform(0.01, 30, dim) + rng.normal(size=dim) * 40
    hidden = ((x - x.mean(0)) / x.std(0)) @ rng.normal(size=(dim, 4)) / dim**0.5 + 0.3 * rng.normal(size=(n, 4))
    if kind == "classification":
        y = hidden.argmax(1)
    elif kind == "multilabel":
        y = (hidden > 0.4).astype(float)
    else:
        y = hidden[:, :3] * [1, 100, 0.01] + [0, -500, 3]
    folds = 4
    test = np.arange(n) % folds
    parts = np.array([rng.permutation(n) for _ in range(folds)])
    val = np.array([(test != f) & (parts[f] < n // 6 + 5 * f) for f in range(folds)])
    train = np.array([(test != f) for f in range(folds)]) & ~val
    return x, y, train, val


def _divergence(z, shares):
    part = torch.sigmoid(z)
    return nn.KLDivLoss(reduction="batchmean")((part / part.sum(1, keepdim=True)).log(), shares)


def _loop(x, y, train, val, kind, protocol, seed, dtype):
    """What one would write for one fold, for every fold: the reference."""
    results = []
    for f in range(len(train)):
        mean, std = x[train[f]].mean(0), x[train[f]].std(0)
        data = torch.tensor((x - mean) / std, dtype=dtype)
        if kind == "classification":
            target, outputs = torch.tensor(y), int(y.max()) + 1
            loss_of = nn.CrossEntropyLoss()
        elif kind == "multilabel":
            target, outputs = torch.tensor(y, dtype=dtype), y.shape[1]
            loss_of = nn.MultiLabelSoftMarginLoss()
        elif kind == "distribution":
            target, outputs, loss_of = torch.tensor(y, dtype=dtype), y.shape[1], _divergence
        else:
            target = torch.tensor((y - y[train[f]].mean(0)) / y[train[f]].std(0), dtype=dtype)
            outputs, loss_of = y.shape[1], nn.MSELoss()
        layer = nn.Linear(x.shape[1], outputs, dtype=dtype)
        first = torch.tensor(initial_layer(seed, f, outputs, x.shape[1]), dtype=dtype)
        with torch.no_grad():
            layer.weight.copy_(first[:, :-1])
            layer.bias.copy_(first[:, -1])
        optimizer = torch.optim.AdamW(layer.parameters(), lr=protocol.lr, weight_decay=protocol.weight_decay)
        best, best_epoch, waited, kept = np.inf, 0, 0, None
        for epoch in range(protocol.max_epochs):
            trained = np.flatnonzero(train.any(0))
            shared = shared_batch(train[:, trained], protocol.batch_size)
            for batch in epoch_batches(seed, epoch, len(trained), shared):
                rows = trained[batch][train[f][trained[batch]]]
                if not len(rows):
                    continue
                optimizer.zero_grad()
                loss_of(layer(data[rows]), target[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                loss = loss_of(layer(data[val[f]]), target[val[f]]).item()
            if loss < best:
                best, best_epoch, waited = loss, epoch + 1, 0
                kept = [p.detach().double().numpy().copy() for p in layer.parameters()]
            else:
                waited += 1
                if waited >= protocol.patience:
                    break
        results.append((*kept, best, best_epoch, epoch + 1))
    return [np.array(c) for c in zip(*results, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [32, 59])
def test_as_a_loop_over_folds_in_float64(kind, batch_size):
    x, y, train, val = _data(kind)
    # A large rate makes folds stop at different epochs, which is what must not disturb the others.
    protocol = LinearProtocol(lr=0.05, batch_size=batch_size, max_epochs=120, patience=4)
    got = fit_linear(x, y, train, val, kind, protocol, seed=3)
    weight, bias, loss, best_epoch, epochs = _loop(x, y, train, val, kind, protocol, 3, torch.float64)
    np.testing.assert_array_equal(got.epochs, epochs)
    np.testing.assert_array_equal(got.best_epoch, best_epoch)
    assert len(set(epochs)) > 1
    np.testing.assert_allclose(got.val_loss, loss, rtol=1e-7)
    np.testing.assert_allclose(got.weight, weight, atol=1e-6)
    np.testing.assert_allclose(got.bias, bias, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_loop_over_folds_in_float32(kind):
    x, y, train, val = _data(kind)
    protocol = LinearProtocol(batch_size=64, max_epochs=40)
    got = fit_linear(x.astype("float32"), y, train, val, kind, protocol, seed=5)
    weight, bias, loss, best_epoch, _ = _loop(x, y, train, val, kind, protocol, 5, torch.float32)
    np.testing.assert_array_equal(got.best_epoch, best_epoch)
    np.testing.assert_allclose(got.val_loss, loss, rtol=1e-4)
    np.testing.assert_allclose(got.weight, weight, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got.bias, bias, rtol=1e-4, atol=1e-4)


def test_a_fold_without_images_in_a_batch_waits():
    """Batches of two leave some folds without a train image now and then: no decay, no moment, no step for them."""
    x, y, train, val = _data("classification", n=24)
    train[0, 4:] = False
    train[0, 1] = True
    val[0] = False
    val[0, 20:] = True
    protocol = LinearProtocol(lr=0.01, batch_size=1, max_epochs=3)
    got = fit_linear(x, y, train, val, "classification", protocol, seed=1)
    weight, bias, *_ = _loop(x, y, train, val, "classification", protocol, 1, torch.float64)
    np.testing.assert_allclose(got.weight, weight, atol=1e-7)
    np.testing.assert_allclose(got.bias, bias, atol=1e-7)


def test_best_weights_are_kept_not_the_last():
    x, y, train, val = _data("classification", n=60, dim=40)
    protocol = LinearProtocol(lr=0.1, batch_size=16, max_epochs=60, patience=10)
    got = fit_linear(x, y, train, val, "classification", protocol, seed=0)
    assert (got.best_epoch < got.epochs).all()
    for f in range(len(train)):
        p = got.predict(x[val[f]], f)
        assert -np.log(p[np.arange(val[f].sum()), y[val[f]]]).mean() == pytest.approx(got.val_loss[f], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions(kind):
    x, y, train, val = _data(kind, n=400)
    got = fit_linear(x.astype("float32"), y, train, val, kind, LinearProtocol(lr=0.02, max_epochs=300), seed=0)
    for f in range(len(train)):
        rest = ~train[f] & ~val[f]
        scores = got.predict(x[rest].astype("float32"), f)
        if kind == "regression":
            ours = 1 - ((scores - y[rest]) ** 2).sum(0) / ((y[rest] - y[rest].mean(0)) ** 2).sum(0)
            # Least squares on the same images is the best a linear layer can be trained to.
            a = np.column_stack([x, np.ones(len(x))])
            fitted = a[rest] @ np.linalg.lstsq(a[train[f]], y[train[f]], rcond=None)[0]
            theirs = 1 - ((fitted - y[rest]) ** 2).sum(0) / ((y[rest] - y[rest].mean(0)) ** 2).sum(0)
            np.testing.assert_allclose(ours, theirs, atol=0.03)
        else:
            assert scores.min() >= 0 and scores.max() <= 1
            if kind == "classification":
                np.testing.assert_allclose(scores.sum(1), 1)
                assert (scores.argmax(1) == y[rest]).mean() > 0.65
            else:
                assert ((scores > 0.5) == y[rest]).mean() > 0.75


def test_the_unit_of_the_embedding_changes_nothing():
    x, y, train, val = _data("classification")
    protocol = LinearProtocol(max_epochs=30)
    one = fit_linear(x, y, train, val, "classification", protocol, seed=0)
    two = fit_linear(x * 1000 - 5, y, train, val, "classification", protocol, seed=0)
    np.testing.assert_allclose(one.predict(x, 0), two.predict(x * 1000 - 5, 0), atol=1e-9)


def test_a_constant_dimension_changes_nothing_but_the_first_weights():
    x, y, train, val = _data("classification")
    wide = np.column_stack([x, np.where(train[0], 1.0, 7.0)])
    got = fit_linear(wide, y, train, val, "classification", LinearProtocol(max_epochs=5), seed=0)
    shifted = wide.copy()
    shifted[:, -1] += 100
    np.testing.assert_allclose(got.predict(wide, 0), got.predict(shifted, 0))
    assert np.abs(got.predict(wide, 1) - got.predict(shifted, 1)).max() > 1e-3


def test_a_constant_target_is_predicted_as_it_is():
    x, y, train, val = _data("regression")
    y[:, 1] = np.where(train[2], 42.0, y[:, 1])
    got = fit_linear(x, y, train, val, "regression", LinearProtocol(max_epochs=5), seed=0)
    np.testing.assert_allclose(got.predict(x, 2)[:, 1], 42.0)


def test_more_classes_than_training_has_seen():
    x, y, train, val = _data("classification")
    got = fit_linear(x, y, train, val, "classification", LinearProtocol(max_epochs=5), seed=0, outputs=9)
    assert got.predict(x, 0).shape == (len(x), 9)


def test_the_shared_batch_holds_the_asked_number_a_fold():
    train = np.random.default_rng(0).random((10, 5000)) < 0.81
    batch = shared_batch(train, 256)
    held = [train[:, rows].sum(1).mean() for rows in epoch_batches(0, 0, 5000, batch)[:-1]]
    assert np.mean(held) == pytest.approx(256, rel=0.02)


def test_batches_cover_every_image_once_and_differ_by_epoch():
    batches = epoch_batches(1, 0, 103, 20)
    assert sorted(np.concatenate(batches)) == list(range(103))
    assert [len(b) for b in batches] == [20] * 5 + [3]
    assert not np.array_equal(np.concatenate(batches), np.concatenate(epoch_batches(1, 1, 103, 20)))


@pytest.mark.parametrize("part", ["train", "val"])
def test_an_empty_part_is_refused(part):
    x, y, train, val = _data("classification")
    (train if part == "train" else val)[2] = False
    with pytest.raises(UserError, match=f"fold 2 has no image in its {part} part"):
        fit_linear(x, y, train, val, "classification", LinearProtocol(), seed=0)


def test_a_rate_that_diverges_is_named():
    x, y, train, val = _data("regression")
    with pytest.raises(UserError, match="not finite") as error:
        fit_linear(x.astype("float32"), y, train, val, "regression", LinearProtocol(lr=1e30, max_epochs=50), seed=0)
    assert "lr" in error.value.mend


def _shares(seed=0):
    x, y, train, val = _data("regression", seed=seed)
    part = np.exp((y - y.mean(0)) / y.std(0))
    return x, part / part.sum(1, keepdims=True), train, val


def test_shares_as_a_loop_with_kl_divergence():
    x, y, train, val = _shares()
    protocol = LinearProtocol(lr=0.03, batch_size=32, max_epochs=40, patience=3)
    got = fit_linear(x, y, train, val, "distribution", protocol, seed=3)
    weight, _, loss, best_epoch, _ = _loop(x, y, train, val, "distribution", protocol, 3, torch.float64)
    np.testing.assert_array_equal(got.best_epoch, best_epoch)
    np.testing.assert_allclose(got.val_loss, loss, rtol=1e-7)
    np.testing.assert_allclose(got.weight, weight, atol=1e-6)
    np.testing.assert_allclose(got.predict(x, 0).sum(1), 1)


def test_positive_weight_finds_more_labels():
    x, y, train, val = _data("multilabel", n=400)
    y = y * (np.random.default_rng(0).random(y.shape) < 0.3)
    said = []
    for weight in (1.0, 12.0):
        protocol = LinearProtocol(lr=0.02, max_epochs=60)
        got = fit_linear(x, y, train, val, "multilabel", protocol, seed=0, positive_weight=weight)
        said.append((got.predict(x, 0) > 0.5).mean())
    assert said[1] > 2 * said[0]


def test_each_fold_takes_the_weight_decay_with_the_lowest_validation_loss():
    x, y, train, val = _data("classification", n=80, dim=60)
    how = {"lr": 0.05, "batch_size": 32, "max_epochs": 30}
    candidates = (0.0, 1.0, 3.0)
    each = [
        fit_linear(x, y, train, val, "classification", LinearProtocol(**how, weight_decay=d), seed=0)
        for d in candidates
    ]
    got = fit_linear(x, y, train, val, "classification", LinearProtocol(**how, weight_decay=candidates), seed=0)
    best = np.argmin([e.val_loss for e in each], axis=0)
    np.testing.assert_array_equal(got.weight_decay, np.take(candidates, best))
    assert len(set(best)) > 1
    for fold, b in enumerate(best):
        np.testing.assert_array_equal(got.weight[fold], each[b].weight[fold])
        assert got.val_loss[fold] == each[b].val_loss[fold] == min(e.val_loss[fold] for e in each)


def test_last_weights_have_a_higher_validation_loss():
    x, y, train, val = _data("classification", n=60, dim=40)
    how = {"lr": 0.1, "batch_size": 16, "max_epochs": 60, "patience": 10}
    best = fit_linear(x, y, train, val, "classification", LinearProtocol(**how), seed=0)
    last = fit_linear(x, y, train, val, "classification", LinearProtocol(**how, compat=["last_weights"]), seed=0)
    np.testing.assert_array_equal(best.epochs, last.epochs)

    def loss(probes, f):
        return -np.log(probes.predict(x[val[f]], f)[np.arange(val[f].sum()), y[val[f]]]).mean()

    assert all(loss(last, f) > 1.05 * loss(best, f) for f in range(len(train)))


def test_statistics_of_all_rows_are_one_map_for_all_folds():
    x, y, train, val = _data("regression")
    x = x + 300 * (~train[0] & ~val[0])[:, None]  # the test part of the first fold lies elsewhere
    protocol = LinearProtocol(max_epochs=2, compat=["statistics_of_all_rows"])
    got = fit_linear(x, y, train, val, "regression", protocol, seed=0)
    np.testing.assert_allclose(got.centre, np.tile(x.mean(0), (4, 1)))
    np.testing.assert_allclose(1 / got.inverse, np.tile(x.std(0), (4, 1)))
    np.testing.assert_allclose(got.target_centre, np.tile(y.mean(0), (4, 1)))
    plain = fit_linear(x, y, train, val, "regression", LinearProtocol(max_epochs=2), seed=0)
    np.testing.assert_allclose(plain.centre[0], x[train[0]].mean(0))
    assert (np.abs(got.centre[0] - plain.centre[0]) > 50).all()
