import math

import pytest
import torch
from greenup.config.learning import Optimizer
from greenup.pretrain.optimizers import build_optimizer, learning_rate
from torch import nn


def rates(settings, epochs=10, steps_per_epoch=5):
    total = epochs * steps_per_epoch
    return [learning_rate(settings, s, steps_per_epoch, total) for s in range(total)]


def test_constant_and_milestones_behind_the_end_are_the_same():
    constant = rates(Optimizer(lr=0.03, schedule="constant"))
    assert constant == [0.03] * 50
    assert rates(Optimizer(lr=0.03, schedule="steps", milestones=(120, 160))) == constant


def test_steps_agree_with_torch():
    settings = Optimizer(lr=0.03, schedule="steps", milestones=(6, 8))
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.03)
    theirs = torch.optim.lr_scheduler.MultiStepLR(sgd, [6 * 5, 8 * 5], gamma=0.1)
    for rate in rates(settings):
        assert rate == pytest.approx(sgd.param_groups[0]["lr"])
        sgd.step()
        theirs.step()


def test_cosine_with_warm_up():
    got = rates(Optimizer(lr=1.0, schedule="cosine", warmup_steps=10))
    assert got[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert got[10:] == pytest.approx([0.5 * (1 + math.cos(math.pi * s / 40)) for s in range(40)])


def test_adamw_leaves_norms_and_biases_without_decay():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    settings = Optimizer(name="adamw", lr=0.1, weight_decay=0.5)
    optimizer = build_optimizer(list(net.named_parameters()), settings)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in net.named_parameters():
        factor = 1 - 0.1 * 0.5 if name in ("0.weight", "2.weight") else 1.0
        assert torch.allclose(p, before[name] * factor), name


def test_sgd_decays_everything_as_published():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = build_optimizer(list(net.named_parameters()), Optimizer(lr=0.1, weight_decay=0.5))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    assert torch.allclose(net[1].weight, torch.full((2,), 1 - 0.1 * 0.5))
