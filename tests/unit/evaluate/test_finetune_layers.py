"""Learning rates layer by layer, as computed by hand."""

import pytest
from finetuned import RESNET, VIT, network_of, protocol_of
from greenup.evaluate.finetune_layers import blocks_of, layer_of, layered_optimizer, rates, set_scaled_rates
from greenup.pretrain.optimizers import build_optimizer, set_schedules
from torch import nn


def test_a_vision_transformer_of_twelve_blocks():
    """0.65 to the 13th for what comes before the blocks, to the 12th..1st for them, 1 for what follows (BEiT, MAE)."""
    layers = {"cls_token": 0, "pos_embed": 0, "patch_embed.proj.weight": 0, "blocks.0.attn.qkv.weight": 1}
    layers |= {"blocks.11.mlp.fc2.bias": 12, "norm.weight": 13, "fc_norm.weight": 13}
    assert {name: layer_of(name, 12) for name in layers} == layers
    assert 0.65 ** (13 - layer_of("blocks.11.mlp.fc2.bias", 12)) == 0.65


def test_rates_by_hand():
    by_name = rates(network_of(VIT), protocol_of(layer_decay=0.5))
    assert by_name["cls_token"] == by_name["patch_embed.proj.bias"] == 1 / 32
    assert [by_name[f"blocks.{i}.norm1.weight"] for i in range(4)] == [1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert by_name["norm.bias"] == 1
    resnet = rates(network_of(RESNET), protocol_of(layer_decay=0.5))
    assert resnet["conv1.weight"] == resnet["bn1.bias"] == 1 / 32
    assert [resnet[f"layer{i}.0.conv1.weight"] for i in (1, 2, 3, 4)] == [1 / 16, 1 / 8, 1 / 4, 1 / 2]
    # A batch norm inside a stage is of that stage, not of the stem.
    assert resnet["layer4.1.bn1.weight"] == 1 / 2


def test_layers_are_found_inside_a_wrapper():
    wrapped = nn.Module()
    wrapped.network = network_of(VIT)
    assert len(blocks_of(wrapped)) == 4 and blocks_of(network_of(RESNET)) is None
    assert rates(wrapped, protocol_of(layer_decay=0.5))["network.blocks.3.norm1.weight"] == 0.5
    assert rates(wrapped, protocol_of(layer_decay=0.5))["network.patch_embed.proj.weight"] == 1 / 32


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_every_parameter_is_trained_once_at_its_rate(name):
    encoder, head = network_of(VIT), nn.Sequential(nn.Linear(48, 3))
    protocol = protocol_of(layer_decay=0.5, head_rate=10, optimizer={"name": name, "lr": 0.1})
    optimizer = layered_optimizer(encoder, head, protocol)
    set_schedules(optimizer, 0.01, 0.3)
    set_scaled_rates(optimizer, 0.01)
    rate, decay = {}, {}
    for group in optimizer.param_groups:
        for p in group["params"]:
            assert id(p) not in rate
            rate[id(p)], decay[id(p)] = group["lr"], group["weight_decay"]
    assert len(rate) == len(list(encoder.parameters())) + 2
    assert rate[id(head[0].weight)] == pytest.approx(0.1)
    assert rate[id(encoder.cls_token)] == pytest.approx(0.01 / 32)
    assert rate[id(encoder.blocks[2].attn.qkv.bias)] == pytest.approx(0.01 / 4)
    assert decay[id(head[0].weight)] == 0.3
    assert decay[id(encoder.norm.bias)] == (0.3 if name == "sgd" else 0)


def test_without_decay_it_is_the_optimiser_of_pretraining():
    encoder, head = network_of(RESNET), nn.Linear(32, 3)
    protocol = protocol_of()
    plain = build_optimizer([*encoder.named_parameters(), *head.named_parameters()], protocol.optimizer)
    layered = layered_optimizer(encoder, head, protocol)
    assert [[id(p) for p in g["params"]] for g in layered.param_groups] == [
        [id(p) for p in g["params"]] for g in plain.param_groups
    ]


def test_frozen_parameters_are_left_out():
    encoder, head = network_of(RESNET).requires_grad_(False), nn.Linear(32, 3)
    optimizer = layered_optimizer(encoder, head, protocol_of(compat=("head_only",)))
    assert {id(p) for g in optimizer.param_groups for p in g["params"]} == {id(p) for p in head.parameters()}
