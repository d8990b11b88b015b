"""The dataset that the shards make together: index, statistics, card, STAC collection."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from greenup.bands import measured_of
from greenup.config import Dataset
from greenup.errors import UserError
from greenup.files import read_table, write_json, write_table, write_text
from greenup.patches.agreement import check_ledger
from greenup.patches.card import dataset_card
from greenup.patches.collection import stac_collection
from greenup.patches.container import Form, ShardFile
from greenup.patches.fetch import Progress
from greenup.patches.items import Footprints, footprints, offsets_m, write_items
from greenup.patches.statistics import Histograms
from greenup.patches.workers import Run, each_run, runs
from greenup.schemas import INDEX, LEDGER, SITES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Description:
    """What card and collection tell of a dataset.

    ``index``: the table, with all that the ledgers say of its images. ``ledger``: of the site x season without an
    image, site_id, season, status and cause. ``statistics`` is the content of statistics.json.
    """

    name: str
    study: str
    dataset: Dataset
    form: Form
    sites: pd.DataFrame
    index: pd.DataFrame
    ledger: pd.DataFrame
    footprints: Footprints
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
    items: str | Path,
    workers: int = 1,
) -> None:
    """Write what a reader of the dataset needs, after one pass over all pixels.

    ``ledgers`` and ``pixels``: the files of all shards, in the same order. ``index`` must lie at
    ``<study>/datasets/<dataset>/index.parquet``: its ``file`` column is relative to ``<study>``; ``items`` and
    ``collection`` lie beside it. ``workers``: processes that read; the files are the same whatever their number.

    statistics.json holds ``channels`` (of each band and index, see `Histograms.summary`), ``masks`` (of each, pixels by
    value), ``product``, ``images``, ``sites``, ``seasons`` and ``ledger`` (counts), ``counts`` (images by land_cover,
    hemisphere and month), ``centre_offset_m`` (of patch centres from their sites: median and max), ``invalid``
    (share of pixels without data), ``simulated`` and ``attribution``.

    Raises `UserError` when a shard's files disagree (named), when a shard is of another dataset, or when there is no
    image at all.
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
    form, todo, parts = None, [], []
    for path, ledger_path, table in zip(map(Path, pixels), ledgers, tables, strict=True):
        with ShardFile(path) as file:
            form = form or file.form
            _check_form(file, form, dataset)
            check_ledger(file, table, ledger_path)
            todo += runs(path, len(file))
        ok = table[table["status"] == "ok"]
        parts.append(ok.assign(file=Path(os.path.relpath(path, root)).as_posix()))
    images = _images(places, pd.concat(parts, ignore_index=True), sites)
    histograms = Histograms(form)
    progress = Progress(f"statistics of {name}", len(images))
    for (_, start, stop), counted in each_run(_count, todo, workers):
        histograms.merge(counted)
        progress.step(stop - start)
    ground = footprints(images, form.size_px)
    about = {"simulated": form.simulated, "attribution": form.attribution}
    summary = {
        "product": dataset.imagery.product,
        "channels": histograms.summary(),
        "masks": histograms.mask_counts(),
        "images": len(images),
        "sites": int(images["site_id"].nunique()),
        "seasons": _counted(images["season"]),
        "ledger": dict(counts.most_common()),
        "counts": {
            "land_cover": _counted(images["land_cover"].astype(object).fillna("unknown").sort_values()),
            "hemisphere": _counted(images["lat"].ge(0).map({True: "north", False: "south"})),
            "month": _counted(images["time"].dt.strftime("%Y-%m").sort_values()),
        },
        "centre_offset_m": _offsets(images, ground),
        "invalid": float(1 - images["valid_fraction"].mean()),
        **about,
    }
    empty = pd.concat([t.loc[t["status"] != "ok", ["site_id", "season", "status", "cause"]] for t in tables])
    description = Description(name, root.name, dataset, form, places, images, empty, ground, summary)
    described = stac_collection(description)
    write_table(index, images[[c.name for c in INDEX.columns if c.name in images]], INDEX, **about)
    write_json(statistics, summary)
    write_text(card, dataset_card(description))
    write_json(collection, described)
    finest = form.resolutions_of(measured_of(form.bands) or form.bands)[0]
    write_items(items, images, ground, described, size_px=form.size_px, gsd=finest)
    log.info("dataset %s: %d images of %d sites", name, summary["images"], summary["sites"])


def _count(run: Run) -> Histograms:
    """Histograms of a run of images."""
    path, start, stop = run
    with ShardFile(path) as file:
        histograms = Histograms(file.form)
        for image in range(start, stop):
            histograms.add(file.read(image))
    return histograms


def _counted(values: pd.Series) -> dict[str, int]:
    """How often each value stands there, in the order in which they come."""
    return {str(k): int(v) for k, v in values.value_counts(sort=False).items() if v}


def _offsets(images: pd.DataFrame, ground: Footprints) -> dict[str, float]:
    """To the millimetre: the last digits of a geodesic differ between versions of PROJ."""
    offsets = offsets_m(images, ground)
    return {"median": round(float(np.median(offsets)), 3), "max": round(float(offsets.max()), 3)}


def _check_form(file: ShardFile, form: Form, dataset: Dataset) -> None:
    wanted: Mapping[str, Any] = {
        "bands": tuple(dataset.patches.bands),
        "size_px": dataset.patches.size_px,
        **{name: getattr(form, name) for name in ("simulated", "origin", "resampled")},
    }
    for field, value in wanted.items():
        if (found := getattr(file.form, field)) != value:
            raise UserError(
                f"{file.path}: {field} is {found}, the dataset has {value}",
                "a shard of another dataset: `snakemake repair`, then `snakemake patches`, with your --configfile",
            )


def _images(places: pd.DataFrame, ok: pd.DataFrame, sites: str | Path) -> pd.DataFrame:
    """The index, with the ledgers' other columns beside it."""
    unknown = ok.loc[~ok["site_id"].isin(places["site_id"]), "site_id"]
    if len(unknown):
        raise UserError(
            f"{ok['file'][unknown.index[0]]}: site {unknown.iloc[0]!r} is not in {sites}",
            "the shard is of another sampling: `snakemake repair`, then `snakemake patches`, with your --configfile",
        )
    of_site = places.set_index("site_id")[["lon", "lat", "stratum", "land_cover", "weight", "shard"]]
    return ok.join(of_site, on="site_id")
