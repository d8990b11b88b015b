"""The dataset that the shards make together: index, statistics, card, STAC collection."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from greenup.config import Dataset
from greenup.errors import UserError
from greenup.files import read_table, write_json, write_table, write_text
from greenup.patches.card import dataset_card
from greenup.patches.collection import stac_collection
from greenup.patches.container import Form, ShardFile
from greenup.patches.fetch import Progress
from greenup.patches.statistics import Histograms
from greenup.patches.verify import check_ledger
from greenup.schemas import INDEX, LEDGER, SITES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Description:
    """What card and collection tell of a dataset. ``statistics`` is the content of statistics.json."""

    name: str
    dataset: Dataset
    form: Form
    sites: pd.DataFrame
    index: pd.DataFrame
    statistics: dict[str, Any]


def describe_dataset(
    name: str,
    dataset: Dataset,
    *,
    sites: str | Path,
    ledgers: Sequence[str | Path],
    pixels: Sequence[str | Path],
    index: str | Path,
    statistics: str | Path,
    card: str | Path,
    collection: str | Path,
) -> None:
    """Write what a reader of the dataset needs, after one pass over all pixels.

    ``ledgers`` and ``pixels``: the files of all shards, in the same order. ``index`` must lie at
    ``<study>/datasets/<dataset>/index.parquet``: its ``file`` column is relative to ``<study>``.

    statistics.json holds ``channels`` (mean, std, p02, p50, p98 of each band and index in stored units, valid pixels
    only, at native resolution), ``masks`` (of each, pixels by value), ``product``, ``images``, ``sites``, ``seasons``
    and ``ledger`` (counts), ``simulated`` and ``attribution``.

    Raises `UserError` when a shard's files disagree (named) or when the dataset has no image at all.
    """
    places = read_table(sites, SITES)
    tables = [read_table(path, LEDGER) for path in ledgers]
    counts = Counter(status for table in tables for status in table["status"])
    if not counts["ok"]:
        found = ", ".join(f"{n} {status}" for status, n in counts.most_common()) or "no site has a season"
        raise UserError(
            f"dataset {name}: not a single image in {len(tables)} shards ({found})",
            "look at the causes in the ledgers; widen scenes.years or scenes.max_cloud, or lower scenes.min_images",
        )
    root = Path(index).parents[2]
    progress = Progress(f"statistics of {name}", counts["ok"])
    form, histograms, parts = None, None, []
    for path, ledger_path, table in zip(pixels, ledgers, tables, strict=True):
        with ShardFile(path) as file:
            check_ledger(file, table, ledger_path)
            if form is None:
                form = file.form
                histograms = Histograms(form)
            _check_form(file, form, dataset)
            for image in range(len(file)):
                histograms.add(file.read(image))
                progress.step()
        ok = table[table["status"] == "ok"]
        parts.append(ok.assign(file=Path(os.path.relpath(path, root)).as_posix()))
    contents = _index(places, pd.concat(parts, ignore_index=True), sites)
    about = {"simulated": form.simulated, "attribution": form.attribution}
    summary = {
        "product": dataset.imagery.product,
        "channels": histograms.summary(),
        "masks": histograms.mask_counts(),
        "images": len(contents),
        "sites": int(contents["site_id"].nunique()),
        "seasons": {str(k): int(v) for k, v in contents["season"].value_counts(sort=False).items()},
        "ledger": dict(counts.most_common()),
        **about,
    }
    description = Description(name, dataset, form, places, contents, summary)
    write_table(index, contents, INDEX, **about)
    write_json(statistics, summary)
    write_text(card, dataset_card(description))
    write_json(collection, stac_collection(description))
    log.info("dataset %s: %d images of %d sites", name, summary["images"], summary["sites"])


def _check_form(file: ShardFile, form: Form, dataset: Dataset) -> None:
    for field, wanted in (
        ("bands", tuple(dataset.patches.bands)),
        ("size_px", dataset.patches.size_px),
        ("simulated", form.simulated),
    ):
        if (found := getattr(file.form, field)) != wanted:
            raise UserError(
                f"{file.path}: {field} is {found}, the dataset has {wanted}", "delete this shard and run again"
            )


def _index(places: pd.DataFrame, ok: pd.DataFrame, sites: str | Path) -> pd.DataFrame:
    unknown = ok.loc[~ok["site_id"].isin(places["site_id"]), "site_id"]
    if len(unknown):
        raise UserError(
            f"{ok['file'][unknown.index[0]]}: site {unknown.iloc[0]!r} is not in {sites}",
            "the shard is of another sampling: delete it and run again",
        )
    of_site = places.set_index("site_id")[["lon", "lat", "stratum", "land_cover", "weight", "shard"]]
    table = ok.join(of_site, on="site_id")
    return table[[c.name for c in INDEX.columns]]
