"""Work and size of the networks, against the networks themselves and the published numbers."""

import pytest
import timm
import torch
from greenup.config import Model
from greenup.config.models import RELEASED_BACKBONES
from greenup.costs.networks import FEATURES, gmacs, parameters
from greenup.pretrain.backbones import architecture_of, build, build_backbone
from torch.utils.flop_counter import FlopCounterMode

VITS = {"vit_small": "vit_small_patch16_224", "vit_tiny": "vit_tiny_patch16_224"}


def counted(network: torch.nn.Module, *inputs: torch.Tensor) -> int:
    """Multiply-accumulates of convolutions, linear layers and attention, of a batch of one."""
    total = []

    def convolution(module, _, out):
        total.append(out.numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1])

    def linear(module, _, out):
        total.append(out.numel() * module.in_features)

    def attention(module, given, _):
        tokens = given[0].shape[1]
        total.append(2 * given[0].shape[0] * tokens**2 * module.num_heads * module.head_dim)

    kinds = {torch.nn.Conv2d: convolution, torch.nn.Linear: linear, timm.layers.Attention: attention}
    for module in network.modules():
        if type(module) in kinds:
            module.register_forward_hook(kinds[type(module)])
    with torch.inference_mode():
        network(*inputs)
    return sum(total)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize(("channels", "side"), [(3, 64), (9, 65), (12, 90)])
def test_as_the_resnet_built(name, channels, side):
    network = build_backbone(name, channels, seed=0).eval()
    assert gmacs(name, channels, side) * 1e9 == pytest.approx(
        counted(network, torch.zeros(1, channels, side, side)), rel=1e-12
    )
    assert parameters(name, channels) == sum(p.numel() for p in network.parameters())
    assert network.num_features == FEATURES[name]


@pytest.mark.parametrize("name", sorted(VITS))
@pytest.mark.parametrize(("channels", "side", "patch"), [(2, 32, 8), (13, 64, 16)])
def test_as_the_vit_built(name, channels, side, patch):
    arguments = {"in_chans": channels, "num_classes": 0, "img_size": side, "patch_size": patch}
    network = build({"name": VITS[name], "arguments": arguments}).eval()
    found = counted(network, torch.zeros(1, channels, side, side))
    assert gmacs(name, channels, side, patch) * 1e9 == pytest.approx(found, rel=1e-12)
    assert parameters(name, channels, patch, side) == sum(p.numel() for p in network.parameters())
    assert network.num_features == FEATURES[name]


@pytest.mark.parametrize("name", RELEASED_BACKBONES)
def test_as_the_released_network_built(name, monkeypatch):
    """Of shapes alone, by torch's own counter; of two images less those of one, so that what is worked out once a batch
    does not count."""
    from torchgeo.models import croma

    monkeypatch.setattr(croma, "get_2dalibi", lambda num_heads, num_patches: torch.zeros(1, 16, 225, 225))
    model = Model.model_validate({"method": {"name": "published", "weights": name}})
    channels, side = len(model.channels), model.size_px
    with torch.device("meta"), torch.inference_mode():
        network = build(architecture_of(model)).eval()
        found = []
        for images in (1, 2):
            with FlopCounterMode(display=False) as counter:
                features = network(torch.empty(images, channels, side, side))
            found.append(counter.get_total_flops() / 2)
    assert features.shape == (2, FEATURES[name]) and network.num_features == FEATURES[name]
    assert gmacs(name, channels, side, model.patch_px) * 1e9 == pytest.approx(found[1] - found[0], rel=1e-6)
    assert parameters(name, channels, model.patch_px) == sum(p.numel() for p in network.parameters())


def test_as_published():
    """He et al. 2016, table 1: 1.8 and 3.8 GMAC; with the stride in the 3 x 3 convolution ResNet-50 has 4.1. Touvron et
    al. 2021, table 5: DeiT-S has 22 million weights (and 4.6 GMAC), DeiT-Ti 5 million, a classifier included."""
    assert gmacs("resnet18", 3, 224) == pytest.approx(1.8, abs=0.05)
    assert gmacs("resnet50", 3, 224) == pytest.approx(4.1, abs=0.05)
    assert gmacs("vit_small", 3, 224) == pytest.approx(4.6, abs=0.05)
    assert (parameters("vit_small", 3) + 385_000) / 1e6 == pytest.approx(22.05, abs=0.05)
    assert (parameters("vit_tiny", 3) + 193_000) / 1e6 == pytest.approx(5.7, abs=0.05)
