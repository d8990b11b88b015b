"""Configuration of methods that train nothing: vectors that a table gives, and models that are there already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from greenup.config.block import Block

TIMM_BACKBONES: tuple[str, ...] = ("resnet18", "resnet50", "vit_small", "vit_tiny")
"""Networks that are trained here; timm's names begin so."""

RELEASED_BACKBONES: dict[str, int | None] = {
    "satmae_vit_large": 96,
    "satlas_swin_v2_base": None,
    "croma_vit_large": 120,
    "dofa_vit_large": 224,
}
"""Networks that are there as released weights only, and the one image side that their positions allow (pixels)."""


class FeaturesMethod(Block):
    """No image at all: the vector of a labelled point is columns of a table, e.g. elevation and latitude. Models of
    images are held against it, and points that have no images are judged by it alone."""

    name: Literal["features"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results."""
    file: str = Field(examples=["data/stations.csv"])
    """CSV, Parquet, GeoPackage or GeoJSON with a row a site, found by site_id, or else by lon and lat."""
    columns: tuple[str, ...] = Field(min_length=1, examples=[["elevation_m", "lat"]])
    """Its columns of numbers that make the vector, in this order; no cell may be empty. Probes standardise them."""


class FolderMethod(Block):
    """A model that was trained before, by this or another study, taken as it is."""

    name: Literal["folder"]
    """Kind of method."""
    recipe: int = 1
    """Bumped by hand when the code of this method changes its results."""
    path: str = Field(examples=["results/demo/models/seco_eco"])
    """Folder with its weights.safetensors and config.json."""


def model_of_folder(path: str | Path) -> dict[str, Any]:
    """The keys of a model block that a folder's config.json decides: network, channels, and how images are prepared.

    Raises `ValueError` where there is no model, one that an older greenup wrote, or a network that this one has not.
    """
    config = Path(path) / "config.json"
    try:
        about = json.loads(config.read_text(encoding="utf-8"))
        network, preprocess = about["architecture"], about["preprocess"]
        keys = {
            "backbone": _backbone(network["name"]),
            "patch_px": network["arguments"].get("patch_size"),
            "channels": about["channels"],
            "input_scale": preprocess["input_scale"],
            "size_px": preprocess["size_px"],
            "interpolation": preprocess.get("interpolation"),
            "zero_when_missing": preprocess.get("zero_when_missing"),
        }
    except OSError as error:
        raise ValueError(
            f"method.path: {config} cannot be read ({error.strerror}); write the folder of a trained model, "
            "results/<study>/models/<model>"
        ) from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"method.path: {config} is not what this greenup writes ({type(error).__name__}: {error}); train the model "
            "again, or write another folder"
        ) from None
    return {key: value for key, value in keys.items() if value is not None}


def about_folder(path: str | Path) -> Mapping[str, Any]:
    """All that a model folder says of itself (its config.json); the file must be there."""
    return json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))


def _backbone(architecture: str) -> str:
    """Name of the backbone that config.json calls ``architecture``: timm's vit_small_patch16_224 is a vit_small."""
    if architecture in RELEASED_BACKBONES:
        return architecture
    found = next((b for b in TIMM_BACKBONES if architecture == b or architecture.startswith(f"{b}_")), None)
    if found is None:
        raise ValueError(f"{architecture!r} is none of {', '.join((*TIMM_BACKBONES, *RELEASED_BACKBONES))}")
    return found
