"""Make one model: train it, or take random weights; calibrate its batch norms; write its folder."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import SIGTERMException

from greenup.config import Model, Runtime
from greenup.config.learning import SeCoMethod
from greenup.errors import UserError
from greenup.files import atomic_path, checksum, read_json, write_text
from greenup.pretrain.backbones import build_backbone
from greenup.pretrain.calibrate import calibrate
from greenup.pretrain.card import SMOKE_SITES, describe, model_card
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.data import (
    OpenStore,
    Site,
    SiteViews,
    TrainingBatches,
    collate,
    loader,
    open_patch_store,
    runs_of,
    sites_of,
    split_held_out,
)
from greenup.pretrain.module import SeCoTraining
from greenup.pretrain.preprocess import Preprocess, fill_invalid
from greenup.pretrain.product import CARD, CURVES, save_model
from greenup.pretrain.progress import Progress
from greenup.pretrain.seco import SeCo, check_queue
from greenup.randomness import generator
from greenup.schemas import CURVE_COLUMNS

log = logging.getLogger("greenup.pretrain")

CALIBRATION_IMAGES = 256
CALIBRATION_BATCH = 32
_HELD_OUT_MEMORY = 256 * 2**20


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
    model's dataset; ``open_store`` opens its images (default: a `greenup.patches.store.PatchStore` on ``index``). One
    device is used: a GPU when there is one.

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
    # Loading workers and the step share the threads given: on two cores one loads while the other learns. More threads
    # than cores make a step many times slower, since OpenMP's threads wait for one another by spinning.
    torch.set_num_threads(max(1, threads - (runtime.workers if isinstance(method, SeCoMethod) else 0)))
    cv2.setNumThreads(0)

    backbone, rows, trained_on = build_backbone(model.backbone, len(model.channels), seed), [], 0
    if isinstance(method, SeCoMethod):
        # Settings that change results, seed and data: a checkpoint of anything else is never continued.
        settings = json.dumps({"model": model.model_dump(mode="json"), "seed": seed}, sort_keys=True)
        fingerprint = checksum(settings.encode(), Path(index).read_bytes(), Path(statistics).read_bytes())
        training, held_out = split_held_out(sites, method.held_out)
        trained_on = len(training)
        check_queue(method, trained_on, f"models.{name}.method")
        log.info("%s: %d training sites, %d held out", name, trained_on, len(held_out))
        if len(sites) < SMOKE_SITES:
            log.info("%s: %d sites are a smoke test, not a comparison of methods", name, len(sites))
        checkpoints = Checkpoints(work, fingerprint)
        rows = _train(
            SeCo(backbone, method, seed),
            method,
            preprocess,
            (training, held_out),
            open_store,
            seed=seed,
            runtime=runtime,
            checkpoints=checkpoints,
            simulated=bool(known["simulated"]),
            where=f"models.{name}.method",
        )
        checkpoints.keep(1)

    chosen = _calibration_rows(table, seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = backbone.to(device, memory_format=torch.channels_last)
    calibrate(backbone, _images(chosen, preprocess, open_store, device))
    backbone = backbone.to("cpu", memory_format=torch.contiguous_format)
    about = describe(
        name,
        model,
        known,
        seed=seed,
        sites=len(sites),
        training_sites=trained_on,
        images=len(table),
        calibration_images=len(chosen),
        width=backbone.num_features,
    )
    _write_curves(Path(out) / CURVES, rows)
    write_text(Path(out) / CARD, model_card(about, preprocess, rows))
    save_model(out, backbone, preprocess, about)


def _train(
    seco: SeCo,
    method: SeCoMethod,
    preprocess: Preprocess,
    sites: tuple[list[Site], list[Site]],
    open_store: OpenStore,
    *,
    seed: int,
    runtime: Runtime,
    checkpoints: Checkpoints,
    simulated: bool,
    where: str,
) -> list[dict[str, Any]]:
    """Train ``seco`` in place, from its last checkpoint if there is one; returns the rows of curves.csv."""
    state = checkpoints.load()
    step = state["step"] if state else 0
    weights = np.array([s.weight for s in sites[0]])
    if not weights.sum() > 0:
        raise UserError("index: column 'weight': all training sites have weight 0", "give some site a weight above 0")
    batches = TrainingBatches(weights, method.batch_size, method.epochs, seed, first=step)
    views, held_views = (
        SiteViews(part, open_store, preprocess.channels, method.crop_px, method.crop_scale, seed) for part in sites
    )
    if state:
        log.info("continuing at step %d of %d (%s)", step, method.epochs * batches.steps_per_epoch, checkpoints.folder)
        seco.load_state_dict(state["seco"])
    seco = seco.to(memory_format=torch.channels_last)
    module = SeCoTraining(
        seco, method, preprocess, batches.steps_per_epoch, step, state["optimizer"] if state else None
    )
    progress = Progress(
        checkpoints,
        runtime.checkpoint_minutes,
        _held_out(held_views, method.batch_size, runtime.workers),
        simulated,
        where,
        state["progress"] if state else None,
    )
    if step < module.total_steps:
        trainer = _trainer(method, module.total_steps - step, checkpoints.folder, progress)
        try:
            pin = torch.cuda.is_available()
            trainer.fit(module, loader(views, batches, runtime.workers, pin=pin))
        except SIGTERMException:
            # Its own exit status would be 0, which says that all is done.
            raise SystemExit(143) from None
        except UserError as error:
            # An error in a loading worker arrives as the text of its traceback; the end is what the user needs.
            _, mark, text = str(error).rpartition("greenup.errors.UserError: ")
            if not mark:
                raise
            raise UserError(text.strip()) from error
    seco.to("cpu")
    return progress.rows


def _trainer(method: SeCoMethod, steps: int, folder: Path, progress: Progress) -> pl.Trainer:
    """A Trainer that trains and nothing else: no bars, no folders of its own, no scheduler's environment."""
    for chatty in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    # Advice for other uses: workers are set by the user, and the loader runs over the whole training at once.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if method.precision == "bfloat16" else "32-true",
        max_steps=steps,
        max_epochs=-1,
        callbacks=[progress],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        benchmark=torch.cuda.is_available(),
        default_root_dir=folder,
        # Under Slurm Lightning would otherwise take over task counts and requeueing, which are Snakemake's.
        plugins=[LightningEnvironment()],
    )


