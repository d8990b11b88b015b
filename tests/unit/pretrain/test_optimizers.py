import numpy as np
import pytest
import torch
from greenup.config.methods import Optimizer
from greenup.pretrain.optimizers import build_optimizer, half_cosine, learning_rate, set_schedules, weight_decay
from torch import nn

EPOCHS, STEPS = 10, 5


def rates(settings):
    return [learning_rate(settings, s, STEPS, EPOCHS * STEPS) for s in range(EPOCHS * STEPS)]


def test_constant_and_milestones_behind_the_end_are_the_same():
    constant = rates(Optimizer(lr=0.03, schedule="constant"))
    assert constant == [0.03] * 50
    assert rates(Optimizer(lr=0.03, schedule="steps", milestones=(120, 160))) == constant


def test_steps_agree_with_torch():
    settings = Optimizer(lr=0.03, schedule="steps", milestones=(6, 8))
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.03)
    theirs = torch.optim.lr_scheduler.MultiStepLR(sgd, [6 * STEPS, 8 * STEPS], gamma=0.1)
    for rate in rates(settings):
        assert rate == pytest.approx(sgd.param_groups[0]["lr"])
        sgd.step()
        theirs.step()


@pytest.mark.parametrize("warm", [{"warmup_steps": 10}, {"warmup_epochs": 2}])
def test_cosine_by_step_with_warm_up(warm):
    got = rates(Optimizer(lr=1.0, schedule="cosine", final_lr=0.1, **warm))
    done = np.arange(40, dtype=np.float64) / 40
    expected = np.r_[np.arange(1, 11) / 10, 0.1 + 0.9 * np.cos(np.pi * done / 2) ** 2]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_cosine_by_step_agrees_with_torch():
    sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, EPOCHS * STEPS, eta_min=0.01)
    for rate in rates(Optimizer(lr=0.3, schedule="cosine", final_lr=0.01)):
        assert rate == pytest.approx(sgd.param_groups[0]["lr"])
        sgd.step()
        theirs.step()


def test_cosine_by_epoch_falls_at_the_first_step_of_each():
    got = rates(Optimizer(lr=0.03, schedule="cosine", every="epoch"))
    expected = 0.03 * 0.5 * (1 + np.cos(np.pi * np.repeat(np.arange(EPOCHS), STEPS) / EPOCHS))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_cosine_by_epoch_after_a_warm_up():
    got = rates(Optimizer(lr=1.0, schedule="cosine", every="epoch", warmup_epochs=2))
    expected = 0.5 * (1 + np.cos(np.pi * np.repeat(np.arange(8), STEPS) / 8))
    np.testing.assert_allclose(got, np.r_[np.arange(1, 11) / 10, expected], rtol=1e-12)


def test_weight_decay_rises_along_a_half_cosine():
    settings = Optimizer(name="adamw", weight_decay=0.04, final_weight_decay=0.4)
    got = [weight_decay(settings, s, 50) for s in range(50)]
    np.testing.assert_allclose(got, 0.4 - 0.36 * np.cos(np.pi * np.arange(50) / 100) ** 2, rtol=1e-12)
    assert got[0] == pytest.approx(0.04) and np.all(np.diff(got) > 0)
    assert weight_decay(Optimizer(weight_decay=0.1), 7, 50) == 0.1


def test_half_cosine_stays_at_its_end():
    assert half_cosine(3, 1, 2.0) == 1 and half_cosine(3, 1, 0.5) == pytest.approx(2)


def test_two_sgd_steps_equal_the_closed_form():
    p = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = build_optimizer([("p", p)], Optimizer(lr=0.1, momentum=0.9, weight_decay=0.01))
    x, velocity = np.array([1.0, -2.0]), np.zeros(2)
    for gradient in ([0.5, 0.25], [-1.0, 2.0]):
        p.grad = torch.tensor(gradient)
        optimizer.step()
        velocity = 0.9 * velocity + (np.array(gradient) + 0.01 * x)
        x = x - 0.1 * velocity
    np.testing.assert_allclose(p.detach().numpy(), x, rtol=1e-6)


def test_two_adamw_steps_equal_the_closed_form():
    p = nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]]))
    optimizer = build_optimizer([("p", p)], Optimizer(name="adamw", lr=0.1, betas=(0.9, 0.95), weight_decay=0.3))
    x, m, v = p.detach().double().numpy().copy(), 0.0, 0.0
    for t, gradient in enumerate(([[0.5, 0.25], [1.0, -1.0]], [[-1.0, 2.0], [0.1, 0.2]]), start=1):
        p.grad = torch.tensor(gradient)
        optimizer.step()
        g = np.array(gradient)
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g**2
        x = x * (1 - 0.1 * 0.3) - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
    np.testing.assert_allclose(p.detach().numpy(), x, rtol=1e-5)


def test_adamw_leaves_norms_biases_and_tokens_without_decay():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    net.register_parameter("cls_token", nn.Parameter(torch.ones(1, 1, 4)))
    optimizer = build_optimizer(list(net.named_parameters()), Optimizer(name="adamw", lr=0.1, weight_decay=0.5))
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    set_schedules(optimizer, 0.1, 0.25)
    optimizer.step()
    for name, p in net.named_parameters():
        factor = 1 - 0.1 * 0.25 if name in ("0.weight", "2.weight") else 1.0
        assert torch.allclose(p, before[name] * factor), name


def test_sgd_decays_everything_as_published():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = build_optimizer(list(net.named_parameters()), Optimizer(lr=0.1, weight_decay=0.5))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    assert torch.allclose(net[1].weight, torch.full((2,), 1 - 0.1 * 0.5))


def test_a_layer_frozen_at_first_is_trained_later():
    """Torch's fused SGD fails on a parameter whose first gradient comes after those of others."""
    first, late = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = build_optimizer([("first", first), ("late", late)], Optimizer(lr=0.1, weight_decay=0.0))
    first.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(late, torch.ones(3))
    late.grad = torch.ones(3)
    optimizer.step()
    assert torch.allclose(late, torch.full((3,), 0.9)) and torch.allclose(first, torch.full((3,), 1 - 0.1 - 0.19))
