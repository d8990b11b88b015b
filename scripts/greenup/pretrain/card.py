"""What a model says of itself: config.json's content and the model card."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import timm
import torch

import greenup
from greenup.bands import BANDS
from greenup.config import Model
from greenup.config.given import RELEASED_BACKBONES
from greenup.config.weights import ReleasedWeights
from greenup.pretrain.backbones import architecture_of
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.product import how_to_load

SMOKE_SITES = 1000
"""Below this many sites a training is called a smoke test: it shows that things run, not what a method can do."""


_TRAINED_ON = {
    "s2_l2a": "Sentinel-2 Level-2A surface reflectance without a cloud mask in the pixels; not for Level-1C",
    "s2_l1c": "Sentinel-2 Level-1C (top of the atmosphere) without a cloud mask in the pixels; not for Level-2A",
    "s1_grd": "Sentinel-1 GRD backscatter in dB, speckle and all; not for terrain-corrected gamma nought",
}


def describe(
    name: str,
    model: Model,
    statistics: Mapping[str, Any],
    *,
    seed: int,
    sites: int,
    training_sites: int,
    images: int,
    calibration_images: int,
    width: int,
) -> dict[str, Any]:
    """The content of config.json besides preprocessing and checksum."""
    return {
        "name": name,
        "architecture": architecture_of(model),
        "features": width,
        "channels": list(model.channels),
        "dataset": model.dataset,
        # Statistics written before there were other products do not name theirs.
        "product": statistics.get("product", "s2_l2a"),
        "sites": sites,
        "training_sites": training_sites,
        "images": images,
        "smoke_test": model.method.name != "random_init" and sites < SMOKE_SITES,
        "simulated": bool(statistics["simulated"]),
        "attribution": statistics["attribution"],
        "seed": seed,
        "training": model.method.model_dump(mode="json"),
        "batch_norm": f"statistics of {calibration_images} images of the dataset, preprocessed as when embedding",
        "how_to_load": how_to_load(architecture_of(model)),
        "versions": _versions(),
    }


def describe_released(
    name: str, model: Model, weights: ReleasedWeights, architecture: Mapping[str, Any], *, width: int
) -> dict[str, Any]:
    """The content of config.json for weights that others have released: the keys of `describe`, and ``released``."""
    return {
        "name": name,
        "architecture": dict(architecture),
        "features": width,
        "channels": list(model.channels),
        "dataset": None,
        "product": weights.product,
        "sites": 0,
        "training_sites": 0,
        "images": 0,
        "smoke_test": False,
        "simulated": False,
        "attribution": weights.citation,
        "seed": None,
        "training": model.method.model_dump(mode="json"),
        "batch_norm": "statistics that came with the weights",
        "released": {
            "title": weights.title,
            "file": weights.file,
            "source": weights.source,
            "licence": weights.licence,
            "citation": weights.citation,
        },
        "how_to_load": how_to_load(architecture),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    return {
        "greenup": getattr(greenup, "__version__", "unknown"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
    }


def model_card(about: Mapping[str, Any], preprocess: Preprocess, rows: list[dict[str, Any]]) -> str:
    """The model card, Markdown. ``rows`` are the lines of curves.csv, none for random weights."""
    load, released = about["how_to_load"], about.get("released")
    random = about["training"]["name"] == "random_init"
    lines = [f"# {about['name']}", ""]
    if about["simulated"]:
        lines += ["**Simulated:** made from images of the miniature Earth; it knows nothing of the real one.", ""]
    if about["smoke_test"]:
        lines += [
            f"**Smoke test:** trained on {about['sites']} sites. It shows that training runs, not what the method can "
            "do; do not compare it with published models.",
            "",
        ]
    network = f"{about['architecture']['name']} ({about['features']} features)"
    if released:
        lines += [f"{network}, {released['title']}: weights that others have released, not trained here."]
    else:
        method = "random weights (the baseline of every table)" if random else about["training"]["name"]
        lines += [
            f"{network}, {method}, dataset `{about['dataset']}`: {about['sites']} sites, {about['images']} images, "
            f"seed {about['seed']}."
        ]
    lines += ["", "## Input", "", *_input(preprocess)]
    if about["architecture"]["name"].startswith("resnet"):
        lines += [f"Batch norm holds the {about['batch_norm']}.", ""]
    elif (px := RELEASED_BACKBONES.get(about["architecture"]["name"])) is not None:
        lines += [f"Its positions are those of images of {px} pixels, and it takes no other size.", ""]
    elif about["architecture"]["name"] not in RELEASED_BACKBONES:
        side = about["architecture"]["arguments"]["patch_size"]
        lines += [
            f"The sides of an image must be multiples of {side} pixels, one token; positions are learnt for "
            f"{about['architecture']['arguments']['img_size']} pixels and interpolated for other sizes.",
            "",
        ]
    lines += [
        "## Loading",
        "",
        "In this folder, with greenup (the preprocessing comes along):",
        "",
        *_code(load["greenup"]),
    ]
    if "timm" in load:
        lines += ["with timm alone:", "", *_code(load["timm"])]
    if "torchvision" in load:
        lines += ["or with torchvision alone:", "", *_code(load["torchvision"])]
    lines += ["What these give must be fed images that are scaled as above; `preprocess` of greenup does it.", ""]
    if rows:
        lines += ["## Training", "", *_training(about, rows)]
    lines += ["## Limits", "", *_limits(about, random), ""]
    if released:
        lines += [
            "## Licence and citation",
            "",
            f"Licence: {released['licence']}. Cite {released['citation']}. The file `{released['file']}` comes from "
            f"{released['source']}.",
            "",
        ]
    elif about["attribution"]:
        lines += ["## Sources", "", about["attribution"], ""]
    return "\n".join(lines)


def _input(preprocess: Preprocess) -> list[str]:
    """What the network takes: size, formula, and a row a channel."""
    px = preprocess.size_px
    size = "the image's own size" if px is None else f"{px} x {px} pixels"
    formula, head, rows = "`(x - mean) / std`", ["channel", "stored as", "mean", "std"], []
    if preprocess.low is not None:
        formula = "cut to low .. high, " + (
            "rounded down to the steps between the two, and then " if preprocess.levels is not None else "and then "
        )
        formula += "`(x - mean) / std`"
        formula += f", cut to 0 .. 1 in {preprocess.steps} steps" if preprocess.steps is not None else ""
        head += ["low", "high", *(["steps"] if preprocess.levels is not None else [])]
    for i, channel in enumerate(preprocess.channels):
        row = [channel, BANDS[channel].stored_as, f"{preprocess.mean[i]:.2f}", f"{preprocess.std[i]:.2f}"]
        if preprocess.low is not None and preprocess.high is not None:
            row += [f"{preprocess.low[i]:.2f}", f"{preprocess.high[i]:.2f}"]
            row += [str(preprocess.levels[i] or "all")] if preprocess.levels is not None else []
        rows.append(f"| {' | '.join(row)} |")
    fit = f"centre crop, or {preprocess.interpolation} resize up"
    return [
        f"Stored values at 10 m, {size} ({fit}), {formula} (`{preprocess.input_scale}`), channels in this order:",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
        *rows,
        "",
        *(
            [f"Images without {', '.join(preprocess.zero_when_missing)} get 0 there, as the network's input.", ""]
            if preprocess.zero_when_missing
            else []
        ),
    ]


def _training(about: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    first, last = rows[0], rows[-1]
    lines = [
        f"{last['epoch']} epochs, {last['step']} steps, on {about['training_sites']} sites; the others are held "
        f"out. Loss {first['loss']:.3f} after the first epoch and {last['loss']:.3f} after the last, held-out loss "
        f"{_number(first['held_out_loss'])} and {_number(last['held_out_loss'])}. All settings stand in "
        "config.json, the curves in curves.csv.",
        "",
    ]
    if skipped := about.get("skipped"):
        lines += [f"**Damaged patches:** {skipped} were skipped in training; see the log.", ""]
    if quirks := about["training"].get("compat"):
        lines += [f"Quirks of the released code that were reproduced: {', '.join(quirks)}.", ""]
    told = ", ".join(f"{k} {_setting(v)}" for k, v in about["training"].items() if k not in ("name", "compat"))
    return [*lines, f"Settings: {told}.", ""]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{k} {_setting(v)}" for k, v in value.items() if v is not None) + ")"
    if isinstance(value, list | tuple):
        return "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _limits(about: Mapping[str, Any], random: bool) -> list[str]:
    limits = ["- Other channels, another order or another scaling give numbers without meaning."]
    if random:
        limits.append("- Nothing was learned: these weights only tell what the architecture gives by itself.")
    else:
        limits.append(f"- Trained on {_TRAINED_ON[about['product']]}.")
        limits.append("- The projection heads are left out: this is the encoder whose features are evaluated.")
    if about["simulated"]:
        limits.append("- Simulated images: of no use on real ones.")
    return limits


def _code(lines: str) -> list[str]:
    return ["```python", *lines.split("\n"), "```", ""]


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
