"""What is to be predicted at each image, from each kind of source, and why it is unknown where it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from greenup.config.data import Imagery, MiniatureImagery
from greenup.config.label_tables import LabelTable, resolve, table_named
from greenup.config.labels import (
    FileLabels,
    MiniatureLabels,
    OccurrenceLabels,
    RasterLabels,
    SiteLabels,
    TableLabels,
)
from greenup.config.tasks import Task
from greenup.errors import UserError
from greenup.tasks.label_tables import named, read_points, rows_of_images
from greenup.tasks.own_table import columns_of, match_rows, numbers, read_rows

if TYPE_CHECKING:
    from greenup.tasks.rasters import Sampled

SEPARATOR = ", "
"""Between the class names of one image of a multilabel task; an empty text is an image with none of the classes."""

CLIMATE = ("temperature_c", "precipitation_mm", "evapotranspiration_mm", "water_balance_mm")
"""Targets of the miniature Earth's climate task (CHELSA's in SSL4Eco, section 4.1)."""

PLACE = ("site_id", "season", "lon", "lat")
"""Columns that say which image a row of a `labels` table is of."""

RESERVED = (*PLACE, "split", "group", "label")
"""Columns of a `labels` table that are no targets."""

NO_VALUE, NO_ROW, NO_CELL = "no value", "no row in the table", "nothing recorded in the cell"
OUTSIDE, NODATA = "outside the map", "no data in the map"

SILENT = (NO_VALUE, OUTSIDE, NODATA)
"""Reasons that say no more than that a source has nothing there."""


@dataclass(frozen=True)
class Values:
    """Labels of N images, in their order."""

    table: pd.DataFrame
    """Column ``label`` (text), or a float column a target; missing where unknown."""
    why: pd.Series = None
    """Reason (text) where a value is missing; may be missing itself, which means `NO_VALUE`."""
    about: dict[str, object] = field(default_factory=dict)
    """What else the report of the task tells of the source, as JSON."""
    attribution: str = ""
    """What to credit, without a full stop; empty for sources that the images credit already."""


def values_of(task: Task, sites: pd.DataFrame, images: pd.DataFrame, imagery: Imagery | None) -> Values:
    """The labels of a task's images. Raises `UserError` where source, kind of task and files do not fit."""
    match task.labels:
        case SiteLabels(column=column):
            return _from_sites(task, column, sites, images)
        case MiniatureLabels():
            return _from_miniature(task, images, imagery)
        case FileLabels():
            return _from_file(task, task.labels, images)
        case TableLabels():
            return _from_table(task, task.labels, images)
        case RasterLabels():
            return _from_raster(task, task.labels, images)
        case OccurrenceLabels():
            return _from_occurrences(task, task.labels, images)
    raise TypeError(task.labels)


def where(task: Task) -> str:
    """The source of a task's labels, for messages."""
    match task.labels:
        case SiteLabels(column=column):
            return f"labels from site column {column!r} of dataset {task.dataset!r}"
        case MiniatureLabels(variable=variable):
            return f"labels from the miniature Earth's {variable!r}"
        case TableLabels(table=name):
            return str(table_named(name).path)
        case RasterLabels(file=None, targets=targets):
            return f"labels from the maps of {', '.join(targets)}"
        case RasterLabels(file=file):
            return str(resolve(file, "raster")[0])
        case OccurrenceLabels(file=file):
            return str(resolve(file, "occurrences")[0])
        case FileLabels(file=file):
            return file
    raise TypeError(task.labels)


def tidy_names(text: str) -> str:
    """Class names between commas, each once, sorted, parted by `SEPARATOR`."""
    return SEPARATOR.join(sorted({name.strip() for name in text.split(",")} - {""}))


def _fits(task: Task, kind: str, what: str) -> None:
    if task.kind != kind:
        raise UserError(f"tasks: kind {task.kind!r} with {what}", f"write kind: {kind}")


# ----------------------------------------------------------------------------------------- sites, the miniature Earth
def _from_sites(task: Task, column: str, sites: pd.DataFrame, images: pd.DataFrame) -> Values:
    _fits(task, "classification", "labels from a site column, which holds one class a site")
    by_site = sites.set_index("site_id")[column]
    strangers = ~images["site_id"].isin(by_site.index)
    if strangers.any():
        raise UserError(
            f"index and sites disagree: image of site {images['site_id'][strangers].iloc[0]!r}, which is no site",
            "rerun describe_dataset for this dataset",
        )
    return Values(pd.DataFrame({"label": images["site_id"].map(by_site).astype("string")}))


def _from_miniature(task: Task, images: pd.DataFrame, imagery: Imagery | None) -> Values:
    variable = task.labels.variable
    _fits(task, {"climate": "regression", "genera": "multilabel"}[variable], f"the miniature Earth's {variable!r}")
    if not isinstance(imagery, MiniatureImagery):
        what = f"images of source {imagery.source!r}" if imagery is not None else "points without images"
        raise UserError(
            f"tasks: labels of the miniature Earth for {what}",
            "give the dataset imagery: {source: miniature}, or take labels from a file",
        )
    from greenup.imagery.miniature import MiniatureSource

    source = MiniatureSource(imagery.seed)
    places = images[["site_id", "lon", "lat"]]
    if variable == "climate":
        known = source.climate(places).set_index("site_id")[list(CLIMATE)].astype("float64")
        return Values(known.reindex(images["site_id"]).reset_index(drop=True))
    known = source.genera(places).set_index("site_id")["label"].reindex(images["site_id"]).reset_index(drop=True)
    return Values(pd.DataFrame({"label": known.map(tidy_names, na_action="ignore").astype("string")}))


