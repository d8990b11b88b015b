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
from greenup.pretrain.preprocess import Preprocess
from greenup.pretrain.product import how_to_load

SMOKE_SITES = 1000
"""Below this many sites a training is called a smoke test: it shows that things run, not what a method can do."""


_TRAINED_ON = {
    "s2_l2a": "Level-2A surface reflectance without a cloud mask in the pixels; not for Level-1C",
    "s2_l1c": "Level-1C reflectance at the top of the atmosphere without a cloud mask in the pixels; not for Level-2A",
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
        "architecture": model.backbone,
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
        "how_to_load": how_to_load(model.backbone, len(model.channels)),
        "versions": {
            "greenup": getattr(greenup, "__version__", "unknown"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
        },
    }


def model_card(about: Mapping[str, Any], preprocess: Preprocess, rows: list[dict[str, Any]]) -> str:
    """The model card, Markdown. ``rows`` are the lines of curves.csv, none for random weights."""
    load = about["how_to_load"]
    random = about["training"]["name"] == "random_init"
    size = (
        "the image's own size" if preprocess.size_px is None else f"{preprocess.size_px} x {preprocess.size_px} pixels"
    )
    lines = [f"# {about['name']}", ""]
    if about["simulated"]:
        lines += ["**Simulated:** made from images of the miniature Earth; it knows nothing of the real one.", ""]
    if about["smoke_test"]:
        lines += [
            f"**Smoke test:** trained on {about['sites']} sites. It shows that training runs, not what the method can "
            "do; do not compare it with published models.",
            "",
        ]
    method = "random weights (the baseline of every table)" if random else about["training"]["name"]
    lines += [
        f"{about['architecture']} ({about['features']} features), {method}, dataset `{about['dataset']}`: "
        f"{about['sites']} sites, {about['images']} images, seed {about['seed']}.",
        "",
        "## Input",
        "",
        f"Stored values at 10 m, {size} (centre crop, or resized up), scaled as "
        f"`(x - mean) / std` (`{preprocess.input_scale}`), channels in this order:",
        "",
        "| channel | stored as | mean | std |",
        "|---|---|---|---|",
        *(
            f"| {c} | {BANDS[c].stored_as} | {m:.2f} | {s:.2f} |"
            for c, m, s in zip(preprocess.channels, preprocess.mean, preprocess.std, strict=True)
        ),
        "",
        f"Batch norm holds the {about['batch_norm']}.",
        "",
        "## Loading",
        "",
        "In this folder, with greenup (the preprocessing comes along):",
        "",
        *_code(load["greenup"]),
        "with timm alone:",
        "",
        *_code(load["timm"]),
        "or with torchvision alone:",
        "",
        *_code(load["torchvision"]),
    ]
    if rows:
        first, last = rows[0], rows[-1]
        lines += [
            "## Training",
            "",
            f"{last['epoch']} epochs, {last['step']} steps, on {about['training_sites']} sites; the others are held "
            f"out. Loss {first['loss']:.3f} after the first epoch and {last['loss']:.3f} after the last, held-out loss "
            f"{_number(first['held_out_loss'])} and {_number(last['held_out_loss'])}. All settings stand in "
            "config.json, the curves in curves.csv.",
            "",
        ]
    lines += ["## Limits", "", *_limits(about, random), ""]
    if about["attribution"]:
        lines += ["## Sources", "", about["attribution"], ""]
    return "\n".join(lines)


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
