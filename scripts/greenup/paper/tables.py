"""The results table: every model on every task, with its doubt, for reading (HTML, Markdown, LaTeX) and reuse (CSV)."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenup.errors import UserError
from greenup.evaluate.intervals import compare, summarise
from greenup.files import atomic_path, write_text
from greenup.paper.plain import Outputs, latex

KEYS = ["task", "protocol", "folds", "metric"]
"""One column of the readable table: models are ranked within it."""

_ERRORS = ("mae", "rmse", "mse")
"""Metrics whose name begins so are better when smaller."""

_TITLES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "micro_map": "micro mAP",
    "r2_mean": "mean R²",
    "accuracy": "accuracy",
    "linear": "linear probe",
    "knn": "k-NN",
    "random": "random",
    "blocks": "blocks",
}


def results_table(probes: Sequence[pd.DataFrame], metrics: Mapping[str, str], models: Sequence[str]) -> pd.DataFrame:
    """One row a task x protocol x kind of folds x metric x model.

    ``probes``: `probe` tables, each with its ``attrs["simulated"]``; ``metrics``: task -> main metric; ``models``: the
    order of the rows. Columns: task, protocol, folds, metric, is_main, model, mean, sd, low, high (fractions; 95 %
    corrected resampled t interval over folds), n (folds), rank (1 is best), p_best (two-sided p of the paired
    difference to the best model over the same folds; empty for the best and where the folds differ), simulated. Order:
    tasks as in ``metrics``, linear before knn, random before blocks, main metric first, models as given. Raises
    `UserError` when a task lacks its main metric.

    The training size of a fold is the column ``n_train``; in tables without it, all images outside its test part.
    """
    if not probes:
        raise UserError("no probe to tabulate", "evaluate a model on a task first")
    scores = pd.concat([p.assign(simulated=bool(p.attrs.get("simulated", False))) for p in probes], ignore_index=True)
    scores = _with_training_size(scores)
    rows = []
    for (task, protocol, folds, metric), group in scores.groupby(KEYS, sort=False):
        by_model = {m: g.sort_values("fold") for m, g in group.groupby("model", sort=False)}
        sign = -1.0 if metric.startswith(_ERRORS) else 1.0
        order = sorted(by_model, key=lambda m: (-sign * by_model[m]["value"].mean(), m))
        for model, mine in by_model.items():
            s = summarise(mine["value"].tolist(), mine["n_test"].tolist(), mine["n_train"].tolist())
            rows.append(
                {
                    "task": task,
                    "protocol": protocol,
                    "folds": folds,
                    "metric": metric,
                    "is_main": metrics.get(task) == metric,
                    "model": model,
                    "mean": s.mean,
                    "sd": s.sd,
                    "low": s.low,
                    "high": s.high,
                    "n": s.n,
                    "rank": order.index(model) + 1,
                    "p_best": _p_of_difference(mine, by_model[order[0]]) if model != order[0] else np.nan,
                    "simulated": bool(mine["simulated"].any()),
                }
            )
    table = pd.DataFrame(rows)
    for task, metric in metrics.items():
        if not table.loc[table["task"] == task, "is_main"].any():
            found = ", ".join(sorted(set(table.loc[table["task"] == task, "metric"]))) or "nothing"
            raise UserError(f"task {task!r}: no score {metric!r}; its probes hold {found}", f"set tasks.{task}.metric")
    return _in_order(table, list(metrics), list(models))


def _with_training_size(scores: pd.DataFrame) -> pd.DataFrame:
    """Fill the column n_train: the folds' test parts together are all images."""
    scores = scores.copy()
    if "n_train" not in scores:
        scores["n_train"] = np.nan
    total = scores.groupby([*KEYS, "model"])["n_test"].transform("sum")
    # A single fold leaves nothing outside; it has no interval either, so any positive size does.
    outside = (total - scores["n_test"]).clip(lower=1)
    scores["n_train"] = scores["n_train"].astype("float64").fillna(outside.astype("float64"))
    return scores


