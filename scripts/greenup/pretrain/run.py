"""Make one model: train it, or take random weights; calibrate its batch norms; write its folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch
from torch import nn

from greenup.config import Model, Runtime
from greenup.config.methods import TrainedMethod
from greenup.errors import UserError
from greenup.files import atomic_path, checksum, read_json, write_text
from greenup.pretrain.backbones import architecture_of, backbone_of, build
from greenup.pretrain.calibrate import calibrate
from greenup.pretrain.card import SMOKE_SITES, describe, model_card
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.data import OpenStore, open_patch_store, sites_of, split_held_out
from greenup.pretrain.feasible import check_sites
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.probe import readable
from greenup.pretrain.processes import check_parts
from greenup.pretrain.product import CARD, CURVES, save_model
from greenup.pretrain.trainer import is_first, team_of
from greenup.pretrain.training import Job, train
from greenup.randomness import generator
from greenup.schemas import CURVE_COLUMNS

log = logging.getLogger("greenup.pretrain")

CALIBRATION_IMAGES = 256
CALIBRATION_BATCH = 32


def pretrain_model(
    name: str,
    model: Model,
    *,
    index: str | Path,
    statistics: str | Path,
    seed: int,
    threads: int,
    runtime: Runtime,
    work: str | Path,
    out: str | Path,
    open_store: OpenStore | None = None,
) -> None:
    """Train ``model`` (or draw random weights) and write weights.safetensors, config.json, curves.csv, README.md.

    Checkpoints go to ``work``; a training found there with the same settings, seed and data is continued, and on a CPU
    ends with the very weights it would have had without the interruption. ``index`` and ``statistics`` are those of the
    model's dataset; ``open_store`` opens its images (default: a `greenup.patches.store.PatchStore` on ``index``).

    With several processes (see `greenup.pretrain.trainer.team_of`) all call this; the first writes. A training that a
    signal interrupts (see `greenup.pretrain.progress.STOPPED_BY`) is saved and raises SystemExit with 128 + its number.

    Raises `UserError` when the dataset cannot fill the batch and the queue, when the loss diverges, and when the
    embeddings collapse.
    """
    method = model.method
    if method.name == "band_statistics":
        raise UserError(f"models.{name}: band_statistics has no weights to train", "leave it out of the pretrain stage")
    known = read_json(statistics)
    preprocess = Preprocess.from_model(model, known)
    open_store = open_store or open_patch_store(index)
    table = open_store().index
    sites = sites_of(table)
    trained = isinstance(method, TrainedMethod)
    team = team_of(runtime if trained else runtime.model_copy(update={"devices": 1}))
    # Loading workers and the step share the threads given: on two cores one loads while the other learns. More threads
    # than cores make a step many times slower, since OpenMP's threads wait for one another by spinning.
    torch.set_num_threads(max(1, threads // team.sharing - (runtime.workers if trained else 0)))
    cv2.setNumThreads(0)

    rows, training = [], []
    if trained:
        where = f"models.{name}.method"
        training, held_out = split_held_out(sites, method.held_out)
        check_sites(method, training, where)
        check_parts(method, team.size, where)
        if is_first(team):
            log.info("%s: %d training sites, %d held out", name, len(training), len(held_out))
            if len(sites) < SMOKE_SITES:
                log.info("%s: %d sites are a smoke test, not a comparison of methods", name, len(sites))
        # Whatever changes results: a checkpoint of anything else is never continued.
        data = {"index": checksum(Path(index).read_bytes()), "statistics": checksum(Path(statistics).read_bytes())}
        settings = {"model": json.loads(model.model_dump_json()), "seed": seed, "data": data}
        checkpoints = Checkpoints(work, settings)
        job = Job(model, method, preprocess, table, training, held_out, open_store, seed, bool(known["simulated"]))
        encoder, rows = train(job, team, runtime, checkpoints, where)
        if not is_first(team):
            return
        checkpoints.keep(1)
        # Without what only training needs: synchronised batch norms, stochastic depth.
        backbone = build(architecture_of(model))
        backbone.load_state_dict(encoder.state_dict())
    else:
        backbone = backbone_of(model, seed)

    chosen = _calibration_images(table, seed) if any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules()) else []
    if chosen:
        device = "cuda" if team.accelerator == "gpu" else "cpu"
        backbone = backbone.to(device, memory_format=torch.channels_last)
        calibrate(backbone, _batches(chosen, preprocess, open_store, device))
    backbone = backbone.eval().to("cpu", memory_format=torch.contiguous_format)
    about = describe(
        name,
        model,
        known,
        seed=seed,
        sites=len(sites),
        training_sites=len(training),
        images=len(table),
        calibration_images=len(chosen),
        width=backbone.num_features,
    )
    _write_curves(Path(out) / CURVES, rows)
    write_text(Path(out) / CARD, model_card(about, preprocess, rows))
    save_model(out, backbone, preprocess, about)


def _calibration_images(table: pd.DataFrame, seed: int) -> list[tuple[str, str]]:
    """(site, season) of the images the batch norms are calibrated on, drawn without replacement."""
    pairs = sorted(zip(table["site_id"].astype(str), table["season"].astype(str), strict=True))
    order = generator(seed, "calibrate").permutation(len(pairs))[:CALIBRATION_IMAGES]
    return [pairs[i] for i in order]


def _batches(
    chosen: list[tuple[str, str]], preprocess: Preprocess, open_store: OpenStore, device: str
) -> Iterator[torch.Tensor]:
    """Batches (N, C, S, S), preprocessed as when embedding."""
    read = readable(chosen, open_store(), preprocess)
    while part := [image for _, image in islice(read, CALIBRATION_BATCH)]:
        yield torch.stack(part).to(device, memory_format=torch.channels_last)


def _write_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(rows, columns=list(CURVE_COLUMNS)).to_csv(temporary, index=False)
