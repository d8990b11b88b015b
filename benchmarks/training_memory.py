"""Is memory flat over a long training? `python benchmarks/training_memory.py [--steps 1000] [--workers 1]`

Trains SeCo with a tiny network on invented images held in memory, through the same loop as every training, and prints
the resident memory of the process, and of its loading workers, at step 100 and at the end.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/pretrain"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from fakes import FakeStore, tiny_model, write_statistics
from greenup.config import Runtime
from greenup.pretrain import run, training
from greenup.pretrain.methods.seco import SeCo
from greenup.pretrain.module import Training
from small import SmallNetwork


def resident_mb() -> tuple[float, float]:
    """Resident memory of this process, and of its children."""

    def of(status: Path) -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    children = Path("/proc/self/task").glob("*/children")
    pids = [pid for file in children for pid in file.read_text().split()]
    return of(Path("/proc/self/status")), sum(of(Path(f"/proc/{pid}/status")) for pid in pids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    seen: dict[int, tuple[float, float]] = {}
    step = Training.training_step

    def measured(self: Training, batch: object, batch_idx: int) -> torch.Tensor:
        if self.step in (100, args.steps - 1):
            seen[self.step] = resident_mb()
        return step(self, batch, batch_idx)

    Training.training_step = measured
    training.build_learner = lambda model, seed: SeCo(model, model.method, seed, encoder=SmallNetwork())
    run.build = lambda architecture: SmallNetwork()
    model = tiny_model(epochs=-(-args.steps // 4), optimizer={"name": "sgd", "lr": 1e-3}, probe_epochs=50)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        FakeStore().index.to_parquet(folder / "index.parquet")
        run.pretrain_model(
            "memory",
            model,
            index=folder / "index.parquet",
            statistics=write_statistics(folder / "statistics.json", FakeStore()),
            seed=0,
            threads=1,
            runtime=Runtime(accelerator="cpu", workers=args.workers),
            work=folder / "work",
            out=folder / "out",
            open_store=FakeStore(),
        )
    (first, (own, workers)), (last, (own_last, workers_last)) = seen.items()
    print(f"step {first}: {own:.1f} MB, workers {workers:.1f} MB")
    print(f"step {last + 1}: {own_last:.1f} MB ({own_last - own:+.1f}), workers {workers_last:.1f} MB ")


if __name__ == "__main__":
    main()