def _p_of_difference(first: pd.DataFrame, best: pd.DataFrame) -> float:
    """Two-sided p of the paired difference; NaN when the two were not scored on the same folds."""
    if first["fold"].tolist() != best["fold"].tolist() or len(first) < 2:
        return float("nan")
    sizes = first["n_test"].tolist(), first["n_train"].tolist()
    return compare(first["value"].tolist(), best["value"].tolist(), *sizes).p


def _in_order(table: pd.DataFrame, tasks: list[str], models: list[str]) -> pd.DataFrame:
    def position(column: str, known: list[str]) -> pd.Series:
        places = {name: i for i, name in enumerate(known)}
        return table[column].map(lambda v: (places.get(v, len(known)), str(v)))

    order = pd.DataFrame(
        {
            "task": position("task", tasks),
            "protocol": position("protocol", ["linear", "knn"]),
            "folds": position("folds", ["random", "blocks"]),
            "other": ~table["is_main"],
            "metric": table["metric"],
            "model": position("model", models),
        }
    )
    return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)


# -------------------------------------------------------------------------------------------------------- readable
@dataclass(frozen=True)
class Cell:
    """One number as printed (x 100): mean ± sd, the interval, its rank, and whether it may equal the best."""

    mean: str
    sd: str
    interval: str
    rank: int
    is_tied: bool


def cells(table: pd.DataFrame) -> tuple[list[tuple[str, str, str, str]], dict[str, dict[tuple, Cell]]]:
    """The main metrics as columns (task, protocol, folds, metric) and, a model, its cell of each column."""
    main = table[table["is_main"]]
    columns = list(dict.fromkeys(main[KEYS].itertuples(index=False, name=None)))
    rows: dict[str, dict[tuple, Cell]] = {}
    for r in main.itertuples(index=False):
        key = (r.task, r.protocol, r.folds, r.metric)
        interval = "" if np.isnan(r.low) else f"[{_number(r.low)}, {_number(r.high)}]"
        sd = "" if np.isnan(r.sd) else _number(r.sd)
        rows.setdefault(r.model, {})[key] = Cell(_number(r.mean), sd, interval, r.rank, bool(r.p_best >= 0.05))
    return columns, rows


def _number(value: float) -> str:
    """A fraction x 100 with one decimal and a true minus sign; never -0.0."""
    text = f"{100 * value:.1f}"
    return ("0.0" if text == "-0.0" else text).replace("-", "−")


def legend(table: pd.DataFrame) -> str:
    """What the cells mean, as one sentence each; says when the images are simulated."""
    folds = sorted(set(table.loc[table["is_main"], "n"]))
    count = f"{folds[0]}" if len(folds) == 1 else f"{folds[0]}–{folds[-1]}"
    text = (
        f"Metrics × 100: mean ± standard deviation over {count} folds, and in brackets the 95 % confidence interval of "
        "the mean (corrected resampled t). Bold: best; underlined: second best; †: not distinguishable from the best "
        "at 5 % (paired test over the same folds, not corrected for several models). Folds: random, or whole spatial "
        "blocks."
    )
    return ("Simulated images (miniature Earth). " if table["simulated"].any() else "") + text


