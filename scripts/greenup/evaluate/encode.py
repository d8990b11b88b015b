"""A frozen network on many images, as fast as the machine allows without changing its vectors.

On processors three things make it faster than a plain loop, at the same float32 vectors (to rounding): batch
normalisation folded into the convolutions before it, channels-last memory, and a batch cut into pieces of which each
goes through the network on one core, so that cores never wait for each other inside a layer. bfloat16
(`torch.autocast`: products in bfloat16, sums and norms in float32) is faster by another factor where the processor or
GPU has it, and moves vectors by about half a percent of their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError

PIECE = 8
"""Images that go through the network together on one core. Fixed, so that vectors do not depend on their number."""


def for_inference(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy of a network for use alone: norms folded into convolutions where its graph can be followed."""
    network = network.eval().to(device)
    if any(isinstance(m, nn.BatchNorm2d) for m in network.modules()):
        try:
            network = fuse(network)
        except TraceError:  # a network with branches that depend on values: used as it is
            network = network.eval()
    return network.to(memory_format=torch.channels_last)


def encode(
    network: nn.Module, batches: Iterable[torch.Tensor], *, device: torch.device, threads: int, precision: str
) -> Iterator[np.ndarray]:
    """Vectors (n, D), float32, of batches (n, C, H, W), in their order. ``network``: of `for_inference`.

    ``threads`` cores of the processor are used; ``precision``: float32 or bfloat16. While a batch is computed on the
    cores, the next one is fetched.
    """

    def run(images: torch.Tensor) -> np.ndarray:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
            return network(images).float().cpu().numpy()

    if device.type != "cpu":
        yield from map(run, batches)
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(max(1, threads), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting: list[Iterator[np.ndarray]] = []
            for images in batches:
                waiting.append(pool.map(run, images.split(PIECE)))
                if len(waiting) > 1:
                    yield np.concatenate(list(waiting.pop(0)))
            for parts in waiting:
                yield np.concatenate(list(parts))
    finally:
        torch.set_num_threads(before)
