"""Released weights by name: the file of a row of config/weights.csv becomes a model folder like one trained here."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from greenup.config import Model
from greenup.config.weights import ReleasedWeights, weights_named
from greenup.errors import UserError
from greenup.files import atomic_path, write_text
from greenup.pretrain.backbones import architecture_of, build
from greenup.pretrain.card import describe_released, model_card
from greenup.pretrain.checkpoint_files import read_checkpoint
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.product import CARD, CURVES, save_model
from greenup.schemas import CURVE_COLUMNS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Layout:
    """How a kind of file names its tensors.

    ``within``: key of the file under which they lie; None: the file itself. ``prefix``: of the encoder that its
    authors evaluate, after the ``module.`` of data parallelism. ``heads``: names after the prefix that are no part of
    the backbone. ``beside``: beginnings of names of what is not that encoder. ``numbered``: the encoder is a
    sequence of the children of torchvision's ResNet, named by their number. ``nested``: the file is parts by name, each
    of tensors by name. ``into``: what the backbone calls the part of it that the file is of. ``fresh``: beginnings of
    names in the backbone that files need not have, because the authors too start from them as they are built: norms of
    scale 1 and shift 0, positions of 0.
    """

    within: str | None = None
    prefix: str = ""
    heads: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    numbered: bool = False
    nested: bool = False
    into: str = ""
    fresh: tuple[str, ...] = ()


_LAYOUTS: dict[str, _Layout] = {
    # Plain names of timm and torchvision, as TorchGeo hands them out.
    "timm": _Layout(heads=("fc.", "head.")),
    # SeCo and SSL4Eco (models/moco2_module.py), checkpoints of Lightning.
    "seco": _Layout("state_dict", "encoder_q.", beside=("encoder_k.", "heads_q.", "heads_k.", "queue"), numbered=True),
    # MoCo-v2 (moco/builder.py).
    "moco": _Layout("state_dict", "encoder_q.", ("fc.",), ("encoder_k.", "queue")),
    # MoCo-v3 (moco/builder.py), whose base encoder carries the projector as its head.
    "mocov3": _Layout("state_dict", "base_encoder.", ("head.", "fc."), ("momentum_encoder.", "predictor.")),
    # DINO (main_dino.py): the teacher, as its authors evaluate it.
    "dino": _Layout("teacher", "backbone.", ("fc.", "head."), ("head.",)),
    # MAE (models_mae.py): encoder and decoder in one network.
    "mae": _Layout("model", "", ("decoder_", "mask_token", "head.")),
    # SatMAE (models_mae_group_channels.py, and models_vit_group_channels.py once fine-tuned). The pretrained file norms
    # every token for its decoder, where the pooled features have a norm of their own.
    "satmae": _Layout(
        "model",
        heads=("decoder_", "mask_token", "head.", "norm."),
        fresh=("fc_norm.", "channel_cls_embed"),
    ),
    # Satlas, as TorchGeo hands it out: torchvision's Swin, with a norm and a classifier that Satlas does not use.
    "satlas": _Layout(heads=("head.", "norm.")),
    # CROMA (pretrain_croma.py): networks of radar, of optics, and of both.
    "croma": _Layout(beside=("s1_", "joint_"), nested=True),
    # DOFA (models_dwv.py); its README tells what the file has beside the encoder, and lacks.
    "dofa": _Layout(heads=("mask_token", "norm.", "projector.", "head."), into="network.", fresh=("network.fc_norm.",)),
}

_CHILDREN = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def load_released(weights: ReleasedWeights, path: str | Path, architecture: Mapping[str, Any]) -> nn.Module:
    """The backbone in a file of released weights, in evaluation mode on the CPU.

    Every tensor of the network must be in the file and of its shape, and what is left over must be a part that the
    layout is known to have (heads, queues, decoders, momentum encoders). Raises `UserError` naming file, key, shapes
    and mend otherwise.
    """
    mend = (
        f"is it {weights.file} of {weights.source}? {weights.how_to_get}, or name the weights that it holds "
        "(config/weights.csv)"
    )
    layout = _LAYOUTS[weights.reader]
    tensors = read_checkpoint(path, mend)
    if layout.within is not None:
        if not isinstance(tensors.get(layout.within), Mapping):
            held = ", ".join(map(str, list(tensors)[:6])) or "nothing"
            raise UserError(f"{path}: key {layout.within!r} is missing (it holds {held})", mend)
        tensors = tensors[layout.within]
    if layout.nested:
        tensors = {f"{a}.{b}": v for a, part in tensors.items() if isinstance(part, Mapping) for b, v in part.items()}
    found, strange = _of_the_backbone(tensors, layout)
    network = build(architecture)
    expected = network.state_dict()
    if layout.fresh:
        found = {**{key: value for key, value in expected.items() if key.startswith(layout.fresh)}, **found}
    for key, value in expected.items():
        if key not in found:
            raise UserError(f"{path}: {key!r} is missing, a part of {architecture['name']}", mend)
        if tuple(found[key].shape) != tuple(value.shape):
            raise UserError(f"{path}: {_shapes(key, found[key], value)}", mend)
    if strange := [*strange, *(k for k in found if k not in expected)]:
        raise UserError(
            f"{path}: {strange[0]!r} is no part of {architecture['name']} (nor are {len(strange) - 1} others)", mend
        )
    network.load_state_dict(found)
    return network.eval()


def _of_the_backbone(tensors: Mapping[str, Any], layout: _Layout) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Tensors by their name in the backbone; names that this layout does not know."""
    found: dict[str, torch.Tensor] = {}
    strange: list[str] = []
    for name, value in tensors.items():
        key = re.sub(r"^module\.", "", str(name))
        if key.startswith(layout.beside) or not isinstance(value, torch.Tensor):
            continue
        if not key.startswith(layout.prefix):
            strange.append(str(name))
            continue
        key = key[len(layout.prefix) :]
        if key.startswith(layout.heads):
            continue
        if layout.numbered:
            number, _, rest = key.partition(".")
            key = f"{_CHILDREN.get(number, number)}.{rest}"
        found[layout.into + key] = value
    return found, strange


def _shapes(key: str, found: torch.Tensor, expected: torch.Tensor) -> str:
    here, there = tuple(found.shape), tuple(expected.shape)
    if key in ("conv1.weight", "patch_embed.proj.weight") and here[1] != there[1]:
        return f"{key!r} takes {here[1]} channels, not {there[1]}: {here} instead of {there}"
    return f"{key!r} is {here} instead of {there}"


def import_weights(name: str, model: Model, *, file: str | Path, out: str | Path) -> None:
    """Write weights.safetensors, config.json, README.md and an empty curves.csv from a file of released weights.

    Channels, order, scaling, size and batch-norm statistics are those of the authors' training, so that the folder
    is used like that of a model trained here. Raises `UserError` when the file is not what the row of
    config/weights.csv says.
    """
    weights = weights_named(model.method.weights)
    # Learnt positions belong to the size of the pretraining, whatever size is embedded.
    architecture = architecture_of(model.model_copy(update={"size_px": weights.img_size}))
    backbone = load_released(weights, file, architecture)
    preprocess = Preprocess.from_model(model, None)
    about = describe_released(name, model, weights, architecture, width=backbone.num_features)
    with atomic_path(Path(out) / CURVES) as temporary:
        pd.DataFrame(columns=list(CURVE_COLUMNS)).to_csv(temporary, index=False)
    write_text(Path(out) / CARD, model_card(about, preprocess, []))
    save_model(out, backbone, preprocess, about)
    log.info("%s: %s from %s. %s", name, weights.title, file, weights.citation)