def write_results(table: pd.DataFrame, outputs: Outputs) -> None:
    """Write the table as CSV (everything, fractions) and its main metrics as Markdown, LaTeX (booktabs) and HTML."""
    with atomic_path(outputs.csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    write_text(outputs.md, to_markdown(table))
    write_text(outputs.tex, to_latex(table))
    write_text(outputs.html, to_html(table))


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def to_markdown(table: pd.DataFrame) -> str:
    """GitHub's Markdown, one column a task x protocol x kind of folds."""
    columns, rows = cells(table)
    head = [f"{_title(t)}, {_title(p)}, {_title(f)} ({_title(m)})" for t, p, f, m in columns]
    lines = ["| model | " + " | ".join(head) + " |", "|---" * (len(columns) + 1) + "|"]
    for model, row in rows.items():
        lines.append(f"| {model} | " + " | ".join(_markdown(row.get(c)) for c in columns) + " |")
    return "\n".join([*lines, "", legend(table), ""])


def _markdown(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    text = f"{cell.mean} ± {cell.sd}" if cell.sd else cell.mean
    text = f"**{text}**" if cell.rank == 1 else f"<u>{text}</u>" if cell.rank == 2 else text
    return f"{text}{'†' if cell.is_tied else ''} {cell.interval}".rstrip()


def to_latex(table: pd.DataFrame) -> str:
    r"""A `tabular` with booktabs rules and \multicolumn heads, to be \input into a paper."""
    columns, rows = cells(table)
    heads = []
    for level in range(3):
        spans = _spans(columns, level)
        titles = [_title(c[level]) + (f" ({_title(c[3])})" if level == 0 else "") for _, c in spans]
        heads.append(
            " & ".join(
                ["", *(rf"\multicolumn{{{n}}}{{c}}{{{latex(t)}}}" for (n, _), t in zip(spans, titles, strict=True))]
            )
            + r" \\"
        )
    body = [" & ".join([latex(m), *(_latex(row.get(c)) for c in columns)]) + r" \\" for m, row in rows.items()]
    lines = [
        "% " + legend(table),
        rf"\begin{{tabular}}{{l{'c' * len(columns)}}}",
        r"\toprule",
        *heads,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
    return "\n".join(lines)


def _latex(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    text = rf"{cell.mean} $\pm$ {cell.sd}" if cell.sd else cell.mean
    text = rf"\textbf{{{text}}}" if cell.rank == 1 else rf"\underline{{{text}}}" if cell.rank == 2 else text
    tied = r"$^\dagger$" if cell.is_tied else ""
    return f"{text}{tied} {cell.interval}".replace("−", "$-$").rstrip()


def to_html(table: pd.DataFrame) -> str:
    """A `<table class="results">` fragment with a three-storey head; the report carries its style."""
    columns, rows = cells(table)
    heads = []
    for level in range(3):
        ths = []
        for n, c in _spans(columns, level):
            extra = f" <small>{html.escape(_title(c[3]))}</small>" if level == 0 else ""
            ths.append(f'<th colspan="{n}" scope="colgroup">{html.escape(_title(c[level]))}{extra}</th>')
        corner = '<th rowspan="3" scope="col">model</th>' if level == 0 else ""
        heads.append(f"<tr>{corner}{''.join(ths)}</tr>")
    body = []
    for model, row in rows.items():
        tds = "".join(f"<td>{_html(row.get(c))}</td>" for c in columns)
        body.append(f'<tr><th scope="row">{html.escape(model)}</th>{tds}</tr>')
    return "\n".join(
        [
            '<table class="results">',
            "<thead>",
            *heads,
            "</thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
            f'<p class="legend">{html.escape(legend(table))}</p>',
            "",
        ]
    )


def _html(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    text = f"{cell.mean} ± {cell.sd}" if cell.sd else cell.mean
    text = f"<strong>{text}</strong>" if cell.rank == 1 else f"<u>{text}</u>" if cell.rank == 2 else text
    text += "<sup>†</sup>" if cell.is_tied else ""
    return text + (f'<span class="interval">{cell.interval}</span>' if cell.interval else "")


def _spans(columns: list[tuple], level: int) -> list[tuple[int, tuple]]:
    """Runs of columns that share the first ``level`` + 1 heads: how many, and the first of them."""
    runs: list[tuple[int, tuple]] = []
    for column in columns:
        if runs and runs[-1][1][: level + 1] == column[: level + 1]:
            runs[-1] = (runs[-1][0] + 1, runs[-1][1])
        else:
            runs.append((1, column))
    return runs
