"""How fast a frozen ResNet-50 encodes images, beside a plain loop, and how far apart the vectors are.

    python benchmarks/encoding.py [--images 64] [--size 224] [--channels 13] [--threads 2] [--rounds 3]

The plain loop is what released evaluation code does: a loop over batches, `torch.no_grad`, float32, contiguous (NCHW)
memory. Ours is `greenup.evaluate.encode` in both precisions: norms folded into convolutions, channels-last memory,
pieces of a batch side by side on the cores; bfloat16 by autocast. Images are random numbers that are already in memory,
weights random with batch norms that do something; all sides take turns in one run and the best round counts.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np
import timm
import torch
from greenup.evaluate.embed import BATCH
from greenup.evaluate.encode import encode, for_inference


def network(channels: int) -> torch.nn.Module:
    torch.manual_seed(0)
    net = timm.create_model("resnet50", in_chans=channels, num_classes=0).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return net


def plain(net: torch.nn.Module, batches: list[torch.Tensor], threads: int) -> np.ndarray:
    torch.set_num_threads(threads)
    with torch.no_grad():
        return torch.cat([net(batch) for batch in batches]).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 64), ("size", 224), ("channels", 13), ("threads", 2), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()

    net, device = network(args.channels), torch.device("cpu")
    ours = for_inference(copy.deepcopy(net), device)
    batches = list(torch.randn(args.images, args.channels, args.size, args.size).split(BATCH))

    def encoded(precision: str) -> np.ndarray:
        parts = encode(ours, batches, device=device, threads=args.threads, precision=precision)
        return np.concatenate(list(parts))

    sides = {
        "plain loop, float32": lambda: plain(net, batches, args.threads),
        "greenup, float32": lambda: encoded("float32"),
        "greenup, bfloat16": lambda: encoded("bfloat16"),
    }
    best, vectors = dict.fromkeys(sides, float("inf")), {}
    for _ in range(args.rounds):
        for name, side in sides.items():
            started = time.perf_counter()
            vectors[name] = side()
            best[name] = min(best[name], time.perf_counter() - started)
    reference = vectors["plain loop, float32"]
    print(f"ResNet-50, {args.channels} x {args.size} x {args.size}, {args.threads} threads, {args.images} images")
    for name, seconds in best.items():
        error = np.linalg.norm(vectors[name] - reference, axis=1) / np.linalg.norm(reference, axis=1)
        pace, times = args.images / seconds, best["plain loop, float32"] / seconds
        print(f"{name:22s} {pace:6.1f} images/s  x {times:4.2f}  vectors apart by {error.max():.1e} of their length")


if __name__ == "__main__":
    main()
