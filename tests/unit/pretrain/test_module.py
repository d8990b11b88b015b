import pytest
import torch
from fakes import tiny_model
from greenup.pretrain.backbones import build_backbone
from greenup.pretrain.module import SeCoTraining
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.seco import SeCo

PREPROCESS = Preprocess(("B2", "B8", "NDVI"), "reflectance", (0.0,) * 3, (1e4,) * 3, 32)


@pytest.fixture
def module():
    method = tiny_model().method
    return SeCoTraining(SeCo(build_backbone("resnet18", 3, seed=1), method, seed=1), method, PREPROCESS, 4).train()


def batch(seed, n=4):
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 10_000, (4, n, 3, 16, 16), generator=draws).to(torch.uint16)


def test_held_out_loss_is_the_training_loss_of_that_batch_and_changes_nothing(module):
    before = {n: v.clone() for n, v in module.seco.state_dict().items()}
    held_out = module.held_out_loss([batch(1)])
    assert module.seco.training
    assert all(torch.equal(v, before[n]) for n, v in module.seco.state_dict().items())
    # The momentum update of the first step changes nothing: keys and queries are still equal.
    assert module.training_step(batch(1), 0).item() == pytest.approx(held_out, rel=1e-4)
    after = module.seco.state_dict()
    assert not torch.equal(after["encoder.bn1.running_mean"], before["encoder.bn1.running_mean"])


def test_held_out_loss_is_a_mean_over_sites(module):
    parts = [module.held_out_loss([b]) for b in (batch(1, 4), batch(2, 2))]
    assert module.held_out_loss([batch(1, 4), batch(2, 2)]) == pytest.approx((4 * parts[0] + 2 * parts[1]) / 6)


def test_a_step_updates_keys_before_embedding_and_queues_after(module):
    with torch.no_grad():
        for _, p in module.seco.query_parameters():
            p.mul_(1.5)
    key = module.seco.key_encoder.conv1.weight.clone()
    queues = module.seco.queues.clone()
    loss = module.training_step(batch(1), 0)
    assert torch.allclose(module.seco.key_encoder.conv1.weight, 0.99 * key + 0.01 * module.seco.encoder.conv1.weight)
    assert not torch.equal(module.seco.queues, queues)
    module.seco.queues.copy_(queues)
    assert float(module.held_out_loss([batch(1)])) == pytest.approx(loss.item(), rel=1e-4)
