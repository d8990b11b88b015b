import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.pretrain.methods.seco import SeCo, seco_losses
from greenup.pretrain.module import embedding_spread
from learners import MOMENT, TinyEncoder, batch_of, check_one_step, model_of, units, views


@pytest.fixture
def seco() -> SeCo:
    model = model_of("seco", queue=12, dim=5, key_momentum=0.9)
    return SeCo(model, model.method, 1, TinyEncoder())


def loss_by_hand(query, keys, queues, temperature):
    """The three losses in float64, written out query by query from the definition of seasonal contrast."""
    n = query.shape[1]
    out = []
    for space in range(3):
        total = 0.0
        for i in range(n):
            q = query[space, i]
            positive = math.exp(sum(q * keys[space, space, i]) / temperature)
            negatives = sum(math.exp(sum(q * entry) / temperature) for entry in queues[space])
            if space > 0:
                for view in {0, 1, 2} - {space}:
                    for j in range(n):
                        negatives += math.exp(sum(q * keys[space, view, j]) / temperature)
            total += -math.log(positive / (positive + negatives))
        out.append(total / n)
    return out


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_losses_agree_with_the_definition(temperature):
    rng = np.random.default_rng(0)
    query, keys, queues = units(rng, 3, 5, 8), units(rng, 3, 3, 5, 8), units(rng, 3, 12, 8)
    got = seco_losses(*(torch.tensor(a, dtype=torch.float32) for a in (query, keys, queues)), temperature)
    np.testing.assert_allclose(got.numpy(), loss_by_hand(query, keys, queues, temperature), rtol=1e-5)


def test_space_0_sees_no_other_view_and_the_other_spaces_do():
    rng = np.random.default_rng(1)
    query, keys, queues = (torch.tensor(units(rng, *s)) for s in ((3, 4, 8), (3, 3, 4, 8), (3, 12, 8)))
    before = seco_losses(query, keys, queues, 0.1)
    for space in range(3):
        for view in range(3):
            changed = keys.clone()
            changed[space, view] = torch.tensor(units(rng, 4, 8))
            differs = (seco_losses(query, changed, queues, 0.1) != before).tolist()
            assert differs == [space == s and (space > 0 or view == 0) for s in range(3)]


def test_queue_takes_each_space_its_own_key_and_rolls(seco):
    seen = []
    for step in range(4):
        seco.before_step(MOMENT)
        group = views(4, seed=step)
        seco(batch_of(group), MOMENT)
        seco.after_step(MOMENT)
        now = seco.queue.keys[:, 4 * step % 12 : 4 * step % 12 + 4].clone()
        with torch.no_grad():
            keys = seco.embed_keys(group[1:])
        for space in range(3):
            assert torch.allclose(now[space], keys[space, space], atol=1e-5)
        seen.append(now)
    assert torch.equal(seco.queue.keys, torch.cat([seen[3], seen[1], seen[2]], dim=1))
    assert int(seco.queue.position) == 4


def test_queue_starts_as_random_unit_vectors_of_the_seed(seco):
    assert torch.allclose(seco.queue.keys.norm(dim=2), torch.ones(3, 12))
    model = model_of("seco", queue=12, dim=5)
    again, other = (SeCo(model, model.method, seed, TinyEncoder()).queue.keys for seed in (1, 2))
    assert torch.equal(again, seco.queue.keys) and not torch.equal(other, seco.queue.keys)


def test_key_encoder_follows_by_momentum_and_gets_no_gradient(seco):
    with torch.no_grad():
        for _, p in seco.trained_parameters():
            p.add_(1.0)
    old = {n: p.clone() for n, p in seco.named_parameters()}
    seco.before_step(MOMENT)
    for name, now in seco.named_parameters():
        if name.startswith("key_"):
            assert torch.allclose(now, 0.9 * old[name] + 0.1 * old[name.removeprefix("key_")])
        else:
            assert torch.equal(now, old[name])
    seco(batch_of(views(4)), MOMENT).loss.backward()
    assert all(p.grad is None for n, p in seco.named_parameters() if n.startswith("key_"))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for _, p in seco.trained_parameters())


def test_two_steps_are_those_of_float64(seco):
    def loss_of(truth: SeCo, batch):
        view = batch.views[0]
        query = [F.normalize(h(truth.encoder(view[0])), dim=1) for h in truth.heads]
        with torch.no_grad():
            keys = [[F.normalize(h(truth.key_encoder(v)), dim=1) for v in view[1:]] for h in truth.key_heads]
        total = 0.0
        for space in range(3):
            logits = [
                (query[space] * keys[space][space]).sum(1, keepdim=True),
                query[space] @ truth.queue.keys[space].T,
            ]
            if space:
                logits += [query[space] @ keys[space][v].T for v in range(3) if v != space]
            logits = torch.cat(logits, dim=1) / 0.2
            total = total - (logits[:, 0] - logits.logsumexp(1)).mean()
        return total

    check_one_step(seco, batch_of(views(4)), loss_of)


def test_keys_of_a_space_come_from_its_own_head_and_view(seco):
    seco.eval()
    views = torch.randn(3, 4, 2, 8, 8)
    keys = seco.embed_keys(views)
    for space in range(3):
        for view in range(3):
            alone = F.normalize(seco.key_heads[space](seco.key_encoder(views[view])), dim=1)
            assert torch.allclose(keys[space, view], alone, atol=1e-6)


def test_held_out_sites_leave_no_trace(seco):
    seco.recording = False
    before = seco.queue.keys.clone()
    seco(batch_of(views(4)), MOMENT)
    seco.after_step(MOMENT)
    assert torch.equal(seco.queue.keys, before)


def test_spread_is_one_on_the_sphere_and_zero_when_collapsed():
    torch.manual_seed(0)
    sphere = F.normalize(torch.randn(4000, 64), dim=1)
    assert embedding_spread(sphere) == pytest.approx(1.0, abs=0.02)
    assert embedding_spread(sphere[:1].expand(100, -1)) == pytest.approx(0.0, abs=1e-6)


def test_embedding_told_is_that_of_the_space_spread_least(seco):
    with torch.no_grad():
        for parameter in seco.heads[1].parameters():
            parameter.zero_()
        seco.heads[1][2].bias.fill_(1.0)
    learnt = seco(batch_of(views(4)), MOMENT)
    assert learnt.embedding.shape == (4, 5) and not learnt.embedding.requires_grad
    assert embedding_spread(learnt.embedding) == pytest.approx(0.0, abs=1e-6)
