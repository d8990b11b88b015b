"""Trainings as a script of its own, for tests that start several processes or kill one: settings as JSON in argv[1].

Keys: folder; methods, arguments of `fakes.tiny_model`, trained one after the other; runtime; seed; and, if wanted,
small_network, step_delay_s, fail_at. Leaves in ``folder/<name>``: out/, work/, and final.pt, the state of the whole
learner and the loss of every part, the mean over the processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def start(settings: dict[str, Any], **environment: str) -> subprocess.Popen:
    """Start this script; its output can be read from ``stdout``."""
    import greenup

    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(greenup.__file__).parents[1])])
    return subprocess.Popen(
        [sys.executable, __file__, json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen) -> list[str]:
    """What each has said, once all have ended well."""
    told = [p.communicate(timeout=300)[0] for p in processes]
    assert [p.returncode for p in processes] == [0] * len(processes), "\n".join(told)
    return told


def train_one(folder: Path, method: dict[str, Any], settings: dict[str, Any]) -> None:
    import torch
    from fakes import FakeStore, tiny_model, write_statistics
    from greenup.config import Runtime
    from greenup.pretrain import run, training
    from greenup.pretrain.distributed import mean_over_all
    from greenup.pretrain.methods import build_learner
    from greenup.pretrain.module import Training
    from greenup.pretrain.trainer import is_first
    from small import SmallNetwork

    folder.mkdir(parents=True, exist_ok=True)
    index, statistics = folder.parent / "index.parquet", folder.parent / "statistics.json"
    if not statistics.exists():
        FakeStore().index.to_parquet(index)
        write_statistics(statistics, FakeStore())
    losses, kept = [], []

    def noting(self, batch, batch_idx, step=Training.__dict__["training_step"]):
        time.sleep(settings.get("step_delay_s", 0))
        if not is_first() and self.step == settings.get("fail_at", -1):
            raise RuntimeError("this process fails")
        loss = step(self, batch, batch_idx)
        losses.append(mean_over_all(loss.detach()).item())
        return loss

    def building(model, seed):
        small = settings.get("small_network") and model.backbone.startswith("resnet")
        learner = build_learner(model, seed)
        if small:
            learner = type(learner)(model, model.method, seed, encoder=SmallNetwork())
            run.build = lambda architecture: SmallNetwork()
        kept.append(learner)
        return kept[-1]

    plain_step, plain_build = Training.training_step, run.build
    Training.training_step, training.build_learner = noting, building
    try:
        run.pretrain_model(
            "tiny",
            tiny_model(**method),
            index=index,
            statistics=statistics,
            seed=settings.get("seed", 5),
            threads=1,
            runtime=Runtime(accelerator="cpu", **settings["runtime"]),
            work=folder / "work",
            out=folder / "out",
            open_store=FakeStore(),
        )
    finally:
        Training.training_step, run.build = plain_step, plain_build
    if is_first():
        torch.save({"learner": kept[0].state_dict(), "losses": losses}, folder / "final.pt")


if __name__ == "__main__":
    from greenup.errors import job

    given = json.loads(sys.argv[1])
    with job():
        for one in given["methods"]:
            train_one(Path(given["folder"]) / one.get("name", "seco"), one, given)
