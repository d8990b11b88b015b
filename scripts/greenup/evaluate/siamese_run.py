"""Change detection by one model folder on OSCD: what the rule detect_change does."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from greenup.config.evaluation import SiameseProtocol
from greenup.config.image_sets import OscdSet
from greenup.errors import UserError
from greenup.evaluate.siamese_tiles import Pair
from greenup.evaluate.siamese_training import run_siamese
from greenup.pretrain.product import load_model
from greenup.tasks.image_sets.oscd import Oscd


def detect_change(
    model_folder: str | Path, image_set: OscdSet, protocol: SiameseProtocol, *, seed: int, threads: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train the siamese head on the training cities, judge it on the test cities: see `run_siamese`.

    All cities are held in memory: half a gigabyte with 13 channels. Raises `UserError` where a split has no city.
    """
    torch.set_num_threads(max(1, threads))
    backbone, preprocess, _ = load_model(model_folder)
    reader = Oscd(image_set)
    index = reader.index()
    parts = {}
    for split in ("train", "test"):
        cities = index.loc[index["split"] == split, "site_id"]
        if cities.empty:
            raise UserError(f"{image_set.folder}: no city of the {split} split", f"unpack its {split} labels there")
        parts[split] = [Pair(city, *reader.pair(city, preprocess.channels)) for city in cities]
    return run_siamese(backbone, preprocess, parts["train"], parts["test"], protocol, seed=seed)
