"""A smooth little network: two convolutions with batch norms, without a ReLU that rounding could tip over."""

import torch
from torch import nn


class SmallNetwork(nn.Sequential):
    """Images (N, 3, H, W) -> features (N, 16); the same weights every time."""

    num_features = 16

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            super().__init__(
                nn.Conv2d(3, 8, 3, stride=2),
                nn.BatchNorm2d(8),
                nn.GELU(),
                nn.Conv2d(8, 16, 3, stride=2),
                nn.BatchNorm2d(16),
                nn.GELU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
            )
