"""Published tables as data, config/published/: where each comes from, and what its names are called in this workflow.

Imports nothing heavy: every job plans anew.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from greenup.config.block import Block
from greenup.errors import UserError

FOLDER = Path(__file__).resolve().parents[3] / "config" / "published"
"""Folder of the published numbers; its README.md describes the files."""

CHECKED = ("confirmed", "transcribed")
"""confirmed: compared with the page at its address. transcribed: taken down from the paper, and not compared again."""


# ------------------------------------------------------------------------------------------------------------ sources
@dataclass(frozen=True)
class PublishedTable:
    """A row of config/published/tables.csv: one table of one source."""

    name: str
    """Target of this workflow that shows it; two sources may share one."""
    paper: str
    """Key of the paper in names.yaml."""
    table: str
    """What results.csv calls it."""
    label: str
    """What its source calls it."""
    title: str
    """What it shows, in our words."""
    source: str
    """What to cite, with the number of the table."""
    url: str
    checked: str
    """One of `CHECKED`."""
    note: str
    """What has to be known to read its numbers; may be empty."""


@lru_cache(maxsize=4)
def published_tables(folder: Path = FOLDER) -> tuple[PublishedTable, ...]:
    """All rows of tables.csv, in their order. Raises `UserError` with the line of one that cannot be right."""
    path = folder / "tables.csv"
    names = [f.name for f in fields(PublishedTable)]
    found: dict[tuple[str, str], PublishedTable] = {}
    for line, row in enumerate(_rows(path, names), start=2):
        where = f"{path}, line {line}"
        table = PublishedTable(**row)
        if lacking := [n for n in names if not row[n] and n != "note"]:
            raise UserError(f"{where}: {lacking[0]} is empty", "a published number without its source is none")
        if table.checked not in CHECKED:
            raise UserError(f"{where}: checked {table.checked!r}", f"choose from: {', '.join(CHECKED)}")
        if (table.paper, table.table) in found:
            raise UserError(f"{where}: {table.paper}, {table.table} stands twice", "keep one")
        found[table.paper, table.table] = table
    return tuple(found.values())


def result_tables(folder: Path = FOLDER) -> tuple[str, ...]:
    """Targets of the tables of results, in the order of tables.csv."""
    return tuple(dict.fromkeys(t.name for t in published_tables(folder)))


@lru_cache(maxsize=4)
def _contents(folder: Path) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for row in _rows(folder / "results.csv", ["paper", "table", "task", "model", "protocol"]):
        found.setdefault((row["paper"], row["table"]), []).append((row["task"], row["model"], row["protocol"]))
    return found


def cells_named(name: str, names: Names, folder: Path = FOLDER) -> set[tuple[str, str, str, str]]:
    """What of this workflow may stand in a table of results: (model, task, protocol, folds) by its own names."""
    wanted = set()
    for table in published_tables(folder):
        if table.name != name:
            continue
        paper = names.paper(table.paper)
        for task, model, protocol in _contents(folder).get((table.paper, table.table), ()):
            for own in paper.task(task).ours:
                wanted |= {(m, own.task, names.protocol(protocol).ours, own.folds) for m in paper.model(model).ours}
    return wanted


def _rows(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """Rows of a CSV file, some columns; `UserError` where it or one of them is missing."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "restore the file from the repository") from None
    if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
        raise UserError(f"{path}: column {missing[0]!r} is missing", f"the columns are {', '.join(columns)}")
    return [{c: (row[c] or "").strip() for c in columns} for row in rows]


# -------------------------------------------------------------------------------------------------------------- names
class OwnTask(Block):
    """A task of this workflow that stands for a published one."""

    task: str
    """Name of the task in a study."""
    folds: str = "random"
    """Kind of folds that the published numbers are over: random or official."""
    other: str = ""
    """Why its numbers are not those of the published task: they are shown, and no difference is taken."""


class PublishedTask(Block):
    """A task as a paper calls it."""

    title: str
    """Head of its columns."""
    ours: tuple[OwnTask, ...] = Field(min_length=1)
    """Tasks of this workflow in order; the first that a study has scored counts."""


class PublishedModel(Block):
    """A model as a paper calls it."""

    title: str
    """Head of its row."""
    backbone: str
    """Network of the published numbers, as in a model block; another one is shown, and no difference is taken."""
    ours: tuple[str, ...] = Field(min_length=1)
    """Models of this workflow in order; the first that a study has scored counts."""


