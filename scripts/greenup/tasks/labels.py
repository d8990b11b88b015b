"""Labels of a task: one image a site, and what is to be predicted from it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from greenup.config.data import Imagery, MiniatureImagery
from greenup.config.learning import FileLabels, MiniatureLabels, SiteLabels, Task
from greenup.errors import UserError
from greenup.schemas import SEASONS

log = logging.getLogger(__name__)

SEPARATOR = ", "
"""Between the class names of one image of a multilabel task; an empty text is an image with none of the classes."""

CLIMATE = ("temperature_c", "precipitation_mm", "evapotranspiration_mm", "water_balance_mm")
"""Targets of the miniature Earth's climate task (CHELSA's in SSL4Eco, section 4.1)."""

MIN_IMAGES = 3
"""One image each to train, validate and test is the least that a task can be made of."""

# Coordinates of a label file are matched to this many decimals of a degree (about 1 m).
_DECIMALS = 5
_PLACE = ("site_id", "season", "lon", "lat")


def label_images(task: Task, sites: pd.DataFrame, index: pd.DataFrame, imagery: Imagery) -> pd.DataFrame:
    """The labelled images of a task: a `labels` table, sorted by site_id, one row a site.

    ``sites`` and ``index`` are the tables of the task's dataset, ``imagery`` its image source. Beside site_id, season,
    lon and lat the table has: for classification `label` (class name); for multilabel `label` (sorted class names
    between `SEPARATOR`, possibly none); for regression one float column a target, in the unit of its source.

    Images without a value, and classes below ``min_count``, are left out and counted in the log.

    Raises `UserError` when the season has no image, when a label file lacks columns or sites or holds what is no
    number, when fewer than two classes (or a constant target) or fewer than `MIN_IMAGES` images are left.
    """
    images = _one_image_a_site(index, task.season)
    match task.labels:
        case SiteLabels():
            values = _from_sites(task, sites, images)
        case MiniatureLabels():
            values = _from_miniature(task, images, imagery)
        case FileLabels():
            values = _from_file(task, task.labels, images)
    where = _where(task)
    known = values.notna().all(axis=1).to_numpy()
    if not known.all():
        log.warning("%s: %d of %d images have no value and are left out", where, int((~known).sum()), len(images))
    table = pd.concat([images, values], axis=1)[known].reset_index(drop=True)
    if isinstance(task.labels, SiteLabels):
        table = _without_rare(table, task.labels.min_count, where)
    _check_enough(task, table, where)
    log.info("%s: %d labelled images", where, len(table))
    return table


def _where(task: Task) -> str:
    match task.labels:
        case SiteLabels(column=column):
            return f"labels from site column {column!r} of dataset {task.dataset!r}"
        case MiniatureLabels(variable=variable):
            return f"labels from the miniature Earth's {variable!r}"
        case FileLabels(file=file):
            return file


def _one_image_a_site(index: pd.DataFrame, season: str | None) -> pd.DataFrame:
    """The image of the named season at each site; unnamed, the first season that the site has, in yearly order."""
    found = sorted(index["season"].unique(), key=lambda s: (SEASONS.index(s) if s in SEASONS else len(SEASONS), s))
    if season is not None:
        if season not in found:
            raise UserError(
                f"season: no image of season {season!r} in the dataset's index",
                f"write one of {', '.join(map(str, found))}, or leave season empty",
            )
        index = index[index["season"] == season]
    elif len(found) > 1:
        log.warning("the dataset has seasons %s: each site's first is labelled; name one by season:", ", ".join(found))
    order = index["season"].map({s: i for i, s in enumerate(found)})
    images = index.assign(_order=order).sort_values(["site_id", "_order"]).drop_duplicates("site_id")
    return images[list(_PLACE)].reset_index(drop=True)


# ----------------------------------------------------------------------------------------------------------- sources
def _from_sites(task: Task, sites: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    if task.kind != "classification":
        raise UserError(
            f"tasks: kind {task.kind!r} with labels from a site column, which holds one class a site",
            "write kind: classification",
        )
    column = task.labels.column
    by_site = sites.set_index("site_id")[column]
    strangers = ~images["site_id"].isin(by_site.index)
    if strangers.any():
        raise UserError(
            f"index and sites disagree: image of site {images['site_id'][strangers].iloc[0]!r}, which is no site",
            "rerun describe_dataset for this dataset",
        )
    return pd.DataFrame({"label": images["site_id"].map(by_site).astype("string")})


def _from_miniature(task: Task, images: pd.DataFrame, imagery: Imagery) -> pd.DataFrame:
    fits = {"climate": "regression", "genera": "multilabel"}[task.labels.variable]
    if task.kind != fits:
        raise UserError(
            f"tasks: kind {task.kind!r} with the miniature Earth's {task.labels.variable!r}", f"write kind: {fits}"
        )
    if not isinstance(imagery, MiniatureImagery):
        raise UserError(
            f"tasks: labels of the miniature Earth for images of source {imagery.source!r}",
            "give the dataset imagery: {source: miniature}, or take labels from a file",
        )
    from greenup.imagery.miniature import MiniatureSource

    source = MiniatureSource(imagery.seed)
    places = images[["site_id", "lon", "lat"]]
    if task.labels.variable == "climate":
        known = source.climate(places).set_index("site_id")[list(CLIMATE)].astype("float64")
        return known.reindex(images["site_id"]).reset_index(drop=True)
    known = source.genera(places).set_index("site_id")["label"].reindex(images["site_id"]).reset_index(drop=True)
    return pd.DataFrame({"label": known.map(_tidy_names, na_action="ignore").astype("string")})


def _from_file(task: Task, labels: FileLabels, images: pd.DataFrame) -> pd.DataFrame:
    columns = list(labels.columns)
    if task.kind != "regression" and len(columns) > 1:
        raise UserError(
            f"tasks: labels.columns names {len(columns)} columns for kind {task.kind!r}",
            "name one column, or write kind: regression",
        )
    if taken := [c for c in columns if task.kind == "regression" and c in _PLACE]:
        raise UserError(
            f"tasks: labels.columns: {taken[0]!r} would replace the table's own column of that name",
            f"rename it in {labels.file}",
        )
    table = _read_label_file(labels.file)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise UserError(
            f"{labels.file}: column {missing[0]!r} is missing", f"columns there: {', '.join(map(str, table.columns))}"
        )
    rows = _match_rows(table, images, labels.file)
    picked = table[columns].iloc[rows].reset_index(drop=True)
    if task.kind == "regression":
        return pd.DataFrame({c: _numbers(picked[c], images["site_id"], labels.file) for c in columns})
    text = picked[columns[0]].astype("string").str.strip()
    text = text.mask(text == "")
    if task.kind == "multilabel":
        text = text.map(_tidy_names, na_action="ignore").astype("string")
    return pd.DataFrame({"label": text})


def _read_label_file(file: str) -> pd.DataFrame:
    """A CSV with every cell as text (ids such as 007 and a class named NA stay what they are), or a Parquet file."""
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{file}: no such file", "mend tasks.<name>.labels.file (paths start at the working directory)")
    try:
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""], skipinitialspace=True)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({error})", "give a CSV (UTF-8, commas) or a Parquet file") from error


def _match_rows(table: pd.DataFrame, images: pd.DataFrame, file: str) -> np.ndarray:
    """The row of the label file of each image, by site_id or else by position (lon, lat)."""
    if "site_id" in table.columns:
        theirs = pd.Index(table["site_id"].astype("string"))
        ours = pd.Index(images["site_id"].astype("string"))
        what = "site_id"
    elif {"lon", "lat"} <= set(table.columns):
        numbers = {axis: _numbers(table[axis], pd.Series(range(len(table))), file) for axis in ("lon", "lat")}
        theirs = pd.MultiIndex.from_arrays([numbers[axis].round(_DECIMALS) for axis in ("lon", "lat")])
        ours = pd.MultiIndex.from_arrays([images[axis].round(_DECIMALS) for axis in ("lon", "lat")])
        what = "lon, lat"
    else:
        raise UserError(f"{file}: neither column 'site_id' nor columns 'lon' and 'lat'", "add one of them")
    twice = theirs.duplicated()
    if (relevant := twice & theirs.isin(ours)).any():
        row = int(relevant.argmax())
        raise UserError(f"{file}: row {row}: {what} {theirs[row]} stands twice", "keep one row a site")
    # Rows that stand twice are of no image here; without them the look-up is unique.
    first = np.flatnonzero(~twice)
    found = theirs[first].get_indexer(ours)
    lost = found < 0
    if lost.any():
        shown = ", ".join(str(o) for o in ours[lost][:3])
        raise UserError(
            f"{file}: {int(lost.sum())} of {len(ours)} images have no row by {what}: {shown}",
            "add their rows (an empty cell leaves an image out)"
            + ("" if not lost.all() else f"; no {what} matches at all: is this the file of another dataset?"),
        )
    spare = len(first) - len(np.unique(found))
    if spare:
        log.info("%s: %d rows are of no image of this dataset", file, spare)
    return first[found]


def _numbers(values: pd.Series, ids: pd.Series, file: str) -> pd.Series:
    """A column as finite float64, empty cells as NaN. Raises `UserError` naming the first cell that is no number."""
    numbers = pd.to_numeric(values, errors="coerce").astype("Float64").to_numpy("float64", na_value=np.nan)
    bad = (np.isnan(numbers) & values.notna().to_numpy() & ~_is_float_nan(values)) | np.isinf(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise UserError(
            f"{file}: column {values.name!r}, {ids.iloc[row]}: {values.iloc[row]!r} is not a finite number",
            "write a number with a decimal point, or leave the cell empty to leave the image out",
        )
    return pd.Series(numbers, name=values.name)


def _is_float_nan(values: pd.Series) -> np.ndarray:
    return np.fromiter((isinstance(v, float) and v != v for v in values), bool, len(values))


def _tidy_names(text: str) -> str:
    return SEPARATOR.join(sorted({name.strip() for name in text.split(",")} - {""}))


# ------------------------------------------------------------------------------------------------------------ checks
def _without_rare(table: pd.DataFrame, min_count: int, where: str) -> pd.DataFrame:
    counts = table["label"].value_counts()
    rare = counts[counts < min_count].sort_index()
    if rare.empty:
        return table
    log.warning(
        "%s: %d classes with fewer than %d images are left out (%d images): %s",
        where, len(rare), min_count, int(rare.sum()), ", ".join(f"{c} {n}" for c, n in rare.items()),
    )  # fmt: skip
    return table[~table["label"].isin(rare.index)].reset_index(drop=True)


def _check_enough(task: Task, table: pd.DataFrame, where: str) -> None:
    if len(table) < MIN_IMAGES:
        raise UserError(
            f"{where}: {len(table)} labelled images are left, at least {MIN_IMAGES} are needed",
            "give the dataset more sites, check the ledger for why images are missing, or lower labels.min_count",
        )
    if task.kind == "regression":
        for target in table.columns.difference(list(_PLACE), sort=False):
            if table[target].nunique() < 2:
                raise UserError(
                    f"{where}: target {target!r} is {table[target].iloc[0]:g} at every image",
                    "leave it out: nothing can be learnt from a constant",
                )
        return
    names = {n for text in table["label"] for n in (text.split(SEPARATOR) if task.kind == "multilabel" else [text])}
    if len(names - {""}) < 2:
        raise UserError(
            f"{where}: fewer than two classes are left ({', '.join(sorted(names - {''})) or 'none'})",
            "give the dataset more or other sites, or lower labels.min_count",
        )
