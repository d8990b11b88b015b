"""The folder in which a model is handed on: weights.safetensors, config.json, and beside them curves.csv, README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from greenup.config.given import RELEASED_BACKBONES
from greenup.errors import UserError
from greenup.files import atomic_path, read_json, write_json
from greenup.pretrain.backbones import build
from greenup.pretrain.preprocess import Preprocess

WEIGHTS, CONFIG, CURVES, CARD = "weights.safetensors", "config.json", "curves.csv", "README.md"


def save_model(folder: str | Path, backbone: nn.Module, preprocess: Preprocess, about: Mapping[str, Any]) -> None:
    """Write config.json, then weights.safetensors: each whole or not at all, and the weights last.

    ``about`` (JSON-able) is kept in config.json as it is and needs ``architecture`` (of `architecture_of`). The
    configuration carries the checksum of the weights, so that files of two trainings are never taken for one model.
    """
    folder = Path(folder)
    weights = {name: value.detach().cpu().contiguous() for name, value in backbone.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        # Written by Python rather than by safetensors, which makes files that only their owner may read.
        data = save(weights, metadata={"format": "pt", "channels": ",".join(preprocess.channels)})
        temporary.write_bytes(_in_order(data))
        config = {**about, "preprocess": preprocess.to_json(), "weights_checksum": _checksum(temporary)}
        write_json(folder / CONFIG, config)


def load_model(folder: str | Path) -> tuple[nn.Module, Preprocess, dict[str, Any]]:
    """(backbone in evaluation mode on the CPU, its preprocessing, all of config.json).

    Raises `UserError` naming the file when one is missing, damaged, or of another training than its neighbour.
    """
    folder = Path(folder)
    config = read_json(folder / CONFIG)
    path, mend = folder / WEIGHTS, "delete the model's folder and run again"
    try:
        if _checksum(path) != config["weights_checksum"]:
            raise UserError(f"{path}: its checksum is not the one in {CONFIG}: damaged, or of another training", mend)
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be read ({error})", mend) from error
    except KeyError as error:
        raise UserError(f"{folder / CONFIG}: key {error} is missing", mend) from error
    preprocess = Preprocess.from_json(config["preprocess"])
    backbone = build(config["architecture"])
    backbone.load_state_dict(weights)
    return backbone.eval(), preprocess, config


def _in_order(data: bytes) -> bytes:
    """A file of safetensors with its metadata in alphabetical order.

    The package writes them in an order that differs from call to call: the same weights would have two checksums.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return data[:8] + text.ljust(start - 8) + data[start:]


def _checksum(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def how_to_load(architecture: Mapping[str, Any]) -> dict[str, str]:
    """Python lines that load the weights: by greenup, by timm alone where it has the network, and of ResNets by
    torchvision alone (run in the model's folder).

    They stand in config.json and in the model card, and the tests run them.
    """
    name, arguments = architecture["name"], architecture["arguments"]
    written = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    lines = {
        "greenup": "from greenup.pretrain.product import load_model; backbone, preprocess, about = load_model('.')",
    }
    if name in RELEASED_BACKBONES:
        return lines
    lines |= {
        "timm": f"import timm\nbackbone = timm.create_model('{name}', {written}, checkpoint_path='{WEIGHTS}').eval()",
    }
    if name.startswith("resnet"):
        lines["torchvision"] = (
            "import torch, torchvision; from safetensors.torch import load_file\n"
            f"backbone = torchvision.models.{name}(); backbone.fc = torch.nn.Identity()\n"
            f"backbone.conv1 = torch.nn.Conv2d({arguments['in_chans']}, 64, 7, stride=2, padding=3, bias=False)\n"
            f"backbone.load_state_dict(load_file('{WEIGHTS}')); backbone.eval()"
        )
    return lines
