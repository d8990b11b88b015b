"""Work and size of the networks, against the networks themselves and the published numbers."""

import pytest
from greenup.costs.networks import FEATURES, gmacs, parameters


@pytest.mark.parametrize("name", sorted(FEATURES))
@pytest.mark.parametrize(("channels", "side"), [(3, 64), (9, 65), (12, 90)])
def test_as_the_network_built(name, channels, side):
    import torch
    from greenup.pretrain.backbones import build_backbone

    network = build_backbone(name, channels, seed=0).eval()
    counted = []

    def count(module, _, out):
        counted.append(out[0].numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1])

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        features = network(torch.zeros(1, channels, side, side))
    assert gmacs(name, channels, side) * 1e9 == pytest.approx(sum(counted), rel=1e-12)
    assert parameters(name, channels) == sum(p.numel() for p in network.parameters())
    assert features.shape[1] == FEATURES[name]


def test_as_published():
    """He et al. 2016, table 1: 1.8 and 3.8 GMAC; with the stride in the 3 x 3 convolution ResNet-50 has 4.1."""
    assert gmacs("resnet18", 3, 224) == pytest.approx(1.8, abs=0.05)
    assert gmacs("resnet50", 3, 224) == pytest.approx(4.1, abs=0.05)