class PublishedMetric(Block):
    """A metric as a paper calls it."""

    title: str
    """Head of its columns."""
    ours: tuple[str, ...] = Field(min_length=1)
    """Metrics of this workflow in order; the first that a task is scored by counts."""
    smaller_is_better: bool = False
    """Whether the smallest value is the best: errors."""


class PublishedProtocol(Block):
    """A protocol as a paper calls it."""

    title: str
    """Head of its columns."""
    ours: str
    """Protocol of this workflow: linear, knn, finetune or siamese."""


class PublishedPaper(Block):
    """Names of one paper."""

    tasks: dict[str, PublishedTask] = Field(default_factory=dict)
    """Published task -> what it is here."""
    models: dict[str, PublishedModel] = Field(default_factory=dict)
    """Published model -> what it is here."""

    def task(self, name: str) -> PublishedTask:
        return _named(name, self.tasks, "task")

    def model(self, name: str) -> PublishedModel:
        return _named(name, self.models, "model")


class Names(Block):
    """Published names -> names of this workflow."""

    metrics: dict[str, PublishedMetric] = Field(default_factory=dict)
    """Published metric -> what it is here."""
    protocols: dict[str, PublishedProtocol] = Field(default_factory=dict)
    """Published protocol -> what it is here."""
    papers: dict[str, PublishedPaper] = Field(default_factory=dict)
    """Key of a paper -> its tasks and models."""

    def paper(self, name: str) -> PublishedPaper:
        return _named(name, self.papers, "paper")

    def metric(self, name: str) -> PublishedMetric:
        return _named(name, self.metrics, "metric")

    def protocol(self, name: str) -> PublishedProtocol:
        return _named(name, self.protocols, "protocol")


def _named(name: str, among: Mapping[str, Any], what: str) -> Any:
    if name not in among:
        raise UserError(f"published {what} {name!r} is not known", f"add it to names.yaml; it has {', '.join(among)}")
    return among[name]


@lru_cache(maxsize=8)
def read_names(own: str | None = None, folder: Path = FOLDER) -> Names:
    """names.yaml, with a user's own file of the same form on top: its entries under ``ours`` stand before the others.

    Raises `UserError` for a file that cannot be read, a key that is not known, and a value of another type.
    """
    names = _names_of(folder / "names.yaml")
    return names if own is None else _joined(names, _names_of(Path(own), names))


def _check_known(written: Mapping[str, Any], base: Mapping[str, Any], where: str) -> None:
    """Refuse what no paper calls so: it would stand for no number, and most often is a slip."""
    for what, kind in (
        ("metric", "metrics"),
        ("protocol", "protocols"),
        ("paper", "papers"),
        ("task", "tasks"),
        ("model", "models"),
    ):
        given, known = written.get(kind), base.get(kind, {})
        if not isinstance(given, Mapping):
            continue
        if unknown := [n for n in given if n not in known]:
            raise UserError(
                f"{where}: {kind}: no {what} is published as {unknown[0]!r}", f"choose from: {', '.join(known)}"
            )
        if kind == "papers":
            for name, paper in given.items():
                _check_known(paper if isinstance(paper, Mapping) else {}, known[name], f"{where}: {kind}.{name}")


def _names_of(path: Path, base: Names | None = None) -> Names:
    """One file; of a user's own (with ``base``) what it does not say of a known name is as there."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "mend the file or the path") from None
    if not isinstance(written, Mapping):
        raise UserError(f"{path}: holds no block of keys", "see config/published/names.yaml for the form")
    known = base.model_dump() if base else {}
    if known:
        _check_known(written, known, str(path))
    try:
        return Names.model_validate(_filled(written, known))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {place}: {first['msg']}", "see config/published/names.yaml for the form") from None


def _filled(written: Any, base: Any) -> Any:
    """``written`` with the keys of ``base`` that its known names lack; names that it does not mention stay away."""
    if not (isinstance(written, Mapping) and isinstance(base, Mapping)):
        return written
    leaf = {"title", "backbone", "smaller_is_better"}
    return {**{k: v for k, v in base.items() if k in leaf}, **{k: _filled(v, base.get(k)) for k, v in written.items()}}


def _joined(base: Names, own: Names) -> Names:
    """Both, with the user's entries first."""

    def join(first: Any, second: Any) -> Any:
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            keys = [*second, *(k for k in first if k not in second)]
            return {k: join(first[k], second[k]) if k in first and k in second else (first | second)[k] for k in keys}
        if isinstance(first, list | tuple):
            return [*first, *(v for v in second if v not in first)]
        return first

    return Names.model_validate(join(own.model_dump(), base.model_dump()))
