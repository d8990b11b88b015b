import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.pretrain.methods.mocov3 import MoCoV3, mocov3_loss
from greenup.pretrain.methods.momentum import cosine_rise
from learners import MOMENT, TinyEncoder, batch_of, check_one_step, model_of, units, views
from torch import nn


@pytest.fixture
def mocov3() -> MoCoV3:
    model = model_of("mocov3", dim=5, hidden=7, key_momentum=0.9)
    return MoCoV3(model, model.method, 1, TinyEncoder())


def test_loss_agrees_with_the_definition():
    """2 T x cross-entropy of each query against the keys of the batch (the paper's algorithm 1), in float64."""
    rng = np.random.default_rng(0)
    query, key = units(rng, 5, 8), units(rng, 5, 8)
    total = 0.0
    for i in range(5):
        weights = [math.exp(sum(query[i] * key[j]) / 0.2) for j in range(5)]
        total -= 2 * 0.2 * math.log(weights[i] / sum(weights))
    got = mocov3_loss(torch.tensor(query, dtype=torch.float32), torch.tensor(key, dtype=torch.float32), 0.2)
    assert float(got) == pytest.approx(total / 5, rel=1e-5)


def test_two_steps_are_those_of_float64(mocov3):
    def side(truth, query_view, key_view):
        query = F.normalize(truth.predictor(truth.projector(truth.encoder(query_view))), dim=1)
        with torch.no_grad():
            key = F.normalize(truth.key_projector(truth.key_encoder(key_view)), dim=1)
        logits = query @ key.T / 0.2
        return -(logits.diagonal() - logits.logsumexp(1)).mean() * 2 * 0.2

    def loss_of(truth: MoCoV3, batch):
        first, second = batch.views[0]
        return side(truth, first, second) + side(truth, second, first)

    check_one_step(mocov3, batch_of(views(2)), loss_of)


def test_views_change_places_without_changing_the_loss(mocov3):
    group = views(2)
    assert float(mocov3(batch_of(group), MOMENT).loss) == pytest.approx(
        float(mocov3(batch_of(group.flip(0)), MOMENT).loss), rel=1e-5
    )


def test_momentum_rises_to_one_along_a_half_cosine():
    for share in (0.0, 0.25, 0.5, 1.0):
        assert cosine_rise(0.99, share) == pytest.approx(1 - 0.01 * (1 + math.cos(math.pi * share)) / 2)
    assert cosine_rise(0.99, 0.0) == pytest.approx(0.99) and cosine_rise(0.99, 1.0) == 1.0


def test_no_key_network_gets_a_gradient(mocov3):
    mocov3.before_step(MOMENT)
    mocov3(batch_of(views(2)), MOMENT).loss.backward()
    assert all(p.grad is None for n, p in mocov3.named_parameters() if n.startswith("key_"))
    assert all(p.grad is not None for _, p in mocov3.trained_parameters())


def test_heads_are_those_of_the_paper():
    """For a ViT a projector of 3 layers and a predictor of 2, hidden layers with batch norm and ReLU, outputs normed
    without scale and shift; for a ResNet 2 and 2, and the predictor's output as it is."""
    vit_model, resnet_model = model_of("mocov3", "vit_tiny", hidden=32, dim=8), model_of("mocov3", hidden=32, dim=8)
    vit = MoCoV3(vit_model, vit_model.method, 1)
    resnet = MoCoV3(resnet_model, resnet_model.method, 1)

    def widths(head):
        return [(m.in_features, m.out_features) for m in head if isinstance(m, nn.Linear)]

    assert widths(vit.projector) == [(192, 32), (32, 32), (32, 8)] and widths(vit.predictor) == [(8, 32), (32, 8)]
    assert widths(resnet.projector) == [(512, 32), (32, 8)] and widths(resnet.predictor) == [(8, 32), (32, 8)]
    assert isinstance(vit.predictor[-1], nn.BatchNorm1d) and not vit.predictor[-1].affine
    assert isinstance(resnet.projector[-1], nn.BatchNorm1d) and isinstance(resnet.predictor[-1], nn.Linear)
    assert all(m.bias is None for h in (vit.projector, vit.predictor) for m in h if isinstance(m, nn.Linear))


@pytest.mark.parametrize("frozen", [True, False])
def test_first_layer_of_a_vit_stays_as_it_was_drawn(frozen):
    model = model_of("mocov3", "vit_tiny", hidden=32, dim=8, freeze_patches=frozen)
    mocov3 = MoCoV3(model, model.method, 1)
    names = {n for n, _ in mocov3.trained_parameters()}
    assert ("encoder.patch_embed.proj.weight" in names) is not frozen
    assert "encoder.pos_embed" not in names
    assert "encoder.blocks.0.attn.qkv.weight" in names
