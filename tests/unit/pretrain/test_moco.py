import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.pretrain.methods import build_learner
from greenup.pretrain.methods.moco import MoCo, moco_loss
from learners import MOMENT, TinyEncoder, batch_of, check_one_step, model_of, units, views


@pytest.fixture
def moco() -> MoCo:
    model = model_of("moco_seasonal", queue=12, dim=5, key_momentum=0.9)
    return MoCo(model, model.method, 1, TinyEncoder())


def loss_by_hand(query, key, queue, temperature):
    """InfoNCE in float64, query by query (He et al. 2020, equation 1)."""
    total = 0.0
    for q, k in zip(query, key, strict=True):
        positive = math.exp(sum(q * k) / temperature)
        total -= math.log(positive / (positive + sum(math.exp(sum(q * n) / temperature) for n in queue)))
    return total / len(query)


@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_loss_agrees_with_the_definition(temperature):
    rng = np.random.default_rng(0)
    query, key, queue = units(rng, 5, 8), units(rng, 5, 8), units(rng, 12, 8)
    got = moco_loss(*(torch.tensor(a, dtype=torch.float32) for a in (query, key, queue)), temperature)
    assert float(got) == pytest.approx(loss_by_hand(query, key, queue, temperature), rel=1e-5)


def test_loss_is_that_of_lightly():
    from lightly.loss.ntx_ent_loss import NTXentLoss

    theirs = NTXentLoss(temperature=0.2, memory_bank_size=(12, 8))
    rng = np.random.default_rng(1)
    query, key, queue = (torch.tensor(units(rng, *s), dtype=torch.float32) for s in ((5, 8), (5, 8), (12, 8)))
    theirs.memory_bank.bank = queue.clone()
    assert float(moco_loss(query, key, queue, 0.2)) == pytest.approx(float(theirs(query, key)), rel=1e-6)


def test_two_steps_are_those_of_float64(moco):
    def loss_of(truth: MoCo, batch):
        query_view, key_view = batch.views[0]
        query = F.normalize(truth.head(truth.encoder(query_view)), dim=1)
        with torch.no_grad():
            key = F.normalize(truth.key_head(truth.key_encoder(key_view)), dim=1)
        logits = torch.cat([(query * key).sum(1, keepdim=True), query @ truth.queue.keys[0].T], 1) / 0.2
        return -(logits[:, 0] - logits.logsumexp(1)).mean()

    check_one_step(moco, batch_of(views(2)), loss_of)


def test_queue_takes_the_keys_after_the_step_and_rolls(moco):
    seen = []
    for step in range(4):
        moco.before_step(MOMENT)
        before = moco.queue.keys.clone()
        group = views(2, seed=step)
        moco(batch_of(group), MOMENT)
        assert torch.equal(moco.queue.keys, before), "keys enter the queue only after the step"
        moco.after_step(MOMENT)
        seen.append(moco.queue.keys[0, 4 * step % 12 : 4 * step % 12 + 4].clone())
    assert torch.equal(moco.queue.keys[0], torch.cat([seen[3], seen[1], seen[2]]))
    assert torch.allclose(moco.queue.keys.norm(dim=2), torch.ones(1, 12), atol=1e-6)


def test_accumulated_parts_see_one_queue_and_enter_it_in_order(moco):
    whole = views(2, n=4)
    parts = [whole[:, :2], whole[:, 2:]]
    before = moco.queue.keys.clone()
    moco.eval()  # batch norm sees parts, and would make the keys differ
    for part in parts:
        moco(batch_of(part), MOMENT)
    moco.after_step(MOMENT)
    with torch.no_grad():
        keys = F.normalize(moco.key_head(moco.key_encoder(whole[1])), dim=1)
    assert torch.allclose(moco.queue.keys[0, :4], keys, atol=1e-6)
    assert torch.equal(moco.queue.keys[0, 4:], before[0, 4:])


def test_held_out_sites_leave_no_trace(moco):
    moco.recording = False
    before = moco.queue.keys.clone()
    moco(batch_of(views(2)), MOMENT)
    moco.after_step(MOMENT)
    assert torch.equal(moco.queue.keys, before) and int(moco.queue.position) == 0


def test_no_key_network_gets_a_gradient_and_all_others_do(moco):
    moco.before_step(MOMENT)
    moco(batch_of(views(2)), MOMENT).loss.backward()
    for name, parameter in moco.named_parameters():
        if name.startswith("key_"):
            assert parameter.grad is None and not parameter.requires_grad
        else:
            assert parameter.grad.abs().sum() > 0, name
    assert not any(n.startswith("key_") for n, _ in moco.trained_parameters())


def test_key_networks_follow_by_their_momentum(moco):
    with torch.no_grad():
        for _, p in moco.trained_parameters():
            p.add_(1.0)
    old = {n: p.clone() for n, p in moco.named_parameters()}
    moco.before_step(MOMENT)
    for name, now in moco.named_parameters():
        expected = 0.9 * old[name] + 0.1 * old[name.removeprefix("key_")] if name.startswith("key_") else old[name]
        torch.testing.assert_close(now, expected)


@pytest.mark.parametrize("name", ["moco", "moco_tp", "moco_seasonal"])
@pytest.mark.parametrize("backbone", ["resnet18", "vit_tiny"])
def test_same_seed_same_network(name, backbone):
    model = model_of(name, backbone, queue=12)
    a, b, other = (build_learner(model, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert not torch.equal(a["head.0.weight"], other["head.0.weight"])
