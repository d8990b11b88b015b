"""Published numbers, read strictly: every one with its table, its source, and where else it is printed otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from greenup.config.published import FOLDER, Names, published_tables
from greenup.errors import UserError

KEY = ("task", "model", "protocol", "k", "metric")
"""What tells a number from the others of its table."""

COLUMNS = ("paper", "table", *KEY, "mean", "std")
"""Columns of results.csv: numbers x 100 as printed, errors too; k of k-NN alone; std where one is printed."""

MODEL_COLUMNS = ("model", "dataset", "backbone", "pretraining", "source")
"""Columns of table2.csv."""

DATE_COLUMNS = ("name", "evi_crossing", "source")
"""Columns of tableA1.csv."""


def read_published(names: Names, folder: Path = FOLDER) -> pd.DataFrame:
    """All published numbers, one row each, in the order of the file.

    Columns: name (the target that shows it), those of `COLUMNS` (mean and std as numbers, x 100 as printed, std NaN
    where none is printed; k Int64), decimals (digits after the point, as printed), label, source, url, and otherwise:
    where the same number is printed with another value, e.g. "75.2 in Table 6, 75.1 in Table A-2".

    Raises `UserError` with file, line, column and value for a column that is missing or not known, a paper, table,
    task, model, metric or protocol that names.yaml or tables.csv does not have, a k that is none or not of k-NN, a
    value that is no number, and a number that stands twice in its table.
    """
    path = folder / "results.csv"
    text = _text(path, COLUMNS)
    tables = {(t.paper, t.table): t for t in published_tables(folder)}
    for i, row in enumerate(text.to_dict("records")):
        where = f"{path}, line {i + 2}"
        if (row["paper"], row["table"]) not in tables:
            shown = "; ".join(f"{p}, {t}" for p, t in tables)
            raise UserError(f"{where}: paper {row['paper']!r} has no table {row['table']!r}", f"tables.csv has {shown}")
        try:
            paper = names.paper(row["paper"])
            paper.task(row["task"]), paper.model(row["model"])
            names.metric(row["metric"]), names.protocol(row["protocol"])
        except UserError as error:
            raise UserError(f"{where}: {error.message}", error.mend) from None
        if (row["protocol"] == "knn") != bool(row["k"]) or (row["k"] and not row["k"].isdigit()):
            raise UserError(f"{where}: k {row['k']!r} of protocol {row['protocol']}", "k-NN has a whole k, others none")
    unknown = [t for t in tables if t not in set(zip(text["paper"], text["table"], strict=True))]
    if unknown:
        raise UserError(f"{path}: no number of {', '.join(unknown[0])}", "leave the table out of tables.csv, or add it")
    out = text.assign(k=pd.to_numeric(text["k"].replace("", pd.NA)).astype("Int64"))
    out["mean"] = _numbers(text["mean"], path, "mean", empty=False)
    out["std"] = _numbers(text["std"], path, "std", empty=True)
    if (bad := out["std"] < 0).any():
        raise UserError(
            f"{path}, line {int(bad.argmax()) + 2}: std {out['std'][bad.argmax()]:g}", "it is never negative"
        )
    out["decimals"] = text["mean"].str.partition(".")[2].str.len().astype("int64")
    if (twice := out.duplicated(["paper", "table", *KEY])).any():
        raise UserError(f"{path}, line {int(twice.argmax()) + 2}: stands twice in its table", "keep one")
    found = [tables[key] for key in zip(out["paper"], out["table"], strict=True)]
    out = out.assign(**{c: [getattr(t, c) for t in found] for c in ("name", "label", "source", "url")})
    out["otherwise"] = _otherwise(out)
    return out


def read_models(folder: Path = FOLDER) -> pd.DataFrame:
    """Models as printed in Table 2 of SSL4Eco: text columns `MODEL_COLUMNS`. Raises `UserError` as `read_published`."""
    return _text(folder / "table2.csv", MODEL_COLUMNS)


def read_dates(folder: Path = FOLDER) -> pd.DataFrame:
    """Dates as printed in Table A-1 of SSL4Eco: text columns `DATE_COLUMNS`. Raises `UserError` as `read_published`."""
    return _text(folder / "tableA1.csv", DATE_COLUMNS)


def _text(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "restore the file from the repository") from error
    if tuple(table.columns) != columns:
        odd = sorted(set(table.columns) ^ set(columns)) or ["their order"]
        raise UserError(f"{path}: columns differ in {odd[0]!r}", f"the columns are {', '.join(columns)}")
    return table


def _numbers(text: pd.Series, path: Path, column: str, *, empty: bool) -> pd.Series:
    values = pd.to_numeric(text.replace("", np.nan), errors="coerce").astype("float64")
    bad = (values.isna() & ((text != "") | (not empty))) | np.isinf(values)
    if bad.any():
        line = int(bad.to_numpy().argmax()) + 2
        raise UserError(f"{path}, line {line}: {column} {text[line - 2]!r} is no number", "write it as printed")
    return values


def _otherwise(table: pd.DataFrame) -> list[str]:
    """Of each number, its other values and where they are printed; empty where all tables of its paper agree.

    Deviations are left out of this: they differ by a rounding almost everywhere.
    """
    out = pd.Series("", index=table.index, dtype=object)
    for _, same in table.groupby(["paper", *KEY], dropna=False, sort=False):
        if same["mean"].nunique() < 2:
            continue
        for i, value in same["mean"].items():
            others = same[same["mean"] != value]
            words = [
                f"{other:.{g['decimals'].max()}f} in {', '.join(g['label'])}"
                for other, g in others.groupby("mean", sort=False)
            ]
            out[i] = ", ".join(words)
    return out.tolist()
