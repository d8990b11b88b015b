"""Fine-tune one model on one task: the folds asked for one by one, each scored on its test part as the probes are."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from greenup.config import Runtime
from greenup.config.finetune import FinetuneProtocol
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.evaluate.finetune_fold import Fold, finetune_fold
from greenup.evaluate.finetune_images import Images, Scaling
from greenup.evaluate.finetune_network import Targets
from greenup.evaluate.probe import parts_of
from greenup.evaluate.truth import Truth
from greenup.files import checksum
from greenup.pretrain.checkpoints import Checkpoints
from greenup.pretrain.product import load_model
from greenup.randomness import stable_hash
from greenup.schemas import FINETUNE_CURVE_COLUMNS

log = logging.getLogger(__name__)

WHERE = "evaluation.protocols.finetune"


def finetune_model(
    model_folder: str | Path,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    task: Task,
    protocol: FinetuneProtocol,
    *,
    images: Images,
    count: int,
    seed: int,
    threads: int,
    runtime: Runtime,
    work: str | Path,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train the network in ``model_folder`` on the labels of each of the first ``count`` folds.

    ``labels``, ``folds``: tables of those schemas, ``folds`` of one kind. Every model (of one width) starts from the
    same head and sees the same images in the same order and crops, so that models can be compared fold by fold. Nothing
    but the validation part says when to stop and which weights are best.

    Returns *scores* and *predictions*, of the form of `greenup.evaluate.probe.run_probe`, and the *curve*, a row a fold
    x epoch (`FINETUNE_CURVE_COLUMNS`). Checkpoints of the fold at hand, and the scores of those that have ended, are
    kept in ``work``: an interrupted run is continued, and on a CPU ends with the very same scores.

    Raises `UserError` when the tables do not speak of the same images, when a part of a fold is empty or its train part
    smaller than a batch or of a single class, when the images lack a channel, and when the training diverges.
    """
    torch.set_num_threads(max(1, threads - runtime.workers))
    cv2.setNumThreads(0)
    labels = labels.sort_values("site_id", ignore_index=True)
    ids = labels["site_id"].to_numpy(dtype=object)
    keys = list(zip(labels["site_id"].astype(str), labels["season"].astype(str), strict=True))
    numbers, parts = parts_of(folds, ids)
    kind = str(folds["folds"].iloc[0])
    if count > len(numbers):
        log.info("%d folds asked for, there are %d: all are taken", count, len(numbers))
    truth = Truth.of(labels, task.kind)
    _, preprocess, about = load_model(model_folder)
    scaling = Scaling(preprocess, preprocess.channels_of(images.available, f"model {Path(model_folder).name}"))
    size = protocol.crop_px or preprocess.size_px or min(images.open_store().read(*keys[0], scaling.given)[0].shape[1:])
    # Whatever changes results: a checkpoint of anything else is never continued.
    known = {
        "protocol": json.loads(protocol.model_dump_json()),
        "task": json.loads(task.model_dump_json()),
        "seed": seed,
        "weights": about["weights_checksum"],
        "labels": _checksum(labels),
        "pixels": checksum(images.version.encode()),
    }
    rows, tables, curves = [], [], []
    for number, part in list(zip(numbers, parts, strict=True))[:count]:
        train, val, test = (np.flatnonzero(part == name) for name in ("train", "val", "test"))
        _check_parts(truth, train, val, test, number, protocol)
        log.info("fold %d: %d images train, %d validate, %d test", number, len(train), len(val), len(test))
        fold = Fold(
            keys,
            Targets.of(task.kind, truth.y, truth.names, train),
            train,
            val,
            test,
            lambda scores, part=part: _main_metric(truth, part == "val", scores, task.metric),
        )
        scores, lines = finetune_fold(
            load_model(model_folder)[0],
            fold,
            protocol,
            scaling,
            images.open_store,
            size=size,
            positive_weight=task.positive_weight,
            # The same for every model.
            seed=stable_hash(seed, "finetune", kind, number) & (2**63 - 1),
            runtime=runtime,
            checkpoints=Checkpoints(
                Path(work) / f"fold-{number:02d}", {**known, "parts": checksum("".join(part).encode())}
            ),
            where=WHERE,
        )
        metrics, predicted = truth.judge(part == "test", scores)
        counted = {"n_test": len(test), "n_train": len(train)}
        rows += [{"fold": number, "metric": m, "value": v, **counted} for m, v in metrics.items()]
        tables.append(pd.concat([pd.DataFrame({"site_id": ids[test], "fold": number}), predicted], axis=1))
        curves += [{"fold": number, **line} for line in lines]
        log.info("fold %d: %s %.4f", number, task.metric, metrics[task.metric])
    curve = pd.DataFrame(curves, columns=list(FINETUNE_CURVE_COLUMNS))
    return pd.DataFrame(rows), pd.concat(tables, ignore_index=True), curve


def _main_metric(truth: Truth, rows: np.ndarray, scores: np.ndarray, metric: str) -> float:
    """The main metric of a validation part; NaN where so few images cannot define it, which a test part may not."""
    try:
        return float(truth.judge(rows, scores)[0][metric])
    except UserError:
        return math.nan


def _check_parts(
    truth: Truth, train: np.ndarray, val: np.ndarray, test: np.ndarray, number: int, protocol: FinetuneProtocol
) -> None:
    for name, part in (("train", train), ("val", val), ("test", test)):
        if not len(part):
            raise UserError(
                f"fold {number} has no image in its {name} part",
                "write fewer folds: evaluation.folds.count, or another kind: evaluation.finetune.folds",
            )
    if len(train) < protocol.batch_size:
        fits = 2 ** max(1, (len(train) // 4).bit_length() - 1)
        raise UserError(
            f"{WHERE}.batch_size: a batch of {protocol.batch_size} needs more than the {len(train)} training images of "
            f"fold {number}",
            f"write batch_size: {fits}",
        )
    if truth.kind != "classification":
        return
    learnt = np.unique(truth.y[train])
    if len(learnt) < 2:
        raise UserError(
            f"fold {number} has images of class {truth.names[learnt[0]]!r} alone in its train part",
            "give the task images of another class, or write another kind of folds: evaluation.finetune.folds",
        )
    asked, times = np.unique(truth.y[test], return_counts=True)
    for code, images in zip(asked.tolist(), times.tolist(), strict=True):
        if code not in learnt:
            log.warning(
                "fold %d: class %r has no image in the train part, so that its %d tested images cannot be right",
                number,
                truth.names[code],
                images,
            )


def _checksum(table: pd.DataFrame) -> str:
    text = table.drop(columns="geometry", errors="ignore").to_csv(index=False)
    return checksum(text.encode())
