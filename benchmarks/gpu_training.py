"""How well a training uses a GPU: `python benchmarks/gpu_training.py [--backbone resnet50] [--workers 14]`

SeCo at full size: 9 channels, 224 px, queue 65 536, batch 256, bfloat16. Twice: with batches that lie on the GPU
already, which is what the step itself can do, and from a patch store of invented images on the disk, which is what a
training gets. Printed: samples (sites, of four views each) a second, the share of the GPU's peak in bfloat16 that
convolutions and products of matrices are (counted by torch, no step of the optimiser), and the share of the time in
which the GPU waits for data. Says so where there is no GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from greenup.config.models import Model
from greenup.pretrain.clock import StepClock
from greenup.pretrain.data import SiteViews, open_patch_store, sites_of
from greenup.pretrain.loading import loader
from greenup.pretrain.methods import build_learner
from greenup.pretrain.methods.base import Batch
from greenup.pretrain.module import Training
from greenup.pretrain.order import TrainingBatches
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.views.makers import build_views

CHANNELS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "NDVI")
PEAK_TFLOPS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "V100": 125}
"""Dense bfloat16 of the data sheets (V100: float16), SXM where there are several."""


def prepared(model: Model) -> tuple[Training, torch.optim.Optimizer]:
    """The training of a model on the GPU, without Lightning around it."""
    preprocess = Preprocess(CHANNELS, "reflectance", (0.0,) * 9, (1e4,) * 9)
    learner = build_learner(model, 0).cuda().to(memory_format=torch.channels_last)
    module = Training(learner, model.method, preprocess, 10**6, seed=0).cuda().train()
    return module, module.configure_optimizers()


def step(module: Training, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """One optimiser step, in the order of `Training`."""
    module.learner.before_step(module.moment)
    with torch.autocast("cuda", torch.bfloat16):
        loss = module.training_step(batch, 0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    module.learner.after_step(module.moment)


def run(module: Training, optimizer: torch.optim.Optimizer, batches: Iterable[Batch], warm: int) -> tuple[float, float]:
    """(samples a second, share of the time the GPU waits) over the batches after the first ``warm``."""
    clock, samples = StepClock(torch.device("cuda")), 0
    for number, batch in enumerate(batches):
        if number == warm:
            clock.take()
            samples = 0
        there = Batch([v.cuda(non_blocking=True) for v in batch.views], None, batch.rows)
        clock.data_there()
        step(module, optimizer, there)
        clock.done()
        samples += len(batch.rows)
    seconds, waited = clock.take()
    return samples / seconds, waited / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--sites", type=int, default=1024, help="sites of the invented dataset")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: not measured")
        return
    torch.backends.cudnn.benchmark = True
    method = {"name": "seco", "batch_size": args.batch, "precision": "bfloat16"}
    model = Model.model_validate({"dataset": "d", "backbone": args.backbone, "channels": CHANNELS, "method": method})
    module, optimizer = prepared(model)
    draws = torch.Generator().manual_seed(0)
    view = torch.randint(0, 10_000, (4, args.batch, 9, 224, 224), generator=draws, dtype=torch.int32).to(torch.uint16)
    batch = Batch([view.cuda()], None, torch.arange(args.batch))
    with FlopCounterMode(display=False) as counter:
        step(module, optimizer, batch)
    per_sample = counter.get_total_flops() / args.batch

    name = torch.cuda.get_device_name()
    peak = next((v for k, v in PEAK_TFLOPS.items() if k in name), None)

    def tell(what: str, rate: float, waiting: float) -> None:
        share = "peak unknown" if peak is None else f"{100 * rate * per_sample / (peak * 1e12):.1f} % of {peak} TFLOPS"
        print(
            f"{name}, {args.backbone}, {what}: {rate:.0f} samples/s, {share}, waits {100 * waiting:.1f} %", flush=True
        )

    tell("data on the GPU", *run(module, optimizer, [batch] * (args.steps + 10), warm=10))

    from loading import dates_of, write_store

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        index = write_store(Path(folder), dates_of(), args.sites, shards=-(-args.sites // 256))
        print(f"{args.sites} sites written in {time.perf_counter() - began:.0f} s")
        open_store = open_patch_store(index)
        sites = sites_of(open_store().index)
        epochs = -(-(args.steps + 10) * args.batch // len(sites))
        batches = TrainingBatches(sites, args.batch, epochs, 0)
        views = SiteViews(sites, open_store, build_views(model), CHANNELS, 0)
        tell(
            f"from disk, {args.workers} workers",
            *run(module, optimizer, loader(views, batches, args.workers, pin=True), warm=10),
        )


if __name__ == "__main__":
    main()
