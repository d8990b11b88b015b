import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.pretrain.methods.base import Moment
from greenup.pretrain.methods.dino import Dino, DinoHead, dino_loss
from greenup.pretrain.module import embedding_spread
from learners import MOMENT, TinyEncoder, batch_of, check_one_step, model_of, views

LATER = Moment(step=4, steps_per_epoch=4, total_steps=12)
SMALL = {"out_dim": 16, "hidden": 9, "bottleneck": 5, "local_px": 8, "freeze_last_epochs": 0}


def dino_of(**method) -> Dino:
    model = model_of("dino", **{**SMALL, **method})
    return Dino(model, model.method, 1, TinyEncoder())


def groups(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return views(2, seed=seed), views(3, size=8, seed=seed + 100)


def loss_by_hand(student, teacher, center, student_t, teacher_t):
    """Algorithm 1 of Caron et al. (2021) with multi-crop, in float64, number by number."""
    total, pairs = 0.0, 0
    for t, answer in enumerate(teacher):
        for s, guess in enumerate(student):
            if s == t:
                continue
            pairs += 1
            for a, g in zip(answer, guess, strict=True):
                target = np.exp((a - center) / teacher_t)
                target /= target.sum()
                log_guess = g / student_t - math.log(sum(math.exp(x / student_t) for x in g))
                total -= float((target * log_guess).sum()) / len(answer)
    return total / pairs


def test_loss_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    student, teacher, center = rng.normal(size=(5, 3, 7)), rng.normal(size=(2, 3, 7)), rng.normal(size=7)
    got = dino_loss(*(torch.tensor(a, dtype=torch.float32) for a in (student, teacher, center)), 0.1, 0.4)
    assert float(got) == pytest.approx(loss_by_hand(student, teacher, center, 0.1, 0.4), rel=1e-5)


def test_loss_is_that_of_lightly():
    from lightly.loss.dino_loss import DINOLoss

    rng = np.random.default_rng(1)
    student, teacher = (torch.tensor(rng.normal(size=s), dtype=torch.float32) for s in ((4, 6, 7), (2, 6, 7)))
    theirs = DINOLoss(output_dim=7, warmup_teacher_temp_epochs=0, teacher_temp=0.04)
    assert float(dino_loss(student, teacher, torch.zeros(7), 0.1, 0.04)) == pytest.approx(
        float(theirs(list(teacher), list(student), teacher_temp=0.04)), rel=1e-5
    )


def test_two_steps_are_those_of_float64():
    def loss_of(truth: Dino, batch):
        large, small = batch.views

        def answers(encoder, head, group):
            return head(encoder(group.flatten(0, 1))).unflatten(0, group.shape[:2])

        with torch.no_grad():
            target = ((answers(truth.teacher_encoder, truth.teacher_head, large) - truth.center) / 0.04).softmax(2)
        student = [*answers(truth.encoder, truth.head, large), *answers(truth.encoder, truth.head, small)]
        pairs = [(t, s) for t in range(2) for s in range(5) if s != t]
        return sum(-(target[t] * (student[s] / 0.1).log_softmax(1)).sum(1).mean() for t, s in pairs) / len(pairs)

    check_one_step(dino_of(), batch_of(*groups()), loss_of)


def test_either_collapse_is_seen():
    def spread(dino: Dino) -> float:
        with torch.no_grad():
            dino.center.copy_(dino._teacher(groups()[0]).mean(dim=(0, 1)) if not dino.center.any() else dino.center)
        return embedding_spread(dino(batch_of(*groups()), MOMENT).embedding)

    assert spread(dino_of()) > 0.3
    # Onto all prototypes alike, however the little that is left of the answers may point.
    assert spread(dino_of(teacher_temperature=1000.0)) < Dino.collapsed
    # Onto one of them.
    one = dino_of()
    one.center[3] = -10.0
    assert spread(one) < Dino.collapsed


def test_shapes_and_sides():
    dino = dino_of()
    learnt = dino(batch_of(*groups()), MOMENT)
    assert learnt.loss.ndim == 0 and learnt.embedding.shape == (4, 16) and not learnt.embedding.requires_grad
    model = model_of("dino", **SMALL, local_views=0)
    without = Dino(model, model.method, 1, TinyEncoder())
    assert math.isfinite(float(without(batch_of(groups()[0]), MOMENT).loss))


def test_center_is_a_moving_average_of_the_teacher_over_batch_and_both_views():
    dino = dino_of(center_momentum=0.8)
    expected = torch.zeros(16)
    for step in range(3):
        group = groups(step)
        with torch.no_grad():
            answers = dino.teacher_head(dino.teacher_encoder(group[0].flatten(0, 1)))
        dino.before_step(MOMENT)
        dino(batch_of(*group), MOMENT)
        assert torch.allclose(dino.center, expected, atol=1e-6), "the centre moves after the step"
        dino.after_step(MOMENT)
        expected = 0.8 * expected + 0.2 * answers.mean(0)
        assert torch.allclose(dino.center, expected, atol=1e-5)


def test_accumulated_parts_move_the_center_once():
    whole, parts = dino_of(), dino_of()
    whole.teacher_encoder.eval(), parts.teacher_encoder.eval()
    large, small = groups()
    whole(batch_of(large, small), MOMENT)
    for half in (slice(0, 2), slice(2, 4)):
        parts(batch_of(large[:, half], small[:, half]), MOMENT)
    whole.after_step(MOMENT), parts.after_step(MOMENT)
    assert torch.allclose(whole.center, parts.center, atol=1e-6)


def test_held_out_sites_leave_no_trace():
    dino = dino_of()
    dino.recording = False
    dino(batch_of(*groups()), MOMENT)
    assert not dino.pending
    dino.after_step(MOMENT)
    assert torch.equal(dino.center, torch.zeros(16))


def test_teacher_follows_after_the_step_and_gets_no_gradient():
    dino = dino_of(teacher_momentum=0.9)
    with torch.no_grad():
        for _, p in dino.trained_parameters():
            p.add_(1.0)
    old = {n: p.clone() for n, p in dino.named_parameters()}
    dino(batch_of(*groups()), LATER).loss.backward()
    dino.after_step(LATER)
    share = LATER.share
    momentum = 1 - 0.1 * (math.cos(math.pi * share) + 1) / 2
    for name, now in dino.named_parameters():
        if name.startswith("teacher_"):
            assert now.grad is None and not now.requires_grad
            leader = old[name.removeprefix("teacher_")]
            torch.testing.assert_close(now, momentum * old[name] + (1 - momentum) * leader)
        else:
            assert now.grad is not None


def test_last_layer_is_frozen_in_the_first_epochs():
    dino = dino_of(freeze_last_epochs=1)
    for moment, frozen in ((MOMENT, True), (Moment(3, 4, 12), True), (LATER, False)):
        dino.zero_grad()
        dino(batch_of(*groups()), moment).loss.backward()
        dino.after_backward(moment)
        assert (dino.head.last.direction.grad is None) is frozen
        assert dino.head.layers[0].weight.grad is not None


@pytest.mark.parametrize("keep", [True, False])
def test_prototypes_are_weight_normed(keep):
    model = model_of("dino", **SMALL, norm_last_layer=keep)
    head = DinoHead(6, model.method, 1)
    x = torch.randn(3, 6)
    features = F.normalize(head.layers(x), dim=1)
    directions = F.normalize(head.last.direction, dim=1)
    assert torch.allclose(head(x), features @ directions.T, atol=1e-6)
    # A longer direction is the same prototype.
    before = head(x)
    with torch.no_grad():
        head.last.direction.mul_(3.0)
    assert torch.allclose(head(x), before, atol=1e-5)
    assert ("last.length" in dict(head.named_parameters())) is not keep


def test_teacher_has_no_stochastic_depth_and_the_student_has():
    model = model_of("dino", "vit_tiny", **SMALL, drop_path=0.5)
    dino = Dino(model, model.method, 1).train()
    group = views(1)[0]
    with torch.no_grad():
        assert torch.equal(dino.teacher_encoder(group), dino.teacher_encoder(group))
        assert not torch.equal(dino.encoder(group), dino.encoder(group))


@pytest.mark.parametrize("backbone", ["resnet18", "vit_tiny"])
@pytest.mark.parametrize("channels", [2, 3, 9, 12, 13])
def test_any_number_of_channels(backbone, channels):
    from greenup.bands import PRODUCTS

    names = tuple(PRODUCTS["s2_l1c"][:channels])
    model = model_of("dino", backbone, channels=names, **SMALL)
    dino = Dino(model, model.method, 1)
    large, small = views(2, n=2, channels=channels), views(1, n=2, channels=channels, size=8)
    assert math.isfinite(float(dino(batch_of(large, small), MOMENT).loss))
