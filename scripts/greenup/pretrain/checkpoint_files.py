"""Reading checkpoints that others have written, without running anything that stands in them."""

from __future__ import annotations

import argparse
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from greenup.errors import UserError


class _StandIn:
    """Takes the place of a class that is only named beside the weights. Does nothing."""


# Lightning keeps the settings of a training in a dictionary of its own, and callbacks by their class.
_SETTINGS = [
    argparse.Namespace,
    (OrderedDict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (OrderedDict, "lightning_fabric.utilities.data.AttributeDict"),
    (_StandIn, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
]


def read_checkpoint(path: str | Path, mend: str) -> dict[str, Any]:
    """What ``torch.save`` wrote, on the CPU: tensors, and plain Python values around them.

    A pickle can run any program when it is read. Only tensors, plain values and `argparse.Namespace` are read as they
    are; Lightning's own classes are replaced by plain ones, and a file that needs anything else is refused. Raises
    `UserError` with ``mend`` for a file that is missing, cut short, a web page, or no checkpoint.
    """
    path = Path(path)
    try:
        with torch.serialization.safe_globals(_SETTINGS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})", mend) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: {_what_is_wrong(path, error)}", mend) from None
    if not isinstance(found, Mapping):
        raise UserError(f"{path}: holds a {type(found).__name__}, not named tensors", mend)
    return dict(found)


def _what_is_wrong(path: Path, error: Exception) -> str:
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        return "the file is empty"
    if re.match(rb"\s*<(!doctype|html|\?xml)", head, re.IGNORECASE):
        return "is a web page, not weights; its address leads to a page with a link"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights themselves"
    if needed := re.search(r"(?:GLOBAL|Unsupported (?:global|class)\S*:?) ([\w.]+\.[\w.]+)", str(error)):
        return f"needs {needed[1]} to be read, which may run anything; only tensors and plain values are read"
    if head.startswith(b"PK"):
        return "is cut short or damaged (the archive that torch.save writes is not whole)"
    return "is no file of torch.save, or a damaged one"
