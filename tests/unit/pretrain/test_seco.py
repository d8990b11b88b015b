import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fakes import tiny_model
from greenup.errors import UserError
from greenup.pretrain.module import embedding_spread
from greenup.pretrain.seco import SeCo, check_queue, seco_losses
from torch import nn


class TinyEncoder(nn.Module):
    """Two convolutions' worth of encoder, with a batch norm."""

    num_features = 6

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x))).mean(dim=(2, 3))


@pytest.fixture
def seco():
    return SeCo(TinyEncoder(), tiny_model(dim=5, key_momentum=0.9).method, seed=1)


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


def units(rng, *shape):
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


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
    torch.manual_seed(0)
    length, batch = seco.queues.shape[1], 4
    seen = []
    for _ in range(length // batch + 1):
        keys = F.normalize(torch.randn(3, 3, batch, 5), dim=3)
        seco.enqueue(keys)
        seen.append(torch.stack([keys[s, s] for s in range(3)]))
    expected = torch.cat([seen[-1], *seen[1:-1]], dim=1)
    assert torch.equal(seco.queues, expected)
    assert int(seco.position) == batch


def test_queue_starts_as_random_unit_vectors_of_the_seed(seco):
    assert torch.allclose(seco.queues.norm(dim=2), torch.ones(3, 12))
    again = SeCo(TinyEncoder(), tiny_model(dim=5).method, seed=1)
    other = SeCo(TinyEncoder(), tiny_model(dim=5).method, seed=2)
    assert torch.equal(again.queues, seco.queues) and not torch.equal(other.queues, seco.queues)


def test_key_encoder_follows_by_momentum_and_gets_no_gradient(seco):
    with torch.no_grad():
        for _, p in seco.query_parameters():
            p.add_(1.0)
    old = {n: p.clone() for n, p in seco.named_parameters()}
    seco.update_keys()
    for name, now in seco.named_parameters():
        if name.startswith("key_"):
            assert torch.allclose(now, 0.9 * old[name] + 0.1 * old[name.removeprefix("key_")])
        else:
            assert torch.equal(now, old[name])
    views = torch.randn(4, 4, 2, 8, 8)
    keys = seco.embed_keys(views[1:])
    seco.losses(seco.embed_query(views[0]), keys).sum().backward()
    assert not keys.requires_grad
    assert all(p.grad is None for n, p in seco.named_parameters() if n.startswith("key_"))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for _, p in seco.query_parameters())


def test_keys_of_a_space_come_from_its_own_head_and_view(seco):
    seco.eval()
    views = torch.randn(3, 4, 2, 8, 8)
    keys = seco.embed_keys(views)
    for space in range(3):
        for view in range(3):
            alone = F.normalize(seco.key_heads[space](seco.key_encoder(views[view])), dim=1)
            assert torch.allclose(keys[space, view], alone, atol=1e-6)


def test_queries_stay_trainable_after_the_queue_has_moved(seco):
    views = torch.randn(4, 4, 2, 8, 8)
    keys = seco.embed_keys(views[1:])
    loss = seco.losses(seco.embed_query(views[0]), keys).sum()
    queues = seco.queues.clone()
    seco.enqueue(keys)
    loss.backward()
    assert not torch.equal(queues, seco.queues)


def test_queue_longer_than_the_sites_says_what_to_write():
    method = tiny_model(queue=65_536, batch_size=256).method
    with pytest.raises(UserError) as caught:
        check_queue(method, 324, "models.seco_eco.method")
    assert "models.seco_eco.method.queue: queue 65536 is longer than the 324 training sites" in str(caught.value)
    assert "write queue: 256" in caught.value.mend
    check_queue(tiny_model(queue=256, batch_size=256).method, 324, "x")


def test_batch_larger_than_the_sites_is_refused():
    with pytest.raises(UserError, match=r"batch_size: a batch of 256 needs more than the 40 training sites"):
        check_queue(tiny_model(queue=256, batch_size=256).method, 40, "models.m.method")


def test_spread_is_one_on_the_sphere_and_zero_when_collapsed():
    torch.manual_seed(0)
    sphere = F.normalize(torch.randn(3, 4000, 64), dim=2)
    assert embedding_spread(sphere) == pytest.approx(1.0, abs=0.02)
    sphere[1] = sphere[1, :1]
    assert embedding_spread(sphere) == pytest.approx(0.0, abs=1e-6)
