import math

import pytest
import pytorch_lightning as pl
import torch
from greenup.config.methods import Optimizer, SeCoMethod
from greenup.pretrain.methods.base import Batch, Learner, Learnt
from greenup.pretrain.module import Training, embedding_spread, without_trace
from greenup.pretrain.preprocess import Preprocess
from small import SmallNetwork
from torch import nn
from torch.utils.data import DataLoader

PREPROCESS = Preprocess(("B2", "B8", "NDVI"), "reflectance", (0.0,) * 3, (1e4,) * 3, 32)


class Noting(Learner):
    """Learns to give 1; notes the order in which it is called, and its weight then."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head, self.calls = SmallNetwork(), nn.Linear(16, 1), []
        self.drop = nn.Dropout(0.5)

    def before_step(self, moment):
        self._note("before", moment)

    def forward(self, batch, moment):
        if self.recording:
            self._note("forward", moment)
        features = self.encoder(batch.views[0][0])
        return Learnt(((self.head(self.drop(features)) - 1) ** 2).mean(), features.detach())

    def after_backward(self, moment):
        self._note("backward", moment)

    def after_step(self, moment):
        self._note("after", moment)

    def _note(self, what, moment):
        self.calls.append((what, moment.step, self.head.bias.item()))


def batch(seed, n=4):
    draws = torch.Generator().manual_seed(seed)
    view = torch.randint(0, 10_000, (2, n, 3, 16, 16), generator=draws).to(torch.uint16)
    return Batch([view], None, torch.arange(n))


def training(accumulate=1, **optimizer):
    method = SeCoMethod(name="seco", queue=8, batch_size=4, accumulate=accumulate, epochs=2, optimizer=optimizer)
    return Training(Noting(), method, PREPROCESS, 2, seed=1).train()


def fit(module, batches):
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=len(batches) // module.settings.accumulate, max_epochs=-1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        accumulate_grad_batches=module.settings.accumulate, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return module


def test_the_order_of_a_step_with_accumulated_parts():
    module = fit(training(accumulate=2, lr=0.1), [batch(s, 2) for s in range(4)])
    calls = module.learner.calls
    assert [c[0] for c in calls] == ["before", "forward", "forward", "backward", "after"] * 2
    assert [c[1] for c in calls] == [0] * 5 + [1] * 5
    bias = [c[2] for c in calls]
    # The optimiser steps between `after_backward` and `after_step`, once.
    assert len(set(bias[:4])) == 1 and len({bias[4], *bias[5:9]}) == 1 and len({bias[0], bias[4], bias[9]}) == 3
    assert module.step == 2


def test_accumulated_parts_give_the_gradient_of_the_whole_batch():
    whole, parts = training(lr=0.1, momentum=0.0, weight_decay=0.0), training(2, lr=0.1, momentum=0.0, weight_decay=0.0)
    for module in (whole, parts):
        module.learner.drop.p = 0.0
        # Batch norm would see a part at a time.
        module.learner.encoder[1], module.learner.encoder[4] = nn.Identity(), nn.Identity()
    both = batch(0, 4)
    fit(whole, [both])
    fit(parts, [Batch([both.views[0][:, i : i + 2]], None, both.rows[i : i + 2]) for i in (0, 2)])
    for a, b in zip(whole.learner.parameters(), parts.learner.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_dropout_depends_on_the_step_alone():
    first = fit(training(lr=0.1), [batch(0), batch(1)])
    torch.manual_seed(99)
    again = training(lr=0.1)
    torch.rand(7)
    fit(again, [batch(0), batch(1)])
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))


def test_gradients_longer_than_the_norm_are_shortened_to_it():
    module = training(lr=1.0, momentum=0.0, weight_decay=0.0, clip_norm=1e-3)
    before = [p.detach().clone() for p in module.learner.parameters()]
    fit(module, [batch(0)])
    moved = torch.cat([(a - b).flatten() for a, b in zip(module.learner.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_schedules_reach_the_optimiser():
    schedule = Optimizer(name="adamw", lr=0.1, schedule="cosine", weight_decay=0.04, final_weight_decay=0.4)
    module = training(**schedule.model_dump())
    fit(module, [batch(s) for s in range(3)])
    groups = module.optimizers().optimizer.param_groups
    # Of the third step (2) of four.
    assert groups[0]["lr"] == pytest.approx(0.05) and groups[1]["lr"] == pytest.approx(0.05)
    assert groups[0]["weight_decay"] == pytest.approx(0.22) and groups[1]["weight_decay"] == 0


def test_views_are_scaled_group_by_group():
    module = training()
    small = torch.full((3, 4, 3, 8, 8), 5000).to(torch.uint16)
    scaled = module.scaled(Batch([batch(0).views[0], small], None, torch.arange(4)))
    assert [v.shape for v in scaled.views] == [(2, 4, 3, 16, 16), (3, 4, 3, 8, 8)]
    assert torch.equal(scaled.views[1], torch.full((3, 4, 3, 8, 8), 0.5))
    torch.testing.assert_close(scaled.views[0], batch(0).views[0].float() / 1e4)


def test_held_out_loss_is_a_mean_over_sites_and_leaves_no_trace():
    module = training()
    module.learner.drop.p = 0.0
    before = {n: v.clone() for n, v in module.state_dict().items()}
    random = torch.get_rng_state()
    parts = [module.held_out_loss([b]) for b in (batch(1, 4), batch(2, 2))]
    assert module.held_out_loss([batch(1, 4), batch(2, 2)]) == pytest.approx((4 * parts[0] + 2 * parts[1]) / 6)
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert module.learner.calls == [] and module.learner.recording and module.training
    # As in training: by the statistics of the batch.
    with torch.no_grad():
        learnt = module.learner(module.scaled(batch(1, 4)), module.moment)
    assert learnt.loss.item() == pytest.approx(parts[0], rel=1e-6)


def test_without_trace_gives_everything_back_after_an_error():
    learner = Noting()
    with pytest.raises(ZeroDivisionError), without_trace(learner):
        1 / 0  # noqa: B018
    assert learner.recording and learner.encoder[1].track_running_stats


@pytest.mark.parametrize("length", [1.0, 7.0])
def test_spread_of_the_sphere_is_one_and_of_a_point_zero(length):
    x = torch.randn(4096, 64, generator=torch.Generator().manual_seed(0))
    assert embedding_spread(length * x) == pytest.approx(1, abs=0.02)
    assert embedding_spread(length * torch.ones(10, 64)) == pytest.approx(0, abs=1e-6)
    two = torch.cat([torch.eye(64)[:1], -torch.eye(64)[:1]])
    assert embedding_spread(two) == pytest.approx(math.sqrt(2) / math.sqrt(64))