def _held_out(views: SiteViews, batch_size: int, workers: int) -> Any:
    """The held-out batches, to be run over once an epoch: kept in memory when they fit, made again when not."""
    runs = runs_of(len(views), batch_size)
    if len(views) * 4 * len(views.channels) * views.crop_px**2 * 2 <= _HELD_OUT_MEMORY:
        return [collate([views[row] for row in run]) for run in runs]
    return loader(views, runs, workers, pin=False)


def _calibration_rows(table: pd.DataFrame, seed: int) -> list[tuple[str, str]]:
    """(site, season) of the images the batch norms are calibrated on, drawn without replacement."""
    pairs = sorted(zip(table["site_id"].astype(str), table["season"].astype(str), strict=True))
    order = generator(seed, "calibrate").permutation(len(pairs))[:CALIBRATION_IMAGES]
    return [pairs[i] for i in order]


def _images(
    chosen: list[tuple[str, str]], preprocess: Preprocess, open_store: OpenStore, device: str
) -> Iterator[torch.Tensor]:
    """Batches (N, C, S, S), preprocessed as when embedding."""
    store = open_store()
    for run in runs_of(len(chosen), CALIBRATION_BATCH):
        batch = [preprocess(fill_invalid(*store.read(*chosen[i], preprocess.channels))) for i in run]
        yield torch.stack(batch).to(device, memory_format=torch.channels_last)


def _write_curves(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary:
        pd.DataFrame(rows, columns=list(CURVE_COLUMNS)).to_csv(temporary, index=False)
