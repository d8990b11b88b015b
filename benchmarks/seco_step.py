"""How much faster a SeCo step is than the authors' algorithm written plainly.

    python benchmarks/seco_step.py [--backbone resnet18 resnet50] [--size 224] [--batch 8] [--queue 65536]

Plainly: float32 in contiguous memory, a forward pass a view for the query and each of three keys and three spaces,
logits concatenated space by space, key weights moved parameter by parameter, unfused SGD. Ours: the learner and
optimiser of every training, under bfloat16 autocast in channels-last memory. Both on one thread, on the same images,
in turn; the least time of each is printed, since other work on the machine only ever adds. Before that ours runs in
float32 with the same weights and queues, and the two losses must agree to 1e-5.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.config.models import Model
from greenup.pretrain.methods.base import Batch, Moment
from greenup.pretrain.methods.seco import SeCo
from greenup.pretrain.optimizers import build_optimizer

CHANNELS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI")
MOMENT = Moment(0, 1, 1)


def plain_step(seco: SeCo, model: Model, views: list[torch.Tensor]) -> Callable[[], float]:
    """The published step on copies of the learner's networks and queues."""
    method = model.method
    encoder, heads = copy.deepcopy(seco.encoder), copy.deepcopy(seco.heads)
    key_encoder, key_heads = copy.deepcopy(seco.key_encoder), copy.deepcopy(seco.key_heads)
    queues = [q.T.contiguous() for q in seco.queue.keys.clone()]
    position = 0
    trained = [*encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.SGD(
        trained,
        lr=method.optimizer.lr,
        momentum=method.optimizer.momentum,
        weight_decay=method.optimizer.weight_decay,
        foreach=False,
        fused=False,
    )

    def run() -> float:
        nonlocal position
        with torch.no_grad():
            for key, query in zip([*key_encoder.parameters(), *key_heads.parameters()], trained, strict=True):
                key.data = key.data * method.key_momentum + query.data * (1 - method.key_momentum)
        features = encoder(views[0])
        query = [F.normalize(head(features), dim=1) for head in heads]
        keys: list[list[torch.Tensor]] = []
        with torch.no_grad():
            for view in views[1:]:
                features = key_encoder(view)
                keys.append([F.normalize(head(features), dim=1) for head in key_heads])
        loss = torch.zeros(())
        for space in range(3):
            positive = torch.einsum("nc,nc->n", query[space], keys[space][space]).unsqueeze(-1)
            logits = [positive, torch.einsum("nc,ck->nk", query[space], queues[space].clone().detach())]
            if space > 0:
                for other in range(3):
                    if other != space:
                        logits.append(torch.einsum("nc,ck->nk", query[space], keys[other][space].T))
            together = torch.cat(logits, dim=1) / method.temperature
            loss = loss + F.cross_entropy(together, torch.zeros(len(together), dtype=torch.long))
        count = len(views[0])
        for space in range(3):
            queues[space][:, position : position + count] = keys[space][space].T
        position = (position + count) % method.queue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def our_step(seco: SeCo, model: Model, views: list[torch.Tensor], *, half: bool) -> Callable[[], float]:
    """The step of every training, without Lightning around it."""
    seco = copy.deepcopy(seco).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(seco.trained_parameters(), model.method.optimizer)
    kept = [v.contiguous(memory_format=torch.channels_last) for v in views]
    batch = Batch([torch.stack(kept)], None, torch.arange(len(views[0])))

    def run() -> float:
        seco.before_step(MOMENT)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = seco(batch, MOMENT).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seco.after_step(MOMENT)
        return loss.item()

    return run


def best(runs: list[Callable[[], float]], repeats: int) -> list[float]:
    """Least seconds of each, taking turns; the first turn only warms up."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        for run, kept in zip(runs, times, strict=True):
            began = time.perf_counter()
            run()
            if turn:
                kept.append(time.perf_counter() - began)
    return [min(t) for t in times]


def compare(backbone: str, size: int, batch: int, queue: int, repeats: int) -> None:
    """Check the losses, time both, print a line."""
    method = {"name": "seco", "queue": queue, "batch_size": batch, "crop_px": size}
    model = Model.model_validate({"dataset": "d", "backbone": backbone, "channels": CHANNELS, "method": method})
    seco = SeCo(model, model.method, seed=0)
    draws = torch.Generator().manual_seed(0)
    views = [torch.randn(batch, len(CHANNELS), size, size, generator=draws) for _ in range(4)]
    plain, same = plain_step(seco, model, views), our_step(seco, model, views, half=False)
    expected, got = plain(), same()
    if abs(got - expected) > 1e-5 * abs(expected):
        raise SystemExit(f"{backbone}: loss {got:.7f} is not the plain one, {expected:.7f}")
    ours = our_step(seco, model, views, half=True)
    plain_s, full_s, half_s = best([plain, same, ours], repeats)
    print(
        f"{backbone}, {batch} x {len(CHANNELS)} x {size}^2, queue {queue}: loss {got:.6f}, plainly {expected:.6f}; "
        f"plainly {1e3 * plain_s / batch:.1f} ms a site, ours {1e3 * full_s / batch:.1f} ms in float32 "
        f"({plain_s / full_s:.2f} x), {1e3 * half_s / batch:.1f} ms in bfloat16 ({plain_s / half_s:.2f} x)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbone", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--size", type=int, default=224, help="side of a view, pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--queue", type=int, default=65_536)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for backbone in args.backbone:
        compare(backbone, args.size, args.batch, args.queue, args.repeats)


if __name__ == "__main__":
    main()
