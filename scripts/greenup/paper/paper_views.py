"""A table of published results as a reader sees it: as published, ours, and the difference, each a table of its own.

Real and simulated scores never share a table, and neither stands in a table with published ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.config.published import Names, PublishedTable
from greenup.paper.paper_tables import NOT_RUN

NOT_PUBLISHED = "–"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COLUMN = ["task", "metric", "protocol", "k"]


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: a first line, a smaller second one, its rank where it is marked (1, 2), and marks that
    point to notes."""

    text: str
    small: str = ""
    rank: int | None = None
    marks: str = ""


@dataclass(frozen=True)
class Column:
    """The heads of a column from above to below, and what is counted in it."""

    task: str
    metric: str
    protocol: str
    size: str = ""

    @property
    def heads(self) -> tuple[str, str, str]:
        return self.task, self.metric, self.protocol


@dataclass(frozen=True)
class Row:
    """The published name of a model, the model of this study that stands for it, and a cell a column."""

    title: str
    own: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class View:
    """One of the tables; ``rows`` is empty where ``notes`` say why there is none. ``kind``: published, ours, simulated
    or difference."""

    kind: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def views(table: pd.DataFrame, names: Names, sources: tuple[PublishedTable, ...]) -> list[View]:
    """The views of a table that `greenup.paper.paper_tables.compare_with_published` made.

    As published; ours, where anything real was run or nothing at all; ours of simulated images, where there are such;
    the difference, without rows where nothing can be compared.
    """
    simulated = table["simulated"].fillna(False).astype(bool)
    run = table["why_not_run"] == ""
    found = [_published(table, names, sources)]
    if (run & ~simulated).any() or not run.any():
        found.append(_ours(table, names, ~simulated))
    if simulated.any():
        found.append(_ours(table, names, simulated, simulated=True))
    return [*found, _difference(table, names)]


# --------------------------------------------------------------------------------------------------------- the views
def _published(table: pd.DataFrame, names: Names, sources: tuple[PublishedTable, ...]) -> View:
    marked = _marked(table, table["rank"])

    def cell(r: pd.Series) -> Cell:
        sd = "" if np.isnan(r["std"]) else f" ± {digits(r['std'], r['decimals'])}"
        mark = "‡" if r["otherwise"] else ""
        return Cell(digits(r["mean"], r["decimals"]) + sd, "", marked.get(r.name), mark)

    notes = [
        "Metrics × 100, errors too, as printed: mean ± standard deviation where one is printed. "
        "Bold: best; underlined: second best."
        + (
            f" {NOT_PUBLISHED}: not published."
            if len(table) < len(_models(table)) * len(_columns(table, names))
            else ""
        )
    ]
    if (other := table[table["otherwise"] != ""]).size:
        said = [f"{head}: {'; '.join(rows)}" for head, rows in _by_column(other, names).items()]
        notes.append(f"‡ Printed otherwise elsewhere in the paper. {'. '.join(said)}.")
    notes += dict.fromkeys(s.note for s in sources if s.note)
    notes += [f"Source: {s.source} ({s.url}); {_CHECKED[s.checked]}." for s in sources]
    return View("published", "As published", _columns(table, names), _rows(table, names, cell, own=False), tuple(notes))


_CHECKED = {
    "confirmed": "compared with the page",
    "transcribed": "transcribed from the paper",
}


def _ours(table: pd.DataFrame, names: Names, shown: pd.Series, *, simulated: bool = False) -> View:
    marked = _marked(table[shown], table["own_rank"])
    notes = _Notes()

    def cell(r: pd.Series) -> Cell:
        if r["why_not_run"]:
            return Cell(NOT_RUN, marks=notes.mark(r["why_not_run"].removeprefix(f"{NOT_RUN}: ")))
        if not shown[r.name]:
            return Cell(NOT_RUN)
        sd = "" if np.isnan(r["own_sd"]) else f" ± {digits(r['own_sd'], r['decimals'])}"
        limits = [digits(r[c], r["decimals"]) for c in ("own_low", "own_high") if not np.isnan(r[c])]
        # Of a simulated score the heading has said why it is not compared.
        why = (
            (f"another task: {r['another_task']}" if r["another_task"] else "") if simulated else r["why_not_compared"]
        )
        mark = notes.mark(why)
        return Cell(
            digits(r["own_mean"], r["decimals"]) + sd,
            f"[{', '.join(limits)}]" if limits else "",
            marked.get(r.name),
            mark,
        )

    rows = _rows(table, names, cell, own=True, shown=shown)
    run = table[shown & (table["why_not_run"] == "")]
    text = "Nothing of this table has been run in this study."
    if len(run):
        ways = [w for k, w in _INTERVALS.items() if k in set(run.loc[run["own_low"].notna(), "interval"])]
        bracket = f", and in brackets the 95 % confidence interval ({' or '.join(ways)})" if ways else ""
        text = (
            f"Metrics × 100, errors too: mean ± standard deviation over folds{bracket}. n: tested images. "
            "Bold: best; underlined: second best, of those that were run."
        )
    title = "Ours"
    if simulated:
        title = "Simulated images (miniature Earth): ours"
        text += (
            " Simulated: these numbers say nothing of the real Earth, and are not to be held against published ones."
        )
    return View("simulated" if simulated else "ours", title, _columns(table, names, run), rows, (text, *notes.lines))


