"""What a job that has not made its files has left behind: the error in its log, and unfinished work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_TAIL = 16_384
_ERROR = re.compile(r"^\d\d:\d\d:\d\d error: (.+)$", re.M)
_CRASH = "this job failed"
_RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b.*)$", re.M)
_STEP = re.compile(r"step (\d+)/(\d+)")
_IMAGES = re.compile(r"(\d+) of (\d+) images")


def failure(log: str | Path) -> str | None:
    """The error that ended a job's last attempt, one line; None where its log tells none (`greenup.errors.job`)."""
    text = _tail(Path(log))
    if found := _ERROR.findall(text):
        return found[-1]
    if _CRASH in text:
        raised = _RAISED.findall(text.rpartition(_CRASH)[2])
        return raised[-1] if raised else _CRASH
    return None


def kept_images(root: str | Path, dataset: str, shard: str, log: str | Path) -> tuple[int, int, int]:
    """Of an unfinished shard: the sites of which images are kept in ``work/``, and, where the log of its job tells it,
    how many images were there of how many that are wanted; zeros where nothing is kept.

    Images are not counted in the files themselves: it would open one a site.
    """
    sites = len(list(Path(root, "work", "patches", dataset, shard, "sites").glob("[!.]*.h5")))
    told = _IMAGES.findall(_tail(Path(log))) if sites else []
    return (sites, *map(int, told[-1])) if told else (sites, 0, 0)


def checkpoint(folder: str | Path, log: str | Path) -> str | None:
    """The newest checkpoint below a folder of `greenup.pretrain.checkpoints`, in words; None where there is none.

    How many steps the training has stands in no name of a file: it is taken from the log, where that tells it.
    """
    steps = [int(p.stem.partition("-")[2]) for p in Path(folder).glob("step-*.ckpt")]
    if not steps:
        return None
    told = _STEP.findall(_tail(Path(log)))
    of = f" of {told[-1][1]}" if told else ""
    return f"a checkpoint at step {max(steps)}{of} is kept"


def kept_work(rule: str, wildcards: Mapping[str, str], root: str | Path, log: str) -> str | None:
    """What is kept of a training that has not ended, in words."""
    match rule:
        case "pretrain_model":
            return checkpoint(Path(root, "work", "pretrain", wildcards["model"]), log)
        case "finetune_model":
            folder = Path(root, "work", "finetune", wildcards["model"], wildcards["task"], wildcards["folds"])
            folds = sorted(p for p in folder.glob("fold-*") if p.is_dir())
            return f"{folds[-1].name} was begun" if folds else None
    return None


def _tail(path: Path) -> str:
    """The end of a log, or nothing where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(path.stat().st_size - _TAIL, 0))
        return handle.read().decode("utf-8", errors="replace")
