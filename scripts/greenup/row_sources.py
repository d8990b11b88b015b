"""From a row of a table back to the files that its numbers were read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

SOURCE_COLUMNS = ("table", "row", "source")
"""Columns of the table of sources; ``row`` counts the data rows of the CSV from 1."""

_NAMES = (("own_task", ("own_model",)), ("task", ("model", "first", "second")))
"""Columns of task and models, by which the scores of a row are found: where published numbers stand beside ours, the
plain names are the published ones."""


def row_sources(
    name: str, table: pd.DataFrame, files: Iterable[str], together: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The files behind each row of a table: columns `SOURCE_COLUMNS`, none for a row that no file stands behind.

    A row with a column ``task`` and a column ``model`` (or ``first`` and ``second``, of a comparison; or ``own_task``
    and ``own_model``, beside published numbers) comes from the probes of this cell,
    {model}/{task}/{protocol}.{folds}.parquet of ``files``: any protocol or kind of folds where the table has no such
    column. A row with a column ``dataset`` comes from the files named after it. Values are those of the study, as text;
    where a row names trainings that are called together (``together``: model -> that name), all of them count.
    """
    together = together or {}
    files = sorted(set(files))
    cells = [cell for path in files if (cell := _cell(path)) is not None]
    task, models = next(
        ((t, [m for m in ms if m in table.columns]) for t, ms in _NAMES if t in table.columns), ("", [])
    )
    text = table.astype(object).where(table.notna(), None)
    found: list[tuple[str, int, str]] = []
    for number, row in enumerate(text.to_dict("records"), start=1):
        if models:
            wanted = {"task": row[task], **{k: row[k] for k in ("protocol", "folds") if k in row}}
            named = {row[m] for m in models} - {None}
            found += [(name, number, path) for path in _probes(wanted, named, cells, together)]
        elif "dataset" in table.columns:
            found += [(name, number, path) for path in files if Path(path).name.split(".")[0] == row["dataset"]]
    return pd.DataFrame(found, columns=list(SOURCE_COLUMNS))


def _cell(path: str) -> tuple[str, dict[str, str]] | None:
    """What a file of scores is named after; None of any other file."""
    parts = Path(path).parts
    if len(parts) < 4 or parts[-4] != "probes" or len(stem := parts[-1].split(".")) != 3 or stem[-1] != "parquet":
        return None
    return path, {"model": parts[-3], "task": parts[-2], "protocol": stem[0], "folds": stem[1]}


def _probes(
    wanted: Mapping[str, object],
    models: set[object],
    cells: Sequence[tuple[str, dict[str, str]]],
    together: Mapping[str, str],
) -> list[str]:
    return [
        path
        for path, cell in cells
        if (cell["model"] in models or together.get(cell["model"]) in models)
        and all(value == cell[key] for key, value in wanted.items())
    ]