# --------------------------------------------------------------------------------------------------- tables of points
def _from_file(task: Task, labels: FileLabels, images: pd.DataFrame) -> Values:
    columns = list(labels.columns)
    _check_columns(task, columns, columns, labels.file)
    table = read_rows(labels.file, "tasks.<name>.labels.file")
    picked = columns_of(table, columns, labels.file)
    picked = picked.iloc[match_rows(table, images, labels.file)].reset_index(drop=True)
    if task.kind == "regression":
        return Values(pd.DataFrame({c: numbers(picked[c], images["site_id"], labels.file) for c in columns}))
    return Values(pd.DataFrame({"label": _texts(picked[columns[0]], task.kind, images["site_id"], labels.file)}))


def _from_table(task: Task, labels: TableLabels, images: pd.DataFrame) -> Values:
    table = table_named(labels.table, "points")
    file = str(table.path)
    columns = [table.column(c) for c in labels.columns]
    fits = {"class": "classification", "text": "classification", "list": "multilabel", "number": "regression"}
    for column in columns:
        _fits(task, fits[column.kind], f"column {column.column!r} of {labels.table}, a column of {column.kind}")
    rows = read_points(table)
    row = rows_of_images(rows, images, file)
    lost = pd.Series(np.where(row < 0, NO_ROW, None), dtype=object)
    picked = rows.iloc[np.maximum(row, 0)].reset_index(drop=True)[list(labels.columns)]
    picked = picked.mask(pd.Series(row < 0))
    values, why = {}, lost
    for column in columns:
        text = picked[column.column]
        if column.kind == "number":
            values[column.meaning] = numbers(text, images["site_id"], file)
        elif column.kind == "class":
            classes, reason = named(numbers(text, images["site_id"], file), column.meaning)
            values["label"] = classes.astype("string")
            why = lost.where(lost.notna(), reason)
        else:
            values["label"] = _texts(text, task.kind, images["site_id"], file)
    return Values(pd.DataFrame(values), why, {"file": file}, table.attribution)


def _check_columns(task: Task, columns: list[str], targets: list[str], file: str) -> None:
    if task.kind != "regression" and len(columns) > 1:
        raise UserError(
            f"tasks: labels.columns names {len(columns)} columns for kind {task.kind!r}",
            "name one column, or write kind: regression",
        )
    if taken := [c for c in targets if task.kind == "regression" and c in RESERVED]:
        raise UserError(
            f"tasks: labels.columns: {taken[0]!r} would replace the table's own column of that name",
            f"rename it in {file}",
        )


def _texts(column: pd.Series, kind: str, ids: pd.Series, file: str) -> pd.Series:
    """Class names without blanks around them; empty ones are missing.

    Raises `UserError` for the text that a missing number becomes when it is written as text: it would be a class.
    """
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    if (nan := text.isin(["nan", "NaN"])).any():
        raise UserError(
            f"{file}: column {column.name!r}, {ids.iloc[int(nan.argmax())]}: {text[nan].iloc[0]!r} is no class name "
            f"({int(nan.sum())} such cells)",
            "leave the cell empty to leave the image out",
        )
    return text.map(tidy_names, na_action="ignore").astype("string") if kind == "multilabel" else text


# ---------------------------------------------------------------------------------------------- maps and occurrences
def _from_raster(task: Task, labels: RasterLabels, images: pd.DataFrame) -> Values:
    # Rasterio takes a moment to load, and most tasks need none.
    from greenup.tasks.rasters import sample_map

    lon, lat = (images[axis].to_numpy("float64") for axis in ("lon", "lat"))
    if labels.file is not None:
        _fits(task, "classification", "the classes of a map")
        path, row = resolve(labels.file, "raster")
        sampled = sample_map(path, lon, lat, scale=1.0, offset=0.0)
        classes, reason = named(pd.Series(sampled.values), labels.legend_name)
        why = _why(sampled)
        table = pd.DataFrame({"label": classes.astype("string")})
        return Values(table, why.where(why.notna(), reason), {"file": str(path)}, _credit(row))
    _fits(task, "regression", "the numbers of maps")
    _check_columns(task, list(labels.targets), list(labels.targets), "the configuration")
    values, why = {}, pd.Series(None, index=range(len(images)), dtype=object)
    files, credits = {}, {}
    for target, block in labels.targets.items():
        path, row = resolve(block.file, "raster")
        sampled = sample_map(path, lon, lat, scale=block.scale, offset=block.offset)
        values[target] = sampled.values
        why = why.where(why.notna(), _why(sampled))
        files[target] = {"file": str(path), "scale": sampled.scale, "offset": sampled.offset}
        credits[_credit(row)] = None
    return Values(pd.DataFrame(values), why, {"maps": files}, "; ".join(filter(None, credits)))


def _why(sampled: Sampled) -> pd.Series:
    reasons = np.where(sampled.inside, NODATA, OUTSIDE).astype(object)
    return pd.Series(np.where(np.isnan(sampled.values), reasons, None), dtype=object)


def _from_occurrences(task: Task, labels: OccurrenceLabels, images: pd.DataFrame) -> Values:
    from greenup.tasks.occurrences import cells_at, names_by_cell, read_occurrences

    _fits(task, "multilabel", "occurrences, of which a cell has any number")
    path, row = resolve(labels.file, "occurrences")
    names = names_by_cell(read_occurrences(path), labels.rank, SEPARATOR)
    cells = pd.Series(cells_at(images["lon"].to_numpy("float64"), images["lat"].to_numpy("float64")), dtype=object)
    text = cells.map(names).astype("string")
    why = pd.Series(np.where(text.isna(), NO_CELL, None), dtype=object)
    return Values(pd.DataFrame({"label": text}), why, {"file": str(path)}, _credit(row))


def _credit(row: LabelTable | None) -> str:
    return row.attribution if row is not None else ""
