"""The network that is fine-tuned: where gradients go, which statistics move, what the losses are."""

import numpy as np
import pytest
import torch
from finetuned import RESNET, VIT, network_of, protocol_of
from greenup.errors import UserError
from greenup.evaluate.finetune_network import HEAD_STD, Finetuner, Targets, loss_of, set_drop_path
from greenup.pretrain.methods.base import Batch, Moment
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

IMAGES = torch.randn(6, 2, 16, 16, generator=torch.Generator().manual_seed(1))
BATCH = Batch([IMAGES[None]], None, torch.arange(6))
MOMENT = Moment(0, 1, 1)


def learner_of(architecture=RESNET, **protocol):
    targets = Targets.of("classification", np.arange(12) % 3, ["a", "b", "c"], np.ones(12, bool))
    return Finetuner(
        network_of(architecture),
        targets,
        np.arange(6),
        protocol_of(**protocol),
        positive_weight=1.0,
        seed=4,
        where="finetune",
    ).train()


def step(learner):
    """One step of plain descent; names of what changed, parameters and buffers."""
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    learner(BATCH, MOMENT).loss.backward()
    optimizer.step()
    after = learner.state_dict()
    return {n for n in before if not torch.equal(before[n], after[n])}


def names(learner, kind):
    return {n for n, _ in getattr(learner, f"named_{kind}")()} - {"train_y"}


@pytest.mark.parametrize("architecture", [RESNET, VIT])
def test_gradients_reach_every_layer(architecture):
    learner = learner_of(architecture)
    learner(BATCH, MOMENT).loss.backward()
    still = [n for n, p in learner.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_batch_norms_learn_and_adapt():
    learner = learner_of()
    assert step(learner) == names(learner, "parameters") | names(learner, "buffers")


def test_bn_eval_keeps_the_statistics_and_trains_the_weights():
    learner = learner_of(bn_eval=True)
    assert step(learner) == names(learner, "parameters")
    assert not any(m.training for m in learner.encoder.modules() if isinstance(m, _BatchNorm))
    assert learner.encoder.layer1.training and learner.head.training


def test_head_only_leaves_the_network_alone():
    learner = learner_of(compat=("head_only",))
    assert step(learner) == {"head.2.weight", "head.2.bias"}


def test_adapting_batch_norm_changes_a_frozen_network():
    learner = learner_of(compat=("head_only", "adapting_batch_norm"))
    assert step(learner) == {"head.2.weight", "head.2.bias"} | names(learner, "buffers")


def test_the_head_is_the_same_for_every_network():
    one, other = learner_of(), learner_of()
    assert torch.equal(one.head[2].weight, other.head[2].weight) and not one.head[2].bias.any()
    assert one.head[2].weight.std().item() == pytest.approx(HEAD_STD, rel=0.3)


def test_head_norm_and_dropout_come_before_the_head():
    head = learner_of(head_norm=True, dropout=0.3).head
    assert [type(m) for m in head] == [nn.BatchNorm1d, nn.Dropout, nn.Linear]
    assert head[1].p == 0.3 and not head[0].affine


def test_drop_path_grows_block_by_block():
    vit = network_of(VIT)
    set_drop_path(vit, 0.3, "finetune")
    rates = [[getattr(getattr(b, f"drop_path{i}"), "drop_prob", 0.0) for i in (1, 2)] for b in vit.blocks]
    np.testing.assert_allclose(rates, [[0, 0], [0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])
    with pytest.raises(UserError, match="no vision transformer"):
        set_drop_path(network_of(RESNET), 0.3, "finetune")


def test_drop_path_leaves_the_network_in_use_as_it_is():
    plain, dropped = network_of(VIT).eval(), network_of(VIT)
    set_drop_path(dropped, 0.5, "finetune")
    torch.testing.assert_close(plain(IMAGES), dropped.eval()(IMAGES), rtol=0, atol=0)


class TestLosses:
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.normal(size=(7, 4)).astype("float32"))

    def test_classification(self):
        y = torch.arange(7) % 4
        torch.testing.assert_close(loss_of("classification", self.z, y), nn.CrossEntropyLoss()(self.z, y))

    def test_multilabel(self):
        y = (self.z.flip(0) > 0).float()
        torch.testing.assert_close(loss_of("multilabel", self.z, y), nn.MultiLabelSoftMarginLoss()(self.z, y))
        weighted = nn.BCEWithLogitsLoss(pos_weight=torch.full((4,), 12.0))(self.z, y)
        torch.testing.assert_close(loss_of("multilabel", self.z, y, 12.0), weighted)

    def test_regression(self):
        y = self.z.flip(0)
        torch.testing.assert_close(loss_of("regression", self.z, y), nn.MSELoss()(self.z, y))

    def test_distribution(self):
        y = torch.softmax(self.z.flip(0), 1)
        share = torch.sigmoid(self.z) / torch.sigmoid(self.z).sum(1, keepdim=True)
        expected = nn.KLDivLoss(reduction="batchmean")(share.log(), y)
        torch.testing.assert_close(loss_of("distribution", self.z, y), expected)


class TestTargets:
    def test_values_are_standardised_by_the_training_part_alone(self):
        y = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0], [1e6, -7.0]])
        targets = Targets.of("regression", y, ["a", "b"], np.array([True, True, True, False]))
        np.testing.assert_allclose(targets.y[:3, 0], [-1.2247449, 0, 1.2247449], atol=1e-6)
        assert (targets.y[:, 1] == 0).all()
        # And come back in their unit; what training has not seen vary is its constant.
        np.testing.assert_allclose(targets.scores(targets.y[:3]), y[:3], atol=1e-6)
        assert targets.scores(torch.full((1, 2), 9.0))[0, 1] == 5

    @pytest.mark.parametrize("kind", ["classification", "multilabel", "distribution"])
    def test_scores_are_probabilities_in_float64(self, kind):
        y = np.arange(3) if kind == "classification" else np.eye(3)
        targets = Targets.of(kind, y, ["a", "b", "c"], np.ones(3, bool))
        z = torch.tensor([[2.0, -1.0, 0.5], [90.0, 0.0, -90.0]])
        scores, odds = targets.scores(z), z.double().numpy()
        share = np.exp(odds) if kind == "classification" else 1 / (1 + np.exp(-odds))
        expected = share if kind == "multilabel" else share / share.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-15)
        assert scores.dtype == np.float64