_INTERVALS = {
    "corrected_t": "corrected resampled t over folds",
    "bootstrap": "bootstrap over test images, where there is one test part",
}


def _difference(table: pd.DataFrame, names: Names) -> View:
    title = "Difference: ours − published"
    if not table["difference"].notna().any():
        why = [w for w in dict.fromkeys(table["why_not_compared"]) if not w.startswith(NOT_RUN)]
        text = f"No difference is taken: {'; '.join(why)}." if why else "No difference is taken: nothing was run."
        return View("difference", title, (), (), (text,))
    notes = _Notes()

    def cell(r: pd.Series) -> Cell:
        if r["why_not_run"]:
            return Cell(NOT_RUN)
        if r["why_not_compared"]:
            return Cell("not compared", marks=notes.mark(r["why_not_compared"]))
        text = digits(r["difference"], r["decimals"], sign=True)
        if np.isnan(r["tolerance"]):
            of = "none published" if np.isnan(r["std"]) else "ours has one fold"
            return Cell(text, "no tolerance", marks=notes.mark(f"no standard deviation: {of}"))
        verdict = "within" if r["within"] else "beyond"
        return Cell(text, f"{verdict} ± {digits(r['tolerance'], r['decimals'])}")

    rows = _rows(table, names, cell, own=True, shown=table["difference"].notna())
    text = (
        "× 100. Tolerance: twice the combined standard deviation over folds, published and ours, and half of the last "
        "printed digit. A yardstick and no test: folds share training images."
    )
    return View("difference", title, _columns(table, names), rows, (text, *notes.lines))


# -------------------------------------------------------------------------------------------------------------- parts
class _Notes:
    """Notes below a view, each with the letter that cells point to it by."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, why: str) -> str:
        if why in ("", NOT_RUN):
            return ""
        return self._letters.setdefault(why, _LETTERS[len(self._letters) % len(_LETTERS)])

    @property
    def lines(self) -> list[str]:
        return [f"{letter}: {why}." for why, letter in self._letters.items()]


def digits(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with so many decimals and a true minus sign; never -0.0."""
    text = f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def _models(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(table["paper"], table["model"], strict=True)))


def _columns(table: pd.DataFrame, names: Names, run: pd.DataFrame | None = None) -> tuple[Column, ...]:
    """Columns in the order of the paper; with ``run``, under each our task, and how much of it was tested."""
    keys = list(dict.fromkeys(table[_COLUMN].itertuples(index=False, name=None)))
    paper, columns = names.paper(table["paper"].iloc[0]), []
    for task, metric, protocol, k in keys:
        title = names.protocol(protocol).title + ("" if pd.isna(k) else f", k = {k}")
        size = "" if run is None else _size(run[(run[_COLUMN[:3]] == [task, metric, protocol]).all(axis=1)])
        columns.append(Column(paper.task(task).title, names.metric(metric).title, title, size))
    return tuple(columns)


def _size(run: pd.DataFrame) -> str:
    if run.empty:
        return ""

    def span(values: pd.Series) -> str:
        low, high = int(values.min()), int(values.max())
        return f"{low:,}" if low == high else f"{low:,}–{high:,}"

    folds = span(run["n"])
    return f"{run['own_task'].iloc[0]}, n = {span(run['images'])}, {folds} fold{'' if folds == '1' else 's'}"


def _rows(
    table: pd.DataFrame,
    names: Names,
    cell: Callable[[pd.Series], Cell],
    *,
    own: bool,
    shown: pd.Series | None = None,
) -> tuple[Row, ...]:
    keys = list(dict.fromkeys(table[_COLUMN].itertuples(index=False, name=None)))
    rows = []
    for paper, model in _models(table):
        mine = table[(table["paper"] == paper) & (table["model"] == model)]
        by_key = dict(
            zip(mine[_COLUMN].itertuples(index=False, name=None), (r for _, r in mine.iterrows()), strict=True)
        )
        cells = tuple(cell(by_key[k]) if k in by_key else Cell(NOT_PUBLISHED) for k in keys)
        stands = mine if shown is None else mine[shown.loc[mine.index]]
        found = [m for m in dict.fromkeys(stands["own_model"]) if m] if own else []
        rows.append(Row(names.paper(paper).model(model).title, ", ".join(found), cells))
    return tuple(rows)


def _marked(table: pd.DataFrame, ranks: pd.Series) -> dict[int, int]:
    """Rows that are best or second best of at least two in their column -> 1 or 2."""
    ranks = ranks.loc[table.index].dropna()
    several = table.loc[ranks.index].groupby(_COLUMN, dropna=False)["model"].transform("size") > 1
    return {i: int(r) for i, r in ranks[several].items() if r <= 2}


def _by_column(table: pd.DataFrame, names: Names) -> dict[str, list[str]]:
    """Head of a column -> what is printed otherwise of its models."""
    found: dict[str, list[str]] = {}
    for r in table.to_dict("records"):
        paper, protocol = names.paper(r["paper"]), names.protocol(r["protocol"]).title
        head = f"{paper.task(r['task']).title}, {names.metric(r['metric']).title}, {protocol}"
        found.setdefault(head, []).append(f"{paper.model(r['model']).title} {r['otherwise']}")
    return found
