import numpy as np
import pytest
import torch
from greenup.pretrain.backbones import build_backbone
from greenup.pretrain.calibrate import calibrate
from torch import nn


def test_statistics_are_those_of_all_inputs_whatever_the_batches():
    """First layer against NumPy over all pixels at once; batches of unequal size and of different means."""
    rng = np.random.default_rng(0)
    sizes = (3, 8, 5)
    batches = [rng.normal(5 * i, 1 + i, (n, 4, 6, 6)).astype(np.float32) for i, n in enumerate(sizes)]
    net = nn.Sequential(nn.Conv2d(4, 3, 1, bias=False), nn.BatchNorm2d(3))
    calibrate(net, (torch.from_numpy(b) for b in batches))
    weight = net[0].weight.detach().numpy()[:, :, 0, 0].astype(np.float64)
    seen = np.einsum("oc,nchw->onhw", weight, np.concatenate(batches).astype(np.float64)).reshape(3, -1)
    np.testing.assert_allclose(net[1].running_mean, seen.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(net[1].running_var, seen.var(axis=1), rtol=1e-4)


def test_deep_layers_see_inputs_normalised_by_their_batch():
    torch.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2))
    calibrate(net, [torch.randn(64, 2, 4, 4) * 7 + 3 for _ in range(4)])
    assert torch.allclose(net[1].running_mean, torch.zeros(2), atol=1e-5)
    assert torch.allclose(net[1].running_var, torch.ones(2), atol=1e-4)


def test_calibrated_network_gives_standardised_activations_and_keeps_its_weights():
    torch.manual_seed(0)
    net = build_backbone("resnet18", 3, seed=1)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    images = torch.randn(32, 3, 32, 32) * 3 + 1
    seen = []
    calibrate(net, images.split(8))
    assert not net.training
    net.bn1.register_forward_hook(lambda m, i, o: seen.append(o if o is not None else None))
    norm = torch.nn.functional.batch_norm(net.conv1(images), net.bn1.running_mean, net.bn1.running_var)
    assert torch.allclose(norm.mean(dim=(0, 2, 3)), torch.zeros(64), atol=1e-3)
    assert torch.allclose(norm.var(dim=(0, 2, 3)), torch.ones(64), atol=1e-2)
    assert all(torch.equal(p, before[n]) for n, p in net.named_parameters())


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="no image"):
        calibrate(build_backbone("resnet18", 3, seed=1), [])
