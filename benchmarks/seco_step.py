"""How much faster a SeCo step and its views are than written plainly. `python benchmarks/seco_step.py [--size 64]`

Reference of the step: float32, contiguous memory, one thread, parameter-wise momentum update, unfused AdamW. Reference
of the views: colours and blur on the whole image, then the crop. Both run in turn with ours, on the same data, and the
least time of each is printed, since other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.config.learning import Optimizer, SeCoMethod
from greenup.pretrain.backbones import build_backbone
from greenup.pretrain.optimizers import build_optimizer
from greenup.pretrain.seco import SeCo
from greenup.pretrain.views import augment, draw_window, resized_crop, seco_views
from greenup.randomness import generator

CHANNELS = 9


def step(size: int, batch: int, *, plain: bool) -> Callable[[], None]:
    """One training step on random images, ready to be called."""
    method = SeCoMethod(name="seco", queue=8 * batch, batch_size=batch, temperature=0.1, key_momentum=0.99)
    seco = SeCo(build_backbone("resnet18", CHANNELS, seed=0), method, seed=0)
    layout = torch.contiguous_format if plain else torch.channels_last
    seco = seco.to(memory_format=layout)
    views = [torch.randn(batch, CHANNELS, size, size).contiguous(memory_format=layout) for _ in range(4)]
    parameters = seco.query_parameters()
    if plain:
        optimizer = torch.optim.AdamW([p for _, p in parameters], lr=1e-3, foreach=False, fused=False)
    else:
        optimizer = build_optimizer(parameters, Optimizer(name="adamw", lr=1e-3))

    def update_plainly() -> None:
        keys = dict(seco.named_parameters())
        with torch.no_grad():
            for name, query in parameters:
                key = keys["key_" + name]
                key.copy_(key * method.key_momentum + query * (1 - method.key_momentum))

    def run() -> None:
        if plain:
            update_plainly()
        else:
            seco.update_keys()
        with torch.autocast("cpu", torch.bfloat16, enabled=not plain):
            query, keys = seco.embed_query(views[0]), seco.embed_keys(views[1:])
        loss = seco.losses(query, keys).sum()
        seco.enqueue(keys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def views_of_a_site(size: int, *, plain: bool) -> Callable[[], None]:
    """The four views of one site of twice their size."""
    images = generator(0, "images").integers(0, 9000, (3, CHANNELS, 2 * size, 2 * size)).astype(np.uint16)

    def whole_image_first(rng: np.random.Generator) -> None:
        for date, artificial in ((0, False), (1, True), (2, False), (0, True)):
            image = images[date].astype(np.float32)
            if artificial:
                image = augment(image, rng)
            resized_crop(image, draw_window(2 * size, 2 * size, (0.2, 1.0), rng), size)

    def run() -> None:
        for site in range(20):
            rng = generator(0, "views", site)
            if plain:
                whole_image_first(rng)
            else:
                seco_views(images, size, (0.2, 1.0), rng)

    return run


def best(ours: Callable[[], None], reference: Callable[[], None], repeats: int) -> tuple[float, float]:
    """Least seconds of each, taking turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for run, kept in zip((ours, reference), times, strict=True):
            began = time.perf_counter()
            run()
            if turn:  # the first turn only warms up
                kept.append(time.perf_counter() - began)
    return min(times[0]), min(times[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=64, help="side of a view, pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    for name, make, per in (
        ("step", lambda plain: step(args.size, args.batch, plain=plain), args.batch),
        ("views", lambda plain: views_of_a_site(args.size, plain=plain), 20),
    ):
        ours, reference = best(make(False), make(True), args.repeats)
        print(
            f"{name}: {1e3 * ours / per:.2f} ms a sample, plainly {1e3 * reference / per:.2f} ms, "
            f"ratio {reference / ours:.2f}"
        )


if __name__ == "__main__":
    main()
